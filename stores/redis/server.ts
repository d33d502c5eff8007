/** What a server says that it is, in its INFO. What it says of its Redis version is of the one that it is compatible with. */
export interface ServerInfo {
  /** `Redis`, `Valkey`, `KeyDB`. */
  readonly name: string;
  /** Its own; empty where it says none. */
  readonly version: string;
  readonly mode: string;
  readonly role: string;
  readonly aof: boolean;
  readonly policy: string;
  readonly replicas: number;
}

/** @param text of INFO, all of it */
export function serverIn(text: string): ServerInfo {
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? '';
  const named = field('server_name');
  // KeyDB names itself nowhere, and alone says how many threads serve.
  const name = named === '' ? (field('server_threads') === '' ? 'Redis' : 'KeyDB') : capital(named);
  return {
    name,
    version: (named !== '' && field(`${named}_version`)) || field('redis_version'),
    mode: field('server_mode') || field('redis_mode'),
    role: field('role'),
    aof: field('aof_enabled') === '1',
    policy: field('maxmemory_policy'),
    replicas: Number(field('connected_slaves') || 0),
  };
}

/** As in `Valkey 9.1.2`. */
export function inWords({ name, version }: ServerInfo): string {
  return version === '' ? name : `${name} ${version}`;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
