/** How a request was made before proxies passed it on, and of whom that is believed. */
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { guard } from '../../server/access.ts';
import { checked } from '../../server/checks.ts';
import { readSettings } from '../../server/config.ts';
import type { Outside } from '../../server/outside.ts';
import { answerProblem, Problem } from '../../server/problem.ts';
import type { Environment } from '../coordinator/world.ts';

type Headers = Readonly<Record<string, string>>;

/** What the guard of a coordinator makes of a request from an address: how it was made, or why it is refused. */
async function seen(environment: Environment, peer: string | null, headers: Headers) {
  const app = new Hono();
  app.onError((error, c) => {
    if (error instanceof Problem) return answerProblem(c, error);
    throw error;
  });
  app.use(checked(guard(readSettings(environment))));
  app.get('*', (c) => c.json(c.get('outside')));
  const incoming = { socket: { remoteAddress: peer ?? undefined } };
  const request = new Request('http://localhost/livez', { headers: { host: 'localhost:9000', ...headers } });
  const response = await app.fetch(request, { incoming } as unknown as HttpBindings);
  const answer = (await response.json()) as Outside & { type?: string };
  return answer.type ?? answer;
}

const OPS = { ALLOWED_HOSTS: 'ops.example, inner.example' };
const TRUSTING = { ...OPS, TRUSTED_PROXIES: '10.0.0.0/8, ::1, 127.0.0.1' };
const PROXY = '10.0.0.1';
const FORWARDED: Headers = {
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'ops.example',
  'x-forwarded-prefix': '/saga',
};

describe('of a proxy that is trusted', () => {
  it.each([PROXY, '10.255.255.255', '::1', '::ffff:10.0.0.1', '127.0.0.1'])(
    'at %s everything is believed',
    async (peer) => {
      expect(await seen(TRUSTING, peer, FORWARDED)).toEqual({
        host: 'ops.example',
        hosts: ['localhost:9000', 'ops.example'],
        scheme: 'https',
        base: '/saga',
        client: '203.0.113.7',
      });
    },
  );

  it.each([
    ['for=203.0.113.7;proto=https;host=ops.example'],
    ['For="203.0.113.7:4711"; Proto=HTTPS; Host="OPS.example"'],
    // What a stranger wrote, and then the proxy.
    ['for=6.6.6.6;host=evil.example;proto=http, for=203.0.113.7;proto=https;host=ops.example'],
    ['for="a, for=x;host=evil.example", for=203.0.113.7;proto=https;host=ops.example'],
    // Two that are trusted.
    ['for=203.0.113.7;proto=https;host=ops.example, for=10.0.0.2;proto=http;host=inner.example'],
  ])('Forwarded is believed: %s', async (forwarded) => {
    expect(await seen(TRUSTING, PROXY, { forwarded })).toMatchObject({
      host: 'ops.example',
      scheme: 'https',
      client: '203.0.113.7',
    });
  });

  it('that says nothing of it leaves the name as it is, and the scheme open', async () => {
    const expected = {
      host: 'localhost:9000',
      hosts: ['localhost:9000'],
      scheme: null,
      base: '',
      client: PROXY,
    };
    expect(await seen(TRUSTING, PROXY, {})).toEqual(expected);
    expect(await seen(TRUSTING, PROXY, { 'x-forwarded-proto': 'wss', forwarded: '' })).toEqual(expected);
  });
});

describe('of anybody else', () => {
  it.each([
    ['no proxy is trusted', OPS, PROXY],
    ['another is', { ...OPS, TRUSTED_PROXIES: '10.0.0.2' }, PROXY],
    ['another family is', { ...OPS, TRUSTED_PROXIES: '2000::/3' }, PROXY],
    ['it has no address, as on a unix socket', TRUSTING, null],
    ['it is a neighbour', TRUSTING, '11.0.0.1'],
  ])('nothing is believed: %s', async (_, environment, peer) => {
    const forged = { ...FORWARDED, forwarded: 'for=1.2.3.4;host=ops.example;proto=https' };
    expect(await seen(environment, peer, forged)).toEqual({
      host: 'localhost:9000',
      hosts: ['localhost:9000'],
      scheme: null,
      base: '',
      client: peer,
    });
  });
});

describe('of a list', () => {
  const client = async (chain: string) =>
    ((await seen(TRUSTING, PROXY, { 'x-forwarded-for': chain })) as Outside).client;

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7', '203.0.113.7'],
    ['6.6.6.6, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['203.0.113.7:4711, [::1]:80', '203.0.113.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['"[2001:db8::7]:80"', null],
    ['unknown', null],
  ])('X-Forwarded-For: %s', async (chain, found) => {
    expect(await client(chain)).toBe(found);
  });

  it('only what trusted proxies have added counts', async () => {
    const outer = { 'x-forwarded-host': 'evil.example, ops.example', 'x-forwarded-proto': 'http, https' };
    expect(await seen(TRUSTING, PROXY, outer)).toMatchObject({ host: 'ops.example', scheme: 'https' });
    const two = {
      'x-forwarded-for': '203.0.113.7, 10.0.0.2',
      'x-forwarded-host': 'evil.example, ops.example, inner.example',
      'x-forwarded-proto': 'http, https, http',
      'x-forwarded-prefix': '/evil, /ops/, /saga',
    };
    expect(await seen(TRUSTING, PROXY, two)).toMatchObject({
      host: 'ops.example',
      hosts: ['localhost:9000', 'ops.example', 'inner.example'],
      scheme: 'https',
      base: '/ops/saga',
    });
  });
});

describe('Host and Origin stay as strict', () => {
  it.each([
    ['a name that is forwarded', { 'x-forwarded-host': 'evil.example' }, 'misdirected-request'],
    ['by the other header', { forwarded: 'host=evil.example' }, 'misdirected-request'],
    ['behind one of ours', { 'x-forwarded-host': 'ops.example, evil.example' }, 'misdirected-request'],
    [
      'that was asked for',
      { host: 'evil.example', 'x-forwarded-host': 'ops.example' },
      'misdirected-request',
    ],
    ['that cannot be read', { 'x-forwarded-host': 'ops.example@evil.example' }, 'misdirected-request'],
    ['an origin under another name', { ...FORWARDED, origin: 'https://localhost:9000' }, 'foreign-origin'],
    ['an origin under another scheme', { ...FORWARDED, origin: 'http://ops.example' }, 'foreign-origin'],
    ['an origin on another port', { ...FORWARDED, origin: 'https://ops.example:8443' }, 'foreign-origin'],
    ['no origin at all', { ...FORWARDED, origin: 'null' }, 'foreign-origin'],
    [
      'headers that disagree on the name',
      { ...FORWARDED, forwarded: 'host=inner.example;proto=https' },
      'invalid-header',
    ],
    ['and on the scheme', { ...FORWARDED, forwarded: 'proto=http' }, 'invalid-header'],
  ])('%s', async (_, headers, type) => {
    expect(await seen(TRUSTING, PROXY, headers as Headers)).toBe(type);
  });

  it.each([
    [{ ...FORWARDED, origin: 'https://ops.example' }],
    [{ ...FORWARDED, 'x-forwarded-host': 'OPS.example:443', origin: 'https://ops.example' }],
    [{ ...FORWARDED, 'x-forwarded-host': 'ops.example:8443', origin: 'https://ops.example:8443' }],
    [{ 'x-forwarded-host': 'ops.example', origin: 'http://ops.example' }],
    [{ forwarded: 'host=ops.example;proto=https', origin: 'https://ops.example' }],
  ])('%j is let in', async (headers) => {
    expect(await seen(TRUSTING, PROXY, headers as unknown as Headers)).toMatchObject({
      hosts: expect.arrayContaining(['localhost:9000']),
    });
  });

  it('where no names are set, a page is known by none', async () => {
    const open = { HOST: '0.0.0.0', TRUSTED_PROXIES: PROXY };
    const page = { 'x-forwarded-host': 'evil.example', origin: 'http://evil.example' };
    expect(await seen(open, PROXY, page)).toBe('misdirected-request');
  });
});

describe('X-Forwarded-Prefix', () => {
  it.each([
    '//evil.example',
    '/a//b',
    '/..',
    '/a/../b',
    'saga',
    '/a b',
    '/a?b',
    '/a"b',
    '/\\evil',
    `/${'x'.repeat(300)}`,
  ])('is no path: %s', async (prefix) => {
    expect(await seen(TRUSTING, PROXY, { 'x-forwarded-prefix': prefix })).toBe('invalid-header');
  });

  it.each([
    ['/saga/', '/saga'],
    ['/', ''],
    ['/a/b.c', '/a/b.c'],
  ])('%s is before each path as %j, whatever is set', async (prefix, base) => {
    const environment = { ...TRUSTING, PUBLIC_PATH: '/other/' };
    expect(await seen(environment, PROXY, { 'x-forwarded-prefix': prefix })).toMatchObject({ base });
    expect(await seen(environment, PROXY, {})).toMatchObject({ base: '/other' });
  });
});
