/** The half of the contract that only asks: plain commands, in one tick to every partition, and no script. */
import { assertLimit } from '../assertions.ts';
import {
  BEFORE_ALL,
  decodePosition,
  type EntryId,
  encodePosition,
  type Found,
  foundIn,
  merged,
} from '../changes.ts';
import { bornAtMs, partitionName, shareOf, uuidOf } from '../partition.ts';
import {
  type Backlog,
  BadCursorError,
  type Changes,
  type Filter,
  type MachineRef,
  type NumberedEntry,
  type Page,
  SAGA_STATUSES,
  type SagaRecord,
  type SagaStatus,
  type SagaStore,
  type Statistics,
  type StoreMemory,
  StoreUnavailableError,
  type Tally,
} from '../saga-store.ts';
import { perMinute } from '../throughput.ts';
import type { Client } from './client.ts';
import { Compaction } from './compaction.ts';
import { DueIndexes } from './due.ts';
import { endOf, endsOf, heldFrom, restingAt } from './events.ts';
import { asking, orDamaged, reachable, together } from './faults.ts';
import { Indexing } from './indexing.ts';
import { type MachineName, machineName, type PartitionKeys } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { ENDED_WITHOUT, Lists } from './lists.ts';
import { memoryOf } from './memory.ts';
import { decodeLog, decodeRecord, decodeStatus, summaryOfBrief, unreadableEntry } from './record.ts';
import type { StoreClock } from './store-clock.ts';
import { Sums } from './sums.ts';
import { TermHashes } from './terms.ts';

type Asking =
  | 'now'
  | 'due'
  | 'running'
  | 'get'
  | 'statuses'
  | 'log'
  | 'list'
  | 'statistics'
  | 'tally'
  | 'backlog'
  | 'memory'
  | 'changes'
  | 'ping';

const NOTHING_FOUND: Found = { entries: [], lost: null, more: false };
/** Entries of a due index that are looked at for the first that is right. */
const OVERDUE_LOOKED_AT = 10;

export abstract class RedisReads implements Pick<SagaStore, Asking> {
  protected readonly redis: Client;
  protected readonly keyspace: Keyspace;
  protected readonly clock: StoreClock;
  protected readonly streamMax: number;
  protected readonly compaction: Compaction;
  protected readonly terms: TermHashes;
  protected readonly indexing: Indexing;
  readonly #dueIndexes: DueIndexes;
  /** Where the feed ended when that was asked last. */
  #ends: readonly EntryId[] | null = null;
  readonly #lists: Lists;

  /**
   * @param root the key of the store's mark
   * @param id of the store, as it stands there
   */
  constructor(
    redis: Client,
    keyspace: Keyspace,
    clock: StoreClock,
    streamMax: number,
    root: string,
    id: string,
  ) {
    this.redis = redis;
    this.keyspace = keyspace;
    this.clock = clock;
    this.streamMax = streamMax;
    this.compaction = new Compaction(redis, keyspace, root);
    this.terms = new TermHashes(id);
    this.indexing = new Indexing(redis, keyspace, this.terms, root);
    this.#dueIndexes = new DueIndexes(redis, keyspace, clock, () => this.offset());
    this.#lists = new Lists(
      { redis, keyspace, clock, terms: this.terms, indexing: this.indexing },
      (saga, status) => this.#read(saga, status),
    );
  }

  now(): number {
    return this.clock.now();
  }

  async due(machines: readonly MachineRef[], limit: number): Promise<string[]> {
    assertLimit(limit);
    const names = [...new Set(machines.map(machineName))];
    const [found] = await Promise.all([
      this.#dueOf(names, limit),
      // Where nothing else tells the time, it is asked for; it serves from the next call on.
      this.learnTimeIfOld(),
      this.clock.mustTick ? this.tick() : null,
    ]);
    return found.slice(0, limit);
  }

  dueInMs(machines: readonly MachineRef[]): number {
    return this.#dueIndexes.inMs(machines.map(machineName));
  }

  async #dueOf(machines: readonly MachineName[], limit: number): Promise<string[]> {
    if (machines.length === 0) return [];
    const partitions = await this.#dueIndexes.partitions(this.keyspace.inTurn(), machines);
    if (partitions.length === 0) return [];
    const found = await reachable(partitions.map((keys) => this.#dueIn(keys, machines, limit)));
    const ids = found.flatMap((some) => some ?? []);
    this.#dueIndexes.settle(machines, ids.length > 0);
    return ids;
  }

  async #dueIn(keys: PartitionKeys, machines: readonly MachineName[], limit: number): Promise<string[]> {
    const found = await Promise.all(machines.map((machine) => this.#dueIndexes.look(keys, machine, limit)));
    const due = found.flat().sort((a, b) => a.atMs - b.atMs);
    for (const { id, machine } of due) this.keyspace.remember(id, machine);
    return due.map(({ id }) => id);
  }

  async running(
    machines: readonly MachineRef[],
    cursor: string | null,
    limit: number,
  ): Promise<{ readonly ids: readonly string[]; readonly cursor: string | null }> {
    assertLimit(limit);
    const from = cursor === null ? 0 : this.#partitionIn(cursor);
    const names = new Set(machines.map(machineName));
    const found = await reachable(
      this.keyspace.partitions.slice(from).map(({ status }, index) => {
        const { least, above } = idsOf(from + index);
        const after = index === 0 && cursor !== null ? `(${cursor}` : least;
        return orDamaged(this.redis.zrangebylex(status.STARTED, after, above, 'LIMIT', 0, limit + 1), []);
      }),
    );
    const all = found.flatMap((ids) => ids ?? []);
    const page = all.slice(0, limit);
    const known = await reachable(page.map((id) => this.keyspace.machineOf(id)));
    return {
      ids: page.filter((_, index) => names.has(known[index] ?? '')),
      cursor: all.length > limit ? (page.at(-1) ?? null) : null,
    };
  }

  /** By how the cursor begins: the rest may be no id, where somebody edited the index. */
  #partitionIn(cursor: string): number {
    const index = this.keyspace.partitions.findIndex((_, at) => cursor.startsWith(`${partitionName(at)}-`));
    if (index < 0) throw new BadCursorError('The cursor is not one that running() gave');
    return index;
  }

  get(id: string): Promise<SagaRecord | null> {
    return this.#read(id);
  }

  /** @param status of the index in which the saga was found, where that is known */
  async #read(id: string, status?: SagaStatus): Promise<SagaRecord | null> {
    const keys = this.keyspace.of(id);
    if (!keys) return null;
    const hash = await asking(orDamaged(this.redis.hgetall(keys.saga(id)), null));
    if (hash === null) return decodeRecord(id, {}, status, 'its key is no hash; ');
    if (Object.keys(hash).length === 0) return null;
    const record = decodeRecord(id, await this.#wholeHash(keys, id, hash), status);
    this.keyspace.correct(id, record.machine);
    return record;
  }

  /** The fields of one that rests, too. */
  async #wholeHash(
    keys: PartitionKeys,
    id: string,
    hash: Record<string, string>,
  ): Promise<Record<string, string>> {
    if (hash.brief === undefined || hash.snapshot !== undefined) return hash;
    const whole = await this.compaction.whole(keys, id);
    const summary = summaryOfBrief(hash.brief);
    return {
      ...ENDED_WITHOUT,
      ...(whole && { snapshot: whole.snapshot, ...(whole.trace !== '' && { trace: whole.trace }) }),
      ...(summary !== null && { summary }),
      ...hash,
    };
  }

  async statuses(ids: readonly string[]): Promise<(SagaStatus | null | undefined)[]> {
    const found = await reachable(ids.map(async (id) => ({ status: await this.#statusOf(id) })));
    return found.map((one) => one?.status);
  }

  async #statusOf(id: string): Promise<SagaStatus | null> {
    const key = this.keyspace.of(id)?.saga(id);
    const status = key === undefined ? null : await orDamaged(this.redis.hget(key, 'status'), '');
    if (status !== null) return decodeStatus(status);
    // Without a status, but not without a record.
    return key !== undefined && (await this.redis.exists(key)) === 1 ? decodeStatus('') : null;
  }

  async log(id: string): Promise<NumberedEntry[]> {
    const keys = this.keyspace.of(id);
    if (!keys) return [];
    const lines = await this.compaction.lines(keys, id);
    if (typeof lines !== 'string') return decodeLog(lines);
    const at = new Date(bornAtMs(id)).toISOString();
    return [{ ...unreadableEntry(at, lines), seq: 1 }];
  }

  list(filter: Filter, cursor: string | null, limit: number): Promise<Page> {
    return this.#lists.page(filter, cursor, limit);
  }

  async statistics(): Promise<Statistics> {
    const statuses = { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 };
    const sums = new Sums();
    const damage = [...this.#dueIndexes.damaged].map((index) => `${index} is no sorted set`);
    const counting = this.keyspace.partitions.map(async (keys) => {
      const [, ...counts] = await Promise.all([
        this.#addTo(sums, keys, damage),
        ...SAGA_STATUSES.map((status) => this.#countIn(keys.status[status], damage)),
        // Nothing is counted in these three, but nobody else would say that they are damaged.
        ...[keys.sagas, keys.ended, keys.parked].map((index) => this.#countIn(index, damage)),
      ]);
      for (const [index, status] of SAGA_STATUSES.entries()) statuses[status] += counts[index] ?? 0;
    });
    // Not one of the parts: a Redis that still loads its data tells the time all the same.
    await Promise.all([this.learnTime(), together(counting)]);
    const settledPerMinute = perMinute(sums.settled, this.clock.now());
    const { counters } = sums;
    return {
      statuses,
      inFlight: statuses.STARTED,
      settledPerMinute,
      counters,
      damage: damage.slice(0, 100),
    };
  }

  /** Two short looks at each partition. */
  async tally(): Promise<Tally> {
    const sums = new Sums();
    const damage: string[] = [];
    const running = await together(
      this.keyspace.partitions.map(async (keys) => {
        const [, count] = await Promise.all([
          this.#addTo(sums, keys, damage),
          this.#countIn(keys.status.STARTED, damage),
        ]);
        return count;
      }),
    );
    const { counters, causes } = sums;
    const inFlight = running.reduce((sum, n) => sum + n, 0);
    return { inFlight, counters, causes, damage: damage.slice(0, 100) };
  }

  async #addTo(sums: Sums, keys: PartitionKeys, damage: string[]): Promise<void> {
    const fields = await orDamaged(this.redis.hgetall(keys.counters), {} as Record<string, string>, () =>
      damage.push(`${keys.counters} is no hash`),
    );
    sums.add(fields, keys.counters, damage);
  }

  #countIn(index: string, damage: string[]): Promise<number> {
    return orDamaged(this.redis.zcard(index), 0, () => damage.push(`${index} is no sorted set`));
  }

  async backlog(machines: readonly MachineRef[]): Promise<Backlog> {
    await this.learnTimeIfOld();
    const names = [...new Set(machines.map(machineName))];
    const found = await together(
      this.keyspace.partitions.map(async (keys, partition) => {
        const { least, above } = idsOf(partition);
        const [oldest, ...due] = await Promise.all([
          orDamaged(this.redis.zrangebylex(keys.status.STARTED, least, above, 'LIMIT', 0, 1), []),
          ...names.map((name) => this.#dueIndexes.look(keys, name, OVERDUE_LOOKED_AT)),
        ]);
        const times = due.flatMap(([first]) => first?.atMs ?? []);
        return { ids: oldest, dueAtMs: times.filter(Number.isFinite) };
      }),
    );
    const byAge = found.flatMap(({ ids }) => ids).sort((a, b) => (uuidOf(a) < uuidOf(b) ? -1 : 1));
    const [oldest] = byAge;
    const record = oldest === undefined ? null : await this.get(oldest);
    const now = this.clock.now();
    const longestMs = (times: readonly number[]) =>
      Math.max(0, ...times.map((atMs) => Math.floor(now - atMs)));
    return {
      overdueMs: longestMs(found.flatMap(({ dueAtMs }) => dueAtMs)),
      oldestMs: longestMs(record === null ? [] : [record.createdAtMs]),
    };
  }

  memory(): Promise<StoreMemory> {
    return asking(memoryOf(this.redis));
  }

  async changes(after: string | null, until: string | null, limit: number): Promise<Changes> {
    assertLimit(limit);
    const { partitions } = this.keyspace;
    const from = after === null ? null : decodePosition(after, partitions.length);
    if (from === null) {
      // Whoever begins must not begin anew in a partition that is away just now, so all of them must answer.
      const ends = await endsOf(
        this.redis,
        partitions.map(({ events }) => events),
        this.#ends,
      );
      this.#ends = ends;
      return { changes: [], position: until ?? encodePosition(ends), gap: after !== null, more: false };
    }
    const to = until === null ? null : decodePosition(until, partitions.length);
    const asked = shareOf(limit, partitions.length) + 1;
    const streams = partitions.map(({ events }) => events);
    const resting = await restingAt(this.redis, streams, from);
    const found = await reachable(
      streams.map(async (events, partition) => {
        if (resting[partition]) return NOTHING_FOUND;
        const id = from[partition] ?? BEFORE_ALL;
        const held = await heldFrom(this.redis, events, id, asked);
        return foundIn(
          held,
          asked,
          id,
          to?.[partition] ?? null,
          // A stream that was ever trimmed keeps at least its cap; one that may have been is taken for one that was.
          async () => held.length === asked && (await this.redis.xlen(events)) >= this.streamMax,
          () => endOf(this.redis, events),
        );
      }),
    );
    return merged(from, found, limit);
  }

  async ping(): Promise<void> {
    await asking(this.redis.ping());
  }

  /** Finds out whether Redis's clock was set, and keeps the store's from going back. What is due is told all the same. */
  protected abstract tick(): Promise<void>;

  /** Asks for the time. */
  protected abstract learnTime(): Promise<void>;

  /** What a script is to add to Redis's clock. */
  protected abstract offset(): string;

  /** Of a Cluster any master is asked: one that is away leaves the estimate as it is, and keeps nobody from the others. */
  protected async learnTimeIfOld(): Promise<void> {
    if (!this.clock.old) return;
    try {
      await this.learnTime();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }
}

/** Where the ids of a partition begin and end in an index; others may stand before and behind them. */
function idsOf(partition: number): { readonly least: string; readonly above: string } {
  const name = partitionName(partition);
  // The dot comes right after the dash.
  return { least: `[${name}-`, above: `(${name}.` };
}
