/** Redis's own clock is set while sagas run: back, and none of them stands still for it; forward, and it is believed. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { A1, act, B1, begin, MINUTE, ORDER, record, wait } from '../stores/sagas.ts';

const HOUR = 60 * MINUTE;

let server: RedisServer;
let redis: Redis;
/** What has passed, as everybody knows, and by how much Redis's clock was set, as nobody does. */
let [passedMs, jumpMs] = [0, 0];
const open = () =>
  RedisStore.open({
    redis: connect(server.url),
    clockOffsetMs: () => passedMs,
    clockJumpMs: () => jumpMs,
  });

let a: RedisStore;
let b: RedisStore;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  [passedMs, jumpMs] = [0, 0];
  await redis.flushall();
  [a, b] = [await open(), await open()];
  return async () => {
    await Promise.all([a.close(), b.close()]);
  };
});

/** What each coordinator does about once a second: here it meets the clock, and the next time knows what to make of it. */
async function rounds(...stores: readonly RedisStore[]): Promise<void> {
  for (const store of stores) {
    await store.statistics();
    await store.due([ORDER], 1);
  }
}

const claimed = async (by: RedisStore, owner = B1) =>
  (await by.claim(await by.due([ORDER], 10), owner, MINUTE, `${Math.random()}`, 'now')).map(
    ({ record: { id } }) => id,
  );

it('set back by an hour, it stops no wait and no takeover, at any coordinator', async () => {
  const waiting = await begin(a, { next: wait(1) });
  const held = await begin(a, { next: act(5), owner: A1 });
  const before = a.now();
  jumpMs = -HOUR;
  await rounds(a, b);
  expect(await claimed(b)).toEqual([]);
  passedMs = 2 * MINUTE;
  expect(await claimed(b)).toEqual([waiting.id]);
  passedMs = 6 * MINUTE;
  // That one's new lease is over too.
  expect((await claimed(b)).sort()).toEqual([held.id, waiting.id].sort());
  for (const store of [a, b]) {
    // However long this test took: the time went on from where it was, but for a hundredth, and not an hour ahead.
    expect(store.now() - before).toBeGreaterThanOrEqual(5.9 * MINUTE);
    expect(store.now() - before).toBeLessThan(7 * MINUTE);
  }
});

it('what begins after that has times that go on from those before', async () => {
  const { id: first } = await begin(a);
  jumpMs = -HOUR;
  await rounds(a, b);
  const { id: second } = await begin(b, { next: act(10) });
  const [one, two] = [await record(a, first), await record(a, second)];
  expect(two.createdAtMs).toBeGreaterThanOrEqual(one.createdAtMs);
  expect((two.dueAtMs ?? 0) - two.createdAtMs).toBe(10 * MINUTE);
  // Nobody takes over what is owned.
  expect(await claimed(a, { name: 'c', boot: 1 })).toEqual([]);
});

it('each coordinator tells of a jump once', async () => {
  for (const [to, by] of [
    [-HOUR, -HOUR],
    [0, HOUR],
    [HOUR, HOUR],
  ] as const) {
    jumpMs = to;
    await rounds(a, b);
    for (const store of [a, b]) {
      const jumped = store.jumped();
      expect(Math.abs(jumped - by)).toBeLessThan(MINUTE);
      expect(store.jumped()).toBe(0);
    }
    await rounds(a, b);
    expect([a.jumped(), b.jumped()]).toEqual([0, 0]);
  }
});

it('set while nobody ran, whoever starts knows the time that was told last', async () => {
  const { id } = await begin(a, { next: wait(1) });
  const before = a.now();
  await Promise.all([a.close(), b.close()]);
  jumpMs = -HOUR;
  [a, b] = [await open(), await open()];
  expect(a.now()).toBeGreaterThanOrEqual(before - 1_000);
  expect(a.jumped()).toBeLessThan(-HOUR + MINUTE);
  passedMs = 2 * MINUTE;
  expect(await claimed(a)).toEqual([id]);
});

it('Redis was emptied meanwhile: whoever runs still knows', async () => {
  const before = a.now();
  jumpMs = -HOUR;
  await rounds(a);
  await redis.flushall();
  jumpMs = -2 * HOUR;
  await rounds(a, b);
  for (const store of [a, b]) expect(store.now()).toBeGreaterThanOrEqual(before);
  const { id } = await begin(b, { next: wait(1) });
  passedMs = 2 * MINUTE;
  await rounds(a);
  expect(await claimed(a)).toEqual([id]);
});

it('what was added is taken off again, a hundredth of the time that passes', async () => {
  jumpMs = -HOUR;
  await rounds(a, b);
  const before = a.now();
  passedMs = 50 * HOUR;
  const passed = a.now() - before;
  expect(passed / HOUR).toBeCloseTo(49.5, 1);
  passedMs = 200 * HOUR;
  await rounds(a, b);
  // By now the store's clock is Redis's again.
  expect((a.now() - before) / HOUR).toBeCloseTo(199, 1);
});

it('set back by more than a day it is broken: that is told, and nothing is added', async () => {
  jumpMs = -48 * HOUR;
  await rounds(a);
  expect(a.jumped()).toBeLessThan(-47 * HOUR);
  expect(await redis.hget('{boots}:clock', 'shift')).toBeNull();
});

it('asks for the time no oftener than before, but for a tick a start and one each half minute', async () => {
  await redis.config('RESETSTAT');
  for (let n = 0; n < 20; n += 1) await a.due([ORDER], 1);
  const stats = await redis.info('commandstats');
  // Each look at what is due, which brings the time along, and nothing else.
  expect(stats).toMatch(/cmdstat_evalsha:calls=20,/);
  expect(stats).toMatch(/cmdstat_time:calls=20,/);
});
