/** Parks a saga that nobody here can carry on, without asking its machine: as it stands, until a person has looked at it. */
import {
  type Act,
  type Held,
  type LogEntry,
  PARKED_COUNTER,
  type SagaRecord,
  type Write,
} from '../../stores/saga-store.ts';
import type { LogEvent } from './contract.ts';
import type { Surroundings } from './surroundings.ts';
import { isAct, type Writer } from './write.ts';

export interface SetAside {
  /** How the log calls it. */
  readonly event: LogEvent;
  /** What the saga is parked for; one that was parked already stays parked for what it was. */
  readonly reason: string;
  readonly error: string;
  /** What stands of it, or that nobody here can tell. */
  readonly held: readonly Held[];
}

type Stored = Pick<SagaRecord, 'machine' | 'snapshot' | 'summary' | 'status' | 'parked' | 'signals'>;

/** The write that parks it. */
export function asideWrite(
  { owner, writeId }: Pick<Writer, 'owner' | 'writeId'>,
  nowMs: number,
  { machine, snapshot, summary, status, parked, signals }: Stored,
  { event, reason, error, held }: SetAside,
): Write {
  const { state } = summary;
  const at = new Date(nowMs).toISOString();
  const stays = { at, from: state, to: state, kind: null, attempt: null, duration_ms: null };
  // What somebody was told that it is kept waits until the saga is carried on; an operator asks again, unless nobody here can
  // tell what it was.
  const signalsLeft = signals.filter(
    ({ kind, sealed }) => kind === 'event' || kind === 'outcome' || sealed !== undefined,
  );
  const answered = signals.filter((one) => !signalsLeft.includes(one));
  const ignored = answered.map(
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
  const before = { state, status };
  const acts = answered
    .filter(isAct)
    .map((signal): Act => ({ signal, machine, isIgnored: true, before, after: before }));
  return {
    writeId,
    owner,
    snapshot,
    summary,
    earlier: ignored,
    entry: { ...stays, event, step: null, outcome: null, error: error.slice(0, 500) },
    // One that was parked before had only been signalled.
    counts: status === 'STARTED' ? { [PARKED_COUNTER]: 1 } : {},
    next: { kind: 'park', parked: parked ?? { reason, held } },
    signalsSeen: signals.length,
    signalsLeft,
    ...(acts.length > 0 && { acts }),
  };
}

/** Answers whether it was parked; not where somebody else has written since. */
export async function setAside(
  { store, owner, clock }: Surroundings,
  record: SagaRecord,
  writeId: string,
  aside: SetAside,
): Promise<boolean> {
  const write = asideWrite({ owner, writeId }, clock.now(), record, aside);
  const result = await store.commit(record.id, record.fence, write);
  return result.kind === 'committed';
}
