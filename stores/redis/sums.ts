/** What lies in the counters of the partitions, read as one. */
import type { CauseCount } from '../causes.ts';
import type { Counts } from '../saga-store.ts';
import type { Bucket } from '../throughput.ts';
import { counterOf } from './keys.ts';
import { causesIn, isOfCause } from './parked.ts';

export class Sums {
  readonly settled: Bucket[] = [];
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #partitions: Readonly<Record<string, string>>[] = [];

  /** @param key of these counters, for what is damaged of them */
  add(fields: Readonly<Record<string, string>>, key: string, damage: string[]): void {
    this.#partitions.push(fields);
    for (const [field, text] of Object.entries(fields)) {
      if (isOfCause(field)) continue;
      const counted = counterOf(field);
      const bucket = bucketOf(text);
      if (counted === null && bucket !== null) this.settled.push(bucket);
      const sum = Number(text);
      if (counted === null ? bucket === null : !Number.isSafeInteger(sum)) {
        damage.push(`${field.slice(0, 100)} in ${key} is no number`);
      } else if (counted !== null) {
        const { machine, counter } = counted;
        const sums = this.#counters.get(machine) ?? new Map<string, number>();
        this.#counters.set(machine, sums.set(counter, (sums.get(counter) ?? 0) + sum));
      }
    }
  }

  get counters(): Readonly<Record<string, Counts>> {
    const all = [...this.#counters].map(([machine, sums]) => [machine, Object.fromEntries(sums)] as const);
    return Object.fromEntries(all);
  }

  get causes(): CauseCount[] {
    return causesIn(this.#partitions);
  }
}

/** A place of the ring of throughput.ts; `null` where it cannot be read. */
function bucketOf(text: string): Bucket | null {
  const [number, count] = /^\d{1,15} \d{1,15}$/.test(text) ? text.split(' ').map(Number) : [];
  return number === undefined || count === undefined ? null : { number, count };
}
