/** What is asked of all partitions at once, where one has more than another, or holds what it should not. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { encodeWrite } from '../../stores/redis/record.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { BadCursorError } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { act, begin, end, idIn, MINUTE, newSaga, ORDER, ORDER_2, wait, write } from './sagas.ts';

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

const sagaKey = (id: string) => `{p${id.slice(0, 2)}}:saga:${id}`;
const minutes = async (...machines: (typeof ORDER)[]) => {
  const { overdueMs, oldestMs } = await store.backlog(machines);
  return [overdueMs, oldestMs].map((ms) => Math.round(ms / MINUTE));
};

it('the oldest of all is told of, whichever partition has it, and what has waited longest', async () => {
  await begin(store, { id: idIn(store, 5), next: wait(1), machine: ORDER_2 });
  offsetMs = 5 * MINUTE;
  await begin(store, { id: idIn(store, 2), next: wait(2) });
  offsetMs = 8 * MINUTE;
  await begin(store, { id: idIn(store, 9), next: wait(1) });
  expect(await minutes(ORDER)).toEqual([1, 8]);
  expect(await minutes(ORDER, ORDER_2)).toEqual([7, 8]);
  // What is no time is no wait.
  await redis.zadd('{p02}:due:order@1', '-inf', idIn(store, 2));
  expect((await minutes(ORDER, ORDER_2))[0]).toBe(7);
});

it('when the first is due is known from the look before, of the machines that were asked for', async () => {
  const inMinutes = (...machines: (typeof ORDER)[]) => store.dueInMs(machines) / MINUTE;
  const look = () => store.due([ORDER], 10);
  expect(inMinutes(ORDER)).toBe(0);
  await look();
  expect(inMinutes(ORDER)).toBe(Number.POSITIVE_INFINITY);
  expect(inMinutes(ORDER, ORDER_2)).toBe(0);
  await begin(store, { id: idIn(store, 5), next: wait(7) });
  const { id } = await begin(store, { id: idIn(store, 2), next: wait(3) });
  // What was written since is not known before the next look.
  expect(inMinutes(ORDER)).toBe(Number.POSITIVE_INFINITY);
  await look();
  expect(inMinutes(ORDER)).toBeGreaterThan(2);
  expect(inMinutes(ORDER)).toBeLessThanOrEqual(3);
  offsetMs = 3 * MINUTE;
  expect(await look()).toEqual([id]);
  expect(inMinutes(ORDER)).toBe(0);
  // Where anything was due the next look is at all indexes at once, and tells of none when its first is due.
  await redis.zrem('{p02}:due:order@1', id);
  await look();
  expect(inMinutes(ORDER)).toBe(0);
  await look();
  expect(inMinutes(ORDER)).toBeGreaterThan(3);
  // Of what is no index, or has no time, nothing is known.
  await redis.zadd('{p05}:due:order@1', '-inf', idIn(store, 5));
  await look();
  expect(inMinutes(ORDER)).toBe(0);
  await redis.set('{p09}:due:order@1', 'no index');
  await redis.del('{p05}:due:order@1');
  await look();
  await look();
  expect(inMinutes(ORDER)).toBe(0);
});

it('what stands in the index of those that run and is no saga of the partition is no oldest', async () => {
  await begin(store, { id: idIn(store, 5) });
  const none = ['0', '05', '05.', '06-'];
  for (const member of none) await redis.zadd('{p05}:status:STARTED', '0', member);
  offsetMs = 3 * MINUTE;
  expect(await minutes(ORDER)).toEqual([0, 3]);
  const { ids, cursor } = await store.running([ORDER], null, 10);
  expect([ids.map((id) => id.slice(0, 2)), cursor]).toEqual([['05'], null]);
  // Nor is one that has no record: whoever meets it takes it out.
  await redis.del(sagaKey(ids[0] ?? ''));
  expect(await minutes(ORDER)).toEqual([0, 0]);
});

it('those that run are told page by page, partition after partition', async () => {
  const made: string[] = [];
  for (const partition of [0, 0, 3, 3, 3, 15])
    made.push((await begin(store, { id: idIn(store, partition), next: act() })).id);
  const all = [...made].sort();
  for (const limit of [1, 2, 3, 5, 6]) {
    const pages: (readonly string[])[] = [];
    for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
      const page = await store.running([ORDER], cursor, limit);
      pages.push(page.ids);
      ({ cursor } = page);
    }
    expect(pages.flat()).toEqual(all);
    expect(pages.length).toBe(Math.ceil(all.length / limit));
  }
  await expect(store.running([ORDER], 'x', 1)).rejects.toThrow(BadCursorError);
  await expect(store.running([ORDER], '10-x', 1)).rejects.toThrow(
    'The cursor is not one that running() gave',
  );
});

it('the status of what is damaged is that of what needs a person, and of what is not there none', async () => {
  const [ended, without, other] = [
    await begin(store, { next: end('FAILED') }),
    await begin(store),
    await begin(store),
  ];
  await redis.hdel(sagaKey(without.id), 'status');
  await redis.set(sagaKey(other.id), 'no hash');
  const ids = [ended.id, without.id, other.id, store.newId(null), 'x'];
  expect(await store.statuses(ids)).toEqual(['FAILED', 'ABORTED', 'ABORTED', null, null]);
});

it('what cannot be read of a saga is said in words', async () => {
  const { id } = await begin(store);
  const log = `{p${id.slice(0, 2)}}:log:${id}`;
  await redis.set(log, 'no list');
  expect(await store.log(id)).toMatchObject([
    { seq: 1, event: 'unreadable', to: '', error: 'the key of the log is no list' },
  ]);
  await redis.set(sagaKey(id), 'no hash');
  const record = await store.get(id);
  expect(record?.unreadable).toMatch(/^its key is no hash; machine: it is missing; /);
  expect([await store.get('x'), await store.log('x'), await store.get(store.newId(null))]).toEqual([
    null,
    [],
    null,
  ]);
});

it('a saga that rests is told of whole, and one that was written since costs no look at its log', async () => {
  const snapshot = JSON.stringify({ known: 'x'.repeat(500) });
  const { id } = await begin(store, { snapshot, trace: '00-t', next: end('COMPLETED', 60) });
  const before = await store.get(id);
  offsetMs = 20 * MINUTE;
  await store.compact(10, 10 * MINUTE, 60 * MINUTE);
  expect(await redis.hexists(sagaKey(id), 'snapshot')).toBe(0);
  expect(await store.get(id)).toEqual(before);
  await redis.hset(sagaKey(id), { snapshot: 'newer', summary: encodeWrite('order@1', write())[2] ?? '' });
  await redis.config('RESETSTAT');
  expect(await store.get(id)).toMatchObject({ snapshot: 'newer', trace: null });
  expect(await redis.info('commandstats')).not.toContain('cmdstat_lrange');
});

it('the index that is damaged is named, each of them, and a hundred at most', async () => {
  const names = ['sagas', 'ended', 'parked', 'counters'];
  const statuses = ['STARTED', 'COMPLETED', 'FAILED', 'ABORTED'].map((status) => `status:${status}`);
  for (const name of [...names, ...statuses]) await redis.set(`{p03}:${name}`, 'x');
  const said = (all: string[]) =>
    all.map((name) => `{p03}:${name} is no ${name === 'counters' ? 'hash' : 'sorted set'}`).sort();
  expect([...(await store.statistics()).damage].sort()).toEqual(said([...names, ...statuses]));
  expect([...(await store.tally()).damage].sort()).toEqual(said(['counters', 'status:STARTED']));
  const tags = Array.from({ length: 16 }, (_, n) => `{p${n.toString(16).padStart(2, '0')}}`);
  await redis.mset(
    ...tags.flatMap((tag) => [...names, ...statuses].flatMap((name) => [`${tag}:${name}`, 'x'])),
  );
  expect((await store.statistics()).damage).toHaveLength(100);
  await redis.flushall();
  await redis.hset(
    '{p03}:counters',
    Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`order|${n}`, 'x'])),
  );
  expect((await store.tally()).damage).toHaveLength(100);
});

it('a record has no field for what its saga has not', async () => {
  const plain = newSaga(store, { terms: [], trace: '' });
  await store.create(plain);
  const whole = newSaga(store, {
    trace: '00-t',
    idempotency: { key: 'k', digest: 'd' },
    counts: { 'a.held': 1, n: 2 },
  });
  await store.create(whole);
  const plainFields = await redis.hkeys(sagaKey(plain.id));
  const added = (await redis.hkeys(sagaKey(whole.id))).filter((name) => !plainFields.includes(name));
  expect(added.sort()).toEqual(['find', 'held:order|a.held', 'key', 'trace']);
  expect(plainFields.filter((name) => ['find', 'key', 'trace'].includes(name))).toEqual([]);
});
