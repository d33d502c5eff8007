import { Cluster, Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { startRedis } from '../redis-server.ts';

const optionsOf = (url: string) => {
  const client = connect(url);
  if (!(client instanceof Redis)) throw new Error('not one server');
  return client.options;
};

it('reads the forms of REDIS_URL', () => {
  expect(optionsOf('redis://localhost')).toMatchObject({ host: 'localhost', port: 6379, db: 0 });
  expect(optionsOf('redis://localhost').tls).toBeFalsy();
  expect(optionsOf('redis://[::1]:7000/3')).toMatchObject({ host: '::1', port: 7000, db: 3 });
  expect(optionsOf('rediss://me:s%40fe@db.example:6380')).toMatchObject({
    host: 'db.example',
    port: 6380,
    username: 'me',
    password: 's@fe',
    tls: {},
  });
  expect(optionsOf('redis://:secret@db')).toMatchObject({ host: 'db', password: 'secret' });
  expect(optionsOf('unix:///run/redis.sock')).toMatchObject({ path: '/run/redis.sock' });
  expect(optionsOf('unix://data/redis/redis.sock')).toMatchObject({ path: 'data/redis/redis.sock' });
  expect(optionsOf('redis+sentinel://one:1,two/orders')).toMatchObject({
    sentinels: [
      { host: 'one', port: 1 },
      { host: 'two', port: 26379 },
    ],
    name: 'orders',
  });
  expect(optionsOf('redis+sentinel://one/orders').tls).toBeFalsy();
  // Or ioredis would speak plain text to master and sentinels, whatever the scheme says.
  expect(optionsOf('rediss+sentinel://one/orders')).toMatchObject({
    tls: {},
    enableTLSForSentinelMode: true,
    sentinelTLS: {},
  });
  expect(
    optionsOf('redis+sentinel://me:mine@one/orders?sentinel_username=us&sentinel_password=o%26urs'),
  ).toMatchObject({ username: 'me', password: 'mine', sentinelUsername: 'us', sentinelPassword: 'o&urs' });
  const cluster = connect('rediss+cluster://one:1,two') as Cluster;
  expect(cluster).toBeInstanceOf(Cluster);
  expect(cluster.options).toMatchObject({ retryDelayOnFailover: 0, redisOptions: { tls: {} } });
});

it('never queues, never sends twice, never waits without bound, and does not connect by itself', () => {
  const client = connect('redis://localhost');
  expect(client.status).toBe('wait');
  expect(client.options).toMatchObject({
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: false,
    commandTimeout: 5_000,
    socketTimeout: 5_000,
  });
  const delays = [1, 2, 5, 100].map((attempt) => (client as Redis).options.retryStrategy?.(attempt));
  expect(delays).toEqual([100, 200, 1_000, 1_000]);
});

it.each([
  "READONLY You can't write against a read only replica.",
  // As Redis says it of a script, since 7.0 and before.
  "READONLY You can't write against a read only replica. script: 9b53, on @user_script:1.",
  "ERR Error running script (call to f_9b53): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.",
])('leaves a master that has become a replica: %s', (message) => {
  const { reconnectOnError } = (connect('redis://a') as Redis).options;
  expect(reconnectOnError?.(new Error(message))).toBe(true);
  expect(reconnectOnError?.(new Error("OOM command not allowed when used memory > 'maxmemory'."))).toBe(
    false,
  );
});

it('refuses what it cannot read, without repeating a password', () => {
  for (const url of [
    '',
    'localhost:6379',
    'http://:secret@localhost',
    'redis://',
    'redis://:secret@a,b',
    'redis://:secret@a/orders',
    'redis+sentinel://:secret@a',
    'redis+sentinel://a/orders?password=secret',
    'redis+sentinel://a/orders?sentinel_password=secret&secret',
    'redis://a?sentinel_password=secret',
    'redis://:secret%@a',
  ]) {
    expect(() => connect(url), url).toThrow(RangeError);
    expect(() => connect(url), url).not.toThrow(/secret/);
  }
});

it('speaks through a unix socket', async () => {
  const server = await startRedis();
  const client = connect(`unix://${server.socketPath}`) as Redis;
  await client.connect();
  expect(await client.ping()).toBe('PONG');
  client.disconnect();
  await server.stop();
});

it('finds the nodes of a Cluster that names them by their ports alone', async () => {
  const settings = { 'cluster-preferred-endpoint-type': 'unknown-endpoint' };
  const server = await startRedis({ cluster: true, settings });
  const client = connect(server.url) as Cluster;
  await client.connect();
  expect(await client.set('key', 'value')).toBe('OK');
  // As MOVED names one.
  expect((client.options.natMap as (endpoint: string) => unknown)(':7001')).toEqual({
    host: '127.0.0.1',
    port: 7001,
  });
  client.disconnect();
  await server.stop();
});
