/**
 * A store that is moved to other partitions: ended after each command and taken up again, it has lost and doubled nothing, and
 * no coordinator starts on a part of it.
 */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { digestOf, partitionOfKey } from '../../stores/partition.ts';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { repartition, undoRepartition } from '../../stores/redis/repartition.ts';
import type { Fence, SagaStore } from '../../stores/saga-store.ts';
import { saga } from '../cli/command.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { actOf } from '../stores/conformance/audits.ts';
import { A1, act, begin, end, idIn, MINUTE, newSaga, ORDER, park, write } from '../stores/sagas.ts';

const PREFIX = 'm';
const ROOT = `{${PREFIX}p00}:meta`;
const BEFORE = 4;
/** Each belongs to another partition by the new number. */
const [KEY, CUT_OFF] = Array.from({ length: 99 }, (_, i) => `key-${i}`).filter(
  (each) => partitionOfKey(each, 48) !== partitionOfKey(each, BEFORE),
) as [string, string];

let server: RedisServer;
let admin: Redis;
let backup: [key: string, value: Buffer][];
const ids: string[] = [];
let before: unknown;

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
  // Of another store: it stays as it is.
  await admin.set('{p00}:key:x', 'other');
  const store = await opened(BEFORE);
  for (const [index, next] of [act(), park, end('COMPLETED')].entries()) {
    const { id, fence } = await begin(store, { id: idIn(store, index % 2), counts: { 'steps.held': 2 } });
    await store.commit(id, fence, write({ next, counts: { done: 1 }, acts: [actOf()] }));
    ids.push(id);
  }
  ids.push((await begin(store, { id: store.newId(KEY), idempotency: { key: KEY, digest: 'd' } })).id);
  // What a create leaves that was cut off before its record.
  const id = store.newId(CUT_OFF);
  await admin.set(`{${PREFIX}p${id.slice(0, 2)}}:key:${digestOf(CUT_OFF)}`, `${id} d`);
  before = await seen(store);
  await store.close();
  const keys = await admin.keys('*');
  backup = await Promise.all(
    keys.map(async (key) => [key, (await admin.dumpBuffer(key)) as Buffer] as [string, Buffer]),
  );
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});
beforeEach(restored);

async function restored(): Promise<void> {
  await admin.flushall();
  await Promise.all(backup.map(([key, value]) => admin.restore(key, 0, value)));
}

const opened = (partitions?: number) =>
  RedisStore.open({ redis: connect(server.url), prefix: PREFIX, partitions });

/** All that can be seen of the store, but for the number of its partitions. */
async function seen(store: SagaStore) {
  const { statuses, inFlight, counters, damage } = await store.statistics();
  return {
    sagas: await Promise.all(ids.map(async (id) => [await store.get(id), await store.log(id)])),
    listed: (await store.list({}, null, 100)).sagas.map(({ id }) => id),
    running: [...(await store.running([ORDER], null, 100)).ids].sort(),
    statistics: { statuses, inFlight, counters, damage },
    audit: (await store.audit.list({}, null, 100)).entries,
  };
}

async function seenIn(partitions?: number) {
  const store = await opened(partitions);
  try {
    return await seen(store);
  } finally {
    await store.close();
  }
}

async function moved(move = repartition) {
  const redis = connect(server.url);
  try {
    return await move({ redis, prefix: PREFIX });
  } finally {
    redis.disconnect();
  }
}

const keysIn = async (pattern: string) => (await admin.keys(pattern)).filter((key) => key !== ROOT);
const OLD = `{${PREFIX}p*`;
const NEW = `${PREFIX}{p*`;

/** A client that is gone after so many writes. Of the marks of partitions, of which one is like the other, few count. */
function dying(after: number) {
  const redis = connect(server.url) as Redis;
  const counted = { sent: 0, marks: 0 };
  const reads = ['hgetall', 'time', 'zrangebyscore', 'scan', 'exists', 'dumpBuffer'] as const;
  const writes = ['eval', 'restore', 'hsetnx', 'unlink', 'hdel'] as const;
  const wrap = (name: (typeof reads | typeof writes)[number], dies: (key: unknown) => boolean) => {
    const call = (redis[name] as (...args: unknown[]) => Promise<unknown>).bind(redis);
    const wrapped = (...args: unknown[]) =>
      dies(args[0]) ? Promise.reject(new Error('killed')) : call(...args);
    Object.assign(redis, { [name]: wrapped });
  };
  for (const name of reads) wrap(name, () => counted.sent > after);
  for (const name of writes) {
    wrap(name, (key) => {
      const isMark = String(key).endsWith(':meta') && key !== ROOT;
      if (isMark) counted.marks += 1;
      if (!isMark || counted.marks % 40 === 0) counted.sent += 1;
      return counted.sent > after;
    });
  }
  return { redis, counted };
}

it('loses and doubles nothing wherever it is ended, and lets nobody use a part of it', async () => {
  const whole = dying(Number.POSITIVE_INFINITY);
  const { copied, removed } = await repartition({ redis: whole.redis, prefix: PREFIX });
  whole.redis.disconnect();
  expect(copied).toBe(backup.length - BEFORE - 2);
  // The marks of the old partitions go too, but for the one that decides.
  expect(removed).toBe(copied + BEFORE - 1);
  expect(await seenIn(48)).toEqual(before);

  const found = new Set<string>();
  for (let after = 0; after < whole.counted.sent; after += 1) {
    await restored();
    const { redis } = dying(after);
    await expect(repartition({ redis, prefix: PREFIX })).rejects.toThrow('killed');
    redis.disconnect();
    const layout = await admin.hget(ROOT, 'partitions');
    const meanwhile = await seenIn().catch((error: Error) => error);
    if (layout === `${BEFORE} to 48 spread`) {
      expect(meanwhile, `after ${after}`).toMatchObject({ name: 'StoreRefusedError' });
    } else expect(meanwhile, `after ${after}`).toEqual(before);
    found.add(String(layout));

    await moved();
    expect(await seenIn(48), `after ${after}`).toEqual(before);
    expect(await keysIn(OLD), `after ${after}`).toEqual([]);
  }
  expect([...found]).toEqual([`${BEFORE}`, `${BEFORE} to 48 spread`, `48 spread, ${BEFORE} before`]);
  expect(await admin.get('{p00}:key:x')).toBe('other');
  // Once more changes nothing.
  expect(await moved()).toEqual({ partitions: 48, copied: 0, removed: 0 });
});

it('joins what was begun under an idempotency key before, and carries all on', async () => {
  await moved();
  const store = await opened();
  const id = ids.at(-1);
  const again = (digest: string, key = KEY) => {
    return store.create(newSaga(store, { id: store.newId(key), idempotency: { key, digest } }));
  };
  expect(await again('d')).toEqual({ kind: 'exists', id });
  expect(await again('other')).toEqual({ kind: 'key-reused', id });
  expect(await store.known({ key: KEY, digest: 'd' })).toEqual({ kind: 'exists', id });
  expect(await store.known({ key: KEY, digest: 'other' })).toEqual({ kind: 'key-reused', id });
  expect(await store.known({ key: CUT_OFF, digest: 'other' })).toBeNull();
  // This one leads to nothing.
  expect(await again('other', CUT_OFF)).toMatchObject({ kind: 'created' });
  expect(await again('other', CUT_OFF)).toMatchObject({ kind: 'exists' });
  // Where Redis forgets a saga of then, whoever has it in hand stores it anew, under its id and key.
  const record = await store.get(id as string);
  const fence = record?.fence as Fence;
  await admin.del(...(await admin.keys(`*:saga:${id}`)), ...(await admin.keys(`*:key:${digestOf(KEY)}`)));
  const anew = newSaga(store, { id: id as string, idempotency: { key: KEY, digest: 'd' } });
  expect(await store.create(anew)).toMatchObject({ kind: 'created' });
  expect(await again('d')).toEqual({ kind: 'exists', id });
  expect(
    await store.commit(id as string, { ...fence, writeId: anew.writeId }, write({ next: end() })),
  ).toMatchObject({
    kind: 'committed',
  });
  await store.close();
});

it('begins nothing while a coordinator runs, and is taken back as long as it has not ended', async () => {
  const store = await opened();
  expect(await store.declare([ORDER], A1, MINUTE)).toEqual([]);
  await expect(moved()).rejects.toThrow(/Coordinators use this store: a:9000/);
  expect(await seen(store)).toEqual(before);
  expect(await store.declare([ORDER], A1, MINUTE)).toEqual([]);
  await store.declare([], A1, 0);
  await store.close();
  await expect(moved(undoRepartition)).rejects.toThrow(/only a move that has not ended/);

  const { redis } = dying(10);
  await expect(repartition({ redis, prefix: PREFIX })).rejects.toThrow('killed');
  redis.disconnect();
  expect((await keysIn(NEW)).length).toBeGreaterThan(0);
  expect(await moved(undoRepartition)).toMatchObject({ partitions: BEFORE });
  expect(await keysIn(NEW)).toEqual([]);
  expect(await seenIn(BEFORE)).toEqual(before);
});

it('is a command, which says what it did and what keeps it from it', async () => {
  const env = { REDIS_URL: server.url, REDIS_PREFIX: PREFIX };
  const done = await saga(['store', 'repartition', '--json'], { env });
  expect(done.code).toBe(0);
  expect(JSON.parse(done.out)).toMatchObject({ partitions: 48 });
  expect(await seenIn()).toEqual(before);
  const undo = await saga(['store', 'repartition', '--undo'], { env });
  expect([undo.code, undo.err]).toEqual([4, expect.stringMatching(/only a move that has not ended/)]);
  expect((await saga(['store', 'repartition'], { env: { ...env, REDIS_PREFIX: 'none' } })).code).toBe(4);
  expect((await saga(['store', 'repartition'])).code).toBe(2);
  expect((await saga(['store', 'elsewhere'], { env })).code).toBe(2);
  expect((await saga(['store', 'repartition'], { env: { REDIS_URL: 'redis://127.0.0.1:1' } })).code).toBe(3);
});
