/** Has the participant of a step asked what stands of its call. Nothing of the saga changes by it. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { type SagaEngine, STANDS } from '../engine/contract.ts';
import { notAsked } from '../proof.ts';
import { problemAnswers } from './answers.ts';
import { decimal, sagaPath, small, text, time } from './fields.ts';

const inquiry = z
  .object({
    saga_id: z.string(),
    step: z.string(),
    participant: z.string(),
    url: z.string(),
    asked_at: time,
    duration_ms: decimal,
    state: z.enum(STANDS).openapi({
      description:
        '`done`: the effect of the call stands. `undone`: it does not, and will not. `unknown`: nobody can tell, and `error` says why, ' +
        'unless it is what the participant says itself.',
    }),
    status: small.nullable().meta({ description: 'Of the answer; null where none came.' }),
    digest: z
      .string()
      .nullable()
      .meta({ description: 'Of its body as it came, as `Content-Digest` has it; null where none came.' }),
    body: z
      .string()
      .nullable()
      .meta({ description: 'JSON, secrets redacted; perhaps cut off. Null where the answer is none.' }),
    error: z.string().nullable(),
  })
  .openapi('Inquiry');

const ask = createRoute({
  method: 'post',
  path: '/api/coordinator/sagas/{id}/ask',
  operationId: 'askParticipant',
  tags: ['Operations'],
  summary: 'Ask the participant, once, what stands of the call of a step. The saga stays as it is.',
  request: {
    params: sagaPath,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              step: text(400).meta({
                description:
                  'A step whose machine says where that is asked (`ask`), or an item as `step/item`.',
              }),
            })
            .openapi('AskRequest'),
        },
      },
    },
  },
  responses: {
    200: {
      description: 'What it said, or why it did not.',
      content: { 'application/json': { schema: inquiry } },
    },
    ...problemAnswers(
      'malformed-json',
      'saga-not-found',
      'machine-not-found',
      'not-askable',
      'body-too-large',
      'unsupported-media-type',
      'validation-error',
      'store-unavailable',
      'definition-error',
    ),
  },
});

export function inquiryRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(ask, async (c) => {
    const { id } = c.req.valid('param');
    const { step } = c.req.valid('json');
    const result = await engine.inquire(id, step);
    if (result.kind !== 'asked') throw notAsked(id, step, result);
    const { inquiry: said } = result;
    const { participant, url, askedAtMs, ms, state, status, digest, body, error } = said;
    const asked_at = new Date(askedAtMs).toISOString();
    const duration_ms = Math.round(ms * 10) / 10;
    const about = { saga_id: id, step, participant, url, asked_at, duration_ms };
    return c.json({ ...about, state, status, digest, body, error }, 200);
  });
}
