/**
 * The circuit breaker of one participant, as one coordinator sees it. After so many failures in a row it opens, and
 * calls are put off instead of made. When it has been open for its time, one call goes through as a probe: its success
 * closes the breaker, its failure leaves it open for twice as long, up to a bound.
 *
 * A probe holds nobody up: it takes the next open time with it, so where it hangs another goes after it. Whatever
 * happens to a probe, even nothing, some later call is let through, because only time is asked.
 */
import type { Clock } from './clock.ts';
import type { BreakerState } from './contract.ts';

export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  /** How long it is open at first, and at most; the second is no shorter. */
  readonly openMs: number;
  readonly openMaxMs: number;
}

/** What of a call's reply the breaker looks at. */
export interface Verdict {
  readonly outcome: 'done' | 'accepted' | 'refused' | 'retryable' | 'unknown';
  readonly retryAfterMs?: number | null;
}

/** A call that was let through: what came of it counts as long as the breaker stands as it stood then. */
export interface Pass {
  readonly era: number;
}

export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #clock: Clock;
  /** Since it was closed or has closed. */
  #failures = 0;
  /** `null` while it is closed. */
  #open: { untilMs: number; spanMs: number; probes: number } | null = null;
  /** Raised whenever it opens or closes: calls from before say nothing about what is now. */
  #era = 0;

  constructor(settings: BreakerSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  get state(): BreakerState {
    if (this.#open === null) return 'closed';
    return this.#open.probes > 0 || this.leftMs === 0 ? 'half-open' : 'open';
  }

  /** How long no call is let through; 0 where the next one would be. */
  get leftMs(): number {
    return this.#open === null ? 0 : Math.max(0, this.#open.untilMs - this.#clock.monotonic());
  }

  /** How long it is open this time: over as long again the calls that were put off are spread. */
  get spanMs(): number {
    return this.#open?.spanMs ?? this.#settings.openMs;
  }

  /** Lets a call through, or answers `null`. Whoever passes tells what came of the call. */
  pass(): Pass | null {
    if (this.#open !== null) {
      if (this.leftMs > 0) return null;
      const spanMs = Math.min(2 * this.#open.spanMs, this.#settings.openMaxMs);
      this.#open = { untilMs: this.#clock.monotonic() + spanMs, spanMs, probes: this.#open.probes + 1 };
    }
    return { era: this.#era };
  }

  /** Answers what it has become through this, or `null` where it stays what it was. */
  settled({ era }: Pass, { outcome, retryAfterMs = null }: Verdict): 'opened' | 'closed' | null {
    if (era !== this.#era) return null;
    // A refusal is an answer too: the participant is well enough to say no.
    if (outcome === 'done' || outcome === 'accepted' || outcome === 'refused') {
      this.#failures = 0;
      return this.#open === null ? null : this.#turn('closed');
    }
    if (this.#open !== null) {
      const { spanMs, probes } = this.#open;
      this.#open = { untilMs: this.#until(spanMs, retryAfterMs), spanMs, probes: probes - 1 };
      return null;
    }
    this.#failures += 1;
    if (this.#failures < this.#settings.failuresMax) return null;
    const spanMs = this.#settings.openMs;
    this.#open = { untilMs: this.#until(spanMs, retryAfterMs), spanMs, probes: 0 };
    return this.#turn('opened');
  }

  #turn(to: 'opened' | 'closed'): 'opened' | 'closed' {
    this.#era += 1;
    if (to === 'closed') this.#open = null;
    return to;
  }

  /** A participant that asks for patience gets it, within the bound: others may be served sooner than one was told. */
  #until(spanMs: number, retryAfterMs: number | null): number {
    const waitMs = Math.max(spanMs, Math.min(retryAfterMs ?? 0, this.#settings.openMaxMs));
    return this.#clock.monotonic() + waitMs;
  }
}
