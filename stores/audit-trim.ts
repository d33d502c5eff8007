/** How much of a chain is dropped, so that stores agree. */
import type { AuditLine } from './audit.ts';
import { isEntry } from './audit-chain.ts';
import { shareOf } from './partition.ts';

const DAY_MS = 24 * 3600 * 1000;

export interface TrimBounds {
  readonly nowMs: number;
  readonly keepMs: number;
  /** Over all partitions. */
  readonly entriesMax: number;
  readonly partitions: number;
}

/**
 * How many of the oldest entries go. By whole days: each time an entry is written that says so, and were they dropped one by
 * one, a chain would tell of nothing else in the end. For the same reason what goes for their number goes with a tenth more.
 * @param at the line at an index; `null` where there is none
 */
export async function cutOf(
  length: number,
  at: (index: number) => Promise<AuditLine | null>,
  { nowMs, keepMs, entriesMax, partitions }: TrimBounds,
): Promise<number> {
  const most = shareOf(entriesMax, partitions);
  const surplus = length > most ? length - Math.floor(most * 0.9) : 0;
  const before = Math.floor((nowMs - keepMs) / DAY_MS) * DAY_MS;
  const first = await at(0);
  if (first === null) return 0;
  const isOld = isBefore(first, before);
  const old = isOld ? await indexOf(length, async (index) => isBefore(await at(index), before)) : 0;
  // What was said of the last time is no reason to say it again.
  const isWorth = old > 1 || (old === 1 && !(isEntry(first) && first.action === 'trimmed'));
  return Math.max(surplus, isWorth ? old : 0);
}

/** The first index for which it does not hold, of those for which it holds first and then no more. */
export async function indexOf(length: number, holds: (index: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (await holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What cannot be read is as old as what stands beside it. */
function isBefore(line: AuditLine | null, ms: number): boolean {
  return line !== null && (!isEntry(line) || Date.parse(line.at) < ms);
}
