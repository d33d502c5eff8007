/**
 * A saga in hand that the store does not know any more. It cannot have been purged, because it had not ended: Redis was
 * emptied, or has lost acknowledged writes. What is known of it is known here alone, so it is stored anew, in one write
 * that lands only where nothing stands: as it ended, where it just has, else parked, for a person to look at.
 */
import type { RegisteredMachine } from '../../machines/index.ts';
import {
  type Held,
  type LogEntry,
  type NewSaga,
  type NumberedEntry,
  PARKED_COUNTER,
  type Term,
  type Write,
} from '../../stores/saga-store.ts';
import { FORGOTTEN } from './contract.ts';
import { statusOf } from './write.ts';

export interface Remembered extends Pick<NewSaga, 'id' | 'trace' | 'idempotency'> {
  readonly machine: RegisteredMachine;
  /** What it has left behind, as far as is known here. */
  readonly held: readonly Held[];
  /** The log until now, as far as it is at hand. */
  readonly log: readonly NumberedEntry[];
  /** By all that it was found. */
  readonly terms: readonly Term[];
  /** The write that was to follow. */
  readonly write: Write;
  readonly writeId: string;
  readonly at: string;
}

/** The saga as it is stored anew. */
export function anew({ machine, held, log, write, writeId, at, ...saga }: Remembered): NewSaga {
  const { id, version, structure, steps } = machine;
  const waits = write.next.kind === 'act' || write.next.kind === 'wait';
  const next = waits
    ? ({
        kind: 'park',
        parked: { reason: FORGOTTEN, held },
      } as const)
    : write.next;
  const { state } = write.summary;
  const entry: LogEntry = {
    at,
    event: FORGOTTEN,
    from: state,
    to: state,
    step: null,
    kind: null,
    attempt: null,
    outcome: null,
    duration_ms: null,
    error: 'the store did not know the saga any more; it was stored anew',
  };
  return {
    ...saga,
    machine: { id, version, structure },
    writeId,
    owner: write.owner,
    snapshot: write.snapshot,
    summary: write.summary,
    earlier: [...log.map(({ seq: _, ...one }) => one), ...(write.earlier ?? []), write.entry],
    entry,
    counts: {
      'total_steps.held': steps.length,
      'completed_steps.held': write.summary.steps_completed,
      [next.kind === 'park' ? PARKED_COUNTER : `settled.${statusOf(next)}`]: 1,
    },
    next,
    ...(write.acts && { acts: write.acts }),
  };
}
