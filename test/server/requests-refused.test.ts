/** Paths, methods, ids and queries that are none, and faults of our own: each with its problem document. */
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { expectProblem, traces } from './problem.ts';
import { exchange, head } from './raw.ts';

let world: World;
let redis: Redis;
let url: string;
let before: Awaited<ReturnType<typeof traces>>;
const now = () => traces(world, () => redis.keys('*'));

beforeAll(async () => {
  world = await openWorld();
  redis = new Redis(world.redis.url);
  url = (await world.coordinator()).url;
  await submit(url);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

beforeEach(async () => {
  before = await now();
});
afterEach(async () => {
  expect(await now()).toEqual(before);
});

const SAGAS = '/api/coordinator/sagas';
const KNOWN: readonly (readonly [path: string, allow: string])[] = [
  ['/api/coordinator/orders', 'POST'],
  [SAGAS, 'GET, POST'],
  [`${SAGAS}/07-none`, 'GET'],
  ['/api/coordinator/statistics', 'GET'],
  ['/api/coordinator/health', 'GET'],
  ['/api/coordinator/health/order', 'GET'],
  ['/livez', 'GET'],
  ['/readyz', 'GET'],
  ['/startupz', 'GET'],
  ['/metrics', 'GET'],
  ['/openapi.json', 'GET'],
];

describe.each(KNOWN)('%s', (path, allow) => {
  const others = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'].filter(
    (method) => !allow.split(', ').includes(method),
  );
  it.each(others)('does not know %s', async (method) => {
    const answer = await exchange(url, head(`${method} ${path}`));
    expectProblem(answer, 'method-not-allowed', new RegExp(allow));
    expect(answer.headers.allow).toBe(allow);
  });

  it('does not know a method with a body, of whatever type', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const answer = await send(`${url}${path}`, {
        method: 'PUT',
        body: '{}',
        headers: { 'content-type': type },
      });
      expectProblem(answer, 'method-not-allowed');
    }
  });
});

it('answers HEAD where it answers GET, without a body', async () => {
  expect(await exchange(url, head('HEAD /livez'))).toMatchObject({ status: 200, body: '' });
  const refused = await exchange(url, head('HEAD /api/coordinator/orders'));
  expect(refused).toMatchObject({ status: 405, body: '', headers: { allow: 'POST' } });
});

describe('a path that is none', () => {
  const paths = [
    '/nothing',
    '/api',
    '/api/coordinator',
    '/api/coordinator/',
    '/api/coordinator/order',
    '/api/coordinator/orders/',
    '/api/coordinator/orders/1',
    '/API/coordinator/orders',
    '//api/coordinator/orders',
    '/api/coordinator/sagas/',
    '/api/coordinator/health/order/more',
    '/server/main.ts',
    '/.env',
    '/..%2f..%2fetc%2fpasswd',
    '/%00',
    '/%',
    `/${'x'.repeat(4000)}`,
  ];
  it.each(paths)('%s', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      expectProblem(await exchange(url, head(`${method} ${path}`)), 'not-found');
    }
  });
});

describe('a saga that is none', () => {
  const ids = [
    'nope',
    '0',
    '07-01a208fa-4b65-759d-877e-0be0ad34792f',
    'ff-01a208fa-4b65-759d-877e-0be0ad34792f',
    '007-01a208fa-4b65-759d-877e-0be0ad34792f',
    '07-00000000-0000-0000-0000-000000000000',
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e%2fsagas',
    '%00',
    '%E0%A4%A',
    '*',
    '{p07}:meta',
    '__proto__',
    'constructor',
    "07-'%3BFLUSHALL",
    '%0d%0aSet-Cookie:%20a=b',
    'x'.repeat(4000),
  ];
  it.each(ids)('%s', async (id) => {
    const answer = await exchange(url, head(`GET ${SAGAS}/${id}`));
    expectProblem(answer, 'saga-not-found');
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('a service that is none', () => {
  it.each(['nope', 'Order', '__proto__', 'constructor', '..%2forder', 'x'.repeat(4000)])(
    '%s',
    async (name) => {
      const answer = await exchange(url, head(`GET /api/coordinator/health/${name}`));
      expectProblem(answer, 'service-not-found');
    },
  );
});

describe('a query that cannot be used', () => {
  it.each([
    ['statuss=FAILED', /statuss/],
    ['Status=FAILED', /Status/],
    ['__proto__=1', /__proto__/],
    ['status=', /^status: /],
    ['status=DONE', /^status: /],
    ['status=failed', /^status: /],
    ['status=FAILED&status=ABORTED', /^status: /],
    ['status[]=FAILED', /status\[\]/],
    ['order_id=%ff', /UTF-8/],
    ['order_id=%e2%82', /UTF-8/],
    ['order_id=100%', /UTF-8/],
    ['%ff=1', /UTF-8/],
    [`state=${'x'.repeat(201)}`, /^state: /],
    [`order_id=${'x'.repeat(201)}`, /^order_id: /],
    [`failed_step=${'x'.repeat(201)}`, /^failed_step: /],
    ['limit=', /^limit: /],
    ['limit=0', /^limit: /],
    ['limit=-1', /^limit: /],
    ['limit=501', /^limit: /],
    ['limit=1.5', /^limit: /],
    ['limit=1e2', /^limit: /],
    ['limit=0x10', /^limit: /],
    ['limit=%20', /^limit: /],
    ['limit=ten', /^limit: /],
    ['limit=NaN', /^limit: /],
    ['limit=1&limit=2', /^limit: /],
    ['stuck_for=', /^stuck_for: /],
    ['stuck_for=-1', /^stuck_for: /],
    ['stuck_for=1m', /^stuck_for: /],
    ['stuck_for=9999999999', /^stuck_for: /],
    ['since=yesterday', /^since: /],
    ['since=2026-01-01', /^since: /],
    ['until=1767225600', /^until: /],
    ['cursor=', /cursor/],
    ['cursor=!!', /cursor/],
    ['cursor=abc', /cursor/],
    ['cursor=07-01a208fa-4b65-759d-877e-0be0ad34792f', /cursor/],
    [`cursor=${'x'.repeat(201)}`, /^cursor: /],
  ])('%s', async (query, detail) => {
    expectProblem(await send(`${url}${SAGAS}?${query}`), 'invalid-query', detail);
  });

  it('tells of several faults at once', async () => {
    const answer = await send(`${url}${SAGAS}?limit=0&status=DONE&more=1`);
    expectProblem(answer, 'invalid-query', /status: .*limit: .*"more"/);
  });
});

describe('a fault of our own', () => {
  const SECRET = `boom at ${process.cwd()}/server/secret.ts: redis://user:password@host`;
  const lines: string[] = [];
  const failing = new Proxy({} as SagaEngine, {
    get: () => async () => {
      throw new Error(SECRET);
    },
  });
  const app = appOver(failing, pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }));

  it.each([
    ['GET', SAGAS, null],
    ['GET', `${SAGAS}/x`, null],
    ['GET', '/api/coordinator/statistics', null],
    ['POST', '/api/coordinator/orders', JSON.stringify(ORDER)],
  ])('%s %s tells the log everything and the client nothing', async (method, path, body) => {
    lines.length = 0;
    const headers = body === null ? {} : { 'content-type': 'application/json' };
    const response = await app.request(path, { method, body, headers });
    const answered = await response.text();
    const answer = {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: JSON.parse(answered),
    };
    expectProblem(answer, 'internal-error');
    expect(answered).not.toMatch(/boom|password/);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 50, err: { message: SECRET } });
  });
});
