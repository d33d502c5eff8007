/** What a saga asks for, state by state: under which names, for whom, and until when. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { plainCallsOf, stepsAt } from '../../machines/activities.ts';
import { defineSaga, type Saga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { activitiesIn } from '../../machines/index.ts';
import { Driven, registered } from './driven.ts';
import { everywhere } from './placed-order.ts';

const call = (name: string) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
  undo: { path: `/${name}/undo` },
});
const later = { asynchronous: { within: '1 min' } } as const;
const word = { within: '1 h', data: z.looseObject({}), late: () => ({}) } as const;
const of = () => defineSaga({ id: 'own', version: '1', input: z.looseObject({}) });
const begun = (saga: Saga) => new Driven(registered(saga), {});

/** What is asked for, without what a call sends. */
function asks({ machine, snapshot }: Driven): object[] {
  return activitiesIn(machine.asks(snapshot)).map((one) => {
    if (one.kind !== 'call') return one;
    const { call, ...announced } = one;
    return { ...announced, path: call.path, step: call.step };
  });
}

const announced = (step: string, attempt: number, more: object = {}) => ({
  kind: 'call',
  name: `action ${step}`,
  address: step,
  attempt,
  path: `/${step}`,
  step,
  ...more,
});
const undo = (step: string, attempt: number, more: object = {}) => ({
  ...announced(step, attempt),
  name: `compensation ${step}`,
  path: `/${step}/undo`,
  ...more,
});

it('a row asks for one thing after the other, for nobody by name', () => {
  const saga = begun(
    of()
      .sleep('nap', '1 min')
      .step('a', call('a'))
      .step('b', { ...call('b'), ...later })
      .waitFor('word', word),
  );
  expect(asks(saga)).toStrictEqual([{ kind: 'wait', name: 'wait nap', until: 61_000 }]);
  saga.due('wait nap');
  expect(asks(saga)).toStrictEqual([announced('a', 1)]);
  saga.fails('action a', 'unknown');
  // A second of back-off, of which half was drawn.
  expect(asks(saga)).toStrictEqual([{ kind: 'wait', name: 'wait a', until: 1_050, step: 'a', attempt: 1 }]);
  saga.due('wait a');
  expect(asks(saga)).toStrictEqual([announced('a', 2)]);
  saga.done('action a').on({ type: 'accepted', at: 2_000, location: '/later', pollAfterMs: 500 });
  expect(asks(saga)).toStrictEqual([
    { kind: 'expect', name: 'event b', event: null, step: 'b', attempt: 1, until: 2_500 },
  ]);
  saga.due('event b');
  expect(asks(saga)).toStrictEqual([announced('b', 1, { path: '/later' })]);
  saga.done('action b');
  expect(asks(saga)).toStrictEqual([
    { kind: 'expect', name: 'event word', event: 'word', attempt: 0, until: 3_601_000 },
  ]);
  saga.due('event word');
  expect(saga.machine.asks(saga.snapshot)).toStrictEqual({ kind: 'nothing', succeeded: true });
});

it('branches ask for each of theirs by its name, and count attempts for themselves', () => {
  const saga = begun(
    of().parallel('all', {
      one: (b) => b.step('a', call('a')).sleep('nap', '1 min'),
      two: (b) => b.step('b', { ...call('b'), ...later }),
      three: (b) => b.waitFor('word', word),
    }),
  );
  const event = {
    kind: 'expect',
    name: 'event word',
    to: 'word',
    event: 'word',
    attempt: 0,
    until: 3_601_000,
  };
  const first = { to: 'a' };
  expect(asks(saga)).toStrictEqual([announced('a', 1, first), announced('b', 1, { to: 'b' }), event]);
  saga
    .fails('action a', 'unknown')
    .on({ type: 'accepted', at: 2_000, location: null, pollAfterMs: 500, to: 'b' });
  const pending = {
    kind: 'expect',
    name: 'event b',
    to: 'b',
    event: null,
    step: 'b',
    attempt: 1,
    until: 62_000,
  };
  expect(asks(saga)).toStrictEqual([
    { kind: 'wait', name: 'wait a', to: 'a', until: 1_050, step: 'a', attempt: 1 },
    pending,
    event,
  ]);
  saga.due('wait a');
  expect(asks(saga)).toStrictEqual([announced('a', 2, first), pending, event]);
  saga.done('action a');
  expect(asks(saga)).toStrictEqual([
    { kind: 'wait', name: 'wait nap', to: 'nap', until: 61_000 },
    pending,
    event,
  ]);
  saga.refused('event b');
  expect(asks(saga)).toStrictEqual([undo('a', 1, first), undo('b', 1, { to: 'b' })]);
});

it('a branch that has ended asks for nothing more, while others go on', () => {
  const both = of().parallel('all', {
    one: (b) => b.step('a', call('a')),
    two: (b) => b.step('b', call('b')),
  });
  const saga = begun(both).done('action a');
  expect([saga.state, saga.snapshot.status]).toEqual(['all(one.done,two.doingB.calling)', 'active']);
  expect(asks(saga)).toStrictEqual([announced('b', 1, { to: 'b' })]);
  expect([saga.done('action b').state, saga.snapshot.status]).toEqual(['completed', 'done']);
});

it('a branch that is alone asks by name all the same, since its events come so', () => {
  const saga = begun(of().parallel('all', { one: (b) => b.step('a', call('a')) }));
  expect(asks(saga)).toStrictEqual([announced('a', 1, { to: 'a' })]);
  saga.fails('action a', 'unknown').due('wait a');
  expect(asks(saga)).toStrictEqual([announced('a', 2, { to: 'a' })]);
});

it('items are asked for one by one, and those that wait no more once all is to stop', () => {
  const seats = () =>
    begun(
      of()
        .forEach('seat', () => ['a', 'b'], { ...call('seat'), key: String })
        .step('c', call('c')),
    );
  const own = (key: string, name: string, attempt: number, path = '/seat') => ({
    kind: 'call',
    name: `${name} seat/${key}`,
    to: `seat/${key}`,
    address: `seat/${key}`,
    attempt,
    path,
    step: 'seat',
  });
  const waiting = { kind: 'wait', name: 'wait seat/a', to: 'seat/a', until: 1_050 };
  const saga = seats();
  expect(asks(saga)).toStrictEqual([own('a', 'action', 1), own('b', 'action', 1)]);
  saga.fails('action seat/a', 'unknown');
  expect(asks(saga)).toStrictEqual([waiting, own('b', 'action', 1)]);
  saga.on({ type: 'cancel', at: 1_000, reason: 'enough' });
  expect(asks(saga)).toStrictEqual([own('b', 'action', 1)]);
  saga.done('action seat/b');
  expect(asks(saga)).toStrictEqual([
    own('a', 'compensation', 1, '/seat/undo'),
    own('b', 'compensation', 1, '/seat/undo'),
  ]);
  saga.fails('compensation seat/a', 'unknown');
  expect(asks(saga)).toStrictEqual([waiting, own('b', 'compensation', 1, '/seat/undo')]);

  const failed = begun(
    of()
      .forEach('seat', () => ['a', 'b', 'c'], { ...call('seat'), key: String })
      .step('c', call('c')),
  )
    .fails('action seat/a', 'unknown')
    .refused('action seat/b');
  expect(asks(failed)).toStrictEqual([own('c', 'action', 1)]);
});

it('knows of whose call each state is', () => {
  const saga = of()
    .step('a', call('a'))
    .sleep('nap', '1 min')
    .waitFor('word', word)
    .step('b', { ...call('b'), ...later });
  const { machine } = definitionOf(saga, everywhere());
  expect(Object.fromEntries(stepsAt(machine))).toEqual({
    'doingA.calling': 'a',
    'doingA.waiting': 'a',
    'doingB.calling': 'b',
    'doingB.waiting': 'b',
    'doingB.pending': 'b',
    'doingB.fetching': 'b',
    'undoingA.calling': 'a',
    'undoingA.waiting': 'a',
    'undoingB.calling': 'b',
    'undoingB.waiting': 'b',
  });
});

it('finds without more ado what is one call alone', () => {
  const saga = of()
    .step('a', call('a'))
    .forEach('seat', () => ['x'], { ...call('seat'), key: String })
    .parallel('all', { one: (b) => b.step('b', call('b')) });
  const plain = plainCallsOf(definitionOf(saga, everywhere()).machine);
  expect([...plain].map(([state, { name }]) => [state, name])).toEqual([
    ['doingA.calling', 'action a'],
    ['undoingA.calling', 'compensation a'],
  ]);
});
