/** Which machines no table of transitions is made of, and why: they go by XState alone. */
import { expect, it } from 'vitest';
import { type AnyStateMachine, assign, createMachine, setup } from 'xstate';
import { unfitIn } from '../../machines/transition-rows.ts';

const context = () => ({});
const branches = { d: { initial: 'e', states: { e: {} } } };
const machine = (a: object, more: object = {}) =>
  setup({
    guards: { may: () => true, both: { check: () => true } as never },
    actions: { note: assign({}), shout: () => {} },
  }).createMachine({
    context,
    initial: 'a',
    states: { a, b: {} },
    ...more,
  } as never) as unknown as AnyStateMachine;

it.each<[string | null, object, object?]>([
  [null, {}],
  [
    null,
    { entry: 'note', on: { go: [{ guard: 'may', target: 'b', actions: 'note' }, { actions: 'note' }] } },
  ],
  [null, { initial: 'c', states: { c: {} } }],
  ['its context is no function of its input', {}, { context: {} }],
  [
    null,
    { type: 'parallel', onDone: 'b', states: { c: { initial: 'e', states: { e: { type: 'final' } } } } },
  ],
  ['a has a branch without states', { type: 'parallel', states: { c: {}, d: {} } }],
  ['a is parallel and goes on of itself', { type: 'parallel', always: 'b', states: branches }],
  [
    'a.c is parallel and goes on of itself',
    { initial: 'c', always: 'b', states: { c: { type: 'parallel', states: branches } } },
  ],
  ['(root) begins anew', {}, { on: { go: { target: '#other', reenter: true } } }],
  ['(root) is parallel', {}, { type: 'parallel', initial: undefined }],
  ['a.c does more than a table knows', { initial: 'd', states: { c: { type: 'history' }, d: {} } }],
  ['a does more than a table knows', { invoke: { src: 'it' } }],
  ['a does more than a table knows', { exit: 'note' }],
  ['(root) does more than a table knows', {}, { exit: 'note' }],
  ['(root) does more than a table knows', {}, { output: {} }],
  [null, { initial: 'c', onDone: 'b', states: { c: { type: 'final' } } }],
  ['a does something at its beginning', { initial: { target: 'c', actions: 'note' }, states: { c: {} } }],
  ['a takes *', { on: { '*': 'b' } }],
  ['a takes go.*', { on: { 'go.*': 'b' } }],
  ['a leads to several states', { on: { go: { target: ['b', '#other'] } } }],
  ['a has a guard that is no function with a name', { on: { go: { guard: () => true, target: 'b' } } }],
  ['a has a guard that is no function with a name', { on: { go: { guard: 'none', target: 'b' } } }],
  ['a has a guard that is no function with a name', { on: { go: { guard: 'both', target: 'b' } } }],
  ['a has an action that is no assignment with a name', { on: { go: { actions: 'shout' } } }],
  ['a has an action that is no assignment with a name', { on: { go: { actions: ['note', 'none'] } } }],
  ['a has an action that is no assignment with a name', { on: { go: { actions: assign({}) } } }],
  ['a has an action that is no assignment with a name', { entry: ['note', 'shout'], on: { go: 'b' } }],
])('%s', (why, a, more) => {
  const states = { a, b: { id: 'other' } };
  expect(unfitIn(machine(a, { states, ...more }))).toBe(why);
});

it('of machines without any words is one', () => {
  expect(
    unfitIn(createMachine({ context, initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } })),
  ).toBeNull();
});
