import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Statistics } from '../../stores/saga-store.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { type ParticipantName, withoutSecrets } from '../config.ts';
import type { BreakerState, SagaEngine } from '../engine/contract.ts';
import type { Probes } from '../probes.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { totalOf } from './present.ts';
import { health, serviceHealth } from './schemas.ts';

export interface HealthRoute {
  readonly engine: SagaEngine;
  readonly probes: Probes<ParticipantName>;
  readonly version: string;
}

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/health',
  operationId: 'getHealth',
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
  summary: 'How one participant is.',
  request: { params: z.object({ service: z.string() }) },
  responses: {
    200: { description: 'Its health.', content: { 'application/json': { schema: serviceHealth } } },
    ...problemAnswers('service-not-found'),
  },
});

const NOTHING_KNOWN: Statistics = {
  statuses: { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 },
  inFlight: 0,
  settledPerMinute: 0,
  counters: {},
};

export function healthRoutes(app: OpenAPIHono, { engine, probes, version }: HealthRoute): void {
  const urls = Object.fromEntries(
    Object.entries(probes.urls).map(([name, url]) => [name, withoutSecrets(url)]),
  ) as Record<ParticipantName, string>;
  // While the store is away the last counts are shown, and `reachable` says that they are old.
  let lastKnown = NOTHING_KNOWN;

  async function reachable(): Promise<boolean> {
    try {
      lastKnown = await engine.statistics();
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailableError) return false;
      throw error;
    }
  }

  app.openapi(show, async (c) => {
    const [services, storeReachable] = await Promise.all([probes.all(), reachable()]);
    const allHealthy = Object.values(services).every(Boolean);
    const breakers = Object.fromEntries(
      Object.entries(engine.participants).map(([name, { breaker }]) => [name, breaker]),
    ) as Record<ParticipantName, BreakerState>;
    // Half-open is no trouble: where nothing is to be called, nothing finds out that all is well.
    const callsAll = !Object.values(breakers).includes('open');
    const working = allHealthy && callsAll && storeReachable ? 'healthy' : 'degraded';
    const { kind, durability } = engine.store;
    return c.json(
      {
        coordinator_status: engine.draining ? 'draining' : working,
        version,
        active_sagas: totalOf(lastKnown.statuses),
        in_flight: lastKnown.inFlight,
        parked: lastKnown.statuses.ABORTED,
        in_hand: engine.inHand,
        services_health: services,
        all_services_healthy: allHealthy,
        service_urls: urls,
        breakers,
        store: { kind, durability, reachable: storeReachable },
      },
      200,
    );
  });

  app.openapi(showOne, async (c) => {
    const { service } = c.req.valid('param');
    if (!probes.knows(service)) throw new Problem('service-not-found', `there is no service ${service}`);
    return c.json({ service, healthy: await probes.one(service), url: urls[service] }, 200);
  });

  /** The process runs: nothing else is asked, or a store that is away would restart every coordinator. */
  app.get('/livez', (c) => c.text('ok'));

  /** The start is over as soon as the server listens: settings, store and machines were checked before. */
  app.get('/startupz', (c) => c.text('ok'));

  app.get('/readyz', async (c) => {
    if (engine.draining) throw new Problem('draining', 'no new work is taken');
    await engine.ping();
    return c.text('ok');
  });
}
