/** What a record that somebody edited or half restored does: it is named, and keeps no other from being worked on. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { B1, begin, MINUTE, ORDER, park, wait } from './sagas.ts';

let server: RedisServer;
/** A plain client beside the store, to meddle. */
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

it('damage is named, and never skipped in silence', async () => {
  for (const [field, text] of [
    ['summary', '{'],
    ['status', 'LOST'],
    ['revision', 'x'],
    ['owner', 'x'],
  ] as const) {
    const { id } = await begin(store);
    await redis.hset(sagaKey(id), field, text);
    const unreadable = expect.stringContaining(`${field}: `);
    expect(await store.get(id)).toMatchObject({ id, unreadable });
    expect((await store.list({}, null, 10)).sagas[0]).toMatchObject({ id, unreadable });
  }
  const { id } = await begin(store);
  await redis.lset(`{p${id.slice(0, 2)}}:log:${id}`, 0, '{"at":1}');
  expect(await store.log(id)).toMatchObject([
    { seq: 1, event: 'unreadable', error: expect.stringContaining('at') },
  ]);
});

it('damage of one record keeps no other from being claimed, and is named', async () => {
  const [bad, good] = [await begin(store, { next: wait(0) }), await begin(store, { next: wait(0) })];
  await redis.hdel(sagaKey(bad.id), 'summary');
  const claimed = await store.claim([bad.id, good.id], B1, MINUTE, 'claim', 'now');
  expect(claimed.map(({ record }) => [record.id, record.unreadable])).toEqual([
    [bad.id, expect.stringContaining('summary: ')],
    [good.id, null],
  ]);
});

it('damage to the due index is mended by the claim that meets it', async () => {
  const parked = await begin(store, { next: park });
  const lost = await begin(store, { next: wait(0) });
  await redis.zadd(`{p${parked.id.slice(0, 2)}}:due:order@1`, 1, parked.id);
  await redis.del(sagaKey(lost.id));
  offsetMs = MINUTE;
  const due = await store.due([ORDER], 10);
  expect(due.sort()).toEqual([parked.id, lost.id].sort());
  expect(await store.claim(due, B1, MINUTE, 'claim', 'now')).toEqual([]);
  expect(await store.due([ORDER], 10)).toEqual([]);
});
