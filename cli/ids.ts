/** Ids as people write them: a beginning that no other has is enough, and so is what a narrow table left of one. */
import type { SagaClient, SagaListing } from '../client/client.ts';
import { UsageError } from './surroundings.ts';
import { shown } from './text.ts';

/** The partition and a UUIDv7. */
const WHOLE = /^[0-9a-f]{2,}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A beginning, and where the middle was cut out an end. */
const CUT = /^([0-9a-f]+(?:-[0-9a-f-]*)?)(?:(?:…|\.{2,3})([0-9a-f-]+))?$/;
/** Named where several begin so. */
const CANDIDATES_MAX = 10;
/** Beyond so many sagas whoever asks had better type one digit more. */
const LOOKED_AT_MAX = 5000;

/** What stands for no saga is handed on: the coordinator says so in its words. */
export async function wholeId(coordinator: SagaClient, written: string): Promise<string> {
  const [, beginning, end = ''] = CUT.exec(written) ?? [];
  if (beginning === undefined || WHOLE.test(written)) return written;
  const found: SagaListing[] = [];
  let looked = 0;
  for await (const saga of coordinator.all({ id: beginning, limit: 500 })) {
    looked += 1;
    if (String(saga.saga_id).endsWith(end)) found.push(saga);
    if (found.length > CANDIDATES_MAX || looked === LOOKED_AT_MAX) break;
  }
  if (looked === LOOKED_AT_MAX)
    throw new UsageError(`too many ids begin with ${beginning}: write more of it`);
  const [only, ...others] = found;
  if (only === undefined) return written;
  if (others.length === 0) return only.saga_id;
  throw new UsageError(`${written} is the beginning of several ids`, [
    ...found
      .slice(0, CANDIDATES_MAX)
      .map(({ saga_id, status, label }) => [saga_id, status, label].map(shown).join('  ').trimEnd()),
    ...(found.length > CANDIDATES_MAX ? ['and of more'] : []),
  ]);
}
