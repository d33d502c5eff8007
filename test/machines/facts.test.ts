/** What a saga knows after each kind of part: what the functions of its definition made of answers, events, and time. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { Driven, registered } from './driven.ts';

const answer = z.looseObject({});
const input = z.looseObject({});
const about = { id: 'facts', version: '1', input } as const;
const undo = { path: '/undo' };
const action = (path: string) => ({ path, request: () => ({}), answer });
const last = { at: 'somebody', action: action('/last'), undo: { unneeded: 'it does nothing' } };
const dataOf = ({ snapshot }: Driven) => snapshot.context.data;

describe('items', () => {
  const saga = () =>
    new Driven(
      registered(
        defineSaga(about)
          .forEach('seat', () => ['a', 'b'], {
            at: 'theatre',
            key: (item) => item,
            action: { ...action('/seats'), answer: z.looseObject({ seat: z.int() }) },
            undo,
            gains: (answers) => ({ seats: answers.map(({ seat }) => seat) }),
          })
          .step('last', last),
      ),
      { hall: 1 },
    );

  it('give what is made of all their answers, in the order of the list', () => {
    const done = saga().done('action seat/b', { seat: 2 }).done('action seat/a', { seat: 1 });
    expect(done.asked).toEqual(['action last']);
    expect(dataOf(done)).toEqual({ hall: 1, seats: [1, 2] });
  });

  it('wait no more for their next attempt where another was refused, or somebody cancels', () => {
    const waiting = () => saga().fails('action seat/a', 'retryable');
    expect(waiting().asked.toSorted()).toEqual(['action seat/b', 'wait seat/a']);
    expect(waiting().find('wait seat/a')).toMatchObject({ kind: 'wait', until: expect.any(Number) });
    expect(waiting().refused('action seat/b').asked).toEqual(['compensation seat/a', 'compensation seat/b']);
    expect(waiting().on({ type: 'cancel', at: 1000, reason: 'enough' }).asked).toEqual(['action seat/b']);
  });
});

it.each([
  [true, 'action abroad'],
  [false, 'action last'],
])('a choice is made by the facts, and kept: %s', (far, asks) => {
  const saga = new Driven(
    registered(
      defineSaga({ ...about, input: z.looseObject({ far: z.boolean() }) })
        .when(
          'distance',
          (data) => data.far,
          (then) => then.step('abroad', { at: 'somebody', action: action('/abroad'), undo }),
        )
        .step('last', last),
    ),
    { far },
  );
  expect(saga.asked).toEqual([asks]);
  expect(saga.snapshot.context.chosen).toEqual({ distance: far });
});

describe('an event', () => {
  // biome-ignore lint/suspicious/noExplicitAny: the chain has a type for each of the two
  const saga = (late: any) =>
    new Driven(
      registered(
        defineSaga(about)
          .step('first', { at: 'somebody', action: action('/first'), undo })
          .waitFor('approval', {
            within: '1 min',
            data: z.looseObject({ by: z.string(), yes: z.boolean() }),
            refuses: ({ yes, by }) => (yes ? null : `refused by ${by}`),
            gains: ({ by }) => ({ by }),
            late,
          })
          .step('last', last),
      ),
      { what: 1 },
    ).done('action first');

  it('is waited for as long as its definition says, from the moment on at which it is waited for', () => {
    expect(saga('undo').find('event approval')).toMatchObject({ kind: 'expect', until: 61_000 });
  });

  it('gives what is made of it', () => {
    const told = saga('undo').comes('approval', { by: 'ada', yes: true });
    expect([told.asked, dataOf(told)]).toEqual([['action last'], { what: 1, by: 'ada' }]);
  });

  it('that refuses is why the saga failed', () => {
    const told = saga('undo').comes('approval', { by: 'ada', yes: false });
    expect(told.asked).toEqual(['compensation first']);
    expect(told.snapshot.context.failure).toEqual({ step: null, reason: 'approval: refused by ada' });
  });

  it('that does not come gives what is said for that, or is why the saga failed', () => {
    const without = saga(() => ({ by: 'nobody' })).due('event approval');
    expect([without.asked, dataOf(without)]).toEqual([['action last'], { what: 1, by: 'nobody' }]);
    const undone = saga('undo').due('event approval');
    expect(undone.asked).toEqual(['compensation first']);
    expect(undone.snapshot.context.failure?.reason).toBe('approval: it did not come in time');
  });
});

describe('a sleep', () => {
  const saga = (until: '1 min' | (() => Date)) =>
    new Driven(registered(defineSaga(about).sleep('nap', until).step('last', last)), {});

  it('ends when its definition says', () => {
    const asleep = saga(() => new Date(61_000));
    expect(asleep.find('wait nap')).toMatchObject({ kind: 'wait', until: 61_000 });
    expect(saga('1 min').find('wait nap')).toEqual(asleep.find('wait nap'));
    expect(asleep.due('wait nap').asked).toEqual(['action last']);
  });

  it('until no moment at all is a fault of the definition', () => {
    expect(() => saga(() => new Date(Number.NaN))).toThrow('until of nap: RangeError: it is no moment');
  });
});
