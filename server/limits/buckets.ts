/**
 * Token buckets, one for each key: a bucket holds as many tokens as its quota says, and fills again evenly over the quota's
 * window. Of a bucket one number is kept, the moment at which it will be full (GCRA), so no timer runs and an idle one costs
 * nothing. Only so many are kept: where there are more keys, the one that has been asked for least recently is forgotten, and full
 * when it is asked for again.
 */

export interface Quota {
  /** Tokens of a full bucket. */
  readonly count: number;
  /** In which an empty one is full again. */
  readonly windowMs: number;
}

/** What one bucket has to give. */
export interface Level {
  readonly isTaken: boolean;
  /** Whole tokens that are left. */
  readonly left: number;
  /** Until there is one more; 0 where it is full. */
  readonly nextInMs: number;
}

export class Buckets {
  readonly quota: Quota;
  readonly #keysMax: number;
  /** When each will be full, the one that was asked for least recently first. */
  readonly #fullAt = new Map<string, number>();

  constructor(quota: Quota, keysMax: number) {
    this.quota = quota;
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** @param nowMs on a clock that never goes back */
  take(key: string, nowMs: number): Level {
    const fullAt = this.#fullAtOf(key, nowMs);
    const after = fullAt + this.#tokenMs;
    const isTaken = after - nowMs <= this.quota.windowMs + ROUNDING * this.#tokenMs;
    return this.#put(key, isTaken ? after : fullAt, nowMs, isTaken);
  }

  /** Whoever has not used it gives it back. */
  giveBack(key: string, nowMs: number): Level {
    return this.#put(key, this.#fullAtOf(key, nowMs) - this.#tokenMs, nowMs, false);
  }

  get #tokenMs(): number {
    return this.quota.windowMs / this.quota.count;
  }

  #fullAtOf(key: string, nowMs: number): number {
    return Math.max(this.#fullAt.get(key) ?? nowMs, nowMs);
  }

  #put(key: string, fullAt: number, nowMs: number, isTaken: boolean): Level {
    this.#fullAt.delete(key);
    if (this.#fullAt.size >= this.#keysMax) this.#forgetOldest();
    this.#fullAt.set(key, fullAt);
    const lackingMs = Math.max(0, fullAt - nowMs);
    const { count } = this.quota;
    const lacking = lackingMs / this.#tokenMs;
    // A token that lacks a rounding error is there.
    const left = count - Math.ceil(lacking - ROUNDING);
    return { isTaken, left, nextInMs: left === count ? 0 : lackingMs - (count - left - 1) * this.#tokenMs };
  }

  #forgetOldest(): void {
    const [oldest] = this.#fullAt.keys();
    if (oldest !== undefined) this.#fullAt.delete(oldest);
  }
}

/** What adding up parts of a window may be wrong by, in tokens. */
const ROUNDING = 0.01;
