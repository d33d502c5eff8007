/** What is made of a server by what it says of itself. Servers are played here: few of them are on one machine. */
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { durabilityOf, replicaWait } from '../../stores/redis/durability.ts';
import { inWords, serverIn } from '../../stores/redis/server.ts';

const REDIS = (version: string) => `redis_version:${version}\r\nredis_mode:standalone\r\n`;
const VALKEY = (version: string, mode = 'standalone') =>
  `redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:${version}\r\nserver_mode:${mode}\r\n`;
const KEYDB = 'redis_version:6.3.4\r\nredis_mode:standalone\r\nserver_threads:2\r\n';
const MASTER = 'role:master\r\nconnected_slaves:1\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n';

interface Played {
  readonly info: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly waitaof?: unknown;
}

function played({ info, config = {}, waitaof = [1, 0] }: Played): Redis {
  const client = {
    options: { commandTimeout: 5_000 },
    info: async () => info,
    config: async (_: string, name: string) => {
      if (config.forbidden) throw new Error('NOPERM');
      return name in config ? [name, config[name]] : [];
    },
    call: async (command: string) => {
      if (command !== 'WAITAOF') return 0;
      if (waitaof instanceof Error) throw waitaof;
      return waitaof;
    },
  };
  return client as unknown as Redis;
}

it.each([
  ['Redis 7.0.15', REDIS('7.0.15')],
  ['Valkey 9.1.2', VALKEY('9.1.2')],
  ['KeyDB 6.3.4', KEYDB],
  ['Redis', ''],
])('%s is called so', (words, info) => {
  expect(inWords(serverIn(info))).toBe(words);
});

describe('a server', () => {
  const durability = (info: string, config = {}) => durabilityOf(played({ info, config }));

  it('is named with what it keeps', async () => {
    expect(await durability(VALKEY('8.1.1') + MASTER, { appendfsync: 'everysec' })).toEqual({
      durability: 'AOF, fsync everysec, 1 replica (Valkey 8.1.1)',
      survivesRestart: true,
    });
  });

  it.each([
    ['redis_mode:sentinel\r\n', 'of Redis'],
    [VALKEY('9.1.2', 'sentinel'), 'of Valkey'],
  ])('that is a Sentinel %s is no store', async (info) => {
    await expect(durability(info)).rejects.toThrow(/This is a Sentinel.*redis\+sentinel/);
  });

  it('that is a replica for now may be one no more in a while', async () => {
    await expect(durability(REDIS('7.0.15') + MASTER.replace('master', 'slave'))).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      message: expect.stringMatching(/is a replica for now/),
    });
  });

  it('on which two masters take writes of one saga is refused', async () => {
    const refused = { name: 'StoreRefusedError', message: expect.stringMatching(/active replica/) };
    await expect(durability(KEYDB + MASTER.replace('master', 'active-replica'))).rejects.toMatchObject(
      refused,
    );
    // It says so of itself only when it has found the other.
    await expect(durability(KEYDB + MASTER, { 'active-replica': 'yes' })).rejects.toMatchObject(refused);
    expect((await durability(KEYDB + MASTER, { 'active-replica': 'no' })).survivesRestart).toBe(true);
  });
});

describe('waiting for fsync', () => {
  const waiting = (server: Played, timeoutMs = 2_000) =>
    replicaWait(played(server), 'key', { count: 0, timeoutMs, fsync: true });
  const always = { appendfsync: 'always' };
  const everysec = { appendfsync: 'everysec' };

  it.each([
    ['Redis 8 under everysec', { info: REDIS('8.0.2') + MASTER, config: everysec }],
    ['Redis 7.4 under always', { info: REDIS('7.4.1') + MASTER, config: always }],
    ['Valkey under always', { info: VALKEY('9.1.2') + MASTER, config: always }],
  ])('%s is believed', async (_, server) => {
    expect((await waiting(server)).words).toBe(', each write waits up to 2000 ms for fsync (WAITAOF)');
  });

  it.each<[string, Played, RegExp]>([
    [
      'Redis 7.4 under everysec',
      { info: REDIS('7.4.1') + MASTER, config: everysec },
      /always.*Redis 7\.4\.1/,
    ],
    ['Valkey under everysec', { info: VALKEY('9.1.2') + MASTER, config: everysec }, /always.*Valkey 9\.1\.2/],
    ['Redis 8 that never syncs', { info: REDIS('8.0.2') + MASTER, config: { appendfsync: 'no' } }, /always/],
    ['without an append-only file', { info: REDIS('8.0.2'), config: always }, /appendonly yes/],
    [
      'that does not know WAITAOF',
      { info: REDIS('7.0.15') + MASTER, config: always, waitaof: new Error("ERR unknown command 'WAITAOF'") },
      /needs WAITAOF.*Redis 7\.0\.15/,
    ],
    [
      'that may not be asked',
      { info: VALKEY('9.1.2') + MASTER, config: { forbidden: 'yes' } },
      /CONFIG GET is not allowed/,
    ],
  ])('a server %s is refused with words', async (_, server, words) => {
    await expect(waiting(server)).rejects.toMatchObject({
      name: 'StoreRefusedError',
      message: expect.stringMatching(words),
    });
  });

  it('under everysec needs the time that it takes', async () => {
    const server = { info: REDIS('8.0.2') + MASTER, config: everysec };
    await expect(waiting(server, 1_000)).rejects.toThrow(/REDIS_WAIT_TIMEOUT_MS/);
  });

  it('goes with waiting for replicas', async () => {
    const server = played({ info: REDIS('8.0.2') + MASTER, config: always });
    const { words } = await replicaWait(server, 'key', { count: 2, timeoutMs: 500, fsync: true });
    expect(words).toBe(', each write waits up to 500 ms for 2 replicas and for fsync (WAITAOF)');
  });
});
