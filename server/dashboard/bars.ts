/** The calls and the waits of a saga as stretches of time, read from its log. */
import { stepIn } from '../../machines/parts.ts';
import type { NumberedEntry, SagaStatus } from '../../stores/saga-store.ts';
import { isWaiting } from './state-words.ts';
import { type Active, standingIn } from './statechart/active.ts';
import type { Chart } from './statechart/chart.ts';
import { attemptAfter } from './statechart/marks.ts';
import { words } from './wording.ts';

export interface Bar {
  readonly lane: 'action' | 'compensation';
  /** Whose it is, in words. All bars of a row have the same. */
  readonly label: string;
  /** `null` of a wait that belongs to no step. */
  readonly step: string | null;
  readonly kind: 'call' | 'wait';
  readonly fromMs: number;
  readonly toMs: number;
  readonly outcome: string;
  readonly attempt: number | null;
  readonly seq: number;
  /** It was answered from the participant's ledger. */
  readonly isReplayed?: boolean;
  /** Who took the saga over, and from whom, where its call was lost by that. */
  readonly taken?: string;
}

export interface Course {
  readonly log: readonly NumberedEntry[];
  readonly chart: Chart | null;
  /** The end of what has none yet; `null` where the saga has ended, or is looked at as it was. */
  readonly nowMs: number | null;
  readonly status: SagaStatus;
}

/** What came of a call whose coordinator went before it was answered. */
export const LOST = 'sent, answer lost';
/** What has no answer yet. */
export const UNDER_WAY = 'under way';

export function barsOf({ log, chart, nowMs, status }: Course): Bar[] {
  const standing = log.map(({ to }) => (chart === null ? [] : standingIn(chart, to)));
  return [
    ...log.flatMap((entry, index) => [
      ...callsIn(entry),
      ...waitAfter(log, index, standing, nowMs),
      ...outsideFrom(log, index, standing, nowMs),
      ...lostAt(log, index, standing),
      ...parkedFrom(log, index, standing, nowMs, status),
    ]),
    ...(nowMs === null || status !== 'STARTED' ? [] : underWay(log, standing, nowMs)),
  ];
}

function callsIn({ step, kind, attempt, outcome, duration_ms, seq, at, replayed }: NumberedEntry): Bar[] {
  if (step === null || kind === null || duration_ms === null || outcome === null) return [];
  const toMs = Date.parse(at);
  const label = labelOf(step, kind);
  return [
    {
      lane: kind,
      label,
      step: stepIn(step),
      kind: 'call',
      fromMs: toMs - duration_ms,
      toMs,
      outcome,
      attempt,
      seq,
      isReplayed: replayed === true,
    },
  ];
}

/** The wait for the next attempt, or for the outcome of an asynchronous call, that begins with an entry. */
function waitAfter(
  log: readonly NumberedEntry[],
  index: number,
  standing: readonly (readonly Active[])[],
  nowMs: number | null,
): Bar[] {
  const entry = log[index];
  if (entry === undefined || entry.step === null || entry.kind === null) return [];
  const { step, kind, attempt, seq, at } = entry;
  const waits = (after: number) => {
    const part = standing[after]?.find(({ node }) => node.step === stepIn(step));
    if (part === undefined) return standing[after]?.length === 0 && isWaiting(log[after]?.to ?? '');
    return part.node.isMany ? AGAIN.has(entry.event) : part.inner === 'waiting' || part.inner === 'pending';
  };
  if (!waits(index)) return [];
  const end = log.slice(index + 1).find((next, offset) => next.step === step || !waits(index + 1 + offset));
  const toMs = end === undefined ? nowMs : Date.parse(end.at);
  if (toMs === null) return [];
  const fromMs = Date.parse(at);
  return [
    {
      lane: kind,
      label: labelOf(step, kind),
      step: stepIn(step),
      kind: 'wait',
      fromMs,
      toMs: Math.max(fromMs, toMs),
      outcome: 'waits',
      attempt,
      seq,
    },
  ];
}

/** Outcomes after which an item of a list is called again; those of a step are told by its state. */
const AGAIN: ReadonlySet<string> = new Set(['retryable', 'unknown', 'deferred']);

/** The waits for something from outside that begin with an entry. */
function outsideFrom(
  log: readonly NumberedEntry[],
  index: number,
  standing: readonly (readonly Active[])[],
  nowMs: number | null,
): Bar[] {
  const stands = (id: string, at: number) => standing[at]?.some(({ node }) => node.id === id) === true;
  const entry = log[index];
  if (entry === undefined) return [];
  const begun = (standing[index] ?? []).filter(
    ({ node }) => node.kind === 'wait' && !stands(node.id, index - 1),
  );
  return begun.flatMap(({ node }): Bar[] => {
    const end = log.slice(index + 1).find((_, offset) => !stands(node.id, index + 1 + offset));
    const fromMs = Date.parse(entry.at);
    const toMs = end === undefined ? nowMs : Date.parse(end.at);
    if (toMs === null) return [];
    return [
      {
        lane: 'action',
        label: node.label,
        step: null,
        kind: 'wait',
        fromMs,
        toMs: Math.max(fromMs, toMs),
        outcome: 'waits',
        attempt: null,
        seq: entry.seq,
      },
    ];
  });
}

/** The calls that the last state announces have no entry yet. */
function underWay(
  log: readonly NumberedEntry[],
  standing: readonly (readonly Active[])[],
  nowMs: number,
): Bar[] {
  const last = log.at(-1);
  return (standing.at(-1) ?? []).flatMap(({ node: { id, kind, step }, inner }): Bar[] => {
    if (last === undefined || step === null || (kind !== 'action' && kind !== 'compensation')) return [];
    if (inner !== 'calling' && inner !== 'fetching' && inner !== '') return [];
    const own = log.findLast(
      (entry) => entry.step !== null && stepIn(entry.step) === step && entry.kind === kind,
    );
    const entered = log.findLast(
      (_, index) => standing[index - 1]?.some(({ node }) => node.id === id) !== true,
    );
    // Whoever took the saga over has sent the call again.
    const taken = log.findLast(({ event }) => event === 'takenOver');
    const began = [own, entered, taken].reduce((a, b) => ((a?.seq ?? 0) > (b?.seq ?? 0) ? a : b)) ?? last;
    return [
      {
        lane: kind,
        label: labelOf(step, kind),
        step,
        kind: 'call',
        fromMs: Math.min(nowMs, Date.parse(began.at)),
        toMs: nowMs,
        outcome: UNDER_WAY,
        attempt: attemptAfter(own ?? last),
        seq: began.seq,
      },
    ];
  });
}

/** The calls that were under way when their coordinator went. */
function lostAt(
  log: readonly NumberedEntry[],
  index: number,
  standing: readonly (readonly Active[])[],
): Bar[] {
  const entry = log[index];
  if (entry?.event !== 'takenOver') return [];
  const before = underWay(log.slice(0, index), standing.slice(0, index), Date.parse(entry.at));
  const { by, reason, seq } = entry;
  const taken =
    by === undefined ? {} : { taken: `taken over by ${by}${reason === undefined ? '' : ` ${reason}`}` };
  return before.map((bar) => ({ ...bar, outcome: LOST, seq, ...taken }));
}

/** The time for which the saga waits for a person. */
function parkedFrom(
  log: readonly NumberedEntry[],
  index: number,
  standing: readonly (readonly Active[])[],
  nowMs: number | null,
  status: SagaStatus,
): Bar[] {
  const entry = log[index];
  const isLast = index === log.length - 1;
  const isParked = (at: number) => standing[at]?.some(({ node }) => node.kind === 'parked') === true;
  // Whoever could not carry it on parked it in whatever state it was.
  const isSetAside = isLast && status === 'ABORTED' && !isParked(index);
  if (entry === undefined || !(isSetAside || (isParked(index) && !isParked(index - 1)))) return [];
  const end = log.slice(index + 1).find((_, offset) => !isParked(index + 1 + offset));
  const toMs = end === undefined ? nowMs : Date.parse(end.at);
  if (toMs === null) return [];
  const fromMs = Date.parse(entry.at);
  return [
    {
      lane: 'compensation',
      label: 'Parked',
      step: null,
      kind: 'wait',
      fromMs,
      toMs: Math.max(fromMs, toMs),
      outcome: 'parked',
      attempt: null,
      seq: entry.seq,
    },
  ];
}

/** `Payment`, `Insurance of Ada`, `undo payment`. */
function labelOf(address: string, lane: Bar['lane']): string {
  const step = stepIn(address);
  const item = address === step ? '' : ` of ${decodeURIComponent(address.slice(step.length + 1))}`;
  return `${lane === 'action' ? words(step) : `undo ${step}`}${item}`;
}
