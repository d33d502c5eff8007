/** What waiting costs: nothing, however many wait; and one of them that is told goes on at once. */
import { expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { trip } from '../../machines/trip.ts';
import { everywhere } from '../machines/placed-order.ts';
import { APPROVAL, answered, DAY_MS, RARELY, startTrip, tripWorld } from './trip.ts';
import { World } from './world.ts';

const MANY = 10_000;

/** What an idle coordinator asks of the store in some minutes, while so many wait for somebody. */
async function askedWhile(waiting: number): Promise<Readonly<Record<string, number>>> {
  const world = new World({ saga: () => definitionOf(trip, everywhere()), inFlightMax: MANY });
  world.participants = answered;
  const first = await world.coordinator('first', RARELY);
  first.engine.open();
  const id = await startTrip(world, first, { visa: false });
  const { machine, snapshot, summary } = await world.record(id);
  await first.engine.drain(0);
  const owner = { name: 'first', boot: 1 };
  const next = { kind: 'wait', delayMs: 3 * DAY_MS } as const;
  const entry = (await world.store.log(id)).at(-1);
  if (entry === undefined) throw new Error('the trip has no log');
  const same = { machine, snapshot, summary, owner, entry, next, trace: null, idempotency: null, counts: {} };
  // As many as the one that came there by itself: all that is stored of a saga that waits is this.
  for (let n = 1; n < waiting; n += 1) {
    await world.store.create({ ...same, id: world.store.newId(null), writeId: `w-${n}` });
  }
  expect((await world.store.statistics()).inFlight).toBe(Math.max(1, waiting));

  const idle = await world.coordinator('idle', { pollMs: 60_000, claimBatch: MANY, inHandMax: MANY });
  const before = world.journal.length;
  idle.engine.open();
  await world.clock.pass(300_000);
  const asked: Record<string, number> = {};
  for (const operation of world.journal.slice(before)) asked[operation] = (asked[operation] ?? 0) + 1;
  expect(idle.engine.inHand).toBe(0);
  return asked;
}

it('asks the store no more while a hundred thousand wait than while one does', {
  timeout: 60_000,
}, async () => {
  const few = await askedWhile(1);
  const many = await askedWhile(MANY);
  // At the start it looks through what runs, by pages: that is no matter of time.
  const { running: _, 'running answered': __, ...lasting } = few;
  expect(lasting.due).toBeGreaterThanOrEqual(5);
  expect(many).toMatchObject(lasting);
  expect(Object.keys(many).sort()).toEqual(Object.keys(few).sort());
});

it('lets one of ten go on the moment that it is approved, and no other', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const ids: string[] = [];
  for (let n = 0; n < 10; n += 1) ids.push(await startTrip(world, a, { visa: false }));
  const [, , , approved = ''] = ids;
  expect(await a.engine.send(approved, { ...APPROVAL, id: 'e-1' })).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  const ended = await Promise.all(ids.map(async (id) => (await world.record(id)).status));
  expect(ended).toEqual(ids.map((id) => (id === approved ? 'COMPLETED' : 'STARTED')));
});
