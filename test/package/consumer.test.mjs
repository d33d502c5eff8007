/** What users of the package do with it, on whatever Node this is: run by `npm run nodes`, in a folder where it is installed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { checkSaga, createCoordinator, defineSaga, MachineError, memoryStore, ProblemError } from 'saga-coordinator';
import { SagaClient } from 'saga-coordinator/client';
import { z } from 'zod';

const text = z.string();
const journey = defineSaga({ id: 'journey', version: '1', input: z.strictObject({ to: text, card: text }) })
  .step('flight', {
    at: 'airline',
    action: { path: '/book', request: ({ to }) => ({ to }), answer: z.object({ flight: text }) },
    undo: { path: '/cancel' },
  })
  .step('payment', {
    at: 'bank',
    action: { path: '/pay', request: ({ card }) => ({ card }), answer: z.object({}) },
    undo: { path: '/refund' },
  });

const called = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  called.push(request.url);
  const isDeclined = request.url === '/pay' && JSON.parse(body).card === 'none';
  response.writeHead(isDeclined ? 402 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(isDeclined ? { title: 'Declined' } : { flight: 'LH-1' }));
});
let coordinator;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  coordinator = createCoordinator({
    sagas: [journey],
    store: memoryStore(),
    participants: { airline: url, bank: url },
    settings: { LOG_LEVEL: 'silent' },
  });
  await coordinator.start();
});
after(async () => {
  await coordinator.close();
  server.close();
  server.closeAllConnections();
});

test('runs a saga to its end', async () => {
  const saga = await coordinator.run(journey, { to: 'PAR', card: 'tok_1' });
  assert.equal(saga.status, 'COMPLETED');
  assert.deepEqual(called.splice(0), ['/book', '/pay']);
});

test('undoes what was done', async () => {
  const saga = await coordinator.run(journey, { to: 'PAR', card: 'none' });
  assert.equal(saga.status, 'FAILED');
  assert.deepEqual(called.splice(0), ['/book', '/pay', '/refund', '/cancel']);
});

test('shows its pages and its API', async () => {
  const page = await coordinator.fetch(new Request('http://localhost/'));
  assert.match(await page.text(), /<h1/);
  const script = await coordinator.fetch(new Request('http://localhost/assets/dashboard.js'));
  assert.equal(script.status, 200);
  assert.equal((await coordinator.client.list()).sagas.length, 2);
});

test('refuses what is no input, by its type', async () => {
  await assert.rejects(coordinator.run(journey, { to: 'PAR' }), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.type, 'validation-error');
    return true;
  });
});

test('finds a saga that breaks a rule', async () => {
  await checkSaga(journey);
  const empty = defineSaga({ id: 'empty', version: '1', input: z.object({}) });
  await assert.rejects(checkSaga(empty), MachineError);
});

test('has a client for coordinators elsewhere', async () => {
  const client = new SagaClient({ url: 'http://127.0.0.1:9', retryMs: 0 });
  await assert.rejects(client.health(), { name: 'UnreachableError' });
});
