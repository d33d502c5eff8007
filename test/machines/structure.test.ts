/** The hash by which a coordinator knows whether a stored saga ran on the machine that it has under this name. */
import { expect, it } from 'vitest';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { callStates, structureOf } from '../../machines/structure.ts';
import { everywhere } from './placed-order.ts';
import { type Changes, handling, smallSaga } from './small-saga.ts';

const names = ['a', 'b'];
const hashOf = (changes: Changes = {}, of = names) => structureOf(smallSaga(of, changes).machine);

it('is the same for the same machine, made again', () => {
  expect(hashOf()).toBe(hashOf());
  expect(hashOf()).toMatch(/^[0-9a-f]{16}$/);
  expect(new RegisteredMachine(smallSaga(names)).structure).toBe(hashOf());
});

it.each([{ timeoutMs: 9 }, { attemptsMax: 9 }, { backoffMs: 9 }, { backoffMaxMs: 9 }])(
  'is the same with other policies: %j',
  (policy) => {
    expect(hashOf({ policies: everywhere(policy) })).toBe(hashOf());
    const [usual, other] = [{}, policy].map((each) => structureOf(orderSaga(everywhere(each)).machine));
    expect(other).toBe(usual);
  },
);

/** `doing_a` with something of its calling or its waiting state replaced. */
const inside = (which: 'calling' | 'waiting', over: object): Changes => ({
  states: ({ doing_a }) => ({
    doing_a: { ...doing_a, states: { ...doing_a.states, [which]: { ...doing_a.states[which], ...over } } },
  }),
});
const calling = (over: object) => inside('calling', over);
const waiting = (over: object) => inside('waiting', over);

const undone = (...always: unknown[]): Changes => ({ states: () => ({ undone: { always } }) });
const guardFor = (step: string) => ({ type: 'alreadyUndone', params: { step } });
const call = { step: 'a', kind: 'action', participant: 'a-service', path: '/a/do' };

const different: readonly (readonly [string, Changes])[] = [
  ['a target', undone({ guard: 'nothingHeld', target: 'completed' }, { target: 'parked' })],
  [
    'the order in which targets are tried',
    undone({ target: 'parked' }, { guard: 'nothingHeld', target: 'failed' }),
  ],
  ['a guard', undone({ guard: 'attemptsLeft', target: 'failed' }, { target: 'parked' })],
  ['a guard that is gone', undone({ target: 'failed' }, { target: 'parked' })],
  ['a guard that is written inline', undone({ guard: () => false, target: 'failed' }, { target: 'parked' })],
  [
    'what a guard is given',
    {
      states: ({ undoing_a }) => ({
        undoing_a: { ...undoing_a, always: { ...(undoing_a.always as object), guard: guardFor('b') } },
      }),
    },
  ],
  [
    'what an action is given',
    {
      states: ({ doing_a }) => ({
        doing_a: handling(doing_a, {
          refused: {
            target: '#small.undoing_a',
            actions: { type: 'noteFailure', params: { step: 'b' } },
          },
        }),
      }),
    },
  ],
  [
    'a state that is entered anew',
    waiting({
      on: {
        due: { target: 'waiting', reenter: true },
      },
    }),
  ],
  [
    'a state that is not entered anew',
    waiting({
      on: {
        due: { target: 'waiting', reenter: false },
      },
    }),
  ],
  [
    'what a guard is given only when it is asked',
    undone({ guard: { type: 'nothingHeld', params: () => ({}) }, target: 'failed' }, { target: 'parked' }),
  ],
  [
    'what finds out what a guard is given',
    undone(
      { guard: { type: 'nothingHeld', params: function byHand() {} }, target: 'failed' },
      { target: 'parked' },
    ),
  ],
  [
    'an inline guard of another name',
    undone({ guard: function byHand() {}, target: 'failed' }, { target: 'parked' }),
  ],
  // XState asks it no more than one that is gone, and it is written otherwise.
  ['a guard that is null', undone({ guard: null, target: 'failed' }, { target: 'parked' })],
  ['one more event', { states: ({ doing_a }) => ({ doing_a: handling(doing_a, { due: 'waiting' }) }) }],
  ['another event', waiting({ on: { later: { target: 'calling', actions: 'nextAttempt' } } })],
  ['an event of the machine itself', { root: { on: { due: '.parked' } } }],
  [
    'an action of a transition',
    { states: ({ doing_a }) => ({ doing_a: handling(doing_a, { done: '#small.doing_b' }) }) },
  ],
  ['an action at entry', { states: ({ doing_a }) => ({ doing_a: { ...doing_a, entry: 'nextAttempt' } }) }],
  ['an action at exit', { states: ({ doing_a }) => ({ doing_a: { ...doing_a, exit: 'firstAttempt' } }) }],
  ['a path', calling({ meta: { ...call, path: '/a/do/v2' } })],
  ['a participant', calling({ meta: { ...call, participant: 'b-service' } })],
  ['a step', calling({ meta: { ...call, step: 'b' } })],
  ['the kind of a call', calling({ meta: { ...call, kind: 'compensation' } })],
  ['a tag', calling({ tags: ['waiting'] })],
  ['one more tag', calling({ tags: ['calling', 'waiting'] })],
  ['a tag that is gone', { states: () => ({ parked: {} }) }],
  ['the type of a state', { states: () => ({ completed: {} }) }],
  ['one more state', { states: () => ({ island: {} }) }],
  [
    'the name of a state',
    {
      states: () => ({
        undone: { always: [{ guard: 'nothingHeld', target: 'failed' }, { target: 'resting' }] },
        parked: undefined,
        resting: { tags: ['parked'] },
      }),
    },
  ],
  ['the first state', { root: { initial: 'doing_b' } }],
  [
    'the first state inside a step',
    { states: ({ doing_a }) => ({ doing_a: { ...doing_a, initial: 'waiting' } }) },
  ],
];

it.each(different)('differs with %s', (_, changes) => {
  expect(hashOf(changes)).not.toBe(hashOf());
});

it('differs from one change to the next', () => {
  expect(new Set(different.map(([, changes]) => hashOf(changes))).size).toBe(different.length);
});

it('differs with the steps and their order', () => {
  expect(new Set([['a'], ['a', 'b'], ['b', 'a'], ['a', 'b', 'c']].map((of) => hashOf({}, of))).size).toBe(4);
});

it('does not change when nothing but the replaced state is written anew', () => {
  // Else the cases above would prove nothing: they would differ by how the tests write their changes.
  expect(hashOf(calling({ meta: { ...call } }))).toBe(hashOf());
  expect(hashOf(waiting({ tags: ['waiting'] }))).toBe(hashOf());
  expect(hashOf(undone({ guard: 'nothingHeld', target: 'failed' }, { target: 'parked' }))).toBe(hashOf());
  expect(hashOf({ states: ({ doing_a }) => ({ doing_a: handling(doing_a, {}) }) })).toBe(hashOf());
});

it('reads off which calls are announced, by the state', () => {
  const calls = callStates(smallSaga(['a']).machine);
  expect([...calls]).toEqual([
    ['doing_a.calling', call],
    ['undoing_a.calling', { ...call, kind: 'compensation', path: '/a/undo' }],
  ]);
});
