import { hash } from 'node:crypto';
import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { RegisteredMachine } from '../../machines/index.ts';
import { type Order, orderInput } from '../../machines/order.ts';
import { type SagaStatus, StoreUnavailableError } from '../../stores/saga-store.ts';
import type { SagaEngine, SagaHistory, StartResult } from '../engine/contract.ts';
import { Problem, RETRY_AFTER_SECONDS } from '../problem.ts';
import { header, problemAnswers, requestHeader } from './answers.ts';
import { idempotencyKeyOf, preferenceOf } from './preferences.ts';
import { presentOrder } from './present.ts';
import { orderAnswer, orderRequest } from './schemas.ts';

export interface OrderRoute {
  readonly engine: SagaEngine;
  readonly machine: RegisteredMachine;
  readonly waitMs: number;
}

const headers = {
  ...header('Location', 'Where the saga can be read.'),
  ...header('Preference-Applied', 'What of Prefer was honoured.'),
};
const content = { 'application/json': { schema: orderAnswer } };

const submit = createRoute({
  method: 'post',
  path: '/api/coordinator/orders',
  operationId: 'submitOrder',
  summary: 'Runs an order as a saga, and answers when it has ended or the wait is over.',
  // Named here for the document alone: the handler reads them, and says itself what is wrong with one.
  parameters: [
    requestHeader('prefer', '`respond-async`, or `wait=N` in seconds (RFC 7240).'),
    requestHeader('idempotency-key', 'Quoted or bare. The same key and body give the same saga.'),
    requestHeader('traceparent', 'W3C trace context: the saga becomes part of the trace.'),
  ],
  request: {
    body: { required: true, content: { 'application/json': { schema: orderRequest } } },
  },
  responses: {
    201: { description: 'All steps were done.', headers, content },
    202: {
      description: 'Still running: ask again at Location.',
      headers: { ...headers, ...header('Retry-After', 'Seconds after which to ask again.') },
      content,
    },
    409: {
      description: 'The order failed and was undone, or is parked with something still held.',
      headers,
      content,
    },
    ...problemAnswers(
      'malformed-json',
      'invalid-header',
      'body-too-large',
      'unsupported-media-type',
      'validation-error',
      'idempotency-key-reused',
      'draining',
      'overloaded',
      'store-unavailable',
      'start-unknown',
    ),
  },
});

/** How long a client waits for the store to know its saga, within its own wait. */
const PATIENCE_MS = { least: 1000, most: 5000 } as const;

/** 201 done, 409 not done, 202 not yet. */
const ANSWER_STATUS = { COMPLETED: 201, FAILED: 409, ABORTED: 409, STARTED: 202 } as const satisfies Record<
  SagaStatus,
  number
>;

export function orderRoutes(app: OpenAPIHono, { engine, machine, waitMs }: OrderRoute): void {
  app.openapi(submit, async (c) => {
    const preference = preferenceOf(c.req.header('prefer'), waitMs);
    const key = idempotencyKeyOf(c.req.header('idempotency-key'));
    const order = c.req.valid('json');
    const idempotency = key === null ? null : { key, digest: digestOf(order) };

    const started = await engine.start({
      machine,
      input: orderInput(order as Order),
      idempotency,
      trace: { traceparent: c.req.header('traceparent'), tracestate: c.req.header('tracestate') },
      patienceMs: Math.min(Math.max(preference.waitMs, PATIENCE_MS.least), PATIENCE_MS.most),
    });
    switch (started.kind) {
      case 'started':
      case 'joined':
        break;
      case 'key-reused':
        throw new Problem('idempotency-key-reused', `the key belongs to saga ${started.id}`, {
          saga_id: started.id,
        });
      case 'unknown':
        throw unknownStart(started.id);
      default:
        throw notStarted(started.why);
    }

    c.header('location', locationOf(started.id));
    if (preference.applied !== null) c.header('preference-applied', preference.applied);
    return answer(c, await settledOrCurrent(engine, started.id, preference.waitMs));
  });
}

function answer(c: Context, history: SagaHistory) {
  const status = ANSWER_STATUS[history.saga.status];
  if (status === 202) c.header('retry-after', RETRY_AFTER_SECONDS);
  return c.json(presentOrder(history), status);
}

/** The saga as it ended, or as it stands when the wait is over. */
async function settledOrCurrent(engine: SagaEngine, id: string, waitMs: number): Promise<SagaHistory> {
  try {
    const history = (await engine.settled(id, waitMs)) ?? (await engine.current(id));
    if (history !== null) return history;
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    // Not `store-unavailable`: that would invite the client to order again, and this saga was stored.
    throw unknownStart(id);
  }
  throw new Problem('saga-not-found', `saga ${id} has been purged`);
}

function notStarted(why: Extract<StartResult, { kind: 'refused' }>['why']): Problem {
  const again = 'nothing was stored; the same request can be sent again';
  if (why === 'store-full') {
    return new Problem('overloaded', `the store has all the running sagas that it may have; ${again}`);
  }
  return new Problem(why, again);
}

function unknownStart(id: string): Problem {
  const detail = 'the store does not answer; if the saga was stored, it runs under this id';
  return new Problem('start-unknown', detail, { saga_id: id }, { location: locationOf(id) });
}

export function locationOf(id: string): string {
  return `/api/coordinator/sagas/${id}`;
}

/** The same order gives the same digest however it was written: validation has put its fields in one order. */
function digestOf({ metadata, ...order }: z.infer<typeof orderRequest>): string {
  const entries = Object.entries(metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify([order, entries]), 'base64url');
}
