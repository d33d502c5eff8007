/** A participant is asked what stands of a call, over real HTTP: what it says, that nothing changes by it, and skips that rest on it. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { contentDigest } from '../../participant/signature.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { expectProblem } from '../server/problem.ts';
import { type Answer, ORDER, openWorld, send, submit, type World } from './world.ts';

const TOKEN = 'tok_very_secret_indeed';
const SECRET = { ...ORDER, payment: { method: 'card', token: TOKEN } };

let world: World;
let url: string;
/** Between a coordinator and the payment service: what it does not answer itself goes through. */
let between: Server;
let answers: RequestListener | null = null;
let other: string;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator({ COORDINATOR_ID: 'one' })).url;
  between = createServer(async (request, response) => {
    if (answers !== null && request.method === 'GET' && request.url?.startsWith('/pay/api/stands')) {
      answers(request, response);
      return;
    }
    const chunks = await request.toArray();
    const body = request.method === 'POST' ? Buffer.concat(chunks) : null;
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => /^(saga|idem|content-type)/.test(name)),
    ) as Record<string, string>;
    const to = `${world.services.payment.url}${request.url?.replace(/^\/pay/, '')}`;
    const answer = await fetch(to, { method: request.method ?? 'GET', headers, body });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  const payment = `http://127.0.0.1:${(between.address() as AddressInfo).port}/pay`;
  const environment = { COORDINATOR_ID: 'two', PAYMENT_SERVICE_URL: payment, ANSWER_BYTES_MAX: '4096' };
  other = (await world.coordinator(environment)).url;
});
afterAll(async () => {
  between?.close();
  await world?.close();
});
afterEach(() => {
  answers = null;
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

/** One whose refund was refused: the payment is still held. */
async function parked(at = url): Promise<string> {
  const { shipping, payment } = world.services;
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const { body } = await submit(at, SECRET);
  shipping.faults.clear();
  payment.faults.clear();
  expect(body.status).toBe('ABORTED');
  return body.saga_id;
}

const sagaPath = (id: string, at = url) => `${at}/api/coordinator/sagas/${id}`;
const ask = (id: string, step = 'payment', at = url): Promise<Answer> =>
  send(`${sagaPath(id, at)}/ask`, { method: 'POST', body: { step } });
const skip = async (id: string, body: object, at = url): Promise<Answer> => {
  const { headers } = await send(sagaPath(id, at));
  return send(`${sagaPath(id, at)}/skip`, {
    method: 'POST',
    headers: { 'if-match': String(headers.etag) },
    body: { reason: 'refunded at the desk', by: 'ada', step: 'payment', ...body },
  });
};
const auditOf = async (id: string) =>
  (await send(`${url}/api/coordinator/audit?saga_id=${encodeURIComponent(id)}`)).body.entries;

/** As somebody does it by hand, with the command that the saga's page has. */
async function undoByHand(id: string): Promise<void> {
  const { body } = await send(`${sagaPath(id)}/calls?step=payment`);
  const undo = body.calls.find(({ kind }: { kind: string }) => kind === 'compensation');
  const headers = { 'idempotency-key': undo.idempotency_key, 'saga-id': id, 'saga-step': 'payment' };
  expect(await send(undo.url, { method: 'POST', headers, body: undo.body })).toMatchObject({ status: 200 });
}

/** All that Redis has of a saga. */
const stored = async (id: string) => {
  const [saga, audit] = await Promise.all([send(sagaPath(id)), auditOf(id)]);
  return { etag: saga.headers.etag, saga: saga.body, audit };
};

describe('asked what stands', () => {
  it('a participant says it by its ledger, before and after, and the saga stays as it was', async () => {
    const id = await parked();
    const before = await stored(id);
    const { status, body } = await ask(id);
    expect(status).toBe(200);
    const asked = `${world.services.payment.url}/api/stands?saga_id=${id}&step=payment`;
    expect(body).toMatchObject({
      saga_id: id,
      step: 'payment',
      participant: 'payment',
      url: asked,
      state: 'done',
      status: 200,
      error: null,
    });
    expect(body.digest).toBe(contentDigest(await (await fetch(asked)).text()));
    expect(JSON.parse(body.body)).toMatchObject({ action: { body: { payment_id: expect.any(String) } } });
    expect(new Date(body.asked_at).toISOString()).toBe(body.asked_at);
    expect((await ask(id, 'inventory')).body).toMatchObject({ state: 'undone' });
    expect((await ask(id, 'notification')).body).toMatchObject({
      state: 'unknown',
      status: 200,
      error: null,
    });
    await undoByHand(id);
    expect((await ask(id)).body).toMatchObject({ state: 'undone' });
    expect(await stored(id)).toEqual(before);
    // Its own calls alone were made, and the one that was made by hand.
    expect(world.calls(id).filter((call) => call.startsWith('payment'))).toEqual([
      'payment action performed',
      'payment compensation refused',
      'payment compensation performed',
    ]);
  });

  it.each<[string, RequestListener, object]>([
    [
      'has no such path',
      (_, response) => response.writeHead(404).end('gone'),
      { status: 404, error: 'payment answered 404', body: null, digest: contentDigest('gone') },
    ],
    [
      'says no word of it',
      (_, response) => response.writeHead(200).end('{"state":"maybe"}'),
      { status: 200, error: expect.stringContaining('`state` does not fit'), body: '{"state":"maybe"}' },
    ],
    [
      'says it with a failure',
      (_, response) => response.writeHead(503).end('{"state":"undone"}'),
      { status: 503, error: 'payment answered 503', body: '{"state":"undone"}' },
    ],
    [
      'leads elsewhere',
      (_, response) => response.writeHead(302, { location: world.services.payment.url }).end(),
      { status: 302, error: 'payment answered 302' },
    ],
    [
      'says too much',
      (_, response) =>
        response.writeHead(200).end(JSON.stringify({ state: 'undone', more: 'x'.repeat(5000) })),
      { status: 200, error: expect.stringContaining('ANSWER_BYTES_MAX'), body: null, digest: null },
    ],
    [
      'hangs up',
      (_, response) => response.destroy(),
      { status: null, error: expect.stringMatching(/./), body: null, digest: null },
    ],
  ])('nobody can tell by one that %s', async (_, answer, said) => {
    const id = await parked(other);
    answers = answer;
    expect((await ask(id, 'payment', other)).body).toMatchObject({ state: 'unknown', ...said });
    expectProblem(await skip(id, { with_proof: true }, other), 'unproven');
    expect((await send(sagaPath(id))).body.status).toBe('ABORTED');
  });

  it('what it echoes of a secret is not shown, and no more than can be read', async () => {
    const id = await parked(other);
    const said = { state: 'done', echo: `paid with ${TOKEN}`, amount: 'x'.repeat(3000) };
    answers = (_, response) => response.writeHead(200).end(JSON.stringify(said));
    const { body } = await ask(id, 'payment', other);
    expect(body.body).toMatch(/^\{"state":"done","echo":"paid with \[redacted\]","amount":"x+…$/);
    expect(body.body).toHaveLength(2000);
    expect(JSON.stringify(body)).not.toContain(TOKEN);
  });

  it('only what can be asked is asked', async () => {
    const id = await parked();
    expectProblem(await ask(id, 'weather'), 'not-askable');
    expectProblem(await ask('07-none'), 'saga-not-found');
    expectProblem(await ask(id, ''), 'validation-error');
  });
});

describe('a skip with a proof', () => {
  it('is made where the participant says that it is undone, and log and audit carry what it said', async () => {
    const id = await parked();
    expectProblem(await skip(id, { with_proof: true }), 'unproven', /payment says that it is done/);
    expect(await auditOf(id)).toEqual([]);
    await undoByHand(id);
    const { digest, url: asked } = (await ask(id)).body;
    expect((await skip(id, { with_proof: true })).status).toBe(202);
    let saga = (await send(sagaPath(id))).body;
    while (saga.status === 'ABORTED') saga = (await send(sagaPath(id))).body;
    expect(saga.status).toBe('FAILED');
    const { reason } = saga.execution_log.find(({ event }: { event: string }) => event === 'skip');
    const [, at = ''] =
      /^refunded at the desk \(proof: payment answered 200, undone, at (\S+) to GET \S+; \S+\)$/.exec(
        reason,
      ) ?? [];
    expect(reason).toContain(`to GET ${asked}; ${digest})`);
    expect(new Date(at).toISOString()).toBe(at);
    expect(await auditOf(id)).toMatchObject([{ action: 'skip', by: 'ada', reason, step: 'payment' }]);
  });

  it('is asked of many at once, each of which has its own', async () => {
    const [open, undone] = [await parked(), await parked()];
    await undoByHand(undone);
    const etags = await Promise.all(
      [open, undone].map(async (id) => (await send(sagaPath(id))).headers.etag),
    );
    const sagas = [open, undone].map((saga_id, index) => ({ saga_id, etag: etags[index] }));
    const asked = { act: 'skip', step: 'payment', with_proof: true, reason: 'at the desk', by: 'ada', sagas };
    const begun = await send(`${url}/api/coordinator/bulks`, { method: 'POST', body: asked });
    expect([begun.status, begun.body]).toMatchObject([202, { act: 'skip', with_proof: true }]);
    const path = `${url}/api/coordinator/bulks/${begun.body.bulk_id}`;
    let { body } = await send(path);
    while (body.counts.unasked + body.counts.pending > 0) ({ body } = await send(path));
    expect(body.sagas).toMatchObject([
      { saga_id: open, result: 'unproven', state: 'refused', status: 'ABORTED' },
      { saga_id: undone, result: 'accepted', state: 'done', status: 'FAILED' },
    ]);
    expect(await auditOf(open)).toEqual([]);
    expect(await auditOf(undone)).toMatchObject([
      { reason: expect.stringMatching(/^at the desk \(proof: payment answered 200, undone, at /) },
    ]);
    const wrong = { ...asked, act: 'retry', step: undefined };
    const refused = await send(`${url}/api/coordinator/bulks`, { method: 'POST', body: wrong });
    expectProblem(refused, 'validation-error');
    expect(refused.body.errors).toMatchObject([{ pointer: '/with_proof' }]);
  });

  it('needs the saga as it was looked at, as any skip', async () => {
    const id = await parked();
    await undoByHand(id);
    const body = { reason: 'r', step: 'payment', with_proof: true };
    expectProblem(await send(`${sagaPath(id)}/skip`, { method: 'POST', body }), 'precondition-required');
    const headers = { 'if-match': '"1"' };
    expectProblem(await send(`${sagaPath(id)}/skip`, { method: 'POST', body, headers }), 'saga-moved');
  });
});
