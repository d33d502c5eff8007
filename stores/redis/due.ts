/**
 * Looks at the due indexes. A commit leaves an entry where it stands, if that is early (see lua/advance.lua); so the record is
 * asked too, and entries that are early are moved on before anybody is told of them.
 */
import { Cluster } from 'ioredis';
import type { Client } from './client.ts';
import { orDamaged, reachable } from './faults.ts';
import type { MachineName, PartitionKeys } from './keys.ts';
import { chunked, type Keyspace } from './keyspace.ts';
import { pairs } from './replies.ts';
import { run } from './scripts.ts';
import type { StoreClock } from './store-clock.ts';

export interface DueSaga {
  readonly id: string;
  readonly machine: MachineName;
  readonly atMs: number;
}

/** What the script says in place of a time. Of an index that is none any more, or whose first has no time, everything may be due. */
const FIRST: Readonly<Record<string, number>> = { '': Number.POSITIVE_INFINITY, '!': 0 };

/** What a look has told of one partition. */
interface Place {
  readonly keys: PartitionKeys;
  /** When the first saga of each machine is due. */
  readonly firstAtMs: readonly number[];
  readonly isDue: boolean;
}

export class DueIndexes {
  /** Indexes that are none any more, as the rounds of recovery have found: of them, statistics know no name. */
  readonly damaged = new Set<string>();
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #clock: StoreClock;
  readonly #offset: () => string;
  /** Machines of which something was due when they were last asked for. */
  readonly #busy = new Set<MachineName>();
  /** When the first saga of a machine is due, by the store's clock, where the last look has told. */
  readonly #firstAtMs = new Map<MachineName, number>();

  constructor(redis: Client, keyspace: Keyspace, clock: StoreClock, offset: () => string) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#clock = clock;
    this.#offset = offset;
  }

  /**
   * The partitions where something of these machines is due, of those given; or all, where asking first would only make
   * it later. One script call where one server has them all.
   * @throws StoreUnavailableError where none can be asked
   */
  async partitions(
    all: readonly PartitionKeys[],
    machines: readonly MachineName[],
  ): Promise<readonly PartitionKeys[]> {
    for (const machine of machines) this.#firstAtMs.delete(machine);
    if (machines.some((machine) => this.#busy.has(machine))) return all;
    const isSpread = this.#redis instanceof Cluster;
    const found = await reachable(
      (isSpread ? all.map((one) => [one]) : [all]).map((some) => this.#lookOut(some, machines)),
    );
    const places = found.flatMap((some) => some ?? []);
    if (!found.includes(null)) {
      for (const [nth, machine] of machines.entries())
        this.#firstAtMs.set(machine, Math.min(...places.map(({ firstAtMs }) => firstAtMs[nth] ?? 0)));
    }
    return places.filter(({ isDue }) => isDue).map(({ keys }) => keys);
  }

  /** See the contract. */
  inMs(machines: readonly MachineName[]): number {
    const first = Math.min(...machines.map((machine) => this.#firstAtMs.get(machine) ?? 0));
    return Math.max(0, first - this.#clock.now());
  }

  async #lookOut(partitions: readonly PartitionKeys[], machines: readonly MachineName[]): Promise<Place[]> {
    const indexes = partitions.flatMap((keys) => machines.map(keys.due));
    const [now, ...firsts] = await run(this.#redis, 'lookout', indexes, [this.#offset()]);
    const nowMs = Number(now);
    this.#clock.learn(nowMs);
    const times = firsts.map((first) => FIRST[String(first)] ?? (Number(first) || 0));
    // Whoever looks at it finds out whether it is damaged; one at which nobody needs to look is an index again.
    for (const [at, index] of indexes.entries()) if ((times[at] ?? 0) > nowMs) this.damaged.delete(index);
    return partitions.map((keys, at) => {
      const own = times.slice(at * machines.length, (at + 1) * machines.length);
      return { keys, firstAtMs: own, isDue: !own.every((time) => time > nowMs) };
    });
  }

  /** Tells whether anything was due: where much is, each round looks at all at once. */
  settle(machines: readonly MachineName[], foundAny: boolean): void {
    for (const machine of machines) this.#busy[foundAny ? 'add' : 'delete'](machine);
  }

  /** What is due of one machine in one partition, longest overdue first. */
  async look(keys: PartitionKeys, machine: MachineName, limit: number): Promise<DueSaga[]> {
    const index = keys.due(machine);
    for (;;) {
      const entries = await this.#entries(index, limit);
      const own = entries.filter(([id]) => this.#keyspace.of(id) === keys);
      // What is no saga of this partition can never be claimed: it would be found, and fill the answer, for ever.
      const strange = entries.filter(([id]) => this.#keyspace.of(id) !== keys).map(([id]) => id);
      if (strange.length > 0) await this.#redis.zrem(index, ...strange);
      const recorded = await Promise.all(
        own.map(([id]) => orDamaged(this.#redis.hget(keys.saga(id), 'due'), null)),
      );
      const early = own.filter(([, score], at) => isEarly(score, recorded[at] ?? '')).map(([id]) => id);
      if (early.length === 0) return own.map(([id, score]) => ({ id, machine, atMs: Number(score) }));
      await Promise.all(
        chunked(early).map((ids) => run(this.#redis, 'postpone', [index, ...ids.map(keys.saga)], ids)),
      );
    }
  }

  async #entries(index: string, limit: number): Promise<[id: string, score: string][]> {
    const now = String(Math.floor(this.#clock.now()));
    let isDamaged = false;
    const reply = await orDamaged(
      this.#redis.zrangebyscore(index, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit),
      [],
      () => {
        isDamaged = true;
      },
    );
    if (isDamaged) this.damaged.add(index);
    else this.damaged.delete(index);
    return pairs(reply);
  }
}

/** Whether an index leads to a saga before its record says so, where that can be read; an infinite score is no time. */
function isEarly(score: string, recorded: string): boolean {
  return /^\d{1,15}$/.test(recorded) && !(Number(score) >= Number(recorded));
}
