/** Answers get all of their headers at once: whatever is set on one that is made costs more than the rest of its way. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { type HttpServer, openServer } from '../../server/http-server.ts';
import { ORDER } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';

const ID = '07-01a208fa-4b65-759d-877e-0be0ad34792f';
const RUNNING = {
  log: [],
  saga: {
    id: ID,
    status: 'STARTED',
    summary: {},
    machine: { id: 'order' },
    steps: [],
    context: { data: {}, held: [] },
  },
} as never;

let server: HttpServer;
const agent = new Agent();
const engine: Partial<SagaEngine> = {
  start: async () => ({ kind: 'started', id: ID }),
  settled: async () => null,
  current: async () => RUNNING,
};

beforeAll(async () => {
  const app = appOver(engine);
  const fetch = (asked: Request, bindings?: object) => app.fetch(asked, bindings);
  server = await openServer(fetch, { port: 0, host: '127.0.0.1', keepAliveMs: 1000 });
});
afterAll(async () => {
  agent.destroy();
  await server.close();
});

/** By Node's own client, which knows no `Headers`. */
async function post(body: string) {
  const headers = { 'content-type': 'application/json', 'x-request-id': 'r1', prefer: 'respond-async' };
  const sent = request({
    agent,
    port: server.port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/api/coordinator/orders',
    headers,
  }).end(body);
  const [got] = await once(sent, 'response');
  got.resume();
  await once(got, 'end');
  return { status: got.statusCode as number, headers: got.headers as Record<string, string> };
}

describe('an answer over a socket', () => {
  it.each([
    [
      'an order',
      JSON.stringify(ORDER),
      202,
      { location: `/api/coordinator/sagas/${ID}`, 'retry-after': '2' },
    ],
    ['a refusal', '{', 400, { 'content-type': 'application/problem+json' }],
  ])('to %s is made without a `Headers`', async (_, body, status, own) => {
    const set = vi.spyOn(Headers.prototype, 'set');
    try {
      const answered = await post(body);
      expect(answered.status).toBe(status);
      const ofEvery = {
        'x-request-id': 'r1',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      };
      expect(answered.headers).toMatchObject({ ...ofEvery, ...own });
      expect(set).not.toHaveBeenCalled();
    } finally {
      set.mockRestore();
    }
  });
});
