/** What operators, deadlines and deferred calls do to an order saga, as its machine decides it. */
import { describe, expect, it } from 'vitest';
import { nameOf, onlyWait, type SagaEvent, type SagaSnapshot } from '../../machines/index.ts';
import { at, begun, callIn, drive, eventOf, everywhere, orderMachine } from './placed-order.ts';

/** Each step with its forward and its compensating state. */
const STEPS = [
  ['order', 'creatingOrder', 'cancellingOrder'],
  ['inventory', 'reservingInventory', 'releasingInventory'],
  ['payment', 'processingPayment', 'refundingPayment'],
  ['shipping', 'schedulingShipping', 'cancellingShipping'],
  ['notification', 'sendingNotification', 'cancellingNotification'],
] as const;

const saga = orderMachine(everywhere({ attemptsMax: 3, backoffMs: 100 }));
const once = orderMachine();
const cancel = { type: 'cancel', at, reason: 'changed their mind' } as const;
const deadline = { type: 'deadline', at } as const;
const then = (snapshot: SagaSnapshot, ...events: SagaEvent[]) =>
  events.reduce((now, event) => saga.next(now, event), snapshot);
const stateOf = ({ value }: SagaSnapshot) => nameOf(value);
const done = (count: number) => Array<'done'>(count).fill('done');

describe.each(STEPS.map(([step, state, own], index) => ({ step, state, own, index })))(
  'in $state',
  ({ step, own, index }) => {
    const here = drive(saga, done(index));

    it.each([cancel, deadline])(
      '$type waits for the call, then undoes this very step, whatever came of it',
      (event) => {
        const cancelled = then(here, event);
        expect(stateOf(cancelled)).toBe(stateOf(here));
        for (const outcome of ['done', 'refused', 'retryable', 'unknown'] as const) {
          const after = then(cancelled, eventOf(outcome, callIn(saga, here)));
          expect(stateOf(after), outcome).toBe(`${own}.calling`);
          // What was done is known to its compensation; a cancelled saga has no failed step unless one failed.
          expect(step in after.context.answers).toBe(outcome === 'done');
          expect(after.context.failure?.step).toBe(outcome === 'done' ? null : step);
        }
      },
    );

    it.each([cancel, deadline])(
      '$type during a call leaves its undoing all the attempts that it has',
      (event) => {
        const cancelled = then(here, event);
        for (const outcome of ['done', 'refused', 'retryable', 'unknown'] as const) {
          const undoing = then(cancelled, eventOf(outcome, callIn(saga, here)));
          const waiting = then(undoing, eventOf('retryable', callIn(saga, undoing)));
          expect(stateOf(waiting), outcome).toBe(`${own}.waiting`);
          const second = then(waiting, { type: 'due', at });
          const third = then(second, eventOf('unknown', callIn(saga, second)), { type: 'due', at });
          expect([stateOf(third), third.context.attempt, third.context.held]).toEqual([
            `${own}.calling`,
            3,
            [],
          ]);
        }
      },
    );

    it.each([cancel, deadline])('$type cuts a wait short', (event) => {
      const after = then(here, eventOf('unknown', callIn(saga, here)), event);
      expect(stateOf(after)).toBe(`${own}.calling`);
      expect(after.context.failure?.step).toBeNull();
    });

    it('a retry makes the next attempt before its time', () => {
      const after = then(here, eventOf('retryable', callIn(saga, here)), { type: 'retry', at });
      expect([stateOf(after), after.context.attempt]).toEqual([stateOf(here), 2]);
    });

    it('a deferred call costs no attempt', () => {
      const waiting = then(here, { type: 'deferred', at, error: 'open', delayMs: 700 });
      expect(onlyWait(saga.asks(waiting))?.until).toBe(at + 700);
      // It is stored like any other, though no call was made yet.
      const stored = saga.restore(saga.persist(waiting));
      expect(then(stored, { type: 'due', at }).context.attempt).toBe(1);
    });

    it.each([cancel, deadline])('$type during a call that is deferred undoes it at once', (event) => {
      const after = then(here, event, { type: 'deferred', at, error: 'open', delayMs: 700 });
      expect(stateOf(after)).toBe(`${own}.calling`);
      expect(after.context.failure).toEqual({ step: null, reason: after.context.cancelled });
    });
  },
);

describe('a saga that is being undone', () => {
  const undoing = drive(saga, [...done(2), 'refused']);

  it('can be cancelled no more, and has no deadline', () => {
    for (const event of [cancel, deadline]) expect(saga.accepts(undoing, event)).toBe(false);
  });

  it('passes over the compensation that an operator skips while it waits', () => {
    const waiting = then(undoing, eventOf('unknown', callIn(saga, undoing)));
    expect(saga.accepts(waiting, { type: 'skip', at, step: 'order' })).toBe(false);
    const after = then(waiting, { type: 'skip', at, step: 'payment' });
    expect(stateOf(after)).toBe('releasingInventory.calling');
    expect(after.context).toMatchObject({ undone: ['payment'], held: [] });
  });
});

describe('a parked saga', () => {
  const parked = drive(once, [...done(3), 'refused', 'done', 'refused', 'done', 'refused']);

  it('holds what could not be undone', () => {
    expect(stateOf(parked)).toBe('parked');
    expect(parked.context.held.map(({ step }) => step)).toEqual(['payment', 'order']);
  });

  it('is retried from the first that is held, past all that was undone, to its end', () => {
    const again = once.next(parked, { type: 'retry', at });
    expect(stateOf(again)).toBe('refundingPayment.calling');
    const next = once.next(again, eventOf('done', callIn(once, again)));
    expect(stateOf(next)).toBe('cancellingOrder.calling');
    expect(stateOf(once.next(next, eventOf('done', callIn(once, next))))).toBe('failed');
  });

  it('ends when the last that is held is skipped, and not before', () => {
    const half = once.next(parked, { type: 'skip', at, step: 'order' });
    expect([stateOf(half), half.context.held.map(({ step }) => step)]).toEqual(['parked', ['payment']]);
    expect(stateOf(once.next(half, { type: 'skip', at, step: 'payment' }))).toBe('failed');
    expect(once.accepts(parked, { type: 'skip', at, step: 'shipping' })).toBe(false);
  });

  it.each([
    ['COMPLETED', 'completed', true],
    ['FAILED', 'failed', false],
  ] as const)('is resolved as %s', (as, state, succeeded) => {
    const ended = once.next(parked, { type: 'resolve', at, as, by: 'ada', reason: 'paid by hand' });
    expect(stateOf(ended)).toBe(state);
    expect(once.asks(ended)).toEqual({ kind: 'nothing', succeeded });
    expect(ended.context.resolution).toEqual({ as, by: 'ada', reason: 'paid by hand' });
    expect(once.restore(once.persist(ended)).context).toEqual(ended.context);
  });
});

it('a saga has no operator to ask before its first call', () => {
  for (const type of ['skip', 'retry'] as const) {
    expect(saga.accepts(begun(saga), { type, at, step: 'order' } as SagaEvent)).toBe(false);
  }
});
