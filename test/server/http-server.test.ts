/** How long connections of clients are kept, and what a coordinator that drains says on them. */
import { once } from 'node:events';
import { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type HttpServer, openServer } from '../../server/http-server.ts';
import { appOver } from './fake-app.ts';

let server: HttpServer;
afterEach(() => server.close());

/** Opens one, and gives Node's own server behind it. */
async function open(keepAliveMs: number): Promise<Server> {
  const listen = vi.spyOn(Server.prototype, 'listen');
  const { fetch } = appOver({ draining: false });
  server = await openServer(fetch, { port: 0, host: '127.0.0.1', keepAliveMs });
  const [found] = listen.mock.contexts;
  listen.mockRestore();
  return found as Server;
}

async function asked(client: Socket): Promise<string> {
  client.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let text = '';
  while (!text.endsWith('ok')) text += String((await once(client, 'data'))[0]);
  return text;
}

describe('a connection', () => {
  it.each([
    [75_000, 80_000, 300_000],
    [1_000, 60_000, 300_000],
    [620_000, 625_000, 625_000],
  ])(
    'that is kept for %d ms has its head within %d, and all of it within %d',
    async (keepMs, headMs, allMs) => {
      const { keepAliveTimeout, headersTimeout, requestTimeout } = await open(keepMs);
      expect({ keepAliveTimeout, headersTimeout, requestTimeout }).toEqual({
        keepAliveTimeout: keepMs,
        headersTimeout: headMs,
        requestTimeout: allMs,
      });
    },
  );

  it('is used again, and its client is told how long it may be', async () => {
    const node = await open(75_000);
    const connected = vi.fn();
    node.on('connection', connected);
    const client = connect(server.port, '127.0.0.1');
    expect(await asked(client)).toMatch(/^connection: keep-alive\r\nkeep-alive: timeout=75\r$/im);
    await asked(client);
    expect(connected).toHaveBeenCalledTimes(1);
    client.destroy();
  });

  it('on which nothing is under way is ended at once when it is asked for', async () => {
    await open(75_000);
    const client = connect(server.port, '127.0.0.1');
    await asked(client);
    const closed = once(client, 'close');
    server.closeIdle();
    await closed;
  });
});

describe('a coordinator that drains', () => {
  const engine = { draining: true };
  it.each([
    ['an answer', '/livez', 200],
    ['a refusal', '/readyz', 503],
    ['what it does not know', '/nothing', 404],
  ])('says of the connection that it ends: with %s', async (_, path, status) => {
    await open(75_000);
    const app = appOver(engine);
    const answer = await app.request(`http://localhost${path}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('connection')).toBe('close');
    engine.draining = false;
    expect((await app.request(`http://localhost${path}`)).headers.get('connection')).toBeNull();
    engine.draining = true;
  });
});
