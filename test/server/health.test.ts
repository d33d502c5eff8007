/** Health: of the coordinator, of each service, and of a store that goes away and comes back. */
import { networkInterfaces } from 'node:os';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type Statistics, StoreUnavailableError } from '../../stores/saga-store.ts';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { expectProblem } from './problem.ts';

const HEALTH = '/api/coordinator/health';
const all = (healthy: boolean) => Object.fromEntries(SERVICE_NAMES.map((name) => [name, healthy]));

describe('with all services', () => {
  let world: World;
  let url: string;
  beforeAll(async () => {
    world = await openWorld();
    const { payment } = world.services;
    const withPassword = payment.url.replace('//', '//coordinator:sesame@');
    url = (await world.coordinator({ PAYMENT_SERVICE_URL: `${withPassword}/` })).url;
  });
  afterAll(() => world.close());

  it('is healthy, and has the fixed fields and what was added', async () => {
    await submit(url);
    const { status, headers, body } = await send(`${url}${HEALTH}`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(body).toEqual({
      coordinator_status: 'healthy',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      active_sagas: 1,
      in_flight: 0,
      parked: 0,
      in_hand: 0,
      services_health: all(true),
      all_services_healthy: true,
      service_urls: {
        // What stands before the host is nobody's business.
        ...Object.fromEntries(SERVICE_NAMES.map((name) => [name, world.services[name].url])),
      },
      breakers: Object.fromEntries(SERVICE_NAMES.map((name) => [name, 'closed'])),
      tls_faults: [],
      store: {
        kind: 'redis',
        durability: expect.stringContaining('fsync always'),
        durability_degraded: false,
        reachable: true,
        writes_refused: null,
        damage: [],
        used_bytes: expect.any(Number),
        max_bytes: null,
        full_in_hours: null,
      },
    });
  });

  it('is degraded where hardly any memory is left, long before writes are refused', async () => {
    const client = new Redis(world.redis.url);
    onTestFinished(async () => {
      await client.config('SET', 'maxmemory', 0);
      await client.del('ballast');
      client.disconnect();
    });
    // Beside it, what an order and the clients' buffers take is nothing.
    await client.setrange('ballast', 30_000_000, 'x');
    const used = Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', used * 2);
    const roomy = await world.coordinator({ COORDINATOR_ID: 'roomy' });
    const store = (await send(`${roomy.url}${HEALTH}`)).body.store;
    expect(store).toMatchObject({ max_bytes: used * 2, full_in_hours: null });
    expect(store.used_bytes).toBeGreaterThan(0);
    await client.config('SET', 'maxmemory', Math.round(used * 1.05));
    const tight = await world.coordinator({ COORDINATOR_ID: 'tight' });
    expect((await submit(tight.url)).status).toBe(201);
    const [before, after] = [await send(`${roomy.url}${HEALTH}`), await send(`${tight.url}${HEALTH}`)];
    expect([before, after].map(({ body }) => body.coordinator_status)).toEqual(['healthy', 'degraded']);
    await Promise.all([roomy.stop(), tight.stop()]);
  });

  it.each(SERVICE_NAMES.filter((name) => name !== 'payment'))('%s alone', async (name) => {
    const { status, body } = await send(`${url}${HEALTH}/${name}`);
    expect(status).toBe(200);
    expect(body).toEqual({ service: name, healthy: true, url: world.services[name].url });
  });

  it('payment alone, without the password in its URL', async () => {
    const { body } = await send(`${url}${HEALTH}/payment`);
    expect(JSON.stringify(body)).not.toContain('sesame');
  });

  it.each(['/livez', '/readyz', '/startupz'])('%s is ok', async (path) => {
    expect(await send(`${url}${path}`)).toMatchObject({ status: 200, body: 'ok' });
  });

  it('is degraded, and still 200, when a service has stopped', async () => {
    await world.services.shipping.close();
    // Asked by a coordinator that has no earlier answer of the service at hand.
    const { url: fresh } = await world.coordinator();
    const { status, body } = await send(`${fresh}${HEALTH}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      coordinator_status: 'degraded',
      services_health: { ...all(true), shipping: false },
      all_services_healthy: false,
      store: { reachable: true },
    });
    expect((await send(`${fresh}${HEALTH}/shipping`)).body).toMatchObject({
      service: 'shipping',
      healthy: false,
    });
    expect((await send(`${fresh}${HEALTH}/order`)).body.healthy).toBe(true);
    // A service that is away is no reason to send nobody here: its sagas wait.
    expect((await send(`${fresh}/readyz`)).status).toBe(200);
  });
});

const HAS_IPV6 = Object.values(networkInterfaces())
  .flat()
  .some((found) => found?.address === '::1');

it.skipIf(!HAS_IPV6)(
  'has a URL that can be used where it listens on IPv6 (skipped on a machine without ::1)',
  async () => {
    const world = await openWorld();
    const { url } = await world.coordinator({ HOST: '::1' });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await send(`${url}/livez`)).status).toBe(200);
    await world.close();
  },
);

it('shows what was known last while the store is away', async () => {
  const statistics: Statistics = {
    statuses: { STARTED: 1, COMPLETED: 2, FAILED: 3, ABORTED: 4 },
    inFlight: 1,
    settledPerMinute: 0,
    counters: {},
    damage: [],
  };
  let isAway = false;
  const unlessAway =
    <T>(answer: T) =>
    async () => {
      if (isAway) throw new StoreUnavailableError('away', false);
      return answer;
    };
  const app = appOver({
    statistics: unlessAway(statistics),
    headroom: unlessAway({ usedBytes: 30, maxBytes: 100, fullInMs: 50 * 3_600_000 }),
    participants: {},
    writesRefused: null,
    inHand: 0,
    draining: false,
    store: { kind: 'redis', durability: 'always', survivesRestart: true },
  } as Partial<SagaEngine>);
  const ask = async () => (await (await app.request(HEALTH)).json()) as { store: object };
  const before = await ask();
  expect(before).toMatchObject({
    coordinator_status: 'healthy',
    active_sagas: 10,
    store: { reachable: true, used_bytes: 30, full_in_hours: 50 },
  });
  isAway = true;
  const store = { ...before.store, reachable: false };
  expect(await ask()).toEqual({ ...before, coordinator_status: 'degraded', store });
});

describe('without the store', () => {
  let world: HoldingWorld;
  let url: string;
  beforeAll(async () => {
    world = await openHoldingWorld();
    url = (await world.coordinator()).url;
  });
  afterAll(() => world.close());
  beforeEach(() => world.redis.restart());

  async function untilReady(ready: boolean): Promise<void> {
    while (((await send(`${url}/readyz`)).status === 200) !== ready);
  }

  it('is degraded, alive and not ready, and refuses orders of which nothing is stored', async () => {
    await untilReady(true);
    await submit(url);
    const before = (await send(`${url}${HEALTH}`)).body;
    await world.redis.kill();
    await untilReady(false);

    expectProblem(await send(`${url}/readyz`), 'store-unavailable');
    expect(await send(`${url}/livez`)).toMatchObject({ status: 200, body: 'ok' });
    expect(await send(`${url}/startupz`)).toMatchObject({ status: 200, body: 'ok' });
    // Whether it takes writes is found out by the next round.
    let answer = await send(`${url}${HEALTH}`);
    while (answer.body.store.writes_refused === null) answer = await send(`${url}${HEALTH}`);
    const { status, body } = answer;
    expect(status).toBe(200);
    // The counts are the last that were known.
    expect(body).toEqual({
      ...before,
      coordinator_status: 'degraded',
      store: { ...before.store, reachable: false, writes_refused: expect.any(String) },
    });
    expectProblem(await submit(url), 'store-unavailable');
    for (const path of ['sagas', 'statistics', 'sagas/07-01a208fa-4b65-759d-877e-0be0ad34792f']) {
      expectProblem(await send(`${url}/api/coordinator/${path}`), 'store-unavailable');
    }
    expect((await send(`${url}/metrics`)).status).toBe(200);

    await world.redis.restart();
    await untilReady(true);
    const again = (await send(`${url}${HEALTH}`)).body;
    // Whoever reads its files anew need not take the same room.
    expect(again).toEqual({ ...before, store: { ...before.store, used_bytes: expect.any(Number) } });
  });

  it('loses no saga that had begun, and ends it by itself once the store is back', async () => {
    await untilReady(true);
    const gate = world.hold('payment');
    const answering = submit(url);
    await gate.arrived;
    const [{ saga_id }] = (await send(`${url}/api/coordinator/sagas?status=STARTED`)).body.sagas;
    await world.redis.kill();
    // The call settles while its outcome can be written nowhere.
    gate.open();
    await untilReady(false);
    await world.redis.restart();

    const { status, body } = await answering;
    expect({ status, saga_id: body.saga_id }).toEqual({ status: 201, saga_id });
    expect(world.calls(saga_id).filter((call) => call.endsWith('performed'))).toHaveLength(5);
    expect((await settled(url, saga_id)).body.status).toBe('COMPLETED');
  });

  it('starts one saga for an order that is sent again and again under one key', async () => {
    await untilReady(true);
    await world.redis.kill();
    await untilReady(false);
    const key = { 'idempotency-key': 'through-the-outage' };
    expectProblem(await submit(url, ORDER, key), 'store-unavailable');
    await world.redis.restart();
    let answer = await submit(url, ORDER, key);
    while (answer.status === 503) answer = await submit(url, ORDER, key);
    expect(answer.status).toBe(201);
    expect((await submit(url, ORDER, key)).body).toEqual(answer.body);
  });
});
