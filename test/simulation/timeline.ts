/** Virtual time: a heap of moments. Moments of the same millisecond come in the order in which they were asked for. */
import { quiet } from '../engine/virtual-clock.ts';

interface Moment {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | null;
}

export class Timeline {
  ms = 0;
  /** Moments that came. */
  steps = 0;
  #asked = 0;
  readonly #heap: Moment[] = [];

  after(ms: number, callback: () => void): () => void {
    this.#asked += 1;
    const moment: Moment = { atMs: this.ms + ms, order: this.#asked, callback };
    this.#push(moment);
    // A cancelled moment stays in the heap, and nothing happens when it comes.
    return () => {
      moment.callback = null;
    };
  }

  /** Goes to the next moment and lets it have all its consequences; `false` where nothing is to come. */
  async step(): Promise<boolean> {
    for (;;) {
      const moment = this.#pop();
      if (moment === undefined) return false;
      if (moment.callback === null) continue;
      this.ms = moment.atMs;
      this.steps += 1;
      moment.callback();
      await quiet();
      return true;
    }
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  #push(moment: Moment): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(moment);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, moment)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = moment;
  }

  #pop(): Moment | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (child === undefined) break;
      const other = heap[below + 1];
      if (other !== undefined && isBefore(other, child)) {
        below += 1;
        child = other;
      }
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Moment, b: Moment): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
