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

type Event<Type extends SagaEvent['type']> = Extract<SagaEvent, { type: Type }>;
type Failed = Event<'refused' | 'retryable' | 'unknown'>;

/** Why a saga is undone whose deadline has passed. */
const DEADLINE_REASON = 'deadline: the saga ran longer than it may';

/** The vocabulary of one saga: its guards and actions, bound to its steps. */
function vocabulary(steps: readonly Step[]) {
  const gainsOf = new Map(steps.map(({ name, action }) => [name, action.gains]));
  const gained = ({ data, answers }: SagaContext, event: SagaEvent, step: string) => {
    const { answer } = event as Event<'done'>;
    return {
      answers: { ...answers, [step]: answer },
      data: { ...data, ...(gainsOf.get(step)?.(answer as never) as SagaData | undefined) },
    };
  };

  return setup({
    types: {} as { context: SagaContext; events: SagaEvent; input: SagaInput; meta: CallMeta; tags: Tag },
    guards: {
      /** Attempts are left, and nobody wants the saga undone. */
      mayRepeat: ({ context }, params: { attemptsMax: number }) =>
        context.attempt < params.attemptsMax && context.cancelled === undefined,
      cancelled: ({ context }) => context.cancelled !== undefined,
      alreadyUndone: ({ context }, { step }: { step: string }) => context.undone.includes(step),
      nothingHeld: ({ context }) => context.held.length === 0,
      isHeld: ({ context }, { step }: { step: string }) => context.held.some((one) => one.step === step),
      namesHeld: ({ context, event }) =>
        context.held.some((one) => one.step === (event as Event<'skip'>).step),
      namesStep: ({ event }, { step }: { step: string }) => (event as Event<'skip'>).step === step,
      asCompleted: ({ event }) => (event as Event<'resolve'>).as === 'COMPLETED',
    },
    actions: {
      firstAttempt: assign({ attempt: 1, retryAt: null }),
      nextAttempt: assign({ attempt: ({ context }) => context.attempt + 1, retryAt: null }),
      backOff: assign({
        retryAt: ({ context, event }, policy: Pick<CallPolicy, 'backoffMs' | 'backoffMaxMs'>) => {
          const { at, random, retryAfterMs } = event as Event<'retryable' | 'unknown'>;
          return at + backoffMs(policy, context.attempt, random, retryAfterMs);
        },
      }),
      /** The wait costs no attempt: the one that it leads to has the number of the one that was not made. */
      defer: assign(({ context, event }) => {
        const { at, delayMs } = event as Event<'deferred'>;
        return { attempt: context.attempt - 1, retryAt: at + delayMs };
      }),
      /** Keeps the answer and adds its facts to the data. */
      gain: assign(({ context, event }, { step }: { step: string }) => gained(context, event, step)),
      /** The action was done, but the saga is to be undone: its answer is needed for that. */
      gainCancelled: assign(({ context, event }, { step }: { step: string }) => ({
        ...gained(context, event, step),
        failure: { step: null, reason: context.cancelled ?? '' },
      })),
      noteCancel: assign({ cancelled: ({ event }) => cancelReason(event) }),
      noteCancelled: assign({ failure: ({ event }) => ({ step: null, reason: cancelReason(event) }) }),
      /** Was to be undone as soon as its call had settled: one that was not made has. */
      noteCancelledBefore: assign({
        failure: ({ context }) => ({ step: null, reason: context.cancelled ?? '' }),
      }),
      noteFailure: assign({
        failure: ({ event }, { step }: { step: string }) => ({ step, reason: (event as Failed).error }),
      }),
      noteUndone: assign({ undone: ({ context }, { step }: { step: string }) => [...context.undone, step] }),
      noteHeld: assign({
        held: ({ context, event }, { step }: { step: string }) => [
          ...context.held,
          { step, reason: (event as Failed).error },
        ],
      }),
      /** What was held is tried again; what was undone is not. */
      forgetHeld: assign({ held: [] }),
      noteSkipped: assign(({ context, event }) => {
        const { step } = event as Event<'skip'>;
        return { undone: [...context.undone, step], held: context.held.filter((one) => one.step !== step) };
      }),
      noteResolution: assign({
        resolution: ({ event }) => {
          const { as, by, reason } = event as Event<'resolve'>;
          return { as, by, reason };
        },
      }),
    },
  });
}

function cancelReason(event: SagaEvent): string {
  return event.type === 'cancel' ? `cancelled: ${event.reason}` : DEADLINE_REASON;
}

/**
 * The builders of one saga's states. `id` is the machine's id; targets are names of its top-level states, of which
 * `completed` and `failed` are the ends.
 */
export function statesOf(id: string, steps: readonly Step[], policies: Policies) {
  const words = vocabulary(steps);
  const to = (state: string) => `#${id}.${state}`;

  /** A person may end a saga that stands still, wherever it does; the engine asks for it nowhere else. */
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
export function firstContext({ input }: { input: SagaInput }): SagaContext {
  return { data: input.data, answers: {}, attempt: 1, retryAt: null, failure: null, held: [], undone: [] };
}
