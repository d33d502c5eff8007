/** Who did what, over all sagas: in pages, as a file to be verified, and as a table. */
import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import type { AuditEntry, AuditFilter } from '../../stores/saga-store.ts';
import { tell } from '../answer.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { header, problemAnswers } from './answers.ts';
import { auditFilter, auditPage, auditQuery } from './audit-schemas.ts';
import { nextLink, pageOf } from './sagas.ts';
import { LINES, row, streamed, TABLE } from './streamed.ts';

/** Entries that are read at once where all are. */
const PART = 500;

const list = createRoute({
  method: 'get',
  path: '/api/coordinator/audit',
  operationId: 'listAudit',
  tags: ['Audit'],
  summary: 'Who did what, newest first.',
  request: { query: auditQuery },
  responses: {
    200: {
      description: 'One page.',
      headers: header('Link', '`rel="next"`, where there is a next page (RFC 8288).'),
      content: { 'application/json': { schema: auditPage } },
    },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

const lines = createRoute({
  method: 'get',
  path: '/api/coordinator/audit.ndjson',
  operationId: 'exportAudit',
  tags: ['Audit'],
  summary:
    'All entries as they are stored, one JSON a line, chain by chain: what `saga audit verify` verifies.',
  responses: {
    200: {
      description: 'The entries, oldest first in each chain.',
      content: { [LINES]: { schema: { type: 'string' } } },
    },
    ...problemAnswers('store-unavailable'),
  },
});

const table = createRoute({
  method: 'get',
  path: '/api/coordinator/audit.csv',
  operationId: 'exportAuditTable',
  tags: ['Audit'],
  summary: 'Entries as a table (RFC 4180), newest first.',
  request: { query: auditFilter },
  responses: {
    200: { description: 'The entries.', content: { 'text/csv': { schema: { type: 'string' } } } },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

export function auditRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(list, async (c) => {
    const { cursor, limit, ...asked } = c.req.valid('query');
    const page = await pageOf(() => engine.audit.list(filterOf(asked), cursor ?? null, limit));
    if (page.cursor !== null) tell(c, 'link', nextLink(c, page.cursor));
    return c.json({ entries: [...page.entries], cursor: page.cursor, damage: [...page.damage] }, 200);
  });
  // Its type looks like JSON to the router, and is none.
  app.openapi(lines, (c) => streamed(c, LINES, 'audit.ndjson', storedLines(engine)) as Promise<never>);
  app.openapi(table, (c) => {
    const filter = filterOf(c.req.valid('query'));
    return streamed(c, TABLE, 'audit.csv', rows(engine, filter));
  });
}

function filterOf({ since, until, ...plain }: z.infer<typeof auditFilter>): AuditFilter {
  const filter = {
    ...plain,
    sinceMs: since === undefined ? undefined : Date.parse(since),
    untilMs: until === undefined ? undefined : Date.parse(until),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

async function* storedLines(engine: SagaEngine): AsyncGenerator<string, void> {
  for (let chain = 0; chain < engine.store.partitions; chain += 1) {
    for (let from: number | null = 0; from !== null; ) {
      const part: Awaited<ReturnType<SagaEngine['audit']['read']>> = await engine.audit.read(
        chain,
        from,
        PART,
      );
      if (part.lines.length > 0) yield part.lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      from = part.next;
    }
  }
}

const COLUMNS: readonly (readonly [string, (entry: AuditEntry) => string | number | null | undefined])[] = [
  ['at', ({ at }) => at],
  ['action', ({ action }) => action],
  ['outcome', ({ outcome }) => outcome],
  ['actor', ({ actor }) => actor],
  ['by', ({ by }) => by],
  ['reason', ({ reason }) => reason],
  ['saga_id', ({ saga_id }) => saga_id],
  ['machine', ({ machine }) => machine],
  ['step', ({ step }) => step],
  ['as', ({ as }) => as],
  ['event', ({ event }) => event],
  ['state_before', ({ before }) => before?.state],
  ['status_before', ({ before }) => before?.status],
  ['state_after', ({ after }) => after?.state],
  ['status_after', ({ after }) => after?.status],
  ['asked_at', ({ asked_at }) => asked_at],
  ['request', ({ request }) => request],
  ['chain', ({ chain }) => chain],
  ['seq', ({ seq }) => seq],
  ['hash', ({ hash }) => hash],
];

async function* rows(engine: SagaEngine, filter: AuditFilter): AsyncGenerator<string, void> {
  yield row(COLUMNS.map(([name]) => name));
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SagaEngine['audit']['list']>> = await engine.audit.list(
      filter,
      cursor,
      PART,
    );
    if (page.entries.length > 0)
      yield page.entries.map((entry) => row(COLUMNS.map(([, of]) => of(entry)))).join('');
    cursor = page.cursor;
  } while (cursor !== null);
}
