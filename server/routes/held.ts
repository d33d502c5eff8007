/** The ledger of what is held. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { SagaEngine } from '../engine/contract.ts';
import { ledgerOf } from '../ledger.ts';
import { problemAnswers } from './answers.ts';
import { count, orNull, text, time } from './fields.ts';
import { callKind } from './schemas.ts';

const sums = z.record(z.string(), count).meta({
  description: 'Effects by kind (`payment`), and amounts by kind and currency or unit (`payment EUR`).',
});

const ledger = z
  .object({
    sagas: count.meta({ description: 'Parked sagas of these causes.' }),
    uncounted: count.meta({
      description:
        'Parked by an older release, and not counted by cause yet: they are in none of these sums.',
    }),
    totals: z.array(
      z
        .object({
          kind: z.string(),
          unit: z
            .string()
            .nullable()
            .meta({ description: 'An ISO 4217 code or any other word; null where effects are counted.' }),
          amount: count.meta({ description: 'Of money in minor units.' }),
        })
        .openapi('HeldTotal'),
    ),
    participants: z.array(
      z
        .object({
          participant: z.string().nullable().meta({ description: 'Whose failures they are parked for.' }),
          sagas: count,
          held: sums,
        })
        .openapi('HeldByParticipant'),
    ),
    causes: z.array(
      z
        .object({
          cause: z.string().meta({ description: 'Its key: filters listings and acts on many by it.' }),
          machine: z.string(),
          step: z.string().nullable(),
          kind: orNull(callKind),
          error: z.string().nullable(),
          participant: z.string().nullable(),
          sagas: count,
          held: sums,
          first_at: time.meta({ description: 'Since when there is one at all.' }),
          last_at: time.meta({ description: 'When one was parked last.' }),
        })
        .openapi('HeldCause'),
    ),
  })
  .openapi('HeldLedger');

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/held',
  operationId: 'getHeld',
  tags: ['Sagas'],
  summary: 'What parked sagas hold: by kind, currency, participant and cause, money first.',
  request: {
    query: z.strictObject({
      kind: text(40).optional().meta({ description: 'Of causes alone that hold this.' }),
      participant: text(200).optional().meta({ description: 'Of its failures alone.' }),
    }),
  },
  responses: {
    200: {
      description: 'Counted in the writes that park sagas and take them up.',
      content: { 'application/json': { schema: ledger } },
    },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

export function heldRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(show, async (c) => {
    const { causes } = await engine.tally();
    const found = ledgerOf(causes, engine.machines, c.req.valid('query'));
    const body = {
      sagas: found.sagas,
      uncounted: engine.uncounted,
      totals: [...found.totals],
      participants: found.participants.map(({ name, sagas, sums: held }) => {
        return { participant: name, sagas, held: { ...held } };
      }),
      causes: found.causes.map(({ key, machine, step, kind, error, participant, n, sums: held, ...at }) => {
        const first_at = new Date(at.firstMs).toISOString();
        const last_at = new Date(at.lastMs).toISOString();
        const cause = { cause: key, machine, step, kind, error, participant };
        return { ...cause, sagas: n, held: { ...held }, first_at, last_at };
      }),
    };
    return c.json(body, 200);
  });
}
