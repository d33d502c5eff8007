/**
 * What a saga would do if it were asked something now: its machine is asked, as the engine asks it, and nothing is written, called or
 * waited for. Calls are taken to be done, and times to pass; where an answer from outside decides, the path ends.
 */
import {
  type Activity,
  activitiesIn,
  type CallActivity,
  DefinitionError,
  type Expectation,
  hasCall,
  nameOf,
  type RegisteredMachine,
  type SagaContext,
  type SagaEvent,
  type Tell,
  type Wait,
} from '../../machines/index.ts';
import { isUndoable, stepIn } from '../../machines/parts.ts';
import { SampleError, sampleOf } from '../../machines/sample.ts';
import type { Held, LogEntry, SagaStatus, Signal } from '../../stores/saga-store.ts';
import type { Foreseen, ForeseenCall, ForeseenEnd } from './contract.ts';
import { decide, type Hop, type Standing } from './decide.ts';
import { entryOf, lastOf } from './write.ts';

/** As long as a path may be that somebody looks at. */
const HOPS_MAX = 500;

export interface Asking {
  readonly machine: RegisteredMachine;
  readonly from: Standing;
  readonly status: SagaStatus;
  /** What waits for the saga already, and behind it what it would be asked. */
  readonly signals: readonly Signal[];
  readonly createdAtMs: number;
  readonly at: number;
  /** Is told where the machine's table and XState differ. */
  readonly tell: Tell;
}

interface Ended {
  readonly end: ForeseenEnd;
  readonly awaits: readonly string[];
}

export function whatIf({ machine, from, status: first, signals, createdAtMs, at, tell }: Asking): Foreseen {
  const path: (LogEntry & { isAssumed: boolean })[] = [];
  const calls: ForeseenCall[] = [];
  const listed = new Set<string>();
  let standing = from;
  let status = first;
  let pending = signals;
  let now = at;
  let isAssumed = false;

  const announce = (isUnderWay: boolean) => {
    const { context } = standing.snapshot;
    const announced = activitiesIn(standing.asks).filter((one) => one.kind === 'call');
    for (const one of announced) {
      if (listed.has(one.name)) continue;
      listed.add(one.name);
      calls.push(foreseenCall(machine, context, one, { isUnderWay, isAssumed }));
    }
  };
  if (status === 'STARTED') announce(true);

  const ended = ((): Ended => {
    while (path.length < HOPS_MAX) {
      const { asks } = standing;
      const standsStill = !hasCall(asks) || status === 'ABORTED';
      const isAsked = standsStill && pending.length > 0;
      if (asks.kind === 'nothing') return { end: 'ended', awaits: [] };
      if (!isAsked && asks.kind === 'operator') return { end: 'parked', awaits: [] };
      const next = isAsked ? null : nextOf(activitiesIn(asks));
      if (next !== null && 'awaits' in next) return { end: 'awaits', ...next };
      let event: SagaEvent | null = null;
      if (next !== null) {
        const { one } = next;
        now = Math.max(now, one.kind === 'call' ? now : untilOf(machine, standing, one, createdAtMs, now));
        try {
          event = eventOf(machine, one, now);
        } catch (error) {
          if (!(error instanceof SampleError)) throw error;
          return { end: 'answer', awaits: [one.name] };
        }
        isAssumed ||= event.type === 'done' && (one.kind !== 'call' || one.call.kind === 'action');
        listed.delete(one.name);
      }
      const overdue = machine.deadlineMs !== null && now >= createdAtMs + machine.deadlineMs;
      let hops: readonly Hop[];
      try {
        const of = next?.one.name ?? null;
        hops = decide({
          machine,
          from: standing,
          status,
          signals: pending,
          event,
          of,
          at: now,
          overdue,
          tell,
        });
      } catch (error) {
        if (!(error instanceof DefinitionError)) throw error;
        // Of what is made up a definition may know nothing; of facts it would park the saga.
        return { end: isAssumed ? 'answer' : 'fault', awaits: [error.message] };
      }
      const about = { machine, at: now, callMs: null };
      for (const hop of hops) path.push({ ...entryOf(hop, about), isAssumed });
      standing = lastOf(hops).after;
      pending = [];
      if (standing.asks.kind === 'activities') status = 'STARTED';
      else if (standing.asks.kind === 'operator') status = 'ABORTED';
      else status = standing.asks.succeeded ? 'COMPLETED' : 'FAILED';
      announce(false);
    }
    return { end: 'cut', awaits: [] };
  })();

  const { context, value } = standing.snapshot;
  const state = nameOf(value);
  return { path, calls, ...ended, status, state, held: heldIn(machine, context, state, status) };
}

/** What ends first, or the names of the events one of which must come first. */
type Next = { readonly one: Activity } | { readonly awaits: readonly string[] };

/** A call that is made is answered first; then what an asynchronous participant says; then time passes, unless an event is to come. */
function nextOf(activities: readonly Activity[]): Next {
  const call = activities.find(({ kind }) => kind === 'call');
  const told = activities.find((one) => one.kind === 'expect' && one.event === null);
  const one = call ?? told;
  if (one !== undefined) return { one };
  const waits = activities.filter((one) => one.kind !== 'call').toSorted((a, b) => a.until - b.until);
  const [earliest] = waits;
  if (earliest === undefined) throw new Error('activities without one');
  if (earliest.kind === 'wait') return { one: earliest };
  return {
    awaits: waits.flatMap((wait) => (wait.kind === 'expect' && wait.event !== null ? [wait.event] : [])),
  };
}

/** When somebody looks at a saga that waits: its deadline may come first. */
function untilOf(
  machine: RegisteredMachine,
  { snapshot }: Standing,
  one: Wait | Expectation,
  createdAtMs: number,
  at: number,
): number {
  if (one.kind === 'expect') return at;
  const mayPass = machine.deadlineMs !== null && machine.accepts(snapshot, { type: 'deadline', at });
  return mayPass ? Math.min(one.until, createdAtMs + (machine.deadlineMs ?? 0)) : one.until;
}

/** @throws SampleError where no answer can be made up */
function eventOf(machine: RegisteredMachine, one: Activity, at: number): SagaEvent {
  const to = one.to === undefined ? {} : { to: one.to };
  if (one.kind === 'wait') return { type: 'due', at, ...to };
  const isUndo = one.kind === 'call' && one.call.kind === 'compensation';
  const answer = isUndo ? {} : answerOf(machine, one.kind === 'call' ? one.call.step : (one.step ?? ''));
  return { type: 'done', at, answer, ...to };
}

function answerOf({ steps }: RegisteredMachine, name: string) {
  const step = steps.find((one) => one.name === name);
  if (step === undefined) throw new Error(`no step ${name}`);
  return sampleOf(step.action.answer, `the answer of ${name}`, 'wait for it');
}

function foreseenCall(
  machine: RegisteredMachine,
  context: SagaContext,
  { address, attempt, call }: CallActivity,
  about: Pick<ForeseenCall, 'isUnderWay' | 'isAssumed'>,
): ForeseenCall {
  const { kind, isFetch, path, step } = call;
  // The facts as they stand then: whoever shows the call makes its body of them.
  return { address, step, kind, attempt, isFetch, path, context: machine.redacted(context), ...about };
}

/** What stands where the path ends. What was meant to stand, because all was done, is not held. */
function heldIn(
  machine: RegisteredMachine,
  context: SagaContext,
  state: string,
  status: SagaStatus,
): readonly Held[] {
  if (status === 'ABORTED') return machine.parked(context).held;
  if (status !== 'STARTED' && context.resolution === undefined) return [];
  const unneeded = machine.steps.filter((step) => !isUndoable(step) && 'unneeded' in step.compensation);
  const meant = new Set(['none', ...unneeded.map(({ name }) => name)]);
  return machine.standing(context, state).filter(({ step }) => !meant.has(stepIn(step)));
}
