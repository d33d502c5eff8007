/**
 * kill -9 in each of the ten states that call a participant, then a coordinator that carries on. The call is held inside
 * the service's ledger while its coordinator dies, so that it and its repetition overlap.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { holdings } from './holdings.ts';
import { type CoordinatorProcess, ORDER, openWorld, send, settled, submit, type World } from './world.ts';

const FAILING = { ...ORDER, customer_id: 'cust_unreachable' };
const ENVIRONMENT = { COORDINATOR_ID: 'crashing', ACTION_ATTEMPTS_MAX: '5', COMPENSATION_ATTEMPTS_MAX: '5' };

/** Resolves when a service has a call in hand; the call goes on when `open` is called. */
function gate() {
  let entered = () => {};
  let open = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pass = () => {
    entered();
    return opened;
  };
  return { inside, open, pass };
}

let current = gate();
let world: World;
let alive: CoordinatorProcess;

beforeAll(async () => {
  world = await openWorld({ clock: { now: Date.now, sleep: () => current.pass() } });
  alive = await world.process(ENVIRONMENT);
});
afterAll(() => world.close());

const CASES = [
  ...SERVICE_NAMES.map((name) => ({ name, kind: 'action' as const })),
  ...SERVICE_NAMES.toReversed().map((name) => ({ name, kind: 'compensation' as const })),
];

describe.each(CASES)('killed while the $kind of $name is under way', ({ name, kind }) => {
  it.each([
    ['before the effect', 'latency'],
    ['inside the ledger', 'slow-effect'],
  ] as const)('%s: the next one ends the saga, and no effect happens twice', async (_, fault) => {
    const order = kind === 'action' ? ORDER : FAILING;
    // The refused notification has no effect to be slow about; there the call is held before the ledger.
    const held = kind === 'compensation' && name === 'notification' ? 'latency' : fault;
    current = gate();
    const before = holdings(world.services);
    world.services[name].faults.set([{ endpoint: kind, kind: held, latency_ms: 1, times: 1 }]);

    const { body: accepted } = await submit(alive.url, order, { prefer: 'respond-async' });
    await current.inside;
    await alive.end('SIGKILL');
    alive = await world.process(ENVIRONMENT);
    current.open();
    const { body } = await settled(alive.url, accepted.saga_id);

    expect(body.status).toBe(kind === 'action' ? 'COMPLETED' : 'FAILED');
    expect(body.execution_log.map(({ event }: { event: string }) => event)).toContain('takenOver');
    const effects = world.calls(accepted.saga_id).filter((call) => call.endsWith('performed'));
    expect(new Set(effects).size).toBe(effects.length);
    const forward = kind === 'action' ? SERVICE_NAMES : SERVICE_NAMES.slice(0, 4);
    const undone = kind === 'action' ? [] : SERVICE_NAMES.slice(0, 4).toReversed();
    expect(effects).toEqual([
      ...forward.map((service) => `${service} action performed`),
      ...undone.map((service) => `${service} compensation performed`),
    ]);
    if (kind === 'compensation') expect(holdings(world.services)).toEqual(before);
  });
});

it('says in its log that it took the sagas over, and nothing of a fault', async () => {
  const faults = alive.log.filter(({ level }) => (level as number) >= 50);
  expect(faults).toEqual([]);
  const health = await send(`${alive.url}/api/coordinator/health`);
  expect(health.body).toMatchObject({ coordinator_status: 'healthy', in_flight: 0, parked: 0 });
});
