/**
 * Acts on many sagas: what one would come to, then the act itself, which has an address of its own where one sees how far it is. Each saga
 * is asked under the ETag at which it was looked at, and the audit tells of each.
 */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { tell } from '../answer.ts';
import type { BulkAct, BulkItem } from '../bulk/bulk.ts';
import { BULK_MAX } from '../bulk/bulk.ts';
import type { Bulks, BulkTitle, SeenBulk } from '../bulk/bulks.ts';
import { previewOf } from '../bulk/preview.ts';
import type { SagaEngine, SagaListing } from '../engine/contract.ts';
import { byOf, callerOf, keyOf } from '../identity/caller.ts';
import { Problem } from '../problem.ts';
import { header, problemAnswers } from './answers.ts';
import {
  bulk,
  bulkAsked,
  bulks as bulkList,
  bulkPreview,
  bulkPreviewAsked,
  continueAsked,
} from './bulk-schemas.ts';
import { seqIn } from './operations.ts';
import { etagOf, filterOf, pageOf } from './sagas.ts';

const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } });
const bulkPath = z.object({
  id: z.string().min(1).openapi({ description: 'The bulk_id of an answer.', example: '5f1c0a9e4b7d2c36' }),
});
const WRONG = [
  ...(['malformed-json', 'invalid-query', 'body-too-large'] as const),
  ...(['unsupported-media-type', 'validation-error', 'store-unavailable'] as const),
] as const;
const LOCATION = header('Location', 'Where one sees how far it is.', {
  type: 'string',
  format: 'uri-reference',
});

const preview = createRoute({
  method: 'post',
  path: '/api/coordinator/bulks:preview',
  operationId: 'previewBulk',
  tags: ['Operations'],
  summary: 'What an act on many sagas would come to, by what parks them: calls, and sums of what is held.',
  request: { body: { required: true, content: json(bulkPreviewAsked) } },
  responses: {
    200: { description: 'Nothing is changed.', content: json(bulkPreview) },
    ...problemAnswers(...WRONG),
  },
});

const begin = createRoute({
  method: 'post',
  path: '/api/coordinator/bulks',
  operationId: 'beginBulk',
  tags: ['Operations'],
  summary: 'Asks the same of many sagas: of one first, then of ten, then of the others.',
  request: { body: { required: true, content: json(bulkAsked) } },
  responses: {
    202: { description: 'It has begun.', headers: LOCATION, content: json(bulk) },
    ...problemAnswers(...WRONG),
  },
});

const list = createRoute({
  method: 'get',
  path: '/api/coordinator/bulks',
  operationId: 'listBulks',
  tags: ['Operations'],
  summary: 'The acts on many sagas that began last, newest first.',
  responses: {
    200: { description: 'A hundred at most: older ones are not kept.', content: json(bulkList) },
    ...problemAnswers('store-unavailable'),
  },
});

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/bulks/{id}',
  operationId: 'getBulk',
  tags: ['Operations'],
  summary: 'How far an act on many sagas is.',
  request: { params: bulkPath },
  responses: {
    200: { description: 'Each saga as it stands now.', content: json(bulk) },
    ...problemAnswers('not-found', 'store-unavailable'),
  },
});

const goOn = createRoute({
  method: 'post',
  path: '/api/coordinator/bulks/{id}/continue',
  operationId: 'continueBulk',
  tags: ['Operations'],
  summary: 'Goes on with the sagas that were not asked, although some have failed again.',
  request: { params: bulkPath, body: { required: true, content: json(continueAsked) } },
  responses: {
    202: { description: 'As it is now.', content: json(bulk) },
    ...problemAnswers('not-found', ...WRONG),
  },
});

const stop = createRoute({
  method: 'post',
  path: '/api/coordinator/bulks/{id}/stop',
  operationId: 'stopBulk',
  tags: ['Operations'],
  summary: 'Asks no more sagas. Those that were asked go on.',
  request: { params: bulkPath, body: { required: true, content: json(continueAsked) } },
  responses: {
    202: { description: 'As it is now.', content: json(bulk) },
    ...problemAnswers('not-found', ...WRONG),
  },
});

export function bulkRoutes(app: OpenAPIHono, engine: SagaEngine, bulks: Bulks): void {
  app.openapi(preview, async (c) => {
    const asked = c.req.valid('json');
    const { sagas, hasMore } = await sagasOf(engine, asked);
    const groups = await previewOf({ engine, machines: engine.machines }, sagas, actOf(asked));
    const shown = groups.map(({ machine, cause, n, sums, calls, ends, left, ...counts }) => {
      const { step = null, kind = null, error = null } = cause ?? {};
      const made = calls.map(({ n: count, ...call }) => ({ ...call, count }));
      return { machine, step, kind, error, sagas: n, held: { ...sums }, ...counts, calls: made, ends, left };
    });
    return c.json({ sagas: sagas.length, has_more: hasMore, groups: shown }, 200);
  });

  app.openapi(begin, async (c) => {
    const asked = c.req.valid('json');
    const found: readonly Pick<BulkItem, 'id' | 'seq'>[] =
      asked.sagas?.map(({ saga_id: id, etag }) => ({ id, seq: seqIn(etag) ?? 0 })) ??
      (await sagasOf(engine, asked)).sagas;
    const { reason, canary: isCanary = true } = asked;
    const who = { by: byOf(callerOf(c), asked.by), actor: keyOf(callerOf(c)) };
    const id = await bulks.begin({ act: actOf(asked), reason, ...who, isCanary, sagas: found });
    tell(c, 'location', `/api/coordinator/bulks/${id}`);
    return c.json(presentBulk(await lookedAt(bulks, id)), 202);
  });

  app.openapi(list, async (c) => c.json({ bulks: (await bulks.recent()).map(presentTitle) }, 200));

  app.openapi(show, async (c) => c.json(presentBulk(await lookedAt(bulks, c.req.valid('param').id)), 200));

  app.openapi(goOn, async (c) => {
    const { id } = c.req.valid('param');
    await bulks.continue(id, whoAsks(c, c.req.valid('json').by));
    return c.json(presentBulk(await lookedAt(bulks, id)), 202);
  });

  app.openapi(stop, async (c) => {
    const { id } = c.req.valid('param');
    await bulks.halt(id);
    return c.json(presentBulk(await lookedAt(bulks, id)), 202);
  });
}

/** Who asks, for the log and for the audit. */
function whoAsks(c: Context, typed: string | undefined) {
  return { by: byOf(callerOf(c), typed), actor: keyOf(callerOf(c)) };
}

/** @throws Problem where there is none */
async function lookedAt(bulks: Bulks, id: string): Promise<SeenBulk> {
  const seen = await bulks.look(id);
  if (seen === null) throw new Problem('not-found', `no act on many sagas ${id} is kept`);
  return seen;
}

type Which = z.output<typeof bulkPreviewAsked>;

function actOf({ act: kind, step, as, with_proof: isProven }: Which): BulkAct {
  return {
    kind,
    ...(step !== undefined && { step }),
    ...(as !== undefined && { as }),
    ...(isProven && { isProven }),
  };
}

async function sagasOf(
  engine: SagaEngine,
  { filter, sagas, limit = BULK_MAX }: Which,
): Promise<{ readonly sagas: readonly SagaListing[]; readonly hasMore: boolean }> {
  if (filter === undefined) {
    const found = await engine.glance((sagas ?? []).map(({ saga_id }) => saga_id));
    return { sagas: found.filter((saga) => saga !== null), hasMore: false };
  }
  const page = await pageOf(() => engine.list(filterOf(filter), null, limit));
  return { sagas: page.sagas, hasMore: page.cursor !== null };
}

function presentAct({ kind, step, as, isProven }: BulkAct) {
  return {
    act: kind,
    ...(step !== undefined && { step }),
    ...(as !== undefined && { as }),
    ...(isProven && { with_proof: isProven }),
  };
}

function presentBulk({ bulk: kept, items, counts, isRunning, canContinue }: SeenBulk): z.infer<typeof bulk> {
  const { id, act, by, reason, createdAtMs, stage } = kept;
  return {
    bulk_id: id,
    ...presentAct(act),
    by,
    reason,
    created_at: new Date(createdAtMs).toISOString(),
    stage,
    running: isRunning,
    can_continue: canContinue,
    counts: { ...counts },
    sagas: items.map(({ id: saga_id, seq, result, state, saga }) => {
      const answer = result === null ? {} : { result };
      return { saga_id, etag: etagOf({ seq }), ...answer, state, status: saga?.status ?? null };
    }),
  };
}

function presentTitle({ id, act, by, n, createdAtMs }: BulkTitle) {
  return { bulk_id: id, ...presentAct(act), by, created_at: new Date(createdAtMs).toISOString(), sagas: n };
}
