/**
 * The configuration in deploy/nginx with a real nginx on loopback: what it passes on, what it does not let a stranger say,
 * and that it holds nothing back. Skipped where nginx is missing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { variables } from '../../server/config.ts';
import { WAIT_MAX_SECONDS } from '../../server/routes/preferences.ts';
import { ORDER, openWorld, send, type World } from '../coordinator/world.ts';
import { freePort } from '../redis-server.ts';
import { openEvents } from '../server/event-stream.ts';
import { read } from './files.ts';

const API = '/api/coordinator';
const CONFIGURATION = read('deploy/nginx/saga-coordinator.conf');
const OPS = { host: 'ops.example' };
const hasNginx = spawnSync('nginx', ['-v']).status === 0;

it('waits for longer than an order may, and lets go of connections before the coordinator does', () => {
  const seconds = (name: string) => Number(new RegExp(`^ +${name} (\\d+)s;$`, 'm').exec(CONFIGURATION)?.[1]);
  expect(seconds('proxy_read_timeout')).toBeGreaterThan(WAIT_MAX_SECONDS);
  expect(seconds('keepalive_timeout')).toBeLessThan(Number(variables().get('KEEP_ALIVE_MS')) / 1000);
});

describe.skipIf(!hasNginx)('nginx, skipped where it is missing', () => {
  let world: World;
  let relay: Relay;
  let nginx: Nginx;
  let url: string;
  beforeAll(async () => {
    world = await openWorld();
    const behind = { TRUSTED_PROXIES: '127.0.0.1', ALLOWED_HOSTS: OPS.host };
    relay = await openRelay((await world.coordinator(behind)).url);
    nginx = await startNginx(relay.port);
    ({ url } = nginx);
  });
  afterAll(async () => {
    await nginx?.stop();
    await relay?.close();
    await world?.close();
  });

  const order = (before: string, headers: Record<string, string> = {}) =>
    send(`${url}${before}${API}/orders`, { method: 'POST', body: ORDER, headers: { ...OPS, ...headers } });

  describe.each(['', '/saga'])('under %s/', (before) => {
    it('an order is where its Location says', async () => {
      const { status, headers, body } = await order(before);
      expect(status).toBe(201);
      expect(headers.location).toBe(`${before}${API}/sagas/${body.saga_id}`);
      const shown = await send(url + headers.location, { headers: OPS });
      expect(shown.body.saga_id).toBe(body.saga_id);
      expect((await send(`${url}${before}/openapi.json`, { headers: OPS })).body.servers).toEqual([
        { url: before || '/' },
      ]);
    });

    it('the pages lead on, with their style and their script', async () => {
      const page = await send(`${url}${before}/`, { headers: { ...OPS, accept: 'text/html' } });
      const paths = [...String(page.body).matchAll(/ (?:href|src)="(\/[^"]*)"/g)].map(
        ([, path]) => path ?? '',
      );
      expect(paths).toContain(`${before}/assets/dashboard.js`);
      for (const path of paths) {
        expect((await send(url + path, { headers: OPS })).status, path).toBe(200);
      }
    });

    it('events are told as they come', async () => {
      const { body } = await order(before);
      const one = await openEvents(`${url}${before}${API}/sagas/${body.saga_id}/events`, undefined, OPS);
      expect(await one.next()).toMatchObject({ event: 'ready', data: { status: 'COMPLETED' } });
      const all = await openEvents(`${url}${before}${API}/events`, undefined, OPS);
      expect(await all.next()).toMatchObject({ event: 'ready' });
      const { body: next } = await order(before);
      // The stream is still open: nothing but the proxy could hold this back.
      await all.until(({ data }) => data.saga_id === next.saga_id && data.status === 'COMPLETED');
      one.close();
      all.close();
    });

    it('a bulk retry is reached with its colon escaped', async () => {
      const { status, body } = await send(`${url}${before}${API}/sagas%3Aretry`, {
        method: 'POST',
        body: { reason: 'a test', filter: { status: 'ABORTED' }, dry_run: true },
        headers: OPS,
      });
      expect([status, body.dry_run]).toEqual([200, true]);
    });
  });

  it('the short path leads to the long one', async () => {
    const { status, headers } = await send(`${url}/saga`, { headers: OPS });
    expect([status, new URL(String(headers.location), url).pathname]).toEqual([308, '/saga/']);
  });

  it.each([
    ['a name of ours', { origin: 'http://ops.example' }, 201],
    ['a foreign page', { origin: 'https://evil.example' }, 403],
    ['our page under another scheme', { origin: 'https://ops.example' }, 403],
    ['a name of another', { host: 'evil.example' }, 421],
    [
      'a name of another that says it is ours',
      { host: 'evil.example', 'x-forwarded-host': 'ops.example' },
      421,
    ],
    ['the other way to say so', { host: 'evil.example', forwarded: 'host=ops.example' }, 421],
    [
      'ours, with what means nothing here',
      { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil' },
      201,
    ],
    ['a scheme that was made up', { 'x-forwarded-proto': 'https', origin: 'https://ops.example' }, 403],
    ['a path that was made up', { 'x-forwarded-prefix': '/evil' }, 201],
  ])('is no way round Host and Origin: %s', async (_, headers, status) => {
    const answer = await order('', headers as Record<string, string>);
    expect(answer.status).toBe(status);
    if (status === 201) expect(answer.headers.location).toMatch(/^\/api\//);
  });

  it('an ETag that it has weakened is known, and may be acted on', async () => {
    world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
    const refused = { ...ORDER, customer_id: 'cust_unreachable' };
    const { body } = await send(`${url}${API}/orders`, { method: 'POST', body: refused, headers: OPS });
    world.services.payment.faults.clear();
    const path = `${url}${API}/sagas/${body.saga_id}`;
    const zipped = { ...OPS, 'accept-encoding': 'gzip' };
    const { headers, body: bytes } = await request(path, { headers: zipped });
    await bytes.dump();
    expect(headers['content-encoding']).toBe('gzip');
    const etag = String(headers.etag);
    expect(etag).toMatch(/^W\/"\d+"$/);
    expect((await send(path, { headers: { ...zipped, 'if-none-match': etag } })).status).toBe(304);
    const resolved = await send(`${path}/resolve`, {
      method: 'POST',
      body: { reason: 'a test', as: 'FAILED' },
      headers: { ...OPS, 'if-match': etag },
    });
    expect(resolved.status).toBe(202);
  });

  it('takes as large a body as the coordinator, and no larger one', async () => {
    const post = (length: number) =>
      request(`${url}${API}/orders`, {
        method: 'POST',
        body: `{}${' '.repeat(length - 2)}`,
        headers: { ...OPS, 'content-type': 'application/json' },
      });
    const [most, more] = [await post(1024 * 1024), await post(1024 * 1024 + 1)];
    expect(await most.body.json()).toMatchObject({ type: 'validation-error' });
    expect(more.statusCode).toBe(413);
    await more.body.dump();
  });

  it('keeps its connection to the coordinator', async () => {
    await send(`${url}/livez`, { headers: OPS });
    const before = relay.accepted();
    for (let time = 0; time < 20; time += 1) {
      expect((await send(`${url}/livez`, { headers: OPS })).status).toBe(200);
    }
    expect(relay.accepted()).toBe(before);
  });
});

interface Relay {
  readonly port: number;
  /** Connections so far. */
  accepted(): number;
  close(): Promise<void>;
}

/** Passes bytes on, and counts the connections. */
async function openRelay(to: string): Promise<Relay> {
  let accepted = 0;
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((near) => {
    accepted += 1;
    const far = connect(Number(new URL(to).port), '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.pipe(other);
    }
  });
  const port = await listening(server);
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port, accepted: () => accepted, close };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/** The shipped configuration, with another port on both sides, in a frame that needs no rights. */
async function startNginx(coordinatorPort: number): Promise<Nginx> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'saga-nginx-'));
  const own = CONFIGURATION.replace('127.0.0.1:9000', `127.0.0.1:${coordinatorPort}`).replace(
    'listen 80;',
    `listen 127.0.0.1:${port};`,
  );
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  );
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr notice;
events {}
http { access_log off; ${temporary.join(' ')}
${own}
}`,
  );
  const child = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (bytes: Buffer) => said.push(bytes));
  const exited = once(child, 'exit');
  await Promise.race([
    answering(port),
    exited.then(() => {
      throw new Error(`nginx did not start:\n${Buffer.concat(said)}`);
    }),
  ]);
  return { url: `http://127.0.0.1:${port}`, stop: () => stopped(child, exited, directory) };
}

/** It listens a moment after it was started. */
async function answering(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>((resolve) => socket.once('error', () => resolve(false))),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
  }
}

async function stopped(child: ChildProcess, exited: Promise<unknown>, directory: string): Promise<void> {
  child.kill('SIGTERM');
  await exited;
  rmSync(directory, { recursive: true });
}
