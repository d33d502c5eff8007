/**
 * What all coordinators write, as server-sent events. An event's id is a position in the store, so a client that lost
 * its connection goes on where it was, at whichever coordinator it reaches.
 */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Logger } from 'pino';
import type { Notice, SagaEngine, Watch, WatchRequest } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';

/** Often enough that no proxy takes the connection for a dead one. */
const HEARTBEAT_MS = 15_000;
/** When a client that lost its connection should come back. */
const RETRY_MS = 2_000;

const lastEventId = z
  .string()
  .optional()
  .openapi({ description: 'The id of the last event received: what came after it is told first.' });
const headers = z.object({ 'last-event-id': lastEventId });
const stream = {
  200: {
    description:
      '`ready` first; then `saga` for each write, with `saga_id`, `seq`, `state` and `status`; `gap` where some were ' +
      'left out, and what is shown must be read afresh. Ids are positions; a comment comes where nothing else does.',
    content: { 'text/event-stream': { schema: z.string() } },
  },
};

const all = createRoute({
  method: 'get',
  path: '/api/coordinator/events',
  operationId: 'watchSagas',
  summary: 'Every write of every coordinator, as it happens.',
  request: {
    headers,
    query: z.strictObject({
      saga_id: z.string().max(200).optional().meta({ description: 'The events of this saga alone.' }),
    }),
  },
  responses: {
    ...stream,
    ...problemAnswers('invalid-query', 'draining', 'too-many-watchers'),
  },
});

const one = createRoute({
  method: 'get',
  path: '/api/coordinator/sagas/{id}/events',
  operationId: 'watchSaga',
  summary: 'Every write of one saga, as it happens.',
  request: { headers, params: z.object({ id: z.string() }) },
  responses: {
    ...stream,
    ...problemAnswers('saga-not-found', 'store-unavailable', 'draining', 'too-many-watchers'),
  },
});

export function eventRoutes(app: OpenAPIHono, engine: SagaEngine, logger: Logger): void {
  const watch = (c: Context, sagaId: string | null) => {
    // What another server gave is a position too: a gap follows, and not an error with which no client could go on.
    const after = c.req.header('last-event-id') || null;
    return follow(c, () => begun(engine, { after, sagaId }), logger);
  };
  app.openapi(all, (c) => watch(c, c.req.valid('query').saga_id ?? null));
  app.openapi(one, async (c) => {
    const { id } = c.req.valid('param');
    if ((await engine.current(id)) === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    return watch(c, id);
  });
}

/** @throws Problem where it is refused */
function begun(engine: SagaEngine, request: WatchRequest): Watch {
  const watch = engine.watch(request);
  if (watch === 'draining') throw new Problem('draining', 'ask another coordinator');
  if (watch === 'full') throw new Problem('too-many-watchers', 'ask again later, or another coordinator');
  return watch;
}

function follow(c: Context, begin: () => Watch, logger: Logger): Response {
  const own = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  // Nobody would ever read, and so nobody would ever go.
  if (c.req.method === 'HEAD') return c.body(null, 200, own);
  const watch = begin();
  const response = streamSSE(c, async (to) => {
    to.onAbort(() => watch.close());
    try {
      await write(watch, to);
    } catch (error) {
      logger.error({ err: error }, 'a stream of events met a fault');
    } finally {
      watch.close();
    }
  });
  for (const [name, value] of Object.entries(own)) response.headers.set(name, value);
  return response;
}

/** Until the coordinator drains or the client goes. Each write waits until the connection takes it. */
async function write(watch: Watch, to: SSEStreamingApi): Promise<void> {
  for (;;) {
    const notice = await watch.next(HEARTBEAT_MS);
    if (notice === null) return;
    // Whoever watches one saga goes on from here, and not from its last event, which may be long gone by then.
    if (notice === 'nothing')
      await to.write(`:\n${watch.position === '' ? '' : `id: ${watch.position}\n`}\n`);
    else await to.writeSSE(presented(notice));
  }
}

function presented(notice: Notice) {
  const { kind: event, position: id } = notice;
  if (event === 'ready') return { event, id, data: '{}', retry: RETRY_MS };
  if (event === 'gap') return { event, id, data: '{}' };
  const { id: saga_id, seq, state, status } = notice;
  return { event, id, data: JSON.stringify({ saga_id, seq, state, status }) };
}
