/**
 * What the user of Redis may do. The least that docs/settings.md names is enough for an order; each command of it, taken
 * away, is named when a coordinator starts, and when one runs it costs nothing but time.
 */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { expectAnswer, OPERATIONS, standing } from './operations.ts';
import { until } from './until.ts';

const page = readFileSync('docs/settings.md', 'utf8');
/** As it is typed. */
const [, typed = ''] = /^ACL SETUSER (saga .*)$/m.exec(page.replaceAll('\\\n', '')) ?? [];
const [, ...rules] = typed.split(/\s+/).map((rule) => (rule === '>password' ? '>pw' : rule));
/** Only where a URL has a database, or a setting asks for replicas. */
const OPTIONAL = ['select', 'wait', 'config|get'];
const commands = rules.flatMap((rule) => (/^\+[a-z]/.test(rule) ? [rule.slice(1)] : []));
const needed = commands.filter((command) => !OPTIONAL.includes(command));

let server: RedisServer;
let admin: Redis;
const allow = (...more: string[]) => admin.acl('SETUSER', 'saga', 'reset', ...rules, ...more);
const urlOf = ({ port }: RedisServer) => `redis://saga:pw@127.0.0.1:${port}`;

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});
beforeEach(() => allow());

async function refusal(): Promise<Error> {
  const redis = connect(urlOf(server));
  try {
    await (await RedisStore.open({ redis, partitions: 2 })).close();
    throw new Error('it was opened');
  } catch (error) {
    redis.disconnect();
    return error as Error;
  }
}

describe('a start', () => {
  it('needs what the page names, and leaves no trace of having asked', async () => {
    expect(commands.length).toBeGreaterThan(30);
    await admin.flushall();
    const store = await RedisStore.open({ redis: connect(urlOf(server)), partitions: 2 });
    expect((await admin.keys('*')).sort()).toEqual(['{boots}:clock', '{p00}:meta', '{p01}:meta']);
    expect(Object.keys(await admin.hgetall('{p00}:meta')).sort()).toEqual(['indexed', 'partitions', 'store']);
    await store.boot('a');
    await store.close();
    await (await RedisStore.open({ redis: connect(urlOf(server)), partitions: 2 })).close();
    expect(await admin.hgetall('{boots}')).toEqual({ a: '1' });
  });

  it.each(needed)('without %s is refused, and says so', async (command) => {
    await allow(`-${command}`);
    const error = await refusal();
    expect(error).toMatchObject({ name: 'StoreRefusedError' });
    expect(error.message).toContain(`commands that are missing: ${command}.`);
  });

  it('names all that is missing at once', async () => {
    await allow('-xadd', '-hset', '-evalsha', '-zrangebylex');
    expect((await refusal()).message).toContain('missing: evalsha, hset, xadd, zrangebylex.');
    await allow('resetkeys', '~{p00}*', '~{p01}:[a-d]*', '~{p01}:meta', '~{boots}*');
    expect((await refusal()).message).toMatch(/keys that it may not read and write: \{p01\}:/);
  });
});

describe('while it runs', () => {
  let store: RedisStore;
  beforeAll(async () => {
    await admin.flushall();
    await allow();
    store = await RedisStore.open({ redis: connect(urlOf(server)) });
  });
  afterAll(async () => {
    await allow();
    await store.close();
  });

  const used = needed.filter((command) => !['info', 'ping', 'hsetnx', 'eval'].includes(command));
  it.each(OPERATIONS.filter(({ writes }) => writes))(
    '$name: without any one command it is unavailable or done, and done once when it is given back',
    async (operation) => {
      for (const command of used) {
        const { id, attempt } = await operation.prepare(store);
        const before = await standing(store, id);
        await allow(`-${command}`);
        const error = await attempt(store).then(
          () => null,
          (thrown: Error) => thrown,
        );
        await allow();
        if (error !== null) {
          expect([command, error.name]).toEqual([command, 'StoreUnavailableError']);
          expect(error.message).toMatch(new RegExp(`\\b${command}\\b`));
        }
        expectAnswer(operation, await attempt(store));
        const after = await standing(store, id);
        expect(after.record).toMatchObject({ seq: operation.after.seq });
        expect(after.log).toHaveLength(operation.after.seq);
        expect(after.steps - before.steps).toBe(operation.steps);
        await attempt(store);
        expect(await standing(store, id)).toEqual(after);
      }
    },
  );
});

/** Whatever is left of an order that was cut off is taken up when its lease has ended. */
const SHORT = { ACTION_TIMEOUT_MS: '300', LEASE_MARGIN_MS: '50' };

describe('a coordinator', () => {
  let world: World;
  let url: string;
  let root: Redis;
  beforeAll(async () => {
    world = await openWorld();
    root = new Redis(world.redis.port);
    await root.acl('SETUSER', 'saga', 'reset', ...rules);
    ({ url } = await world.coordinator({ REDIS_URL: urlOf(world.redis), COORDINATOR_ID: 'least', ...SHORT }));
  });
  afterAll(async () => {
    await root.acl('SETUSER', 'saga', 'reset', ...rules);
    root.disconnect();
    await world.close();
  });

  it('runs an order with the least', async () => {
    expect((await submit(url, ORDER)).status).toBe(201);
  });

  it.each(['hset', 'rpush', 'xadd', 'zrem', 'evalsha'])(
    'without %s answers 503, and ends everything when it has it back',
    async (command) => {
      const { body } = await submit(url, ORDER, { prefer: 'respond-async' });
      await root.acl('SETUSER', 'saga', `-${command}`);
      const refused = await submit(url, ORDER, { prefer: 'wait=1' });
      await root.acl('SETUSER', 'saga', 'reset', ...rules);
      expect([201, 202, 503]).toContain(refused.status);
      expect((await settled(url, body.saga_id)).body.status).toBe('COMPLETED');
      if (
        refused.body.saga_id !== undefined &&
        (await send(`${url}/api/coordinator/sagas/${refused.body.saga_id}`)).status === 200
      ) {
        expect((await settled(url, refused.body.saga_id)).body.status).toBe('COMPLETED');
      }
      // The record may be read before the coordinator has repeated what was cut off behind it.
      await until(async () => {
        const { body: listed } = await send(`${url}/api/coordinator/sagas?limit=100`);
        const { body: counted } = await send(`${url}/api/coordinator/statistics`);
        const { STARTED, COMPLETED } = counted.status_breakdown;
        return (
          STARTED === 0 && [COMPLETED, counted.completed_steps / 5].every((n) => n === listed.sagas.length)
        );
      });
    },
  );
});
