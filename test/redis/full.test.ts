/** A Redis that is full: a coordinator starts all the same, and purges what fills it; then everything goes on. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { A1, begin, end, MINUTE, newSaga, ORDER } from '../stores/sagas.ts';
import { expectBooks } from './books.ts';

let server: RedisServer;
let admin: Redis;
let offsetMs = 0;
const open = () => RedisStore.open({ redis: connect(server.url), clockOffsetMs: () => offsetMs });

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

it('is opened, booted and declared to, and emptied by retention, while it refuses every new saga', async () => {
  const before = await open();
  for (let i = 0; i < 40; i += 1) {
    await begin(before, { next: end('COMPLETED', 1), counts: { 'steps.held': 3 } });
  }
  await before.close();
  offsetMs = 2 * MINUTE;
  await admin.config('SET', 'maxmemory', '1');

  const store = await open();
  expect(await store.boot(A1.name)).toBe(1);
  expect(await store.declare([ORDER], A1, MINUTE)).toEqual([]);
  await expect(store.create(newSaga(store))).rejects.toThrow(/it is full, and refuses writes \(.*OOM /);
  expect(await store.purge(100)).toBe(40);
  expect((await store.statistics()).statuses.COMPLETED).toBe(0);
  for (let partition = 0; partition < 16; partition += 1) {
    await expectBooks(admin, String(partition).padStart(2, '0'), { purged: true });
  }

  await admin.config('SET', 'maxmemory', '0');
  expect((await store.create(newSaga(store))).kind).toBe('created');
  await store.close();
});

it('with too few replicas is opened too, and asked, though nothing can be written to it', async () => {
  await (await open()).close();
  await admin.config('SET', 'min-replicas-to-write', '1');
  const store = await open();
  expect((await store.list({}, null, 10)).sagas).toHaveLength(1);
  await expect(store.boot(A1.name)).rejects.toThrow(/fewer replicas than its min-replicas-to-write/);
  await admin.config('SET', 'min-replicas-to-write', '0');
  expect(await store.boot(A1.name)).toBe(2);
  await store.close();
});
