/**
 * Each fault of Redis under a whole coordinator: an order is inside a service when it happens. New orders are refused
 * with Retry-After and leave nothing behind; when Redis is back everything carries on, and no effect happens twice.
 */
import { describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { Gates } from './gate.ts';
import { type Fate, openWire } from './proxy.ts';
import { until } from './until.ts';
import { adminOf, limitFiles, settings, WEATHER } from './weather.ts';

interface Place {
  readonly server: RedisServer;
  readonly world: World;
  /** Of the coordinator. */
  readonly url: string;
  /** An order that is inside the payment service, which holds it until the gate is opened. */
  orderInPayment(): Promise<{ readonly id: string; open(): void }>;
}

/** Each its own, since most of the time is spent waiting for Redis: so they run side by side. */
async function inPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const gates = new Gates();
  const server = await startRedis({ appendonly: true, diskMayFill: true, settings: await settings() });
  const world = await openWorld({ clock: gates.clock });
  try {
    const { url } = await world.coordinator({ REDIS_URL: server.url, COORDINATOR_ID: 'under-weather' });
    const orderInPayment = async () => {
      const { entered, open } = gates.shut();
      world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
      const { body } = await submit(url, ORDER, { prefer: 'respond-async' });
      await entered;
      return { id: body.saga_id as string, open };
    };
    await work({ server, world, url, orderInPayment });
  } finally {
    await world.close();
    await server.stop();
  }
}

/** Every effect once, in order, however often it was called for. */
function expectEffectsOnce(world: World, id: string) {
  const effects = world.calls(id).filter((call) => call.endsWith('performed'));
  expect(effects).toEqual(SERVICE_NAMES.map((name) => `${name} action performed`));
}

const ready = (url: string, status: 200 | 503) =>
  until(async () => (await send(`${url}/readyz`)).status === status);
const stored = async (url: string) =>
  (await send(`${url}/api/coordinator/statistics`)).body.total_active_sagas as number;

describe.concurrent('under a coordinator', () => {
  it.each(WEATHER)('Redis is $name: orders wait, and all end', ({ name, notSent, hits, begin }) =>
    inPlace(async ({ server, world, url, orderInPayment }) => {
      const admin = adminOf(server);
      const { id, open } = await orderInPayment();
      const before = await stored(url);
      const end = await begin(server, admin);
      try {
        open();
        // A frozen Redis is known as such when the first command has waited in vain.
        if (name === 'frozen') await ready(url, 503);
        const refused = await submit(url, ORDER);
        expect(refused.status).toBe(503);
        expect(refused.headers['retry-after']).toBeDefined();
        expect(refused.body.type).toBe('store-unavailable');
        const asked = async () => (await send(`${url}/api/coordinator/sagas/${id}`)).status;
        // Who finds its master a replica reconnects, and is away for a moment.
        if (hits === 'writes') await until(async () => (await asked()) === 200);
        else expect(await asked()).toBe(503);
      } finally {
        await end();
        admin.disconnect();
      }

      await ready(url, 200);
      expect((await settled(url, id)).body.status).toBe('COMPLETED');
      expectEffectsOnce(world, id);
      // The refused order was not stored.
      if (notSent) expect(await stored(url)).toBe(before);
      expect((await submit(url, ORDER)).status).toBe(201);
    }),
  );

  it('Redis has forgotten its scripts: nobody notices', () =>
    inPlace(async ({ server, url, orderInPayment }) => {
      const admin = adminOf(server);
      const { id, open } = await orderInPayment();
      await admin.script('FLUSH');
      open();
      expect((await settled(url, id)).body.status).toBe('COMPLETED');
      await admin.script('FLUSH');
      expect((await submit(url, ORDER)).status).toBe(201);
      admin.disconnect();
    }));

  it('a full disk with fsync always: Redis ends itself, and when it is back nothing is missing', () =>
    inPlace(async ({ server, world, url, orderInPayment }) => {
      const { id, open } = await orderInPayment();
      await limitFiles(server, '1');
      open();
      await ready(url, 503);
      await server.restart();
      await ready(url, 200);
      expect((await settled(url, id)).body.status).toBe('COMPLETED');
      expectEffectsOnce(world, id);
    }));

  // The create, then one commit for each of the five steps.
  const writes = Array.from({ length: 1 + SERVICE_NAMES.length }, (_, nth) => nth);
  it.each<[Fate, readonly number[]]>([
    ['lose-reply', writes],
    ['cut-reply', [0, 2]],
    ['cut-request', [0, 2]],
  ])('%s, at the writes %j of an order: it ends, and every effect happens once', (fate, struck) =>
    inPlace(async ({ server, world }) => {
      const wire = await openWire(server.port);
      const { url } = await world.coordinator({ REDIS_URL: wire.url, COORDINATOR_ID: 'behind-a-wire' });
      // The first order teaches Redis the scripts: from then on each write is one request.
      expect((await submit(url, ORDER)).status).toBe(201);
      for (const nth of struck) {
        const { dealt } = wire;
        wire.strike(fate, nth);
        const answer = await submit(url, ORDER);
        expect([nth, answer.status, wire.dealt]).toEqual([nth, 201, dealt + 1]);
        expectEffectsOnce(world, answer.body.saga_id);
        await ready(url, 200);
      }
      await wire.close();
    }),
  );
});
