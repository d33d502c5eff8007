/** Why the last call of each kind to each participant failed that this process has made. */
import type { Kind } from '../../../machines/index.ts';
import type { Clock } from '../../engine/clock.ts';
import type { EngineEvent } from '../../engine/contract.ts';

export interface LastError {
  readonly atMs: number;
  /** Without secrets, as the saga's log has it. */
  readonly error: string;
  /** Refused; else no answer came, or one by which it is tried again. */
  readonly isRefusal: boolean;
  readonly sagaId: string;
}

export class LastErrors {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #last = new Map<string, LastError>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  observe(event: EngineEvent): void {
    if (event.type !== 'called' || event.error === null) return;
    const { call, outcome, error, id } = event;
    if (outcome === 'done' || outcome === 'accepted') return;
    const last = { atMs: this.#clock.now(), error, isRefusal: outcome === 'refused', sagaId: id };
    this.#last.set(`${call.participant} ${call.kind}`, last);
  }

  of(participant: string, kind: Kind): LastError | null {
    return this.#last.get(`${participant} ${kind}`) ?? null;
  }
}
