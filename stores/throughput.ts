/**
 * How many sagas settled within the last minute, by the store's clock. Counted in a ring of a few buckets, so that what
 * is kept and what is read stays the same however many sagas there are. lua/shared.lua has the same two numbers.
 */
export const BUCKET_MS = 5_000;
/** A minute's buckets, and one more for the part of the oldest that lies within it. */
export const BUCKETS = 60_000 / BUCKET_MS + 1;

/** A place of the ring: which bucket of all time was counted in it last, and how many. */
export interface Bucket {
  readonly number: number;
  readonly count: number;
}

export function bucketAt(nowMs: number): number {
  return Math.floor(nowMs / BUCKET_MS);
}

/**
 * The sagas settled in the last minute. Of the bucket in which the minute began a part counts, the part of it that lies
 * within the minute: so a steady rate is shown as it is, and what settled just now is counted whole.
 */
export function perMinute(buckets: Iterable<Bucket>, nowMs: number): number {
  const current = bucketAt(nowMs);
  const share = 1 - (nowMs - current * BUCKET_MS) / BUCKET_MS;
  let sum = 0;
  for (const { number, count } of buckets) {
    const age = current - number;
    // Ahead of an estimate of the clock is what has settled only now.
    if (age < BUCKETS - 1) sum += count;
    else if (age === BUCKETS - 1) sum += count * share;
  }
  return Math.round(sum);
}
