/** The clock by which spans are told. */
import type { Clock } from '../engine/clock.ts';

/** A wall clock that says more was set, not read late. */
const STEP_MS = 5;

/**
 * Milliseconds since the epoch, in fractions of them, that never go back while nobody sets the clock: one base for all
 * that a process tells, so that spans that follow each other do so on the picture too. Where the wall clock was set (or
 * the machine slept), the base is taken anew; it then is at most a millisecond ahead and never behind the wall clock, by
 * whose whole milliseconds sagas are told to begin.
 */
export function spanClock({ now, monotonic }: Pick<Clock, 'now' | 'monotonic'>): () => number {
  let baseMs = now() + 1 - monotonic();
  return () => {
    const wallMs = now();
    const sinceMs = monotonic();
    if (Math.abs(baseMs + sinceMs - wallMs) > STEP_MS) baseMs = wallMs + 1 - sinceMs;
    return baseMs + sinceMs;
  };
}
