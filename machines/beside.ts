/**
 * States of steps that are more than one in a plain row: beside others, perhaps passed over, behind the pivot, asynchronous,
 * or without a compensation. They are built like the plain ones in step.ts, which stay as flat as they are.
 */
import type { Step } from './parts.ts';
import { isUndoable } from './parts.ts';
import type { CallPolicy, Policies } from './saga.ts';

/** A state as XState configures it; what the names in it mean is checked when the machine is registered. */
export type State = Readonly<Record<string, unknown>>;

/** Where a part stands. */
export interface Place {
  /** Other calls may be under way: its events are addressed to it, and it counts its attempts for itself. */
  readonly isBeside: boolean;
  /** The saga may pass it over: what was not begun is not undone. */
  readonly isOptional: boolean;
  /** Behind the pivot: it is repeated until it succeeds, and never undone. */
  readonly isPast: boolean;
}

/** Where it goes on: names of states, as XState finds them from anywhere. */
export interface Onward {
  readonly done: string;
  readonly failed: string;
}

/** The name under which a part's own events are offered: plain where it is alone, since then nobody else could be meant. */
export function eventsOf(name: string, { isBeside }: Pick<Place, 'isBeside'>): (type: string) => string {
  return isBeside ? (type) => `${type}.${name}` : (type) => type;
}

function act(type: string, params: State): unknown {
  return Object.keys(params).length === 0 ? type : { type, params };
}

/** Ways past the undoing of a step: it was undone before, or there is nothing to undo, because it was not begun. */
export function passesOf(step: string, next: string, { isBeside, isOptional }: Place): readonly State[] {
  const pass = (type: string) => ({ guard: { type, params: { step } }, target: next });
  return [pass('alreadyUndone'), ...(isBeside || isOptional ? [pass('notBegun')] : [])];
}

/** What notes that a step may have been begun, where the saga may also have passed it over. */
export function beginningOf(step: string, { isBeside, isOptional }: Place): readonly State[] {
  return isBeside || isOptional ? [{ type: 'begin', params: { step } }] : [];
}

export function besideStates(policies: Policies, resolve: unknown) {
  return {
    forward(step: Step, { done, failed }: Onward, place: Place, isPivot: boolean): State {
      const { name, participant, action, asynchronous } = step;
      const policy = policies(name, 'action');
      const { backoffMs, backoffMaxMs } = policy;
      const event = eventsOf(name, place);
      const counted = place.isBeside ? { beside: name } : {};
      const own = { step: name };
      // Whether its call may have been made is asked of its participant, by undoing it. Where nobody asks, it is noted.
      const isNoted = isPivot || !isUndoable(step);
      const uncertain = isNoted ? [{ type: 'noteUncertain', params: own }] : [];
      // A refusal is an answer about its key, whatever became of an attempt before.
      const certain = isNoted ? [{ type: 'noteCertain', params: own }] : [];
      const mustEnd = place.isPast || isPivot;

      const backOff = act('backOff', { backoffMs, backoffMaxMs, ...counted });
      const wait = (noted: readonly unknown[]) => ({ target: 'waiting', actions: [backOff, ...noted] });
      const repeat = (noted: readonly unknown[]) => ({
        guard: {
          type: place.isBeside ? 'mayRepeatBeside' : 'mayRepeat',
          params: { attemptsMax: policy.attemptsMax, ...counted },
        },
        ...wait(noted),
      });
      const noteFailure = { type: place.isBeside ? 'noteFirstFailure' : 'noteFailure', params: own };
      const fail = (noted: readonly unknown[]) => ({ target: failed, actions: [noteFailure, ...noted] });
      const again = { target: 'calling', actions: act('nextAttempt', counted) };
      const gain = { type: 'gain', params: own };
      const succeed = { target: done, actions: gain };
      const isStopped = place.isBeside ? 'stopping' : 'cancelled';

      const settled = {
        [event('done')]: mustEnd
          ? succeed
          : [
              {
                guard: isStopped,
                target: failed,
                actions: place.isBeside ? gain : { type: 'gainCancelled', params: own },
              },
              succeed,
            ],
        [event('refused')]: place.isPast
          ? { target: 'refused', actions: { type: 'noteStuck', params: own } }
          : fail(certain),
      };
      const unmade = isPivot
        ? { guard: { type: 'cancelledUnmade', params: own }, target: failed, actions: 'noteCancelledBefore' }
        : place.isBeside
          ? { guard: 'stopping', target: failed }
          : { guard: 'cancelled', target: failed, actions: 'noteCancelledBefore' };
      const noteCancel = { actions: 'noteCancel' };
      const cancelled = place.isPast ? {} : { cancel: noteCancel, deadline: noteCancel };
      const cancelNow = isPivot
        ? [
            {
              guard: { type: 'surelyNot', params: own },
              target: failed,
              actions: 'noteCancelled',
            },
            noteCancel,
          ]
        : { target: failed, actions: 'noteCancelled' };
      const cancelledWaiting =
        place.isPast || place.isBeside ? cancelled : { cancel: cancelNow, deadline: cancelNow };
      /** Waits end at once where another branch has failed. */
      const stops = place.isBeside && !mustEnd ? { always: { guard: 'stopping', target: failed } } : {};

      const accepted = {
        target: 'pending',
        actions: [
          { type: 'notePending', params: { ...own, withinMs: asynchronous?.withinMs ?? 0, ...counted } },
          ...uncertain,
        ],
      };
      const askLater = {
        target: 'pending',
        actions: { type: 'askLater', params: { ...own, backoffMs, backoffMaxMs, ...counted } },
      };
      const pending: Record<string, State> =
        asynchronous === undefined
          ? {}
          : {
              pending: {
                tags: ['expecting'],
                meta: { pending: name, kind: 'action' },
                ...(place.isBeside || mustEnd ? stops : { always: unmade }),
                on: {
                  ...settled,
                  [event('due')]: [
                    { guard: { type: 'inTime', params: own }, target: 'fetching' },
                    mustEnd ? again : { target: failed, actions: { type: 'noteNoOutcome', params: own } },
                  ],
                  retry: { guard: { type: 'inTime', params: own }, target: 'fetching' },
                  ...cancelledWaiting,
                  resolve,
                },
              },
              fetching: {
                tags: ['calling'],
                meta: { step: name, kind: 'action', participant, path: action.path, fetch: true },
                on: {
                  ...settled,
                  [event('accepted')]: accepted,
                  [event('retryable')]: askLater,
                  [event('unknown')]: askLater,
                  [event('deferred')]: askLater,
                  ...cancelled,
                  resolve,
                },
              },
            };

      return {
        initial: 'calling',
        ...(isPivot ? { tags: ['pivot'] } : {}),
        entry: [...beginningOf(name, place), act('firstAttempt', counted)],
        states: {
          calling: {
            tags: ['calling'],
            meta: { step: name, kind: 'action', participant, path: action.path },
            on: {
              ...settled,
              [event('retryable')]: place.isPast
                ? wait([])
                : isPivot
                  ? [repeat([]), { guard: { type: 'surelyNot', params: own }, ...fail([]) }, wait([])]
                  : [repeat([]), fail([])],
              [event('unknown')]: mustEnd ? wait(uncertain) : [repeat(uncertain), fail(uncertain)],
              [event('deferred')]: place.isPast
                ? { target: 'waiting', actions: act('defer', counted) }
                : [unmade, { target: 'waiting', actions: act('defer', counted) }],
              ...(asynchronous === undefined ? {} : { [event('accepted')]: accepted }),
              ...cancelled,
              resolve,
            },
          },
          waiting: {
            tags: ['waiting'],
            ...stops,
            on: {
              // Who took a call whose answer was lost may tell of it before it is repeated.
              ...(asynchronous === undefined ? {} : settled),
              [event('due')]: again,
              retry: again,
              ...cancelledWaiting,
              resolve,
            },
          },
          ...pending,
          ...(place.isPast
            ? {
                refused: {
                  tags: ['parked'],
                  on: {
                    retry: { target: 'calling', actions: ['forgetStuck', act('nextAttempt', counted)] },
                    resolve,
                  },
                },
              }
            : {}),
        },
      };
    },

    compensating(step: Step, next: string, place: Place): State {
      const { name, participant, compensation } = step;
      const own = { step: name };
      const passes = passesOf(name, next, place);
      if ('none' in compensation) {
        const { none: reason } = compensation;
        return {
          always: [
            ...passes,
            {
              guard: { type: 'stands', params: own },
              target: next,
              actions: { type: 'noteKept', params: { ...own, reason } },
            },
            { target: next },
          ],
        };
      }
      if (!('path' in compensation)) throw new Error(`step ${name} has no compensating state`);
      const { attemptsMax, backoffMs, backoffMaxMs }: CallPolicy = policies(name, 'compensation');
      const event = eventsOf(name, place);
      const counted = place.isBeside ? { beside: name } : {};
      const repeat = {
        guard: { type: 'attemptsLeft', params: { attemptsMax, ...counted } },
        target: 'waiting',
        actions: act('backOff', { backoffMs, backoffMaxMs, ...counted }),
      };
      const fail = { target: next, actions: { type: 'noteHeld', params: own } };
      const again = { target: 'calling', actions: act('nextAttempt', counted) };
      return {
        initial: 'calling',
        entry: act('firstAttempt', counted),
        always: passes,
        states: {
          calling: {
            tags: ['calling'],
            meta: { step: name, kind: 'compensation', participant, path: compensation.path },
            on: {
              [event('done')]: { target: next, actions: { type: 'noteUndone', params: own } },
              [event('refused')]: fail,
              [event('retryable')]: [repeat, fail],
              [event('unknown')]: [repeat, fail],
              [event('deferred')]: { target: 'waiting', actions: act('defer', counted) },
              resolve,
            },
          },
          waiting: {
            tags: ['waiting'],
            on: {
              [event('due')]: again,
              retry: again,
              skip: {
                guard: { type: 'namesStep', params: own },
                target: next,
                actions: 'noteSkipped',
              },
              resolve,
            },
          },
        },
      };
    },
  };
}
