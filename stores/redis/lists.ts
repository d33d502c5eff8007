/** Listings of sagas, newest first: what an index of terms leads to, or what is left of an index that is looked through. */
import { assertLimit } from '../assertions.ts';
import { cursorAfter, LOOKED_AT_MAX, uuidAbove } from '../paging.ts';
import { bornAtMs, partitionName } from '../partition.ts';
import {
  type Filter,
  isIdSought,
  isTermSought,
  LABEL_TERM,
  listingOf,
  matches,
  type Page,
  type SagaListing,
  type SagaRecord,
  type SagaStatus,
  type Sought,
  soughtBy,
} from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, together } from './faults.ts';
import type { Indexing } from './indexing.ts';
import type { PartitionKeys } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { newestIds } from './listing.ts';
import { memberBegins } from './parked.ts';
import { decodeRecord, LISTED, summaryOfBrief } from './record.ts';
import { idsByTerm, mergedNewest } from './search.ts';
import type { StoreClock } from './store-clock.ts';
import type { TermHashes } from './terms.ts';

/** What a listing shows of a saga, how much was read for it, and its terms. */
interface Listed {
  readonly saga: SagaListing;
  readonly letters: number;
  readonly find: string;
}

interface Surroundings {
  readonly redis: Client;
  readonly keyspace: Keyspace;
  readonly clock: StoreClock;
  readonly terms: TermHashes;
  readonly indexing: Indexing;
}

/** A saga, whole, and with the status of the index in which it was found. */
type Read = (id: string, status: SagaStatus | undefined) => Promise<SagaRecord | null>;

/** How a cursor begins that goes through all sagas because the index has not all of them yet. */
const WALK = '~';
/** Sagas that a listing reads in one packet. */
const TOGETHER = 50;
/** What a page of a listing reads of its sagas, about, in characters: one with many that hold much ends early. */
const LETTERS_MAX = 4 * 1024 * 1024;

/** Fields that are empty once a saga has ended: one that rests has none of them. */
export const ENDED_WITHOUT = { parked: '', owner: '', due: '' };

export class Lists {
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #clock: StoreClock;
  readonly #terms: TermHashes;
  readonly #indexing: Indexing;
  readonly #read: Read;

  constructor({ redis, keyspace, clock, terms, indexing }: Surroundings, read: Read) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#clock = clock;
    this.#terms = terms;
    this.#indexing = indexing;
    this.#read = read;
  }

  async page(filter: Filter, cursor: string | null, limit: number): Promise<Page> {
    assertLimit(limit);
    const sought = soughtBy(filter);
    const isIndexing = sought !== null && isTermSought(sought) && !(await this.#indexing.isDone());
    // What the index has is told first. Behind it those are looked through that may not be there yet.
    const isWalk = cursor?.startsWith(WALK) === true;
    const place = isWalk ? cursor.slice(WALK.length) || null : cursor;
    const damage = new Set<string>();
    const ids =
      sought === null || isWalk
        ? this.#newest(filter, place, limit, damage)
        : this.#sought(sought, filter, place, limit, damage);
    const isRight = ({ saga, find }: Listed) => {
      if (sought === null) return true;
      const isFound =
        this.#terms.holds(find, sought) || (isIdSought(sought) && saga.id.startsWith(sought.text));
      return isWalk ? !isFound && isLabelled(saga, sought) : isFound;
    };
    const page = await this.#look(ids, filter, limit, isRight);
    const next =
      page.next !== null ? `${isWalk ? WALK : ''}${page.next}` : isIndexing && !isWalk ? WALK : null;
    const { sagas, looked, last } = page;
    const backToMs = last === null ? null : bornAtMs(last);
    return { sagas, cursor: next, damage: [...damage], looked, backToMs, isIndexing };
  }

  /** All that the fewest indexes hold, of those partitions in which an id can begin as the filter says. */
  #newest(
    filter: Filter,
    place: string | null,
    limit: number,
    damage: Set<string>,
  ): AsyncGenerator<string, undefined> {
    const { id = '' } = filter;
    // Of the index by cause it is those members alone that begin with it.
    const begins = filter.cause ? memberBegins(filter.cause) : '';
    const sources = this.#keyspace.partitions.flatMap((keys, partition) => {
      const prefix = `${partitionName(partition)}-`;
      if (!prefix.startsWith(id.slice(0, prefix.length))) return [];
      const least = id.length > prefix.length ? id : undefined;
      return indexesFor(filter, keys).map((key) => ({ key, begins, prefix, least }));
    });
    const chunk = Math.min(100, 10 + Math.ceil(limit / Math.max(1, sources.length)));
    return newestIds(
      (key, max, min, count) => {
        const reply = this.#redis.zrevrangebylex(key, max, min, 'LIMIT', 0, count);
        return asking(orDamaged(reply, [], () => damage.add(`${key} is no sorted set`)));
      },
      sources,
      uuidAbove(filter, place),
      chunk,
    );
  }

  #sought(
    sought: Sought,
    filter: Filter,
    place: string | null,
    limit: number,
    damage: Set<string>,
  ): AsyncGenerator<string, undefined> {
    const byId = () => this.#newest({ id: sought.text }, place, limit, damage);
    if (!isTermSought(sought)) return byId();
    const byTerm = idsByTerm(this.#redis, this.#keyspace, this.#terms, sought, uuidAbove(filter, place));
    return isIdSought(sought) ? mergedNewest(byTerm, byId()) : byTerm;
  }

  /** Reads listings until the page is full, or as much was looked at as may be. */
  async #look(
    ids: AsyncGenerator<string, undefined>,
    filter: Filter,
    limit: number,
    isRight: (listed: Listed) => boolean,
  ) {
    const sagas: SagaListing[] = [];
    let letters = 0;
    let looked = 0;
    let last: string | null = null;
    // Where all are wanted, none is read in vain.
    const isAny = Object.values(filter).every((value) => value === undefined);
    const wanted = () => (isAny ? Math.min(TOGETHER, limit - sagas.length) : TOGETHER);
    let ahead = await take(ids, wanted());
    for (; ahead.length > 0; ahead = await take(ids, wanted())) {
      const read = await together(ahead.map((id) => this.#listing(id, filter.status)));
      for (const [index, found] of read.entries()) {
        looked += 1;
        last = ahead[index] ?? last;
        letters += found?.letters ?? 0;
        // A saga that was purged since its id was read is no longer held.
        if (found && isRight(found) && matches(filter, found.saga, this.#clock.now())) sagas.push(found.saga);
        if (sagas.length < limit && looked < LOOKED_AT_MAX && letters < LETTERS_MAX) continue;
        const more = index + 1 < ahead.length || (await take(ids, 1)).length > 0;
        return { sagas, looked, last, next: more ? cursorAfter(last ?? '', filter) : null };
      }
    }
    return { sagas, looked, last, next: null };
  }

  async #listing(id: string, status: SagaStatus | undefined): Promise<Listed | null> {
    const keys = this.#keyspace.of(id);
    if (!keys) return null;
    const names = [...LISTED, 'brief', 'cause', 'parkings', 'find'];
    const read = await asking(orDamaged(this.#redis.hmget(keys.saga(id), ...names), null));
    const [cause, parkings, find] = read?.slice(-3) ?? [];
    const texts = read && textsOf(read.slice(0, -3));
    // Whatever is not as it should be is looked at whole, and told as `get` tells it.
    if (texts === null || texts.includes(null)) {
      const saga = await this.#read(id, status);
      return saga && { saga: listingOf(saga), letters: saga.snapshot.length, find: find ?? '' };
    }
    const hash = Object.fromEntries(LISTED.map((name, index) => [name, texts[index] ?? '']));
    const letters = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
    const more = { ...(cause && { cause }), ...(parkings && { parkings }), snapshot: '' };
    const saga = listingOf(decodeRecord(id, { ...hash, ...more }, status));
    return { saga, letters, find: find ?? '' };
  }
}

/** Of a saga that the index does not have yet its label alone tells whether it is sought. */
function isLabelled({ summary: { label, sealed } }: SagaListing, sought: Sought): boolean {
  if (sought.by !== undefined && sought.by !== LABEL_TERM) return false;
  return label === sought.text || (sealed !== undefined && sought.hashes?.includes(sealed.hash) === true);
}

/** What was read of LISTED; of one that rests, with what its brief stands for. */
function textsOf(found: readonly (string | null)[]): (string | null)[] {
  const [texts, brief] = [found.slice(0, -1), found.at(-1)];
  const summary = brief === null || brief === undefined ? null : summaryOfBrief(brief);
  if (summary === null || texts[LISTED.indexOf('summary')] !== null) return texts;
  const instead: Readonly<Record<string, string>> = { ...ENDED_WITHOUT, summary };
  return LISTED.map((name, at) => texts[at] ?? instead[name] ?? null);
}

/** The fewest indexes that hold every saga which a filter may let pass. */
function indexesFor(filter: Filter, { status, sagas, parked }: PartitionKeys): string[] {
  if (filter.cause) return [parked];
  if (filter.cause !== undefined) return [status.ABORTED];
  if (filter.status) return [status[filter.status]];
  if (filter.error !== undefined) return [status.ABORTED];
  if (filter.stuckForMs !== undefined) return [status.STARTED, status.ABORTED];
  // Not the four status indexes: a saga that moved between two reads could be missing in both answers.
  return [sagas];
}

async function take(ids: AsyncGenerator<string, undefined>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value } = await ids.next();
    if (value === undefined) break;
    taken.push(value);
  }
  return taken;
}
