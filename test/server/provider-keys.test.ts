/** When the keys of a provider are asked for, and what is said of one that does not answer as one does. */
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { ProviderError, ProviderKeys } from '../../server/identity/provider-keys.ts';

const ISSUER = 'https://id.example/realm';
const CONFIGURATION = `${ISSUER}/.well-known/openid-configuration`;
const JWKS = 'https://id.example/keys';
const MINUTE = 60_000;

let jwk: JWK;
beforeAll(async () => {
  const { publicKey } = await generateKeyPair('ES256');
  jwk = { ...(await exportJWK(publicKey)), kid: 'k-1', alg: 'ES256', use: 'sig' };
});

type Answers = Readonly<Record<string, () => Response | Promise<Response>>>;
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });
const good: Answers = {
  [CONFIGURATION]: () => json({ issuer: ISSUER, jwks_uri: JWKS }),
  [JWKS]: () => json({ keys: [jwk] }),
};

let now: number;
let asked: [url: string, options: RequestInit][];
let said: [level: string, about: object, words: string][];
let answers: Answers;
beforeEach(() => {
  now = 1_000;
  asked = [];
  said = [];
  answers = good;
  vi.stubGlobal('fetch', async (url: string | URL, options: RequestInit) => {
    asked.push([String(url), options]);
    return answers[String(url)]?.() ?? json({}, 404);
  });
});
afterEach(() => vi.unstubAllGlobals());

function keysOf(issuer = ISSUER, jwksUrl: string | null = null) {
  const log = (level: string) => (about: object, words: string) => void said.push([level, about, words]);
  const logger = { info: log('info'), warn: log('warn') };
  const keys = new ProviderKeys({ issuer, jwksUrl }, () => now, logger as never, 0);
  return (kid = 'k-1') => keys.get({ alg: 'ES256', kid }, { payload: '', signature: '' });
}
const urls = () => asked.map(([url]) => url);
const warned = (why: string, issuer = ISSUER) => [
  'warn',
  { issuer, why },
  'the keys of the provider cannot be fetched',
];

it('asks its configuration where they are, once, and follows it to no other place', async () => {
  const get = keysOf();
  await Promise.all([get(), get()]);
  expect(urls()).toEqual([CONFIGURATION, JWKS]);
  expect(asked[0]?.[1]).toMatchObject({ redirect: 'manual', headers: { accept: 'application/json' } });
  expect(asked[0]?.[1].signal).toBeInstanceOf(AbortSignal);
  expect(said).toEqual([]);
});

it('takes the slash behind an issuer as its own, and asks no configuration where a setting says', async () => {
  answers = { ...good, [CONFIGURATION]: () => json({ issuer: `${ISSUER}/`, jwks_uri: JWKS }) };
  await keysOf(`${ISSUER}/`)();
  await keysOf(ISSUER, JWKS)();
  expect(urls()).toEqual([CONFIGURATION, JWKS, JWKS]);
});

it.each<[string, () => Response | Promise<Response>, string]>([
  ['another issuer', () => json({ issuer: 'https://evil.example', jwks_uri: JWKS }), 'no configuration'],
  ['no place', () => json({ issuer: ISSUER }), 'no configuration'],
  ['a place that is none', () => json({ issuer: ISSUER, jwks_uri: 7 }), 'no configuration'],
  ['an unsafe place', () => json({ issuer: ISSUER, jwks_uri: 'http://id.example/keys' }), 'no configuration'],
  ['null', () => json(null), 'no configuration'],
  ['no JSON', () => new Response('<html>'), 'no configuration'],
  ['404', () => json({}, 404), `${CONFIGURATION} answers 404`],
  ['500', () => json({}, 500), `${CONFIGURATION} answers 500`],
  ['nothing', () => Promise.reject(new TypeError('fetch failed')), `${CONFIGURATION}: fetch failed`],
  [
    'nothing, for a reason',
    () => Promise.reject(new TypeError('fetch failed', { cause: new Error('refused') })),
    `${CONFIGURATION}: refused`,
  ],
])('believes nobody whose configuration is %s', async (_, answer, why) => {
  answers = { ...good, [CONFIGURATION]: answer };
  const words = why === 'no configuration' ? `${CONFIGURATION} is no configuration of this issuer` : why;
  await expect(keysOf()()).rejects.toThrow(new ProviderError(words));
  expect(said).toEqual([warned(words)]);
});

it('asks one that failed no more for two seconds, and says once that it is away, and once that it is back', async () => {
  answers = {};
  const get = keysOf();
  const away = `${CONFIGURATION} answers 404`;
  await expect(get()).rejects.toThrow(away);
  now += 1_999;
  await expect(get()).rejects.toThrow('it did not answer a moment ago');
  expect(urls()).toEqual([CONFIGURATION]);
  now += 1;
  await expect(get()).rejects.toThrow(away);
  expect(urls()).toEqual([CONFIGURATION, CONFIGURATION]);
  expect(said).toEqual([warned(away)]);
  now += 2_000;
  answers = good;
  await get();
  expect(said.slice(1)).toEqual([['info', { issuer: ISSUER }, 'the provider answers again']]);
  await get();
  expect(said.length).toBe(2);
});

it.each([
  ['no keys', () => json({}), 'JSON Web Key Set malformed'],
  ['no JSON', () => new Response('<html>'), 'Failed to parse the JSON Web Key Set HTTP response as JSON'],
])('takes %s in place of keys for an outage', async (_, answer, why) => {
  answers = { ...good, [JWKS]: answer };
  await expect(keysOf()()).rejects.toThrow(new ProviderError(why));
  expect(said).toEqual([warned(why)]);
});

it('does not take a key that it does not have for an outage', async () => {
  await expect(keysOf()('k-2')).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  expect(said).toEqual([]);
});

it('asks anew for keys that are older than ten minutes, beside the request that saw it', async () => {
  const get = keysOf();
  await get();
  now += 10 * MINUTE;
  await get();
  expect(urls()).toEqual([CONFIGURATION, JWKS]);
  now += 1;
  await get();
  expect(urls()).toEqual([CONFIGURATION, JWKS, JWKS]);
});

it('serves old keys while the provider is away, and none that are older than an hour', async () => {
  const get = keysOf();
  await get();
  answers = {};
  now += 10 * MINUTE + 1;
  await get();
  await vi.waitUntil(() => said.length > 0);
  // It has just failed: nobody asks.
  await get();
  expect(urls()).toEqual([CONFIGURATION, JWKS, JWKS]);
  now += 50 * MINUTE - 1;
  await get();
  expect(urls()).toEqual([CONFIGURATION, JWKS, JWKS, JWKS]);
  now += 2_000;
  await expect(get()).rejects.toThrow(`${JWKS} answers 404`);
});
