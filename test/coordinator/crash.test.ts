/**
 * kill -9 in each of the ten states that call a participant, then a coordinator that carries on. The call is held inside
 * the service's ledger while its coordinator dies, so that it and its repetition overlap.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type Holdings, holdings } from './holdings.ts';
import { type CoordinatorProcess, ORDER, openWorld, send, settled, submit, type World } from './world.ts';

const FAILING = { ...ORDER, customer_id: 'cust_unreachable' };
const ENVIRONMENT = {
  COORDINATOR_ID: 'crashing',
  ACTION_ATTEMPTS_MAX: '5',
  COMPENSATION_ATTEMPTS_MAX: '5',
  // No call that is held is given up before the kill, however slow the machine.
  ACTION_TIMEOUT_MS: '3600000',
  COMPENSATION_TIMEOUT_MS: '3600000',
  LEASE_MAX_MS: '3600000',
};

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

describe.each([
  ['before the effect', 'latency'],
  ['inside the ledger', 'slow-effect'],
] as const)('killed while a call is under way, %s', (_, fault) => {
  const accepted = new Map<string, string>();
  let before: Holdings;

  // One process has a saga in each of these states when it is killed, and the next one has them all to carry on.
  beforeAll(async () => {
    const gates = [];
    before = holdings(world.services);
    for (const { name, kind } of CASES) {
      current = gate();
      gates.push(current);
      // The refused notification has no effect to be slow about; there the call is held before the ledger.
      const how = kind === 'compensation' && name === 'notification' ? 'latency' : fault;
      world.services[name].faults.set([{ endpoint: kind, kind: how, latency_ms: 1, times: 1 }]);
      const order = kind === 'action' ? ORDER : FAILING;
      const { body } = await submit(alive.url, order, { prefer: 'respond-async' });
      accepted.set(`${kind} of ${name}`, body.saga_id);
      await current.inside;
    }
    await alive.end('SIGKILL');
    alive = await world.process(ENVIRONMENT);
    for (const { open } of gates) open();
  });

  it.each(CASES)(
    'the $kind of $name: the next one ends the saga, and no effect happens twice',
    async (one) => {
      const { name, kind } = one;
      const sagaId = accepted.get(`${kind} of ${name}`) ?? '';
      const { body } = await settled(alive.url, sagaId);

      expect(body.status).toBe(kind === 'action' ? 'COMPLETED' : 'FAILED');
      expect(body.execution_log.map(({ event }: { event: string }) => event)).toContain('takenOver');
      const effects = world.calls(sagaId).filter((call) => call.endsWith('performed'));
      const forward = kind === 'action' ? SERVICE_NAMES : SERVICE_NAMES.slice(0, 4);
      const undone = kind === 'action' ? [] : SERVICE_NAMES.slice(0, 4).toReversed();
      expect(effects).toEqual([
        ...forward.map((service) => `${service} action performed`),
        ...undone.map((service) => `${service} compensation performed`),
      ]);
    },
  );

  it('what is held is that of the completed orders, and nothing of the undone ones', async () => {
    for (const sagaId of accepted.values()) await settled(alive.url, sagaId);
    const added = Object.entries(holdings(world.services)).map(([what, count]) => [
      what,
      count - before[what as keyof Holdings],
    ]);
    expect(Object.fromEntries(added)).toEqual({
      orders: 5,
      reservedPieces: 10,
      money: 12500,
      shipments: 5,
      notifications: 5,
    });
  });
});

it('says in its log that it took the sagas over, and nothing of a fault', async () => {
  const faults = alive.log.filter(({ level }) => (level as number) >= 50);
  expect(faults).toEqual([]);
  const health = await send(`${alive.url}/api/coordinator/health`);
  expect(health.body).toMatchObject({ coordinator_status: 'healthy', in_flight: 0, parked: 0 });
});
