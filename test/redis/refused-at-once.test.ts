/** A master that became a replica refuses all that was on its way: its connection is left once, however much that was. */
import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';

const AT_ONCE = 20;

let server: RedisServer;
let admin: Redis;

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

it('leaves the connection once, whatever was refused on it', async () => {
  const client = connect(server.url) as Redis;
  await client.connect();
  const { stream } = client as unknown as { stream: Socket };
  const before = stream.listenerCount('close');
  await admin.replicaof('127.0.0.1', '1');
  let most = 0;
  const refused = await Promise.all(
    Array.from({ length: AT_ONCE }, () =>
      client.set('a', 'b').catch((error: Error) => {
        most = Math.max(most, stream.listenerCount('close'));
        return error.message;
      }),
    ),
  );
  client.disconnect();
  expect(refused).toEqual(Array(AT_ONCE).fill(expect.stringMatching(/^READONLY /)));
  expect(most).toBeLessThanOrEqual(before + 1);
});
