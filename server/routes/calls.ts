/** The calls of one step of a saga: requests, answers, attempts. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { type CallPlaces, callsOf, type SagaCall, traceUrlOf } from '../calls.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { type callRequest, sagaCalls } from './call-schemas.ts';
import { sagaPath, text } from './fields.ts';
import { machineOf } from './machines.ts';

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas/{id}/calls',
  operationId: 'getSagaCalls',
  tags: ['Sagas'],
  summary: 'The calls of one step: what was sent, what was answered, each attempt, and the same for curl.',
  request: {
    params: sagaPath,
    query: z.strictObject({
      step: text(400).meta({ description: 'A step, or an item of one as `step/item`, as the log has it.' }),
    }),
  },
  responses: {
    200: { description: 'The calls.', content: { 'application/json': { schema: sagaCalls } } },
    ...problemAnswers('invalid-query', 'saga-not-found', 'machine-not-found', 'store-unavailable'),
  },
});

export function callRoutes(app: OpenAPIHono, engine: SagaEngine, places: CallPlaces): void {
  app.openapi(show, async (c) => {
    const { id } = c.req.valid('param');
    const { step } = c.req.valid('query');
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const { machine: ref, traceId } = history.saga;
    const found = callsOf(history, machineOf(engine, ref.id, ref.version), step, places);
    if (found === null) throw new Problem('invalid-query', `step: the saga has no step ${step}`);
    const body = {
      saga_id: id,
      calls: found.calls.map(presentCall),
      items: [...found.items],
      trace_id: traceId,
      trace_url: traceUrlOf(traceId, places),
    };
    return c.json(body, 200);
  });
}

export function presentRequest(
  call: Omit<SagaCall, 'attempts' | 'isUnderWay' | 'answer' | 'curl'>,
): z.infer<typeof callRequest> {
  const { step, kind, participant, method, url, idempotencyKey, body } = call;
  return {
    step,
    kind,
    participant,
    method,
    url,
    idempotency_key: idempotencyKey,
    body: body === null ? null : { ...body },
  };
}

function presentCall(call: SagaCall): z.infer<typeof sagaCalls>['calls'][number] {
  return {
    ...presentRequest(call),
    under_way: call.isUnderWay,
    answer: call.answer,
    attempts: call.attempts.map((one) => ({
      seq: one.seq,
      attempt: one.attempt,
      method: one.method,
      began_at: one.beganAtMs === null ? null : new Date(one.beganAtMs).toISOString(),
      ended_at: new Date(one.endedAtMs).toISOString(),
      outcome: one.outcome,
      status: one.status,
      error: one.error,
      replayed: one.isReplayed,
    })),
    curl: call.curl,
  };
}
