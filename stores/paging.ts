/** How listings are paged, so that stores agree: newest first, at most so many sagas looked at in one call. */
import { isUuid, uuidOf } from './partition.ts';
import { BadCursorError } from './saga-store.ts';

/** Sagas that one call of `list` looks at, at most: a rare filter costs pages, never a long call. */
export const LOOKED_AT_MAX = 1_000;

/** Descending by the part of the id that sorts by time; a UUID is unique, so there are no ties. */
export function newestFirst(a: string, b: string): number {
  const [ua, ub] = [uuidOf(a), uuidOf(b)];
  return ua < ub ? 1 : ua > ub ? -1 : 0;
}

/** A listing goes on below the last saga looked at; the cursor is that position, not a count, so it is exact. */
export function cursorAfter(id: string): string {
  return Buffer.from(uuidOf(id)).toString('base64url');
}

export function uuidFromCursor(cursor: string): string {
  const uuid = Buffer.from(cursor, 'base64url').toString();
  if (!isUuid(uuid)) throw new BadCursorError('The cursor is not one that a listing gave');
  return uuid;
}
