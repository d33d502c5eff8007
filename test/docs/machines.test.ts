import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type AnyStateMachine, createMachine } from 'xstate';
import { pictures } from '../../docs/machines/write.ts';
import { definitionOf } from '../../machines/definition.ts';
import { orderSaga } from '../../machines/order.ts';
import { toMermaid } from '../../machines/picture.ts';
import { nodeName, statesIn } from '../../machines/structure.ts';
import { trip } from '../../machines/trip.ts';
import { everywhere } from '../machines/placed-order.ts';

const policies = everywhere({});
const { machine: order } = orderSaga(policies);
const folder = new URL('../../docs/machines/', import.meta.url);
const drawn = await pictures();

it('shows the machines as they are: npm run machines mends a stale picture', async () => {
  // Drawn here, and not as the file is loaded: so a fault in what makes a machine of its parts has a test that comes by it.
  const drawn = await pictures();
  const shown = readdirSync(folder).filter((name) => !name.endsWith('.ts'));
  expect(shown.sort()).toEqual([...drawn.keys()].sort());
  for (const [name, text] of drawn) expect(readFileSync(new URL(name, folder), 'utf8'), name).toBe(text);
});

it.each([
  ['order', order],
  ['trip', definitionOf(trip, policies).machine],
])('writes a config of %s that XState takes back, with every state and what it announces', (id, machine) => {
  const read = createMachine(JSON.parse(drawn.get(`${id}.json`) ?? ''));
  const shape = (one: AnyStateMachine) =>
    statesIn(one).map((node) => ({
      name: nodeName(node),
      type: node.type,
      tags: node.tags,
      meta: node.meta,
    }));
  expect(shape(read)).toEqual(shape(machine));
  expect(shape(read).length).toBeGreaterThan(20);
});

it('writes branches, a choice, a pivot and what is waited for in Mermaid', () => {
  const lines = (drawn.get('trip.md') ?? '').split('\n').map((line) => line.trim());
  const [first, between, second] = ['as booking_flight {', '--', 'as booking_hotel {'].map((text) =>
    lines.findIndex((line) => line.endsWith(text)),
  );
  expect([first, between, second]).toEqual([first, between, second].sort((a = 0, b = 0) => a - b));
  expect(first).toBeGreaterThan(0);
  for (const line of [
    'booking --> undoingBooking : all done [stopping]',
    'state choosingVisa <<choice>>',
    'choosingVisa --> applyingForVisa : [visa]',
    'choosingVisa --> awaitingApproval : [else]',
    'note right of chargingCard : pivot, from here on nothing is undone',
    'note right of awaitingApproval : waits for the event approval',
    'note right of insuringTravellers : one call for each item',
  ])
    expect(lines).toContain(line);
  // An arrow stands in the innermost box that has both its ends: others are unknown there.
  const waits = lines.findIndex((line) => line.startsWith('booking_hotel_reservingRoom_waiting -->'));
  expect(waits).toBeGreaterThan(second ?? 0);
  expect(waits).toBeLessThan(lines.indexOf('insuringTravellers : insuringTravellers'));
});

it('marks every state in which a saga is at once', () => {
  const { machine } = definitionOf(trip, policies);
  const state = 'booking(flight.bookingFlight.waiting,hotel.done)';
  expect(toMermaid(machine, state).split('\n').slice(-4)).toEqual([
    expect.stringMatching(/^ {2}classDef current /),
    '  class booking_flight_bookingFlight_waiting current',
    '  class booking_hotel_done current',
    '',
  ]);
});
