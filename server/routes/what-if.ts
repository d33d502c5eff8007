/** What a saga would do if it were asked something: its machine is asked, and nothing else is. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { type CallPlaces, type CallRequest, requestOf } from '../calls.ts';
import type { ForeseenCall, SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { foreseen } from './call-schemas.ts';
import { presentRequest } from './calls.ts';
import { sagaPath, text } from './fields.ts';
import { machineOf } from './machines.ts';
import { etagOf } from './sagas.ts';

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas/{id}/what-if',
  operationId: 'whatIf',
  tags: ['Operations'],
  summary: 'What would come of a cancel, retry, skip or resolve: states, calls, what would still be held.',
  request: {
    params: sagaPath,
    query: z.strictObject({
      act: z.enum(['cancel', 'retry', 'skip', 'resolve']).openapi({ description: 'What would be asked.' }),
      step: text(400).optional().meta({
        description:
          'Of a skip, which needs one; nothing else has any. The step, or the item as `step/item`.',
      }),
      as: z
        .enum(['COMPLETED', 'FAILED'])
        .optional()
        .openapi({ description: 'Of a resolve; FAILED unless set.' }),
    }),
  },
  responses: {
    200: {
      description: 'The path that it would take, where all calls are done.',
      content: { 'application/json': { schema: foreseen } },
    },
    ...problemAnswers(
      'invalid-query',
      'saga-not-found',
      'machine-not-found',
      'no-such-event',
      'store-unavailable',
      'definition-error',
    ),
  },
});

export function whatIfRoutes(app: OpenAPIHono, engine: SagaEngine, places: CallPlaces): void {
  app.openapi(show, async (c) => {
    const { id } = c.req.valid('param');
    const { act: kind, step, as } = c.req.valid('query');
    if ((kind === 'skip') !== (step !== undefined))
      throw new Problem('invalid-query', 'step: a skip needs one, and nothing else has any');
    const asked = { kind, by: 'operator', reason: 'what if', ...(step && { step }), ...(as && { as }) };
    const result = await engine.whatIf(id, asked);
    switch (result.kind) {
      case 'missing':
        throw new Problem('saga-not-found', `no saga ${id} is stored`);
      case 'impossible':
        throw new Problem('no-such-event', `a saga in state ${result.state} knows no ${kind}`);
      case 'unknown-version': {
        const { id: name, version } = result.machine;
        throw new Problem('machine-not-found', `this coordinator does not run ${name}@${version}`);
      }
      default: {
        const { saga, foreseen: found } = result;
        const machine = machineOf(engine, saga.machine.id, saga.machine.version);
        const calls = found.calls.flatMap((call) => {
          const request = foreseenRequest(machine, id, call, places.urls);
          if (request === null) return [];
          const { attempt, isUnderWay, isAssumed } = call;
          return [{ ...presentRequest(request), attempt, under_way: isUnderWay, assumed: isAssumed }];
        });
        const path = found.path.map(({ event, from, to, step: of, kind: does, attempt, isAssumed }) => {
          return { event, from, to, step: of, kind: does, attempt, assumed: isAssumed };
        });
        const { end, awaits, status, state, held } = found;
        const answer = { saga_id: id, etag: etagOf(saga), act: kind, path, calls };
        return c.json({ ...answer, end, awaits: [...awaits], status, state, held: [...held] }, 200);
      }
    }
  });
}

/** A call that is foreseen, with its URL, key and body. */
export function foreseenRequest(
  machine: Parameters<typeof requestOf>[0],
  id: string,
  { address, kind, isFetch, path, context }: ForeseenCall,
  urls: CallPlaces['urls'],
): CallRequest | null {
  const request = requestOf(machine, { id, context }, address, kind, urls);
  if (request === null || !isFetch) return request;
  return { ...request, method: 'GET', url: new URL(path, request.url).href, body: null };
}
