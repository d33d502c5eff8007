/**
 * An estimate of the store's clock, so that asking an index what is due needs no script. It decides nothing: a
 * claim is decided by Redis itself. Each reply that carries the store's time bounds the estimate from below
 * (it was taken before the reply arrived), so the estimate lags by at most one round trip and never runs ahead,
 * save where the store's clock was set back; samples are therefore forgotten after a while.
 */
const SAMPLE_KEPT_MS = 10_000;

export class StoreClock {
  readonly #offsetMs: () => number;
  readonly #monotonicMs: () => number;
  #aheadMs = Number.NEGATIVE_INFINITY;
  #learnedAtMs = Number.NEGATIVE_INFINITY;

  /** `offsetMs` is what tests add to the store's clock. */
  constructor(offsetMs: () => number, monotonicMs: () => number = () => performance.now()) {
    this.#offsetMs = offsetMs;
    this.#monotonicMs = monotonicMs;
  }

  /** Takes the time that a script has just answered, the offset included. */
  learn(storeMs: number): void {
    this.learnUnmoved(storeMs - this.#offsetMs());
  }

  /** Takes the time that Redis itself has just answered. */
  learnUnmoved(redisMs: number): void {
    const receivedAtMs = this.#monotonicMs();
    const aheadMs = redisMs - receivedAtMs;
    if (aheadMs < this.#aheadMs && !this.old) return;
    this.#aheadMs = aheadMs;
    this.#learnedAtMs = receivedAtMs;
  }

  /** Whether it is time to ask for the time. */
  get old(): boolean {
    return this.#monotonicMs() - this.#learnedAtMs > SAMPLE_KEPT_MS;
  }

  now(): number {
    return this.#monotonicMs() + this.#aheadMs + this.#offsetMs();
  }
}
