/** Calls through a proxy: only through tunnels, so that no answer of the proxy is taken for the participant's. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectorBy } from '../../server/engine/tunnel.ts';
import { Probes } from '../../server/probes.ts';
import { Calling } from './calling.ts';

let proxy: Server;
let calling: Calling;
/** What the proxy was asked for. */
let asked: string[];
let sockets: Set<Socket>;
let answer: (request: IncomingMessage, socket: Socket) => void;

const through = (request: IncomingMessage, socket: Socket) => {
  const [, port] = /:(\d+)$/.exec(request.url ?? '') ?? [];
  const onward = connect(Number(port), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(onward).pipe(socket);
  });
  onward.on('error', () => socket.destroy());
  socket.on('error', () => onward.destroy());
};

beforeEach(async () => {
  asked = [];
  sockets = new Set();
  answer = through;
  proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  proxy.on('connection', (socket) => sockets.add(socket));
  proxy.on('connect', (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`);
    answer(request, socket);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  await calling.close();
  await end();
});

/** Also tunnels, which Node counts no longer among its connections. */
async function end(): Promise<void> {
  const closed = new Promise((resolve) => proxy.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
}

const proxyUrl = (credentials = '') =>
  `http://${credentials}127.0.0.1:${(proxy.address() as AddressInfo).port}`;

async function open(credentials?: string, url = (base: string) => base.replace('127.0.0.1', 'pay.test')) {
  calling = await Calling.open(4, url, undefined, undefined, proxyUrl(credentials));
  return { ...calling, port: new URL(calling.listener.url).port };
}

it('a call goes through a tunnel to the participant’s name, with the proxy’s credentials for the proxy alone', async () => {
  const { listener, port } = await open('me:ses%40me@');
  for (let count = 0; count < 2; count += 1) {
    const reply = calling.call();
    const seen = await listener.next();
    expect(seen.headers).toMatchObject({ host: `pay.test:${port}`, 'saga-id': 's-1' });
    expect(seen.headers).not.toHaveProperty('proxy-authorization');
    seen.answer(200, { order_id: 'o-1' });
    expect(await reply).toMatchObject({ outcome: 'done' });
  }
  // Its connection was kept.
  const credentials = Buffer.from('me:ses@me').toString('base64');
  expect(asked).toEqual([`CONNECT pay.test:${port} Basic ${credentials}`]);
});

it.each([103, 407, 403, 502, 503, 504, 301, 300])(
  'a proxy that answers %i opened no tunnel: the call was never sent, and is made again',
  async (status) => {
    const { listener } = await open('me:sesame@');
    answer = (_, socket) => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    const reply = await calling.call();
    expect(reply).toMatchObject({
      outcome: 'retryable',
      error: expect.stringMatching(
        new RegExp(`^ERR_PROXY_TUNNEL the proxy .* answered ${status}, .*pay.test`),
      ),
    });
    expect(JSON.stringify(reply)).not.toContain('sesame');
    expect(listener.seen).toHaveLength(0);
  },
);

it('a proxy that hangs up before it answers, or is not there, is the same', async () => {
  await open();
  answer = (_, socket) => socket.destroy();
  expect(await calling.call()).toMatchObject({ outcome: 'retryable' });
  await end();
  expect(await calling.call()).toMatchObject({
    outcome: 'retryable',
    error: expect.stringContaining('ECONNREFUSED'),
  });
  expect(calling.listener.seen).toHaveLength(0);
});

it('a tunnel that breaks after the call came leaves open what happened', async () => {
  const { listener } = await open();
  let tunnel: Socket | undefined;
  answer = (request, socket) => {
    tunnel = socket;
    through(request, socket);
  };
  const reply = calling.call();
  await listener.next();
  tunnel?.destroy();
  expect(await reply).toMatchObject({ outcome: 'unknown' });
});

it('a call whose time ends while the proxy keeps silent leaves nothing in the way of the next', async () => {
  const { listener, clock } = await open();
  const silent = new Promise<void>((resolve) => {
    answer = () => resolve();
  });
  const first = calling.call('action', { boundMs: 700 });
  await silent;
  await clock.pass(700);
  expect(await first).toMatchObject({ outcome: 'unknown', error: 'no answer within 700 ms' });
  answer = through;
  const second = calling.call();
  (await listener.next()).answer(200, { order_id: 'o-1' });
  expect(await second).toMatchObject({ outcome: 'done' });
});

it('TLS is the participant’s own, through the tunnel: one that speaks none was never sent anything', async () => {
  const { listener, port } = await open('', (base) => base.replace('http://127.0.0.1', 'https://pay.test'));
  expect(await calling.call()).toMatchObject({ outcome: 'retryable' });
  expect(asked).toEqual([`CONNECT pay.test:${port} -`]);
  expect(listener.seen).toHaveLength(0);
});

/** How a connection so opened fails. */
const failing = (connector: ReturnType<typeof connectorBy>, protocol: string, port = '') =>
  new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const options = { hostname: '127.0.0.1', host: `127.0.0.1${port && `:${port}`}`, protocol, port };
    try {
      connector(options as never, (...[error]) => resolve(error));
    } catch (error) {
      resolve(error as Error);
    }
  });

it('a proxy is asked for the port that goes without saying where none is said', async () => {
  await open();
  answer = (_, socket) => socket.end('HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n');
  const connector = connectorBy({ proxy: proxyUrl(), timeoutMs: 1_000 });
  for (const protocol of ['https:', 'http:'])
    expect(await failing(connector, protocol)).toMatchObject({
      code: 'ERR_PROXY_TUNNEL',
      name: 'TunnelError',
    });
  expect(asked).toEqual(['CONNECT 127.0.0.1:443 -', 'CONNECT 127.0.0.1:80 -']);
});

it('what is shown to a participant in TLS is taken as it is just then, connection by connection', async () => {
  const { port } = await open();
  let now = {};
  const tls = {
    get now() {
      return now;
    },
  };
  const connector = connectorBy({ proxy: null, timeoutMs: 1_000, tls });
  // It speaks none, and learns no more of us than that we do.
  expect(await failing(connector, 'https:', port)).toMatchObject({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
  now = { cert: 'no certificate', key: 'no key' };
  expect(await failing(connector, 'https:', port)).toMatchObject({ code: 'ERR_OSSL_PEM_NO_START_LINE' });
  now = {};
  expect(await failing(connector, 'https:', port)).toMatchObject({ code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
});

it('a participant that the proxy is not for is called directly, and probes go where calls go', async () => {
  const { listener, port } = await open();
  const urls = { near: listener.url, far: `http://pay.test:${port}` };
  const probes = new Probes(urls, {}, calling.clock, (name, timeoutMs) =>
    connectorBy({ proxy: name === 'far' ? proxyUrl() : null, timeoutMs }),
  );
  const both = probes.all();
  for (let count = 0; count < 2; count += 1) (await listener.next()).answer(200);
  expect(await both).toEqual({ near: true, far: true });
  expect(asked).toEqual([`CONNECT pay.test:${port} -`]);
  await probes.close();
});
