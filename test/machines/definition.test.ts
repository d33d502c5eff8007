/** What the registry learns of a saga in the short form beside its statechart. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MachineError } from '../../machines/check.ts';
import { checkSaga } from '../../machines/checked.ts';
import { defineSaga, type Parts, type Saga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { type RegisteredMachine, Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { trip } from '../../machines/trip.ts';
import { everywhere } from './placed-order.ts';

const id = z.string();
const at = 1000;
const start = () =>
  defineSaga({
    id: 'own',
    version: '1',
    input: z.strictObject({ card: id }),
    secrets: ['card'],
    label: 'booking',
  });
const action = {
  path: '/do',
  request: () => ({}),
  answer: z.looseObject({ booking: id }),
  gains: ({ booking }: { booking: string }) => ({ booking }),
};

/** What stands when the undo of its only step was refused. */
function heldOf(machine: RegisteredMachine) {
  let snapshot = machine.begin({ data: { card: 'card-123456' } });
  snapshot = machine.next(snapshot, { type: 'done', at, answer: { booking: 'b-1' } });
  snapshot = machine.next(snapshot, { type: 'refused', at, error: 'full' });
  snapshot = machine.next(snapshot, { type: 'done', at, answer: {} });
  snapshot = machine.next(snapshot, { type: 'refused', at, error: 'too late' });
  return machine.parked(snapshot.context).held;
}

const twoSteps = (held: (data: { card: string }, answer: { booking: string }) => string) =>
  new Registry().register(
    definitionOf(
      start()
        .step('seat', { at: 'airline', action, undo: { path: '/undo' }, held })
        .step('meal', { at: 'kitchen', action, undo: { path: '/undo' } }),
      everywhere(),
    ),
  );

it('knows input, events and label', () => {
  const machine = new Registry().register(definitionOf(trip, everywhere()));
  expect(machine.label).toBe('trip');
  expect(machine.input?.safeParse({ trip: 't' }).success).toBe(false);
  expect([...machine.events.keys()]).toEqual(['approval']);
  expect(machine.events.get('approval')?.withinMs).toBe(3 * 86_400_000);
});

it('knows a saga written by its states as it is: steps in a row, without events', () => {
  const machine = new Registry().register(orderSaga(everywhere()));
  expect(machine.parts).toEqual(machine.steps.map((step) => ({ kind: 'step', step, isPivot: false })));
  expect([machine.label, machine.events.size]).toEqual(['order_id', 0]);
  expect(machine.input?.safeParse({ order_id: 'o-1' }).success).toBe(false);
});

describe('a deadline', () => {
  const deadlineOf = (deadlineMs: number | null, own?: '90 days') => {
    const options = { id: 'own', version: '1', input: z.strictObject({}) };
    const saga = defineSaga(own ? { ...options, deadline: own } : options).step('seat', {
      at: 'airline',
      action,
      undo: { path: '/undo' },
    });
    return new Registry().register(definitionOf(saga, everywhere(), deadlineMs)).deadlineMs;
  };

  it('is the own one, else the one of all sagas, else none', () => {
    expect(deadlineOf(5_000, '90 days')).toBe(90 * 86_400_000);
    expect(deadlineOf(5_000)).toBe(5_000);
    expect(deadlineOf(null)).toBeNull();
  });
});

describe('what is held', () => {
  it('is said in the words of its step, without secrets', () => {
    const machine = twoSteps(({ card }, { booking }) => `seat ${booking}, paid by ${card}`);
    expect(heldOf(machine)).toEqual([
      {
        step: 'seat',
        reason: 'too late',
        response: { booking: 'b-1' },
        says: 'seat b-1, paid by [redacted]',
      },
    ]);
  });

  it('is held all the same where the words fail', () => {
    const machine = twoSteps(() => {
      throw new TypeError('no such fact');
    });
    expect(heldOf(machine)).toEqual([{ step: 'seat', reason: 'too late', response: { booking: 'b-1' } }]);
  });
});

describe('names', () => {
  const step = { at: 'airline', action, undo: { path: '/undo' } };
  const word = { within: '1 h', data: z.looseObject({}), late: 'undo' } as const;
  const inside = (from: Parts<unknown>) => from.step('seat', step as never);

  it.each<[string, Saga]>([
    ['two steps', start().step('seat', step).step('seat', step)],
    [
      'a step within another part',
      start()
        .step('seat', step)
        .parallel('all', { one: inside as never }),
    ],
    [
      'two choices',
      start()
        .when('seat', () => true, inside as never)
        .when(
          'seat',
          () => true,
          (b) => b,
        ),
    ],
    ['two events', start().waitFor('seat', word).waitFor('seat', word)],
    ['an event and a sleep, which are both waits', start().waitFor('seat', word).sleep('seat', '1 min')],
  ])('of %s are not the same', (_, saga) => {
    expect(() => definitionOf(saga, everywhere())).toThrow(
      'the name of own: RangeError: seat is the name of two parts: participants and operators could not tell them apart',
    );
  });

  it('of parts of another kind may be', () => {
    const saga = start()
      .when('seat', () => true, inside as never)
      .waitFor('seat', word);
    expect(definitionOf(saga, everywhere()).steps.map(({ name }) => name)).toEqual(['seat']);
  });
});

it('refuses a saga without any part', () => {
  expect(() => definitionOf(start(), everywhere())).toThrow(
    'machine own, state (none), rule reachable: it has no part, so nothing is to be done',
  );
});

it('holds a saga against the rules before there are any settings', () => {
  const step = { at: 'airline', action, undo: { path: '/undo' } };
  expect(() => checkSaga(start().step('seat', step))).not.toThrow();
  const twice = { ...start().about, id: 'seat' };
  expect(() => checkSaga({ about: twice, parts: [] })).toThrow(MachineError);
});

describe('a label', () => {
  const labelled = (label: string, input: Record<string, unknown>) => {
    const saga = defineSaga({
      id: 'own',
      version: '1',
      input: z.looseObject({}),
      label,
      secrets: ['card', 'guest.passport'],
    }).step('seat', { at: 'airline', action, undo: { path: '/undo' } });
    const machine = new Registry().register(definitionOf(saga, everywhere()));
    const begun = machine.begin({ data: input });
    const done = machine.next(begun, { type: 'done', at, answer: { booking: 'b-1' } });
    return [machine.labelOf(begun.context), machine.labelOf(done.context)];
  };

  it('is a fact of the input, or one that is gained on the way', () => {
    expect(labelled('trip', { trip: 't-1' })).toEqual(['t-1', 't-1']);
    expect(labelled('trip', { trip: 7 })).toEqual(['7', '7']);
    expect(labelled('booking', {})).toEqual([null, 'b-1']);
  });

  it('is none where it is a secret, or holds one, or is no name', () => {
    expect(labelled('card', { card: '4111' })[0]).toBeNull();
    expect(labelled('guest', { guest: 'x' })[0]).toBeNull();
    expect(labelled('trip', { trip: { no: 7 } })[0]).toBeNull();
  });
});
