import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Statistics, WritesRefused } from '../../stores/saga-store.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Headroom, SagaEngine } from '../engine/contract.ts';
import type { Probes } from '../probes.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { totalOf } from './present.ts';
import { health, serviceHealth } from './schemas.ts';

export interface HealthRoute {
  readonly engine: SagaEngine;
  readonly probes: Probes<string>;
  readonly version: string;
}

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/health',
  operationId: 'getHealth',
  tags: ['Health'],
  summary: 'How the coordinator, its store and its participants are. 200 also when degraded.',
  responses: {
    200: { description: 'The health.', content: { 'application/json': { schema: health } } },
    ...problemAnswers(),
  },
});

const showOne = createRoute({
  method: 'get',
  path: '/api/coordinator/health/{service}',
  operationId: 'getServiceHealth',
  tags: ['Health'],
  summary: 'How one participant is.',
  // Any name is read, so that one that there is not is 404.
  request: { params: z.object({ service: z.string() }) },
  responses: {
    200: { description: 'Its health.', content: { 'application/json': { schema: serviceHealth } } },
    ...problemAnswers('service-not-found'),
  },
});

/** Its fields by participant are typed by the order saga's, and filled by those of whatever sagas are registered. */
type Health = z.infer<typeof health>;

const NOTHING_KNOWN: Statistics = {
  statuses: { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 },
  inFlight: 0,
  settledPerMinute: 0,
  counters: {},
  damage: [],
};

const NO_MEMORY_KNOWN: Headroom = { usedBytes: 0, maxBytes: null, fullInMs: null };

/** While the store is away what was known last is shown, and `isNow` says that it is old. */
function lastKnown<T>(
  ask: () => Promise<T>,
  first: T,
): () => Promise<{ readonly value: T; readonly isNow: boolean }> {
  let value = first;
  return async () => {
    try {
      value = await ask();
      return { value, isNow: true };
    } catch (error) {
      if (error instanceof StoreUnavailableError) return { value, isNow: false };
      throw error;
    }
  };
}

/** As the alerts have it: an operator needs a day, and the last tenth is for rewriting what is in use. */
const ROOM_LEAST_MS = 24 * 3600 * 1000;
const USED_SHARE_MAX = 0.9;

function hasRoom({ usedBytes, maxBytes, fullInMs }: Headroom): boolean {
  const isFull = maxBytes !== null && usedBytes > maxBytes * USED_SHARE_MAX;
  return !isFull && (fullInMs === null || fullInMs >= ROOM_LEAST_MS);
}

/** Without what Redis or the system said to it, which names addresses. */
function inShort({ error }: WritesRefused): string {
  return error.message.replace(/ \(.*\)$/s, '');
}

export function healthRoutes(app: OpenAPIHono, { engine, probes, version }: HealthRoute): void {
  const { urls } = probes;
  const countsNow = lastKnown(() => engine.statistics(), NOTHING_KNOWN);
  const memoryNow = lastKnown(() => engine.headroom(), NO_MEMORY_KNOWN);

  app.openapi(show, async (c) => {
    const [services, counts, memory] = await Promise.all([probes.all(), countsNow(), memoryNow()]);
    const { statuses, inFlight, damage } = counts.value;
    const allHealthy = Object.values(services).every(Boolean);
    const breakers = Object.fromEntries(
      Object.entries(engine.participants).map(([name, { breaker }]) => [name, breaker]),
    );
    // Half-open is no trouble: where nothing is to be called, nothing finds out that all is well.
    const callsAll = !Object.values(breakers).includes('open');
    const { usedBytes, maxBytes, fullInMs } = memory.value;
    const isWhole = damage.length === 0;
    const refused = engine.writesRefused;
    const isWell =
      allHealthy && callsAll && counts.isNow && refused === null && isWhole && hasRoom(memory.value);
    const working = isWell ? 'healthy' : 'degraded';
    const { kind, durability, survivesRestart } = engine.store;
    return c.json(
      {
        coordinator_status: engine.draining ? 'draining' : working,
        version,
        active_sagas: totalOf(statuses),
        in_flight: inFlight,
        parked: statuses.ABORTED,
        in_hand: engine.inHand,
        services_health: services as Health['services_health'],
        all_services_healthy: allHealthy,
        service_urls: { ...urls } as Health['service_urls'],
        breakers: breakers as Health['breakers'],
        tls_faults: probes.tlsFaults,
        store: {
          kind,
          durability,
          durability_degraded: !survivesRestart,
          reachable: counts.isNow,
          writes_refused: refused && inShort(refused),
          damage: [...damage],
          used_bytes: usedBytes,
          max_bytes: maxBytes,
          full_in_hours: fullInMs === null ? null : Math.round(fullInMs / 360_000) / 10,
        },
      },
      200,
    );
  });

  app.openapi(showOne, async (c) => {
    const { service } = c.req.valid('param');
    if (!probes.knows(service)) throw new Problem('service-not-found', `there is no service ${service}`);
    return c.json({ service, healthy: await probes.one(service), url: urls[service] ?? '' }, 200);
  });

  /** The process runs: nothing else is asked, or a store that is away would restart every coordinator. */
  app.get('/livez', (c) => c.text('ok'));

  /** The start is over as soon as the server listens: settings, store and machines were checked before. */
  app.get('/startupz', (c) => c.text('ok'));

  app.get('/readyz', async (c) => {
    if (engine.draining) throw new Problem('draining', 'no new work is taken');
    await engine.ping();
    // While any part of it takes writes, the sagas of that part go on.
    const refused = engine.writesRefused;
    if (refused?.everywhere) throw new Problem('store-unavailable', inShort(refused));
    return c.text('ok');
  });
}
