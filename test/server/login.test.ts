/** How browsers log in at a provider, over real HTTP and at several coordinators of one store; and what a session is worth. */
import { Hono } from 'hono';
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readSettings } from '../../server/config.ts';
import { caller } from '../../server/identity/caller.ts';
import { Users } from '../../server/identity/users.ts';
import { type Answer, openWorld, send, type World } from '../coordinator/world.ts';
import { AUDIENCE, CLIENT, type Issuer, startIssuer } from './issuer.ts';
import { expectProblem } from './problem.ts';

const API = '/api/coordinator';
const HTML = { accept: 'text/html' };

let world: World;
let issuer: Issuer;
let one: string;
let two: string;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await openWorld();
  const environment = {
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: AUDIENCE,
    OIDC_ROLES: 'groups operators operator; groups readers viewer',
    OIDC_CLIENT_ID: CLIENT.id,
    OIDC_CLIENT_SECRET: CLIENT.secret,
  };
  one = (await world.coordinator({ ...environment, COORDINATOR_ID: 'one' })).url;
  two = (await world.coordinator({ ...environment, COORDINATOR_ID: 'two' })).url;
});
afterAll(async () => {
  await world?.close();
  await issuer?.close();
});
beforeEach(() => {
  issuer.isDown = false;
  issuer.person = { groups: ['operators'] };
  issuer.idToken = {};
});

/** What a browser keeps of an answer, as it sends it again. */
function cookiesIn({ headers }: Answer): string {
  const set = [headers['set-cookie'] ?? []].flat();
  return set.map((cookie) => cookie.split(';')[0]).join('; ');
}

/** As far as the provider's answer, which a browser would bring next. */
async function begun(to = '/sagas?status=ABORTED') {
  const start = await send(`${one}/login/start?${new URLSearchParams({ to })}`, { headers: HTML });
  expect(start.status).toBe(303);
  const authorize = new URL(String(start.headers.location));
  const back = new URL(String((await send(authorize.href)).headers.location));
  return { start, authorize, back, cookie: cookiesIn(start) };
}

const finish = (back: URL, cookie: string, at = one) =>
  send(`${at}${back.pathname}${back.search}`, { headers: { cookie } });

async function loggedIn(): Promise<string> {
  const { back, cookie } = await begun();
  const answer = await finish(back, cookie);
  expect(answer.status).toBe(303);
  return cookiesIn(answer).replace(/saga-login=[^;]*;? ?/, '');
}

describe('a login', () => {
  it('begins with what the provider must be asked, and is finished at another coordinator', async () => {
    expect(await send(one, { headers: HTML })).toMatchObject({
      status: 303,
      headers: { location: '/login?to=%2F' },
    });
    const page = await send(`${one}/login?to=/sagas`, { headers: HTML });
    expect(page.body).toContain('href="/login/start?to=%2Fsagas"');
    expect(page.body).not.toContain('name="token"');

    const { start, authorize, back, cookie } = await begun();
    expect(authorize.origin).toBe(issuer.url);
    expect(Object.fromEntries(authorize.searchParams)).toEqual({
      client_id: CLIENT.id,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: `${one}/login/callback`,
      state: expect.stringMatching(/^.{40,}$/),
      nonce: expect.stringMatching(/^.{40,}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    const kept = String(start.headers['set-cookie']);
    for (const part of ['HttpOnly', 'SameSite=Lax', 'Path=/login', 'Max-Age=600'])
      expect(kept).toContain(part);
    expect(kept).not.toContain(authorize.searchParams.get('nonce'));

    const answer = await finish(back, cookie, two);
    expect(answer).toMatchObject({ status: 303, headers: { location: '/sagas?status=ABORTED' } });
    const session = [answer.headers['set-cookie'] ?? []].flat().find((one) => one.startsWith('saga-user='));
    for (const part of ['HttpOnly', 'SameSite=Lax', 'Path=/', 'Max-Age=28800'])
      expect(session).toContain(part);
    const headers = { cookie: session?.split(';')[0] ?? '' };
    for (const at of [one, two]) {
      expect((await send(`${at}${API}/sagas`, { headers })).status).toBe(200);
      expect(await send(`${at}/login?to=/sagas`, { headers })).toMatchObject({
        headers: { location: '/sagas' },
      });
    }
  });

  it('gives the roles of the person, and changes nothing but from our own page', async () => {
    const cancel = (headers: Record<string, string>) =>
      send(`${one}${API}/sagas/none/cancel`, { method: 'POST', body: { reason: 'a test' }, headers });
    const cookie = await loggedIn();
    expect((await cancel({ cookie })).status).toBe(401);
    expect((await cancel({ cookie, origin: 'https://evil.example' })).status).toBe(403);
    expect((await cancel({ cookie, origin: one })).status).toBe(404);
    issuer.person = { groups: ['readers'] };
    const reader = await loggedIn();
    expect((await send(`${one}${API}/sagas`, { headers: { cookie: reader } })).status).toBe(200);
    expectProblem(
      await cancel({ cookie: reader, origin: one }),
      'forbidden',
      /ada does not have the role operator/,
    );
  });

  it('is worth nothing altered, or after a logout', async () => {
    const cookie = await loggedIn();
    const [name, value = ''] = cookie.split('=');
    const middle = Math.floor(value.length / 2);
    const other = value[middle] === 'A' ? 'B' : 'A';
    const altered = `${value.slice(0, middle)}${other}${value.slice(middle + 1)}`;
    const plain = new UnsecuredJWT({ value: { name: 'ada', roles: ['admin'], machines: null } })
      .setExpirationTime('1h')
      .encode();
    for (const forged of [altered, value.slice(0, -1), `${value}x`, 'x', '', plain])
      expect((await send(`${one}${API}/sagas`, { headers: { cookie: `${name}=${forged}` } })).status).toBe(
        401,
      );
    const out = await send(`${one}/logout`, { method: 'POST', headers: { cookie, origin: one } });
    expect(String(out.headers['set-cookie'])).toMatch(/saga-user=;.*Max-Age=0/);
  });

  it('leads to no other site', async () => {
    for (const to of ['https://evil.example', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const { back, cookie } = await begun(to);
      expect((await finish(back, cookie)).headers.location, to).toBe('/');
    }
  });

  it('is refused where it was not begun here, or was begun as another', async () => {
    const { back, cookie } = await begun();
    expectProblem(await finish(back, ''), 'login-failed', /not begun in this browser/);
    const state = new URL(back);
    state.searchParams.set('state', 'another');
    expectProblem(await finish(state, cookie), 'login-failed');
    state.searchParams.delete('state');
    expectProblem(await finish(state, cookie), 'login-failed');
    // The code of somebody else, to whose login a victim is brought.
    const others = await begun();
    const mixed = new URL(back);
    mixed.searchParams.set('code', others.back.searchParams.get('code') ?? '');
    expectProblem(await finish(mixed, cookie), 'login-failed');
    expect((await finish(back, cookie)).status).toBe(303);
    // A code is good once.
    expectProblem(await finish(back, cookie), 'login-failed');
  });

  it('is refused where the provider says no, or gives no role', async () => {
    const { back, cookie } = await begun();
    const state = back.searchParams.get('state') ?? '';
    back.search = String(new URLSearchParams({ error: 'access_denied', state }));
    expectProblem(await finish(back, cookie), 'login-failed', /access_denied/);
    issuer.person = { groups: ['cooks'] };
    const cook = await begun();
    const refused = await finish(cook.back, cook.cookie);
    expectProblem(refused, 'login-failed', /gives ada no role/);
    expect(String(refused.headers['set-cookie'])).not.toContain('saga-user');
  });

  it.each<[string, Issuer['idToken']]>([
    ['another nonce', { claims: { nonce: 'another' } }],
    ['no nonce', { claims: { nonce: undefined } }],
    ['another audience', { claims: { aud: AUDIENCE } }],
    ['another issuer', { claims: { iss: 'https://evil.example' } }],
    ['its time over', { claims: { exp: 1 } }],
    ['no signature', { sign: async (claims) => new UnsecuredJWT(claims).encode() }],
    [
      'the signature of another',
      {
        sign: async (claims) =>
          new SignJWT(claims)
            .setProtectedHeader({ alg: 'ES256', kid: issuer.keys[0]?.kid ?? '' })
            .sign((await generateKeyPair('ES256')).privateKey),
      },
    ],
    [
      'a signature by the secret of the client',
      {
        sign: async (claims) =>
          new SignJWT(claims)
            .setProtectedHeader({ alg: 'HS256' })
            .sign(Buffer.from(CLIENT.secret.padEnd(32, '0'))),
      },
    ],
  ])('is refused where the ID token has %s', async (_, idToken) => {
    issuer.idToken = idToken;
    const { back, cookie } = await begun();
    const answer = await finish(back, cookie);
    expectProblem(answer, 'login-failed');
    expect(String(answer.headers['set-cookie'])).not.toContain('saga-user');
  });

  it('waits for a provider that is away, and what is begun goes on meanwhile', async () => {
    const { back, cookie } = await begun();
    const session = await loggedIn();
    issuer.isDown = true;
    expectProblem(await finish(back, cookie), 'identity-unavailable');
    expect((await send(`${one}${API}/sagas`, { headers: { cookie: session } })).status).toBe(200);
    const fresh = await world.coordinator({
      COORDINATOR_ID: 'fresh',
      OIDC_ISSUER: issuer.url,
      OIDC_ROLES: 'a b viewer',
      OIDC_CLIENT_ID: CLIENT.id,
    });
    expectProblem(await send(`${fresh.url}/login/start`), 'identity-unavailable');
    expect(await send(`${fresh.url}/login/start`, { headers: HTML })).toMatchObject({ status: 503 });
    issuer.isDown = false;
    expect((await send(`${fresh.url}/login/start`)).status).toBe(303);
    // Other rules, another client: no session of those before.
    expect((await send(`${fresh.url}${API}/sagas`, { headers: { cookie: session } })).status).toBe(401);
  });
});

describe('a session', () => {
  const settingsWith = (more = {}) => {
    const { oidc } = readSettings({
      OIDC_ISSUER: 'https://id.example',
      OIDC_CLIENT_ID: 'dashboard',
      OIDC_ROLES: 'g a viewer',
      ...more,
    }).identity;
    if (oidc === null) throw new Error('no provider');
    return oidc;
  };
  let nowMs: number;
  const usersWith = (more = {}, secret = 'of the store') =>
    new Users(settingsWith(more), {
      secret,
      logger: pino({ level: 'silent' }),
      clock: { now: () => nowMs, monotonic: () => nowMs },
    });
  const pagesOf = (users: Users) =>
    new Hono()
      .post('/in', async (c) => {
        await users.openSession(c, caller('user', 'ada', [{ role: 'submitter', machine: 'trip' }]));
        return c.text('');
      })
      .get('/who', async (c) => {
        const found = await users.inSession(c);
        return c.json(found && { ...found, roles: [...found.roles], machines: [...(found.machines ?? [])] });
      });
  const opened = async (users: Users) => {
    const answer = await pagesOf(users).request('/in', { method: 'POST' });
    return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' };
  };
  const who = async (users: Users, headers: Record<string, string>) =>
    (await pagesOf(users).request('/who', { headers })).json();

  beforeEach(() => {
    nowMs = Date.UTC(2030, 0, 1);
  });

  it('says at every coordinator of the store who it is, until its time is over', async () => {
    const headers = await opened(usersWith());
    const ada = { kind: 'user', name: 'ada', roles: ['submitter'], machines: ['trip'] };
    expect(await who(usersWith(), headers)).toEqual(ada);
    nowMs += 8 * 3600 * 1000 - 2000;
    expect(await who(usersWith(), headers)).toEqual(ada);
    nowMs += 2000;
    expect(await who(usersWith(), headers)).toBeNull();
  });

  it('is none of another store, of another client, or by other rules', async () => {
    const headers = await opened(usersWith());
    const others = [
      usersWith({}, 'of another store'),
      usersWith({ OIDC_ROLES: 'g a viewer; g b operator' }),
      usersWith({ OIDC_CLIENT_ID: 'another' }),
      usersWith({ OIDC_ISSUER: 'https://other.example' }),
    ];
    for (const users of others) expect(await who(users, headers)).toBeNull();
  });
});
