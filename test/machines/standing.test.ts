/** What stands of a saga that is taken out of its machine's hands, wherever in it it stood. */
import { expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { nameOf, RegisteredMachine, type SagaEvent, type SagaSnapshot } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { trip } from '../../machines/trip.ts';
import { WANTED } from '../engine/trip.ts';
import { everywhere, placed } from './placed-order.ts';

const policies = everywhere({ attemptsMax: 2 });
const order = new RegisteredMachine(orderSaga(policies));
const journey = new RegisteredMachine(definitionOf(trip, policies));

let at = 0;
const done = (answer: object, to?: string) =>
  ({ type: 'done', at, answer, ...(to === undefined ? {} : { to }) }) as SagaEvent;
const failing = (type: 'unknown' | 'refused', to?: string) =>
  ({
    type,
    at,
    error: 'no',
    random: 0,
    retryAfterMs: null,
    ...(to === undefined ? {} : { to }),
  }) as SagaEvent;

function standing(machine: RegisteredMachine, data: object, events: readonly SagaEvent[]) {
  let snapshot: SagaSnapshot = machine.begin({ data: { ...data }, at });
  for (const event of events) {
    at += 1;
    snapshot = machine.next(snapshot, { ...event, at });
  }
  const state = nameOf(snapshot.value);
  return [
    state,
    ...machine.standing(snapshot.context, state).map(({ step, reason }) => `${step}: ${reason}`),
  ];
}

const DONE = 'it was done, and is not undone';
const MAYBE = 'its call may have been made';

it('is the call that is announced, or waits for its next attempt, beside what was done', () => {
  expect(standing(order, placed, [])).toEqual(['creatingOrder.calling', `order: ${MAYBE}`]);
  expect(standing(order, placed, [failing('unknown')])).toEqual(['creatingOrder.waiting', `order: ${MAYBE}`]);
  expect(standing(order, placed, [done({ order_id: 'o' }), failing('refused')])).toEqual([
    'releasingInventory.calling',
    `order: ${DONE}`,
    `inventory: ${MAYBE}`,
  ]);
});

const BOOKED = [done({ booking: 'f', price: 1 }, 'flight'), done({ room: 'r' }, 'hotel')];

it('is of each branch, of each item, and of a call whose outcome is waited for', () => {
  expect(standing(journey, WANTED, [done({ room: 'r' }, 'hotel')])).toEqual([
    'booking(flight.bookingFlight.calling,hotel.done)',
    `hotel: ${DONE}`,
    `flight: ${MAYBE}`,
  ]);
  expect(standing(journey, WANTED, [...BOOKED, done({ policy: 'p' }, 'insurance/Ada')])).toEqual([
    'insuringTravellers',
    `flight: ${DONE}`,
    `hotel: ${DONE}`,
    `insurance/Ada: ${DONE}`,
    `insurance/Bob%20B: ${MAYBE}`,
  ]);
  const insured = [done({ policy: 'p' }, 'insurance/Ada'), failing('unknown', 'insurance/Bob%20B')];
  expect(standing(journey, WANTED, [...BOOKED, ...insured]).at(-1)).toBe(`insurance/Bob%20B: ${MAYBE}`);
  const accepted: SagaEvent = { type: 'accepted', at, location: null, pollAfterMs: 1 };
  const toVisa = [
    ...BOOKED,
    done({ policy: 'p' }, 'insurance/Ada'),
    done({ policy: 'q' }, 'insurance/Bob%20B'),
  ];
  expect(standing(journey, WANTED, [...toVisa, accepted]).slice(-1)).toEqual([`visa: ${MAYBE}`]);
});

it('is only what was done while an event is waited for, and nothing where nothing was', () => {
  const none = { ...WANTED, visa: false, insured: [] };
  expect(standing(journey, none, BOOKED)).toEqual(['awaitingApproval', `flight: ${DONE}`, `hotel: ${DONE}`]);
  const snapshot = journey.begin({ data: { ...none }, at });
  expect(journey.standing(snapshot.context, 'awaitingApproval')).toEqual([
    { step: 'none', reason: 'nothing was done yet', response: null },
  ]);
});
