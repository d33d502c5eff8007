/** One saga as a picture, in Mermaid. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { toMermaid } from '../../machines/picture.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { sagaPath } from './fields.ts';
import { machineOf } from './machines.ts';
import { toSequence } from './sequence.ts';

const draw = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas/{id}/diagram',
  operationId: 'drawSaga',
  tags: ['Sagas'],
  summary: 'One saga in Mermaid: its statechart with the current state marked, or the calls that were made.',
  request: {
    params: sagaPath,
    query: z.strictObject({ type: z.enum(['state', 'sequence']).default('state') }),
  },
  responses: {
    200: { description: 'The diagram.', content: { 'text/plain': { schema: z.string() } } },
    ...problemAnswers('invalid-query', 'saga-not-found', 'machine-not-found', 'store-unavailable'),
  },
});

export function diagramRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(draw, async (c) => {
    const { id } = c.req.valid('param');
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const { machine: ref, summary } = history.saga;
    // The log tells what was called, also of a machine that only other coordinators know.
    if (c.req.valid('query').type === 'sequence') {
      const known = engine.machines.find((each) => each.id === ref.id && each.version === ref.version);
      return c.text(toSequence(history, known), 200);
    }
    return c.text(toMermaid(machineOf(engine, ref.id, ref.version).machine, summary.state), 200);
  });
}
