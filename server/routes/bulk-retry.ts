/**
 * A retry of many sagas at once, as after a participant that had failed them all is mended. Each is asked by itself,
 * under the ETag at which it was looked at: one that has moved since is left alone, and keeps no other from its retry.
 */
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { atOnce } from '../at-once.ts';
import { resultOf } from '../bulk/bulk.ts';
import type { OperationResult, SagaEngine } from '../engine/contract.ts';
import { byOf, callerOf, keyOf } from '../identity/caller.ts';
import { problemAnswers } from './answers.ts';
import { bulkRetry, registerRetryBodies, retryMany, SAGAS } from './bulk-retry-schemas.ts';
import { seqIn } from './operations.ts';
import { presentListing } from './present.ts';
import { etagOf, filterOf, pageOf } from './sagas.ts';

const retry = createRoute({
  method: 'post',
  path: '/api/coordinator/sagas:retry',
  operationId: 'retrySagas',
  tags: ['Operations'],
  summary: 'Retries many sagas, by filter or by name; a dry run says which.',
  request: { body: { required: true, content: { 'application/json': { schema: retryMany } } } },
  responses: {
    200: {
      description:
        'What came of each saga, also where all were refused; or of a dry run, which sagas there are.',
      content: { 'application/json': { schema: bulkRetry } },
    },
    ...problemAnswers(
      'malformed-json',
      'invalid-query',
      'body-too-large',
      'unsupported-media-type',
      'validation-error',
      'store-unavailable',
    ),
  },
});

/** A saga as it was looked at. */
interface Seen {
  readonly id: string;
  readonly seq: number;
}

export function bulkRetryRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  registerRetryBodies(app);
  app.openapi(retry, async (c) => {
    const {
      reason,
      by: typed,
      dry_run = false,
      filter,
      limit = SAGAS.unset,
      cursor,
      sagas = [],
    } = c.req.valid('json');
    const by = byOf(callerOf(c), typed);
    const page =
      filter === undefined
        ? null
        : await pageOf(() => engine.retryable(filterOf(filter), cursor ?? null, limit));
    if (dry_run && page !== null) {
      const found = page.sagas.map((saga) => ({ ...presentListing(saga), etag: etagOf(saga) }));
      return c.json({ dry_run: true as const, sagas: found, cursor: page.cursor }, 200);
    }

    const seen: readonly Seen[] =
      page?.sagas ?? sagas.map(({ saga_id, etag }) => ({ id: saga_id, seq: seqIn(etag) ?? 0 }));
    const actor = keyOf(callerOf(c));
    const results = await atOnce(seen, async ({ id, seq }) => {
      const result = await asked(() => engine.operate(id, { kind: 'retry', ifSeq: seq, reason, by, actor }));
      return { saga_id: id, ...result };
    });
    const accepted = results.filter(({ result }) => result === 'accepted').length;
    return c.json({ dry_run: false as const, accepted, results, cursor: page?.cursor ?? null }, 200);
  });
}

/** Where the store went away in the middle, whoever asked must still hear of the sagas before. */
async function asked(operate: () => Promise<OperationResult>) {
  try {
    return answerOf(await operate());
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return { result: 'store-unavailable' as const };
  }
}

function answerOf(result: OperationResult) {
  const name = { result: resultOf(result) };
  if (result.kind === 'moved') return { ...name, etag: etagOf(result) };
  const isOfState = result.kind === 'impossible' || result.kind === 'unknown-version';
  return isOfState ? { ...name, state: result.state } : name;
}
