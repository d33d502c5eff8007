/** Time that stands still until a test moves it. */
import type { Clock } from '../../server/engine/clock.ts';
import { at } from '../machines/placed-order.ts';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #ms = 0;
  readonly #timers = new Set<Timer>();

  /** As a value, because stores take it as one. */
  readonly now = (): number => at + this.#ms;
  readonly monotonic = (): number => this.#ms;

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#ms + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that were neither fired nor cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, fires what falls due in its order, and lets each have its consequences before the next. */
  async pass(ms: number): Promise<void> {
    const until = this.#ms + ms;
    for (;;) {
      await quiet();
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > until) break;
      this.#timers.delete(next);
      this.#ms = Math.max(this.#ms, next.atMs);
      next.callback();
    }
    this.#ms = until;
    await quiet();
  }
}

/** Everything that needs neither time nor I/O has happened: a macrotask comes after all microtasks. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
