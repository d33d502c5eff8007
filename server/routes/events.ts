/**
 * What all coordinators write, as server-sent events. An event's id is a position in the store, so a client that lost
 * its connection goes on where it was, at whichever coordinator it reaches.
 */
import type { HttpBindings } from '@hono/node-server';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { SagaEngine, Watch, WatchRequest } from '../engine/contract.ts';
import type { Limits } from '../limits/limits.ts';
import { Problem } from '../problem.ts';
import { shownError } from '../telemetry/shown-error.ts';
import { problemAnswers } from './answers.ts';
import { chunksOf } from './event-chunks.ts';
import { eventStream, registerStreamEvent } from './event-schemas.ts';
import { sagaPath, text } from './fields.ts';

/** A client that takes nothing of what it was given for so long is cut off: it keeps its place from others. */
const STALLED_MS = 60_000;

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

interface EventRoutes {
  readonly engine: SagaEngine;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function eventRoutes(app: OpenAPIHono, parts: EventRoutes): void {
  const { engine, limits } = parts;
  registerStreamEvent(app);
  const watch = (c: Context, sagaId: string | null) => {
    // What another server gave is a position too: a gap follows, and not an error with which no client could go on.
    const after = c.req.header('last-event-id') || null;
    const standing = () => standingOf(engine, sagaId);
    return follow(c, () => kept(c, limits, () => begun(engine, { after, sagaId })), standing, parts);
  };
  app.openapi(all, (c) => watch(c, c.req.valid('query').saga_id ?? null));
  app.openapi(one, async (c) => {
    const { id } = c.req.valid('param');
    if ((await engine.current(id)) === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    return watch(c, id);
  });
}

/**
 * The saga as a write of it would tell of it; nothing of one that is not there yet, and nothing while the store is away: the
 * stream goes on, and what is written afterwards is told all the same.
 */
async function standingOf(engine: SagaEngine, sagaId: string | null): Promise<object> {
  try {
    const history = sagaId === null ? null : await engine.current(sagaId);
    if (history === null) return {};
    const { id: saga_id, seq, summary, status } = history.saga;
    return { saga_id, seq, state: summary.state, status };
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    return {};
  }
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

function follow(
  c: Context,
  begin: () => Watch,
  standing: () => Promise<object>,
  { clock, logger }: EventRoutes,
): Response {
  const own = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
  // Nobody would ever read, and so nobody would ever go.
  if (c.req.method === 'HEAD') return c.body(null, 200, own);
  const watch = begin();
  const chunks = chunksOf(watch, standing);
  let isOpen = true;
  let taken = () => {};
  const end = () => {
    isOpen = false;
    taken();
    watch.close();
  };
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
  const cut = () => (outgoing === undefined ? end() : outgoing.destroy());
  const pull = async (to: ReadableStreamDefaultController<Uint8Array>) => {
    taken();
    try {
      const { value } = await chunks.next();
      if (isOpen && value !== undefined) {
        to.enqueue(value);
        taken = clock.after(STALLED_MS, cut);
        return;
      }
    } catch (error) {
      const request_id = c.get('requestId');
      logger.error({ err: shownError(error), request_id }, 'a stream of events met a fault');
    }
    if (isOpen) to.close();
    end();
  };
  // Asked for one chunk at a time, when the connection takes it: all that waits is in the watch, which bounds it.
  const body = new ReadableStream<Uint8Array>({ pull, cancel: end }, { highWaterMark: 0 });
  // Chunked from the beginning, or the server would first wait for what comes, to know whether that is all.
  return c.body(body, 200, { ...own, connection: 'keep-alive', 'transfer-encoding': 'chunked' });
}
