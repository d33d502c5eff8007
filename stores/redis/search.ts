/** Sagas that have what is sought, newest first: by the index of terms, and by how an id begins. */
import { Cluster } from 'ioredis';
import { newestFirst } from '../paging.ts';
import { isUuid, uuidOf } from '../partition.ts';
import type { Sought } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, together } from './faults.ts';
import type { Keyspace } from './keyspace.ts';
import { run } from './scripts.ts';
import { type Found, type TermHashes, withoutEntry } from './terms.ts';

/** Entries that are followed in one packet. */
const TOGETHER = 50;
/** Sagas of one partition that begin in one millisecond, more than which are not looked at. */
const SAME_TIME_MAX = 1_000;

/**
 * Ids that the index of terms leads to, below a UUID (or all): each may have another value, so their records decide. What leads
 * nowhere is taken out of the index.
 */
export async function* idsByTerm(
  redis: Client,
  keyspace: Keyspace,
  terms: TermHashes,
  sought: Sought,
  below: string | null,
): AsyncGenerator<string, undefined> {
  const all = (await entries(redis, keyspace, terms, sought))
    .filter(({ time }) => below === null || time <= below.slice(0, time.length))
    .sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
  for (let from = 0, to = 0; from < all.length; from = to) {
    to = Math.min(from + TOGETHER, all.length);
    // What began in one millisecond is sorted together.
    while (to < all.length && all[to]?.time === all[to - 1]?.time) to += 1;
    const found = await together(all.slice(from, to).map((entry) => follow(redis, entry)));
    yield* found
      .flat()
      .filter((id) => below === null || uuidOf(id) < below)
      .sort(newestFirst);
  }
}

/** One command, where one server has all partitions. */
async function entries(
  redis: Client,
  { partitions }: Keyspace,
  terms: TermHashes,
  sought: Sought,
): Promise<Found[]> {
  const buckets = partitions.map((keys) => terms.buckets(keys, sought));
  const texts =
    redis instanceof Cluster
      ? await together(buckets.map((some) => Promise.all(some.map((key) => orDamaged(redis.get(key), null)))))
      : inParts(await asking(redis.mget(buckets.flat())), buckets[0]?.length ?? 1);
  return partitions.flatMap((keys, partition) =>
    terms.entriesIn(keys, partition, sought, texts[partition] ?? []),
  );
}

function inParts<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: all.length / size }, (_, at) => all.slice(at * size, (at + 1) * size));
}

async function follow(redis: Client, entry: Found): Promise<string[]> {
  const { keys, stem, bucket, text } = entry;
  const asked = redis.zrangebylex(keys.sagas, `[${stem}-`, `(${stem}.`, 'LIMIT', 0, SAME_TIME_MAX);
  const ids = await orDamaged(asked, null);
  if (ids?.length === 0) await run(redis, 'leave', [bucket], [text, withoutEntry(entry)]);
  return ids?.filter((id) => isUuid(uuidOf(id))) ?? [];
}

/** Two generators of ids, each newest first, as one, each id once. */
export async function* mergedNewest(
  one: AsyncGenerator<string, undefined>,
  other: AsyncGenerator<string, undefined>,
): AsyncGenerator<string, undefined> {
  let [a, b] = await Promise.all([one.next(), other.next()]);
  while (a.value !== undefined || b.value !== undefined) {
    const order = a.value === undefined ? 1 : b.value === undefined ? -1 : newestFirst(a.value, b.value);
    const id = order <= 0 ? a.value : b.value;
    if (order <= 0) a = await one.next();
    if (order >= 0) b = await other.next();
    if (id !== undefined) yield id;
  }
}
