/** Which keys an id leads to: the partitions, and the machines of the sagas that this process knows. */
import { partitionOf } from '../partition.ts';
import type { MachineRef } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, reachable } from './faults.ts';
import { type MachineName, machineName, type PartitionKeys, partitionKeys } from './keys.ts';
import type { Layout } from './layout.ts';
import { decodeMachine } from './record.ts';

/** Sagas whose machine is remembered. */
const MACHINES_KNOWN_MAX = 50_000;
/** Sagas that one script call handles, at most, so that no script holds up Redis for long. */
const SCRIPT_SAGAS_MAX = 100;

/** Sagas of one partition, few enough for one script call. */
export interface Batch {
  readonly keys: PartitionKeys;
  readonly sagas: readonly (readonly [id: string, machine: MachineName])[];
}

export class Keyspace {
  readonly layout: Layout;
  readonly partitions: readonly PartitionKeys[];
  readonly #redis: Client;
  /**
   * A saga's due index is its machine's, and every key must be named before a script runs. So it is remembered; one
   * that is not costs a plain read. What is remembered may be old where another process has migrated the saga.
   * Claims and signals ask for that, and have it read anew. Writes under a fence need not: whatever gives somebody a
   * fence that was made since then also brings the machine up to date here.
   */
  readonly #machines = new Map<string, MachineName>();
  #turn = 0;

  constructor(redis: Client, prefix: string, layout: Layout) {
    this.#redis = redis;
    this.layout = layout;
    this.partitions = Array.from({ length: layout.partitions }, (_, partition) =>
      partitionKeys(prefix, partition, layout.isSpread),
    );
  }

  at(partition: number): PartitionKeys {
    const keys = this.partitions[partition];
    if (!keys) throw new RangeError(`There is no partition ${partition}`);
    return keys;
  }

  /** The keys of the partition that an id names; `null` where it is no id of this store. */
  of(id: string): PartitionKeys | null {
    const partition = partitionOf(id, this.partitions.length);
    return partition === null ? null : this.at(partition);
  }

  /**
   * All partitions, beginning with another one each time, so that a small limit starves none. After each of them has been the
   * first, one is left out: who comes every so many times for something else would begin with the same ones for ever.
   */
  inTurn(): readonly PartitionKeys[] {
    const { length } = this.partitions;
    const start = (this.#turn + Math.floor(this.#turn / length)) % length;
    this.#turn = (this.#turn + 1) % length ** 2;
    return [...this.partitions.slice(start), ...this.partitions.slice(0, start)];
  }

  /** The machine where it is remembered: then a commit can leave in this very tick. */
  known(id: string): MachineName | undefined {
    return this.#machines.get(id);
  }

  /** The machine; `null` for an unknown saga. One that cannot be read has a name that no machine has. */
  async machineOf(id: string): Promise<MachineName | null> {
    const known = this.#machines.get(id);
    if (known !== undefined) return known;
    const keys = this.of(id);
    const text = keys && (await asking(orDamaged(this.#redis.hget(keys.saga(id), 'machine'), '')));
    if (text === null) return null;
    const machine = machineName(decodeMachine(text));
    this.remember(id, machine);
    return machine;
  }

  /** Sorts sagas into script calls; unknown ones are left out, and so are those of partitions that cannot be asked. */
  async batches(ids: readonly string[]): Promise<Batch[]> {
    const machines = await reachable(ids.map((id) => this.machineOf(id)));
    const byPartition = new Map<PartitionKeys, [string, MachineName][]>();
    for (const [index, id] of ids.entries()) {
      const keys = this.of(id);
      const machine = machines[index];
      if (!keys || !machine) continue;
      const sagas = byPartition.get(keys);
      // Thousands may be of one partition: a copy for each of them would hold up everybody else.
      if (sagas === undefined) byPartition.set(keys, [[id, machine]]);
      else sagas.push([id, machine]);
    }
    return [...byPartition].flatMap(([keys, sagas]) => chunked(sagas).map((some) => ({ keys, sagas: some })));
  }

  remember(id: string, machine: MachineName): void {
    this.#machines.set(id, machine);
    if (this.#machines.size <= MACHINES_KNOWN_MAX) return;
    const [oldest] = this.#machines.keys();
    if (oldest !== undefined) this.#machines.delete(oldest);
  }

  /** Somebody has read the record: what is remembered of it is brought up to date. */
  correct(id: string, machine: MachineRef): void {
    // What cannot be read is no news.
    if (this.#machines.has(id) && machine.version !== '') this.#machines.set(id, machineName(machine));
  }

  forget(id: string): void {
    this.#machines.delete(id);
  }
}

/** In pieces that one script call handles. */
export function chunked<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / SCRIPT_SAGAS_MAX);
  return Array.from({ length: count }, (_, i) => all.slice(i * SCRIPT_SAGAS_MAX, (i + 1) * SCRIPT_SAGAS_MAX));
}
