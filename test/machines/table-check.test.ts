/** How a table is held against XState before any saga is driven by it: what is found, in which words, and how far it is looked. */
import { describe, expect, it, vi } from 'vitest';
import { type AnyStateMachine, StateMachine, setup } from 'xstate';
import { definitionOf } from '../../machines/definition.ts';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { returns } from '../../machines/returns.ts';
import { differenceIn } from '../../machines/table-check.ts';
import { type Row, type Rows, rowsOf, type Way } from '../../machines/transition-rows.ts';
import { trip } from '../../machines/trip.ts';
import { everywhere, forgetAnswer } from './placed-order.ts';
import { wideSaga } from './wide-saga.ts';

const policies = everywhere({ attemptsMax: 2 });
const order = () => orderSaga(policies);
const travelling = () => definitionOf(trip, policies);
const state = 'processingPayment.calling';

it.each([
  ['order', order],
  ['returns', () => definitionOf(returns, policies)],
  ['trip', travelling],
])('finds nothing in what is read off %s', (_, define) => {
  const { machine } = define();
  expect(differenceIn(machine, rowsOf(machine))).toBeNull();
});

/** The rows with those of one state changed. */
function planted(machine: AnyStateMachine, name: string, change: (row: Row) => Partial<Row>): Rows {
  const rows = rowsOf(machine);
  const row = rows.rows.get(name) as Row;
  return { ...rows, rows: new Map(rows.rows).set(name, { ...row, ...change(row) }) };
}

describe('finds, and says in full,', () => {
  const toEnd = (way: Way): Way => ({
    ...way,
    move: { source: state, domain: '', entered: ['completed'] },
  });
  const onDone = (ways: (ways: readonly Way[]) => readonly Way[]) => (row: Row) => ({
    on: new Map(row.on).set('done', ways(row.on.get('done') ?? [])),
  });
  const UNDOES =
    'XState asks cancelled, does gainCancelled {"step":"payment"}, does firstAttempt, goes to refundingPayment.calling';

  it.each([
    [
      'that a guard is skipped',
      onDone((ways) => ways.map((way) => ({ ...way, guard: null }))),
      `on done: ${UNDOES}, the table does gainCancelled {"step":"payment"}, does firstAttempt, goes to refundingPayment.calling`,
    ],
    [
      'that an action is forgotten',
      onDone((ways) => ways.map((way) => ({ ...way, actions: [] }))),
      `on done: ${UNDOES}, the table asks cancelled, does firstAttempt, goes to refundingPayment.calling`,
    ],
    [
      'that it leads elsewhere',
      onDone((ways) => ways.map(toEnd)),
      `on done: ${UNDOES}, the table asks cancelled, does gainCancelled {"step":"payment"}, goes to completed`,
    ],
    [
      'that it leads elsewhere where a guard says no',
      onDone(([first, ...others]) => [first as Way, ...others.map(toEnd)]),
      'on done: XState asks cancelled, does gain {"step":"payment"}, does firstAttempt, goes to schedulingShipping.calling, the table asks cancelled, does gain {"step":"payment"}, goes to completed',
    ],
    [
      'that ways are tried in another order',
      onDone((ways) => ways.toReversed()),
      `on done: ${UNDOES}, the table does gain {"step":"payment"}, does firstAttempt, goes to schedulingShipping.calling`,
    ],
    ['that a handler is missing', onDone(() => []), `on done: ${UNDOES}, the table stays`],
    [
      'that it takes what XState does not know there',
      ({ on }) => ({ on: new Map(on).set('retry', on.get('done') ?? []) }),
      'on retry: XState stays, the table asks cancelled, does gainCancelled {"step":"payment"}, does firstAttempt, goes to refundingPayment.calling',
    ],
    [
      'that it goes on of itself',
      () => ({ always: [toEnd({ guard: null, actions: [], move: null })] }),
      'on (always): XState stays, the table goes to completed',
    ],
    [
      'that an action has other params',
      onDone((ways) =>
        ways.map((way) => ({ ...way, actions: way.actions.map((one) => ({ ...one, params: 1 })) })),
      ),
      `on done: ${UNDOES}, the table asks cancelled, does gainCancelled 1, does firstAttempt, goes to refundingPayment.calling`,
    ],
  ] as const satisfies [string, (row: Row) => Partial<Row>, string][])('%s', (_, change, says) => {
    const { machine } = order();
    expect(differenceIn(machine, planted(machine, state, change))).toBe(`in ${state} ${says}`);
  });

  it('that it does not go on of itself', () => {
    const { machine } = order();
    expect(
      differenceIn(
        machine,
        planted(machine, 'undone', () => ({ always: [] })),
      ),
    ).toBe('in undone on (always): XState asks nothingHeld, goes to failed, the table stays');
  });

  const BEGUN = 'booking(flight.bookingFlight.calling,hotel.reservingRoom.calling)';
  const BEGINS = 'does begin {"step":"flight"}, does firstAttempt {"beside":"flight"}';
  const BACK = 'undoingBooking(flight.cancellingFlight.calling,hotel.releasingRoom.calling)';

  it.each<[string, (machine: AnyStateMachine) => Rows, string]>([
    [
      'what is done when all branches have ended',
      (machine) =>
        planted(machine, 'undoingBooking', ({ on }) => {
          const left = new Map(on);
          left.delete('xstate.done.state.trip.undoingBooking');
          return { on: left };
        }),
      `in ${BACK} on (xstate.done.state.trip.undoingBooking): XState goes to undone, the table stays`,
    ],
    [
      'what a branch does that is entered',
      (machine) => {
        const rows = rowsOf(machine);
        return { ...rows, entries: new Map(rows.entries).set('booking.hotel.reservingRoom', []) };
      },
      `at the beginning: XState ${BEGINS}, does begin {"step":"hotel"}, does firstAttempt {"beside":"hotel"}, goes to ${BEGUN}, the table ${BEGINS}, goes to ${BEGUN}`,
    ],
    [
      'what is left to the branches of what is said around them',
      (machine) =>
        planted(machine, 'booking.hotel.reservingRoom.calling', () => ({ on: new Map(), always: [] })),
      `in ${BEGUN} on cancel: XState does noteCancel, does noteCancel, goes to ${BEGUN}, the table does noteCancel, goes to ${BEGUN}`,
    ],
  ])('with branches beside each other: %s', (_, change, says) => {
    const { machine } = travelling();
    expect(differenceIn(machine, change(machine))).toBe(says);
  });
});

/** How many transitions of XState it takes, and from where on what. */
function asked(machine: AnyStateMachine): string[] {
  const made = vi.spyOn(StateMachine.prototype, 'transition');
  try {
    expect(differenceIn(machine, rowsOf(machine))).toBeNull();
    return made.mock.calls.map(([{ value }, { type }]) => `${JSON.stringify(value)} ${type}`);
  } finally {
    made.mockRestore();
  }
}

it('asks each state once, wherever it is reached from, and with each answer that guards may give', () => {
  const machine = setup({ guards: { one: () => true, two: () => true } }).createMachine({
    context: () => ({}),
    initial: 'a',
    states: {
      a: { on: { go: [{ guard: 'one', target: 'b' }, { guard: 'two', target: 'c' }, 'd'] } },
      b: { on: { back: 'a' } },
      c: { always: 'd', on: { back: 'a' } },
      d: { type: 'final' },
    },
  } as never) as unknown as AnyStateMachine;
  // Yes; no and yes; no and no.
  const three = ['"a" go', '"a" go', '"a" go'];
  expect(asked(machine).sort()).toEqual([...three, '"b" back', '"c" (always)', '"c" back']);
});

describe('of branches that stand in very many places beside each other', () => {
  const wide = (branches: number) => definitionOf(wideSaga(branches), policies).machine;

  it('looks at so many as do not hold up a start', () => expect(asked(wide(8))).toHaveLength(2_000));

  it('looks at each state of each branch before it looks at what they come to together', () => {
    const machine = wide(3);
    expect(asked(machine)).toHaveLength(2_000);
    const rows = planted(machine, 'undoingAll.b-s2.undoingS2.waiting', () => ({ on: new Map() }));
    expect(differenceIn(machine, rows)).toMatch(/^in undoingAll\(.*S2\.waiting.*\) on due\.s2: XState /);
  });
});

it('leaves a machine to XState where they differ', () => {
  const definition = order();
  forgetAnswer(definition.machine);
  const { madeBy } = new RegisteredMachine(definition);
  expect(madeBy).toEqual({
    by: 'xstate',
    why: 'difference',
    detail: `in ${state} on done: XState asks cancelled, does gain {"step":"payment"}, does firstAttempt, goes to schedulingShipping.calling, the table asks cancelled, does firstAttempt, goes to schedulingShipping.calling`,
  });
});
