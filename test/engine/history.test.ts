/** What a coordinator counts comes into the history of all, and what stands still is looked at by one of them. */
import { beforeEach, expect, it } from 'vitest';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { Counting } from '../../server/telemetry/history/counting.ts';
import { Keeper } from '../../server/telemetry/history/keeper.ts';
import {
  callsSeries,
  machineSeries,
  movesSeries,
  parkedSeries,
  standingSeries,
} from '../../server/telemetry/history/series.ts';
import { type History, minuteAt, StoreUnavailableError } from '../../stores/saga-store.ts';
import { startTrip, tripWorld } from './trip.ts';
import { hanging, refused, retryable, World } from './world.ts';

let world: World;
beforeEach(() => {
  world = new World({ policy: { attemptsMax: 2, backoffMs: 10, backoffMaxMs: 10 } });
});

async function coordinator(name = 'a', history: History = world.store.history) {
  const own = await world.coordinator(name);
  const counting = new Counting(world.clock);
  const keeper = new Keeper(history, own.engine, world.clock, counting);
  const told = () => {
    for (const event of own.events.splice(0)) counting.observe(event);
  };
  own.engine.open();
  return { ...own, counting, keeper, told };
}

const minutes = () => world.store.history.read(0, minuteAt(world.clock.now()));
const summed = async () => {
  const sums: Record<string, Record<string, number>> = {};
  for (const { counts } of await minutes()) {
    for (const [series, names] of Object.entries(counts)) {
      const of = sums[series] ?? {};
      sums[series] = of;
      for (const [name, n] of Object.entries(names)) of[name] = (of[name] ?? 0) + n;
    }
  }
  return sums;
};
const MACHINE = machineSeries('order');
const MOVES = movesSeries({ id: 'order', version: '1' });
const payments = (kind: 'action' | 'compensation') =>
  callsSeries({ machine: 'order', step: 'payment', kind, participant: 'payment' });

it('counts what began and ended, how long that took, retries, and the ways of all', async () => {
  world.reply('payment', 'action', retryable(), refused());
  const a = await coordinator();
  await world.start(a);
  await world.clock.pass(1000);
  await world.start(a);
  await world.clock.pass(1000);
  a.told();
  await a.keeper.close();
  const { [MACHINE]: machine, [MOVES]: moves = {}, [payments('action')]: calls } = await summed();
  expect(machine).toMatchObject({ started: 2, COMPLETED: 1, 'COMPLETED.1': 1, FAILED: 1 });
  expect(calls).toEqual({ 1: 3, done: 1, refused: 1, retryable: 1, retries: 1 });
  const named = Object.fromEntries(
    Object.entries(moves).map(([name, n]) => [name.replaceAll('.calling', ''), n]),
  );
  expect(named).toMatchObject({
    '>creatingOrder': 2,
    'reservingInventory>processingPayment': 2,
    'processingPayment>schedulingShipping': 1,
    'processingPayment>refundingPayment': 1,
    'cancellingOrder>failed': 1,
  });
});

it('counts calls by outcome and by how long they took, actions and undos apart', async () => {
  const { counting, keeper } = await coordinator();
  const call = (kind: string, outcome: string, ms: number) =>
    counting.observe({
      type: 'called',
      machine: world.machine,
      call: { step: 'payment', kind, participant: 'payment' },
      outcome,
      ms,
    } as EngineEvent);
  for (const ms of [1, 1.01, 20, 1_000_001]) call('action', 'done', ms);
  call('action', 'refused', 2);
  call('compensation', 'unknown', 10_000);
  await keeper.close();
  expect(await summed()).toEqual({
    [payments('action')]: { done: 4, refused: 1, 1: 1, 2: 2, 20: 1, inf: 1 },
    [payments('compensation')]: { unknown: 1, 10000: 1 },
  });
});

it('counts each minute by itself, and of a branch the ways of its own region', async () => {
  world = tripWorld();
  const a = await coordinator();
  await startTrip(world, a);
  a.told();
  await world.clock.pass(120_000);
  a.counting.observe({ type: 'started', machine: world.machine } as EngineEvent);
  await a.keeper.close();
  const [first, last] = await minutes();
  expect([first?.minute, last?.minute].map((one) => (one ?? 0) - minuteAt(world.clock.now()))).toEqual([
    -2, 0,
  ]);
  expect(last?.counts).toEqual({ [machineSeries('trip')]: { started: 1 } });
  const moves = Object.keys(first?.counts[movesSeries(world.machine)] ?? {});
  expect(moves.length).toBeGreaterThan(3);
  for (const move of moves) {
    const [left = '', entered = ''] = move.split('>');
    if (left.includes('booking.') && entered.includes('booking.')) expect(move).not.toContain('+');
  }
});

it('adds what several have counted, and keeps what surely did not arrive', async () => {
  let fate: 'serve' | 'not-sent' | 'lost' = 'serve';
  const history: History = {
    add: async (counted) => {
      if (fate === 'not-sent') throw new StoreUnavailableError('away', true);
      const newest = await world.store.history.add(counted);
      if (fate === 'lost') throw new StoreUnavailableError('lost', false);
      return newest;
    },
    read: (from, to) => world.store.history.read(from, to),
  };
  const [a, b] = [await coordinator('a', history), await coordinator('b')];
  const begun = { type: 'started', machine: world.machine } as EngineEvent;
  a.counting.observe(begun);
  b.counting.observe(begun);
  fate = 'not-sent';
  await a.keeper.round();
  await b.keeper.round();
  expect(await summed()).toEqual({ [MACHINE]: { started: 1 } });
  fate = 'lost';
  a.counting.observe(begun);
  await a.keeper.round();
  expect(await summed()).toEqual({ [MACHINE]: { started: 3 } });
  fate = 'serve';
  await a.keeper.round();
  expect(await summed()).toEqual({ [MACHINE]: { started: 3 } });
});

it('has one look where everything stands, and nobody ask where nothing has moved', async () => {
  world.reply('shipping', 'action', hanging, refused());
  world.reply('payment', 'compensation', refused());
  const [a, b] = [await coordinator('a'), await coordinator('b')];
  await world.start(a);
  await world.start(a);
  const tallies = () => world.journal.filter((one) => one === 'tally').length;
  const before = tallies();
  const asked = () => tallies() - before;
  await a.keeper.round();
  await b.keeper.round();
  expect(asked()).toBe(1);
  const standing = async () => (await minutes()).at(-1)?.standing;
  expect(await standing()).toEqual({
    atMs: world.clock.now(),
    counts: {
      all: { in_flight: 1, looked_at: 1 },
      [standingSeries(world.machine)]: { 'schedulingShipping.calling': 1 },
      [parkedSeries('order')]: { 'payment/compensation': 1 },
      'held/order': expect.objectContaining({ 'payment/compensation/payment': 1 }),
    },
  });
  const first = await standing();
  // The call in flight is over now, and its saga goes on.
  await world.clock.pass(9_000);
  await b.keeper.round();
  expect(asked()).toBe(2);
  await world.clock.pass(9_000);
  await b.keeper.round();
  expect(asked()).toBe(2);
  const after = await standing();
  expect(after?.atMs).toBe((first?.atMs ?? 0) + 18_000);
});
