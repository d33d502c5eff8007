/** What the registry refuses. Each bad machine breaks one rule, and is good but for that. */
import { describe, expect, it } from 'vitest';
import { assign, raise, spawnChild } from 'xstate';
import { z } from 'zod';
import { MachineError } from '../../machines/check.ts';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { type Outcome, Registry, type SagaContext } from '../../machines/index.ts';
import { everywhere } from './placed-order.ts';
import { type Changes, handling, smallSaga, smallStep } from './small-saga.ts';

const trio = ['a', 'b', 'c'];
interface Given {
  readonly context: SagaContext;
}

/** Title, changes to a good saga of three steps, the state and the rule that the refusal must name, and how its words begin. */
type Bad = readonly [title: string, changes: Changes, state: string, rule: string, says?: string];

const limbo = (to: string) => ({ on: { due: to } });

const unreachable: Bad[] = [
  [
    'an end to which nothing leads',
    { states: () => ({ island: { type: 'final' } }) },
    'island',
    'reachable',
    'no transition leads here',
  ],
  [
    'a step to which nothing leads',
    {
      states: (_, { forward }) => ({
        doing_d: forward(smallStep('d'), { done: 'completed', failed: 'undoing_a' }),
      }),
    },
    'doing_d.calling',
    'reachable',
  ],
  [
    'a wait to which no outcome leads',
    {
      states: ({ doing_b }) => ({
        doing_b: handling(doing_b, {
          retryable: '#small.undoing_b',
          unknown: '#small.undoing_b',
          deferred: '#small.undoing_b',
        }),
      }),
    },
    'doing_b.waiting',
    'reachable',
  ],
  ['a first step that is skipped', { root: { initial: 'doing_b' } }, 'doing_a.calling', 'reachable'],
  [
    'a declared step that no state makes',
    { steps: (steps) => [...steps, smallStep('d')] },
    '(none)',
    'reachable',
    'no state makes the action of step d',
  ],
];

const notPlain: Bad[] = [
  [
    'branches that are the machine itself',
    { root: { type: 'parallel' } },
    '(root)',
    'plain',
    'the machine itself is parallel: put the branches into a state of their own',
  ],
  [
    'a state that invokes an actor',
    { states: ({ doing_b }) => ({ doing_b: { ...doing_b, invoke: { src: 'somebody' } } }) },
    'doing_b',
    'plain',
    'it invokes an actor: announce the call in the meta',
  ],
  [
    'a timer of XState',
    { states: ({ doing_b }) => ({ doing_b: { ...doing_b, after: { 1000: '#small.undoing_b' } } }) },
    'doing_b',
    'plain',
    'it has a timer of XState (after), which no restart survives',
  ],
  [
    'an action that raises an event',
    { states: ({ doing_b }) => ({ doing_b: { ...doing_b, exit: raise({ type: 'due' }, { delay: 1000 }) } }) },
    'doing_b',
    'plain',
    'it has the action raise, which makes something that is not in the snapshot',
  ],
  [
    'an action that spawns an actor',
    { states: ({ doing_b }) => ({ doing_b: { ...doing_b, exit: spawnChild('somebody') } }) },
    'doing_b',
    'plain',
    'it has the action spawnChild',
  ],
  [
    'a history state',
    {
      states: ({ doing_b }) => ({
        doing_b: { ...doing_b, states: { ...doing_b.states, before: { type: 'history' } } },
      }),
    },
    'doing_b.before',
    'plain',
    'it is a history state: name the state',
  ],
];

const unnamed: Bad[] = [
  [
    'a guard that nobody implements',
    {
      states: () => ({
        undone: { always: [{ guard: 'nothingHold', target: 'failed' }, { target: 'parked' }] },
      }),
    },
    'undone',
    'named',
    'there is no guard nothingHold',
  ],
  [
    'an action that nobody implements',
    { states: ({ doing_b }) => ({ doing_b: { ...doing_b, exit: 'noteAll' } }) },
    'doing_b',
    'named',
    'there is no action noteAll',
  ],
];

/** What a saga would end over, or park without naming it: seen on a path, because no single state shows it. */
const forgetful: Bad[] = [
  [
    'a guard that asks for something else',
    {
      states: () => ({
        undone: { always: [{ guard: 'cancelled', target: 'parked' }, { target: 'failed' }] },
      }),
    },
    'failed',
    'held',
    'the saga ends as undone while a stands: lead here only under the guard nothingHeld',
  ],
  [
    'a guard the other way round',
    {
      states: () => ({
        undone: { always: [{ guard: 'nothingHeld', target: 'parked' }, { target: 'failed' }] },
      }),
    },
    'failed',
    'held',
  ],
  [
    'a parked state that forgets a step',
    {
      states: (_, { parked }) => ({
        parked: parked({ c: 'undoing_c', a: 'undoing_a' }, { skipped: 'undone' }),
      }),
    },
    'parked',
    'held',
    'a retry leads nowhere while b is held: name its compensating state in parked()',
  ],
];

const endless: Bad[] = [
  [
    'a dead end',
    { states: () => ({ completed: {} }) },
    'completed',
    'ends',
    'neither a final nor the parked state can be reached from here',
  ],
  [
    'a step whose wait ends in a dead end',
    {
      states: ({ doing_c }) => ({
        doing_c: { ...doing_c, states: { ...doing_c.states, waiting: { on: {} } } },
      }),
    },
    'doing_c.waiting',
    'ends',
  ],
  [
    'states that lead only to one another',
    { states: () => ({ completed: limbo('elsewhere'), elsewhere: limbo('completed') }) },
    'completed',
    'ends',
  ],
  [
    'a last compensation from which the saga begins anew',
    { states: ({ undoing_a }) => ({ undoing_a: handling(undoing_a, { done: '#small.doing_a' }) }) },
    'doing_a',
    'ends',
    'the saga can come back to a step that it has left',
  ],
  [
    'a loop between two compensations',
    { states: ({ undoing_a }) => ({ undoing_a: handling(undoing_a, { refused: '#small.undoing_b' }) }) },
    'undoing_a',
    'ends',
  ],
  [
    'a loop through a state that calls nobody',
    { states: () => ({ failed: limbo('doing_b') }) },
    'undoing_a',
    'ends',
  ],
  [
    'an action that is begun anew, with its attempts, whenever it is refused',
    { states: ({ doing_b }) => ({ doing_b: handling(doing_b, { refused: '#small.doing_b' }) }) },
    'doing_b',
    'ends',
  ],
  [
    'a compensation that is begun anew, with its attempts, whenever it is refused',
    { states: ({ undoing_b }) => ({ undoing_b: handling(undoing_b, { refused: '#small.undoing_b' }) }) },
    'undoing_b',
    'ends',
  ],
];

const deaf: Bad[] = (['done', 'refused', 'retryable', 'unknown'] as const satisfies Outcome[]).flatMap(
  (outcome) =>
    (
      [
        ['has no handler', undefined],
        ['leads nowhere', {}],
        ['only notes something', { actions: 'firstAttempt' }],
        ['leads on only under a condition', [{ guard: 'nothingHeld', target: '#small.undone' }]],
        ['is waited upon without end', 'waiting'],
      ] as const
    ).map(
      ([what, handler]): Bad => [
        `a call whose outcome ${outcome} ${what}`,
        { states: ({ undoing_a }) => ({ undoing_a: handling(undoing_a, { [outcome]: handler }) }) },
        'undoing_a.calling',
        'outcomes',
        `the outcome ${outcome} need not lead out of the step`,
      ],
    ),
);

const uncompensated: Bad[] = [
  [
    'an action without its compensation',
    {
      states: (_, { forward, parked }) => ({
        doing_c: forward(smallStep('c'), { done: 'completed', failed: 'undoing_b' }),
        undoing_c: undefined,
        parked: parked({ b: 'undoing_b', a: 'undoing_a' }, { skipped: 'undone' }),
      }),
    },
    'doing_c',
    'compensated',
    'step c has no compensating state',
  ],
  [
    'a compensating state that undoes another step',
    { states: (_, { compensating }) => ({ undoing_b: compensating(smallStep('a'), { next: 'undoing_a' }) }) },
    'doing_b',
    'compensated',
  ],
];

const misordered: Bad[] = [
  [
    'a failed action that only the step before it is undone for',
    { states: ({ doing_c }) => ({ doing_c: handling(doing_c, { refused: '#small.undoing_b' }) }) },
    'doing_c',
    'undo-order',
    'undoing must begin at undoing_c, not at undoing_b',
  ],
  [
    'a failed action for which a later step is undone',
    {
      states: (_, { forward }) => ({
        doing_a: forward(smallStep('a'), { done: 'doing_b', failed: 'undoing_b' }),
      }),
    },
    'doing_a',
    'undo-order',
  ],
  [
    'an action that is not undone when it may have happened',
    { states: ({ doing_b }) => ({ doing_b: handling(doing_b, { unknown: '#small.failed' }) }) },
    'doing_b',
    'undo-order',
  ],
  [
    'a failed action after which the saga goes on',
    { states: ({ doing_b }) => ({ doing_b: handling(doing_b, { unknown: '#small.doing_c' }) }) },
    'doing_b',
    'undo-order',
  ],
  [
    'a wait that can be left for the wrong compensation',
    {
      states: ({ doing_b }) => {
        const due = [{ guard: 'nothingHeld', target: 'calling' }, { target: '#small.undoing_a' }];
        return {
          doing_b: { ...doing_b, states: { ...doing_b.states, waiting: { tags: ['waiting'], on: { due } } } },
        };
      },
    },
    'doing_b',
    'undo-order',
  ],
  [
    'a transition around all steps that ends the saga with nothing undone',
    { root: { on: { due: '.failed' } } },
    'doing_a',
    'undo-order',
  ],
  [
    'a compensation that skips one',
    { states: (_, { compensating }) => ({ undoing_c: compensating(smallStep('c'), { next: 'undoing_a' }) }) },
    'undoing_c',
    'undo-order',
    'after undoing c comes undoing_b, not undoing_a',
  ],
  [
    'a compensation that skips one when it fails',
    { states: ({ undoing_c }) => ({ undoing_c: handling(undoing_c, { refused: '#small.undoing_a' }) }) },
    'undoing_c',
    'undo-order',
  ],
  [
    'a compensation that stops the others when it fails',
    { states: ({ undoing_b }) => ({ undoing_b: handling(undoing_b, { refused: '#small.parked' }) }) },
    'undoing_b',
    'undo-order',
  ],
  [
    'steps that are declared in another order than they are done',
    { steps: ([a, b, c]) => [b, a, c].filter((step) => step !== undefined) },
    'doing_b',
    'undo-order',
  ],
  [
    'an action that skips the next',
    {
      states: ({ doing_a }) => ({
        doing_a: handling(doing_a, {
          done: [{ guard: 'nothingHeld', target: '#small.doing_b' }, { target: '#small.doing_c' }],
        }),
      }),
    },
    'doing_a',
    'undo-order',
    'after a comes b, not doing_c',
  ],
  [
    'a last action that is undone although it was done',
    {
      states: ({ doing_c }) => ({
        doing_c: handling(doing_c, {
          done: [{ guard: 'nothingHeld', target: '#small.completed' }, { target: '#small.undoing_c' }],
        }),
      }),
    },
    'doing_c',
    'undo-order',
    'after c comes an end, not undoing_c',
  ],
  [
    'a last action that is undone although it was done, whether or not somebody has cancelled',
    {
      states: ({ doing_c }) => ({
        doing_c: handling(doing_c, {
          done: [
            { guard: 'cancelled', target: '#small.undoing_c' },
            { guard: 'nothingHeld', target: '#small.completed' },
            { target: '#small.undoing_c' },
          ],
        }),
      }),
    },
    'doing_c',
    'undo-order',
    'after c comes an end, not undoing_c',
  ],
  [
    'a last action that is undone although it was done, by way of a state that calls nobody',
    {
      states: () => ({
        completed: { always: [{ guard: 'nothingHeld', target: 'ended' }, { target: 'undoing_c' }] },
        ended: { type: 'final' },
      }),
    },
    'doing_c',
    'undo-order',
  ],
  [
    'a last compensation that leads into a forward step',
    {
      states: ({ undoing_a }, { forward }) => ({
        undoing_a: handling(undoing_a, { done: '#small.doing_d' }),
        doing_d: forward(smallStep('d'), { done: 'failed', failed: 'failed' }),
      }),
    },
    'undoing_a',
    'undo-order',
    'after undoing a comes an end, not doing_d',
  ],
  [
    'a last compensation that leads into a forward step by way of a state that calls nobody',
    {
      states: (_, { forward }) => ({
        undone: { always: [{ guard: 'nothingHeld', target: 'doing_d' }, { target: 'parked' }] },
        doing_d: forward(smallStep('d'), { done: 'failed', failed: 'failed' }),
      }),
    },
    'undoing_a',
    'undo-order',
  ],
];

it.each(['retry', 'skip', 'resolve'])(
  'lets a %s lead anywhere: what a person decides is bound to no order',
  (type) => {
    const registry = new Registry();
    registry.register(smallSaga(trio, { root: { on: { [type]: '.parked' } } }));
    expect(registry.all()).toHaveLength(1);
  },
);

it.each<[string, Changes]>([
  [
    'words of its own, written where they are used',
    {
      states: ({ doing_b }) => ({
        doing_b: { ...doing_b, exit: assign({}) },
        undone: {
          always: [{ guard: ({ context }: Given) => context.held.length === 0, target: 'failed' }, 'parked'],
        },
      }),
    },
  ],
  [
    'a step that may note its answer, and stay',
    {
      states: ({ doing_b }) => ({
        doing_b: handling(doing_b, {
          done: [
            {
              guard: 'cancelled',
              target: '#small.undoing_b',
              actions: { type: 'gainCancelled', params: { step: 'b' } },
            },
            { guard: 'asCompleted', actions: 'noteCancel' },
            { target: '#small.doing_c' },
          ],
        }),
      }),
    },
  ],
  [
    'a step that waits for a person where it is refused',
    {
      states: ({ doing_b }) => {
        const { states, ...step } = handling(doing_b, {
          refused: { target: 'refused', actions: { type: 'noteStuck', params: { step: 'b' } } },
        });
        const retry = { target: 'calling', actions: ['forgetStuck', 'nextAttempt'] };
        return { doing_b: { ...step, states: { ...states, refused: { tags: ['parked'], on: { retry } } } } };
      },
    },
  ],
])('takes %s', (_, changes) => {
  const registry = new Registry();
  registry.register(smallSaga(trio, changes));
  expect(registry.all()).toHaveLength(1);
});

it('takes a pivot with an undo, which nobody calls', () => {
  const call = (name: string) => ({
    at: 'somebody',
    action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
    undo: { path: `/${name}/undo` },
  });
  const saga = defineSaga({ id: 'own', version: '1', input: z.looseObject({}) })
    .step('a', call('a'))
    .pivot('p', call('p'))
    .step('c', call('c'));
  expect(() => new Registry().register(definitionOf(saga, everywhere()))).not.toThrow();
});

describe.each([
  ['plain', notPlain],
  ['named', unnamed],
  ['held', forgetful],
  ['reachable', unreachable],
  ['ends', endless],
  ['outcomes', deaf],
  ['compensated', uncompensated],
  ['undo-order', misordered],
])('the rule %s', (_, bad) => {
  it.each(bad.map((one) => [one[0], one] as const))(
    'refuses %s',
    (_title, [, changes, state, rule, says = '']) => {
      const registry = new Registry();
      const definition = smallSaga(trio, changes);
      const register = () => registry.register(definition);
      expect(register).toThrow(MachineError);
      expect(register).toThrow(
        expect.objectContaining({ name: 'MachineError', machine: 'small', state, rule }),
      );
      // An operator reads only the message.
      expect(register).toThrow(`machine small, state ${state}, rule ${rule}: ${says}`);
      expect(registry.all()).toEqual([]);
    },
  );
});
