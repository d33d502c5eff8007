/** What the calls of one service come to, counted as they are settled: whoever asks need not read its whole journal. */
import type { Outcome } from '../participant/index.ts';
import { Book } from './book.ts';

/** What of a call that was settled is counted. */
interface SettledCall {
  readonly kind: 'action' | 'compensation';
  readonly outcome: Outcome;
  readonly saga_id: string;
  readonly step: string;
}

type Outcomes = Partial<Record<Outcome, number>>;

const TWICE_NAMED_MAX = 10;

export class Tally {
  readonly #startedAtMs: number;
  readonly #calls: Readonly<Record<SettledCall['kind'], Outcomes>> = { action: {}, compensation: {} };
  /** By saga, step and kind: how often it was performed. */
  readonly #effects: Book<{ times: number }>;
  readonly #twice = new Set<string>();
  #twiceCount = 0;

  constructor(startedAtMs: number, effectsMax?: number) {
    this.#startedAtMs = startedAtMs;
    this.#effects = new Book(effectsMax);
  }

  count({ kind, outcome, saga_id: saga, step }: SettledCall): void {
    const outcomes = this.#calls[kind];
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (outcome !== 'performed') return;
    const key = JSON.stringify([saga, step, kind]);
    const times = (this.#effects.get(key)?.times ?? 0) + 1;
    this.#effects.put(key, { times });
    if (times === 1) return;
    this.#twiceCount += 1;
    if (this.#twice.size < TWICE_NAMED_MAX) this.#twice.add(saga);
  }

  /**
   * Counted since the service began, and known no longer than it lives. `performed_twice` are effects of one step of one saga that
   * happened once more; of those effects that were forgotten a second one would not be noticed.
   */
  describe() {
    return {
      started_at: new Date(this.#startedAtMs).toISOString(),
      actions: this.#calls.action,
      compensations: this.#calls.compensation,
      performed_twice: this.#twiceCount,
      sagas: [...this.#twice],
      forgotten: this.#effects.forgotten,
    };
  }
}
