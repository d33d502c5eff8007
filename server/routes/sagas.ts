import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { BadCursorError, type Filter, SAGA_STATUSES } from '../../stores/saga-store.ts';
import type { SagaEngine, SagaPage } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { header, problemAnswers } from './answers.ts';
import { presentListing, presentSaga, totalOf } from './present.ts';
import { sagaDetail, sagaPage } from './schemas.ts';

const LIMIT = { unset: 50, most: 500 } as const;

/** A whole number in digits: coercing would read nothing as 0, and `0x10` as 16. */
const whole = (least: number, most: number) =>
  z
    .string()
    .refine((digits) => /^\d{1,10}$/.test(digits), 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most))
    .openapi({ type: 'integer', minimum: least, maximum: most });

/** What a query and a body filter by alike. */
export const filters = {
  state: z.string().max(200).optional().meta({ description: 'A state, with all states nested in it.' }),
  order_id: z.string().max(200).optional(),
  failed_step: z.string().max(200).optional(),
  error: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'A text in the reason why something is still held; parked sagas only.' }),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
};
export const STUCK_FOR_MAX = 1e9;

/** A strict object: a misspelt filter that was passed over would look like an answer. */
const query = z.strictObject({
  ...filters,
  status: z.enum(SAGA_STATUSES).optional(),
  stuck_for: whole(0, STUCK_FOR_MAX)
    .optional()
    .meta({ description: 'Seconds without a transition; unfinished sagas only.' }),
  limit: whole(1, LIMIT.most).default(LIMIT.unset).openapi({ default: LIMIT.unset }),
  cursor: z.string().max(200).optional(),
});

const list = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas',
  operationId: 'listSagas',
  summary: 'Sagas, newest first.',
  request: { query },
  responses: {
    200: {
      description: 'One page.',
      headers: header('Link', '`rel="next"`, where there is a next page (RFC 8288).'),
      content: { 'application/json': { schema: sagaPage } },
    },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas/{id}',
  operationId: 'getSaga',
  summary: 'One saga with its execution log.',
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: {
      description: 'The saga.',
      headers: header('ETag', 'The number of its newest log entry.'),
      content: { 'application/json': { schema: sagaDetail } },
    },
    ...problemAnswers('saga-not-found', 'store-unavailable'),
  },
});

export function sagaRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(list, async (c) => {
    const { cursor, limit, ...asked } = c.req.valid('query');
    const [page, { statuses }] = await Promise.all([
      pageOf(() => engine.list(filterOf(asked), cursor ?? null, limit)),
      engine.statistics(),
    ]);
    if (page.cursor !== null) c.header('link', nextLink(c.req.url, page.cursor));
    const body = {
      active_sagas: totalOf(statuses),
      sagas: page.sagas.map(presentListing),
      cursor: page.cursor,
    };
    return c.json(body, 200);
  });

  app.openapi(show, async (c) => {
    const { id } = c.req.valid('param');
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    // How many entries the log has had is the version that an operator's command can be bound to.
    c.header('etag', etagOf(history.saga));
    return c.json(presentSaga(history), 200);
  });
}

/** The ETag of a saga: the number of its newest log entry. */
export function etagOf({ seq }: { readonly seq: number }): string {
  return `"${seq}"`;
}

export async function pageOf(ask: () => Promise<SagaPage>): Promise<SagaPage> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof BadCursorError) throw new Problem('invalid-query', error.message);
    throw error;
  }
}

export function filterOf({
  stuck_for,
  since,
  until,
  ...plain
}: Omit<z.infer<typeof query>, 'limit' | 'cursor'>): Filter {
  const filter = {
    ...plain,
    stuckForMs: stuck_for === undefined ? undefined : stuck_for * 1000,
    sinceMs: since === undefined ? undefined : Date.parse(since),
    untilMs: until === undefined ? undefined : Date.parse(until),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/** RFC 8288. The path alone, since a proxy may stand before the coordinator under another name. */
function nextLink(url: string, cursor: string): string {
  const { pathname, searchParams } = new URL(url);
  searchParams.set('cursor', cursor);
  return `<${pathname}?${searchParams}>; rel="next"`;
}
