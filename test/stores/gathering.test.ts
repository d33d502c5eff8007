/** Commands that meet an unanswered one leave in one write; one that is alone leaves at once. */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { begin, write } from './sagas.ts';

let server: RedisServer;
let client: Redis;
let store: RedisStore;

beforeAll(async () => {
  server = await startRedis();
  client = connect(server.url) as Redis;
  store = await RedisStore.open({ redis: client });
  // From here on Redis knows the script.
  const { id, fence } = await begin(store);
  await store.commit(id, fence, write());
});
afterAll(async () => {
  await store.close();
  await server.stop();
});

/** How often the socket was written to, and how many commands that carried. */
async function writesDuring(act: () => Promise<unknown>): Promise<{ writes: number; commands: number }> {
  const socket = client.stream as unknown as Record<'_write' | '_writev', (...args: unknown[]) => void>;
  const { _write, _writev } = socket;
  const counted = { writes: 0, commands: 0 };
  socket._write = function (...args) {
    counted.writes += 1;
    counted.commands += 1;
    _write.apply(this, args);
  };
  socket._writev = function (...args) {
    counted.writes += 1;
    counted.commands += (args[0] as unknown[]).length;
    _writev.apply(this, args);
  };
  await act();
  Object.assign(socket, { _write, _writev });
  return counted;
}

it('sends commits of one turn in two writes, however many they are', async () => {
  const sagas = await Promise.all(Array.from({ length: 50 }, () => begin(store)));
  const commit = () => Promise.all(sagas.map(({ id, fence }) => store.commit(id, fence, write())));
  // The first finds nobody waiting and leaves at once; the others leave when the turn is over.
  expect(await writesDuring(commit)).toEqual({ writes: 2, commands: 50 });
});

it('sends what is alone at once', async () => {
  const { id, fence } = await begin(store);
  let sent: Promise<unknown> = Promise.resolve();
  const counted = await writesDuring(async () => {
    sent = store.commit(id, fence, write());
  });
  expect(counted).toEqual({ writes: 1, commands: 1 });
  expect(await sent).toMatchObject({ kind: 'committed' });
});
