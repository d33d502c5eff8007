/**
 * What all coordinators write, as server-sent events. An event's id is a position in the store, so a client that lost
 * its connection goes on where it was, at whichever coordinator it reaches.
 */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import type { Logger } from 'pino';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Notice, SagaEngine, SagaHistory, Watch, WatchRequest } from '../engine/contract.ts';
import type { Limits } from '../limits/limits.ts';
import { Problem } from '../problem.ts';
import { shownError } from '../telemetry/shown-error.ts';
import { problemAnswers } from './answers.ts';
import { eventStream, registerStreamEvent } from './event-schemas.ts';
import { sagaPath, text } from './fields.ts';

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
      '`ready` first, for one saga with the state in which it is; then `saga` for each write, with `saga_id`, `seq`, `state` and ' +
      '`status`; `gap` where some were left out, and what is shown must be read afresh; `store`, also before `ready`, where ' +
      'the store is away and where it is back. Ids are positions; a comment comes where nothing else does.',
    content: { 'text/event-stream': { schema: eventStream } },
  },
};

const all = createRoute({
  method: 'get',
  path: '/api/coordinator/events',
  operationId: 'watchSagas',
  tags: ['Events'],
  summary: 'Every write of every coordinator, as it happens.',
  request: {
    headers,
    query: z.strictObject({
      saga_id: text(200, 0).optional().meta({ description: 'The events of this saga alone.' }),
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
  tags: ['Events'],
  summary: 'Every write of one saga, as it happens.',
  request: { headers, params: sagaPath },
  responses: {
    ...stream,
    ...problemAnswers('saga-not-found', 'store-unavailable', 'draining', 'too-many-watchers'),
  },
});

export function eventRoutes(app: OpenAPIHono, engine: SagaEngine, limits: Limits, logger: Logger): void {
  registerStreamEvent(app);
  const watch = (c: Context, sagaId: string | null) => {
    // What another server gave is a position too: a gap follows, and not an error with which no client could go on.
    const after = c.req.header('last-event-id') || null;
    const standing = async () => (sagaId === null ? {} : standingOf(await engine.current(sagaId)));
    return follow(c, () => kept(c, limits, () => begun(engine, { after, sagaId })), standing, logger);
  };
  app.openapi(all, (c) => watch(c, c.req.valid('query').saga_id ?? null));
  app.openapi(one, async (c) => {
    const { id } = c.req.valid('param');
    if ((await engine.current(id)) === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    return watch(c, id);
  });
}

/** The saga as a write of it would tell of it; nothing of one that is not there yet. */
function standingOf(history: SagaHistory | null): object {
  if (history === null) return {};
  const { id: saga_id, seq, summary, status } = history.saga;
  return { saga_id, seq, state: summary.state, status };
}

/** @throws Problem where it is refused */
function begun(engine: SagaEngine, request: WatchRequest): Watch {
  const watch = engine.watch(request);
  if (watch === 'draining') throw new Problem('draining', 'ask another coordinator');
  if (watch === 'full') throw new Problem('too-many-watchers', 'ask again later, or another coordinator');
  return watch;
}

/** A watch that counts among what waits of its caller. @throws Problem where as many wait as may */
function kept(c: Context, limits: Limits, begin: () => Watch): Watch {
  const leave = limits.wait(c, 'stream');
  if (leave === null) throw new Problem('too-many-watchers', 'of this caller: let one of them end first');
  try {
    const watch = begin();
    return {
      next: (waitMs) => watch.next(waitMs),
      get position() {
        return watch.position;
      },
      close: () => {
        leave();
        watch.close();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}

function follow(c: Context, begin: () => Watch, standing: Standing, logger: Logger): Response {
  const own = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  // Nobody would ever read, and so nobody would ever go.
  if (c.req.method === 'HEAD') return c.body(null, 200, own);
  const watch = begin();
  const response = streamSSE(c, async (to) => {
    to.onAbort(() => watch.close());
    try {
      await write(watch, to, standing);
    } catch (error) {
      logger.error(
        { err: shownError(error), request_id: c.get('requestId') },
        'a stream of events met a fault',
      );
    } finally {
      watch.close();
    }
  });
  for (const [name, value] of Object.entries(own)) response.headers.set(name, value);
  return response;
}

/** Until the coordinator drains or the client goes. Each write waits until the connection takes it. */
async function write(watch: Watch, to: SSEStreamingApi, standing: Standing): Promise<void> {
  let told = '';
  for (;;) {
    const notice = await watch.next(HEARTBEAT_MS);
    if (notice === null) return;
    if (notice === 'nothing') {
      // Whoever watches one saga goes on from here, and not from its last event, which may be long gone by then. Where
      // nothing has moved no id is told again: some clients hand such a thing on as an event that is empty.
      const { position } = watch;
      await to.write(position === told ? ':\n\n' : `:\nid: ${position}\n\n`);
      told = position;
    } else if (notice.kind === 'store') {
      // No place in the feed: whoever comes again goes on from where it was.
      await to.writeSSE({ event: 'store', data: JSON.stringify({ reachable: notice.isReachable }) });
    } else {
      await to.writeSSE(await presented(notice, standing));
      told = notice.position;
    }
  }
}

/** Asked only when the watch has begun: what is written after that is told, and what came before is in it. */
type Standing = () => Promise<object>;

async function presented(notice: Exclude<Notice, { readonly kind: 'store' }>, standing: Standing) {
  const { kind: event, position: id } = notice;
  if (event === 'ready') return { event, id, data: JSON.stringify(await known(standing)), retry: RETRY_MS };
  if (event === 'gap') return { event, id, data: '{}' };
  const { id: saga_id, seq, state, status } = notice;
  return { event, id, data: JSON.stringify({ saga_id, seq, state, status }) };
}

/** The stream goes on while the store is away; what is written afterwards is told all the same. */
async function known(standing: Standing): Promise<object> {
  try {
    return await standing();
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return {};
  }
}
