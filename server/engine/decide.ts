/**
 * What a saga's machine makes of an event, when operators have asked for something too. Pure. Requests are tried
 * before the outcome of a call, so that a cancel decides where that outcome leads; what does not fit there is
 * tried after it; what fits nowhere any more is noted as ignored.
 */
import type {
  Asks,
  OperatorEvent,
  RegisteredMachine,
  SagaEvent,
  SagaSnapshot,
} from '../../machines/index.ts';
import type { SagaStatus, Signal } from '../../stores/saga-store.ts';

/** A snapshot with what it asks for. */
export interface Standing {
  readonly snapshot: SagaSnapshot;
  readonly asks: Asks;
}

/** One event and what it led to; for a signal that changed nothing `event` is null and both ends are the same. */
export interface Hop {
  /** `null` where the saga begins. */
  readonly before: Standing | null;
  readonly event: SagaEvent | null;
  readonly after: Standing;
  readonly signal?: Signal;
  readonly ignored?: boolean;
}

export interface Deciding {
  readonly machine: RegisteredMachine;
  readonly from: Standing;
  readonly status: SagaStatus;
  readonly signals: readonly Signal[];
  /** The outcome of a call, or the end of a wait; `null` where the saga was taken up for its signals alone. */
  readonly event: SagaEvent | null;
  readonly at: number;
  readonly overdue: boolean;
}

export function decide({ machine, from, status, signals, event, at, overdue }: Deciding): Hop[] {
  const hops: Hop[] = [];
  let now = from;
  /** Whether the event is known where the saga stands. */
  const hop = (by: SagaEvent, signal?: Signal): boolean => {
    const snapshot = machine.nextIfKnown(now.snapshot, by);
    if (snapshot === null) return false;
    const after = { snapshot, asks: machine.asks(snapshot) };
    hops.push(signal ? { before: now, event: by, after, signal } : { before: now, event: by, after });
    now = after;
    return true;
  };
  const stay = (signal: Signal, ignored: boolean) =>
    hops.push({ before: now, event: null, after: now, signal, ignored });

  if (overdue && now.snapshot.context.cancelled === undefined) hop({ type: 'deadline', at });

  const later: Signal[] = [];
  for (const signal of signals) {
    if (hop(eventOf(signal, at), signal)) continue;
    // Parked by the store in the middle of a step: there the machine itself has nothing to change.
    if (signal.kind === 'retry' && status === 'ABORTED' && now.asks.kind === 'call') stay(signal, false);
    else later.push(signal);
  }
  if (event !== null) hop(event);
  for (const signal of later) {
    if (!hop(eventOf(signal, at), signal)) stay(signal, true);
  }
  return hops;
}

/** Whether a request can have an effect on a saga as it stands, now or when its call has settled. */
export function isPossible(
  machine: RegisteredMachine,
  standing: Standing,
  status: SagaStatus,
  signal: Signal,
): boolean {
  const { asks, snapshot } = standing;
  if (signal.kind === 'resolve') return status === 'ABORTED';
  if (signal.kind === 'retry' && status === 'ABORTED' && asks.kind === 'call') return true;
  if (signal.kind === 'skip' && asks.kind === 'call') {
    return asks.call.kind === 'compensation' && asks.call.step === signal.step;
  }
  return machine.accepts(snapshot, eventOf(signal, signal.atMs));
}

function eventOf({ kind, by, reason, step = '', as = 'FAILED' }: Signal, at: number): OperatorEvent {
  switch (kind) {
    case 'cancel':
      return { type: kind, at, reason };
    case 'retry':
      return { type: kind, at };
    case 'skip':
      return { type: kind, at, step };
    case 'resolve':
      return { type: kind, at, as, by, reason };
    default:
      return kind satisfies never;
  }
}
