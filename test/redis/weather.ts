/** What can be wrong with one Redis server, made to happen to a real one. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { majorVersion, type RedisServer } from '../redis-server.ts';
import { until } from './until.ts';

const run = promisify(execFile);

export interface Weather {
  readonly name: string;
  /** What the store's error says, where it is hit. */
  readonly says: RegExp;
  /** Whether it is sure that what was attempted did not happen. */
  readonly notSent: boolean;
  readonly hits: 'writes' | 'everything';
  /** Makes it happen; what it returns ends it and resolves when the server serves again. */
  begin(server: RedisServer, admin: Redis): Promise<() => Promise<void>>;
}

/** Settings that let each of them happen. */
export async function settings(): Promise<Readonly<Record<string, string>>> {
  return {
    // By the name that it had before 7.0, and still has.
    'lua-time-limit': '20',
    // Before 7.0 DEBUG was allowed to everybody, and events were looked at after two megabytes.
    ...((await majorVersion()) < 7
      ? {}
      : { 'enable-debug-command': 'yes', 'loading-process-events-interval-bytes': '1024' }),
  };
}

/** A plain client, patient and deaf to its connection's errors, that a test uses beside the store. */
export function adminOf(server: Pick<RedisServer, 'port'>): Redis {
  const admin = new Redis(server.port, '127.0.0.1', { maxRetriesPerRequest: null });
  admin.on('error', () => {});
  return admin;
}

const answers = (admin: Redis, text: RegExp) =>
  until(async () => {
    const said = await admin.get('asked').catch((error: Error) => error.message);
    return text.test(said ?? 'nothing');
  });

const serves = (admin: Redis) => answers(admin, /^nothing$/);

export const WEATHER: readonly Weather[] = [
  {
    name: 'busy with a script of somebody else',
    says: /BUSY/,
    notSent: true,
    hits: 'everything',
    async begin(server, admin) {
      const other = adminOf(server);
      await other.ping();
      const endless = other.eval('while true do end', 0).catch((error: Error) => error.message);
      await answers(admin, /^BUSY/);
      return async () => {
        await admin.script('KILL');
        await endless;
        other.disconnect();
        await serves(admin);
      };
    },
  },
  {
    name: 'out of memory',
    says: /OOM/,
    notSent: true,
    hits: 'writes',
    async begin(_, admin) {
      await admin.config('SET', 'maxmemory', '1');
      return async () => {
        await admin.config('SET', 'maxmemory', '0');
      };
    },
  },
  {
    name: 'a replica all at once',
    says: /READONLY/,
    notSent: true,
    hits: 'writes',
    async begin(_, admin) {
      await admin.replicaof('127.0.0.1', '1');
      return async () => {
        await admin.replicaof('NO', 'ONE');
      };
    },
  },
  {
    name: 'short of replicas that it was told to have',
    says: /NOREPLICAS/,
    notSent: true,
    hits: 'writes',
    async begin(_, admin) {
      await admin.config('SET', 'min-replicas-to-write', '1');
      return async () => {
        await admin.config('SET', 'min-replicas-to-write', '0');
      };
    },
  },
  {
    name: 'loading its data',
    says: /LOADING/,
    notSent: true,
    hits: 'everything',
    async begin(server, admin) {
      const other = adminOf(server);
      // A delay for each key; events are looked at after each kilobyte, or two megabytes.
      const bytes = (await majorVersion()) < 7 ? 2_200_000 : 2_000;
      const fill = "for i = 1, 40 do redis.call('SET', 'fill:' .. i, string.rep('x', ARGV[1])) end";
      await other.eval(fill, 0, bytes);
      await other.config('SET', 'rdbcompression', 'no');
      await other.config('SET', 'key-load-delay', '20000');
      const reloaded = other.debug('RELOAD').catch((error: Error) => error.message);
      await answers(admin, /^LOADING/);
      return async () => {
        // Redis 6.2 takes no setting before it has loaded.
        const stop = () => admin.config('SET', 'key-load-delay', '0');
        await stop().catch(() => {});
        await reloaded;
        await stop();
        await other.eval("for i = 1, 40 do redis.call('DEL', 'fill:' .. i) end", 0);
        other.disconnect();
        await serves(admin);
      };
    },
  },
  {
    name: 'on a full disk, fsync everysec',
    says: /MISCONF/,
    notSent: true,
    hits: 'writes',
    async begin(server, admin) {
      await admin.config('SET', 'appendfsync', 'everysec');
      await limitFiles(server, '1');
      // The first write that does not reach the file is still answered; from then on all are refused.
      await until(
        async () => (await admin.set('filled', '').catch((error: Error) => error.message)) !== 'OK',
      );
      return async () => {
        await limitFiles(server, 'unlimited');
        // Redis tries again once a second, and says in INFO when it could write.
        await until(async () => (await admin.info('persistence')).includes('aof_last_write_status:ok'));
        await admin.config('SET', 'appendfsync', 'always');
        await admin.del('filled');
      };
    },
  },
  {
    name: 'frozen',
    says: /timed out|does not answer|max retries/,
    notSent: false,
    hits: 'everything',
    async begin({ pid }, admin) {
      process.kill(pid, 'SIGSTOP');
      return async () => {
        process.kill(pid, 'SIGCONT');
        await serves(admin);
      };
    },
  },
  {
    name: 'gone',
    says: /writeable|connection|max retries/,
    notSent: true,
    hits: 'everything',
    async begin(server, admin) {
      const closed = once(admin, 'close');
      await server.kill();
      await closed;
      return async () => {
        await server.restart();
        await serves(admin);
      };
    },
  },
];

/** The limit of how large any file of the server may get. */
export async function limitFiles({ pid }: RedisServer, bytes: string): Promise<void> {
  // Only the soft limit: the hard one could not be raised again.
  await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
}
