/** The causes of what is parked, as the memory store counts them. */
import { causeKey } from './cause-key.ts';
import { type CauseCount, causeIn, countedOf } from './causes.ts';
import type { Counts, Parked } from './saga-store.ts';

interface Seen {
  readonly machine: string;
  readonly about: string;
  readonly firstMs: number;
  lastMs: number;
}

export class MemoryCauses {
  /** By saga. */
  readonly #parked = new Map<string, { readonly key: string; readonly sums: Counts }>();
  readonly #seen = new Map<string, Seen>();

  /** Answers the key of the cause under which the saga is counted from now on. */
  park(id: string, machine: string, parked: Parked, atMs: number): string {
    const { digest, about, sums } = parked.counted ?? countedOf(parked);
    const key = causeKey(machine, digest);
    const before = this.#parked.get(id)?.key;
    this.#parked.set(id, { key, sums });
    if (before === key) return key;
    if (before !== undefined) this.#forget(before);
    const seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, { machine, about, firstMs: atMs, lastMs: atMs });
    else seen.lastMs = atMs;
    return key;
  }

  leave(id: string): void {
    const before = this.#parked.get(id);
    this.#parked.delete(id);
    if (before !== undefined) this.#forget(before.key);
  }

  counts(): CauseCount[] {
    return [...this.#seen].map(([key, { machine, about, firstMs, lastMs }]) => {
      const sagas = this.#sagasOf(key);
      const sums: Record<string, number> = {};
      for (const saga of sagas)
        for (const [name, n] of Object.entries(saga)) sums[name] = (sums[name] ?? 0) + n;
      return { ...causeIn(about), key, machine, n: sagas.length, firstMs, lastMs, sums };
    });
  }

  #sagasOf(key: string): Counts[] {
    return [...this.#parked.values()].filter((one) => one.key === key).map(({ sums }) => sums);
  }

  #forget(key: string): void {
    if (this.#sagasOf(key).length === 0) this.#seen.delete(key);
  }
}
