/**
 * Moves a store of numbered partitions to those that spread evenly over the masters of a Cluster, while no coordinator runs.
 * It may be ended anywhere, and goes on where it is called again:
 *
 * | step | the mark says | what is there |
 * |---|---|---|
 * | 1. mark the store: from now on no coordinator starts. Where one runs the mark is taken back | `16 to 48 spread` | all in the old place |
 * | 2. copy each key to the slot of its new tag, until a round finds none to copy | `16 to 48 spread` | all in the old place, some in the new |
 * | 3. mark the new partitions, then the store: coordinators start | `48 spread, 16 before` | all in both |
 * | 4. remove the old keys, and then the note that some are left | `48 spread, 16 before` | all in the new place |
 *
 * A saga keeps its id and with it the number of its partition, so every key goes to one place, whole. An idempotency key belongs to
 * another partition by the new number, so whoever begins a saga looks in the old one too (see RedisStore).
 */
import { readFileSync } from 'node:fs';
import { StoreRefusedError } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking } from './faults.ts';
import { assertPrefix, declarationKeys, rootKey, tagOf } from './keys.ts';
import { decodeLayout, encodeLayout, isMovingFrom, movingFrom, SPREAD } from './layout.ts';
import { mastersOf } from './masters.ts';
import { connected, markAll } from './opening.ts';

const MARK = readFileSync(new URL('./lua/mark.lua', import.meta.url), 'utf8');
/** Keys that one SCAN looks at, about: so many are copied or removed at once. */
const SCAN_COUNT = 500;

export interface Repartitioning {
  readonly redis: Client;
  readonly prefix?: string;
  /** Is told what is being done. */
  readonly tell?: (words: string) => void;
}

export interface Repartitioned {
  /** Partitions that the store has now. */
  readonly partitions: number;
  readonly copied: number;
  readonly removed: number;
}

interface Mark {
  readonly partitions?: string;
  readonly store?: string;
  readonly left?: string;
}

class Move {
  readonly #redis: Client;
  readonly #prefix: string;
  readonly #root: string;
  readonly #tell: (words: string) => void;

  constructor({ redis, prefix = '', tell = () => {} }: Repartitioning) {
    assertPrefix(prefix);
    this.#redis = redis;
    this.#prefix = prefix;
    this.#root = rootKey(prefix);
    this.#tell = tell;
  }

  async forth(): Promise<Repartitioned> {
    const mark = await this.#mark();
    const { partitions: text, store } = mark;
    const layout = decodeLayout(text);
    if (layout?.isSpread) {
      const removed = mark.left ? await this.#removeOld(Number(mark.left)) : 0;
      return { partitions: layout.partitions, copied: 0, removed };
    }
    const from = isMovingFrom(text) ?? layout?.partitions ?? null;
    if (from === null || SPREAD.partitions % from !== 0) {
      throw new StoreRefusedError(
        `${this.#root} says ${text}: only a store of as many partitions as divide ${SPREAD.partitions} can be moved to as many.`,
      );
    }
    if (layout !== null) await this.#say(text, movingFrom(from));
    await this.#assertNobodyRuns(async () => {
      if (layout !== null) await this.#say(movingFrom(from), text);
    });
    this.#tell(`copying the keys of ${from} partitions; no coordinator can start meanwhile`);
    let copied = 0;
    // A master that failed over may have forgotten some: they are found missing by the next round.
    for (let more = -1; more !== 0; copied += more) more = await this.#copy(from);
    await markAll(this.#redis, this.#prefix, SPREAD, store);
    await this.#say(movingFrom(from), encodeLayout({ ...SPREAD, before: from }), String(from));
    this.#tell(`${copied} keys are copied, and coordinators can start; removing the old ones`);
    return { partitions: SPREAD.partitions, copied, removed: await this.#removeOld(from) };
  }

  async back(): Promise<Repartitioned> {
    const { partitions: text } = await this.#mark();
    const from = isMovingFrom(text);
    if (from === null) {
      throw new StoreRefusedError(
        `${this.#root} says ${text}: only a move that has not ended can be undone.`,
      );
    }
    await this.#assertNobodyRuns(async () => {});
    const tags = this.#tags(from, true);
    const removed = await this.#remove((key) => tags.has(tagIn(key)));
    await this.#say(movingFrom(from), String(from));
    return { partitions: from, copied: 0, removed };
  }

  async #mark(): Promise<Mark & { readonly partitions: string; readonly store: string }> {
    const mark: Mark = await asking(this.#redis.hgetall(this.#root));
    const { partitions, store } = mark;
    if (partitions === undefined || store === undefined) {
      throw new StoreRefusedError(
        `There is no store here: ${this.#root} is missing. REDIS_PREFIX may be another.`,
      );
    }
    return { ...mark, partitions, store };
  }

  async #say(expected: string, layout: string, left = ''): Promise<void> {
    const found = await asking(this.#redis.eval(MARK, 1, this.#root, expected, layout, left));
    if (found === layout) return;
    throw new StoreRefusedError(`${this.#root} says ${found} by now: somebody else moves this store.`);
  }

  /** @param before what is done first where somebody does */
  async #assertNobodyRuns(before: () => Promise<void>): Promise<void> {
    const { live } = declarationKeys(this.#prefix);
    const [seconds] = await asking(this.#redis.time());
    const declared = await asking(this.#redis.zrangebyscore(live, `(${Number(seconds) * 1_000}`, '+inf'));
    if (declared.length === 0) return;
    await before();
    const names = [...new Set(declared.map((one) => one.split(' ').slice(2).join(' ')))].sort();
    throw new StoreRefusedError(
      `Coordinators use this store: ${names.join(', ')}. Stop them first; one that was killed counts for three minutes more.`,
    );
  }

  /** The tags of the partitions that have a number in both layouts. */
  #tags(count: number, isSpread: boolean): ReadonlySet<string> {
    const partitions = isSpread ? SPREAD.partitions : count;
    return new Set(Array.from({ length: partitions }, (_, each) => tagOf(this.#prefix, each, isSpread)));
  }

  async #copy(from: number): Promise<number> {
    const places = new Map(
      Array.from({ length: from }, (_, partition) => [
        tagOf(this.#prefix, partition, false),
        tagOf(this.#prefix, partition, true),
      ]),
    );
    let copied = 0;
    await this.#eachPage(async (keys) => {
      const moves = keys.flatMap((key) => {
        const place = places.get(tagIn(key));
        return place === undefined || isMeta(key) ? [] : { key, to: place + key.slice(tagIn(key).length) };
      });
      const found = await Promise.all(moves.map(({ to }) => this.#redis.exists(to)));
      const missing = moves.filter((_, index) => found[index] === 0);
      const copies = await Promise.all(missing.map(({ key, to }) => this.#copyOne(key, to)));
      copied += copies.filter(Boolean).length;
    });
    return copied;
  }

  async #copyOne(key: string, to: string): Promise<boolean> {
    const value = await this.#redis.dumpBuffer(key);
    if (value === null) return false;
    try {
      await this.#redis.restore(to, 0, value);
    } catch (error) {
      // It was copied, and the answer got lost.
      if (!(error instanceof Error && error.message.startsWith('BUSYKEY'))) throw error;
    }
    return true;
  }

  async #removeOld(from: number): Promise<number> {
    const tags = this.#tags(from, false);
    const removed = await this.#remove((key) => tags.has(tagIn(key)) && key !== this.#root);
    await asking(this.#redis.hdel(this.#root, 'left'));
    return removed;
  }

  async #remove(isToGo: (key: string) => boolean): Promise<number> {
    let removed = 0;
    await this.#eachPage(async (keys) => {
      const gone = await Promise.all(keys.filter(isToGo).map((key) => this.#redis.unlink(key)));
      removed += gone.filter((count) => count === 1).length;
    });
    return removed;
  }

  /** All keys that are there from the beginning to the end, each at least once, of every master. */
  async #eachPage(act: (keys: readonly string[]) => Promise<void>): Promise<void> {
    for (const server of await mastersOf(this.#redis)) {
      for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
        const [next, keys] = await asking(server.scan(cursor, 'COUNT', SCAN_COUNT));
        await asking(act(keys));
        cursor = next;
      }
    }
  }
}

function tagIn(key: string): string {
  return key.slice(0, key.indexOf('}') + 1);
}

function isMeta(key: string): boolean {
  return key.slice(tagIn(key).length) === ':meta';
}

/**
 * @throws StoreRefusedError where a coordinator runs, or it is no store that can be moved; StoreUnavailableError: it goes on when
 *   it is called again
 */
export async function repartition(given: Repartitioning): Promise<Repartitioned> {
  await connected(given.redis);
  return new Move(given).forth();
}

/** Takes back a move that has not ended: what was copied is removed, and coordinators start on the store as it was. */
export async function undoRepartition(given: Repartitioning): Promise<Repartitioned> {
  await connected(given.redis);
  return new Move(given).back();
}
