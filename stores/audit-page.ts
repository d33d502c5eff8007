/** How the chains of an audit are read as one, newest first, so that stores agree. */
import type { AuditEntry, AuditFilter, AuditPage } from './audit.ts';
import { BadCursorError } from './saga-store.ts';

/** Entries that one call looks at, at most: a rare filter costs pages, never a long call. */
const LOOKED_AT_MAX = 2_000;

/** A place among all entries: they come by time, chain and number, greatest first. */
export interface Place {
  readonly atMs: number;
  readonly chain: string;
  readonly seq: number;
}

function placeOf({ at, chain, seq }: AuditEntry): Place {
  return { atMs: Date.parse(at), chain, seq };
}

function isBefore(a: Place, b: Place): boolean {
  if (a.atMs !== b.atMs) return a.atMs > b.atMs;
  return a.chain === b.chain ? a.seq > b.seq : a.chain > b.chain;
}

/** Below which place a listing begins; `null` is the top. */
export function startOf({ untilMs }: AuditFilter, cursor: string | null): Place | null {
  if (cursor === null) return untilMs === undefined ? null : { atMs: untilMs, chain: '', seq: 0 };
  const [, atMs, chain = '', seq] =
    /^(\d{1,15})\.([0-9a-f]{2,})\.(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (atMs === undefined) throw new BadCursorError('The cursor is not one that the audit gave');
  return { atMs: Number(atMs), chain, seq: Number(seq) };
}

/** Whether an entry of a chain stands below a place. */
export function isBelow(entry: AuditEntry, place: Place | null): boolean {
  return place === null || isBefore(place, placeOf(entry));
}

/** @param chains the entries of each below the place where the listing begins, newest first */
export async function pageOf(
  chains: readonly AsyncIterator<AuditEntry>[],
  filter: AuditFilter,
  limit: number,
  damage: ReadonlySet<string>,
): Promise<AuditPage> {
  const found: AuditEntry[] = [];
  const heads = await Promise.all(chains.map((chain) => chain.next()));
  for (let looked = 1; ; looked += 1) {
    let newest = -1;
    for (const [index, { value, done }] of heads.entries()) {
      if (done) continue;
      const best = heads[newest];
      if (best === undefined || isBefore(placeOf(value), placeOf(best.value))) newest = index;
    }
    const head = heads[newest];
    const [chain] = chains.slice(newest, newest + 1);
    if (head === undefined || chain === undefined || newest < 0) break;
    const entry: AuditEntry = head.value;
    if (filter.sinceMs !== undefined && Date.parse(entry.at) < filter.sinceMs) break;
    if (passes(filter, entry)) found.push(entry);
    heads[newest] = await chain.next();
    if (found.length < limit && looked < LOOKED_AT_MAX) continue;
    if (heads.every(({ done }) => done)) break;
    const { atMs, seq } = placeOf(entry);
    const cursor = Buffer.from(`${atMs}.${entry.chain}.${seq}`).toString('base64url');
    return { entries: found, cursor, damage: [...damage] };
  }
  return { entries: found, cursor: null, damage: [...damage] };
}

function passes({ actor, by, saga_id, action }: AuditFilter, entry: AuditEntry): boolean {
  return (
    (actor === undefined || actor === entry.actor) &&
    (by === undefined || by === entry.by) &&
    (saga_id === undefined || saga_id === entry.saga_id) &&
    (action === undefined || action === entry.action)
  );
}
