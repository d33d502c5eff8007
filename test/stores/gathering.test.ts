import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { begin, newSaga, write } from './sagas.ts';

let server: RedisServer;
let redis: Redis;
let store: RedisStore;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.socketPath);
  store = await RedisStore.open({ redis });
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

/** How often the socket was held back and let go during some work. */
async function holds(work: () => Promise<unknown>): Promise<[corked: number, uncorked: number]> {
  const { stream } = redis as unknown as { stream: { cork(): void; uncork(): void } };
  const [cork, uncork] = [vi.spyOn(stream, 'cork'), vi.spyOn(stream, 'uncork')];
  try {
    await work();
    return [cork.mock.calls.length, uncork.mock.calls.length];
  } finally {
    cork.mockRestore();
    uncork.mockRestore();
  }
}

it('sends the commits of one turn together, and holds the socket for no longer', async () => {
  const sagas = [await begin(store), await begin(store), await begin(store)];
  const commits = () => Promise.all(sagas.map(({ id, fence }) => store.commit(id, fence, write())));
  expect(await holds(commits)).toEqual([1, 1]);
});

it('sends creates of one turn together', async () => {
  const creates = () => Promise.all([store.create(newSaga(store)), store.create(newSaga(store))]);
  expect(await holds(creates)).toEqual([1, 1]);
});

it('sends one that is alone at once', async () => {
  const { id, fence } = await begin(store);
  expect(await holds(() => store.commit(id, fence, write()))).toEqual([0, 0]);
});
