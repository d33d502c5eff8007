/** Calls over real sockets: what is sent, and what each way of answering means. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { contentDigest, unbelieved } from '../../participant/signature.ts';
import { at, placed } from '../machines/placed-order.ts';
import { ANSWER_BYTES_MAX, Calling, TRACEPARENT } from './calling.ts';

let calling: Calling;
afterEach(() => calling.close());

async function open(url?: (base: string) => string): Promise<Calling> {
  calling = await Calling.open(8, url);
  return calling;
}

describe('what is sent', () => {
  it.each(['action', 'compensation'] as const)(
    'an %s carries the key, the saga and the trace',
    async (kind) => {
      const { listener } = await open();
      const reply = calling.call(kind, { sagaId: '07-saga', over: { attempt: 3 } });
      const seen = await listener.next();
      seen.answer(200, { order_id: 'o-1' });
      await reply;
      expect(seen.method).toBe('POST');
      expect(seen.headers).toEqual({
        host: new URL(listener.url).host,
        connection: 'keep-alive',
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(seen.body)),
        accept: 'application/json',
        'accept-encoding': 'identity',
        'idempotency-key': `07-saga:order:${kind}`,
        'saga-id': '07-saga',
        'saga-step': 'order',
        'saga-attempt': '3',
        'saga-timeout-ms': '1000',
        traceparent: TRACEPARENT,
      });
    },
  );

  it('the vendor’s part of the trace goes along where there is one', async () => {
    const { listener } = await open();
    const reply = calling.call('action', { trace: { tracestate: 'vendor=1' } });
    const seen = await listener.next();
    seen.answer(200, { order_id: 'o-1' });
    await reply;
    expect(seen.headers).toMatchObject({ traceparent: TRACEPARENT, tracestate: 'vendor=1' });
  });

  it('no trace is told of where there is none', async () => {
    const { listener } = await open();
    const reply = calling.call('action', { trace: { traceparent: undefined } as never });
    const seen = await listener.next();
    seen.answer(200, { order_id: 'o-1' });
    await reply;
    expect(seen.headers).not.toHaveProperty('traceparent');
    expect(seen.headers).not.toHaveProperty('tracestate');
  });

  it.each([
    [999.9, '999'],
    [0.4, '1'],
  ])(
    'how long is waited is said in whole milliseconds, and never as none: of %f as %s',
    async (boundMs, said) => {
      const { listener } = await open();
      const reply = calling.call('action', { boundMs });
      const seen = await listener.next();
      expect(seen.headers['saga-timeout-ms']).toBe(said);
      seen.answer(200, { order_id: 'o-1' });
      await reply;
    },
  );

  it('headers of its own go along, and nothing of them is kept that it echoes', async () => {
    const basic = Buffer.from('user:open sesame').toString('base64');
    const own = ['authorization', `Basic ${basic}`, 'x-api-key', 'k-e-y-7', 'x-tenant', 'a'];
    calling = await Calling.open(8, undefined, undefined, own);
    const reply = calling.call();
    const seen = await calling.listener.next();
    expect(seen.headers).toMatchObject({
      authorization: `Basic ${basic}`,
      'x-api-key': 'k-e-y-7',
      'x-tenant': 'a',
    });
    expect(seen.headers['idempotency-key']).toBe('s-1:order:action');
    seen.answer(401, { detail: `a bad key k-e-y-7, of user:open sesame (open sesame), as Basic ${basic}` });
    expect(await reply).toMatchObject({
      outcome: 'refused',
      error: '401 a bad key [redacted], of [redacted] ([redacted]), as [redacted]',
    });
  });

  it('is signed where there is a key for it, so that its participant believes it', async () => {
    const key = { id: 'k1', secret: 'a secret of two, nobody else' };
    const own = ['x-a', 'saga-id'];
    calling = await Calling.open(8, (base) => `${base}/base`, undefined, own, undefined, key);
    const reply = calling.call('compensation', { over: { path: '/cancel?shop=7' } });
    const seen = await calling.listener.next();
    seen.answer(204);
    await reply;
    const header = (name: string) => (seen.headers[name] as string | undefined) ?? null;
    expect(header('content-digest')).toBe(contentDigest(seen.body));
    const request = { method: String(seen.method), path: '/base/cancel?shop=7', header };
    const at = { nowMs: calling.clock.now(), ageMsMax: 1_000 };
    expect(unbelieved(request, { k1: key.secret }, at)).toBe(null);
    expect(JSON.stringify(seen.headers)).not.toContain(key.secret);
    // A question has no body that could be changed on its way.
    const asking = calling.call('action', { over: { isAsynchronous: true, isFetch: true, path: '/jobs/7' } });
    const asked = await calling.listener.next();
    asked.answer(200, { order_id: 'o-1' });
    expect(await asking).toMatchObject({ outcome: 'done' });
    expect(Object.keys(asked.headers).filter((name) => /sign|digest/.test(name))).toEqual([]);
  });

  it('the body is what the call says, as JSON', async () => {
    const { listener } = await open();
    const reply = calling.call();
    const seen = await listener.next();
    seen.answer(200, { order_id: 'o-1' });
    await reply;
    const { customer_id, items, currency } = placed;
    expect(JSON.parse(seen.body)).toEqual({ customer_id, items, currency, amount: 7499 });
  });

  it.each([
    ['', '/api/orders'],
    ['/', '/api/orders'],
    ['/v2', '/v2/api/orders'],
    ['/shops/7/', '/shops/7/api/orders'],
  ])('to a participant at %j the path is %s', async (base, path) => {
    const { listener } = await open((url) => url + base);
    const reply = calling.call();
    const seen = await listener.next();
    seen.answer(200, { order_id: 'o-1' });
    await reply;
    expect(seen.path).toBe(path);
  });

  it('to a participant that nobody configured is a bug, and throws', async () => {
    await open();
    await expect(calling.call('action', { over: { participant: 'weather' } })).rejects.toThrow('weather');
    expect(calling.clock.pending).toBe(0);
  });
});

describe('what comes back', () => {
  it('an answer is done, and leaves no timer behind', async () => {
    const { listener, clock } = await open();
    const reply = calling.call();
    (await listener.next()).answer(201, { order_id: 'o-1', more: 'ü' });
    expect(await reply).toEqual({ outcome: 'done', answer: { order_id: 'o-1', more: 'ü' }, status: 201 });
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['true', true],
    ['false', undefined],
    ['1', undefined],
  ])('an answer that says %s of whether it is from a ledger is believed', async (said, isReplayed) => {
    const { listener } = await open();
    for (const status of [201, 409]) {
      const reply = calling.call();
      (await listener.next()).answer(status, { order_id: 'o-1' }, { 'idempotent-replayed': said });
      expect((await reply) as { isReplayed?: true }).toMatchObject({
        status,
        ...(isReplayed && { isReplayed }),
      });
      expect('isReplayed' in (await reply)).toBe(isReplayed === true);
    }
  });

  it('an answer in pieces is read whole, also where a character is torn', async () => {
    const { listener } = await open();
    const reply = calling.call();
    const { response } = await listener.next();
    const bytes = Buffer.from('{"order_id":"ü"}');
    response.writeHead(200);
    await new Promise((resolve) => response.write(bytes.subarray(0, 14), resolve));
    response.end(bytes.subarray(14));
    expect(await reply).toEqual({ outcome: 'done', answer: { order_id: 'ü' }, status: 200 });
  });

  it('a redirect is refused and not followed', async () => {
    const { listener } = await open();
    const reply = calling.call();
    (await listener.next()).answer(307, {}, { location: `${listener.url}/elsewhere` });
    expect(await reply).toMatchObject({ outcome: 'refused' });
    expect(listener.seen).toHaveLength(1);
  });

  it.each([
    ['seconds', '7', 7_000],
    ['a date, reckoned by our clock', new Date(at + 9_000).toUTCString(), 9_000],
  ])('Retry-After is read as %s', async (_, header, retryAfterMs) => {
    const { listener } = await open();
    const reply = calling.call();
    (await listener.next()).answer(503, { detail: 'later' }, { 'retry-after': header });
    expect(await reply).toEqual({ outcome: 'retryable', error: '503 later', retryAfterMs, status: 503 });
  });

  it('Retry-After may stand there twice', async () => {
    const { listener } = await open();
    const reply = calling.call();
    const { response } = await listener.next();
    response.writeHead(503, ['retry-after', '7', 'retry-after', '9']).end();
    expect(await reply).toEqual({ outcome: 'retryable', error: '503', retryAfterMs: 9_000, status: 503 });
  });

  it('a compressed answer, which was not asked for, is unknown', async () => {
    const { listener } = await open();
    const reply = calling.call();
    const { response } = await listener.next();
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"order_id":"o-1"}'));
    const error = 'order answered 200, but its body is encoded as gzip, which was not asked for';
    expect(await reply).toEqual({ outcome: 'unknown', error, retryAfterMs: null, status: 200 });
  });

  it('a refused connection is retryable: nothing was sent', async () => {
    const { listener } = await open();
    await listener.close();
    const reply = await calling.call();
    expect(reply).toMatchObject({ outcome: 'retryable', error: expect.stringContaining('ECONNREFUSED') });
    calling = await Calling.open();
  });

  it('a participant that speaks no TLS where TLS was asked for is retryable: nothing was sent', async () => {
    const { listener } = await open((url) => url.replace('http:', 'https:'));
    expect(await calling.call()).toMatchObject({ outcome: 'retryable' });
    expect(listener.seen).toHaveLength(0);
  });

  it('to close cuts off what is under way: the effect may stand', async () => {
    const { listener, participants } = await open();
    const reply = calling.call();
    const { gone } = await listener.next();
    await participants.close();
    expect(await reply).toMatchObject({ outcome: 'unknown' });
    await gone;
  });

  it('a connection cut after the call came is unknown: the effect may stand', async () => {
    const { listener } = await open();
    const reply = calling.call();
    (await listener.next()).response.destroy();
    expect(await reply).toMatchObject({ outcome: 'unknown', retryAfterMs: null });
  });

  it('a connection cut in the middle of a good answer is unknown', async () => {
    const { listener } = await open();
    const reply = calling.call();
    const { response } = await listener.next();
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"order_id":"o-1"', () => response.destroy());
    expect(await reply).toMatchObject({ outcome: 'unknown' });
  });

  const padded = (bytes: number) => `{"pad":"${'x'.repeat(bytes - '{"pad":""}'.length)}"}`;

  it('an answer as large as may be is read', async () => {
    const { listener } = await open();
    const reply = calling.call('compensation');
    (await listener.next()).answer(200, padded(ANSWER_BYTES_MAX));
    expect(await reply).toMatchObject({ outcome: 'done' });
  });

  it.each([
    [200, 'unknown', 'order answered 200, but its body has more bytes than ANSWER_BYTES_MAX'],
    [500, 'unknown', '500'],
    [503, 'retryable', '503'],
    // As many a framework answers, with a page that says where it has looked.
    [404, 'refused', '404'],
  ])('a larger one with %i is %s, and is not read to its end', async (status, outcome, error) => {
    const { listener } = await open();
    const reply = calling.call('compensation');
    const seen = await listener.next();
    // Never ended: whoever reads on, waits for ever.
    seen.response.writeHead(status);
    seen.response.write(padded(ANSWER_BYTES_MAX + 1));
    expect(await reply).toMatchObject({ outcome, error });
    await seen.gone;
  });
});
