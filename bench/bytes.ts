/** Where the bytes of a finished saga lie in Redis: by key, and in its hash by field. */
import type { Redis } from 'ioredis';
import { partitionOf } from '../stores/partition.ts';
import { partitionKeys } from '../stores/redis/keys.ts';
import { decodeKey } from '../stores/redis/record.ts';
import { median } from './report.ts';

export interface Share {
  readonly name: string;
  readonly bytes: number;
}

const PARTITIONS = 16;
/** Sagas that are looked at one by one. */
const LOOKED_AT = 20;

export async function usedMemory(redis: Redis): Promise<number> {
  const info = await redis.info('memory');
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}

/**
 * @param ids some finished sagas
 * @param perSaga how much Redis's memory grew with each, which is what all shares come to together
 * @param finished how many there are
 */
export async function sharesOf(
  redis: Redis,
  ids: readonly string[],
  perSaga: number,
  finished: number,
): Promise<Share[]> {
  const fields: Record<string, number[]> = {};
  const [hashes, logs, keys]: [number[], number[], number[]] = [[], [], []];
  for (const id of ids.slice(0, LOOKED_AT)) {
    const own = partitionKeys('', partitionOf(id, PARTITIONS) ?? 0);
    const hash = await usage(redis, own.saga(id));
    hashes.push(hash);
    logs.push(await usage(redis, own.log(id)));
    const digest = decodeKey((await redis.hget(own.saga(id), 'key')) ?? '');
    if (digest !== '') keys.push(await usage(redis, own.key(digest)));
    // Copies are compared with a copy: the hash itself may still be growing from one table into the next.
    const whole = await without(redis, own.saga(id), []);
    for (const [name, some] of fieldsByName(await redis.hkeys(own.saga(id)))) {
      fields[name] ??= [];
      fields[name].push(whole - (await without(redis, own.saga(id), some)));
    }
  }
  const inFields = Object.entries(fields).map(([name, all]) => ({
    name: `hash: ${name}`,
    bytes: median(all),
  }));
  const hash = median(hashes);
  const own = hash - inFields.reduce((sum, { bytes }) => sum + bytes, 0);
  const indexes: Share[] = [];
  for (const [name, count] of [
    ['sagas', finished],
    ['status:COMPLETED', finished],
    ['ended', finished],
  ] as const) {
    const bytes = await overPartitions(redis, (prefix) => `${prefix}:${name}`);
    indexes.push({ name: `index: ${name}`, bytes: bytes / count });
  }
  const known: Share[] = [
    ...inFields,
    { name: 'hash: its key, table and header', bytes: own },
    { name: 'log', bytes: median(logs) },
    { name: 'idempotency key', bytes: keys.length === 0 ? 0 : median(keys) },
    ...indexes,
  ];
  const rest = perSaga - known.reduce((sum, { bytes }) => sum + bytes, 0);
  return [...known, { name: 'rest: tables of the keyspace, events, allocator', bytes: rest }];
}

/** The event streams are capped: all of them together, in bytes. */
export function eventBytes(redis: Redis): Promise<number> {
  return overPartitions(redis, (prefix) => `${prefix}:events`);
}

async function overPartitions(redis: Redis, keyOf: (prefix: string) => string): Promise<number> {
  let sum = 0;
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const prefix = partitionKeys('', partition).meta.replace(/:meta$/, '');
    sum += await usage(redis, keyOf(prefix));
  }
  return sum;
}

async function usage(redis: Redis, key: string): Promise<number> {
  return Number((await redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0);
}

/** What a copy of the hash takes without some of its fields. */
async function without(redis: Redis, key: string, fields: readonly string[]): Promise<number> {
  // Of the same length, since a key's own name counts.
  const copy = `${key.slice(0, -1)}~`;
  await redis.copy(key, copy);
  if (fields.length > 0) await redis.hdel(copy, ...fields);
  const bytes = await usage(redis, copy);
  await redis.del(copy);
  return bytes;
}

/** Those that only differ in the counter that they hold back are one. */
function fieldsByName(fields: readonly string[]): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  for (const field of fields) {
    const name = /^(held:|\+)/.test(field) ? 'held: (what purge takes back)' : field;
    byName.set(name, [...(byName.get(name) ?? []), field]);
  }
  return byName;
}
