/** Limits for what may never end, in a process that may wait for its CPU longer than it works. */

// Tests set false clocks, and some leave them until their hooks have run.
const { setInterval, clearInterval } = globalThis;

const TURN_MS = 100;

/**
 * Calls `tell` once, after so many milliseconds in which this process came to look at its timers, and returns what calls that off: where
 * it stood still, what it waits for stood still, too.
 */
export function patience(ms: number, tell: () => void): () => void {
  let turns = Math.ceil(ms / TURN_MS);
  const timer = setInterval(() => {
    turns -= 1;
    if (turns > 0) return;
    clearInterval(timer);
    tell();
  }, TURN_MS);
  return () => clearInterval(timer);
}
