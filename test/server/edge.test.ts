/** What every answer has: an id of its request, headers that keep it from being kept, and paths as its reader knows them. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ConfigError, readSettings } from '../../server/config.ts';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { type Answer, ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { type Observed, startObserved } from './observed.ts';
import { exchange, head } from './raw.ts';

const API = '/api/coordinator';
const HTML = { accept: 'text/html' };

let world: World;
let url: string;
let observed: Observed;
beforeAll(async () => {
  world = await openWorld();
  observed = await startObserved(world, 'debug', { COORDINATOR_ID: 'observed' });
  ({ url } = observed);
});
afterAll(async () => {
  await observed.stop();
  await world.close();
});

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;
/** One answer of each kind. */
const ANSWERS: readonly (readonly [string, Record<string, string>, number])[] = [
  ['/livez', {}, 200],
  ['/', HTML, 200],
  ['/sagas/none', HTML, 404],
  ['/assets/dashboard.css', {}, 200],
  ['/openapi.json', {}, 200],
  ['/nothing', {}, 404],
  ['/livez', { host: 'evil.example' }, 421],
  [`${API}/sagas`, {}, 200],
  [`${API}/sagas?limit=x`, {}, 400],
  [`${API}/sagas/none`, {}, 404],
  [`${API}/orders`, {}, 405],
  [`${API}/machines/order/mermaid`, {}, 200],
];

describe('the id of a request', () => {
  it.each(ANSWERS)('is in the answer to %s %j', async (path, headers, status) => {
    const made = await send(url + path, { headers });
    expect(made.status).toBe(status);
    expect(made.headers['x-request-id']).toMatch(UUID);
    const given = await send(url + path, { headers: { ...headers, 'x-request-id': 'edge-1:a/b+c=' } });
    expect(given.headers['x-request-id']).toBe('edge-1:a/b+c=');
    for (const { headers: answered, body } of [made, given]) {
      if (!String(answered['content-type']).includes('problem')) continue;
      expect(body.request_id).toBe(answered['x-request-id']);
    }
  });

  it.each(['', 'a b', 'a"b', 'a\tb', '{"a":1}', 'ä', 'x'.repeat(129), 'a, b', '<script>'])(
    'is one of our own where %j was sent',
    async (id) => {
      const line = head('GET /livez', [`X-Request-Id: ${Buffer.from(id).toString('latin1')}`]);
      expect((await exchange(url, line)).headers['x-request-id']).toMatch(UUID);
    },
  );

  it('is on the line of the request, with its status and nothing of its query', async () => {
    await send(`${url}${API}/sagas?order_id=secret`, { headers: { 'x-request-id': 'find-me' } });
    const lines = observed.entries().filter(({ request_id }) => request_id === 'find-me');
    expect(lines).toEqual([
      expect.objectContaining({
        msg: 'request',
        method: 'GET',
        path: `${API}/sagas`,
        status: 200,
        client: '127.0.0.1',
        caller: 'anonymous:anonymous',
        ms: expect.any(Number),
      }),
    ]);
    expect(observed.lines.join('')).not.toContain('secret');
  });

  it('is on the line of a fault, which the client can name', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const failing = new Proxy({} as SagaEngine, {
      get: () => async () => {
        throw new Error('boom');
      },
    });
    const response = await appOver(failing, logger).request(`${API}/statistics`);
    const { request_id } = (await response.json()) as { request_id: string };
    expect(request_id).toMatch(UUID);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ request_id, err: { message: 'boom' } }]);
  });
});

describe('what the API answers', () => {
  it.each(ANSWERS.filter(([path]) => path.startsWith(API)))('is not kept: %s %j', async (path, headers) => {
    expect((await send(url + path, { headers })).headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  });

  it('is not kept where an order ran, was refused, or a stream begins', async () => {
    const stream = await send(`${url}${API}/events`, { method: 'HEAD' });
    for (const { headers } of [await submit(url), await submit(url, {}), stream]) {
      expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    }
  });

  it('says nothing of a saga that is known as it is, and everything where it is not', async () => {
    const { body } = await submit(url);
    const path = `${url}${API}/sagas/${body.saga_id}`;
    const { etag } = (await send(path)).headers;
    const ask = (tags: string) => send(path, { headers: { 'if-none-match': tags } });
    for (const tags of [`${etag}`, `W/${etag}`, `"x", W/${etag}`, '*']) {
      const known = await ask(tags);
      expect(known, tags).toMatchObject({
        status: 304,
        body: '',
        headers: { etag, 'cache-control': 'no-store' },
      });
    }
    for (const tags of ['"5"', 'W/"5", "x"', '6', '""', 'nonsense']) {
      expect((await ask(tags)).body.saga_id, tags).toBe(body.saga_id);
    }
    for (const tags of ['*', '"6"']) {
      const none = await send(`${url}${API}/sagas/none`, { headers: { 'if-none-match': tags } });
      expect(none.status).toBe(404);
    }
  });

  it('reads the log of no saga that is known as it is', async () => {
    const read: string[] = [];
    const engine: Partial<SagaEngine> = {
      seqOf: async () => 7,
      get: async (id) => {
        read.push(id);
        return null;
      },
    };
    const ask = (tag: string) =>
      appOver(engine).request(`${API}/sagas/x`, { headers: { 'if-none-match': tag } });
    expect([(await ask('"7"')).status, read]).toEqual([304, []]);
    expect([(await ask('"6"')).status, read]).toEqual([404, ['x']]);
  });

  it('knows an asset by the weak form of its tag too', async () => {
    const path = `${url}/assets/dashboard.css`;
    const { etag } = (await send(path)).headers;
    for (const tags of [`W/${etag}`, `"x", ${etag}`]) {
      expect((await send(path, { headers: { 'if-none-match': tags } })).status).toBe(304);
    }
  });
});

it('the OpenAPI document is built once', async () => {
  const app = appOver({});
  const written = vi.spyOn(JSON, 'stringify');
  const isDocument = ([value]: unknown[]) =>
    typeof value === 'object' && value !== null && 'openapi' in value;
  try {
    const texts: string[] = [];
    for (let time = 0; time < 3; time += 1) texts.push(await (await app.request('/openapi.json')).text());
    expect(written.mock.calls.filter(isDocument)).toHaveLength(1);
    expect(new Set(texts).size).toBe(1);
    expect(JSON.parse(texts[0] ?? '')).toMatchObject({ servers: [{ url: '/' }], paths: expect.any(Object) });
  } finally {
    written.mockRestore();
  }
});

describe('under a path of its own', () => {
  const token = 'a-token-of-twenty-letters';
  const auth = { authorization: `Bearer ${token}` };
  let at: string;
  beforeAll(async () => {
    const settings = { COORDINATOR_ID: 'public', PUBLIC_PATH: '/ops/saga/', API_TOKEN: token };
    at = (await world.coordinator(settings)).url;
  });
  const ask = (path: string, headers: Record<string, string> = {}) =>
    send(at + path, { headers: { ...auth, ...headers } });
  /** Every path of ours in the text of a page. */
  const pathsIn = ({ body }: Answer) =>
    [...String(body).matchAll(/ (?:href|src|action)="(\/[^"]*)"/g)].map(([, path]) => path);

  // Some proxies take the public path off, others leave it on.
  describe.each(['', '/ops/saga'])('and asked as %s/', (before) => {
    it.each(['/', '/sagas', '/machines', '/sagas/none', '/docs', '/login', '/sagas?status=ABORTED'])(
      'the links, forms and assets of %s lead back to it',
      async (path) => {
        const page = await ask(before + path, HTML);
        expect(page.headers['content-type']).toMatch(/^text\/html/);
        const paths = pathsIn(page);
        expect(paths.length).toBeGreaterThan(0);
        for (const found of paths) expect(found).toMatch(/^\/ops\/saga\//);
        for (const found of paths.filter((one) => one?.includes('/assets/'))) {
          expect((await ask(`${found}`)).status, found).toBe(200);
        }
      },
    );

    it('an order, its saga and a page of a listing are where the headers say', async () => {
      const order = await send(`${at}${before}${API}/orders`, { method: 'POST', body: ORDER });
      expect(order.status).toBe(201);
      const { location } = order.headers;
      expect(location).toBe(`/ops/saga${API}/sagas/${order.body.saga_id}`);
      expect((await ask(String(location))).body.saga_id).toBe(order.body.saga_id);
      await send(`${at}${before}${API}/orders`, { method: 'POST', body: ORDER });
      const { headers } = await ask(`${before}${API}/sagas?limit=1`);
      const [, next = ''] = /^<(.*)>; rel="next"$/.exec(String(headers.link)) ?? [];
      expect(next).toMatch(/^\/ops\/saga\/api\/coordinator\/sagas\?limit=1&cursor=/);
      expect((await ask(next)).body.sagas).toHaveLength(1);
      const page = await ask(`${before}/sagas/${order.body.saga_id}`, HTML);
      expect(page.body).toContain(`${at}/ops/saga${API}/sagas/${order.body.saga_id}`);
    });

    it('a login leads back to the page that was asked for, with a cookie for that path', async () => {
      const refused = await send(`${at}${before}/sagas?status=ABORTED`, { headers: HTML });
      const { location } = refused.headers;
      expect(location).toBe('/ops/saga/login?to=%2Fsagas%3Fstatus%3DABORTED');
      const form = await send(at + location, { headers: HTML });
      const [, to = ''] = /name="to" value="([^"]*)"/.exec(String(form.body)) ?? [];
      const entered = await send(`${at}${before}/login`, {
        method: 'POST',
        body: new URLSearchParams({ token, to }).toString(),
        headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded', origin: at },
      });
      expect(entered).toMatchObject({
        status: 303,
        headers: { location: '/ops/saga/sagas?status=ABORTED' },
      });
      expect(String(entered.headers['set-cookie'])).toMatch(/; Path=\/ops\/saga\/(;|$)/);
      const left = await send(`${at}${before}/logout`, {
        method: 'POST',
        headers: { cookie: String(entered.headers['set-cookie']).split(';')[0] ?? '', origin: at },
      });
      expect(left.headers.location).toBe('/ops/saga/login');
      expect(String(left.headers['set-cookie'])).toMatch(/Max-Age=0;.*Path=\/ops\/saga\//);
    });

    it('the OpenAPI document says where paths begin', async () => {
      expect((await ask(`${before}/openapi.json`)).body.servers).toEqual([{ url: '/ops/saga' }]);
    });

    it('probes, metrics, streams and what is no path are as ever', async () => {
      expect((await ask(`${before}/livez`)).body).toBe('ok');
      expect((await ask(`${before}/metrics`)).status).toBe(200);
      expect((await send(`${at}${before}${API}/events`, { method: 'HEAD', headers: auth })).status).toBe(200);
      expect((await ask(`${before}/nothing`)).status).toBe(404);
      // Nor is anything open that was closed.
      expect((await send(`${at}${before}${API}/sagas`)).status).toBe(401);
    });
  });

  it('is its own front page also without the slash, and its name is no other’s beginning', async () => {
    expect((await ask('/ops/saga', HTML)).status).toBe(200);
    for (const path of ['/ops/sagas', '/ops', '/ops/saga//livez', '/ops/saga/ops/saga/livez']) {
      expect((await ask(path)).status, path).toBe(404);
    }
  });

  it('the client asks under it, wherever that is', async () => {
    const { body } = await ask('/ops/saga/assets/dashboard.js');
    expect(body).toContain('import.meta.url');
    expect(body).not.toMatch(/["'`]\/(pulse|api\/)/);
  });

  it('shows nothing of what stands in a page as a path of ours', async () => {
    const hostile = ' href="/evil"';
    const order = {
      ...ORDER,
      customer_id: hostile,
      shipping_address: { ...ORDER.shipping_address, name: hostile },
    };
    const { body } = await send(`${at}${API}/orders`, { method: 'POST', body: order });
    const page = await ask(`/sagas/${body.saga_id}`, HTML);
    expect(page.body).toContain('href=\\&quot;/evil');
    expect(page.body).not.toContain('/ops/saga/evil');
  });

  it.each(['/api/', '/machines', '/sagas/x', '/livez', '/assets'])('cannot be %s', (PUBLIC_PATH) => {
    const { publicPath } = readSettings({ PUBLIC_PATH });
    expect(() => appOver({}, undefined, publicPath)).toThrow(ConfigError);
  });
});
