/** Cookies that only coordinators of one store can read, as browsers get them and bring them back. */
import { hkdfSync } from 'node:crypto';
import { Hono } from 'hono';
import { EncryptJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { readSettings } from '../../server/config.ts';
import { caller } from '../../server/identity/caller.ts';
import { SealedCookie } from '../../server/identity/sealed.ts';
import { Users } from '../../server/identity/users.ts';

const START = Date.UTC(2026, 0, 1);
const LIFE_MS = 90_500;

/** A browser that goes through `visit` with the cookie, and what it is told to keep. */
async function visited(
  visit: (c: Parameters<SealedCookie<object>['write']>[0]) => Promise<unknown>,
  cookie = '',
  headers: Record<string, string> = {},
) {
  const app = new Hono();
  let found: unknown;
  app.get('/', async (c) => {
    found = await visit(c);
    return c.text('');
  });
  const answer = await app.request('/', { headers: { cookie, ...headers } });
  if (answer.status !== 200) throw new Error(String(answer.status));
  return { found, kept: answer.headers.get('set-cookie') ?? '' };
}

const sealed = (over: object = {}, name = 'own', path = '/below') =>
  new SealedCookie<object>(name, path, {
    ...{ secret: 'of the store', purpose: 'p', lifeMs: LIFE_MS, now: () => START },
    ...over,
  });
const made = async (own = sealed()) =>
  (await visited((c) => own.write(c, { a: 1 }))).kept.split(';')[0] ?? '';
const read = async (own: SealedCookie<object>, cookie: string) =>
  (await visited((c) => own.read(c), cookie)).found;

describe('a sealed cookie', () => {
  it('is kept for as long as it counts, from scripts and from other sites', async () => {
    const { kept } = await visited((c) => sealed().write(c, { a: 1 }));
    expect(kept.split('; ').slice(1).sort()).toEqual([
      'HttpOnly',
      'Max-Age=90',
      'Path=/below',
      'SameSite=Lax',
    ]);
    expect(kept).toMatch(/^own=eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+;/);
    const secure = await visited((c) => sealed().write(c, {}), '', { origin: 'https://x.example' });
    expect(secure.kept).toContain('; Secure');
    const { kept: cleared } = await visited(async (c) => sealed().clear(c));
    expect(cleared).toMatch(/^own=; Max-Age=0; Path=\/below/);
  });

  it('is read until its time is over, by the store that wrote it', async () => {
    const cookie = await made();
    expect(await read(sealed(), cookie)).toEqual({ a: 1 });
    expect(await read(sealed({ now: () => START + 89_999 }), cookie)).toEqual({ a: 1 });
    expect(await read(sealed({ now: () => START + 90_000 }), cookie)).toBeNull();
    expect(await read(sealed({ secret: 'of another' }), cookie)).toBeNull();
    expect(await read(sealed({ purpose: 'q' }), cookie)).toBeNull();
    expect(await read(sealed({}, 'other'), cookie.replace('own=', 'other='))).toBeNull();
    expect(await read(sealed(), '')).toBeNull();
    expect(await read(sealed(), 'own=x')).toBeNull();
  });

  it('is none that is sealed in another way, or without an end', async () => {
    const key = (length: number) => new Uint8Array(hkdfSync('sha256', 'of the store', '', 'own\np', length));
    const jwt = (enc: string, until: number | null) => {
      const token = new EncryptJWT({ value: { a: 1 } }).setProtectedHeader({ alg: 'dir', enc });
      return (until === null ? token : token.setExpirationTime(until)).encrypt(key(32));
    };
    const until = START / 1000 + 60;
    expect(await read(sealed(), `own=${await jwt('A256GCM', until)}`)).toEqual({ a: 1 });
    expect(await read(sealed(), `own=${await jwt('A256GCM', null)}`)).toBeNull();
    expect(await read(sealed(), `own=${await jwt('A128CBC-HS256', until)}`)).toBeNull();
  });
});

it('keeps of who logged in the roles and the machines', async () => {
  const { oidc } = readSettings({
    OIDC_ISSUER: 'https://id.example',
    OIDC_CLIENT_ID: 'dashboard',
    OIDC_ROLES: 'g a viewer',
  }).identity;
  if (oidc === null) throw new Error('no provider');
  const parts = { secret: 's', logger: {} as never, clock: { now: () => START, monotonic: () => 0 } };
  const users = new Users(oidc, parts);
  const cookieOf = async (who: ReturnType<typeof caller>) =>
    (await visited((c) => users.openSession(c, who))).kept;
  const foundBy = async (cookie: string) => (await visited((c) => users.inSession(c), cookie)).found;
  const eve = caller('user', 'eve', [{ role: 'submitter', machine: 'trip' }]);
  const root = caller('user', 'root', [{ role: 'admin', machine: null }]);
  const cookie = await cookieOf(eve);
  expect(cookie).toContain('Path=/;');
  expect(await foundBy(cookie.split(';')[0] ?? '')).toEqual(eve);
  expect(await foundBy((await cookieOf(root)).split(';')[0] ?? '')).toEqual(root);
  expect(await foundBy('')).toBeNull();
  const left = await visited(async (c) => users.closeSession(c));
  expect(left.kept).toMatch(/^saga-user=; Max-Age=0; Path=\//);
  // Where nobody logs in there is no session.
  const without = new Users({ ...oidc, login: null }, parts);
  const { found, kept } = await visited(async (c) => {
    await without.openSession(c, eve);
    without.closeSession(c);
    return [without.login, await without.inSession(c)];
  });
  expect([found, kept]).toEqual([[null, null], '']);
});
