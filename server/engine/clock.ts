/** Time as an argument: real in the composition root alone, simulated in tests. */
export interface Clock {
  /**
   * Milliseconds since the epoch. The engine's is the store's, see {@link timeOf}: a machine's own may jump, and differs from
   * that of every other.
   */
  now(): number;
  /** Milliseconds since some start; never goes back. */
  monotonic(): number;
  /** Runs `callback` once after `ms`; answers how to cancel it. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(ms, callback) {
    let timer: NodeJS.Timeout;
    const goOn = (leftMs: number) => {
      timer = setTimeout(
        leftMs > TIMER_MAX_MS ? () => goOn(leftMs - TIMER_MAX_MS) : callback,
        Math.min(leftMs, TIMER_MAX_MS),
      );
    };
    goOn(ms);
    return () => clearTimeout(timer);
  },
};

/** Node takes a longer span, some 25 days, for one millisecond. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * The clock of whoever works with a store: points in time are the store's, which all coordinators share and which stamps
 * what it keeps; spans are this process's own.
 */
export function timeOf(store: { now(): number }, own: Clock): Clock {
  return {
    now: () => store.now(),
    monotonic: () => own.monotonic(),
    after: (ms, callback) => own.after(ms, callback),
  };
}

/** A wall clock that runs on evenly, whatever is done to the machine's meanwhile. */
export function steady({ now, monotonic }: Clock): () => number {
  const aheadMs = now() - monotonic();
  return () => monotonic() + aheadMs;
}

export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
