/** Participants in the process of their coordinator: called without a socket, and bounded and counted as all others. */
import { Hono } from 'hono';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { StartedSaga } from '../../client/index.ts';
import {
  type Coordinator,
  type CoordinatorOptions,
  createCoordinator,
  defineSaga,
  memoryStore,
} from '../../index.ts';
import { createParticipant, done, memoryLedger, refused } from '../../participant/index.ts';

const sale = defineSaga({ id: 'sale', version: '1', input: z.strictObject({ cents: z.int() }) })
  .step('goods', {
    at: 'shop',
    action: {
      path: '/goods',
      request: ({ cents }) => ({ cents }),
      answer: z.object({ parcel: z.string() }),
      gains: ({ parcel }) => ({ parcel }),
    },
    undo: { path: '/goods/undo' },
  })
  .step('money', {
    at: 'shop',
    action: { path: '/money', request: ({ cents }) => ({ cents }), answer: z.object({}) },
    undo: { path: '/money/undo' },
  });

const opened: Coordinator[] = [];
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

async function open(
  shop: CoordinatorOptions['participants'][string],
  settings: CoordinatorOptions['settings'] = {},
): Promise<Coordinator> {
  const one = createCoordinator({
    ...{ sagas: [sale], store: memoryStore(), participants: { shop }, dashboard: false },
    log: pino({ level: 'silent' }),
    settings: {
      ...{ ACTION_ATTEMPTS_MAX: 1, COMPENSATION_ATTEMPTS_MAX: 1, COMPENSATION_BACKOFF_MS: 1 },
      ...settings,
    },
  });
  opened.push(one);
  await one.start();
  return one;
}

/** What came of the first action. */
const actionIn = (log: StartedSaga['execution_log']) =>
  log.find(({ kind, outcome }) => kind === 'action' && outcome !== null);

it('are called as over HTTP, by a ledger of theirs', async () => {
  const did: string[] = [];
  const seen: Record<string, string>[] = [];
  const made = (name: string) =>
    createParticipant(memoryLedger(), {
      perform({ body }) {
        if (name === 'money' && (body as { cents: number }).cents > 100)
          return refused('too much', { status: 402 });
        did.push(name);
        return done({ parcel: 'p-1' });
      },
      undo() {
        did.push(`undo ${name}`);
        return done({});
      },
    });
  const app = new Hono();
  for (const name of ['goods', 'money']) {
    const { action, compensation } = made(name);
    app.post(`/${name}`, (c) => {
      seen.push(c.req.header());
      return action(c.req.raw);
    });
    app.post(`/${name}/undo`, (c) => compensation(c.req.raw));
  }
  const one = await open(app.fetch);
  const completed = await one.run(sale, { cents: 5 });
  expect(completed).toMatchObject({ status: 'COMPLETED' });
  expect((await one.get(completed.saga_id)).context).toMatchObject({ parcel: 'p-1' });
  expect(seen[0]).toMatchObject({
    'content-type': 'application/json',
    'idempotency-key': `${completed.saga_id}:goods:action`,
    'saga-id': completed.saga_id,
    traceparent: expect.any(String),
  });
  expect(await one.run(sale, { cents: 500 })).toMatchObject({ status: 'FAILED', failed_step: 'money' });
  expect(did).toEqual(['goods', 'money', 'goods', 'undo goods']);
  expect(await one.client.health()).toMatchObject({
    all_services_healthy: true,
    services_health: { shop: true },
  });
});

it('may have done what they throw at: it is undone', async () => {
  const paths: string[] = [];
  const one = await open((request) => {
    const { pathname } = new URL(request.url);
    paths.push(pathname);
    if (pathname === '/goods') throw new Error('the shelf has fallen');
    return Response.json({});
  });
  const { status, execution_log: log } = await one.run(sale, { cents: 5 });
  expect(status).toBe('FAILED');
  expect(actionIn(log)).toMatchObject({
    outcome: 'unknown',
    error: 'the shelf has fallen',
  });
  expect(paths).toEqual(['/goods', '/goods/undo']);
});

it('are waited for no longer than a call may last, and learn of it', async () => {
  let learnt: unknown;
  const one = await open(
    (request) => {
      if (!request.url.endsWith('/goods')) return Response.json({});
      return new Promise<Response>(() => {
        request.signal.addEventListener('abort', () => {
          learnt = request.signal.reason;
        });
      });
    },
    { GOODS_ACTION_TIMEOUT_MS: 20 },
  );
  const { status, execution_log: log } = await one.run(sale, { cents: 5 });
  expect(status).toBe('FAILED');
  const timedOut = expect.stringMatching(/^no answer within \d+ ms$/);
  expect(actionIn(log)).toMatchObject({ outcome: 'unknown', error: timedOut });
  expect(learnt).toMatchObject({ message: timedOut });
});

it('are read no further than an answer may be long, and their refusals are heard', async () => {
  let isCancelled = false;
  const one = await open(
    (request) => {
      if (!request.url.endsWith('/goods')) return new Response(null, { status: 204 });
      const body = new ReadableStream<Uint8Array>({
        pull: (stream) => stream.enqueue(new Uint8Array(1024)),
        cancel: () => {
          isCancelled = true;
        },
      });
      return new Response(body, { headers: { 'content-type': 'application/json' } });
    },
    { ANSWER_BYTES_MAX: 4096 },
  );
  const { execution_log: log } = await one.run(sale, { cents: 5 });
  expect(actionIn(log)?.error).toMatch(/more bytes than ANSWER_BYTES_MAX/);
  expect(isCancelled).toBe(true);
});
