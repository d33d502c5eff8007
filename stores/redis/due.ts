/**
 * Looks at the due indexes. A commit leaves an entry where it stands, if that is early (see lua/advance.lua); so the record is
 * asked too, and entries that are early are moved on before anybody is told of them.
 */
import type { Client } from './client.ts';
import { orDamaged } from './faults.ts';
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

export class DueIndexes {
  /** Indexes that are none any more, as the rounds of recovery have found: of them, statistics know no name. */
  readonly damaged = new Set<string>();
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #clock: StoreClock;

  constructor(redis: Client, keyspace: Keyspace, clock: StoreClock) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#clock = clock;
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
