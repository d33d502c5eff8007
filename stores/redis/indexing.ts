/**
 * Makes sagas found by their terms that an older release has written. How far that has come stands in the store: in its mark
 * `indexed` says `done`, or when the first coordinator came that indexes; in each partition's, which saga was the last.
 */
import { bornAtMs, isUuid, uuidOf } from '../partition.ts';
import type { SagaRecord, Term } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, reachable, together } from './faults.ts';
import type { PartitionKeys } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { run } from './scripts.ts';
import type { TermHashes } from './terms.ts';

const FIELD = 'indexed';
const DONE = 'done';
/** How long coordinators of an older release may go on beside the first of this one. What they write meanwhile is indexed after it. */
const OVERLAP_MS = 15 * 60_000;

export class Indexing {
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #terms: TermHashes;
  /** The key of the store's mark. */
  readonly #root: string;
  readonly #places = new Map<PartitionKeys, string>();
  #isDone = false;

  constructor(redis: Client, keyspace: Keyspace, terms: TermHashes, root: string) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#terms = terms;
    this.#root = root;
  }

  /** Of a store in which nothing is yet, nothing is to be indexed. */
  async begin(nowMs: number): Promise<void> {
    const text = await this.#text();
    if (text !== null) return;
    const counts = await together(
      this.#keyspace.partitions.map(({ sagas }) => orDamaged(this.#redis.zcard(sagas), 1)),
    );
    const isEmpty = counts.every((count) => count === 0);
    try {
      await asking(this.#redis.hsetnx(this.#root, FIELD, isEmpty ? DONE : String(Math.floor(nowMs))));
    } catch {
      // A Redis that refuses writes can be opened all the same: whoever comes next begins.
    }
  }

  /** Whether the index has all sagas. Asks nobody once it has. */
  async isDone(): Promise<boolean> {
    this.#isDone ||= (await this.#text()) === DONE;
    return this.#isDone;
  }

  /** @param read a saga by its id, whole; `null` where it has gone */
  async goOn(
    limit: number,
    nowMs: number,
    read: (id: string) => Promise<SagaRecord | null>,
    termsOf: (record: SagaRecord) => readonly Term[],
  ): Promise<number> {
    if (this.#isDone) return 0;
    const text = await this.#text();
    this.#isDone = text === DONE;
    if (text === null) await this.begin(nowMs);
    const untilMs = Number(text) + OVERLAP_MS;
    if (text === null || this.#isDone || nowMs < untilMs) return 0;
    let left = limit;
    let isAll = true;
    for (const keys of this.#keyspace.inTurn()) {
      const [looked] = left > 0 ? await reachable([this.#goOnIn(keys, left, untilMs, read, termsOf)]) : [];
      if (looked === undefined || looked === null || looked === left) isAll = false;
      left -= looked ?? 0;
    }
    if (isAll) await asking(this.#redis.hset(this.#root, FIELD, DONE));
    return limit - left;
  }

  async #goOnIn(
    keys: PartitionKeys,
    limit: number,
    untilMs: number,
    read: (id: string) => Promise<SagaRecord | null>,
    termsOf: (record: SagaRecord) => readonly Term[],
  ): Promise<number> {
    const place = this.#places.get(keys) ?? (await this.#placeIn(keys));
    const from = place === '' ? '-' : `(${place}`;
    const ids = await orDamaged(this.#redis.zrangebylex(keys.sagas, from, '+', 'LIMIT', 0, limit), []);
    const old = ids.filter((id) => !isUuid(uuidOf(id)) || bornAtMs(id) < untilMs);
    await Promise.all(
      old.map(async (id) => {
        if (this.#keyspace.of(id) !== keys) return;
        const record = await read(id);
        const entered = record && this.#terms.enter(keys, id, termsOf(record));
        if (entered && entered.said !== '')
          await run(this.#redis, 'enter', [keys.saga(id), ...entered.keys], [entered.said]);
      }),
    );
    const last = old.at(-1);
    if (last !== undefined) {
      await asking(this.#redis.hset(keys.meta, 'indexed_to', last));
      this.#places.set(keys, last);
    }
    return old.length;
  }

  async #placeIn(keys: PartitionKeys): Promise<string> {
    return (await asking(this.#redis.hget(keys.meta, 'indexed_to'))) ?? '';
  }

  #text(): Promise<string | null> {
    return asking(this.#redis.hget(this.#root, FIELD));
  }
}
