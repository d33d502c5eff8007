/**
 * What a saga's machine makes of an event, when something has come from outside too. Pure. Requests of operators are tried
 * before the outcome of a call, so that a cancel decides where that outcome leads; what does not fit there is
 * tried after it; what fits nowhere any more is noted as ignored.
 */
import { parse } from '../../json/exact.ts';
import {
  type Activity,
  type Answer,
  type Asks,
  activitiesIn,
  type RegisteredMachine,
  type SagaEvent,
  type SagaSnapshot,
  type Tell,
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
  /** The activity that ended with the event, by name. */
  readonly of: string | null;
  readonly at: number;
  readonly overdue: boolean;
  /** Is told where the machine's table and XState differ. */
  readonly tell: Tell;
}

export function decide({ machine, from, status, signals, event, of, at, overdue, tell }: Deciding): Hop[] {
  const hops: Hop[] = [];
  let now = from;
  /** Whether the event is known where the saga stands. */
  const hop = (by: SagaEvent | null, signal?: Signal): boolean => {
    // One that has ended by now takes nothing more in; XState would run what its root has for the event.
    if (now.asks.kind === 'nothing') return false;
    const snapshot = by && machine.nextIfKnown(now.snapshot, by, tell);
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
  for (const signal of inTurn(signals)) {
    if (carriesOn(signal, now.asks, status)) stay(signal, false);
    else if (!hop(eventOf(signal, now.asks, at), signal)) later.push(signal);
  }
  // What came first may have ended the activity, and then the event would be taken for one of whatever is asked for now.
  const isAsked = hops.length === 0 || activitiesIn(now.asks).some(({ name }) => name === of);
  if (isAsked) hop(event);
  for (const signal of later) {
    if (!hop(eventOf(signal, now.asks, at), signal)) stay(signal, true);
  }
  return hops;
}

/** A retry of a saga that was set aside on its way: its machine has nothing to change, and it is carried on as it stands. */
function carriesOn({ kind }: Signal, asks: Asks, status: SagaStatus): boolean {
  return kind === 'retry' && status === 'ABORTED' && asks.kind === 'activities';
}

/** Whoever ends a saga by hand is heard first: what came before him may be what it was set aside for. */
function inTurn(signals: readonly Signal[]): readonly Signal[] {
  const turn = ({ kind }: Signal) => (kind === 'resolve' ? 0 : 1);
  return signals.toSorted((a, b) => turn(a) - turn(b));
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
  if (carriesOn(signal, asks, status)) return true;
  if (signal.kind === 'skip') {
    // One whose call is under way can be skipped when that has settled.
    for (const one of activitiesIn(asks)) {
      if (one.kind === 'call' && one.address === signal.step && one.call.kind === 'compensation') return true;
    }
  }
  const event = eventOf(signal, asks, signal.atMs);
  return event !== null && machine.accepts(snapshot, event);
}

/**
 * Whether the outcome of a step's call can come from outside: it is waited for, asked for, or the call is under way, or to be
 * repeated. All attempts are one call, under one key: so whoever took an earlier one may tell.
 */
function awaitsOutcome(one: Activity, step: string, attempt: number): boolean {
  if (one.kind === 'call') return one.call.isAsynchronous && one.address === step && one.attempt >= attempt;
  return one.step === step && (one.attempt ?? 0) >= attempt;
}

/** `null` for a request that nobody can read any more, and for an outcome that nobody waits for. */
function eventOf(signal: Signal, asks: Asks, at: number): SagaEvent | null {
  const { kind, by, reason, step = '', as = 'FAILED', payload = '{}' } = signal;
  switch (kind) {
    case 'cancel':
      return { type: kind, at, reason };
    case 'retry':
      return { type: kind, at };
    case 'skip':
      return { type: kind, at, step };
    case 'resolve':
      return { type: kind, at, as, by, reason };
    case 'event':
      return { type: kind, at, id: signal.id, name: signal.name ?? '', data: parse(payload) as Answer };
    case 'outcome': {
      const { attempt = 0, outcome } = signal;
      const found = activitiesIn(asks).find((one) => awaitsOutcome(one, step, attempt));
      if (found === undefined) return null;
      const to = found.to === undefined ? {} : { to: found.to };
      const told = parse(payload) as Answer;
      if (outcome === 'done') return { type: 'done', at, answer: told, ...to };
      return { type: 'refused', at, error: String(told.error), ...to };
    }
    case 'unreadable':
      return null;
    default:
      return kind satisfies never;
  }
}
