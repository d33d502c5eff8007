/** All sagas that a listing filters, as a file: a table, or one JSON a line. */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Filter } from '../../stores/saga-store.ts';
import type { SagaEngine, SagaListing } from '../engine/contract.ts';
import { problemAnswers } from './answers.ts';
import { presentListing } from './present.ts';
import { filterOf, sagaFilter } from './sagas.ts';
import { LINES, row, streamed, TABLE } from './streamed.ts';

/** Sagas that are read at once. */
const PART = 500;

const lines = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas.ndjson',
  operationId: 'exportSagas',
  tags: ['Sagas'],
  summary: 'All sagas that are filtered, newest first, one JSON a line, each as a page has it.',
  request: { query: sagaFilter },
  responses: {
    200: { description: 'The sagas.', content: { [LINES]: { schema: { type: 'string' } } } },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

const table = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas.csv',
  operationId: 'exportSagasTable',
  tags: ['Sagas'],
  summary: 'All sagas that are filtered, newest first, as a table (RFC 4180).',
  request: { query: sagaFilter },
  responses: {
    200: { description: 'The sagas.', content: { 'text/csv': { schema: { type: 'string' } } } },
    ...problemAnswers('invalid-query', 'store-unavailable'),
  },
});

export function sagaExportRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  // Its type looks like JSON to the router, and is none.
  app.openapi(lines, (c) => {
    const parts = written(engine, filterOf(c.req.valid('query')), '', asLine);
    return streamed(c, LINES, 'sagas.ndjson', parts) as Promise<never>;
  });
  app.openapi(table, (c) => {
    const heads = row(COLUMNS.map(([name]) => name));
    return streamed(c, TABLE, 'sagas.csv', written(engine, filterOf(c.req.valid('query')), heads, asRow));
  });
}

async function* written(
  engine: SagaEngine,
  filter: Filter,
  head: string,
  write: (saga: SagaListing) => string,
): AsyncGenerator<string, void> {
  let text = head;
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SagaEngine['list']>> = await engine.list(filter, cursor, PART);
    text += page.sagas.map(write).join('');
    if (text !== '') yield text;
    text = '';
    cursor = page.cursor;
  } while (cursor !== null);
}

function asLine(saga: SagaListing): string {
  return `${JSON.stringify(presentListing(saga))}\n`;
}

type Presented = ReturnType<typeof presentListing>;

const COLUMNS: readonly (readonly [string, (saga: Presented) => string | number | null])[] = [
  ['saga_id', ({ saga_id }) => saga_id],
  ['label', ({ label }) => label],
  ['status', ({ status }) => status],
  ['state', ({ state }) => state],
  ['machine', ({ machine }) => machine.id],
  ['version', ({ machine }) => machine.version],
  ['steps_completed', ({ steps_completed }) => steps_completed],
  ['total_steps', ({ total_steps }) => total_steps],
  ['failed_step', ({ failed_step }) => failed_step],
  ['created_at', ({ created_at }) => created_at],
  ['updated_at', ({ updated_at }) => updated_at],
  ['unreadable', ({ unreadable }) => unreadable],
];

function asRow(saga: SagaListing): string {
  const presented = presentListing(saga);
  return row(COLUMNS.map(([, of]) => of(presented)));
}
