/** A return whose coordinator is killed before and after each of its commits: it is carried on, and nothing is undone or done twice over. */
import { expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { returns } from '../../machines/returns.ts';
import { everywhere } from '../machines/placed-order.ts';
import { killedAtEach } from './kills.ts';
import { quiet } from './virtual-clock.ts';
import { type Coordinator, deferred, done, hanging, retryable, World } from './world.ts';

const ANSWERS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  return: { return_id: 'r-1' },
  courier: { parcel: 'p-1' },
  refund: { refund: 'f-1' },
  restock: {},
  receipt: { receipt: 'q-1' },
};
const items = [{ product_id: 'w', quantity: 1 }];
const data = { order_id: 'o-1', customer: 'Ada', items, amount: 1999, card: 'card-123' };

function returnWorld(attemptsMax = 1): World {
  const world = new World({ saga: () => definitionOf(returns, everywhere({ attemptsMax })) });
  world.participants = ({ call }) => done(ANSWERS[call.step]);
  return world;
}

async function startReturn({ machine }: World, { engine }: Coordinator): Promise<string> {
  const request = { machine, input: { data }, idempotency: null, trace: {}, patienceMs: 1 };
  const started = await engine.start(request);
  if (started.kind !== 'started') throw new Error(started.kind);
  return started.id;
}

it.each(['before', 'after'] as const)('goes on after a kill %s each of its commits', async (when) => {
  const [whole, ...killed] = await killedAtEach(when, {
    world: returnWorld,
    start: startReturn,
    fromOutside: async (engine, id) => {
      await engine.send(id, { id: 'e-1', name: 'arrival', data: { parcel: 'p-1', intact: true } });
    },
  });
  expect(whole.commits).toBeGreaterThan(5);
  for (const { killedAt, id, world } of [whole, ...killed]) {
    expect([killedAt, (await world.record(id)).status]).toEqual([killedAt, 'COMPLETED']);
    expect(world.called().filter((call) => call.endsWith('compensation'))).toEqual([]);
  }
});

it.each([
  ['is not taken', retryable()],
  ['is put off', deferred(500)],
])('takes what a dead coordinator may have called for perhaps done, where its repeat %s', async (_, said) => {
  const world = returnWorld(3);
  const [a, b] = [await world.coordinator('a'), await world.coordinator('b')];
  world.reply('courier', 'action', hanging, said);
  const id = await startReturn(world, a);
  await quiet();
  a.crash();
  b.engine.open();
  const isWaiting = async () => (await world.record(id)).summary.state === 'bookingCourier.waiting';
  while (!(await isWaiting())) await world.clock.pass(10);
  const cancel = { kind: 'cancel', by: 'eve', reason: 'rain', ifSeq: null } as const;
  expect((await b.engine.operate(id, cancel)).kind).toBe('accepted');
  await world.clock.pass(10_000);
  const { status, parked } = await world.record(id);
  expect([status, parked?.held.map(({ step }) => step)]).toEqual(['ABORTED', ['courier']]);
});

it('undoes nothing where a dead coordinator may have called what nobody can undo', async () => {
  const world = returnWorld(2);
  const [a, b] = [await world.coordinator('a'), await world.coordinator('b')];
  world.reply('refund', 'action', hanging, ...Array(5).fill(retryable()));
  a.engine.open();
  const id = await startReturn(world, a);
  await quiet();
  await a.engine.send(id, { id: 'e-1', name: 'arrival', data: { parcel: 'p-1', intact: true } });
  await world.clock.pass(10);
  expect((await world.record(id)).summary.state).toBe('refundingCustomer.calling');
  a.crash();
  b.engine.open();
  await world.clock.pass(60_000);
  expect((await world.record(id)).status).toBe('COMPLETED');
  expect(world.called().filter((call) => call.endsWith('compensation'))).toEqual([]);
});
