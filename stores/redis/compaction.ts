/**
 * How an ended saga lies once it rests: what grows with it (its snapshot, its log) is one deflated line, which stands in the
 * log's place, and its hash has what indexes, purge and listings ask. Nobody writes to it any more, so whoever reads it
 * whole pays for it, and nobody else.
 */
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib';
import { z } from 'zod';
import type { Client } from './client.ts';
import { asking, orDamaged, reachable } from './faults.ts';
import { type MachineName, machineName, type PartitionKeys } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { briefOf, decodeMachine, decodeStatus } from './record.ts';
import { pairs } from './replies.ts';
import { run } from './scripts.ts';
import { type Packed, vocabularyOf } from './vocabulary.ts';

const deflatedElsewhere = promisify(deflateRaw);

/** How a line begins that is a whole saga; no log entry does, and no number. What follows is a name, a space, and bytes. */
const BEGINS = 'z1 ';
/** In place of a machine's name: there was no vocabulary of it yet. */
const NO_VOCABULARY = '-';
/** Sagas of one machine from which its vocabulary is made. */
const SAMPLES_LEAST = 8;
/** What is not made smaller than this part of itself stays as it is: what is encrypted, say. */
const WORTH = 0.75;
/** How many are made smaller before others have their turn. */
const AT_ONCE = 40;
/** Handing a text to another thread costs more than deflating one as long as most are: so only long ones are handed over. */
const LETTERS_HERE_MAX = 16_384;
const INFLATED_MAX = 64 * 1024 * 1024;
/** What stands in the line alone. Every other field stays in the hash, too, whoever has written it. */
const PACKED: ReadonlySet<string> = new Set(['snapshot', 'summary', 'trace']);

type Hash = Readonly<Record<string, string>>;

const whole = z.tuple([z.record(z.string(), z.string()), z.array(z.string())]);

interface Resting extends Packed {
  readonly id: string;
  readonly machine: MachineName;
}

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
  readonly #places = new Map<PartitionKeys, Place>();
  readonly #vocabularies = new Map<MachineName, Buffer>();

  /** @param root the key of the store's mark, where the vocabularies lie */
  constructor(redis: Client, keyspace: Keyspace, root: string) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#root = root;
  }

  /**
   * Goes on through the ended sagas, in the order in which they will be purged, and looks at `limit` of them at most.
   * @param untilMs those that are purged later ended too lately
   * @param keepMs how long ended sagas are kept: where that was changed, the order is another, and all are gone through anew
   * @returns how many were looked at
   */
  async goOn(limit: number, untilMs: number, keepMs: number): Promise<number> {
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
    await this.#compact(
      keys,
      read.flatMap((one) => one ?? []),
    );
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
  async #read(keys: PartitionKeys, id: string): Promise<Resting | null> {
    const [hash, log] = await Promise.all([
      orDamaged(this.#redis.hgetall(keys.saga(id)), {} as Hash),
      orDamaged(this.log(keys, id), []),
    ]);
    if (hash.brief !== undefined) return null;
    const lines = await this.lines(log);
    const isPacked = hash.snapshot && hash.summary && lines !== null && lines.length > 0;
    const status = decodeStatus(hash.status ?? '');
    if (!isPacked || (status !== 'COMPLETED' && status !== 'FAILED')) return null;
    if ([hash.owner, hash.due, hash.parked, hash.owed].some((text) => text)) return null;
    return { id, hash, lines, machine: machineName(decodeMachine(hash.machine ?? '')) };
  }

  async #compact(keys: PartitionKeys, sagas: readonly Resting[]): Promise<void> {
    for (const machine of new Set(sagas.map((one) => one.machine))) {
      const alike = sagas.filter((one) => one.machine === machine);
      const known = await this.#vocabulary(machine);
      const dictionary = known ?? (alike.length < SAMPLES_LEAST ? null : await this.#learn(machine, alike));
      for (let from = 0; from < alike.length; from += AT_ONCE) {
        const few = alike.slice(from, from + AT_ONCE);
        await Promise.all(few.map((saga) => this.#compactOne(keys, saga, dictionary)));
      }
    }
  }

  async #compactOne(keys: PartitionKeys, saga: Resting, dictionary: Buffer | null): Promise<void> {
    const { id, hash, machine, lines } = saga;
    const [packed, stays] = parted(hash);
    const text = JSON.stringify([packed, lines]);
    const bytes = await deflated(text, { level: 9, ...(dictionary && { dictionary }) });
    const line = Buffer.concat([Buffer.from(`${BEGINS}${dictionary ? machine : NO_VOCABULARY} `), bytes]);
    const brief = briefOf(hash.summary ?? '');
    if (line.length > WORTH * text.length || brief === null) return;
    const { revision = '', write_id: writeId = '' } = hash;
    await run(
      this.#redis,
      'compact',
      [keys.saga(id), keys.log(id), keys.compacted],
      [revision, writeId, line, 'brief', brief, ...stays.flat()],
    );
  }

  /** A log as it lies: bytes that are no text come as a letter each. */
  async log(keys: PartitionKeys, id: string): Promise<string[]> {
    const lines = await this.#redis.lrangeBuffer(keys.log(id), 0, -1);
    return lines.map((line) => line.toString(line.indexOf(BEGINS) === 0 ? 'latin1' : 'utf8'));
  }

  /** The lines of a log, whether its saga rests or not; `null` where what rests cannot be read. */
  async lines(log: readonly string[]): Promise<readonly string[] | null> {
    const at = log.findLastIndex((line) => line.startsWith(BEGINS));
    if (at < 0) return log;
    const saga = await this.whole(log);
    return saga && [...saga.lines, ...log.slice(at + 1)];
  }

  /** What a log has as one line; `null` where it has none, or none that can be read. */
  async whole(log: readonly string[]): Promise<Packed | null> {
    const line = log.findLast((one) => one.startsWith(BEGINS));
    if (line === undefined) return null;
    const [, machine = ''] = line.split(' ', 2);
    const bytes = Buffer.from(line.slice(BEGINS.length + machine.length + 1), 'latin1');
    if (machine === NO_VOCABULARY) return inflated(bytes, null);
    const known = this.#vocabularies.get(machine);
    // Where Redis has forgotten all and began anew, what is remembered is another's.
    return (known && inflated(bytes, known)) ?? inflated(bytes, await this.#vocabulary(machine));
  }

  /** What most sagas of a machine have in common. It is never written anew: lines that were made with it need it. */
  async #vocabulary(machine: MachineName): Promise<Buffer | null> {
    const text = await asking(this.#redis.hget(this.#root, `vocabulary:${machine}`));
    if (text === null) return null;
    const bytes = Buffer.from(text);
    this.#vocabularies.set(machine, bytes);
    return bytes;
  }

  async #learn(machine: MachineName, samples: readonly Packed[]): Promise<Buffer | null> {
    const text = vocabularyOf(samples);
    await asking(this.#redis.hsetnx(this.#root, `vocabulary:${machine}`, text));
    // Another may have been first.
    return this.#vocabulary(machine);
  }
}

/** What goes into the line, and what stays; of what is empty nobody misses anything. */
function parted(hash: Hash): [Hash, (readonly [string, string])[]] {
  const entries = Object.entries(hash).filter(([, value]) => value !== '');
  return [
    Object.fromEntries(entries.filter(([name]) => PACKED.has(name))),
    entries.filter(([name]) => !PACKED.has(name)),
  ];
}

async function deflated(text: string, options: ZlibOptions): Promise<Buffer> {
  return text.length > LETTERS_HERE_MAX ? deflatedElsewhere(text, options) : deflateRawSync(text, options);
}

function inflated(deflated: Buffer, dictionary: Buffer | null): Packed | null {
  try {
    const bytes = inflateRawSync(deflated, {
      maxOutputLength: INFLATED_MAX,
      ...(dictionary && { dictionary }),
    });
    const [hash, lines] = whole.parse(JSON.parse(bytes.toString()));
    return { hash, lines };
  } catch {
    return null;
  }
}
