import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Buckets } from '../../server/limits/buckets.ts';
import { networkOf } from '../../server/limits/caller-key.ts';

const QUOTA = { count: 3, windowMs: 6_000 };

/** Takes until there is no more. */
function drained(buckets: Buckets, key: string, nowMs: number): number {
  for (let taken = 0; ; taken += 1) if (!buckets.take(key, nowMs).isTaken) return taken;
}

describe('a bucket', () => {
  it('gives all that it holds at once, and then one by one as it fills', () => {
    const buckets = new Buckets(QUOTA, 10);
    const levels = [0, 0, 0, 0].map((nowMs) => buckets.take('a', nowMs));
    expect(levels).toEqual([
      { isTaken: true, left: 2, nextInMs: 2_000 },
      { isTaken: true, left: 1, nextInMs: 2_000 },
      { isTaken: true, left: 0, nextInMs: 2_000 },
      { isTaken: false, left: 0, nextInMs: 2_000 },
    ]);
    expect(buckets.take('a', 1_500)).toEqual({ isTaken: false, left: 0, nextInMs: 500 });
    expect(buckets.take('a', 2_000)).toEqual({ isTaken: true, left: 0, nextInMs: 2_000 });
    expect(buckets.take('a', 2_000).isTaken).toBe(false);
    // Full it is after its window, and no fuller later.
    expect(drained(buckets, 'a', 8_000)).toBe(3);
    expect(drained(buckets, 'a', 100_000)).toBe(3);
  });

  it('has what is given back, and no more than it holds', () => {
    const buckets = new Buckets(QUOTA, 10);
    drained(buckets, 'a', 0);
    expect(buckets.giveBack('a', 0)).toEqual({ isTaken: false, left: 1, nextInMs: 2_000 });
    expect(drained(buckets, 'a', 0)).toBe(1);
    for (let n = 0; n < 9; n += 1) buckets.giveBack('a', 0);
    expect(buckets.giveBack('a', 0)).toEqual({ isTaken: false, left: 3, nextInMs: 0 });
    expect(drained(buckets, 'a', 0)).toBe(3);
  });

  it('is one for each key, and so many are kept: the one that was asked for least recently is forgotten', () => {
    const buckets = new Buckets({ count: 1, windowMs: 1_000 }, 2);
    for (const key of ['a', 'b', 'b']) buckets.take(key, 0);
    expect(buckets.take('a', 0).isTaken).toBe(false);
    buckets.take('c', 0);
    expect(buckets.size).toBe(2);
    expect(['a', 'c'].map((key) => buckets.take(key, 0).isTaken)).toEqual([false, false]);
    expect(buckets.take('b', 0).isTaken).toBe(true);
    for (let n = 0; n < 1_000; n += 1) buckets.take(`${n}`, 0);
    expect(buckets.size).toBe(2);
  });

  it('never gives more than it holds and what came since, and always what it says is left', () => {
    const quota = fc.record({
      count: fc.integer({ min: 1, max: 50 }),
      windowMs: fc.integer({ min: 1_000, max: 86_400_000 }),
    });
    const pauses = fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { maxLength: 60 });
    fc.assert(
      fc.property(quota, pauses, (given, waits) => {
        const buckets = new Buckets(given, 1);
        let nowMs = 1e9;
        const startedAt = nowMs;
        let taken = 0;
        for (const wait of waits) {
          nowMs += wait;
          const { isTaken, left, nextInMs } = buckets.take('a', nowMs);
          if (isTaken) taken += 1;
          const most = given.count + ((nowMs - startedAt) * given.count) / given.windowMs;
          expect(taken).toBeLessThanOrEqual(most + 0.02);
          expect(left).toBeGreaterThanOrEqual(0);
          expect(nextInMs).toBeGreaterThanOrEqual(0);
          if (!isTaken) expect(left).toBe(0);
          const other = new Buckets(given, 1);
          for (let n = left; n < given.count; n += 1) other.take('a', nowMs);
          expect(drained(other, 'a', nowMs)).toBe(left);
        }
        // What it says of the next one is so.
        drained(buckets, 'a', nowMs);
        const { nextInMs } = buckets.take('a', nowMs);
        const earlyMs = (0.02 * given.windowMs) / given.count;
        if (nextInMs > earlyMs) expect(buckets.take('a', nowMs + nextInMs - earlyMs).isTaken).toBe(false);
        expect(buckets.take('a', nowMs + nextInMs).isTaken).toBe(true);
      }),
    );
  });
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['2001:db8:1::2:3:4:5', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', 'unknown'],
  ['unknown', 'unknown'],
  ['1.2.3.4.5', 'unknown'],
])('the address %s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
