/** A partition's stream of events, read: plain commands that block nobody. */
import { Cluster } from 'ioredis';
import { BEFORE_ALL, compareIds, type Entry, type EntryId } from '../changes.ts';
import { SAGA_STATUSES } from '../saga-store.ts';
import type { Client } from './client.ts';
import { orDamaged, together } from './faults.ts';

/** The entries from an id on, that one included where it is there. */
export async function heldFrom(
  client: Client,
  stream: string,
  from: EntryId,
  count: number,
): Promise<Entry[]> {
  const start = compareIds(from, BEFORE_ALL) === 0 ? '-' : textOf(from);
  return (await orDamaged(client.xrange(stream, start, '+', 'COUNT', count), [])).flatMap(entryOf);
}

/**
 * Which streams still end with the entry that a position names: there is nothing to be read of them, and nothing was lost.
 * One command for all of them, since most of the time none has moved. Where they cannot be asked together, as on a Cluster or
 * by a user that may not, none is said to be at rest, and each is asked by itself.
 */
export async function restingAt(
  client: Client,
  streams: readonly string[],
  position: readonly EntryId[],
): Promise<readonly boolean[]> {
  const found = await idsFrom(client, streams, position, 2);
  if (found === null) return streams.map(() => false);
  return found.map((ids, at) => {
    const named = position[at] ?? BEFORE_ALL;
    return ids.length === (isBeforeAll(named) ? 0 : 1) && isNamedFirst(ids, named);
  });
}

/** What is read of a stream to come to its end: one that has moved further is asked for it. */
const AHEAD_MAX = 20;

/**
 * Where the streams end. One command for all of them where little has come since they ended as is known.
 * @param known where they ended before; `null` where nobody has asked yet
 */
export async function endsOf(
  client: Client,
  streams: readonly string[],
  known: readonly EntryId[] | null,
): Promise<EntryId[]> {
  const found = known === null ? null : await idsFrom(client, streams, known, AHEAD_MAX);
  return together(
    streams.map(async (stream, at) => {
      const ids = found?.[at];
      const named = known?.[at] ?? BEFORE_ALL;
      // An entry that is there no more may have been rolled back, and what it was the end of with it.
      const isKnown = ids !== undefined && ids.length < AHEAD_MAX && isNamedFirst(ids, named);
      return isKnown ? (ids.at(-1) ?? BEFORE_ALL) : endOf(client, stream);
    }),
  );
}

/** The entries from an id on, the named one first where it is there; `null` where the streams cannot be asked together. */
async function idsFrom(
  client: Client,
  streams: readonly string[],
  position: readonly EntryId[],
  count: number,
): Promise<readonly (readonly EntryId[])[] | null> {
  if (client instanceof Cluster) return null;
  const before = streams.map((_, at) => textBefore(position[at] ?? BEFORE_ALL));
  const found = await client.xread('COUNT', count, 'STREAMS', ...streams, ...before).then(
    (some) => new Map(some),
    () => null,
  );
  return found && streams.map((stream) => (found.get(stream) ?? []).map(([id]) => idOf(id)));
}

function isNamedFirst([first]: readonly EntryId[], named: EntryId): boolean {
  return isBeforeAll(named) || (first !== undefined && compareIds(first, named) === 0);
}

function isBeforeAll(id: EntryId): boolean {
  return compareIds(id, BEFORE_ALL) === 0;
}

/** XREAD tells what comes after an id: this is the one before that of an entry. */
function textBefore({ ms, n }: EntryId): string {
  if (n > 0) return `${ms}-${n - 1}`;
  return ms === 0 ? '0-0' : `${ms - 1}-${NUMBER_MOST}`;
}

/** As Redis numbers the entries of one millisecond. */
const NUMBER_MOST = '18446744073709551615';

/** The id of the last entry. */
export async function endOf(client: Client, stream: string): Promise<EntryId> {
  const [last] = await orDamaged(client.xrevrange(stream, '+', '-', 'COUNT', 1), []);
  return last === undefined ? BEFORE_ALL : idOf(last[0]);
}

/** Where a range begins, an id without its number means the first of its time; ioredis-mock knows no other. */
function textOf({ ms, n }: EntryId): string {
  return n === 0 ? String(ms) : `${ms}-${n}`;
}

function idOf(text: string): EntryId {
  const [ms, n] = text.split('-').map(Number);
  return { ms: ms ?? 0, n: n ?? 0 };
}

/**
 * The fields stand in the order in which announce (lua/shared.lua) writes them. An entry that cannot be read is warned
 * of and missing, which a watcher that stood there sees as a gap: a feed must not take down who serves it.
 */
function entryOf([at, [, id = '', , seq = '', , state = '', , status = '']]: [string, string[]]): Entry[] {
  const known = SAGA_STATUSES.find((one) => one === status);
  if (id !== '' && /^\d{1,15}$/.test(seq) && known !== undefined) {
    return [{ at: idOf(at), id, seq: Number(seq), state, status: known }];
  }
  process.emitWarning(`entry ${at} of the events of saga ${id} cannot be read`, 'UnreadableEvent');
  return [];
}
