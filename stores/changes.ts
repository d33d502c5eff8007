/**
 * The feed of changes, so that stores agree: a stream of entries per partition, and a position that says of each
 * stream how far it was read. An entry's id is a time and a number within it, as Redis numbers its streams; it only
 * grows within a stream, and a stream that lost entries never gives the same id again in practice. So one that is
 * still there proves that nothing before the next was lost.
 */
import type { Changes, SagaChange } from './saga-store.ts';

export interface EntryId {
  readonly ms: number;
  readonly n: number;
}

/** Before the first entry of a stream. */
export const BEFORE_ALL: EntryId = { ms: 0, n: 0 };

export interface Entry extends Omit<SagaChange, 'position'> {
  readonly at: EntryId;
}

/** What was found in one partition. */
export interface Found {
  /** After the position, oldest first. */
  readonly entries: readonly Entry[];
  /** Where to go on where entries are missing, `null` where none are. */
  readonly lost: EntryId | null;
  readonly more: boolean;
}

export function compareIds(a: EntryId, b: EntryId): number {
  return a.ms - b.ms || a.n - b.n;
}

/** One part per partition; the text is opaque to everybody else. */
export function encodePosition(ids: readonly EntryId[]): string {
  return ids.map(encodeId).join('.');
}

/** `null` where the text is no position in so many partitions. */
export function decodePosition(text: string, partitions: number): EntryId[] | null {
  const parts = text.split('.');
  if (
    parts.length !== partitions ||
    !parts.every((part) => /^[0-9a-z]{0,10}(-[0-9a-z]{1,10})?$/.test(part))
  ) {
    return null;
  }
  return parts.map((part) => {
    const [ms = '', n = ''] = part.split('-');
    return { ms: Number.parseInt(ms || '0', 36), n: Number.parseInt(n || '0', 36) };
  });
}

function encodeId({ ms, n }: EntryId): string {
  const time = ms === 0 ? '' : ms.toString(36);
  return n === 0 ? time : `${time}-${n.toString(36)}`;
}

/**
 * What one partition has to tell, from what it holds from `after` on, that entry included. Where `after` itself is not
 * there any more it was trimmed, or the store was rolled back behind it, and what came next may be missing too.
 * @param asked how many entries were asked for
 * @param until the last entry that is wanted, `null` for all
 * @param startLost whether entries are missing before the first one that the partition holds
 * @param end the partition's last entry, asked for only where some are missing
 */
export async function foundIn(
  held: readonly Entry[],
  asked: number,
  after: EntryId,
  until: EntryId | null,
  startLost: () => boolean | Promise<boolean>,
  end: () => EntryId | Promise<EntryId>,
): Promise<Found> {
  const fromStart = compareIds(after, BEFORE_ALL) === 0;
  const [first] = held;
  const isThere = fromStart ? !(await startLost()) : first !== undefined && compareIds(first.at, after) === 0;
  if (!isThere) return { entries: [], lost: until ?? (await end()), more: false };
  const following = fromStart ? held : held.slice(1);
  const entries = until === null ? following : following.filter(({ at }) => compareIds(at, until) <= 0);
  return { entries, lost: null, more: held.length === asked && entries.length === following.length };
}

/** What all partitions tell together, at most `limit` changes; `null` for a partition that could not be asked. */
export function merged(after: readonly EntryId[], found: readonly (Found | null)[], limit: number): Changes {
  const position = after.map((id, partition) => found[partition]?.lost ?? id);
  const parts = position.map(encodeId);
  const all = found
    .flatMap((part, partition) => (part?.entries ?? []).map((entry) => ({ entry, partition })))
    .sort((a, b) => compareIds(a.entry.at, b.entry.at) || a.partition - b.partition);
  const changes = all.slice(0, limit).map(({ entry: { at, ...change }, partition }) => {
    parts[partition] = encodeId(at);
    return { ...change, position: parts.join('.') };
  });
  return {
    changes,
    position: parts.join('.'),
    gap: found.some((part) => part !== null && part.lost !== null),
    more: all.length > limit || found.some((part) => part?.more === true),
  };
}
