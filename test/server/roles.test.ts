/** Who may what: every route of the application, asked by callers of every role. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { guard } from '../../server/access.ts';
import { readSettings } from '../../server/config.ts';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { ACCESS } from '../../server/identity/access-table.ts';
import { Stubs } from '../../server/stubs.ts';
import { type Environment, ORDER, openWorld, send, type World } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { expectProblem } from './problem.ts';

const TOKENS = {
  viewer: 'viewer-token-0123456789',
  operator: 'operator-token-0123456789',
  submitter: 'submitter-token-0123456789',
  admin: 'admin-token-0123456789',
} as const;
type Role = keyof typeof TOKENS;
const ROLES = Object.keys(TOKENS) as Role[];
const API_TOKENS = ROLES.map((role) => `${role}-1 ${role} ${TOKENS[role]}`).join('\n');
const API = '/api/coordinator';

const READERS: readonly Role[] = ['viewer', 'operator', 'admin'];
const OPERATORS: readonly Role[] = ['operator', 'admin'];
const STARTERS: readonly Role[] = ['submitter', 'admin'];
const ALL: readonly Role[] = ROLES;
const FORMS = ['retry', 'skip', 'cancel', 'resolve'];

/** Written out by hand, so that the table is not its own judge. `null` is open to everybody. */
const MAY: Readonly<Record<string, readonly Role[] | null>> = {
  ...Object.fromEntries(
    ['GET /livez', 'GET /readyz', 'GET /startupz', 'GET /login', 'POST /login', 'GET /login/start'].map(
      (line) => [line, null],
    ),
  ),
  'GET /login/callback': null,
  'POST /logout': null,
  'GET /assets/:name': null,
  'GET /metrics': READERS,
  'GET /openapi.json': ALL,
  'GET /docs': ALL,
  [`GET ${API}/health`]: ALL,
  [`GET ${API}/health/:service`]: READERS,
  [`POST ${API}/orders`]: STARTERS,
  [`POST ${API}/sagas`]: STARTERS,
  [`POST ${API}/sagas/:id/events`]: ['operator', 'submitter', 'admin'],
  // Who a caller is opens no door of a call.
  [`POST ${API}/sagas/:id/steps/:step/outcome`]: [],
  [`GET ${API}/sagas`]: READERS,
  [`GET ${API}/sagas/:id`]: READERS,
  [`GET ${API}/sagas/:id/calls`]: READERS,
  [`GET ${API}/sagas/:id/what-if`]: READERS,
  [`GET ${API}/sagas/:id/diagram`]: READERS,
  [`GET ${API}/sagas/:id/events`]: READERS,
  [`GET ${API}/statistics`]: READERS,
  [`GET ${API}/history`]: READERS,
  [`GET ${API}/sagas.ndjson`]: READERS,
  [`GET ${API}/sagas.csv`]: READERS,
  [`GET ${API}/audit`]: READERS,
  [`GET ${API}/audit.ndjson`]: READERS,
  [`GET ${API}/audit.csv`]: READERS,
  [`GET ${API}/events`]: READERS,
  [`GET ${API}/machines`]: READERS,
  [`GET ${API}/held`]: READERS,
  [`GET ${API}/machines/:id`]: READERS,
  [`GET ${API}/machines/:id/mermaid`]: READERS,
  ...Object.fromEntries(FORMS.map((kind) => [`POST ${API}/sagas/:id/${kind}`, OPERATORS])),
  [`POST ${API}/sagas/:id/ask`]: OPERATORS,
  [`POST ${API}/sagas:retry`]: OPERATORS,
  [`POST ${API}/bulks:preview`]: OPERATORS,
  [`POST ${API}/bulks`]: OPERATORS,
  [`GET ${API}/bulks`]: READERS,
  [`GET ${API}/bulks/:id`]: READERS,
  [`POST ${API}/bulks/:id/continue`]: OPERATORS,
  [`POST ${API}/bulks/:id/stop`]: OPERATORS,
  'GET /': READERS,
  'GET /pulse': READERS,
  'GET /search': READERS,
  'GET /held': READERS,
  'GET /sagas': READERS,
  'GET /sagas/:id': READERS,
  'GET /sagas/:id/calls': READERS,
  'GET /sagas/:id/compare': READERS,
  'GET /sagas/:id/test': READERS,
  'GET /machines': READERS,
  'GET /machines/:file': READERS,
  'GET /audit': READERS,
  'GET /history': READERS,
  'GET /participants': READERS,
  'GET /start': OPERATORS,
  'POST /start': OPERATORS,
  'GET /sagas/:id/event': OPERATORS,
  'POST /sagas/:id/event': OPERATORS,
  'POST /sagas/:id/ask': OPERATORS,
  'POST /held/ask': OPERATORS,
  'GET /theatre': OPERATORS,
  'POST /theatre/faults': OPERATORS,
  'POST /theatre/faults/clear': OPERATORS,
  'POST /theatre/kill': OPERATORS,
  'POST /theatre/orders': OPERATORS,
  'GET /bulks': READERS,
  'GET /bulks/:id': READERS,
  'GET /bulks/new': OPERATORS,
  'POST /bulks': OPERATORS,
  'POST /bulks/:id/continue': OPERATORS,
  'POST /bulks/:id/stop': OPERATORS,
  ...Object.fromEntries(FORMS.map((kind) => [`GET /sagas/:id/${kind}`, OPERATORS])),
  ...Object.fromEntries(FORMS.map((kind) => [`POST /sagas/:id/${kind}`, OPERATORS])),
};

/** An engine that fails whatever it is asked: who is let in, gets that far. */
const failing = new Proxy({} as SagaEngine, {
  get: (_, name) => {
    if (name === 'draining') return false;
    if (name === 'machines') return [];
    if (name === 'watch') return () => 'draining';
    return () => Promise.reject(new Error('let in'));
  },
});
const appWith = (environment: Environment) =>
  appOver(failing, undefined, '', null, undefined, guard(readSettings(environment)), undefined, {
    cast: null,
    own: 'one',
    stubs: new Stubs({}),
  });

describe('every route', () => {
  const app = appWith({ API_TOKENS });
  const routes = new Set(
    app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`),
  );

  it('says who may use it, and no route is spoken of that there is not', () => {
    expect([...routes].sort()).toEqual(Object.keys(MAY).sort());
    expect(Object.keys(ACCESS).sort()).toEqual(Object.keys(MAY).sort());
  });

  const ask = async (line: string, headers: Record<string, string>) => {
    const [method = '', path = ''] = line.split(' ');
    const concrete = path.replace(':file', 'order').replaceAll(/:(id|name|service|step)\b/g, 's-1');
    const body = method === 'POST' ? '{}' : null;
    const sent = { host: 'localhost', 'content-type': 'application/json', ...headers };
    const answer = await app.request(concrete, { method, headers: sent, body });
    const { type, roles } = (await answer.json().catch(() => ({}))) as { type?: string; roles?: string[] };
    return { status: answer.status, type, roles };
  };

  it.each(Object.entries(MAY))('%s', async (line, may) => {
    for (const role of ROLES) {
      const answer = await ask(line, { authorization: `Bearer ${TOKENS[role]}` });
      if (line.endsWith('/outcome')) expect(answer.type, role).toBe('callback-unauthorized');
      else if (may === null || may.includes(role)) expect([401, 403], role).not.toContain(answer.status);
      else {
        expect(answer, role).toMatchObject({ status: 403, type: 'forbidden' });
        // Whichever it names would do.
        for (const needed of answer.roles ?? []) expect(may, role).toContain(needed);
        expect(answer.roles?.length, role).toBeGreaterThan(0);
      }
    }
    const stranger = await ask(line, {});
    if (may === null) expect([401, 403]).not.toContain(stranger.status);
    else expect(stranger.status).toBe(401);
  });

  it('that there is not is told of to whoever is known, and is an administrator’s where nothing is said of it', async () => {
    for (const role of ROLES)
      expect(await ask('GET /nothing', { authorization: `Bearer ${TOKENS[role]}` })).toMatchObject({
        status: 404,
      });
    const unsaid = appWith({ API_TOKENS });
    unsaid.get('/unsaid', (c) => c.text('let in'));
    unsaid.get('/assets/*', (c) => c.text('let in'));
    for (const role of ROLES) {
      const headers = { host: 'localhost', authorization: `Bearer ${TOKENS[role]}` };
      expect((await unsaid.request('/unsaid', { headers })).status, role).toBe(role === 'admin' ? 200 : 403);
    }
    // Nor does one that is open beside it open it.
    expect((await unsaid.request('/assets/icon.svg', { headers: { host: 'localhost' } })).status).toBe(401);
  });
});

describe('callers with names', () => {
  let world: World;
  let url: string;
  const limited = 'limited-token-0123456789';
  beforeAll(async () => {
    world = await openWorld();
    const tokens = `${API_TOKENS}; shop submitter:trip ${limited}`;
    url = (await world.coordinator({ API_TOKENS: tokens, API_TOKEN: 'shared-token-0123456789' })).url;
  });
  afterAll(() => world?.close());
  afterEach(() => {
    world.services.shipping.faults.clear();
    world.services.payment.faults.clear();
  });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it('start the sagas of their machines alone, and are told which role would do', async () => {
    expect(
      (await send(`${url}${API}/orders`, { method: 'POST', body: ORDER, headers: bearer(TOKENS.submitter) }))
        .status,
    ).toBe(201);
    for (const [path, body] of [
      [`${API}/orders`, ORDER],
      [`${API}/sagas`, { machine: 'order', input: {} }],
    ] as const) {
      const answer = await send(url + path, { method: 'POST', body, headers: bearer(limited) });
      expectProblem(answer, 'forbidden', /submitter for order/);
      expect(answer.body.roles).toEqual(['submitter:order']);
    }
    // Its own machine is not registered here: it is let in, and told so.
    const own = { method: 'POST', body: { machine: 'trip', input: {} }, headers: bearer(limited) };
    expectProblem(await send(`${url}${API}/sagas`, own), 'validation-error');
  });

  it('send events to sagas of their machines alone', async () => {
    const { body } = await send(`${url}${API}/orders`, {
      method: 'POST',
      body: ORDER,
      headers: bearer(TOKENS.admin),
    });
    const event = (token: string, id: string) =>
      send(`${url}${API}/sagas/${id}/events`, {
        method: 'POST',
        body: { name: 'x', data: {} },
        headers: bearer(token),
      });
    expectProblem(await event(limited, body.saga_id), 'forbidden', /submitter for order/);
    for (const token of [TOKENS.submitter, TOKENS.operator])
      expect([409, 422]).toContain((await event(token, body.saga_id)).status);
    expect((await event(limited, 'none')).status).toBe(404);
  });

  it('stand in the log as who they are, with whom they name behind it', async () => {
    const id = await parkedOrder();
    let entries = 0;
    const retry = async (token: string, by?: string) => {
      const asked = { reason: 'a test', ...(by === undefined ? {} : { by }) };
      const answer = await send(`${url}${API}/sagas/${id}/retry`, {
        method: 'POST',
        body: asked,
        headers: bearer(token),
      });
      expect(answer.status).toBe(202);
      entries += 1;
      await standing(id, entries);
    };
    await retry(TOKENS.operator);
    await retry(TOKENS.operator, 'Ada Lovelace');
    await retry(TOKENS.operator, 'operator-1');
    await retry(TOKENS.operator, 'admin-1');
    // The token that many may share says nothing of who they are.
    await retry('shared-token-0123456789', 'Ada');
    await retry('shared-token-0123456789');
    const bulk = { reason: 'all of them', by: 'Ada', filter: { status: 'ABORTED' } };
    await send(`${url}${API}/sagas:retry`, { method: 'POST', body: bulk, headers: bearer(TOKENS.operator) });
    await standing(id, entries + 1);
    const form = new URLSearchParams({
      reason: 'by hand',
      by: 'admin-1',
      seq: String(await seqOf(id)),
      as: 'FAILED',
    });
    const headers = { ...bearer(TOKENS.operator), 'content-type': 'application/x-www-form-urlencoded' };
    await send(`${url}/sagas/${id}/resolve`, { method: 'POST', body: form.toString(), headers });
    const saga = await standing(id, 8, 'FAILED');
    const log = saga.execution_log as { by?: string }[];
    expect(log.flatMap(({ by }) => by ?? [])).toEqual([
      'operator-1',
      'operator-1 (for Ada Lovelace)',
      'operator-1',
      'operator-1 (for admin-1)',
      'Ada',
      'operator',
      'operator-1 (for Ada)',
      'operator-1 (for admin-1)',
    ]);
    expect(saga.resolved_by).toBe('operator-1 (for admin-1)');
  });

  it('are asked for no name by a form, which says who they are', async () => {
    const held = await parkedOrder();
    const page = (token: string) =>
      send(`${url}/bulks/new?act=retry&saga=${held}`, { headers: { ...bearer(token), accept: 'text/html' } });
    const known = await page(TOKENS.operator);
    expect(known.body).toContain('The log will say that operator-1 did it.');
    expect(known.body).not.toContain('name="by"');
    expect((await page('shared-token-0123456789')).body).toContain('name="by"');
    const refused = await page(TOKENS.viewer);
    expect([refused.status, refused.body]).toEqual([
      403,
      expect.stringContaining('does not have the role operator'),
    ]);
  });

  /** Whose payment cannot be given back, whoever asks for it again. */
  async function parkedOrder(): Promise<string> {
    const { shipping, payment } = world.services;
    shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
    payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
    const sent = { method: 'POST', body: ORDER, headers: bearer(TOKENS.admin) };
    const { body } = await send(`${url}${API}/orders`, sent);
    expect(body.status).toBe('ABORTED');
    return body.saga_id;
  }

  /** Until the log has so many entries of people, and the saga stands so. */
  async function standing(id: string, entries: number, status = 'ABORTED') {
    for (;;) {
      const { body } = await send(`${url}${API}/sagas/${id}`, { headers: bearer(TOKENS.viewer) });
      const people = body.execution_log.filter(({ by }: { by?: string }) => by !== undefined);
      if (people.length === entries && body.status === status) return body;
    }
  }
  async function seqOf(id: string): Promise<number> {
    const { headers } = await send(`${url}${API}/sagas/${id}`, { headers: bearer(TOKENS.viewer) });
    return Number(String(headers.etag).replaceAll('"', ''));
  }
});
