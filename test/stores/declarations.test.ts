/** What is declared, in a Redis where much is parked, or where somebody has edited what was said. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { A1, B1, begin, idIn, MINUTE, ORDER, ORDER_2, park } from './sagas.ts';

const CHANGED = { ...ORDER, structure: 'changed' };
const PAGE = 500;

let server: RedisServer;
/** A plain client beside the store, to look and to meddle. */
let redis: Redis;
let store: RedisStore;
let offsetMs = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  offsetMs = 0;
  await redis.flushall();
  store = await RedisStore.open({ redis: connect(server.url), clockOffsetMs: () => offsetMs });
  return () => store.close();
});

/** Members that lead to no saga, before or behind all that are some. */
const nobody = (count: number, begins: string) =>
  redis.zadd(
    '{p03}:status:ABORTED',
    ...Array.from({ length: count }, (_, n) => ['0', `${begins}${String(n).padStart(4, '0')}`]).flat(),
  );
const calls = async (command: string) =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await redis.info('commandstats'))?.[1] ?? 0);
const pages = () => calls('zrangebylex');

it.each([PAGE - 1, PAGE, PAGE + 1])('are asked of each parked saga, also behind %i others', async (count) => {
  await store.declare([ORDER], A1, MINUTE);
  await begin(store, { id: idIn(store, 3), next: park });
  await nobody(count, '0');
  offsetMs = 2 * MINUTE;
  expect(await store.declare([CHANGED], B1, MINUTE)).toEqual([
    { machine: CHANGED, declared: ORDER.structure, liveAt: [] },
  ]);
});

it('are asked of parked sagas page by page, each once', async () => {
  await store.declare([ORDER], A1, MINUTE);
  await nobody(2 * PAGE + 1, '0');
  offsetMs = 2 * MINUTE;
  await redis.config('RESETSTAT');
  expect(await store.declare([CHANGED], B1, MINUTE)).toEqual([]);
  // One for each partition, and two more where the first and the second are full: the third is not, and so the last.
  expect(await pages()).toBe(16 + 2);
});

it('cost no look at what is parked where sagas of the version go on, or somebody runs it', async () => {
  await store.declare([ORDER], A1, MINUTE);
  await redis.config('RESETSTAT');
  expect(await store.declare([CHANGED], B1, MINUTE)).toMatchObject([{ liveAt: [A1.name] }]);
  expect(await calls('evalsha')).toBe(1);
  await begin(store);
  offsetMs = 2 * MINUTE;
  expect(await store.declare([CHANGED], B1, MINUTE)).toMatchObject([{ liveAt: [] }]);
  expect(await pages()).toBe(0);
});

it('name whoever runs the version in order, and each once', async () => {
  for (const [name, boot] of [
    ['c', 1],
    ['a b', 1],
    ['c', 2],
    ['b', 1],
  ] as const)
    await redis.zadd('{boots}:live', String(store.now() + MINUTE), `order@1 ${boot} ${name}`);
  await redis.hset('{boots}:structures', 'order@1', 'abc');
  expect(await store.declare([ORDER_2, CHANGED], A1, MINUTE)).toEqual([
    { machine: CHANGED, declared: 'abc', liveAt: ['a b', 'b', 'c'] },
  ]);
});

it('stand though somebody else has edited the structure, for who has said it before', async () => {
  await store.declare([ORDER], A1, MINUTE);
  await store.declare([ORDER], B1, MINUTE);
  await redis.hset('{boots}:structures', 'order@1', 'edited');
  expect(await store.declare([ORDER], B1, MINUTE)).toEqual([]);
  expect(await redis.hget('{boots}:structures', 'order@1')).toBe(ORDER.structure);
  // What was said before, and was refused since, is not what is said now.
  await redis.hset('{boots}:structures', 'order@1', 'edited');
  for (const _ of [1, 2])
    expect(await store.declare([CHANGED], B1, MINUTE)).toMatchObject([{ declared: 'edited' }]);
});

it('that have ended tell of versions whose structure was lost, and not of names that are none', async () => {
  await store.declare([ORDER, ORDER_2], A1, MINUTE);
  await redis.hdel('{boots}:structures', 'order@1');
  await redis.zadd('{boots}:versions', '-1', 'none');
  offsetMs = 3 * MINUTE;
  expect(await store.gone(5 * MINUTE)).toEqual([]);
  offsetMs = 10 * MINUTE;
  const gone = await store.gone(5 * MINUTE);
  expect(gone.sort((a, b) => (a.version < b.version ? -1 : 1))).toEqual([
    { ...ORDER, structure: '' },
    ORDER_2,
  ]);
  await redis.del('{boots}:structures');
  await redis.set('{boots}:structures', 'no hash');
  expect(await store.gone(5 * MINUTE)).toMatchObject([{ structure: '' }, { structure: '' }]);
  await redis.set('{boots}:versions', 'no index');
  expect(await store.gone(5 * MINUTE)).toEqual([]);
});

it('tell who runs, and nothing of what is none of them', async () => {
  await store.declare([ORDER], A1, MINUTE);
  const later = String(store.now() + MINUTE);
  const none = ['order@1 x a', 'order@1 7', ' 7 a', '7 a', 'order@1 x 7 a'];
  await redis.zadd('{boots}:live', ...none.flatMap((member) => [later, member]));
  await redis.zadd('{boots}:live', later, 'order@1 17 of\ntwo lines', '1', 'order@1 7 gone');
  expect((await store.declared()).map(({ owner }) => owner)).toEqual([
    A1,
    { name: 'of\ntwo lines', boot: 17 },
  ]);
  await redis.set('{boots}:live', 'no index');
  expect(await store.declared()).toEqual([]);
});
