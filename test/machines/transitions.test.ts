/** Who makes a machine's transitions: its table, judged by XState now and then, and XState alone from where they differ. */
import { describe, expect, it, vi } from 'vitest';
import { type AnyStateNode, StateMachine } from 'xstate';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import {
  type Difference,
  RegisteredMachine,
  Registry,
  type SagaEvent,
  type SagaSnapshot,
} from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import { SAMPLED_EVERY } from '../../machines/transitions.ts';
import { answers, at, begun, drive, everywhere, forgetAnswer, orderMachine, placed } from './placed-order.ts';
import { smallSaga } from './small-saga.ts';

const policies = everywhere({ attemptsMax: 2 });
const done: SagaEvent = { type: 'done', at, answer: {} };
const call = (name: string, gains: () => object = () => ({})) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}), gains },
  undo: { path: `/${name}/undo` },
});
const of = () => defineSaga({ id: 'own', version: '1', input: z.looseObject({}) });
/** Facts that cannot be gained, since the definition has a bug. */
const failing = () =>
  new RegisteredMachine(
    definitionOf(
      of().step(
        'a',
        call('a', () => {
          throw new Error('a bug');
        }),
      ),
      policies,
    ),
  );

const calling = (machine: RegisteredMachine, state: string) =>
  machine.machine.root.states[state]?.states.calling as AnyStateNode;

it.each(['exit', 'on'] as const)(
  'is XState alone where a state has something that no table holds: %s',
  (what) => {
    const more = { exit: { exit: 'noteStopped' }, on: { on: { 'news.*': { actions: 'noteCancel' } } } }[what];
    const machine = new RegisteredMachine(
      smallSaga(['a', 'b'], { states: ({ doing_a }) => ({ doing_a: { ...doing_a, ...more } }) }),
    );
    const why = { exit: 'does more than a table knows', on: 'takes news.*' }[what];
    expect(machine.madeBy).toEqual({ by: 'xstate', why: 'shape', detail: `doing_a ${why}` });
  },
);

it('is XState alone where that was set', () => {
  const { madeBy } = new Registry('xstate').register(orderSaga(policies));
  expect(madeBy).toEqual({ by: 'xstate', why: 'setting', detail: 'TRANSITIONS' });
});

it('is the table, which is held against XState once, however many registries hold the machine', () => {
  const definition = orderSaga(policies);
  const asked = vi.spyOn(StateMachine.prototype, 'transition');
  try {
    expect(new RegisteredMachine(definition).madeBy).toEqual({ by: 'table' });
    expect(asked).toHaveBeenCalled();
    asked.mockClear();
    expect(new RegisteredMachine(definition).madeBy).toEqual({ by: 'table' });
    expect(asked).not.toHaveBeenCalled();
  } finally {
    asked.mockRestore();
  }
});

it('is both with one transition in so many, the first of a process among them', () => {
  const machine = orderMachine();
  const [begins, goes] = [
    vi.spyOn(machine.machine, 'getInitialSnapshot'),
    vi.spyOn(machine.machine, 'transition'),
  ];
  const first = begun(machine);
  expect([begins.mock.calls.length, goes.mock.calls.length]).toEqual([1, 0]);
  for (let made = 2; made <= SAMPLED_EVERY; made += 1) machine.next(first, done);
  expect([begins.mock.calls.length, goes.mock.calls.length]).toEqual([1, 0]);
  machine.next(first, done);
  expect([begins.mock.calls.length, goes.mock.calls.length]).toEqual([1, 1]);
  for (let made = 2; made <= SAMPLED_EVERY; made += 1) machine.next(first, done);
  expect([begins.mock.calls.length, goes.mock.calls.length]).toEqual([1, 1]);
  begun(machine);
  expect([begins.mock.calls.length, goes.mock.calls.length]).toEqual([2, 1]);
});

it('are believed to know the time where there is something to wait for, and only there', () => {
  const timed = new RegisteredMachine(
    definitionOf(of().sleep('nap', '1 min').step('a', call('a')), policies),
  );
  const slept = timed.begin({ data: {}, at: 5 });
  expect(slept.context).toMatchObject({ at: 5, retryAt: 60_005 });
  expect(timed.next(slept, { type: 'due', at: 7 }).context.at).toBe(7);
  expect(timed.begin({ data: {} }).context).not.toHaveProperty('at');

  const told = new RegisteredMachine(
    definitionOf(
      of()
        .waitFor('word', { within: '1 min', data: z.looseObject({}), late: 'undo' })
        .step('a', call('a')),
      policies,
    ),
  );
  expect(told.begin({ data: {}, at: 5 }).context).toMatchObject({ at: 5, retryAt: 60_005 });

  const later = new RegisteredMachine(
    definitionOf(of().step('a', { ...call('a'), asynchronous: { within: '1 min' } }), policies),
  );
  expect(later.begin({ data: {}, at: 5 }).context.at).toBe(5);

  const plain = orderMachine();
  const order = plain.begin({ data: { ...orderInput(placed).data }, at: 5 });
  expect(order.context).not.toHaveProperty('at');
  expect(plain.next(order, { ...done, answer: answers.order ?? {} }).context).not.toHaveProperty('at');
});

it.each(['table', 'xstate'] as const)('is silent where an event leads nowhere, by %s', (by) => {
  const machine = new RegisteredMachine(orderSaga(policies), by);
  const first = begun(machine);
  expect(machine.nextIfKnown(first, { type: 'retry', at })).toBeNull();
  // Which no state knows, so that only XState can tell.
  expect(machine.nextIfKnown(first, { type: 'news', at } as never)).toBeNull();
  expect(machine.madeBy.by).toBe(by);
});

it('is no difference where both stay', () => {
  const [other, machine] = [orderMachine(), orderMachine()];
  const told: Difference[] = [];
  // The first of a machine is made both ways.
  const first = machine.restore(other.persist(begun(other)));
  const next = machine.nextIfKnown(first, { type: 'retry', at }, (one) => void told.push(one));
  expect([next, told, machine.madeBy]).toEqual([null, [], { by: 'table' }]);
});

describe('where table and XState come apart', () => {
  const told: Difference[] = [];
  const tell = (difference: Difference) => void told.push(difference);
  /** What is told of an event to a saga that asks for its payment. */
  function differing(
    spoil: (machine: RegisteredMachine) => void,
    event: SagaEvent = { type: 'done', at, answer: answers.payment ?? {} },
  ) {
    told.length = 0;
    const machine = orderMachine();
    const before = drive(machine, ['done', 'done']);
    // The table has been there, and knows what it found.
    drive(machine, ['done'], before);
    for (let made = 4; made < SAMPLED_EVERY; made += 1) begun(machine);
    spoil(machine);
    const next = () => machine.nextIfKnown(before, event, tell);
    return { machine, next };
  }
  const state = 'processingPayment.calling';

  it('that is told without data, and XState is believed from then on', () => {
    const { machine, next } = differing(({ machine: of }) => forgetAnswer(of));
    const difference = {
      state,
      event: 'done',
      xstate: 'schedulingShipping.calling',
      table: 'schedulingShipping.calling',
      fields: ['data', 'answers'],
    };
    expect(machine.madeBy).toEqual({ by: 'table' });
    expect(next()?.context.answers).not.toHaveProperty('payment');
    expect(told).toEqual([difference]);
    expect(machine.madeBy).toEqual({
      by: 'xstate',
      why: 'difference',
      detail: JSON.stringify(difference),
    });
    expect(next()?.context.answers).not.toHaveProperty('payment');
    expect(told).toHaveLength(1);
  });

  it('what is not sampled is by the table', () => {
    const { machine, next } = differing(({ machine: of }) => forgetAnswer(of));
    // The one before takes the turn.
    begun(machine);
    expect(next()?.context.answers).toHaveProperty('payment');
    expect([told, machine.madeBy]).toEqual([[], { by: 'table' }]);
  });

  it('because XState stays where it is', () => {
    const { next } = differing(
      (machine) => void calling(machine, 'processingPayment').transitions.delete('done'),
    );
    expect(next()).toBeNull();
    expect(told).toMatchObject([{ state, event: 'done', xstate: null, table: 'schedulingShipping.calling' }]);
  });

  it('because the table stays where it is', () => {
    const { next } = differing(
      (machine) => {
        const { transitions } = calling(machine, 'processingPayment');
        transitions.set('retry', transitions.get('done') ?? []);
      },
      { type: 'retry', at, answer: answers.payment } as SagaEvent,
    );
    expect(next()?.value).toEqual({ schedulingShipping: 'calling' });
    expect(told).toMatchObject([
      { state, event: 'retry', xstate: 'schedulingShipping.calling', table: null },
    ]);
  });

  it('because a state has another tag', () => {
    const { next } = differing((machine) => void calling(machine, 'schedulingShipping').tags.push('more'));
    expect(next()?.hasTag('more')).toBe(true);
    expect(told).toMatchObject([{ xstate: 'schedulingShipping.calling', fields: [] }]);
  });

  it('because XState fails', () => {
    const { machine, next } = differing((of) => {
      const way = calling(of, 'processingPayment').transitions.get('done')?.[0] as { guard: unknown };
      way.guard = 'nobody knows it';
    });
    expect(next).toThrow('nobody knows it');
    expect(told).toMatchObject([{ state, event: 'done', xstate: null, table: 'schedulingShipping.calling' }]);
    expect(machine.madeBy.by).toBe('xstate');
  });

  it('because the table fails', () => {
    told.length = 0;
    const machine = failing();
    const first = machine.begin({ data: {} });
    calling(machine, 'doingA').transitions.delete('done');
    expect(machine.nextIfKnown(first, done, tell)).toBeNull();
    expect(told).toEqual([{ state: 'doingA.calling', event: 'done', xstate: null, table: null, fields: [] }]);
  });

  it('at the beginning', () => {
    told.length = 0;
    const machine = new RegisteredMachine(
      definitionOf(of().sleep('nap', '1 min').step('a', call('a')), policies),
    );
    const entry = machine.machine.root.states.sleepingNap?.entry as unknown[];
    entry.length = 0;
    expect(machine.begin({ data: {}, at }, tell).context.retryAt).toBeNull();
    expect(told).toEqual([
      {
        state: '',
        event: 'started',
        xstate: 'sleepingNap',
        table: 'sleepingNap',
        fields: ['attempt', 'retryAt'],
      },
    ]);
    expect(machine.madeBy).toMatchObject({ why: 'difference', detail: expect.stringContaining('"started"') });
  });
});

describe('what fails', () => {
  const never = (difference: Difference) => {
    throw new Error(`told of a difference: ${JSON.stringify(difference)}`);
  };

  it('does so as with XState, and is no difference', () => {
    const machine = failing();
    const first = machine.begin({ data: {} }, never);
    expect(() => machine.nextIfKnown(first, done, never)).toThrow('gains of a: Error: a bug');
    expect(machine.madeBy).toEqual({ by: 'table' });
  });

  it('at the beginning, too', () => {
    const saga = of().forEach(
      'seat',
      () => {
        throw new Error('a bug');
      },
      { ...call('seat'), key: String, gains: () => ({}) },
    );
    const machine = new RegisteredMachine(definitionOf(saga, policies));
    for (const _ of ['sampled', 'not sampled'])
      expect(() => machine.begin({ data: {} }, never)).toThrow('the items of seat: Error: a bug');
    expect(machine.madeBy).toEqual({ by: 'table' });
  });
});

it('restores and stores what looks like an actor as it was written', () => {
  const machine = orderMachine();
  const first: SagaSnapshot = begun(machine);
  const actor = { xstate$$type: 1, id: 'x' };
  const text = machine.persist({ ...first, context: { ...first.context, data: { actor } } });
  const restored = machine.restore(text);
  expect(restored.context.data).toEqual({ actor });
  expect(machine.persist(restored)).toBe(text);
  expect(JSON.parse(text)).toMatchObject({ status: 'active', historyValue: {}, children: {} });
});
