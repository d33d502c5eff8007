/**
 * What every store asserts of its callers. A violation is a bug of ours and throws before anything is written:
 * a Redis script that failed half-way would leave what it had written already.
 */
import { partitionOf, partitionOfKey } from './partition.ts';
import type { Counts, Migration, NewSaga, Next, Write } from './saga-store.ts';

export function assertSpan(name: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 0) {
    throw new RangeError(`${name} must be a whole number of milliseconds, not ${ms}`);
  }
}

export function assertLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(`limit must be a positive whole number, not ${limit}`);
  }
}

/** The span a write announces: of its lease, its delay or its retention. */
export function spanOf(next: Next): number {
  if (next.kind === 'act') return next.leaseMs;
  if (next.kind === 'wait') return next.delayMs;
  return next.kind === 'end' ? next.keepMs : 0;
}

export function assertWrite({ counts, next }: Write): void {
  assertSpan(`the span of '${next.kind}'`, spanOf(next));
  assertCounts(counts);
}

export function assertMigration({ counts }: Migration): void {
  assertCounts(counts);
}

function assertCounts(counts: Counts): void {
  for (const name in counts) {
    if (!Number.isSafeInteger(counts[name])) {
      throw new RangeError(`counter ${name} must be raised by a whole number, not ${counts[name]}`);
    }
  }
}

/**
 * Answers the new saga's partition.
 * @param before the number of partitions that the store had before it was moved: a saga of then may be stored anew
 */
export function assertNewSaga(saga: NewSaga, partitions: number, before = partitions): number {
  assertWrite(saga);
  const partition = partitionOf(saga.id, partitions);
  if (partition === null) throw new RangeError(`${saga.id} is no id of this store: take one from newId()`);
  const { key } = saga.idempotency ?? {};
  const places = key === undefined ? [] : [partitionOfKey(key, partitions), partitionOfKey(key, before)];
  if (key !== undefined && !places.includes(partition)) {
    throw new RangeError(`${saga.id} is not in its key's partition: take the id from newId(key)`);
  }
  return partition;
}
