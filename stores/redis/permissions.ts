/**
 * What Redis lets its user do. A user that lacks one command or key would be noticed in the middle of a script; so all of
 * them are asked for before a store is used, and again when one was refused, since Redis 7.0 does not say there which.
 */
import { readFileSync } from 'node:fs';
import { StoreRefusedError, StoreUnavailableError } from '../saga-store.ts';
import type { Client } from './client.ts';
import { mastersOf } from './masters.ts';

const PROBE = readFileSync(new URL('./lua/probe.lua', import.meta.url), 'utf8');

/** As Redis says it, to the user itself or in a script, since 6.2; and of a command that was renamed away. */
const REFUSED =
  /NOPERM|user executing the script can't|has no permissions|nknown Redis command|nknown command/i;
const OF_A_KEY = /access|keys/i;

export function isRefusal(error: Error): boolean {
  return REFUSED.test(error.message) && !/unknown command 'sentinel'/i.test(error.message);
}

export interface Refused {
  readonly commands: readonly string[];
  readonly keys: readonly string[];
}

/** A refusal outside of scripts says of which command it is. */
const NAMED = /the '([\w|]+)' command/;

/**
 * What is refused in one slot.
 * @param keys a hash that is there, a key that never is, then others that must be read and written
 */
async function refusedIn(client: Client, keys: readonly string[]): Promise<Refused> {
  const commands = new Set<string>();
  const foreign = new Set<string>();
  const note = (name: string, said: string) => {
    if (!REFUSED.test(said)) return;
    const isOfKey = OF_A_KEY.test(said);
    if (isOfKey === keys.includes(name)) (isOfKey ? foreign : commands).add(name);
  };
  try {
    const flat = (await client.eval(PROBE, keys.length, ...keys)) as string[];
    for (let i = 0; i < flat.length; i += 2) note(flat[i] ?? '', flat[i + 1] ?? '');
  } catch (error) {
    if (!(error instanceof Error && isRefusal(error))) throw error;
    const [, command] = NAMED.exec(error.message) ?? [];
    if (command !== undefined) commands.add(command);
    // A script is refused as a whole for any of its keys, so they are asked for one by one.
    const asked = keys.flatMap((key) =>
      [client.exists(key), client.zrem(key, '')].map((reply) =>
        reply.catch(({ message }: Error) => note(OF_A_KEY.test(message) ? key : '', message)),
      ),
    );
    await Promise.all(asked);
    commands.delete('');
  }
  return { commands: [...commands], keys: [...foreign] };
}

/** @throws StoreRefusedError that names all that is missing */
export async function assertPermitted(client: Client, slots: readonly (readonly string[])[]): Promise<void> {
  const commands = new Set<string>();
  const keys = new Set<string>();
  const note = (error: Error) => {
    const [, command] = NAMED.exec(error.message) ?? [];
    if (!isRefusal(error)) throw error;
    if (command !== undefined) commands.add(command);
  };
  const asked = slots.map(async (slot) => {
    const refused = await refusedIn(client, slot);
    for (const command of refused.commands) commands.add(command);
    for (const key of refused.keys) keys.add(key);
  });
  await Promise.all([
    ...asked,
    client.evalsha('0'.repeat(40), 1, slots[0]?.[0] ?? '').catch((error: Error) => {
      if (!error.message.startsWith('NOSCRIPT')) note(error);
    }),
    mastersOf(client)
      .then(([server]) => server?.info('server'))
      .catch(note),
  ]);
  if (commands.size + keys.size === 0) return;
  throw new StoreRefusedError(`${words({ commands: [...commands], keys: [...keys] })}. ${HINT}`);
}

/** What is missing by now in some slots, as an outage; `null` where nothing is. */
export async function missingIn(
  client: Client,
  slots: readonly (readonly string[])[],
): Promise<StoreUnavailableError | null> {
  const found = await Promise.all(slots.map((slot) => refusedIn(client, slot)));
  const commands = [...new Set(found.flatMap((refused) => refused.commands))];
  const keys = [...new Set(found.flatMap((refused) => refused.keys))];
  return commands.length + keys.length === 0
    ? null
    : new StoreUnavailableError(words({ commands, keys }), true);
}

const HINT = 'docs/settings.md says what it needs: "The least a Redis user must be allowed".';

function words({ commands, keys }: Refused): string {
  return [
    'Redis does not let its user do all that the store must',
    ...(commands.length > 0 ? [`commands that are missing: ${[...commands].sort().join(', ')}`] : []),
    ...(keys.length > 0 ? [`keys that it may not read and write: ${[...keys].sort().join(', ')}`] : []),
  ].join('; ');
}

/**
 * What a refusal at run time is told as. One of the script itself, which says of which command it is, comes before all that
 * it does; one in the midst of it may have let a part be done.
 */
export async function refusal(client: Client, key: string, error: Error): Promise<StoreUnavailableError> {
  const { message } = error;
  const notSent = message.startsWith('NOPERM') && !message.includes('user_script');
  const tag = key.slice(0, key.indexOf('}') + 1);
  const found = notSent
    ? null
    : await refusedIn(client, [`${tag}:meta`, `${tag}:key:`, key]).catch(() => null);
  const isNamed = found !== null && found.commands.length + found.keys.length > 0;
  const said = `${isNamed ? words(found) : 'Redis refused a command to its user'} (${message})`;
  return new StoreUnavailableError(said, notSent, { cause: error });
}
