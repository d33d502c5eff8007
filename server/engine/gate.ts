/**
 * Lets no more calls at once through to a participant than it has connections. The others wait their turn, in the
 * order in which they came; how many may wait is bounded, and whoever gives up leaves the queue at once.
 */

import type { Cutoff } from './cutoff.ts';

/** `full`: too many wait already. `late`: the time of the call was over before its turn came. */
export type Entry = 'entered' | 'full' | 'late';

export class Gate {
  readonly #placesMax: number;
  readonly #queueMax: number;
  #inside = 0;
  /** Who waits, oldest first. */
  readonly #queue = new Set<() => void>();

  constructor(placesMax: number, queueMax: number) {
    this.#placesMax = placesMax;
    this.#queueMax = queueMax;
  }

  get inside(): number {
    return this.#inside;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Whoever is answered `entered` must leave. */
  async enter(cutoff: Cutoff): Promise<Entry> {
    if (cutoff.reason !== null) return 'late';
    if (this.#inside < this.#placesMax) {
      this.#inside += 1;
      return 'entered';
    }
    if (this.#queue.size >= this.#queueMax) return 'full';
    return new Promise((resolve) => {
      const takePlace = () => {
        cutoff.listen(null);
        resolve('entered');
      };
      this.#queue.add(takePlace);
      cutoff.listen(() => {
        this.#queue.delete(takePlace);
        resolve('late');
      });
    });
  }

  /** The place goes to whoever has waited longest. */
  leave(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}
