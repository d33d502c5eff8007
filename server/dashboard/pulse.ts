/** The sums of all coordinators, for the overview and for the plots that follow them. */
import { type CauseCount, moneyFirst, type Tally } from '../../stores/saga-store.ts';
import type { Clock } from '../engine/clock.ts';
import { DURATION_BUCKETS_MS, type SagaEngine } from '../engine/contract.ts';
import { failuresByStep } from '../failures.ts';

/** However many plots are drawn, the store is asked for them at most this often. */
const SHARED_MS = 1000;
/** And at least this often, though no saga has been written to. */
const KEPT_MS = 30_000;

export interface Pulse {
  readonly at_ms: number;
  readonly in_flight: number;
  readonly parked: number;
  /** Since the store began. */
  readonly completed: number;
  readonly failed: number;
  /** Why sagas are parked, those first that hold money. */
  readonly causes: readonly CauseCount[];
  /** Sagas that have ended or were parked, since the store began. */
  readonly settled: number;
  readonly retries: number;
  /** How many of them took at most so long, by {@link DURATION_BUCKETS_MS} and one for the rest. */
  readonly durations: readonly number[];
  readonly bounds_ms: readonly number[];
  /** By machine and step. */
  readonly failures_by_step: ReturnType<typeof failuresByStep>;
  /** Indexes and counters of the store that cannot be read. */
  readonly damage: readonly string[];
}

export class Pulses {
  readonly #engine: Pick<SagaEngine, 'tally' | 'position'>;
  readonly #clock: Clock;
  #last: { readonly at: number; readonly position: string | null; readonly pulse: Promise<Pulse> } | null =
    null;

  constructor(engine: Pick<SagaEngine, 'tally' | 'position'>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** For the plots, to which a second is nothing. */
  async recent(): Promise<Pulse> {
    const last = this.#last;
    const age = last === null ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - last.at;
    if (last !== null && age < SHARED_MS) return last.pulse;
    // While somebody follows what happens it is known where that ends; else it is one question.
    const position = await this.#engine.position();
    if (last === null || last.position !== position || age >= KEPT_MS) return this.now(position);
    return { ...(await last.pulse), at_ms: this.#clock.now() };
  }

  /**
   * For a page that was asked for because something happened: what it shows must have that in it.
   * @param position where the feed ended before; `null` where that was not asked
   */
  now(position: string | null = null): Promise<Pulse> {
    const at = this.#clock.monotonic();
    const pulse = this.#engine.tally().then((found) => pulseOf(found, this.#clock.now()));
    this.#last = { at, position, pulse };
    // A store that was away is asked again by the next page.
    pulse.catch(() => {
      this.#last = null;
    });
    return pulse;
  }
}

function pulseOf({ inFlight, causes, counters, damage }: Tally, atMs: number): Pulse {
  const machines = Object.values(counters);
  const sum = (name: string) => machines.reduce((total, counts) => total + (counts[name] ?? 0), 0);
  const durations = [...DURATION_BUCKETS_MS, 'inf'].map((bound) => sum(`duration.${bound}`));
  return {
    at_ms: atMs,
    in_flight: inFlight,
    parked: causes.reduce((total, { n }) => total + n, 0),
    completed: sum('settled.COMPLETED'),
    failed: sum('settled.FAILED'),
    causes: moneyFirst(causes),
    settled: durations.reduce((total, n) => total + n, 0),
    retries: sum('retries'),
    durations,
    bounds_ms: DURATION_BUCKETS_MS,
    failures_by_step: failuresByStep(counters),
    damage,
  };
}
