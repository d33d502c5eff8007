/** How listings are paged, so that stores agree: newest first, at most so many sagas looked at in one call. */
import { isUuid, uuidOf } from './partition.ts';
import { BadCursorError, type Filter } from './saga-store.ts';

/** Sagas that one call of `list` looks at, at most: a rare filter costs pages, never a long call. */
export const LOOKED_AT_MAX = 1_000;

/** Descending by the part of the id that sorts by time; a UUID is unique, so there are no ties. */
export function newestFirst(a: string, b: string): number {
  const [ua, ub] = [uuidOf(a), uuidOf(b)];
  return ua < ub ? 1 : ua > ub ? -1 : 0;
}

const LOWEST = '00000000-0000-7000-8000-000000000000';
const HIGHEST = 'ffffffff-ffff-7fff-bfff-ffffffffffff';

/**
 * The UUID below which a listing begins; `null` is the top. A beginning of a UUIDv7 is a time, so of a filter by id only the
 * sagas of that time are looked at, in all partitions.
 */
export function uuidAbove({ id = '' }: Filter, cursor: string | null): string | null {
  if (cursor !== null) return uuidFromCursor(cursor);
  const uuid = uuidIn(id);
  // No id begins so, and nothing is below the lowest.
  if (uuid === null) return LOWEST;
  // Without its last part, or a whole id would be its own bound.
  const stem = uuid.slice(0, HIGHEST.lastIndexOf('-'));
  return stem === '' ? null : stem + HIGHEST.slice(stem.length);
}

/** A listing goes on below the last saga looked at; the cursor is that position, not a count, so it is exact. */
export function cursorAfter(id: string, filter: Filter): string | null {
  const uuid = uuidIn(filter.id ?? '') ?? '';
  return uuidOf(id) < uuid + LOWEST.slice(uuid.length) ? null : Buffer.from(uuidOf(id)).toString('base64url');
}

/** What a beginning of an id has of the UUID, or `null` where no id begins so. */
function uuidIn(beginning: string): string | null {
  const [whole, uuid = ''] = /^[0-9a-f]*(?:-(.*))?$/.exec(beginning) ?? [];
  return whole !== undefined && isUuid(uuid + LOWEST.slice(uuid.length)) ? uuid : null;
}

function uuidFromCursor(cursor: string): string {
  const uuid = Buffer.from(cursor, 'base64url').toString();
  if (!isUuid(uuid)) throw new BadCursorError('The cursor is not one that a listing gave');
  return uuid;
}
