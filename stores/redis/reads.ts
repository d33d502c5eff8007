/** The half of the contract that only asks: plain commands, in one tick to every partition, and no script. */
import { assertLimit } from '../assertions.ts';
import { BEFORE_ALL, decodePosition, encodePosition, foundIn, merged } from '../changes.ts';
import { cursorAfter, LOOKED_AT_MAX, uuidFromCursor } from '../paging.ts';
import { partitionName, partitionOf, shareOf, uuidOf } from '../partition.ts';
import {
  type Backlog,
  BadCursorError,
  type Changes,
  type Filter,
  type MachineRef,
  matches,
  type NumberedEntry,
  type Page,
  SAGA_STATUSES,
  type SagaRecord,
  type SagaStatus,
  type SagaStore,
  type Statistics,
} from '../saga-store.ts';
import { type Bucket, perMinute } from '../throughput.ts';
import { endOf, heldFrom } from './events.ts';
import { asking, reachable, together } from './faults.ts';
import { counterOf, type MachineName, machineName, type PartitionKeys } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { newestIds } from './listing.ts';
import { decodeLog, decodeRecord, decodeStatus } from './record.ts';
import type { Client } from './scripts.ts';
import type { StoreClock } from './store-clock.ts';

type Asking =
  | 'due'
  | 'running'
  | 'get'
  | 'statuses'
  | 'log'
  | 'list'
  | 'statistics'
  | 'backlog'
  | 'changes'
  | 'ping';

export class RedisReads implements Pick<SagaStore, Asking> {
  protected readonly redis: Client;
  protected readonly keyspace: Keyspace;
  protected readonly clock: StoreClock;
  protected readonly streamMax: number;

  constructor(redis: Client, keyspace: Keyspace, clock: StoreClock, streamMax: number) {
    this.redis = redis;
    this.keyspace = keyspace;
    this.clock = clock;
    this.streamMax = streamMax;
  }

  async due(machines: readonly MachineRef[], limit: number): Promise<string[]> {
    assertLimit(limit);
    const names = new Set(machines.map(machineName));
    const [found] = await Promise.all([
      reachable(this.keyspace.inTurn().map((keys) => this.#dueIn(keys, [...names], limit))),
      // Where nothing else tells the time, it is asked for; it serves from the next call on.
      this.clock.old ? this.learnTime() : null,
    ]);
    return found.flatMap((ids) => ids ?? []).slice(0, limit);
  }

  async #dueIn(keys: PartitionKeys, machines: readonly MachineName[], limit: number): Promise<string[]> {
    const now = String(Math.floor(this.clock.now()));
    const found = await Promise.all(
      machines.map(async (machine) => {
        const reply = await this.redis.zrangebyscore(
          keys.due(machine),
          '-inf',
          now,
          'WITHSCORES',
          'LIMIT',
          0,
          limit,
        );
        return pairs(reply).map(([id, score]) => ({ id, machine, atMs: Number(score) }));
      }),
    );
    const due = found
      .flat()
      .sort((a, b) => a.atMs - b.atMs)
      .slice(0, limit);
    for (const { id, machine } of due) this.keyspace.remember(id, machine);
    return due.map(({ id }) => id);
  }

  async running(
    machines: readonly MachineRef[],
    cursor: string | null,
    limit: number,
  ): Promise<{ readonly ids: readonly string[]; readonly cursor: string | null }> {
    assertLimit(limit);
    const from = cursor === null ? 0 : partitionOf(cursor, this.keyspace.partitions.length);
    if (from === null) throw new BadCursorError('The cursor is not one that running() gave');
    const names = new Set(machines.map(machineName));
    const found = await together(
      this.keyspace.partitions.slice(from).map(({ status }, index) => {
        const after = index === 0 && cursor !== null ? `(${cursor}` : '-';
        return this.redis.zrangebylex(status.STARTED, after, '+', 'LIMIT', 0, limit + 1);
      }),
    );
    const all = found.flat();
    const page = all.slice(0, limit);
    const known = await together(page.map((id) => this.keyspace.machineOf(id)));
    return {
      ids: page.filter((_, index) => names.has(known[index] ?? '')),
      cursor: all.length > limit ? (page.at(-1) ?? null) : null,
    };
  }

  async get(id: string): Promise<SagaRecord | null> {
    const keys = this.keyspace.of(id);
    if (!keys) return null;
    const hash = await asking(this.redis.hgetall(keys.saga(id)));
    if (Object.keys(hash).length === 0) return null;
    const record = decodeRecord(id, hash);
    this.keyspace.correct(id, record.machine);
    return record;
  }

  statuses(ids: readonly string[]): Promise<(SagaStatus | null)[]> {
    return together(
      ids.map(async (id) => {
        const keys = this.keyspace.of(id);
        const status = keys && (await this.redis.hget(keys.saga(id), 'status'));
        return status === null ? null : decodeStatus(id, status);
      }),
    );
  }

  async log(id: string): Promise<NumberedEntry[]> {
    const keys = this.keyspace.of(id);
    if (!keys) return [];
    const lines = await asking(this.redis.lrange(keys.log(id), 0, -1));
    return decodeLog(id, lines);
  }

  async list(filter: Filter, cursor: string | null, limit: number): Promise<Page> {
    assertLimit(limit);
    const below = cursor === null ? null : uuidFromCursor(cursor);
    const sources = this.keyspace.partitions.flatMap((keys, partition) =>
      indexesFor(filter, keys).map((key) => ({ key, prefix: `${partitionName(partition)}-` })),
    );
    const chunk = Math.min(100, 10 + Math.ceil(limit / sources.length));
    const ids = newestIds(
      (key, max, count) => asking(this.redis.zrevrangebylex(key, max, '-', 'LIMIT', 0, count)),
      sources,
      below,
      chunk,
    );
    const records: SagaRecord[] = [];
    let ahead = await take(ids, Math.max(limit, 50));
    for (let looked = 0; ahead.length > 0; ahead = await take(ids, 50)) {
      const read = await together(ahead.map((id) => this.get(id)));
      for (const [index, record] of read.entries()) {
        looked += 1;
        // A saga that was purged since its id was read is no longer held.
        if (record && matches(filter, record, this.clock.now())) records.push(record);
        if (records.length < limit && looked < LOOKED_AT_MAX) continue;
        const more = index + 1 < ahead.length || (await take(ids, 1)).length > 0;
        return { records, cursor: more ? cursorAfter(ahead[index] ?? '') : null };
      }
    }
    return { records, cursor: null };
  }

  async statistics(): Promise<Statistics> {
    const statuses = { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 };
    const counters: Record<string, Record<string, number>> = {};
    const settled: Bucket[] = [];
    const counting = this.keyspace.partitions.map(async (keys) => {
      const [fields, ...counts] = await Promise.all([
        this.redis.hgetall(keys.counters),
        ...SAGA_STATUSES.map((status) => this.redis.zcard(keys.status[status])),
      ]);
      for (const [index, status] of SAGA_STATUSES.entries()) statuses[status] += counts[index] ?? 0;
      for (const [field, sum] of Object.entries(fields)) {
        const counted = counterOf(field);
        if (counted === null) {
          const [number = 0, count = 0] = sum.split(' ').map(Number);
          settled.push({ number, count });
          continue;
        }
        const { machine, counter } = counted;
        const sums = counters[machine] ?? {};
        counters[machine] = { ...sums, [counter]: (sums[counter] ?? 0) + Number(sum) };
      }
    });
    // Not one of the parts: a Redis that still loads its data tells the time all the same.
    await Promise.all([this.learnTime(), together(counting)]);
    const settledPerMinute = perMinute(settled, this.clock.now());
    return { statuses, inFlight: statuses.STARTED, settledPerMinute, counters };
  }

  async backlog(machines: readonly MachineRef[]): Promise<Backlog> {
    if (this.clock.old) await this.learnTime();
    const names = [...new Set(machines.map(machineName))];
    const found = await together(
      this.keyspace.partitions.map(async (keys) => {
        const [oldest, ...due] = await Promise.all([
          this.redis.zrange(keys.status.STARTED, 0, 0),
          ...names.map((name) => this.redis.zrange(keys.due(name), 0, 0, 'WITHSCORES')),
        ]);
        return {
          ids: oldest,
          dueAtMs: due.flatMap(([, score]) => (score === undefined ? [] : Number(score))),
        };
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

  async changes(after: string | null, until: string | null, limit: number): Promise<Changes> {
    assertLimit(limit);
    const { partitions } = this.keyspace;
    const from = after === null ? null : decodePosition(after, partitions.length);
    if (from === null) {
      // Whoever begins must not begin anew in a partition that is away just now, so all of them must answer.
      const ends = await together(partitions.map(({ events }) => endOf(this.redis, events)));
      return { changes: [], position: until ?? encodePosition(ends), gap: after !== null, more: false };
    }
    const to = until === null ? null : decodePosition(until, partitions.length);
    const asked = shareOf(limit, partitions.length) + 1;
    const found = await reachable(
      partitions.map(async ({ events }, partition) => {
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

  protected async learnTime(): Promise<void> {
    const [seconds, microseconds] = await asking(this.redis.time());
    this.clock.learnUnmoved(Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000));
  }
}

/** The fewest indexes that hold every saga which a filter may let pass. */
function indexesFor(filter: Filter, { status, sagas }: PartitionKeys): string[] {
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

/** A flat reply of names and values, in pairs. */
export function pairs<T>(flat: readonly T[]): [T, T][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[i * 2] as T, flat[i * 2 + 1] as T]);
}
