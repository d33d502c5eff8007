/** Signed calls: who is believed, and who is not. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createParticipant, done, memoryLedger } from '../../participant/index.ts';
import { contentDigest, signed } from '../../participant/signature.ts';
import { call, question } from './ledger-suite.ts';

const KEY = { id: 'k1', secret: 'a secret of two, nobody else' };
const OLD_KEY = { id: 'k0', secret: 'the one before it, nobody else' };
const KEYS = { [KEY.id]: KEY.secret, [OLD_KEY.id]: OLD_KEY.secret };

function service(signingKeys: Record<string, string> = KEYS) {
  let performed = 0;
  const { action, ask } = createParticipant(
    memoryLedger(),
    {
      perform() {
        performed += 1;
        return done({ payment_id: 'p1' });
      },
      undo: () => done(),
    },
    { signingKeys },
  );
  return { action, ask, performed: () => performed };
}

interface Sent {
  url?: string;
  method?: string;
  headers: Headers;
  body: string;
}

async function sent({ key = KEY, at = Date.now(), url = 'http://participant/pay' } = {}): Promise<Sent> {
  const request = call('s1', 'action');
  const body = await request.clone().text();
  const headers = new Headers(request.headers);
  const path = url.slice('http://participant'.length);
  const added = signed({ method: 'POST', path, header: (name) => headers.get(name) }, body, key, at);
  for (let index = 0; index < added.length; index += 2)
    headers.set(added[index] as string, added[index + 1] as string);
  return { url, headers, body };
}

const requestOf = ({ url = 'http://participant/pay', method = 'POST', headers, body }: Sent) =>
  new Request(url, { method, headers, body });

async function said(given: Sent, keys?: Record<string, string>) {
  const { action, performed } = service(keys);
  const response = await action(requestOf(given));
  const { type } = (await response.json()) as { type?: string };
  expect(performed()).toBe(response.status === 200 ? 1 : 0);
  if (response.status === 401) expect(response.headers.get('accept-signature')).toContain('"content-digest"');
  return [response.status, type];
}

it.each([KEY, OLD_KEY])('believes a call that a known key has signed', async (key) => {
  expect(await said(await sent({ key }))).toEqual([200, undefined]);
  expect(await said(await sent({ key, url: 'http://participant/pay?shop=7' }))).toEqual([200, undefined]);
});

describe('a question', () => {
  const path = '/stands?saga_id=s1&step=payment';
  const asked = async (change: (headers: Headers) => void = () => {}, at = path, keys = KEYS) => {
    const { headers } = question('s1');
    const request = { method: 'GET', path, header: (name: string) => headers.get(name) };
    const added = signed(request, null, KEY, Date.now());
    for (let index = 0; index < added.length; index += 2)
      headers.set(added[index] as string, added[index + 1] as string);
    change(headers);
    const response = await service(keys).ask(new Request(`http://participant${at}`, { headers }));
    const { type } = (await response.json()) as { type?: string };
    return [response.status, type ?? response.headers.get('accept-signature')];
  };

  it('is believed where a known key has signed it', async () => {
    expect(await asked()).toEqual([200, null]);
  });

  it.each<[string, Parameters<typeof asked>, string]>([
    ['not signed', [(headers) => headers.delete('signature')], 'signature-missing'],
    ['about another saga', [undefined, '/stands?saga_id=s2&step=payment'], 'signature-wrong'],
    ['by an unknown key', [undefined, path, { k2: 'another' }], 'signature-unknown-key'],
  ])('is not answered where it is %s', async (_, given, type) => {
    expect(await asked(...given)).toEqual([401, type]);
  });

  it('opens no call: one by GET needs a body that was signed', async () => {
    const { headers } = question('s1');
    const request = { method: 'GET', path: '/pay', header: (name: string) => headers.get(name) };
    headers.set('content-type', 'application/json');
    headers.set('idempotency-key', 's1:payment:action');
    const added = signed(request, null, KEY, Date.now());
    for (let index = 0; index < added.length; index += 2)
      headers.set(added[index] as string, added[index + 1] as string);
    const response = await service().action(new Request('http://participant/pay', { headers }));
    expect(response.status).toBe(401);
  });
});

it('signs as http-message-signatures 3.0.0 of Python does', () => {
  const headers: Record<string, string> = {
    'idempotency-key': 's1:payment:action',
    'saga-id': 's1',
    'saga-step': 'payment',
  };
  const request = { method: 'POST', path: '/pay?shop=7', header: (name: string) => headers[name] ?? null };
  const covered = '"@method" "@path" "content-digest" "idempotency-key" "saga-id" "saga-step" "@query"';
  expect(signed(request, '{"amount":12}', KEY, Date.UTC(2026, 0, 1))).toEqual([
    ...['content-digest', 'sha-256=:cOHSj2I54a+6Ljo7lnFnRBfnb0YSa3W51f4ENtdSoBM=:'],
    ...['signature-input', `saga=(${covered});created=1767225600;keyid="k1";alg="hmac-sha256"`],
    ...['signature', 'saga=:BYuf6w1EEcolVufQ1XkDoc+cRlO2bXRX2xLzWjo/Uak=:'],
  ]);
});

it('believes one of several signatures, and one of several digests', async () => {
  const given = await sent();
  const add = (name: string, before: string) =>
    given.headers.set(name, `${before}, ${given.headers.get(name)}`);
  add('signature-input', 'proxy=("@method");created=1;keyid="of-the-proxy";alg="ed25519"');
  add('signature', 'proxy=:AAAA:');
  expect(await said(given)).toEqual([200, undefined]);
});

it.each<[string, (given: Sent) => void, string]>([
  ['not signed', ({ headers }) => headers.delete('signature'), 'signature-missing'],
  ['without its input', ({ headers }) => headers.delete('signature-input'), 'signature-missing'],
  ['of another saga', ({ headers }) => headers.set('saga-id', 's2'), 'signature-wrong'],
  ['of another step', ({ headers }) => headers.set('saga-step', 'refund'), 'signature-wrong'],
  ['under another key', ({ headers }) => headers.set('idempotency-key', 'x'), 'signature-wrong'],
  [
    'at another path',
    (given) => Object.assign(given, { url: 'http://participant/refund' }),
    'signature-wrong',
  ],
  [
    'with a query',
    (given) => Object.assign(given, { url: 'http://participant/pay?a=1' }),
    'signature-too-little',
  ],
  ['by another method', (given) => Object.assign(given, { method: 'PUT' }), 'signature-wrong'],
  ['with another body', (given) => Object.assign(given, { body: '{"amount":13}' }), 'digest-wrong'],
  [
    'with another body and its digest',
    (given) => {
      given.body = '{"amount":13}';
      given.headers.set('content-digest', contentDigest(given.body));
    },
    'signature-wrong',
  ],
  ['made younger', (given) => inInput(given, /created=\d+/, `created=${soon()}`), 'signature-wrong'],
  ['that covers less', (given) => inInput(given, ' "saga-id"', ''), 'signature-too-little'],
  ['by another algorithm', (given) => inInput(given, 'hmac-sha256', 'hmac-sha512'), 'signature-wrong'],
])('does not believe a call %s', async (_, alter, type) => {
  const given = await sent();
  alter(given);
  expect(await said(given)).toEqual([401, type]);
});

function inInput({ headers }: Sent, from: string | RegExp, to: string): void {
  headers.set('signature-input', (headers.get('signature-input') as string).replace(from, to));
}

const soon = () => Math.floor(Date.now() / 1000) + 60;

it.each([-301_000, 301_000])('does not believe one of %i ms from now', async (ms) => {
  expect(await said(await sent({ at: Date.now() + ms }))).toEqual([401, 'signature-too-old']);
});

/** The same call, signed by hand with other parameters. */
async function signedWith(more: string, also = ''): Promise<Sent> {
  const given = await sent();
  const names = ['@method', '@path', 'content-digest', 'idempotency-key', 'saga-id', 'saga-step'];
  const covered = [...names, ...also.split(' ').filter((name) => name !== '')];
  const params = `(${covered.map((name) => `"${name}"`).join(' ')});created=${soon() - 60};keyid="k1"${more}`;
  const derived: Record<string, string> = { '@method': 'POST', '@path': '/pay', '@status': '200' };
  const lines = covered.map((name) => `"${name}": ${derived[name] ?? given.headers.get(name)}`);
  const base = [...lines, `"@signature-params": ${params}`].join('\n');
  given.headers.set('signature-input', `hand=${params}`);
  given.headers.set('signature', `hand=:${createHmac('sha256', KEY.secret).update(base).digest('base64')}:`);
  return given;
}

it.each<[string, () => Promise<Sent>, string | undefined]>([
  ['believes one that names no algorithm', () => signedWith(''), undefined],
  ['believes one that covers more', () => signedWith('', 'content-type'), undefined],
  ['believes one that ends later', () => signedWith(`;expires=${soon()}`), undefined],
  ['does not believe one that has ended', () => signedWith(`;expires=${soon() - 61}`), 'signature-too-old'],
  [
    'does not believe one that names another algorithm',
    () => signedWith(';alg="ed25519"'),
    'signature-wrong',
  ],
  ['does not believe one that covers a part twice', () => signedWith('', 'saga-id'), 'signature-wrong'],
  ['does not believe one that covers what it cannot see', () => signedWith('', '@status'), 'signature-wrong'],
])('%s', async (_, made, type) => {
  expect(await said(await made())).toEqual([type === undefined ? 200 : 401, type]);
});

it('does not believe a key that is not known, nor any where none is', async () => {
  expect(await said(await sent(), { k2: KEY.secret })).toEqual([401, 'signature-unknown-key']);
  expect(await said(await sent(), { k1: 'another secret, longer' })).toEqual([401, 'signature-wrong']);
  expect(await said(await sent(), {})).toEqual([401, 'signature-unknown-key']);
});
