/** Means for participants under test: a clock that stands still, counted ids, and sleepers that wake on command. */
import type { Clock, Means } from '../../services-stub/means.ts';

class StandingClock implements Clock {
  readonly slept: number[] = [];
  #sleepers: (() => void)[] = [];

  now(): number {
    return Date.UTC(2026, 0, 1);
  }

  sleep(ms: number, until: AbortSignal): Promise<void> {
    this.slept.push(ms);
    return new Promise((resolve) => {
      this.#sleepers.push(resolve);
      until.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  wakeAll(): void {
    for (const wake of this.#sleepers.splice(0)) wake();
  }
}

export interface SimulatedMeans extends Means {
  readonly clock: StandingClock;
}

export function simulatedMeans({ faultsOn = true } = {}): SimulatedMeans {
  let ids = 0;
  let seq = 0;
  return {
    clock: new StandingClock(),
    newId: (prefix) => `${prefix}${++ids}`,
    nextSeq: () => ++seq,
    faultsOn,
  };
}

const TURNS_MAX = 100_000;

/** Gives way to everything else that can run until the condition holds; measures turns, never time. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never came true: ${condition}`);
}
