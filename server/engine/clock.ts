/** Time as an argument: real in the composition root alone, simulated in tests. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. For what people read, never for deciding who may act. */
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
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
