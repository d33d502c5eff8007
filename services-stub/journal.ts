/** Every call that a service received, in the order in which it was settled. Tests read sagas off it. */
import type { Outcome } from '../participant/index.ts';
import { Book } from './book.ts';
import { Tally } from './tally.ts';

export type CallKind = 'action' | 'compensation';

export interface Call {
  readonly kind: CallKind;
  readonly sagaId: string;
  readonly step: string;
  readonly attempt: number | null;
  readonly idempotencyKey: string;
  /** Of which trace the caller says that the call is part. */
  readonly traceparent: string | null;
  /** The kinds of the injected faults that struck this call. */
  readonly faults: readonly string[];
}

export interface JournalEntry {
  /** Comparable across all services that share one sequence. */
  readonly seq: number;
  readonly at: string;
  readonly service: string;
  readonly kind: CallKind;
  readonly saga_id: string;
  readonly step: string;
  readonly attempt: number | null;
  readonly idempotency_key: string;
  readonly traceparent: string | null;
  readonly outcome: Outcome;
  /** Null where an injected fault kept every answer back. */
  readonly status: number | null;
  readonly faults: readonly string[];
}

export interface JournalMeans {
  readonly service: string;
  readonly now: () => number;
  readonly nextSeq: () => number;
  readonly onEntry?: (entry: JournalEntry) => void;
}

export class Journal {
  readonly #means: JournalMeans;
  readonly #entries = new Book<JournalEntry>();
  readonly tally: Tally;

  constructor(means: JournalMeans) {
    this.#means = means;
    this.tally = new Tally(means.now());
  }

  get forgotten(): number {
    return this.#entries.forgotten;
  }

  append(call: Call, outcome: Outcome, status: number | null): void {
    const { service, now, nextSeq, onEntry } = this.#means;
    const seq = nextSeq();
    const entry: JournalEntry = {
      seq,
      at: new Date(now()).toISOString(),
      service,
      kind: call.kind,
      saga_id: call.sagaId,
      step: call.step,
      attempt: call.attempt,
      idempotency_key: call.idempotencyKey,
      traceparent: call.traceparent,
      outcome,
      status,
      faults: call.faults,
    };
    this.#entries.put(String(seq), entry);
    this.tally.count(entry);
    onEntry?.(entry);
  }

  entries(): JournalEntry[] {
    return [...this.#entries.values()];
  }

  ofSaga(sagaId: string): JournalEntry[] {
    return this.entries().filter((entry) => entry.saga_id === sagaId);
  }
}
