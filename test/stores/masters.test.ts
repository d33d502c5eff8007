/** The masters of a Cluster, of which ioredis may know one alone for a moment: right after it has connected, and when one is lost. */
import { EventEmitter } from 'node:events';
import { Cluster, type Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { durabilityOf } from '../../stores/redis/durability.ts';
import { mastersOf } from '../../stores/redis/masters.ts';
import { memoryOf } from '../../stores/redis/memory.ts';
import { connected } from '../../stores/redis/opening.ts';

const MASTER = 'redis_version:8.0.2\r\nrole:master\r\nconnected_slaves:0\r\nmaxmemory_policy:noeviction\r\n';

/** A Cluster of three masters, of which each look at the connections finds as many as are listed, the last again and again. */
function cluster(connected: number[], policies: readonly string[] = []): Cluster {
  const nodes = [7001, 7002, 7003].map((port, index) => ({
    status: 'ready',
    options: { host: '127.0.0.1', port },
    info: async () =>
      `${MASTER.replace('noeviction', policies[index] ?? 'noeviction')}used_memory:${index}00\r\nmaxmemory:300\r\n`,
    config: async () => [],
  }));
  const looks = [...connected];
  return Object.assign(Object.create(Cluster.prototype), {
    cluster: async () =>
      nodes.map(({ options }, index) => [index, index, ['127.0.0.1', options.port, `id-${index}`]]),
    nodes: () => nodes.slice(0, looks.length > 1 ? looks.shift() : looks[0]),
  });
}

it('are waited for until there is a connection to each', async () => {
  expect(await mastersOf(cluster([1, 0, 3]))).toHaveLength(3);
});

it('are one, where it is no Cluster', async () => {
  const redis = {} as Redis;
  expect(await mastersOf(redis)).toEqual([redis]);
});

it('are named where they are away', async () => {
  await expect(mastersOf(cluster([1]), 2)).rejects.toMatchObject({
    name: 'StoreUnavailableError',
    message:
      'The Cluster has 3 masters, and there is no connection to 2 of them (127.0.0.1:7002, 127.0.0.1:7003)',
  });
});

it('whose connection has ended do not count', async () => {
  const ended = cluster([3]);
  Object.assign(ended.nodes('master')[1] as Redis, { status: 'end' });
  await expect(mastersOf(ended, 1)).rejects.toThrow(/no connection to 1 of them \(127\.0\.0\.1:7002\)/);
});

it('are all asked for what they may lose, whichever is known first', async () => {
  await expect(durabilityOf(cluster([1, 3], ['noeviction', 'noeviction', 'allkeys-lru']))).rejects.toThrow(
    /maxmemory-policy allkeys-lru/,
  );
});

it('are all asked for their memory, and a part is not passed off for the whole', async () => {
  expect((await memoryOf(cluster([3]))).usedBytes).toBe(200);
  await expect(memoryOf(cluster([2]))).rejects.toMatchObject({ name: 'StoreUnavailableError' });
});

it('are named where they do not answer', async () => {
  const silent = cluster([3]);
  const closed = async () => Promise.reject(new Error('Connection is closed.'));
  Object.assign(silent.nodes('master')[1] as Redis, { info: closed });
  await expect(durabilityOf(silent)).rejects.toMatchObject({
    name: 'StoreUnavailableError',
    message: expect.stringMatching(/master 127\.0\.0\.1:7002 of the Cluster.*Connection is closed/),
  });
});

it('are reached as soon as ioredis is ready, though it gave up the attempt that was waited for', async () => {
  // It does so where the node of which it first asks whether the Cluster serves is the one that is away.
  const client = Object.assign(new EventEmitter(), {
    status: 'wait',
    options: {},
    connect: () => {
      queueMicrotask(() => client.emit('ready'));
      return new Promise<void>(() => {});
    },
  });
  await connected(client as unknown as Redis);
  expect(client.eventNames()).toEqual([]);
});
