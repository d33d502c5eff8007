/** Has ended sagas come to rest (packing.ts): those that were in hand here as they ended, and whatever else has rested long enough. */
import { StoreUnavailableError } from '../saga-store.ts';
import { Batches } from './batches.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, reachable } from './faults.ts';
import type { Ended } from './in-hand.ts';
import { type MachineName, machineName, type PartitionKeys } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { isLineBefore, lineIn, packed, unpacked, unpackedBefore, type Vocabulary } from './packing.ts';
import {
  briefOf,
  decodeKey,
  decodeMachine,
  decodeStatus,
  encodeLed,
  encodeRestingKey,
  encodeRestingMachine,
} from './record.ts';
import { pairs } from './replies.ts';
import { type Packed, vocabularyOf } from './vocabulary.ts';

/** Sagas of one machine from which its vocabulary is made. */
const SAMPLES_LEAST = 8;
/** How many are made smaller before others have their turn. Together they cost a fraction of what each costs by itself: zlib is at hand then. */
const AT_ONCE = 40;
/** Fields that go, or are written anew. Every other one stays in the hash, whoever has written it. */
const GO: ReadonlySet<string> = new Set(['snapshot', 'summary', 'trace', 'machine', 'key']);

const UNREADABLE_LINE = 'what rests of it cannot be read';

type Hash = Readonly<Record<string, string>>;

/** How far a partition's index of ended sagas has been gone through. */
interface Place {
  readonly keepMs: number;
  readonly score: number;
  /** Those of that very time that were looked at. */
  readonly skip: number;
}

export class Compaction {
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #root: string;
  readonly #batches: Batches;
  readonly #places = new Map<PartitionKeys, Place>();
  readonly #vocabularies = new Map<MachineName, Vocabulary>();
  /** Ended, and few yet. */
  readonly #waiting = new Map<MachineName, Ended[]>();

  /** @param root the key of the store's mark, where the vocabularies lie */
  constructor(redis: Client, keyspace: Keyspace, root: string) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#root = root;
    // No clock decides anything here.
    this.#batches = new Batches(redis, null, () => ['0']);
  }

  /**
   * A saga has ended of which all is at hand. It comes to rest with some others of its machine, or when `goOn` is called next.
   * Where that fails, it is read back later on like any other.
   */
  add(saga: Ended): void {
    const { machine } = saga;
    const waiting = this.#waiting.get(machine) ?? [];
    this.#waiting.set(machine, waiting);
    waiting.push(saga);
    if (waiting.length >= AT_ONCE) void this.#restWaiting(machine);
  }

  async #restWaiting(machine: MachineName): Promise<void> {
    try {
      // Fewer do not tell what they have in common.
      const isEnough = (this.#waiting.get(machine)?.length ?? 0) >= SAMPLES_LEAST;
      if (!isEnough && (await this.#vocabulary(machine)) === null) return;
      const waiting = this.#waiting.get(machine) ?? [];
      this.#waiting.delete(machine);
      await this.#rest(machine, waiting);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  /**
   * Goes on through the ended sagas, in the order in which they will be purged, and looks at `limit` of them at most.
   * @param untilMs those that are purged later ended too lately
   * @param keepMs how long ended sagas are kept: where that was changed, the order is another, and all are gone through anew
   * @returns how many were looked at
   */
  async goOn(limit: number, untilMs: number, keepMs: number): Promise<number> {
    await Promise.all([...this.#waiting.keys()].map((machine) => this.#restWaiting(machine)));
    let left = limit;
    for (const keys of this.#keyspace.inTurn()) {
      if (left <= 0) break;
      const [looked] = await reachable([this.#goOnIn(keys, left, untilMs, keepMs)]);
      left -= looked ?? 0;
    }
    return limit - left;
  }

  async #goOnIn(keys: PartitionKeys, limit: number, untilMs: number, keepMs: number): Promise<number> {
    const { score, skip } = await this.#placeIn(keys, keepMs);
    const from = Number.isFinite(score) ? score : '-inf';
    const flat = await orDamaged(
      this.#redis.zrangebyscore(keys.ended, from, untilMs, 'WITHSCORES', 'LIMIT', skip, limit),
      [],
    );
    const found = pairs(flat).map(([id, at]) => ({ id, at: Number(at) }));
    const last = found.at(-1)?.at;
    if (last === undefined) return 0;
    const read = await Promise.all(
      found.filter(({ id }) => this.#keyspace.of(id) === keys).map(({ id }) => this.#read(keys, id)),
    );
    const sagas = read.flatMap((one) => one ?? []);
    for (const machine of new Set(sagas.map((one) => one.machine))) {
      await this.#rest(
        machine,
        sagas.filter((one) => one.machine === machine),
      );
    }
    const sameTime = found.filter(({ at }) => at === last).length;
    this.#places.set(keys, { keepMs, score: last, skip: last === score ? skip + sameTime : sameTime });
    await asking(this.#redis.hset(keys.meta, 'compacted', `${keepMs} ${last}`));
    return found.length;
  }

  /** Where this process has come to, or another that is ahead: several share the work, and none does it twice over. */
  async #placeIn(keys: PartitionKeys, keepMs: number): Promise<Place> {
    const text = await asking(this.#redis.hget(keys.meta, 'compacted'));
    const [, kept, score] = /^(\d+) (\d+)$/.exec(text ?? '') ?? [];
    const theirs = Number(kept) === keepMs ? Number(score) : Number.NEGATIVE_INFINITY;
    const own = this.#places.get(keys);
    if (own?.keepMs === keepMs && own.score >= theirs) return own;
    return { keepMs, score: theirs, skip: 0 };
  }

  /** `null` where it rests already, or is not as everything that ends is. */
  async #read(keys: PartitionKeys, id: string): Promise<Ended | null> {
    const [hash, lines] = await Promise.all([
      orDamaged(this.#redis.hgetall(keys.saga(id)), {} as Hash),
      orDamaged(this.#redis.lrange(keys.log(id), 0, -1), []),
    ]);
    const { snapshot, summary, trace = '' } = hash;
    const isWhole = snapshot && summary && hash.brief === undefined && lines.length > 0;
    const status = decodeStatus(hash.status ?? '');
    if (!isWhole || (status !== 'COMPLETED' && status !== 'FAILED')) return null;
    if ([hash.owner, hash.due, hash.parked, hash.owed].some((text) => text)) return null;
    const brief = briefOf(summary);
    if (brief === null) return null;
    const { revision = '', write_id: writeId = '', key = '' } = hash;
    const machine = decodeMachine(hash.machine ?? '');
    // One that cannot be read is to be seen as it is.
    if (machine.version === '') return null;
    // Of what is empty nobody misses anything.
    const stays = Object.keys(hash).filter((name) => hash[name] !== '' && !GO.has(name));
    return {
      id,
      machine: machineName(machine),
      revision,
      writeId,
      snapshot,
      trace,
      lines,
      brief,
      ofMachine: encodeRestingMachine(machine),
      key: encodeRestingKey(key),
      led: await this.#ledAtRest(keys, id, key),
      stays,
    };
  }

  async #ledAtRest(keys: PartitionKeys, id: string, key: string): Promise<Buffer | ''> {
    const record = key === '' ? null : await orDamaged(this.#redis.get(keys.key(key)), null);
    const [first, digest = ''] = record?.split(' ') ?? [];
    return first === id ? encodeLed(id, digest) : '';
  }

  async #rest(machine: MachineName, sagas: readonly Ended[]): Promise<void> {
    const known = await this.#vocabulary(machine);
    const isEnough = sagas.length >= SAMPLES_LEAST;
    const vocabulary = known ?? (isEnough ? await this.#learn(machine, sagas) : null);
    for (let from = 0; from < sagas.length; from += AT_ONCE) {
      const few = sagas.slice(from, from + AT_ONCE);
      await Promise.all(few.map((saga) => this.#restOne(saga, vocabulary)));
    }
  }

  async #restOne(saga: Ended, vocabulary: Vocabulary | null): Promise<void> {
    const { id, revision, writeId, brief, ofMachine, key, led, stays } = saga;
    const keys = this.#keyspace.of(id);
    const line = await packed(saga, vocabulary);
    if (keys === null || line === null) return;
    const record = key === '' ? keys.saga(id) : keys.key(decodeKey(key));
    const named = [keys.saga(id), keys.log(id), keys.compacted, record];
    const args = [revision, writeId, line, brief, ofMachine, key, led, ...stays, ''];
    await this.#batches.write('compact', named, args);
  }

  /** What is in the line of a saga that rests; `null` where it has none, or none that can be read. */
  async whole(keys: PartitionKeys, id: string): Promise<Packed | null> {
    const line = await this.#line(keys, id);
    return line ? this.#unpacked(line) : this.#before(keys, id);
  }

  /** The lines of a log, whether its saga rests or not; or why they cannot be read. */
  async lines(keys: PartitionKeys, id: string): Promise<readonly string[] | string> {
    const log = await asking(orDamaged(this.#redis.lrange(keys.log(id), 0, -1), null));
    // Where somebody has written to one that rests, its log begins with how many entries are gone.
    const isWhole = log !== null && log.length > 0 && !/^\d+$/.test(log[0] ?? '');
    const at = log?.findLastIndex(isLineBefore) ?? -1;
    if (at >= 0) {
      const saga = await this.#before(keys, id);
      return saga ? [...saga.lines, ...(log ?? []).slice(at + 1)] : UNREADABLE_LINE;
    }
    const line = isWhole ? null : await this.#line(keys, id);
    if (line === null) return log ?? 'the key of the log is no list';
    const saga = await this.#unpacked(line);
    return saga ? [...saga.lines, ...(log ?? []).slice(1)] : UNREADABLE_LINE;
  }

  async #line(keys: PartitionKeys, id: string): Promise<Buffer | null> {
    return lineIn(await asking(orDamaged(this.#redis.hgetallBuffer(keys.saga(id)), {})));
  }

  #unpacked(line: Buffer): Promise<Packed | null> {
    return unpacked(line, (machine, isAgain) => {
      const known = isAgain ? undefined : this.#vocabularies.get(machine);
      return known ? Promise.resolve(known) : this.#vocabulary(machine);
    });
  }

  /** Of one whose line stands in its log's place. */
  async #before(keys: PartitionKeys, id: string): Promise<Packed | null> {
    const log = await asking(orDamaged(this.#redis.lrangeBuffer(keys.log(id), 0, -1), []));
    const line = log.findLast(isLineBefore);
    if (line === undefined) return null;
    return unpackedBefore(line, (machine) =>
      asking(this.#redis.hgetBuffer(this.#root, `vocabulary:${machine}`)),
    );
  }

  /** What most sagas of a machine have in common. It is never written anew: lines that were made with it need it. */
  async #vocabulary(machine: MachineName): Promise<Vocabulary | null> {
    const text = await asking(this.#redis.hget(this.#root, `words:${machine}`));
    if (text === null) return null;
    const vocabulary = { machine, bytes: Buffer.from(text) };
    this.#vocabularies.set(machine, vocabulary);
    return vocabulary;
  }

  async #learn(machine: MachineName, samples: readonly Packed[]): Promise<Vocabulary | null> {
    const text = vocabularyOf(samples);
    await asking(this.#redis.hsetnx(this.#root, `words:${machine}`, text));
    // Another may have been first.
    return this.#vocabulary(machine);
  }
}
