/** A participant that is away, before the whole engine: sagas wait for it, and burn no attempts. */
import { afterEach, describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { Participants } from '../../server/engine/participants.ts';
import type { FaultRule } from '../../services-stub/faults.ts';
import { ANY_PORTS, type RunningServices, SERVICE_NAMES, startServices } from '../../services-stub/start.ts';
import { BREAKER, CONNECTION_LIFE_MS } from './calling.ts';
import { quiet } from './virtual-clock.ts';
import { type Coordinator, FORWARD, World } from './world.ts';

const CONNECTIONS_MAX = 4;
const STOCK = { 'sku-tea': 1_000, 'sku-pot': 1_000 };

let stub: RunningServices;
let participants: Participants;
let world: World;
let a: Coordinator;
/** What the client of the participants has told. */
let told: EngineEvent[];

async function open(attemptsMax: number, queueMax = 100): Promise<void> {
  stub = await startServices({ ports: ANY_PORTS, stock: STOCK, faultsOn: true });
  world = new World({ policy: { attemptsMax } });
  told = [];
  // Chance must differ from call to call, or all that were put off would come back as one; here it goes round.
  let drawn = 0;
  const random = () => {
    drawn += 1;
    return (drawn * 0.618_034) % 1;
  };
  participants = new Participants(
    {
      urls: Object.fromEntries(SERVICE_NAMES.map((name) => [name, stub.services[name].url])),
      headers: {},
      proxies: {},
      connectionsMax: CONNECTIONS_MAX,
      queueMax,
      connectTimeoutMs: 10_000,
      connectionLifeMs: CONNECTION_LIFE_MS,
      answerBytesMax: 100_000,
      breaker: BREAKER,
    },
    { clock: world.clock, random, observe: (event) => void told.push(event) },
  );
  a = await world.coordinator('a', {}, participants);
  a.engine.open();
}

afterEach(async () => {
  await a.engine.drain(0);
  await participants.close();
  await stub.close();
});

async function start(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const started = await a.engine.start(world.request());
    if (started.kind !== 'started') throw new Error(started.kind);
    ids.push(started.id);
  }
  await settle();
  return ids;
}

/** Until nobody waits for an answer: sockets need turns of the event loop, and no time. */
async function settle(): Promise<void> {
  do await quiet();
  while (Object.values(participants.states).some(({ inFlight }) => inFlight > 0));
  await quiet();
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    await world.clock.pass(50);
    await settle();
  }
}

function fail(status: number, endpoint: FaultRule['endpoint'] = 'action'): void {
  stub.services.payment.faults.set([{ endpoint, kind: 'status', status }]);
}

/** The attempts of the calls that were really made. */
const attempts = (id: string, step = 'payment') =>
  a.events.flatMap((event) =>
    event.type === 'called' && event.id === id && event.call.step === step && event.call.kind === 'action'
      ? [event.call.attempt]
      : [],
  );

describe('a participant that is down', () => {
  it('is left alone; its sagas wait in the store, and all go on with their attempts when it is back', async () => {
    await open(3);
    fail(503);
    const ids = await start(30);
    expect(told.map(({ type }) => type)).toEqual(['breaker-opened']);
    expect(a.engine.participants.payment?.breaker).toBe('open');

    await pass(20_000);
    const made = ids.flatMap((id) => attempts(id));
    // Those that opened it and were under way beside, and one probe after 2, 4 and 8 seconds.
    expect(made.length).toBeLessThanOrEqual(BREAKER.failuresMax + CONNECTIONS_MAX + 3);
    const { deferrals = 0, retries } = await world.counters();
    expect(retries).toBe(made.length);
    // Nobody comes back more than a few times in each open time, however many wait.
    expect(deferrals).toBeGreaterThan(ids.length);
    expect(deferrals).toBeLessThan(10 * ids.length);
    for (const id of ids) {
      expect(await world.record(id)).toMatchObject({ status: 'STARTED', owner: null });
    }
    const [waiting = ''] = ids.filter((id) => attempts(id).length === 0);
    const entries = (await world.store.log(waiting)).filter(({ event }) => event === 'deferred');
    expect(entries.length).toBeGreaterThan(1);
    for (const entry of entries) {
      expect(entry).toMatchObject({
        from: 'processingPayment.calling',
        to: 'processingPayment.waiting',
        step: 'payment',
        kind: 'action',
        attempt: 1,
        outcome: null,
        duration_ms: null,
        error: 'not called: its calls have failed too often in a row',
      });
    }

    stub.services.payment.faults.clear();
    await pass(60_000);
    expect(told.map(({ type }) => type)).toEqual(['breaker-opened', 'breaker-closed']);
    for (const id of ids) {
      expect((await world.record(id)).status).toBe('COMPLETED');
      const made = attempts(id);
      expect(made).toEqual(made.map((_, index) => index + 1));
      const { attempt } = (await world.store.log(id)).find(
        ({ step, event }) => step === 'payment' && event === 'done',
      ) ?? { attempt: null };
      expect(attempt).toBe(made.length);
    }
    expect((await world.counters()).deferrals).toBeLessThan(10 * ids.length);
  });

  it('keeps no saga from spending its attempts: one that always fails is undone through the same breaker', async () => {
    await open(8);
    fail(500);
    const [id = ''] = await start(1);
    await pass(120_000);
    expect(attempts(id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await world.record(id)).toMatchObject({ status: 'FAILED', summary: { failed_step: 'payment' } });
    const undone = (await world.store.log(id)).filter(({ kind }) => kind === 'compensation');
    // The refund is put off like any call, until it is the probe that closes the breaker.
    const steps = [...new Set(undone.map(({ step, event }) => `${step} ${event}`))];
    expect(steps).toEqual([
      'payment deferred',
      'payment due',
      'payment done',
      'inventory done',
      'order done',
    ]);
    expect(told.map(({ type }) => type)).toEqual(['breaker-opened', 'breaker-closed']);
  });

  it('is as well as any other for a saga that fails alone, while others succeed', async () => {
    await open(3);
    const once = () =>
      stub.services.payment.faults.set([{ endpoint: 'action', kind: 'status', status: 500, times: 1 }]);
    once();
    const [id = ''] = await start(1);
    for (const made of [2, 3]) {
      await start(2);
      once();
      for (let turn = 0; turn < 100 && attempts(id).length < made; turn++) await pass(50);
    }
    await pass(1_000);
    expect(attempts(id)).toEqual([1, 2, 3]);
    expect(told).toEqual([]);
    expect((await world.record(id)).status).toBe('FAILED');
  });
});

it('more calls than may wait for a connection are deferred, and are made in the end', async () => {
  await open(3, 2);
  const ids = await start(20);
  expect((await world.counters()).deferrals).toBeGreaterThan(0);
  await pass(60_000);
  for (const id of ids) {
    expect((await world.record(id)).status).toBe('COMPLETED');
    for (const call of FORWARD) expect(attempts(id, call.split(' ')[0])).toEqual([1]);
  }
  expect((await world.counters()).retries).toBeUndefined();
  expect(told).toEqual([]);
});
