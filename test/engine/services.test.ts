/** The whole engine before the real stub services, over real sockets; time alone is virtual. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { Participants } from '../../server/engine/participants.ts';
import type { FaultRule } from '../../services-stub/faults.ts';
import { ANY_PORTS, type RunningServices, SERVICE_NAMES, startServices } from '../../services-stub/start.ts';
import { placed } from '../machines/placed-order.ts';
import { BREAKER, CONNECTION_LIFE_MS, QUEUE_MAX } from './calling.ts';
import { quiet } from './virtual-clock.ts';
import { type Coordinator, FORWARD, World } from './world.ts';

const STOCK = { 'sku-tea': 10, 'sku-pot': 10 };
/** None of these waits is ever over in a test by itself: the clock stands still. */
const WAIT_MS = 3_600_000;

let stub: RunningServices;
let participants: Participants;
let world: World;
let a: Coordinator;

beforeEach(async () => {
  stub = await startServices({ ports: ANY_PORTS, stock: STOCK, faultsOn: true });
  world = new World({ policy: { attemptsMax: 3 } });
  const urls = Object.fromEntries(SERVICE_NAMES.map((name) => [name, stub.services[name].url]));
  participants = new Participants(
    {
      urls,
      headers: {},
      proxies: {},
      connectionsMax: 4,
      queueMax: QUEUE_MAX,
      connectTimeoutMs: 10_000,
      connectionLifeMs: CONNECTION_LIFE_MS,
      answerBytesMax: 100_000,
      breaker: BREAKER,
    },
    { clock: world.clock, random: () => 0.5, observe: () => {} },
  );
  a = await world.coordinator('a', {}, participants);
  a.engine.open();
});

afterEach(async () => {
  await a.engine.drain(0);
  await participants.close();
  await stub.close();
});

async function order(over: object = {}): Promise<string> {
  const request = world.request();
  const data = { ...request.input.data, ...over };
  const started = await a.engine.start({ ...request, input: { data } });
  if (started.kind !== 'started') throw new Error(started.kind);
  return started.id;
}

/** Turns of the event loop until the coordinator has said it: sockets need turns, and no time. */
async function heard(told: (event: EngineEvent) => boolean): Promise<void> {
  while (!a.events.some(told)) await quiet();
}

const journal = (id: string) =>
  stub
    .journal()
    .filter(({ saga_id }) => saga_id === id)
    .map(({ step, kind, outcome }) => `${step} ${kind} ${outcome}`);

const backwards = (steps: readonly string[]) => steps.map((step) => `${step} compensation`).reverse();

it('an order that goes well is performed once by each of the five', async () => {
  const id = await order();
  const history = await a.engine.settled(id, WAIT_MS);
  expect(history?.saga.status).toBe('COMPLETED');
  expect(journal(id)).toEqual(FORWARD.map((call) => `${call} performed`));
});

it('a declined payment is compensated, and the stock comes back', async () => {
  const id = await order({ payment: { method: 'card', token: 'tok_declined' } });
  const history = await a.engine.settled(id, WAIT_MS);
  expect(history?.saga).toMatchObject({
    status: 'FAILED',
    summary: { failed_step: 'payment', steps_completed: 2 },
  });
  expect(journal(id)).toEqual([
    'order action performed',
    'inventory action performed',
    'payment action refused',
    'payment compensation nothing-to-undo',
    'inventory compensation performed',
    'order compensation performed',
  ]);
  // Only with all of the stock can an order for all of it be met.
  const all = await order({ items: placed.items.map((item) => ({ ...item, quantity: 10 })) });
  expect((await a.engine.settled(all, WAIT_MS))?.saga.status).toBe('COMPLETED');
});

it('stock that has run out is refused', async () => {
  const id = await order({ items: [{ product_id: 'sku-tea', quantity: 11, unit_price: 1 }] });
  const history = await a.engine.settled(id, WAIT_MS);
  expect(history?.saga).toMatchObject({ status: 'FAILED', summary: { failed_step: 'inventory' } });
});

describe.each(SERVICE_NAMES)('a fault of %s', (name) => {
  const once = (rule: Partial<FaultRule> & Pick<FaultRule, 'kind'>): FaultRule[] => [
    { endpoint: 'action', times: 1, ...rule },
  ];

  it.each<[string, FaultRule[], string[]]>([
    ['an answer lost after the effect', once({ kind: 'lose-answer' }), ['performed', 'replayed']],
    ['a connection dropped before it', once({ kind: 'drop-connection' }), ['failed', 'performed']],
    ['503', once({ kind: 'status', status: 503 }), ['failed', 'performed']],
    ['500', once({ kind: 'status', status: 500 }), ['failed', 'performed']],
  ])('%s: the call is repeated under its key, and has its effect once', async (_, faults, outcomes) => {
    stub.services[name].faults.set(faults);
    const id = await order();
    await heard((event) => event.type === 'transition' && event.entry.to.endsWith('.waiting'));
    await world.clock.pass(1_000);
    expect((await a.engine.settled(id, WAIT_MS))?.saga.status).toBe('COMPLETED');
    const entries = stub.journal().filter((entry) => entry.saga_id === id && entry.step === name);
    expect(entries.map(({ outcome }) => outcome)).toEqual(outcomes);
    expect(new Set(entries.map(({ idempotency_key }) => idempotency_key))).toEqual(
      new Set([`${id}:${name}:action`]),
    );
  });

  it('a refusal: everything up to it is undone, backwards', async () => {
    stub.services[name].faults.set(once({ kind: 'status', status: 422 }));
    const id = await order();
    const history = await a.engine.settled(id, WAIT_MS);
    expect(history?.saga).toMatchObject({ status: 'FAILED', summary: { failed_step: name } });
    const undone = journal(id)
      .map((line) => line.split(' ').slice(0, 2).join(' '))
      .filter((call) => call.endsWith('compensation'));
    expect(undone).toEqual(backwards(SERVICE_NAMES.slice(0, SERVICE_NAMES.indexOf(name) + 1)));
  });

  it('no answer: the call is ended at its bound, and repeated', async () => {
    stub.services[name].faults.set(once({ kind: 'hang' }));
    const id = await order();
    while (stub.services[name].faults.describe()[0]?.hits !== 1) await quiet();
    await world.clock.pass(2_000);
    await heard((event) => event.type === 'called' && event.outcome === 'unknown');
    await world.clock.pass(1_000);
    expect((await a.engine.settled(id, WAIT_MS))?.saga.status).toBe('COMPLETED');
  });
});
