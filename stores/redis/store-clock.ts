/**
 * The store's clock as this process knows it: Redis's, with what is added where that was set back (lua/tick.lua). Each
 * reply that carries Redis's time bounds the estimate from below (it was taken before the reply arrived), so it lags by at
 * most one round trip and never runs ahead; samples are forgotten after a while, because clocks drift. It decides nothing: a
 * claim is decided by Redis itself.
 */
import { Elapsed } from './elapsed.ts';

const SAMPLE_KEPT_MS = 10_000;
/** How often the time is asked for with both its bounds, and told to those that start later. */
const TICK_EVERY_MS = 30_000;
/** By less than this a clock is not set, but drifts, or is corrected by NTP. */
export const JUMP_LEAST_MS = 1_000;
/** Further back than this a clock is broken, and not set: sagas wait until it is mended, and the alert says so. */
export const SHIFT_MOST_MS = 24 * 3_600_000;
/** What is added is taken off again by this part of the time that passes. */
const SLEW = 0.01;

/** What tick.lua answers. */
export interface Tick {
  readonly redisMs: number;
  readonly addedMs: number;
  readonly behindMs: number;
}

export class StoreClock {
  readonly #offsetMs: () => number;
  readonly #elapsed: Elapsed;
  #aheadMs = Number.NEGATIVE_INFINITY;
  /** It cannot have been further ahead when it was asked last. */
  #aheadMostMs = Number.POSITIVE_INFINITY;
  #learnedAtMs = Number.NEGATIVE_INFINITY;
  #tickedAtMs = Number.NEGATIVE_INFINITY;
  #doubted = false;
  #shift = { addedMs: 0, sinceMs: 0 };
  #latestMs = Number.NEGATIVE_INFINITY;
  #jumpedMs = 0;

  /** `offsetMs` is what tests add to the store's clock. */
  constructor(
    offsetMs: () => number,
    monotonicMs: () => number = () => performance.now(),
    wallMs: () => number = Date.now,
  ) {
    this.#offsetMs = offsetMs;
    this.#elapsed = new Elapsed(monotonicMs, wallMs);
  }

  /** The time by which a tick is to say when it was sent. */
  get elapsedMs(): number {
    return this.#elapsed.ms;
  }

  /** What scripts are to add to Redis's clock. */
  get offsetMs(): number {
    return Math.round(this.#offsetMs() + this.#addedMs(this.#redisMs()));
  }

  /** Takes the time that a script has just answered, the offset included. */
  learn(storeMs: number): void {
    this.learnUnmoved(storeMs - this.offsetMs);
  }

  /** Takes the time that Redis itself has just answered. */
  learnUnmoved(redisMs: number): void {
    const receivedAtMs = this.#elapsed.ms;
    const aheadMs = redisMs - receivedAtMs;
    // Either a clock was set, or this answer took long: the next tick tells.
    if (aheadMs < this.#aheadMs - JUMP_LEAST_MS || aheadMs > this.#aheadMostMs + JUMP_LEAST_MS) {
      this.#doubted = true;
    }
    if (aheadMs < this.#aheadMs && (!this.old || this.#doubted)) return;
    this.#aheadMs = aheadMs;
    this.#learnedAtMs = receivedAtMs;
  }

  /** Takes what a tick has answered that was sent at this {@link elapsedMs}. */
  settle({ redisMs, addedMs, behindMs }: Tick, sentAtMs: number): void {
    const receivedAtMs = this.#elapsed.ms;
    const [least, most] = [redisMs - receivedAtMs, redisMs - sentAtMs];
    const withheldMs = this.#elapsed.takeWithheld();
    if (most < this.#aheadMs - JUMP_LEAST_MS) this.#jumpedMs += Math.round(most - this.#aheadMs);
    else if (least > this.#aheadMostMs + withheldMs + JUMP_LEAST_MS)
      this.#jumpedMs += Math.round(least - this.#aheadMostMs);
    // While nobody looked: whoever has just started knows it from what the others had told.
    else if (behindMs > 0 && this.#tickedAtMs === Number.NEGATIVE_INFINITY) this.#jumpedMs -= behindMs;
    // What was learned before is a better bound as long as the clock was not set.
    this.#aheadMs = this.#aheadMs >= least && this.#aheadMs <= most ? this.#aheadMs : least;
    this.#aheadMostMs = most;
    this.#shift = { addedMs, sinceMs: redisMs + this.#offsetMs() };
    this.#learnedAtMs = receivedAtMs;
    this.#tickedAtMs = receivedAtMs;
    this.#doubted = false;
  }

  /** Whether it is time to ask for the time. */
  get old(): boolean {
    return this.#elapsed.ms - this.#learnedAtMs > SAMPLE_KEPT_MS;
  }

  /** Whether it is time for a tick. */
  get mustTick(): boolean {
    return this.#doubted || this.#elapsed.ms - this.#tickedAtMs > TICK_EVERY_MS;
  }

  /** The time that it is at least, for a tick; 0 where nothing is known yet. */
  get leastMs(): number {
    const redisMs = this.#redisMs();
    return Number.isFinite(redisMs) ? Math.floor(redisMs + this.offsetMs) : 0;
  }

  /** In whole milliseconds. Never less than it was. */
  now(): number {
    const redisMs = this.#redisMs();
    const estimate = Math.floor(redisMs + this.#addedMs(redisMs) + this.#offsetMs());
    this.#latestMs = Math.max(this.#latestMs, estimate);
    return this.#latestMs;
  }

  /** By how much Redis's clock was set, as found since this was asked last; 0 where it was not. */
  takeJump(): number {
    const jumpedMs = this.#jumpedMs;
    this.#jumpedMs = 0;
    return jumpedMs;
  }

  #redisMs(): number {
    return this.#elapsed.ms + this.#aheadMs;
  }

  #addedMs(redisMs: number): number {
    const { addedMs, sinceMs } = this.#shift;
    return addedMs === 0
      ? 0
      : Math.max(0, addedMs - Math.max(0, redisMs + this.#offsetMs() - sinceMs) * SLEW);
  }
}
