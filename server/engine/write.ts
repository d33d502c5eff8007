/**
 * Describes a transition as the one write that makes it durable. Pure: everything that a commit stores, counts and
 * announces is decided here.
 */
import { stringify } from '../../json/exact.ts';
import {
  type Answer,
  activitiesIn,
  type Call,
  callTo,
  nameOf,
  type Outcome,
  onlyCall,
  type RegisteredMachine,
  type SagaEvent,
  type SagaSnapshot,
} from '../../machines/index.ts';
import type {
  Act,
  Counts,
  LogEntry,
  Next,
  Owner,
  Parked,
  SagaStatus,
  SagaSummary,
  Signal,
  Write,
} from '../../stores/saga-store.ts';
import { DURATION_BUCKETS_MS, type LogEvent, type StartRequest } from './contract.ts';
import type { Hop, Standing } from './decide.ts';

/** A transition: one event, or several that are stored as one. */
export interface Transition {
  readonly machine: RegisteredMachine;
  /** At least one. */
  readonly hops: readonly Hop[];
  /** The saga's status until now; `null` where it begins. */
  readonly statusBefore: SagaStatus | null;
  /** What it was parked for until now. */
  readonly parkedBefore: Parked | null;
  readonly at: number;
  /** How long the call took that led to the outcome among the events. */
  readonly callMs: number | null;
  readonly createdAtMs: number;
}

/** How writes grant rights. */
export interface Rights {
  /** Spare time around a call, on both sides of its lease. */
  readonly leaseMarginMs: number;
  /** The longest lease that is granted at once: a call that may last longer has its lease renewed while it does. */
  readonly leaseMaxMs: number;
  /** How long an ended saga is kept. */
  readonly retentionMs: number;
}

/** Who writes, and how. */
export interface Writer {
  readonly owner: Owner;
  readonly writeId: string;
  readonly rights: Rights;
  /** Gives the saga away instead of acting: a coordinator that drains. */
  readonly yielding: boolean;
  /** How many signals the events answer. */
  readonly signalsSeen: number;
}

/**
 * Written out field by field, as all that each transition makes: V8 copies a spread with fields before or after it in its
 * slow path.
 */
export function describe(transition: Transition, writer: Writer): Write {
  const { machine, hops } = transition;
  const { owner, writeId, rights, yielding, signalsSeen } = writer;
  const { snapshot } = lastOf(hops).after;
  const terms = machine.terms.gained(hops[0]?.before?.snapshot.context.data ?? null, snapshot.context.data);
  const next = nextOf(transition, rights, yielding);
  const entries = hops.map((hop) => entryOf(hop, transition));
  const write = {
    writeId,
    owner,
    snapshot: machine.persist(snapshot),
    summary: summaryOf(machine, snapshot),
    entry: lastOf(entries),
    counts: countsOf(transition, next),
    next,
    signalsSeen,
    terms,
  };
  if (signalsSeen > 0) {
    const acts = actsOf(transition, next);
    return { ...write, earlier: entries.slice(0, -1), ...(acts.length > 0 && { acts }) };
  }
  return entries.length > 1 ? { ...write, earlier: entries.slice(0, -1) } : write;
}

/** What of the transition was asked from outside, as the audit tells it. */
function actsOf({ machine, hops, statusBefore, parkedBefore }: Transition, next: Next): Act[] {
  let status = statusBefore ?? 'STARTED';
  return hops.flatMap(({ before, after, signal, ignored = false }, index): Act[] => {
    const was = status;
    if (!ignored) {
      const isParked = after.asks.kind === 'operator' || (parkedBefore !== null && !isAsked(signal));
      status = index === hops.length - 1 ? statusOf(next) : isParked ? 'ABORTED' : 'STARTED';
    }
    if (signal === undefined || before === null || !isAct(signal)) return [];
    return [
      {
        signal,
        machine: { id: machine.id, version: machine.version },
        isIgnored: ignored,
        before: { state: nameOf(before.snapshot.value), status: was },
        after: { state: nameOf(after.snapshot.value), status },
      },
    ];
  });
}

/** A start by hand, as the audit tells of it. */
export function startActOf(
  asked: NonNullable<StartRequest['act']>,
  { writeId, summary, next }: Write,
  { id, version }: RegisteredMachine,
  atMs: number,
): Act {
  const after = { state: summary.state, status: statusOf(next) };
  const signal = { id: writeId, kind: 'start', atMs, ...asked } as const;
  return { signal, machine: { id, version }, isIgnored: false, before: null, after };
}

/** Whether the audit tells of it: of what operators ask, and of the events that they send, but not of the saga's ordinary business. */
export function isAct({ kind, actor }: Signal): boolean {
  return kind !== 'outcome' && (kind !== 'event' || actor !== undefined);
}

function nextOf(
  { machine, hops, at, createdAtMs, parkedBefore }: Transition,
  rights: Rights,
  yielding: boolean,
): Next {
  const { asks, snapshot } = lastOf(hops).after;
  // What comes from outside is kept for it, but only a person sets a parked saga going again.
  if (parkedBefore !== null && asks.kind === 'activities' && !hops.some(({ signal }) => isAsked(signal)))
    return { kind: 'park', parked: parkedBefore };
  switch (asks.kind) {
    case 'activities': {
      let timeoutMs = -1;
      let until = Number.POSITIVE_INFINITY;
      for (const one of asks.activities) {
        if (one.kind === 'call') timeoutMs = Math.max(timeoutMs, one.call.timeoutMs);
        else until = Math.min(until, one.until);
      }
      if (timeoutMs >= 0)
        return yielding
          ? { kind: 'wait', delayMs: 0 }
          : { kind: 'act', leaseMs: leaseMsOf(timeoutMs, rights) };
      // A deadline that cuts a wait short must wake somebody too.
      const bounded = machine.deadlineMs !== null && machine.accepts(snapshot, { type: 'deadline', at });
      if (bounded) until = Math.min(until, createdAtMs + (machine.deadlineMs ?? 0));
      return { kind: 'wait', delayMs: Math.max(0, until - at) };
    }
    case 'operator':
      return { kind: 'park', parked: machine.parked(snapshot.context) };
    case 'nothing':
      return { kind: 'end', status: asks.succeeded ? 'COMPLETED' : 'FAILED', keepMs: rights.retentionMs };
    default:
      return asks satisfies never;
  }
}

/** Whether a person asked for it. */
function isAsked(signal: Signal | undefined): boolean {
  return signal !== undefined && signal.kind !== 'event' && signal.kind !== 'outcome';
}

/** How long a lease for a call of this time-out is. */
export function leaseMsOf(timeoutMs: number, { leaseMarginMs, leaseMaxMs }: Rights): number {
  return Math.min(timeoutMs + 2 * leaseMarginMs, leaseMaxMs);
}

/** The status of a saga after a write. */
export function statusOf(next: Next): SagaStatus {
  if (next.kind === 'park') return 'ABORTED';
  return next.kind === 'end' ? next.status : 'STARTED';
}

export function summaryOf(machine: RegisteredMachine, { value, context }: SagaSnapshot): SagaSummary {
  const failed = context.failure?.step ?? null;
  return {
    state: nameOf(value),
    label: machine.labelOf(context),
    steps_completed: machine.stepsCompleted(context),
    total_steps: machine.steps.length,
    failed_step: failed,
    failed_step_index: failed === null ? null : machine.steps.findIndex(({ name }) => name === failed),
  };
}

/** Events that are outcomes of a call. */
const OUTCOMES: ReadonlySet<string> = new Set<Outcome>(['done', 'refused', 'retryable', 'unknown']);

/** What the log says of one hop. */
export function entryOf(
  { before, event, after, signal, ignored }: Hop,
  { machine, at, callMs }: Pick<Transition, 'machine' | 'at' | 'callMs'>,
): LogEntry {
  const call = callOf(before, event, after);
  const isOutcome = event !== null && OUTCOMES.has(event.type);
  const entry = {
    at: dateOf(at),
    event: (signal?.kind ?? event?.type ?? 'started') satisfies LogEvent,
    from: before === null ? null : nameOf(before.snapshot.value),
    to: nameOf(after.snapshot.value),
    step: signal?.step ?? call?.address ?? null,
    kind: call?.kind ?? null,
    attempt: call?.attempt ?? null,
    outcome: isOutcome ? event.type : ignored ? 'ignored' : null,
    duration_ms: isOutcome ? callMs : null,
    error: event !== null && 'error' in event ? event.error : null,
  };
  if (signal) return ofSignal(entry, signal);
  const isReplayed = isOutcome && 'replayed' in event;
  // An action's answer is kept among the facts; of what a compensation answers nothing else is.
  if (event?.type !== 'done' || call?.kind !== 'compensation')
    return isReplayed ? { ...entry, replayed: true } : entry;
  const answer = answerText(machine.hide(event.answer, after.snapshot.context));
  return isReplayed ? { ...entry, answer, replayed: true } : { ...entry, answer };
}

/** Characters of what a compensation has answered that its entry keeps. */
const ANSWER_LENGTH_MAX = 500;

function answerText(answer: Answer): string {
  const text = stringify(answer);
  return text.length > ANSWER_LENGTH_MAX ? `${text.slice(0, ANSWER_LENGTH_MAX - 1)}…` : text;
}

let lastAt = Number.NaN;
let lastDate = '';

/** A busy coordinator writes several entries in one millisecond, and each date is dearer than the rest of its entry. */
function dateOf(at: number): string {
  if (at !== lastAt) {
    lastDate = new Date(at).toISOString();
    lastAt = at;
  }
  return lastDate;
}

function ofSignal(entry: LogEntry, { kind, by, reason, attempt }: Signal): LogEntry {
  if (kind === 'event') return { ...entry, kind: null, attempt: null, step: null, reason };
  if (kind === 'outcome') return { ...entry, kind: 'action', attempt: attempt ?? null, duration_ms: null };
  return { ...entry, by, reason };
}

/** An outcome is told of the call that had it; a start or the end of a wait, of the call that it leads to. */
function callOf(before: Standing | null, event: SagaEvent | null, after: Standing): Call | null {
  const to = event !== null && 'to' in event ? event.to : undefined;
  const had = before === null ? null : callTo(before.asks, to);
  return had ?? (to === undefined ? onlyCall(after.asks) : callTo(after.asks, to));
}

function countsOf({ machine, hops, statusBefore, at, createdAtMs }: Transition, next: Next): Counts {
  const counts: Record<string, number> = {};
  const count = (name: string, n = 1) => {
    counts[name] = (counts[name] ?? 0) + n;
  };
  for (const hop of hops) countHop(hop, machine, count);
  const ends = next.kind === 'end' || (next.kind === 'park' && statusBefore !== 'ABORTED');
  if (ends) count(`settled.${statusOf(next)}`);
  if (ends && statusBefore !== 'ABORTED') {
    const sagaMs = Math.max(0, at - createdAtMs);
    count(`duration.${DURATION_BUCKETS_MS.find((bound) => sagaMs <= bound) ?? 'inf'}`);
  }
  return counts;
}

function countHop(
  { before, event, after, signal, ignored }: Hop,
  machine: RegisteredMachine,
  count: (name: string, n?: number) => void,
): void {
  // Whatever leads there: a step that is done for each item of an empty list is done when its turn has come.
  const completed = machine.stepsCompleted(after.snapshot.context) - completedBefore(before, machine);
  if (completed > 0) count('completed_steps.held', completed);
  if (before === null) {
    count('started');
    count('total_steps.held', machine.steps.length);
    return;
  }
  if (signal && isAsked(signal) && !ignored) count(`operator.${signal.kind}`);
  const { failure } = after.snapshot.context;
  if (before.snapshot.context.failure === null && failure !== null) {
    count(failure.step === null ? 'cancelled' : `failures.${failure.step}`);
  }
  if (event?.type === 'deferred') count('deferrals');
  if (event === null || !OUTCOMES.has(event.type)) return;
  const to = 'to' in event ? event.to : undefined;
  const call = callTo(before.asks, to);
  // An outcome that was waited for: no call has had it.
  if (call === null) return;
  const done = event.type === 'done';
  if (activitiesIn(after.asks).some((one) => one.kind === 'wait' && one.to === to && !done)) count('retries');
  else if (call.kind === 'compensation') {
    count('compensations.attempted');
    count(done ? 'compensations.succeeded' : 'compensations.failed');
  }
}

function completedBefore(before: Standing | null, machine: RegisteredMachine): number {
  return before === null ? 0 : machine.stepsCompleted(before.snapshot.context);
}

export function lastOf<T>(all: readonly T[]): T {
  const last = all.at(-1);
  if (last === undefined) throw new Error('a transition without an event');
  return last;
}
