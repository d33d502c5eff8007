/**
 * Builders of a saga's states. A forward and a compensating step are each one state with two states inside:
 * `calling`, whose `meta` announces the participant call and so is the write-ahead record, and `waiting`, the
 * durable back-off between two attempts.
 */
import type { z } from 'zod';
import type { Part, Step, Undo } from './parts.ts';
import type { Answer, CallPolicy, Policies, SagaContext, SagaInput } from './saga.ts';
import { vocabulary } from './words.ts';

/** Declares a step; exists for the types alone: `gains` sees what `answer` validated. */
export function step<Data, A extends Answer>(
  definition: Omit<Step<Data>, 'action' | 'compensation'> & {
    readonly compensation: Undo<Data, A>;
    readonly action: {
      readonly path: string;
      readonly request: (data: Data) => Answer;
      readonly answer: z.ZodType<A>;
      readonly gains: (answer: A) => Partial<Data>;
    };
  },
): Step {
  return definition as unknown as Step;
}

export type { Step } from './parts.ts';

/**
 * The builders of one saga's states. `id` is the machine's id; targets are names of its top-level states, of which
 * `completed` and `failed` are the ends.
 */
export function statesOf(
  id: string,
  steps: readonly Step[],
  policies: Policies,
  parts: readonly Part[] = [],
) {
  const words = vocabulary(steps, parts);
  const to = (state: string) => `#${id}.${state}`;

  const resolve = [
    { guard: 'asCompleted', target: to('completed'), actions: 'noteResolution' },
    { target: to('failed'), actions: 'noteResolution' },
  ] as const;

  /** The same call again while it may be repeated, whether or not it may have happened. */
  const repeat = ({ attemptsMax, backoffMs, backoffMaxMs }: CallPolicy) =>
    ({
      guard: { type: 'mayRepeat', params: { attemptsMax } },
      target: 'waiting',
      actions: { type: 'backOff', params: { backoffMs, backoffMaxMs } },
    }) as const;
  const again = { target: 'calling', actions: 'nextAttempt' } as const;
  const deferred = { target: 'waiting', actions: 'defer' } as const;

  return {
    createMachine: words.createMachine,
    /** A person may end a saga that stands still, wherever it does; the engine asks for it nowhere else. */
    resolve,

    /** A forward step. `failed` names the state in which the undoing begins: the step's own compensation. */
    forward({ name: step, participant, action }: Step, on: { done: string; failed: string }) {
      const policy = policies(step, 'action');
      const failed = { target: to(on.failed), actions: { type: 'noteFailure', params: { step } } } as const;
      const cancelNow = { target: to(on.failed), actions: 'noteCancelled' } as const;
      return words.createStateConfig({
        initial: 'calling',
        entry: 'firstAttempt',
        states: {
          calling: {
            tags: ['calling'],
            meta: { step, kind: 'action', participant, path: action.path },
            on: {
              done: [
                {
                  guard: 'cancelled',
                  target: to(on.failed),
                  actions: { type: 'gainCancelled', params: { step } },
                },
                { target: to(on.done), actions: { type: 'gain', params: { step } } },
              ],
              refused: failed,
              retryable: [repeat(policy), failed],
              unknown: [repeat(policy), failed],
              deferred: [
                { guard: 'cancelled', target: to(on.failed), actions: 'noteCancelledBefore' },
                deferred,
              ],
              cancel: { actions: 'noteCancel' },
              deadline: { actions: 'noteCancel' },
              resolve,
            },
          },
          waiting: {
            tags: ['waiting'],
            on: { due: again, retry: again, cancel: cancelNow, deadline: cancelNow, resolve },
          },
        },
      });
    },

    /**
     * A compensating step. One that fails for good is noted as held, and the undoing goes on all the same. One that
     * was done before an operator's retry is passed over.
     */
    compensating({ name: step, participant, compensation }: Step, { next }: { next: string }) {
      if (!('path' in compensation)) throw new Error(`step ${step} has no compensation`);
      const policy = policies(step, 'compensation');
      const failed = { target: to(next), actions: { type: 'noteHeld', params: { step } } } as const;
      return words.createStateConfig({
        initial: 'calling',
        entry: 'firstAttempt',
        always: { guard: { type: 'alreadyUndone', params: { step } }, target: to(next) },
        states: {
          calling: {
            tags: ['calling'],
            meta: { step, kind: 'compensation', participant, path: compensation.path },
            on: {
              done: { target: to(next), actions: { type: 'noteUndone', params: { step } } },
              refused: failed,
              retryable: [repeat(policy), failed],
              unknown: [repeat(policy), failed],
              deferred,
              resolve,
            },
          },
          waiting: {
            tags: ['waiting'],
            on: {
              due: again,
              retry: again,
              skip: {
                guard: { type: 'namesStep', params: { step } },
                target: to(next),
                actions: 'noteSkipped',
              },
              resolve,
            },
          },
        },
      });
    },

    /**
     * Where a saga waits for an operator. `compensations` names each step's compensating state, in the order of undoing:
     * a retry begins at the first that is held.
     */
    parked(compensations: Readonly<Record<string, string>>, { skipped }: { skipped: string }) {
      return words.createStateConfig({
        tags: ['parked'],
        on: {
          retry: Object.entries(compensations).map(
            ([step, state]) =>
              ({
                guard: { type: 'isHeld', params: { step } },
                target: to(state),
                actions: 'forgetHeld',
              }) as const,
          ),
          skip: { guard: 'namesHeld', target: to(skipped), actions: 'noteSkipped' },
          resolve,
        },
      });
    },
  };
}

/** A saga's context before its first call. */
export function firstContext({ input: { data, at } }: { input: SagaInput }): SagaContext {
  const first = { data, answers: {}, attempt: 1, retryAt: null, failure: null, held: [], undone: [] };
  return at === undefined ? first : { ...first, at };
}
