/** Small sagas of any number of steps, good until a test replaces one of their states with a bad one. */
import type { AnyStateMachine } from 'xstate';
import { z } from 'zod';
import type { Answer, Policies, SagaDefinition } from '../../machines/index.ts';
import { firstContext, type Step, statesOf, step } from '../../machines/step.ts';
import { everywhere } from './placed-order.ts';

interface Facts {
  readonly amount: number;
}

export function smallStep(name: string): Step {
  return step<Facts, Answer>({
    name,
    participant: `${name}-service`,
    action: {
      path: `/${name}/do`,
      // Not what the data says: so a test sees which of the two a compensation receives.
      request: ({ amount }) => ({ amount: amount * 2, by: name }),
      answer: z.looseObject({}),
      gains: () => ({}),
    },
    compensation: { path: `/${name}/undo` },
  });
}

/** A state as XState configures it, loosely typed because the tests write bad ones. */
export interface State {
  readonly initial?: string;
  readonly entry?: string;
  readonly exit?: unknown;
  readonly after?: unknown;
  readonly type?: string;
  readonly tags?: readonly string[];
  readonly always?: unknown;
  readonly meta?: object;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly states?: Readonly<Record<string, State>>;
}

/** A step's state. One of a step that the saga lacks is missing; the tests ask for no such. */
type StepState = State & { readonly states: { readonly calling: State; readonly waiting: State } };
type Builders = Pick<ReturnType<typeof statesOf>, 'forward' | 'compensating' | 'parked'>;

/** What a test makes of a good saga. */
export interface Changes {
  /** Replaces and adds states; `undefined` takes one away. */
  readonly states?: (
    good: Readonly<Record<`${'doing' | 'undoing'}_${'a' | 'b' | 'c'}`, StepState>>,
    build: Builders,
  ) => Readonly<Record<string, State | undefined>>;
  readonly root?: State;
  readonly steps?: (steps: readonly Step[]) => readonly Step[];
  readonly policies?: Policies;
  /** Makes the steps of their names. */
  readonly stepOf?: (name: string) => Step;
}

/** `doing_a`, `doing_b`, then back `undoing_b`, `undoing_a`, `undone`; ends `completed`, `failed` and `parked`. */
export function smallSaga(names: readonly string[], changes: Changes = {}): SagaDefinition {
  const { policies = everywhere(), stepOf = smallStep } = changes;
  const steps = names.map(stepOf);
  const { createMachine, ...build } = statesOf('small', steps, policies);
  const states: Record<string, unknown> = {};
  steps.forEach((each, index) => {
    const next = names[index + 1];
    const previous = names[index - 1];
    states[`doing_${each.name}`] = build.forward(each, {
      done: next === undefined ? 'completed' : `doing_${next}`,
      failed: `undoing_${each.name}`,
    });
    states[`undoing_${each.name}`] = build.compensating(each, {
      next: previous === undefined ? 'undone' : `undoing_${previous}`,
    });
  });
  Object.assign(states, {
    undone: { always: [{ guard: 'nothingHeld', target: 'failed' }, { target: 'parked' }] },
    completed: { type: 'final' },
    failed: { type: 'final' },
    parked: build.parked(Object.fromEntries([...names].reverse().map((name) => [name, `undoing_${name}`])), {
      skipped: 'undone',
    }),
  });
  const changed = { ...states, ...changes.states?.(states as never, build) };
  const machine = createMachine({
    id: 'small',
    context: firstContext,
    initial: `doing_${names[0]}`,
    ...(changes.root as object),
    states: Object.fromEntries(Object.entries(changed).filter(([, state]) => state !== undefined)) as never,
  }) as unknown as AnyStateMachine;
  return {
    id: 'small',
    version: '1',
    machine,
    steps: changes.steps?.(steps) ?? steps,
    policies,
    secrets: [],
  };
}

/** The state with its calling state's handlers replaced; `undefined` takes one away. */
export function handling(state: State, on: Readonly<Record<string, unknown>>): State {
  const calling = state.states?.calling;
  const left = Object.entries({ ...calling?.on, ...on }).filter(([, handler]) => handler !== undefined);
  return { ...state, states: { ...state.states, calling: { ...calling, on: Object.fromEntries(left) } } };
}
