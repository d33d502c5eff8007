/** Parks a saga that nobody here can carry on, without asking its machine: as it stands, until a person has looked at it. */
import { type LogEntry, PARKED_COUNTER, type SagaRecord } from '../../stores/saga-store.ts';
import type { Surroundings } from './runner.ts';

export interface SetAside {
  readonly writeId: string;
  /** How the log calls it. */
  readonly event: string;
  /** What the saga is parked for; one that was parked already stays parked for what it was. */
  readonly reason: string;
  readonly error: string;
}

/** Answers whether it was parked; not where somebody else has written since. */
export async function setAside(
  { store, owner, clock }: Surroundings,
  { id, fence, snapshot, summary, status, parked, signals }: SagaRecord,
  { writeId, event, reason, error }: SetAside,
): Promise<boolean> {
  const { state } = summary;
  const at = new Date(clock.now()).toISOString();
  const stays = { at, from: state, to: state, kind: null, attempt: null, duration_ms: null };
  const ignored = signals.map(
    ({ kind, step = null, by, reason: why }): LogEntry => ({
      ...stays,
      event: kind,
      step,
      outcome: 'ignored',
      error: null,
      by,
      reason: why,
    }),
  );
  const result = await store.commit(id, fence, {
    writeId,
    owner,
    snapshot,
    summary,
    earlier: ignored,
    entry: { ...stays, event, step: null, outcome: null, error: error.slice(0, 500) },
    // One that was parked before had only been signalled.
    counts: status === 'STARTED' ? { [PARKED_COUNTER]: 1 } : {},
    next: { kind: 'park', parked: parked ?? { reason, held: [] } },
    signalsSeen: signals.length,
  });
  return result.kind === 'committed';
}
