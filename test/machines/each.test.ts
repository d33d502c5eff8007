/** A step that is done for each of a list: how many calls are under way, and what of them is undone. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { Driven, registered } from './driven.ts';

const plain = { at: 'theatre', answer: z.looseObject({}) };
// Made anew each time: so a fault in what it is made of has a test that comes by it.
const machine = () =>
  registered(
    defineSaga({ id: 'seats', version: '1', input: z.looseObject({ names: z.array(z.string()) }) })
      .forEach('seat', ({ names }) => names, {
        ...plain,
        key: (name) => name,
        itemsMax: 4,
        concurrency: 2,
        action: { path: '/seats', request: ({ item }) => ({ item }), answer: plain.answer },
        undo: { path: '/seats/free' },
      })
      .step('bill', {
        ...plain,
        action: { path: '/bill', request: () => ({}), answer: plain.answer },
        undo: { unneeded: 'nobody pays it' },
      }),
  );
const begun = (...names: string[]) => new Driven(machine(), { names });

it('has no more calls under way than it says, and one that waits for its next attempt keeps its place', () => {
  const saga = begun('a', 'b', 'c', 'd');
  expect(saga.asked).toEqual(['action seat/a', 'action seat/b']);
  saga.fails('action seat/a', 'retryable');
  expect(saga.asked.toSorted()).toEqual(['action seat/b', 'wait seat/a']);
  saga.done('action seat/b');
  expect(saga.asked.toSorted()).toEqual(['action seat/c', 'wait seat/a']);
  saga.due('wait seat/a');
  expect(saga.asked).toEqual(['action seat/a', 'action seat/c']);
  saga.done('action seat/a').done('action seat/c').done('action seat/d');
  expect(saga.asked).toEqual(['action bill']);
});

it('takes as many items as it may have, none at all too, and no two of one key', () => {
  expect(begun().asked).toEqual(['action bill']);
  expect(begun('a', 'b', 'c', 'd').asked).toHaveLength(2);
  expect(() => begun('a', 'b', 'c', 'd', 'e')).toThrow('the items of seat: RangeError: 5, and at most 4');
  expect(() => begun('b', 'a', 'c', 'a')).toThrow('the key of seat: RangeError: two items have the key a');
});

it('undoes as many at once as it does, and nothing of which no call was made', () => {
  const saga = begun('a', 'b', 'c', 'd').done('action seat/a').refused('action seat/c');
  expect(saga.asked).toEqual(['action seat/b']);
  saga.done('action seat/b');
  expect(saga.asked).toEqual(['compensation seat/a', 'compensation seat/b']);
  saga.done('compensation seat/b');
  expect(saga.asked).toEqual(['compensation seat/a', 'compensation seat/c']);
  saga.done('compensation seat/c').done('compensation seat/a');
  expect(saga.state).toBe('failed');
});

it('undoes again what is held, when a person asks for it, and nothing else', () => {
  const saga = begun('a', 'b', 'c', 'd').refused('action seat/a').done('action seat/b');
  saga.done('compensation seat/a').refused('compensation seat/b');
  expect([saga.state, saga.held]).toEqual(['parked', ['seat/b']]);
  saga.on({ type: 'retry', at: 1000 });
  expect(saga.asked).toEqual(['compensation seat/b']);
});

it('is not taken for what a sleep behind it waits for', () => {
  const saga = new Driven(
    registered(
      defineSaga({ id: 'seats', version: '1', input: z.looseObject({}) })
        .forEach('seat', () => ['a'], {
          ...plain,
          key: (name) => name,
          action: { path: '/seats', request: () => ({}), answer: plain.answer },
          undo: { path: '/seats/free' },
        })
        .sleep('nap', '1 min'),
    ),
    {},
  ).done('action seat/a');
  expect(saga.find('wait nap')).toStrictEqual({ kind: 'wait', name: 'wait nap', until: 61_000 });
});

it('does not wait for an attempt that will not be made', () => {
  const saga = begun('a', 'b', 'c').fails('action seat/a', 'unknown').refused('action seat/b');
  expect(saga.asked).toEqual(['compensation seat/a', 'compensation seat/b']);
});

it('knows of which items a call may have been made, where it is taken out of its hands', () => {
  const saga = begun('a', 'b', 'c', 'd').done('action seat/a').fails('action seat/b', 'unknown');
  const stands = () => saga.machine.standing(saga.snapshot.context, saga.state).map(({ step }) => step);
  expect(stands().toSorted()).toEqual(['seat/a', 'seat/b', 'seat/c']);
  saga.refused('action seat/c').done('compensation seat/a');
  expect(stands().toSorted()).toEqual(['seat/b', 'seat/c']);
});
