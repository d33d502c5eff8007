/** The pages over HTTP, without a browser: hostile texts, headers, forms, refusals, and what they cost. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';

let world: World;
let url: string;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
});
afterAll(() => world?.close());

const HTML = { accept: 'text/html,application/xhtml+xml' };
const page = (path: string) => send(url + path, { headers: HTML });
const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  send(url + path, {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });

const HOSTILE = `"><script>alert(1)</script>'<img src=x onerror=alert(1)>`;

async function parked(order: object = ORDER): Promise<string> {
  const { shipping, payment } = world.services;
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const { body } = await submit(url, order);
  shipping.faults.clear();
  payment.faults.clear();
  expect(body.status).toBe('ABORTED');
  return body.saga_id;
}

describe('hostile texts', () => {
  it('of an order are shown as what they are, on every page', async () => {
    const order = {
      ...ORDER,
      customer_id: HOSTILE,
      items: [{ product_id: HOSTILE, quantity: 1, unit_price: 100 }],
    };
    world.services.inventory.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 0 }]);
    const { body } = await submit(url, order);
    world.services.inventory.faults.clear();
    const { body: shown } = await page(`/sagas/${body.saga_id}`);
    expect(shown).toContain('&lt;script&gt;alert(1)');
    expect(shown).not.toMatch(/<script>|<img/);
  });

  it('of an operator and of a URL are too', async () => {
    const id = await parked();
    const { status } = await form(`/sagas/${id}/retry`, { reason: HOSTILE, by: HOSTILE });
    expect(status).toBe(303);
    const query = encodeURIComponent(HOSTILE);
    for (const path of [
      `/sagas/${id}`,
      `/sagas?label=${query}&state=${query}&failed_step=${query}`,
      `/sagas/${query}`,
      `/bulks/new?act=skip&cause=${query}&step=${query}`,
      `/login?to=${query}`,
    ]) {
      expect((await page(path)).body, path).not.toMatch(/<script>|<img/);
    }
    expect((await page(`/sagas/${id}`)).body).toContain('&lt;script&gt;alert(1)');
  });

  it('never show a secret', async () => {
    const order = { ...ORDER, payment: { method: 'card', token: 'tok_very_secret_indeed' } };
    const { body } = await submit(url, order);
    const { body: shown } = await page(`/sagas/${body.saga_id}`);
    expect(shown).toContain('title="COMPLETED">Completed<');
    expect(shown).toContain('[redacted]');
    expect(shown).not.toContain('tok_very_secret_indeed');
  });
});

describe('headers', () => {
  it.each([
    '/',
    '/sagas',
    '/machines',
    '/audit',
    '/history?range=24h',
    '/participants',
    '/assets/dashboard.css',
    '/assets/dashboard.js',
    '/sagas/none',
  ])('of %s let nothing foreign in, and nobody frame it', async (path) => {
    const { headers } = await page(path);
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/(^|; )default-src 'self'(;|$)/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('leave pages without any style or script inside them', async () => {
    const id = await parked();
    for (const path of ['/', '/sagas', `/sagas/${id}`, '/machines', `/sagas/${id}/retry`]) {
      const { body } = await page(path);
      expect(body, path).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc="\/assets\/)/);
      expect(body, path).not.toMatch(/(src|href)="https?:\/\/(?!stately\.ai)/);
    }
  });

  it('say when an asset has not changed', async () => {
    const { headers } = await page('/assets/dashboard.js');
    const again = await send(`${url}/assets/dashboard.js`, {
      headers: { 'if-none-match': String(headers.etag) },
    });
    expect(again).toMatchObject({ status: 304, body: '' });
  });
});

it('the client is small', async () => {
  const { body } = await page('/assets/dashboard.js');
  expect(gzipSync(body).length).toBeLessThan(40 * 1024);
  expect(body).not.toMatch(/eval\(|new Function/);
});

it('a machine has its picture, its config and its Mermaid', async () => {
  const svg = await page('/machines/order.svg');
  expect(svg.headers['content-type']).toBe('image/svg+xml');
  expect(String(svg.headers['content-security-policy'])).toMatch(/style-src 'sha256-/);
  expect(String(svg.body)).toMatch(/^<svg /);
  expect((await page('/machines/order@1.json')).body.states).toHaveProperty('refundingPayment');
  expect((await page('/machines/order.mmd')).body).toMatch(/^stateDiagram-v2/);
  expect((await page('/machines/order@7.svg')).status).toBe(404);
  for (const path of ['/machines/order', '/machines/order@1'])
    expect((await page(path)).headers.location).toBe('/machines#order@1');
  expect((await page('/machines')).body).toContain('id="order@1"');
  expect((await page('/machines/orders')).status).toBe(404);
});

it('a machine says in which states its unfinished sagas stand, and leads to them', async () => {
  await parked();
  const { body } = await page('/machines');
  const count = Number(/<a href="\/sagas\?state=parked">Parked<\/a> (\d+)/.exec(body)?.[1]);
  const { body: list } = await send(`${url}/api/coordinator/sagas?state=parked&limit=500`);
  expect(count).toBe(list.sagas.length);
  expect(count).toBeGreaterThan(0);
  expect(body).not.toContain('there are more');
});

describe('forms', () => {
  it('are refused without a reason, without a name, and without the log that they are about', async () => {
    const id = await parked();
    const asked = { reason: 'a test', by: 'ada' };
    for (const [kind, fields, status] of [
      ['retry', { by: 'ada' }, 422],
      ['retry', { ...asked, reason: ' ' }, 422],
      ['retry', { reason: 'a test' }, 422],
      ['skip', { ...asked, step: 'payment' }, 428],
      ['resolve', { ...asked, as: 'FAILED' }, 428],
      ['resolve', { ...asked, as: 'STARTED', seq: '9' }, 422],
      ['skip', { ...asked, step: 'payment', seq: '1' }, 409],
      ['cancel', asked, 409],
    ] as const) {
      expect((await form(`/sagas/${id}/${kind}`, fields)).status, `${kind} ${JSON.stringify(fields)}`).toBe(
        status,
      );
    }
    const { body } = await send(`${url}/api/coordinator/sagas/${id}`);
    expect(body.status).toBe('ABORTED');
  });

  it('are refused from a foreign page', async () => {
    const id = await parked();
    const fields = { reason: 'a test', by: 'eve' };
    const { status } = await form(`/sagas/${id}/retry`, fields, { origin: 'https://evil.example' });
    expect(status).toBe(403);
  });

  it('ask many: what it comes to by cause, each by itself, and who has moved on is left alone', async () => {
    const ids = [await parked(), await parked()];
    const { body } = await page(`/bulks/new?act=retry&${ids.map((id) => `saga=${id}`).join('&')}`);
    const text = body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    expect(text).toContain('Payment could not be undone 2 ×');
    expect(text).toContain('Held now: EUR 50.00 in 2 × payment');
    expect(text).toMatch(/2 × undo payment payment Then 2 end\./);
    const [first = '', second = ''] = [...body.matchAll(/name="saga" value="([^"]+)"/g)].map(
      ([, value]) => value,
    );
    const begin = (more: string) =>
      send(`${url}/bulks`, {
        method: 'POST',
        body: `act=retry&reason=a+test&by=ada&saga=${first.replace(' ', '+')}&saga=${second.replace(/ \d+/, '+1')}${more}`,
        headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded' },
      });
    expect((await begin('&step=payment')).status).toBe(422);
    const { status, headers } = await begin('');
    expect(status).toBe(303);
    const shown = async () =>
      (await page(String(headers.location))).body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    let now = await shown();
    while (!now.includes('1 Done') || !now.includes('1 Nothing done')) now = await shown();
    expect(now).toContain('Retry 2 sagas');
    expect(now).toContain('All were asked: with 1 saga nothing was done.');
    expect(now).toContain('Nothing done it had moved on');
    expect((await page('/bulks')).body).toContain('Retry 2 sagas');
    expect(await page('/bulks/none')).toMatchObject({ status: 404 });
  });

  it('skip a step of many: which one is asked first, and only those that hold it are skipped', async () => {
    const ids = [await parked(), await parked()];
    const which = `/bulks/new?act=skip&${ids.map((id) => `saga=${id}`).join('&')}`;
    const { body } = await page(which);
    expect(body.replace(/<[^>]*>/g, '')).toContain('Skip undoing payment, which 2 sagas hold');
    expect((await page(`${which}&step=inventory`)).status).toBe(404);
    const { body: form } = await page(`${which}&step=payment`);
    expect(form).toContain('<h1>Skip undoing payment of 2 sagas</h1>');
    expect(form.match(/name="saga" value=/g)).toHaveLength(2);
    // Its service can be asked, so it is, unless somebody takes that back.
    expect(form).toMatch(/<input type="checkbox" name="with_proof" value="true" checked/);
    const fields = new URLSearchParams('act=skip&step=payment&with_proof=true&by=ada&reason=r');
    for (const [, saga = ''] of form.matchAll(/name="saga" value="([^"]*)"/g)) fields.append('saga', saga);
    const begun = await send(`${url}/bulks`, {
      method: 'POST',
      body: `${fields}`,
      headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(begun.status).toBe(303);
    const at = String(begun.headers.location);
    let shown = await page(at);
    while (!shown.body.includes('All were asked')) shown = await page(at);
    const now = shown.body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    expect(now).toContain('r. Only what its service says is undone is skipped.');
    expect(now).toContain('Nothing done its service does not say that it is undone');
  });
});

describe('refusals', () => {
  it('are pages for a browser, and problem documents for everybody else', async () => {
    const shown = await page('/sagas/no-such-saga');
    expect(shown).toMatchObject({ status: 404 });
    expect(shown.body).toContain('<h1>There is no such saga</h1>');
    const lost = await page('/no/such/page');
    expect(lost).toMatchObject({ status: 404 });
    expect(lost.body).toContain('<h1>There is no such page</h1>');
    expect((await send(`${url}/no/such/page`)).body).toMatchObject({ type: 'not-found' });
    const plain = await send(`${url}/sagas/no-such-saga`);
    expect(plain).toMatchObject({ status: 404, body: { type: 'saga-not-found' } });
    const api = await page('/api/coordinator/sagas/no-such-saga');
    expect(api).toMatchObject({ status: 404, body: { type: 'saga-not-found' } });
  });

  it('of a browser beyond loopback without a token say that the dashboard is off', async () => {
    const open = await world.coordinator({ COORDINATOR_ID: 'open', HOST: '0.0.0.0' });
    const at = `http://127.0.0.1:${new URL(open.url).port}`;
    const { status, body } = await send(at, { headers: HTML });
    expect(status).toBe(403);
    expect(body).toContain('The dashboard is switched off');
  });

  it('of a login lead to a login, and a login to no other site', async () => {
    const token = 'a-token-of-twenty-letters';
    const { url: at } = await world.coordinator({ COORDINATOR_ID: 'guarded', API_TOKEN: token });
    const asked = await send(`${at}/sagas?status=ABORTED`, { headers: HTML });
    expect(asked).toMatchObject({
      status: 303,
      headers: { location: '/login?to=%2Fsagas%3Fstatus%3DABORTED' },
    });
    // From before the door nothing is seen of what is behind it.
    const { body: door } = await send(`${at}/login`, { headers: HTML });
    expect(door).not.toMatch(/href="\/(sagas|machines|audit|docs)"|action="\/(search|logout)"|Store:/);
    const logIn = (to: string, headers: Record<string, string>, shown = token) =>
      send(`${at}/login`, {
        method: 'POST',
        body: new URLSearchParams({ token: shown, to }).toString(),
        headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      });
    for (const to of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      expect((await logIn(to, {})).headers.location, to).toBe('/');
    }
    for (const wrong of ['', token.slice(0, -1), `${token}x`, token.toUpperCase()]) {
      const refused = await logIn('/sagas', { origin: at }, wrong);
      expect([refused.status, refused.headers['set-cookie']], wrong).toEqual([401, undefined]);
    }
    const { headers } = await logIn('/sagas', { origin: at.replace('http:', 'https:') });
    const cookie = String(headers['set-cookie']);
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).toMatch(/Secure/);
    expect(cookie).not.toContain(token);
    expect(String((await logIn('/sagas', { origin: at })).headers['set-cookie'])).not.toMatch(/Secure/);

    const session = { cookie: cookie.split(';')[0] ?? '' };
    expect((await send(`${at}/api/coordinator/sagas`, { headers: session })).status).toBe(200);
    // Whoever has another coordinator's token has no key to this one.
    const { url: other } = await world.coordinator({ COORDINATOR_ID: 'other', API_TOKEN: `${token}-of-it` });
    expect((await send(`${other}/api/coordinator/sagas`, { headers: session })).status).toBe(401);
    // What changes anything must come from our own page.
    const cancel = (more: Record<string, string>) =>
      send(`${at}/api/coordinator/sagas/none/cancel`, {
        method: 'POST',
        body: { reason: 'a test' },
        headers: { ...session, ...more },
      });
    expect((await cancel({})).status).toBe(401);
    expect((await cancel({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await cancel({ origin: at })).status).toBe(404);
    const forged = { cookie: `${session.cookie.slice(0, -1)}x` };
    expect((await send(`${at}/api/coordinator/sagas`, { headers: forged })).status).toBe(401);
  });
});

describe('whoever may only look', () => {
  it('is offered nothing that would be refused, where an operator is', async () => {
    const id = await parked();
    const tokens = { viewer: 'viewer-token-0123456789', operator: 'operator-token-0123456789' };
    const API_TOKENS = Object.entries(tokens)
      .map(([role, token]) => `${role}-1 ${role} ${token}`)
      .join('\n');
    const guarded = (await world.coordinator({ API_TOKENS })).url;
    const offered = async (token: string) => {
      const found: string[] = [];
      for (const path of ['/', '/sagas', `/sagas/${id}`]) {
        const headers = { ...HTML, authorization: `Bearer ${token}` };
        const { status, body } = await send(guarded + path, { headers });
        expect(status).toBe(200);
        const targets = body.matchAll(
          /(?:href|action)="\/(sagas\/[^"?]*(?:retry|skip|cancel|resolve)|bulks\/new)/g,
        );
        found.push(...[...targets].map(([, to]) => to));
      }
      return [...new Set(found)].sort();
    };
    const acts = ['resolve', 'retry', 'skip'].map((kind) => `sagas/${id}/${kind}`);
    expect(await offered(tokens.operator)).toEqual([...acts, 'bulks/new'].sort());
    expect(await offered(tokens.viewer)).toEqual([]);
  });
});

describe('a search', () => {
  const rows = (html: string) => [...html.matchAll(/<tr id="saga-([^"]+)"/g)].map(([, id]) => id);

  it('leads to the only saga that there is, and to a list of several or none', async () => {
    const customer = `cust_${Date.now()}`;
    const one = (await submit(url, { ...ORDER, customer_id: customer })).body;
    const search = async (q: string) => (await page(`/search?q=${encodeURIComponent(q)}`)).headers.location;
    for (const q of [one.order_id, one.payment_id, one.saga_id, one.saga_id.slice(0, -1), ` ${customer} `])
      expect(await search(q), q).toBe(`/sagas/${one.saga_id}`);
    const other = (await submit(url, { ...ORDER, customer_id: customer })).body;
    expect(await search(customer)).toBe(`/sagas?q=${customer}`);
    expect(rows((await page(`/sagas?q=${customer}`)).body)).toEqual([other.saga_id, one.saga_id]);
    expect(rows((await page(`/sagas?q=${customer}&by=payment`)).body)).toEqual([]);
    expect(rows((await page(`/sagas?q=${customer}&by=customer&status=FAILED`)).body)).toEqual([]);
    expect(await search('nobody')).toBe('/sagas?q=nobody');
  });

  it('is narrowed by error, time and machine, keeps all of it in the form, and leads to exports of the same', async () => {
    const id = await parked();
    const query = 'status=ABORTED&error=409&since=2026-01-01T00%3A00&machine=order';
    const { body } = await page(`/sagas?${query}`);
    expect(rows(body)).toContain(id);
    expect(body).toContain('name="since" value="2026-01-01T00:00"');
    expect(body).toContain('name="error" value="409"');
    const [, csv = ''] = /href="(\/api\/coordinator\/sagas\.csv[^"]*)"/.exec(body) ?? [];
    const { headers, body: table } = await page(csv.replaceAll('&amp;', '&'));
    expect(headers['content-type']).toMatch(/^text\/csv/);
    expect(
      table
        .split('\r\n')
        .slice(1, -1)
        .map((line: string) => line.split(',')[0]),
    ).toEqual(rows(body));
    expect(rows((await page(`/sagas?${query.replace('2026', '2999')}`)).body)).toEqual([]);
  });
});

describe('what is compressed', () => {
  const asked = (path: string, headers: Record<string, string> = {}) =>
    fetch(url + path, { headers: { accept: 'text/html', 'accept-encoding': 'gzip', ...headers } });

  it('are pages, their parts and exports, for whoever takes them so', async () => {
    for (const path of ['/', '/sagas', '/machines', '/assets/dashboard.js', '/api/coordinator/sagas.csv']) {
      const answer = await asked(path);
      await answer.body?.cancel();
      expect(answer.headers.get('content-encoding'), path).toBe('gzip');
      expect(answer.headers.get('vary'), path).toMatch(/accept-encoding/i);
      const plain = await asked(path, { 'accept-encoding': 'identity' });
      await plain.body?.cancel();
      expect(plain.headers.get('content-encoding'), path).toBeNull();
      expect(plain.headers.get('vary'), path).toMatch(/accept-encoding/i);
    }
  });

  it('is known again by its tag', async () => {
    const { headers, body } = await asked('/assets/dashboard.js');
    await body?.cancel();
    expect(headers.get('etag')).toMatch(/^W\/"/);
    expect(
      (await asked('/assets/dashboard.js', { 'if-none-match': String(headers.get('etag')) })).status,
    ).toBe(304);
  });

  it('is no stream of events, and nothing that programs ask for', async () => {
    for (const path of ['/api/coordinator/events', '/api/coordinator/sagas', '/api/coordinator/statistics']) {
      const { headers, body } = await asked(path, { accept: '*/*' });
      await body?.cancel();
      expect(headers.get('content-encoding'), path).toBeNull();
    }
  });
});
