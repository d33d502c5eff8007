/**
 * How a saga is found by the values of its terms. A term is nine letters of base64url: two of a hash of its name, seven of a hash of
 * its value. The first two of the latter name a bucket, of which each partition has 4096: a string of entries of eleven letters,
 * three more of that hash and the eight in which the saga's id says when it began. In a long one blanks may stand for some that have gone.
 *
 * The record has its terms in full (`find`), so that whoever finds an entry asks the record, and purge knows which entries to
 * take out. An entry comes before its record, in the same script: one that leads nowhere harms nobody and is taken out by
 * whoever meets it; a record without its entry there is not.
 */
import { hash } from 'node:crypto';
import { partitionName, uuidOf } from '../partition.ts';
import { isTermSought, type Sought, type Term, valuesOf } from '../saga-store.ts';
import type { PartitionKeys } from './keys.ts';

const NAME = 2;
const BUCKET = 2;
const REST = 3;
const TERM = 9;
const REF = 8;
const ENTRY = REST + REF;
/** Letters of a bucket that is written anew when an entry goes; in a longer one that is blanked. */
export const BUCKET_SHORT = 100 * ENTRY;

/** What a saga is found by, as scripts are told of it. */
export interface Entered {
  /** The last keys: a bucket for each term. */
  readonly keys: readonly string[];
  /** The last argument: where the id leads, and then the terms; empty where there are none. */
  readonly said: string;
}

/** An entry that was found: a saga of this partition that began at this time may have the term. */
export interface Found {
  readonly keys: PartitionKeys;
  /** How its id begins. */
  readonly stem: string;
  /** Of the UUID in that. */
  readonly time: string;
  readonly bucket: string;
  /** All of the bucket, and the entry in it. */
  readonly text: string;
  readonly at: number;
}

/** More names are not remembered: whoever searches may ask for any. */
const NAMES_MAX = 1_000;

const NOTHING: Entered = { keys: [], said: '' };

export class TermHashes {
  /** Of the store: a value has another hash in each, so that none can be made up that meets another's. */
  readonly #salt: string;
  readonly #names = new Map<string, string>();

  constructor(salt: string) {
    this.#salt = salt;
  }

  enter(keys: PartitionKeys, id: string, terms: readonly Term[] = []): Entered {
    if (terms.length === 0) return NOTHING;
    const codes = [...new Set(terms.map(({ name, value }) => this.#name(name) + this.#value(value)))];
    return { keys: codes.map((code) => bucketOf(keys, code)), said: refOf(id) + codes.join('') };
  }

  /** The buckets in which a partition has what is sought, one for each of its values. */
  buckets(keys: PartitionKeys, sought: Sought): string[] {
    return valuesOf(sought).map((value) => keys.find(this.#value(value).slice(0, BUCKET)));
  }

  /** @param texts what those buckets hold; `null` where one holds nothing */
  entriesIn(
    keys: PartitionKeys,
    partition: number,
    sought: Sought,
    texts: readonly (string | null | undefined)[],
  ): Found[] {
    const buckets = this.buckets(keys, sought);
    const found = new Map<string, Found>();
    for (const [index, value] of valuesOf(sought).entries()) {
      const text = texts[index] ?? '';
      const rest = this.#value(value).slice(BUCKET, BUCKET + REST);
      for (let at = text.indexOf(rest); at >= 0; at = text.indexOf(rest, at + 1)) {
        if (at % ENTRY !== 0) continue;
        const time = timeIn(text.slice(at + REST, at + ENTRY));
        const stem = `${partitionName(partition)}-${time}`;
        found.set(stem, { keys, stem, time, bucket: buckets[index] ?? '', text, at });
      }
    }
    return [...found.values()];
  }

  /** Whether a record has a term that is sought. */
  holds(find: string, sought: Sought): boolean {
    if (!isTermSought(sought)) return false;
    const values = valuesOf(sought).map((value) => this.#value(value));
    const name = sought.by === undefined ? null : this.#name(sought.by);
    return termsIn(find).some(
      (term) => values.includes(term.slice(NAME)) && (name === null || term.startsWith(name)),
    );
  }

  /** Names are those of definitions, and so few. */
  #name(name: string): string {
    const known = this.#names.get(name) ?? hash('sha256', name, 'base64url').slice(0, NAME);
    if (this.#names.size < NAMES_MAX) this.#names.set(name, known);
    return known;
  }

  #value(value: string): string {
    return hash('sha256', `${this.#salt}\n${value}`, 'base64url').slice(0, TERM - NAME);
  }
}

/** Of a record that is to go: what it is to be taken out of. */
export function entriesOf(keys: PartitionKeys, id: string, find: string): Entered {
  const terms = termsIn(find);
  return terms.length === 0
    ? NOTHING
    : { keys: terms.map((term) => bucketOf(keys, term)), said: refOf(id) + find };
}

/** What a script is to have in its record, of a saga that is new. */
export function findOf({ said }: Entered): string {
  return said.slice(REF);
}

/** A bucket without an entry that leads nowhere. */
export function withoutEntry({ text, at }: Found): string {
  return text.slice(0, at) + text.slice(at + ENTRY);
}

function termsIn(find: string): string[] {
  const count = Math.floor(find.length / TERM);
  return Array.from({ length: count }, (_, at) => find.slice(at * TERM, (at + 1) * TERM));
}

function bucketOf(keys: PartitionKeys, term: string): string {
  return keys.find(term.slice(NAME, NAME + BUCKET));
}

/** The milliseconds that an id begins with, six bytes of them. */
function refOf(id: string): string {
  return Buffer.from(uuidOf(id).slice(0, 13).replace('-', ''), 'hex').toString('base64url');
}

function timeIn(ref: string): string {
  const digits = Buffer.from(ref, 'base64url').toString('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8)}`;
}
