/** What was counted of the last day, over HTTP. */
import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Clock } from '../engine/clock.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { pointsOf, spanOf } from '../telemetry/history/points.ts';
import { lastStood, type Stood } from '../telemetry/history/stood.ts';
import { problemAnswers } from './answers.ts';
import { history, historyQuery } from './history-schemas.ts';

const HOUR_MS = 3_600_000;

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/history',
  operationId: 'getHistory',
  tags: ['Health'],
  summary:
    'What all coordinators together have counted within the last 24 hours, by machine and by call, and where sagas stood.',
  description:
    'Statistics, under the names of the metrics: a coordinator that is killed takes its last ten seconds with it. What is exact is in the statistics.',
  request: { query: historyQuery },
  responses: {
    200: { description: 'The history.', content: { 'application/json': { schema: history } } },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

export function historyRoutes(
  app: OpenAPIHono,
  { engine, clock }: { readonly engine: Pick<SagaEngine, 'history'>; readonly clock: Clock },
): void {
  app.openapi(show, async (c) => {
    const { since, until, minutes_per_point: every } = c.req.valid('query');
    const untilMs = until === undefined ? clock.now() : Date.parse(until);
    const sinceMs = since === undefined ? untilMs - HOUR_MS : Date.parse(since);
    if (sinceMs > untilMs) throw new Problem('invalid-query', 'since is after until');
    const span = spanOf(sinceMs, untilMs, every);
    const minutes = await engine.history.read(span.from, span.to);
    const { machines, calls } = pointsOf(minutes, span);
    const body: z.infer<typeof history> = {
      since: timeOf(span.from * 60_000),
      until: timeOf((span.to + 1) * 60_000),
      minutes_per_point: span.every,
      machines: machines.map(({ machine, points }) => ({ machine, points: points.map(presentPoint) })),
      calls: calls.map(({ points, ...call }) => ({ ...call, points: points.map(presentPoint) })),
      standing: presentStood(lastStood(minutes)),
    };
    return c.json(body, 200);
  });
}

function presentPoint<P extends { atMs: number; p50Ms: number | null; p95Ms: number | null }>({
  atMs,
  p50Ms,
  p95Ms,
  ...counts
}: P) {
  return { at: timeOf(atMs), ...counts, p50_seconds: secondsOf(p50Ms), p95_seconds: secondsOf(p95Ms) };
}

function presentStood(stood: Stood | null): z.infer<typeof history>['standing'] {
  if (stood === null) return null;
  const { atMs, inFlight, lookedAt, states, parked } = stood;
  return {
    at: timeOf(atMs),
    in_flight: inFlight,
    looked_at: lookedAt,
    states: states.map(({ n, ...state }) => ({ ...state, count: n })),
    parked: parked.map(({ n, held, ...pile }) => ({ ...pile, count: n, held: { ...held } })),
  };
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
