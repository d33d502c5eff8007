/** Credentials and headers of services: what is sent, what is refused, and that no word of a secret is said of either. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, readSettings, shownSettings } from '../../server/config.ts';

const read = (environment: Record<string, string>) => {
  const { serviceUrls, serviceHeaders } = readSettings(environment);
  return { url: serviceUrls.payment, headers: serviceHeaders.payment };
};
const ofUrl = (url: string) => read({ PAYMENT_SERVICE_URL: url });
const ofHeaders = (lines: string) => read({ PAYMENT_SERVICE_HEADERS: lines }).headers;

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('credentials in a URL', () => {
  it.each([
    ['https://user:sesame@pay.example', 'https://pay.example', 'user:sesame'],
    ['https://user:sesame@pay.example/base/', 'https://pay.example/base', 'user:sesame'],
    ['http://user:@pay:8002', 'http://pay:8002', 'user:'],
    ['http://:sesame@pay:8002', 'http://pay:8002', ':sesame'],
    ['http://user@[::1]:8002', 'http://[::1]:8002', 'user:'],
    ['http://us%40er:p%3Aa%2Fss@pay', 'http://pay', 'us@er:p:a/ss'],
    ['http://j%C3%BCrgen:gr%C3%BC%C3%9Fe@pay', 'http://pay', 'jürgen:grüße'],
    // Not escaped as it should be; a URL parser takes it to the last @.
    ['http://user:ses@me@pay', 'http://pay', 'user:ses@me'],
  ])('%s is called at %s', (given, url, pair) => {
    expect(ofUrl(given)).toEqual({
      url,
      headers: ['authorization', `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`],
    });
  });

  it.each(['http://pay:8002', 'https://pay.example/base'])('%s has none', (url) => {
    expect(ofUrl(url)).toEqual({ url, headers: [] });
  });
});

describe('headers', () => {
  it.each<[string, string, string[]]>([
    ['one', 'Authorization: Bearer sesame', ['authorization', 'Bearer sesame']],
    ['several', 'X-Api-Key: sesame\nX-Tenant:shop 7', ['x-api-key', 'sesame', 'x-tenant', 'shop 7']],
    [
      'as YAML writes a block',
      'X-Api-Key:  sesame \r\n\r\n  X-B: 1\r\n',
      ['x-api-key', 'sesame', 'x-b', '1'],
    ],
    ['a colon and what is no letter', 'X-A: a:b="c"; d', ['x-a', 'a:b="c"; d']],
  ])('%s', (_, lines, headers) => {
    expect(ofHeaders(lines)).toEqual(headers);
  });

  it('stand beside credentials of the URL', () => {
    const both = { PAYMENT_SERVICE_URL: 'http://u:sesame@pay', PAYMENT_SERVICE_HEADERS: 'X-Api-Key: k' };
    expect(read(both).headers).toEqual(['x-api-key', 'k', 'authorization', 'Basic dTpzZXNhbWU=']);
  });

  it('are one service’s, and no other’s', () => {
    const { order, payment } = readSettings({ PAYMENT_SERVICE_HEADERS: 'X-A: 1' }).serviceHeaders;
    expect({ order, payment }).toEqual({ order: [], payment: ['x-a', '1'] });
  });
});

describe('the start refuses', () => {
  const RESERVED = [
    ...['Host', 'Content-Type', 'content-length', 'Accept', 'Accept-Encoding', 'Content-Encoding'],
    ...['Connection', 'Keep-Alive', 'Transfer-Encoding', 'TE', 'Trailer', 'Upgrade', 'Expect'],
    ...['Idempotency-Key', 'Saga-Id', 'Saga-Step', 'saga-anything', 'traceparent', 'tracestate'],
    'Proxy-Authorization',
  ];
  it.each(RESERVED)('%s, which is not for others to say', (name) => {
    expect(problemsOf({ PAYMENT_SERVICE_HEADERS: `${name}: sesame` })).toEqual([
      `PAYMENT_SERVICE_HEADERS: ${name} is for the coordinator alone to say`,
    ]);
  });

  it.each([
    ['no name', ': sesame'],
    ['no value', 'X-A:'],
    ['no colon', 'sesame'],
    ['a blank in the name', 'X A: sesame'],
    ['a blank before the colon of a folded line', 'X-A: 1\n  sesame'],
    ['what is no ASCII', 'X-A: sesämé'],
    ['a control character', 'X-A: ses\u0007ame'],
    ['a bare CR, which could begin another header', 'X-A: ses\rame: 1'],
    ['the same header twice', 'X-A: 1\nx-a: sesame'],
    ['more than servers take', `X-A: ${'sesame'.repeat(2000)}`],
  ])('%s', (_, lines) => {
    const problems = problemsOf({ PAYMENT_SERVICE_HEADERS: lines });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^PAYMENT_SERVICE_HEADERS: ./);
    expect(problems[0]).not.toContain('sesame');
  });

  it.each([
    ['a query', 'http://pay?key=sesame'],
    ['an empty query', 'http://pay/?'],
    ['a fragment', 'http://pay/#sesame'],
    ['an empty fragment', 'http://pay/#'],
    ['a user that no percent-encoding gives', 'http://%ff:sesame@pay'],
    ['a colon in the user', 'http://us%3Aer:sesame@pay'],
    ['a line break in the password', 'http://user:sesame%0D%0AX-A%3A1@pay'],
  ])('%s', (_, url) => {
    const problems = problemsOf({ PAYMENT_SERVICE_URL: url });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^PAYMENT_SERVICE_URL: ./);
    expect(problems[0]).not.toContain('sesame');
  });

  it('an Authorization in both places', () => {
    const both = {
      PAYMENT_SERVICE_URL: 'http://u:sesame@pay',
      PAYMENT_SERVICE_HEADERS: 'AUTHORIZATION: Bearer sesame',
    };
    expect(problemsOf(both)).toEqual([
      'PAYMENT_SERVICE_HEADERS: Authorization stands here and in the URL; leave one of them out',
    ]);
  });
});

it('are shown by their names alone', () => {
  const shown = shownSettings(
    readSettings({
      PAYMENT_SERVICE_URL: 'http://user:sesame@pay',
      ORDER_SERVICE_HEADERS: 'X-Api-Key: sesame',
    }),
  );
  expect(shown).toMatchObject({
    serviceUrls: { payment: 'http://pay' },
    serviceHeaders: { payment: ['authorization'], order: ['x-api-key'], shipping: [] },
  });
  const text = JSON.stringify(shown);
  for (const secret of ['sesame', Buffer.from('user:sesame').toString('base64')])
    expect(text).not.toContain(secret);
});

describe('the key by which calls are signed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signing-key-'));
  const file = join(folder, 'key');
  writeFileSync(file, 'k2:open-sesame-open-sesame\n');
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    [{ PAYMENT_SERVICE_SIGNING_KEY: 'k-1.a:sesame:sesame:sesame' }, 'k-1.a', 'sesame:sesame:sesame'],
    [{ PAYMENT_SERVICE_SIGNING_KEY_FILE: file }, 'k2', 'open-sesame-open-sesame'],
  ])('is read of %o, and shown by its id', (environment, id, secret) => {
    const settings = readSettings(environment as Record<string, string>);
    expect(settings.serviceSigningKeys).toEqual({ payment: { id, secret } });
    const shown = shownSettings(settings);
    expect(shown).toMatchObject({ serviceSigningKeys: { payment: id } });
    expect(JSON.stringify(shown)).not.toContain('sesame');
    expect(settings.warnings).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['no id', { _KEY: 'sesame-sesame-sesame' }, /^PAYMENT_SERVICE_SIGNING_KEY: must be "id:secret"/],
    ['a short secret', { _KEY: 'k1:sesame' }, /^PAYMENT_SERVICE_SIGNING_KEY: must be "id:secret"/],
    ['an id that needs quotes', { _KEY: 'k"1:sesame-sesame-sesame' }, /SIGNING_KEY: must be "id:secret"/],
    [
      'a file that is not there',
      { _KEY_FILE: join(folder, 'none') },
      /SIGNING_KEY_FILE: cannot be read: ENOENT/,
    ],
    ['both', { _KEY: 'k1:sesame-sesame-sesame', _KEY_FILE: file }, /SIGNING_KEY: stands here and in a file/],
  ])('is refused where it has %s', (_, given, says) => {
    const environment = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [`PAYMENT_SERVICE_SIGNING${name}`, value]),
    );
    const problems = problemsOf(environment);
    expect(problems[0]).toMatch(says);
    expect(problems.join()).not.toContain('sesame');
  });
});
