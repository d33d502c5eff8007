/** From a request to the ledger: what is wrong with it, and by which servers it comes. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { createParticipant, done, memoryLedger, nodeHandler } from '../../participant/index.ts';
import { BODY, call, question } from './ledger-suite.ts';

const participant = createParticipant(
  memoryLedger(),
  {
    perform: ({ body, sagaId, step, idempotencyKey, attempt }) =>
      done({ body, sagaId, step, idempotencyKey, attempt }),
    undo: () => done(),
  },
  { bodyBytesMax: 100 },
);
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function served(handler: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/pay`;
}

it.each([
  ['no Saga-Step', () => without(call('s1', 'action'), 'saga-step'), 400, 'missing-header'],
  ['a Saga-Id too long', () => call('s'.repeat(257), 'action'), 400, 'header-too-long'],
  ['another media type', () => typed(call('s1', 'action'), 'text/plain'), 415, 'unsupported-media-type'],
  ['no JSON', () => call('s1', 'action', '{'), 400, 'malformed-json'],
  ['nothing', () => call('s1', 'action', ''), 400, 'malformed-json'],
  ['too much', () => call('s1', 'action', JSON.stringify('x'.repeat(100))), 413, 'body-too-large'],
])('says what is wrong with a call that brings %s', async (_, request, status, type) => {
  const response = await participant.action(request());
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect([response.status, await response.json()]).toEqual([
    status,
    expect.objectContaining({ status, type }),
  ]);
});

it('takes JSON by other names of its media type', async () => {
  for (const type of ['Application/JSON; charset=utf-8', 'application/vnd.pay+json'])
    expect((await participant.action(typed(call(`s-${type.length}`, 'action'), type))).status).toBe(200);
});

it.each(['', '?saga_id=s1', '?step=payment', '?saga_id=s1&step=', `?saga_id=${'s'.repeat(257)}&step=a`])(
  'says what is wrong with a question with the query %j',
  async (query) => {
    const response = await participant.ask(new Request(`http://participant/stands${query}`));
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ type: 'bad-query' }),
    ]);
  },
);

it('keeps what lies between from keeping what it says', async () => {
  const response = await participant.ask(question('s-cached'));
  expect(response.headers.get('cache-control')).toBe('no-store');
});

function typed(request: Request, type: string): Request {
  request.headers.set('content-type', type);
  return request;
}

function without(request: Request, name: string): Request {
  request.headers.delete(name);
  return request;
}

const EXPECTED = {
  body: BODY,
  sagaId: 's-node',
  step: 'payment',
  idempotencyKey: 's-node:payment:action',
  attempt: 1,
};

it('serves a (req, res) server, also one that has parsed the body', async () => {
  const handler = nodeHandler(participant.action);
  const plain = await served((req, res) => void handler(req, res));
  const parsing = await served(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    await handler(Object.assign(req, { body: JSON.parse(text) }) as IncomingMessage, res);
  });
  for (const url of [plain, parsing]) {
    const { headers } = call('s-node', 'action');
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(BODY) });
    expect([response.status, await response.json()]).toEqual([200, EXPECTED]);
  }
  const read = await fetch(plain);
  expect(read.status).toBe(400);
});

it('gives what was thrown to next, and answers 500 where there is none', async () => {
  const thrown = new Error('a bug');
  const handler = nodeHandler(() => Promise.reject(thrown));
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const alone = await served((req, res) => void handler(req, res));
  const response = await fetch(alone, { method: 'POST', body: '{}' });
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('a bug');
  expect(String(written.mock.calls)).toContain('a bug');
  const passed: unknown[] = [];
  const inChain = await served((req, res) =>
    handler(req, res, (error) => {
      passed.push(error);
      res.end();
    }),
  );
  await fetch(inChain, { method: 'POST', body: '{}' });
  expect(passed).toEqual([thrown]);
});
