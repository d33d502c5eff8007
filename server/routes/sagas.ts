import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { BadCursorError, type Filter, SAGA_STATUSES } from '../../stores/saga-store.ts';
import { tell } from '../answer.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { isKnown } from '../etags.ts';
import { Problem } from '../problem.ts';
import { ETAG, header, OPERATION_LINKS, problemAnswers, requestHeader } from './answers.ts';
import { filters, STUCK_FOR_MAX, sagaPath, text } from './fields.ts';
import { ORDER, presentListing, presentLook, presentSaga, totalOf } from './present.ts';
import { sagaDetail, sagaPage } from './schemas.ts';

const LIMIT = { unset: 50, most: 500 } as const;

/** A whole number in digits: coercing would read nothing as 0, and `0x10` as 16. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .refine((digits) => /^\d{1,10}$/.test(digits), 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most))
    .openapi({ type: 'integer', format: 'int32', minimum: least, maximum: most });

/** A strict object: a misspelt filter that was passed over would look like an answer. */
export const sagaFilter = z.strictObject({
  q: text(200).optional().meta({
    description:
      'Finds sagas by a label or another term to the letter, or by what their id begins with, whatever their number.',
  }),
  by: text(40).optional().meta({
    description: 'What `q` is alone: `label`, `id`, or a search attribute that a machine declares.',
  }),
  saga_id: text(200).optional().meta({ description: 'What the id begins with.' }),
  ...filters,
  status: z.enum(SAGA_STATUSES).optional(),
  stuck_for: whole(0, STUCK_FOR_MAX)
    .optional()
    .meta({ description: 'Seconds without a transition; unfinished sagas only.' }),
});

const query = sagaFilter.extend({
  limit: whole(1, LIMIT.most).default(LIMIT.unset).openapi({ default: LIMIT.unset }),
  cursor: text(200).optional().meta({ description: 'Opaque: as an answer gave it.' }),
});

const list = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas',
  operationId: 'listSagas',
  tags: ['Sagas'],
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
  tags: ['Sagas'],
  summary: 'One saga with its execution log.',
  // Named here for the document alone: the handler reads it.
  parameters: [
    requestHeader('If-None-Match', 'ETags of the saga as it is known already: 304 where it is still so.'),
  ],
  request: { params: sagaPath },
  responses: {
    200: {
      description: 'The saga.',
      headers: ETAG,
      content: { 'application/json': { schema: sagaDetail } },
      links: OPERATION_LINKS,
    },
    304: {
      description: 'It is as `If-None-Match` says.',
      headers: ETAG,
    },
    ...problemAnswers('saga-not-found', 'store-unavailable'),
  },
});

export function sagaRoutes(app: OpenAPIHono, engine: SagaEngine, now: () => number): void {
  const totals = totalsOf(engine, now);
  app.openapi(list, async (c) => {
    const { cursor, limit, ...asked } = c.req.valid('query');
    // To count them all costs ten times what a search does.
    const isSearch = asked.q !== undefined || asked.label !== undefined;
    const [page, total] = await Promise.all([
      pageOf(() => engine.list(filterOf(asked), cursor ?? null, limit)),
      totals(isSearch ? COUNTED_MS : 0),
    ]);
    if (page.cursor !== null) tell(c, 'link', nextLink(c, page.cursor));
    const body = {
      active_sagas: total,
      sagas: page.sagas.map(presentListing),
      cursor: page.cursor,
      damage: [...page.damage],
      ...presentLook(page),
    };
    return c.json(body, 200);
  });

  app.openapi(show, async (c) => {
    const { id } = c.req.valid('param');
    const ifNoneMatch = c.req.header('if-none-match');
    if (ifNoneMatch !== undefined) {
      // Whoever has it as it is, is told so from the record alone, without its log.
      const seq = await engine.seqOf(id);
      const etag = seq === null ? null : etagOf({ seq });
      if (etag !== null && isKnown(ifNoneMatch, etag)) return c.body(null, 304, { etag });
    }
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    // How many entries the log has had is the version that an operator's command can be bound to.
    tell(c, 'etag', etagOf(history.saga));
    return c.json(presentSaga(history), 200);
  });
}

/** How old the number of all sagas may be that is told beside what was sought. */
const COUNTED_MS = 60_000;

/** How many sagas there are, counted at most so long ago. */
function totalsOf(engine: SagaEngine, now: () => number): (ageMs: number) => Promise<number> {
  let counted: { readonly total: number; readonly atMs: number } | null = null;
  return async (ageMs) => {
    if (counted !== null && now() - counted.atMs < ageMs) return counted.total;
    const { statuses } = await engine.statistics();
    counted = { total: totalOf(statuses), atMs: now() };
    return counted.total;
  };
}

/** The ETag of a saga: the number of its newest log entry. */
export function etagOf({ seq }: { readonly seq: number }): string {
  return `"${seq}"`;
}

export async function pageOf<Page>(ask: () => Promise<Page>): Promise<Page> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof BadCursorError) throw new Problem('invalid-query', error.message);
    throw error;
  }
}

export function filterOf({
  saga_id: id,
  stuck_for,
  since,
  until,
  order_id,
  q,
  by,
  ...plain
}: z.infer<typeof sagaFilter>): Filter {
  const isAtOdds = (given: string | undefined, own: string | undefined) =>
    given !== undefined && given !== own;
  if (order_id !== undefined && (isAtOdds(plain.machine, ORDER) || isAtOdds(plain.label, order_id)))
    throw new Problem('invalid-query', 'order_id finds orders by their label: leave out machine and label');
  if (by !== undefined && q === undefined)
    throw new Problem('invalid-query', 'by says what q is: it needs a q');
  const filter = {
    ...plain,
    id,
    sought: q === undefined ? undefined : { text: q, ...(by !== undefined && { by }) },
    ...(order_id === undefined ? {} : { machine: ORDER, label: order_id }),
    stuckForMs: stuck_for === undefined ? undefined : stuck_for * 1000,
    sinceMs: since === undefined ? undefined : Date.parse(since),
    untilMs: until === undefined ? undefined : Date.parse(until),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/** RFC 8288. The path alone, since a proxy may stand before the coordinator under another name. */
export function nextLink(c: Context, cursor: string): string {
  const { searchParams } = new URL(c.req.url);
  searchParams.set('cursor', cursor);
  return `<${c.req.path}?${searchParams}>; rel="next"`;
}
