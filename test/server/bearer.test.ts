/** Tokens of an OpenID Connect provider: which are believed, what becomes of its keys, and what is said while it is away. */
import { createHmac, createPublicKey } from 'node:crypto';
import { Hono } from 'hono';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { guard } from '../../server/access.ts';
import { checked } from '../../server/checks.ts';
import { readSettings } from '../../server/config.ts';
import { callerOf, keyOf } from '../../server/identity/caller.ts';
import { callerIn } from '../../server/identity/claims.ts';
import { Users } from '../../server/identity/users.ts';
import { answerProblem, Problem } from '../../server/problem.ts';
import { AUDIENCE, type Issuer, startIssuer } from './issuer.ts';

const MINUTE = 60_000;

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer?.close());

let skippedMs: number;
let lines: { msg: string; level: number }[];
beforeEach(() => {
  skippedMs = 0;
  lines = [];
  issuer.isDown = false;
  issuer.garbled = null;
  issuer.asked.clear();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const { now } = Date;
const clock = { now: () => Date.now(), monotonic: () => performance.now() + skippedMs };

/** Our own spans are monotonic; the library's cool-down goes by the date. */
function skip(ms: number): void {
  skippedMs += ms;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + skippedMs);
}

/** A coordinator that has asked the provider nothing yet. */
function doorWith(environment: Readonly<Record<string, string>> = {}) {
  const settings = readSettings({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: AUDIENCE,
    OIDC_ROLES: 'groups operators operator; groups readers viewer; scope start submitter:trip',
    ...environment,
  });
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const { oidc } = settings.identity;
  const users = oidc && new Users(oidc, { secret: 'of the store', logger, clock });
  const app = new Hono();
  app.onError((error, c) => {
    if (error instanceof Problem) return answerProblem(c, error);
    throw error;
  });
  app.use(checked(guard(settings, { users })));
  app.get('/sagas', (c) =>
    c.json({ caller: keyOf(callerOf(c)), machines: [...(callerOf(c).machines ?? [])] }),
  );
  app.all('*', (c) => c.json({ caller: keyOf(callerOf(c)), machines: [...(callerOf(c).machines ?? [])] }));
  return async (token: string, path = '/sagas') => {
    const headers = { host: 'localhost', authorization: `Bearer ${token}` };
    const answer = await app.request(path, { headers });
    const body = (await answer.json()) as {
      type?: string;
      detail?: string;
      caller?: string;
      machines?: string[];
    };
    return { status: answer.status, ...body, challenge: answer.headers.get('www-authenticate') };
  };
}

const soon = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

describe('a token', () => {
  it('of the provider says who asks and what they may', async () => {
    const ask = doorWith();
    expect(await ask(await issuer.token())).toMatchObject({ status: 200, caller: 'user:ada' });
    expect(await ask(await issuer.token({ aud: ['another', AUDIENCE] }))).toMatchObject({ status: 200 });
    expect(await ask(await issuer.token({}, { typ: 'at+jwt' }))).toMatchObject({ status: 200 });
    const none = await ask(await issuer.token({ groups: ['cooks'] }));
    expect(none).toMatchObject({
      status: 403,
      type: 'forbidden',
      detail: 'ada does not have the role viewer',
    });
    const starter = await issuer.token({ groups: [], scope: 'openid start' });
    expect(await ask(starter)).toMatchObject({ status: 403 });
    expect(await ask(starter, '/whatever')).toMatchObject({ status: 200, machines: ['trip'] });
  });

  it.each<[string, JWTPayload, RegExp]>([
    ['another audience', { aud: 'another' }, /another audience/],
    ['no audience', { aud: undefined as never }, /audience|lacks/],
    ['another issuer', { iss: 'https://evil.example' }, /another issuer/],
    ['a slash behind the issuer', { iss: 'SLASH' }, /another issuer/],
    ['no issuer', { iss: undefined as never }, /issuer|lacks/],
    ['its time over', { exp: soon(-120) }, /expired/],
    ['its time not come', { nbf: soon(120) }, /not valid yet/],
    ['no end', { exp: undefined as never }, /lacks/],
    ['an end that is none', { exp: 'never' as never }, /lacks/],
    ['nobody in it', { sub: undefined as never }, /lacks/],
    ['an empty subject', { sub: '' }, /whose it is/],
  ])('with %s is refused', async (_, claims, why) => {
    const token = await issuer.token(claims.iss === 'SLASH' ? { iss: `${issuer.url}/` } : claims);
    const answer = await doorWith()(token);
    expect(answer).toMatchObject({ status: 401, type: 'unauthorized', detail: expect.stringMatching(why) });
    expect(answer.challenge).toMatch(/^Bearer error="invalid_token", error_description="[ -~]+"$/);
  });

  it('may be off by the skew, and no more', async () => {
    const ask = doorWith({ OIDC_CLOCK_SKEW_MS: '60000' });
    expect((await ask(await issuer.token({ exp: soon(-50), nbf: soon(50) }))).status).toBe(200);
    expect((await ask(await issuer.token({ exp: soon(-70) }))).status).toBe(401);
    expect((await doorWith({ OIDC_CLOCK_SKEW_MS: '0' })(await issuer.token({ exp: soon(-1) }))).status).toBe(
      401,
    );
  });

  it('that is not signed by the provider is refused, however it says that it is', async () => {
    const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'mallory', groups: ['operators'], exp: soon(300) };
    const [jwk] = issuer.keys;
    const kid = jwk?.kid ?? '';
    const none = new UnsecuredJWT(claims).encode();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    // What only the provider knows is not asked for: its public key is known to all.
    const pem = createPublicKey({ key: jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const byHmac = [pem, JSON.stringify(jwk), JSON.stringify({ keys: issuer.keys })].map((secret) => {
      const signed = `${part({ alg: 'HS256', kid })}.${part(claims)}`;
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    });
    const own = await generateKeyPair('ES256', { extractable: true });
    const header = { alg: 'ES256', kid };
    const signedBy = (more: object) =>
      new SignJWT(claims).setProtectedHeader({ ...header, ...more }).sign(own.privateKey);
    const good = await issuer.token();
    const [head, body, signature = ''] = good.split('.');
    const forged = [
      none,
      `${part({ alg: 'none', kid })}.${part(claims)}.`,
      `${part({ alg: 'NONE', kid })}.${part(claims)}.${signature}`,
      ...byHmac,
      await signedBy({}),
      await signedBy({ jwk: await exportJWK(own.publicKey) }),
      await signedBy({ jku: `${issuer.url}/evil` }),
      await signedBy({ kid: 'unknown' }),
      `${head}.${part({ ...claims, sub: 'ada' })}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}.${signature.slice(0, -2)}AA`,
      'e30.e30.e30',
      'a.b.c',
    ];
    const ask = doorWith();
    expect((await ask(good)).status).toBe(200);
    for (const [index, token] of forged.entries())
      expect(await ask(token), `forged ${index}`).toMatchObject({ status: 401, type: 'unauthorized' });
    expect(issuer.asked.get('/evil')).toBeUndefined();
  });

  it('is signed by an algorithm on the list, or refused', async () => {
    await issuer.rotate('ES384');
    const token = await issuer.token();
    expect(await doorWith()(token)).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/algorithm/),
    });
    expect((await doorWith({ OIDC_ALGORITHMS: 'ES384' })(token)).status).toBe(200);
    await issuer.rotate('RS256');
    expect((await doorWith()(await issuer.token())).status).toBe(200);
    await issuer.rotate();
  });

  it('is none where no audience is set', async () => {
    const ask = doorWith({ OIDC_AUDIENCE: '', OIDC_CLIENT_ID: 'dashboard' });
    expect(await ask(await issuer.token({ aud: 'dashboard' }))).toMatchObject({ status: 401 });
  });
});

describe('the keys of the provider', () => {
  it('are fetched once for many, and anew for one that is not known', async () => {
    const ask = doorWith();
    const before = await issuer.token();
    await Promise.all(Array.from({ length: 20 }, () => ask(before)));
    expect(issuer.asked.get('/jwks')).toBe(1);
    await issuer.rotate();
    const after = await issuer.token();
    // Whoever names keys at random has us ask no more often than the cool-down lets.
    for (let index = 0; index < 5; index += 1) expect((await ask(after)).status).toBe(401);
    expect(issuer.asked.get('/jwks')).toBe(1);
    skip(31_000);
    expect((await ask(after)).status).toBe(200);
    expect(await ask(before)).toMatchObject({ status: 401, detail: expect.stringMatching(/no key/) });
    expect(issuer.asked.get('/jwks')).toBe(2);
  });

  it('that are old are fetched beside the request that saw it', async () => {
    const ask = doorWith();
    const before = await issuer.token();
    expect((await ask(before)).status).toBe(200);
    await issuer.rotate();
    skip(11 * MINUTE);
    expect((await ask(await issuer.token({ exp: soon(3600) }))).status).toBe(200);
    expect(issuer.asked.get('/jwks')).toBe(2);
  });

  it('serve for an hour while the provider is away, and then nobody can tell', async () => {
    const ask = doorWith();
    const token = () => issuer.token({ exp: soon(3600) });
    expect((await ask(await token())).status).toBe(200);
    issuer.isDown = true;
    skip(59 * MINUTE);
    for (let index = 0; index < 3; index += 1) expect((await ask(await token())).status).toBe(200);
    skip(2 * MINUTE);
    for (let index = 0; index < 3; index += 1)
      expect(await ask(await token())).toMatchObject({ status: 503, type: 'identity-unavailable' });
    // What the known keys prove is wrong stays wrong; what they cannot prove may be right.
    expect(lines.map(({ msg }) => msg)).toEqual(['the keys of the provider cannot be fetched']);
    issuer.isDown = false;
    skip(3000);
    expect((await ask(await token())).status).toBe(200);
    expect(lines.map(({ msg }) => msg).at(-1)).toBe('the provider answers again');
  });

  it('that are unknown while it is away are 503, and those that are known say what is wrong', async () => {
    const ask = doorWith();
    expect((await ask(await issuer.token())).status).toBe(200);
    issuer.isDown = true;
    const late = await issuer.token({ exp: soon(-120) });
    await issuer.rotate();
    skip(31_000);
    const detail = 'the provider of identities does not answer';
    expect(await ask(await issuer.token())).toMatchObject({
      status: 503,
      type: 'identity-unavailable',
      detail,
    });
    expect((await ask(late)).status).toBe(401);
    // A token with a name needs no provider, and neither does what is open.
    expect((await ask('not-a-jwt')).status).toBe(401);
  });

  it('are asked of a provider that was never reached a little later again', async () => {
    issuer.isDown = true;
    const ask = doorWith();
    const token = await issuer.token();
    for (let index = 0; index < 5; index += 1)
      expect(await ask(token)).toMatchObject({ status: 503, type: 'identity-unavailable' });
    expect(issuer.asked.get('/.well-known/openid-configuration')).toBe(1);
    issuer.isDown = false;
    skip(3000);
    expect((await ask(token)).status).toBe(200);
  });

  it.each(['<html>', '{}', '{"keys": 7}'])(
    'are none in %j, which says nothing of the token',
    async (garbled) => {
      const ask = doorWith();
      issuer.garbled = garbled;
      const token = await issuer.token();
      for (let index = 0; index < 3; index += 1)
        expect(await ask(token)).toMatchObject({ status: 503, type: 'identity-unavailable' });
      expect(issuer.asked.get('/jwks')).toBe(1);
      issuer.garbled = null;
      skip(3000);
      expect((await ask(token)).status).toBe(200);
    },
  );

  it('are none of a provider that says it is another', async () => {
    const { port } = new URL(issuer.url);
    const ask = doorWith({ OIDC_ISSUER: `http://localhost:${port}` });
    expect(await ask(await issuer.token({ iss: `http://localhost:${port}` }))).toMatchObject({ status: 503 });
    expect(issuer.asked.get('/jwks')).toBeUndefined();
  });

  it('may be named by a setting', async () => {
    const ask = doorWith({ OIDC_JWKS_URL: `${issuer.url}/jwks` });
    expect((await ask(await issuer.token())).status).toBe(200);
    expect([...issuer.asked.keys()]).toEqual(['/jwks']);
  });
});

describe('claims', () => {
  const rulesOf = (OIDC_ROLES: string, more = {}) => {
    const { oidc } = readSettings({
      OIDC_ISSUER: 'https://id.example',
      OIDC_AUDIENCE: 'x',
      OIDC_ROLES,
      ...more,
    }).identity;
    if (oidc === null) throw new Error('no provider');
    return oidc;
  };
  const rolesOf = (claims: object, rules: string) =>
    [...callerIn({ sub: 'ada', ...claims }, rulesOf(rules)).roles].sort();

  it.each<[string, object, string[]]>([
    ['groups ops operator', { groups: ['cooks', 'ops'] }, ['operator', 'viewer']],
    ['groups ops operator', { groups: 'ops' }, ['operator', 'viewer']],
    ['groups ops operator', { groups: 'cooks ops' }, []],
    ['groups ops operator', { groups: ['opsx', ['ops'], null, 7] }, []],
    ['groups ops operator', {}, []],
    ['scope start submitter', { scope: 'openid start' }, ['submitter']],
    ['scope start submitter', { scope: 'restart' }, []],
    ['scp start submitter', { scp: 'openid start' }, ['submitter']],
    ['scopes start submitter', { scopes: 'openid start' }, []],
    ['realm_access.roles ops viewer', { realm_access: { roles: ['ops'] } }, ['viewer']],
    ['realm_access.roles ops viewer', { realm_access: 'ops', roles: ['ops'] }, []],
    ['realm_access.roles ops viewer', { realm_access: null }, []],
    ['https://x.example/roles ops viewer', { 'https://x.example/roles': ['ops'] }, ['viewer']],
    ['constructor.name Object admin', {}, []],
    ['__proto__ ops admin', JSON.parse('{"a": {"__proto__": "ops"}}'), []],
    ['a.b x viewer; a.b x submitter:trip', { a: { b: 'x' } }, ['submitter', 'viewer']],
  ])('%s of %j', (rules, claims, roles) => {
    expect(rolesOf(claims, rules)).toEqual(roles);
  });

  it('limit a submitter, unless another claim does not', () => {
    const rules = rulesOf('g a submitter:trip,submitter:order; g b submitter; g c admin');
    const machinesOf = (...g: string[]) => callerIn({ sub: 'ada', g }, rules).machines;
    expect(machinesOf('a')).toEqual(new Set(['trip', 'order']));
    expect(machinesOf('a', 'b')).toBeNull();
    expect(machinesOf('a', 'c')).toBeNull();
  });

  it.each<[object, string, string]>([
    [{ sub: 'ada' }, 'sub', 'ada'],
    [{ sub: 'u-1', email: 'ada@x.example' }, 'email', 'ada@x.example'],
    [{ sub: 'u-1' }, 'email', 'u-1'],
    [{ sub: 'u-1', email: 7 }, 'email', 'u-1'],
    [{ sub: 'Ada (for root)' }, 'sub', 'Ada%20(for%20root)'],
    [{ sub: 'a\nb\u202e\u00a0%c\ud83d' }, 'sub', 'a%0Ab%E2%80%AE%C2%A0%25c%EF%BF%BD'],
    [{ sub: 'Zoë' }, 'sub', 'Zoë'],
    [{ sub: 'x'.repeat(300) }, 'sub', 'x'.repeat(255)],
  ])('call %j by its %s %s', (claims, OIDC_NAME_CLAIM, name) => {
    expect(callerIn(claims as never, rulesOf('g a viewer', { OIDC_NAME_CLAIM })).name).toBe(name);
  });
});
