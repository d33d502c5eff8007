/**
 * Lets no more calls at once through to a participant than it has connections. The others wait; how many may is bounded, and
 * whoever gives up leaves the queue at once. Several machines may call the same participant: a place that gets free goes to
 * each of them in turn, and of one machine to whoever has waited longest. Where no more may wait, the newest of the machine
 * that has most waiting makes room for one that has fewer: so the many of one machine do not keep out the few of another.
 */

import type { Cutoff } from './cutoff.ts';

/** `full`: too many wait already. `late`: the time of the call was over before its turn came. */
export type Entry = 'entered' | 'full' | 'late';

/** One that waits is told how that ended. */
type Told = (entry: 'entered' | 'full') => void;

export class Gate {
  readonly #placesMax: number;
  readonly #queueMax: number;
  #inside = 0;
  #queued = 0;
  /** Who waits, by machine, oldest first. The machine whose turn is next comes first; one of which nobody waits is not there. */
  readonly #queues = new Map<string, Set<Told>>();

  constructor(placesMax: number, queueMax: number) {
    this.#placesMax = placesMax;
    this.#queueMax = queueMax;
  }

  get inside(): number {
    return this.#inside;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Whoever is answered `entered` must leave. */
  async enter(machine: string, cutoff: Cutoff): Promise<Entry> {
    if (cutoff.reason !== null) return 'late';
    if (this.#inside < this.#placesMax) {
      this.#inside += 1;
      return 'entered';
    }
    if (this.#queued >= this.#queueMax && !this.#makeRoom(machine)) return 'full';
    return new Promise((resolve) => {
      const told: Told = (entry) => {
        cutoff.listen(null);
        resolve(entry);
      };
      this.#add(machine, told);
      cutoff.listen(() => {
        this.#remove(machine, told);
        resolve('late');
      });
    });
  }

  leave(): void {
    const [next] = this.#queues;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    const [machine, queue] = next;
    const [told] = queue;
    if (told === undefined) throw new Error('a queue without anybody in it');
    this.#remove(machine, told);
    // Its turn comes again after that of all others.
    if (this.#queues.delete(machine)) this.#queues.set(machine, queue);
    told('entered');
  }

  /** Turns one away of the machine that has most waiting, if it has so many more than this one that this helps. */
  #makeRoom(machine: string): boolean {
    const own = this.#queues.get(machine)?.size ?? 0;
    let longest: [string, Set<Told>] | null = null;
    for (const entry of this.#queues) {
      if (entry[1].size > (longest?.[1].size ?? own + 1)) longest = entry;
    }
    const newest = longest && [...longest[1]].at(-1);
    if (longest === null || !newest) return false;
    this.#remove(longest[0], newest);
    newest('full');
    return true;
  }

  #add(machine: string, told: Told): void {
    const queue = this.#queues.get(machine);
    if (queue === undefined) this.#queues.set(machine, new Set([told]));
    else queue.add(told);
    this.#queued += 1;
  }

  #remove(machine: string, told: Told): void {
    const queue = this.#queues.get(machine);
    if (!queue?.delete(told)) return;
    this.#queued -= 1;
    if (queue.size === 0) this.#queues.delete(machine);
  }
}
