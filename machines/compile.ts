/**
 * Makes the statechart of a saga out of its parts. Down the chain of parts everything goes well; what fails enters the way
 * back at its own compensation, and from there everything is undone that was begun before it. Parts that are beside others
 * have regions of their own, on the way there and on the way back.
 */
import type { AnyStateMachine } from 'xstate';
import { besideStates, eventsOf, type Place, type State } from './beside.ts';
import { eachStates } from './each.ts';
import {
  allParts,
  type ChoicePart,
  type EventPart,
  type ForwardPart,
  isUndoable,
  type ParallelPart,
  type Part,
  type SleepPart,
  type Step,
} from './parts.ts';
import type { Policies } from './saga.ts';
import { firstContext, statesOf } from './step.ts';

/** A machine with the steps that it has, in the order of doing. */
export interface Compiled {
  readonly machine: AnyStateMachine;
  readonly steps: readonly Step[];
}

/** The surroundings of a chain of parts: the saga itself, or one branch of a parallel part. */
interface Frame {
  /** Of the states on the way there, and of those on the way back: empty, or with a dot at the end. */
  readonly there: string;
  readonly back: string;
  readonly isBeside: boolean;
  readonly isOptional: boolean;
  readonly isPast: boolean;
}

/** A chain as states. */
interface Chain {
  readonly there: Readonly<Record<string, State>>;
  readonly back: Readonly<Record<string, State>>;
  /** Where it begins; where it goes on, if it is empty. */
  readonly first: string;
  /** Where the undoing of all of it begins. */
  readonly last: string;
}

const PARKED = 'parked';
const UNDONE = 'undone';
const STOPPED = 'stopped';
const DONE = 'done';

export function compile(id: string, parts: readonly Part[], policies: Policies): Compiled {
  const all = allParts(parts);
  const steps = all.flatMap((part) => (part.kind === 'step' ? [part.step] : []));
  const { createMachine, forward, compensating, parked, resolve } = statesOf(id, steps, policies, all);
  const build = besideStates(policies, resolve);
  const each = eachStates(policies, resolve);
  /** A state as XState finds it from anywhere. */
  const to = (path: string) => `#${id}.${path}`;

  /** Whether a step is one of a plain row: then its states are those of a saga written by hand. */
  const isPlain = ({ step, isPivot }: ForwardPart, place: Place) =>
    !(isPivot || place.isBeside || place.isOptional || place.isPast) &&
    step.each === undefined &&
    step.asynchronous === undefined &&
    isUndoable(step);

  /**
   * @param onward where it goes on when all of it is done
   * @param before where undoing goes on when all of it is undone
   */
  function chain(parts: readonly Part[], frame: Frame, onward: string, before: string): Chain {
    const there: Record<string, State> = {};
    const back: Record<string, State> = {};
    let undo = before;
    let { isPast } = frame;
    const entries = parts.map((part) => frame.there + stateName(part));
    parts.forEach((part, index) => {
      const done = entries[index + 1] ?? onward;
      const place: Place = { isBeside: frame.isBeside, isOptional: frame.isOptional, isPast };
      // In a branch all that fails stops the branch; the way back begins when all branches have stopped.
      const failing = (own: string) => (frame.isBeside ? `${frame.there}${STOPPED}` : own);
      switch (part.kind) {
        case 'step': {
          const { step } = part;
          const own = part.isPivot || isPast ? null : undoName(step);
          const previous = undo;
          if (own !== null) undo = frame.back + own;
          const failed = failing(undo);
          if (isPlain(part, place)) {
            there[stateName(part)] = forward(step, { done, failed }) as State;
            if (own !== null) back[own] = compensating(step, { next: previous }) as State;
          } else {
            const on = { done: to(done), failed: to(failed) };
            there[stateName(part)] = step.each
              ? each.forward(step, on, place)
              : build.forward(step, on, place, part.isPivot);
            if (own !== null) back[own] = (step.each ? each : build).compensating(step, to(previous), place);
          }
          if (part.isPivot) isPast = true;
          break;
        }
        case 'choice': {
          const inside = { ...frame, isOptional: true, isPast };
          const then = chain(part.taken, inside, done, undo);
          const otherwise = chain(part.otherwise, inside, done, then.last);
          there[stateName(part)] = choosing(part, to(then.first), to(otherwise.first));
          Object.assign(there, then.there, otherwise.there);
          Object.assign(back, then.back, otherwise.back);
          undo = otherwise.last;
          break;
        }
        case 'parallel': {
          const previous = undo;
          undo = frame.back + backName(part);
          Object.assign(there, beside(part, frame, { done, failed: failing(undo), previous }, back));
          break;
        }
        case 'event':
          there[stateName(part)] = awaiting(part, { done: to(done), failed: to(failing(undo)) }, place);
          break;
        case 'sleep':
          there[stateName(part)] = sleeping(part, { done: to(done), failed: to(failing(undo)) }, place);
          break;
        default:
          part satisfies never;
      }
    });
    return { there, back, first: entries[0] ?? onward, last: undo };
  }

  function beside(
    part: ParallelPart,
    frame: Frame,
    { done, failed, previous }: { readonly done: string; readonly failed: string; readonly previous: string },
    back: Record<string, State>,
  ): Record<string, State> {
    const regions = part.branches.map((branch) => {
      const inside = {
        there: `${frame.there}${part.name}.${branch.name}.`,
        back: `${frame.back}${backName(part)}.${branch.name}.`,
        isBeside: true,
        isOptional: frame.isOptional,
        isPast: frame.isPast,
      };
      const states = chain(branch.parts, inside, inside.there + DONE, inside.back + UNDONE);
      const final = { type: 'final' };
      const local = (path: string) => path.slice(path.lastIndexOf('.') + 1);
      return {
        name: branch.name,
        there: {
          initial: local(states.first),
          states: { ...states.there, [DONE]: final, [STOPPED]: final },
        },
        back: { initial: local(states.last), states: { ...states.back, [UNDONE]: final } },
      };
    });
    back[backName(part)] = {
      type: 'parallel',
      states: Object.fromEntries(regions.map(({ name, back }) => [name, back])),
      onDone: { target: to(previous) },
    };
    return {
      [part.name]: {
        type: 'parallel',
        states: Object.fromEntries(regions.map(({ name, there }) => [name, there])),
        onDone: [{ guard: 'stopping', target: to(failed), actions: 'noteStopped' }, { target: to(done) }],
      },
    };
  }

  function waiting(name: string, place: Place, { failed }: { readonly failed: string }): State {
    const cancelled = place.isBeside
      ? { actions: 'noteCancel' }
      : { target: failed, actions: 'noteCancelled' };
    return {
      entry: { type: 'startWait', params: { part: name, ...(place.isBeside ? { beside: name } : {}) } },
      on: { ...(place.isPast ? {} : { cancel: cancelled, deadline: cancelled }), resolve },
    };
  }

  function awaiting(part: EventPart, on: { done: string; failed: string }, place: Place): State {
    const { name } = part;
    const own = { part: name };
    const base = waiting(name, place, on);
    const stops = place.isBeside ? [{ guard: 'stopping', target: on.failed }] : [];
    const late =
      part.late === 'undo'
        ? { target: on.failed, actions: { type: 'noteTooLate', params: own } }
        : { target: on.done, actions: { type: 'goOnWithout', params: own } };
    const refused = {
      guard: { type: 'refused', params: own },
      target: on.failed,
      actions: { type: 'noteRefusal', params: own },
    };
    return {
      ...base,
      tags: ['expecting'],
      meta: { wait: name, event: name },
      always: [
        ...stops,
        ...(place.isPast ? [] : [refused]),
        {
          guard: { type: 'arrived', params: own },
          target: on.done,
          actions: { type: 'takeEvent', params: own },
        },
      ],
      on: { [eventsOf(name, place)('due')]: late, ...(base.on as State) },
    };
  }

  function sleeping(part: SleepPart, on: { done: string; failed: string }, place: Place): State {
    const base = waiting(part.name, place, on);
    const over = { target: on.done };
    return {
      ...base,
      tags: ['waiting'],
      meta: { wait: part.name },
      ...(place.isBeside ? { always: { guard: 'stopping', target: on.failed } } : {}),
      on: { [eventsOf(part.name, place)('due')]: over, retry: over, ...(base.on as State) },
    };
  }

  const { there, back, first } = chain(
    parts,
    { there: '', back: '', isBeside: false, isOptional: false, isPast: false },
    'completed',
    UNDONE,
  );
  // In the order of undoing, so that a retry begins at the first that is held.
  const held = heldIn(parts);
  const machine = createMachine({
    id,
    context: firstContext,
    initial: first,
    ...(all.some(({ kind }) => kind === 'event')
      ? { on: { event: { guard: 'isNew', actions: 'keepEvent' } } }
      : {}),
    states: {
      ...there,
      ...Object.fromEntries(Object.entries(back).reverse()),
      [UNDONE]: { always: [{ guard: 'nothingHeld', target: 'failed' }, { target: PARKED }] },
      completed: { type: 'final' },
      failed: { type: 'final' },
      [PARKED]: parked(Object.fromEntries(held), { skipped: UNDONE }),
    },
  } as never) as unknown as AnyStateMachine;
  return { machine, steps };
}

function choosing({ name }: ChoicePart, then: string, otherwise: string): State {
  return {
    entry: { type: 'choose', params: { part: name } },
    always: [{ guard: { type: 'chosen', params: { part: name } }, target: then }, { target: otherwise }],
  };
}

/** Each step that can be undone with the top-level state in which that is done again, in the order of undoing. */
function heldIn(parts: readonly Part[]): [step: string, state: string][] {
  const list: [string, string][] = [];
  for (const part of parts) {
    if (part.kind === 'step') {
      if (part.isPivot) break;
      const state = undoName(part.step);
      if (state !== null && isUndoable(part.step)) list.unshift([part.step.name, state]);
    }
    if (part.kind === 'choice') list.unshift(...heldIn(part.otherwise), ...heldIn(part.taken));
    if (part.kind === 'parallel') {
      const inside = part.branches.flatMap((branch) => heldIn(branch.parts));
      list.unshift(...inside.map(([step]): [string, string] => [step, backName(part)]));
    }
  }
  return list;
}

/** The name of the state in which a part is done. */
export function stateName(part: Part): string {
  switch (part.kind) {
    case 'step':
      return part.step.action.state ?? `doing${capital(part.step.name)}`;
    case 'parallel':
      return part.name;
    case 'choice':
      return `choosing${capital(part.name)}`;
    case 'event':
      return `awaiting${capital(part.name)}`;
    case 'sleep':
      return `sleeping${capital(part.name)}`;
    default:
      return part satisfies never;
  }
}

/** The name of the state in which a step is undone; `null` where there is nothing to undo. */
function undoName({ name, compensation }: Step): string | null {
  if ('unneeded' in compensation) return null;
  return (
    compensation.state ?? ('none' in compensation ? `keeping${capital(name)}` : `undoing${capital(name)}`)
  );
}

function backName({ name }: ParallelPart): string {
  return `undoing${capital(name)}`;
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
