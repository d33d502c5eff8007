/**
 * Describes a transition as the one write that makes it durable. Pure: everything that a commit stores, counts and
 * announces is decided here.
 */
import {
  type Asks,
  nameOf,
  type RegisteredMachine,
  type SagaContext,
  type SagaEvent,
  type SagaSnapshot,
} from '../../machines/index.ts';
import type {
  Counts,
  LogEntry,
  Next,
  Parked,
  SagaStatus,
  SagaSummary,
  Write,
} from '../../stores/saga-store.ts';
import { DURATION_BUCKETS_MS } from './contract.ts';

/** What must be known of a transition beside its two snapshots. */
export interface Transition {
  readonly machine: RegisteredMachine;
  /** `null` where the saga begins. */
  readonly before: { readonly snapshot: SagaSnapshot; readonly asks: Asks } | null;
  readonly event: SagaEvent | null;
  readonly after: { readonly snapshot: SagaSnapshot; readonly asks: Asks };
  readonly at: number;
  /** How long the call took that led to the event. */
  readonly callMs: number | null;
  /** Since the saga was created. */
  readonly sagaMs: number;
}

/** How writes grant rights. */
export interface Rights {
  /** Spare time around a call, on both sides of its lease. */
  readonly leaseMarginMs: number;
  /** How long an ended saga is kept. */
  readonly retentionMs: number;
}

/** All of a write but who writes it. `yielding` gives the saga away instead of acting: a coordinator that drains. */
export function describe(
  transition: Transition,
  rights: Rights,
  yielding: boolean,
): Omit<Write, 'writeId' | 'owner'> & { readonly status: SagaStatus } {
  const { machine, after } = transition;
  const next = nextOf(transition, rights, yielding);
  return {
    snapshot: machine.persist(after.snapshot),
    summary: summaryOf(machine, after.snapshot),
    entry: entryOf(transition),
    counts: countsOf(transition, next),
    next,
    status: statusOf(next),
  };
}

function nextOf({ machine, after, at }: Transition, rights: Rights, yielding: boolean): Next {
  const { asks, snapshot } = after;
  switch (asks.kind) {
    case 'call':
      return yielding
        ? { kind: 'wait', delayMs: 0 }
        : { kind: 'act', leaseMs: asks.call.timeoutMs + 2 * rights.leaseMarginMs };
    case 'wait':
      return { kind: 'wait', delayMs: Math.max(0, asks.retryAt - at) };
    case 'operator':
      return { kind: 'park', parked: parkedOf(machine.redacted(snapshot.context)) };
    case 'nothing':
      return { kind: 'end', status: asks.succeeded ? 'COMPLETED' : 'FAILED', keepMs: rights.retentionMs };
    default:
      return asks satisfies never;
  }
}

function statusOf(next: Next): SagaStatus {
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

function summaryOf(machine: RegisteredMachine, { value, context }: SagaSnapshot): SagaSummary {
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

function entryOf({ before, event, after, at, callMs }: Transition): LogEntry {
  // An outcome is told of the call that had it; a start or the end of a wait, of the call that it leads to.
  const about = before?.asks.kind === 'call' ? before.asks : after.asks;
  const call = about.kind === 'call' ? about.call : null;
  const answered = before?.asks.kind === 'call' && event !== null;
  return {
    at: new Date(at).toISOString(),
    event: event?.type ?? 'started',
    from: before === null ? null : nameOf(before.snapshot.value),
    to: nameOf(after.snapshot.value),
    step: call?.step ?? null,
    kind: call?.kind ?? null,
    attempt: call?.attempt ?? null,
    outcome: answered ? event.type : null,
    duration_ms: callMs,
    error: event !== null && 'error' in event ? event.error : null,
  };
}

function countsOf({ machine, before, after, event, sagaMs }: Transition, next: Next): Counts {
  const counts: Record<string, number> = {};
  if (before === null) {
    counts.started = 1;
    counts['total_steps.held'] = machine.steps.length;
  } else if (before.asks.kind === 'call') {
    const { kind, step } = before.asks.call;
    const repeated = after.asks.kind === 'wait';
    if (repeated) counts.retries = 1;
    else if (kind === 'action') {
      if (event?.type === 'done') counts['completed_steps.held'] = 1;
      else counts[`failures.${step}`] = 1;
    } else {
      counts['compensations.attempted'] = 1;
      counts[event?.type === 'done' ? 'compensations.succeeded' : 'compensations.failed'] = 1;
    }
  }
  if (next.kind === 'end' || next.kind === 'park') {
    counts[`settled.${statusOf(next)}`] = 1;
    counts[`duration.${DURATION_BUCKETS_MS.find((bound) => sagaMs <= bound) ?? 'inf'}`] = 1;
  }
  return counts;
}
