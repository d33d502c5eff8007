import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { SagaEngine } from '../engine/contract.ts';
import { problemAnswers } from './answers.ts';
import { presentStatistics } from './present.ts';
import { statistics } from './schemas.ts';

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/statistics',
  operationId: 'getStatistics',
  tags: ['Health'],
  summary: 'What all coordinators together have done, from counters kept inside the commits.',
  responses: {
    200: { description: 'The statistics.', content: { 'application/json': { schema: statistics } } },
    ...problemAnswers('store-unavailable'),
  },
});

export function statisticsRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(show, async (c) => c.json(presentStatistics(await engine.statistics()), 200));
}
