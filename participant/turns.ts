/** Lets calls in one at a time. */
import { LedgerBusyError } from './ledger.ts';

export interface LedgerOptions {
  /** How long a call waits for another one of its step, in milliseconds; then it is answered 503. 5 seconds unless set. */
  readonly lockMs?: number;
}

export const LOCK_MS = 5_000;

export class Turns {
  readonly #lockMs: number;
  /** By key, what settles when the last one that has queued is through. */
  readonly #tails = new Map<string, Promise<unknown>>();
  #waiting = 0;

  constructor(lockMs: number) {
    this.#lockMs = lockMs;
  }

  /** Those that are not let in yet. */
  get waiting(): number {
    return this.#waiting;
  }

  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    let leave = () => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    // One that gave up is through only when those before it are, or the next would be let in beside them.
    const tail = before === undefined ? mine : before.then(() => mine);
    this.#tails.set(key, tail);
    void tail.then(() => this.#tails.get(key) === tail && this.#tails.delete(key));
    try {
      if (before !== undefined && !(await this.#comes(before))) {
        throw new LedgerBusyError('another call for this step is under way');
      }
      return await work();
    } finally {
      leave();
    }
  }

  async #comes(before: Promise<unknown>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    this.#waiting += 1;
    const over = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#lockMs);
    });
    try {
      return await Promise.race([before.then(() => true), over]);
    } finally {
      clearTimeout(timer);
      this.#waiting -= 1;
    }
  }
}
