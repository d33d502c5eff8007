/** How a store's keys are laid out: evenly over a Cluster's masters, and never in another way than the store says itself. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { partitionName } from '../../stores/partition.ts';
import { computeTags, slotOf } from '../../stores/redis/compute-tags.ts';
import { connect } from '../../stores/redis/connect.ts';
import { decodeLayout, encodeLayout } from '../../stores/redis/layout.ts';
import { RedisStore, type RedisStoreOptions } from '../../stores/redis/redis-store.ts';
import { SPREAD_TAGS } from '../../stores/redis/tags.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { A1, begin, MINUTE, ORDER } from './sagas.ts';

const SLOTS = 16_384;

/** Where each master's slots begin, as `redis-cli --cluster create` deals them out. */
function firstSlots(masters: number): number[] {
  const each = SLOTS / masters;
  return Array.from({ length: masters }, (_, master) =>
    master === 0 ? 0 : Math.round(master * each - 1) + 1,
  );
}

function partitionsOfEach(masters: number, tags: readonly string[]): number[] {
  const first = firstSlots(masters);
  const masterOf = (tag: string) => first.findLastIndex((slot) => slot <= slotOf(tag));
  return first.map((_, master) => tags.filter((tag) => masterOf(tag) === master).length);
}

it('has the tags that are computed, each with the name of its partition', () => {
  expect(SPREAD_TAGS).toEqual(computeTags());
  for (const [partition, tag] of SPREAD_TAGS.entries()) expect(tag).toMatch(`p${partitionName(partition)}-`);
});

it.each([1, 2, 3, 4, 6, 8, 12, 16])('spreads evenly over %i masters', (masters) => {
  const even = SPREAD_TAGS.length / masters;
  for (const count of partitionsOfEach(masters, SPREAD_TAGS)) {
    expect(Math.abs(count - even) / even).toBeLessThanOrEqual(0.2);
  }
});

it('leaves none of twelve masters without those that a store has had before, as tags by number do', () => {
  const numbered = Array.from({ length: 16 }, (_, partition) => `p${partitionName(partition)}`);
  expect(partitionsOfEach(12, numbered).filter((count) => count === 0)).toHaveLength(4);
  expect(Math.min(...partitionsOfEach(12, SPREAD_TAGS.slice(0, 16)))).toBeGreaterThan(0);
});

it.each(['16', '48', '48 spread', '48 spread, 16 before'])('reads the mark %s as it was written', (text) => {
  const layout = decodeLayout(text);
  expect(layout && encodeLayout(layout)).toBe(text);
});

it.each(['', 'many', '47 spread', '16 to 48 spread', '48 spread, many before'])(
  'knows no layout %s',
  (text) => {
    expect(decodeLayout(text)).toBeNull();
  },
);

let server: RedisServer;
let admin: Redis;
const open = (over: Partial<RedisStoreOptions>) => RedisStore.open({ redis: connect(server.url), ...over });

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

it.each([
  { partitions: 5, tag: '{layout-5p04}' },
  { partitions: 48, tag: `layout-48{${SPREAD_TAGS[4]}}` },
])(
  'a store of $partitions is followed by whoever leaves the number to it, and refused to others',
  async (one) => {
    const prefix = `layout-${one.partitions}`;
    const store = await open({ prefix, partitions: one.partitions });
    const { id } = await begin(store, { id: store.newId(null).replace(/^../, '04') });
    await store.close();
    expect(await admin.exists(`${one.tag}:saga:${id}`)).toBe(1);
    const follower = await open({ prefix });
    expect(follower.info.partitions).toBe(one.partitions);
    expect((await follower.get(id))?.id).toBe(id);
    await follower.close();
    await expect(open({ prefix, partitions: 16 })).rejects.toThrow(/opened with 16.*saga store repartition/s);
    expect(await admin.keys(`*${prefix}p0f*`)).toEqual([]);
  },
);

it('of one server is begun as ever', async () => {
  const store = await open({ prefix: 'ever' });
  expect(store.info.partitions).toBe(16);
  expect(await admin.hget('{everp0f}:meta', 'partitions')).toBe('16');
  await store.close();
});

it('refuses a layout of which one partition knows nothing', async () => {
  await (await open({ prefix: 'half', partitions: 48 })).close();
  await admin.hset(`half{${SPREAD_TAGS[9]}}:meta`, 'partitions', '16');
  await expect(open({ prefix: 'half' })).rejects.toThrow(/restored from elsewhere/);
});

it('ends a coordinator whose store was marked as being moved, and starts none', async () => {
  const store = await open({ prefix: 'moved', partitions: 16 });
  expect(await store.declare([ORDER], A1, MINUTE)).toEqual([]);
  await admin.hset('{movedp00}:meta', 'partitions', '16 to 48 spread');
  await expect(store.declare([ORDER], A1, MINUTE)).rejects.toMatchObject({ name: 'StoreRefusedError' });
  // It has taken back what it declared: whoever moves the store need not wait for it.
  expect(await admin.zcard('{movedboots}:live')).toBe(0);
  expect(await store.declare([], A1, 0)).toEqual([]);
  await store.close();
  await expect(open({ prefix: 'moved' })).rejects.toThrow(/being moved.*saga store repartition/s);
});
