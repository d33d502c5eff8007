/**
 * Builders of a saga's states. A forward and a compensating step are each one state with two states inside:
 * `calling`, whose `meta` announces the participant call and so is the write-ahead record, and `waiting`, the
 * durable back-off between two attempts.
 */
import { assign, setup } from 'xstate';
import type { z } from 'zod';
import {
  type Answer,
  backoffMs,
  type CallMeta,
  type CallPolicy,
  type Policies,
  type SagaContext,
  type SagaData,
  type SagaEvent,
  type SagaInput,
  type Tag,
} from './saga.ts';

/** One forward action and the compensation that undoes it. `Data` is the saga's business facts. */
export interface Step<Data = never> {
  readonly name: string;
  readonly participant: string;
  readonly action: {
    readonly path: string;
    /** What the action receives. Must depend on facts alone that stand before the step, so that a repeat sends the same. */
    readonly request: (data: Data) => Answer;
    /** What a usable answer looks like; any other 2xx counts as unreadable. */
    readonly answer: z.ZodType<Answer>;
    /** The facts that the answer adds. */
    readonly gains: (answer: never) => Partial<Data>;
  };
  readonly compensation: { readonly path: string };
}

/** Declares a step; exists for the types alone: `gains` sees what `answer` validated. */
export function step<Data, A extends Answer>(
  definition: Omit<Step<Data>, 'action'> & {
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

type Done = Extract<SagaEvent, { type: 'done' }>;
type Failed = Extract<SagaEvent, { type: 'refused' | 'retryable' | 'unknown' }>;
type Repeatable = Extract<SagaEvent, { type: 'retryable' }>;

/** The vocabulary of one saga: its guards and actions, bound to its steps. */
function vocabulary(steps: readonly Step[]) {
  const gainsOf = new Map(steps.map(({ name, action }) => [name, action.gains]));
  return setup({
    types: {} as { context: SagaContext; events: SagaEvent; input: SagaInput; meta: CallMeta; tags: Tag },
    guards: {
      attemptsLeft: ({ context }, params: { attemptsMax: number }) => context.attempt < params.attemptsMax,
      nothingHeld: ({ context }) => context.held.length === 0,
    },
    actions: {
      firstAttempt: assign({ attempt: 1, retryAt: null }),
      nextAttempt: assign({ attempt: ({ context }) => context.attempt + 1, retryAt: null }),
      backOff: assign({
        retryAt: ({ context, event }, policy: Pick<CallPolicy, 'backoffMs' | 'backoffMaxMs'>) => {
          const { at, random, retryAfterMs } = event as Repeatable;
          return at + backoffMs(policy, context.attempt, random, retryAfterMs);
        },
      }),
      gain: assign(({ context, event }, params: { step: string }) => {
        const { answer } = event as Done;
        return {
          answers: { ...context.answers, [params.step]: answer },
          data: { ...context.data, ...(gainsOf.get(params.step)?.(answer as never) as SagaData | undefined) },
        };
      }),
      noteFailure: assign({
        failure: ({ event }, { step }: { step: string }) => ({ step, reason: (event as Failed).error }),
      }),
      noteHeld: assign({
        held: ({ context, event }, { step }: { step: string }) => [
          ...context.held,
          { step, reason: (event as Failed).error },
        ],
      }),
    },
  });
}

/**
 * The builders of one saga's states. `id` is the machine's id; targets are names of its top-level states.
 */
export function statesOf(id: string, steps: readonly Step[], policies: Policies) {
  const words = vocabulary(steps);

  /** `repeat` leads back to the same call while attempts are left, whether or not the call may have happened. */
  function callState(call: CallMeta, policy: CallPolicy, on: { done: Leave; failed: Leave }) {
    const { attemptsMax, backoffMs, backoffMaxMs } = policy;
    const repeat = {
      guard: { type: 'attemptsLeft', params: { attemptsMax } },
      target: 'waiting',
      actions: { type: 'backOff', params: { backoffMs, backoffMaxMs } },
    } as const;
    return words.createStateConfig({
      initial: 'calling',
      entry: 'firstAttempt',
      states: {
        calling: {
          tags: ['calling'],
          meta: call,
          on: {
            done: on.done,
            refused: on.failed,
            retryable: [repeat, on.failed],
            unknown: [repeat, on.failed],
          },
        },
        waiting: {
          tags: ['waiting'],
          on: { due: { target: 'calling', actions: 'nextAttempt' } },
        },
      },
    });
  }

  return {
    createMachine: words.createMachine,

    /** A forward step. `failed` names the state in which the undoing begins: the step's own compensation. */
    forward({ name: step, participant, action }: Step, to: { done: string; failed: string }) {
      return callState({ step, kind: 'action', participant, path: action.path }, policies(step, 'action'), {
        done: { target: `#${id}.${to.done}`, actions: { type: 'gain', params: { step } } },
        failed: { target: `#${id}.${to.failed}`, actions: { type: 'noteFailure', params: { step } } },
      });
    },

    /** A compensating step. One that fails for good is noted as held, and the undoing goes on all the same. */
    compensating({ name: step, participant, compensation }: Step, { next }: { next: string }) {
      const policy = policies(step, 'compensation');
      return callState({ step, kind: 'compensation', participant, path: compensation.path }, policy, {
        done: { target: `#${id}.${next}` },
        failed: { target: `#${id}.${next}`, actions: { type: 'noteHeld', params: { step } } },
      });
    },
  };
}

/** How a step's state is left: for which state, and noting what. */
interface Leave {
  readonly target: string;
  readonly actions?:
    | { readonly type: 'gain'; readonly params: { readonly step: string } }
    | { readonly type: 'noteFailure' | 'noteHeld'; readonly params: { readonly step: string } };
}

/** A saga's context before its first call. */
export function firstContext({ input }: { input: SagaInput }): SagaContext {
  return { data: input.data, answers: {}, attempt: 1, retryAt: null, failure: null, held: [] };
}
