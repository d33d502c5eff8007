/**
 * Describes a transition as the one write that makes it durable. Pure: everything that a commit stores, counts and
 * announces is decided here.
 */
import {
  nameOf,
  type Outcome,
  type RegisteredMachine,
  type SagaContext,
  type SagaSnapshot,
} from '../../machines/index.ts';
import type {
  Counts,
  LogEntry,
  Next,
  Owner,
  Parked,
  SagaStatus,
  SagaSummary,
  Write,
} from '../../stores/saga-store.ts';
import { DURATION_BUCKETS_MS } from './contract.ts';
import type { Hop } from './decide.ts';

/** A transition: one event, or several that are stored as one. */
export interface Transition {
  readonly machine: RegisteredMachine;
  /** At least one. */
  readonly hops: readonly Hop[];
  /** The saga's status until now; `null` where it begins. */
  readonly statusBefore: SagaStatus | null;
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
  };
  return entries.length > 1 ? { ...write, earlier: entries.slice(0, -1) } : write;
}

function nextOf({ machine, hops, at, createdAtMs }: Transition, rights: Rights, yielding: boolean): Next {
  const { asks, snapshot } = lastOf(hops).after;
  switch (asks.kind) {
    case 'call':
      return yielding
        ? { kind: 'wait', delayMs: 0 }
        : { kind: 'act', leaseMs: leaseMsOf(asks.call.timeoutMs, rights) };
    case 'wait': {
      // A deadline that cuts a wait short must wake somebody too.
      const bounded = machine.deadlineMs !== null && machine.accepts(snapshot, { type: 'deadline', at });
      const until = bounded ? Math.min(asks.retryAt, createdAtMs + (machine.deadlineMs ?? 0)) : asks.retryAt;
      return { kind: 'wait', delayMs: Math.max(0, until - at) };
    }
    case 'operator':
      return { kind: 'park', parked: parkedOf(machine.redacted(snapshot.context)) };
    case 'nothing':
      return { kind: 'end', status: asks.succeeded ? 'COMPLETED' : 'FAILED', keepMs: rights.retentionMs };
    default:
      return asks satisfies never;
  }
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

/** What operators are shown, and so without secrets. */
function parkedOf(context: SagaContext): Parked {
  const held = context.held.map(({ step, reason }) => ({
    step,
    reason,
    response: context.answers[step] ?? null,
  }));
  return { reason: 'compensation-incomplete', held };
}

export function summaryOf(machine: RegisteredMachine, { value, context }: SagaSnapshot): SagaSummary {
  const failed = context.failure?.step ?? null;
  const { order_id } = context.data;
  return {
    state: nameOf(value),
    order_id: typeof order_id === 'string' ? order_id : null,
    steps_completed: machine.stepsCompleted(context),
    total_steps: machine.steps.length,
    failed_step: failed,
    failed_step_index: failed === null ? null : machine.steps.findIndex(({ name }) => name === failed),
  };
}

/** Events that are outcomes of a call. */
const OUTCOMES: ReadonlySet<string> = new Set<Outcome>(['done', 'refused', 'retryable', 'unknown']);

function entryOf({ before, event, after, signal, ignored }: Hop, { at, callMs }: Transition): LogEntry {
  // An outcome is told of the call that had it; a start or the end of a wait, of the call that it leads to.
  const about = before?.asks.kind === 'call' ? before.asks : after.asks;
  const call = about.kind === 'call' ? about.call : null;
  const isOutcome = event !== null && OUTCOMES.has(event.type);
  const entry = {
    at: new Date(at).toISOString(),
    event: signal?.kind ?? event?.type ?? 'started',
    from: before === null ? null : nameOf(before.snapshot.value),
    to: nameOf(after.snapshot.value),
    step: signal?.step ?? call?.step ?? null,
    kind: call?.kind ?? null,
    attempt: call?.attempt ?? null,
    outcome: isOutcome ? event.type : ignored ? 'ignored' : null,
    duration_ms: isOutcome ? callMs : null,
    error: event !== null && 'error' in event ? event.error : null,
  };
  return signal ? { ...entry, by: signal.by, reason: signal.reason } : entry;
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
  if (before === null) {
    count('started');
    count('total_steps.held', machine.steps.length);
    return;
  }
  if (signal && !ignored) count(`operator.${signal.kind}`);
  const { failure } = after.snapshot.context;
  if (before.snapshot.context.failure === null && failure !== null) {
    count(failure.step === null ? 'cancelled' : `failures.${failure.step}`);
  }
  if (event?.type === 'deferred') count('deferrals');
  if (event === null || !OUTCOMES.has(event.type) || before.asks.kind !== 'call') return;
  const done = event.type === 'done';
  if (after.asks.kind === 'wait') count('retries');
  else if (before.asks.call.kind === 'compensation') {
    count('compensations.attempted');
    count(done ? 'compensations.succeeded' : 'compensations.failed');
  } else if (done) count('completed_steps.held');
}

export function lastOf<T>(all: readonly T[]): T {
  const last = all.at(-1);
  if (last === undefined) throw new Error('a transition without an event');
  return last;
}
