/** What an answer, or the lack of one, means: each row of the wire contract's Answers. */
import { describe, expect, it } from 'vitest';
import { type Reply, replyOf, replyOfFailure } from '../../server/engine/outcome.ts';
import { at, begun, callIn, drive, orderMachine } from '../machines/placed-order.ts';

const saga = orderMachine();
const action = callIn(saga, begun(saga));
const compensation = callIn(saga, drive(saga, ['refused']));

const answered = (status: number, body = '', retryAfter?: string, call = action): Reply =>
  replyOf(call, status, retryAfter, body, at);

describe('a 2xx', () => {
  it.each([200, 201, 202, 299])('%i with the id that the step gives is done', (status) => {
    expect(answered(status, '{"order_id":"o-1","more":[1]}')).toEqual({
      outcome: 'done',
      answer: { order_id: 'o-1', more: [1] },
    });
  });

  it.each([
    ['empty', 200, ''],
    ['204', 204, ''],
    ['no JSON', 200, 'created'],
    ['cut off', 200, '{"order_id":"o-'],
    ['without the id', 201, '{"id":"o-1"}'],
    ['with an empty id', 201, '{"order_id":""}'],
    ['with an id of another type', 201, '{"order_id":7}'],
    ['an array', 200, '[{"order_id":"o-1"}]'],
    ['null', 200, 'null'],
    ['a text', 200, '"o-1"'],
  ])('to an action, unreadable since %s, leaves open what happened', (_, status, body) => {
    expect(answered(status, body)).toEqual({
      outcome: 'unknown',
      error: `${status} with an unreadable answer`,
      retryAfterMs: null,
    });
  });

  it('is done as deep as it may be nested, and unreadable beyond: no commit could write it', () => {
    const nested = (depth: number) => `{"order_id":"o-1","in":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(answered(200, nested(63)).outcome).toBe('done');
    for (const depth of [64, 10_000]) {
      expect(answered(200, nested(depth))).toMatchObject({ outcome: 'unknown' });
      expect(answered(200, nested(depth), undefined, compensation)).toMatchObject({ outcome: 'unknown' });
      expect(answered(409, nested(depth))).toMatchObject({ outcome: 'refused', error: '409' });
    }
  });

  it.each([
    ['with any object', 200, '{"anything":1}', { anything: 1 }],
    ['empty', 200, '', {}],
    ['204', 204, '', {}],
  ])('to a compensation, %s, is done: nothing is read from it', (_, status, body, answer) => {
    expect(answered(status, body, undefined, compensation)).toEqual({ outcome: 'done', answer });
  });

  it('to a compensation that is no JSON is unreadable all the same', () => {
    expect(answered(200, '<html>', undefined, compensation).outcome).toBe('unknown');
  });
});

describe('any other status', () => {
  it.each([300, 301, 302, 303, 304, 307, 308])('%i redirects, which is refused', (status) => {
    expect(answered(status)).toEqual({ outcome: 'refused', error: String(status) });
  });

  it.each([400, 401, 402, 403, 404, 405, 409, 410, 413, 418, 422, 451, 499])('%i is refused', (status) => {
    expect(answered(status)).toEqual({ outcome: 'refused', error: String(status) });
  });

  it.each([408, 425, 429, 503])('%i is retryable', (status) => {
    expect(answered(status)).toEqual({ outcome: 'retryable', error: String(status), retryAfterMs: null });
  });

  it.each([500, 501, 502, 504, 507, 599, 100, 199])('%i is unknown', (status) => {
    expect(answered(status)).toEqual({ outcome: 'unknown', error: String(status), retryAfterMs: null });
  });
});

describe('Retry-After', () => {
  it.each([
    ['seconds', '7', 7_000],
    ['no seconds', '0', 0],
    ['seconds in spaces', ' 7 ', 7_000],
    ['a date', new Date(at + 90_000).toUTCString(), 90_000],
    ['a past date', new Date(at - 90_000).toUTCString(), 0],
    ['nothing', undefined, null],
    ['an empty text', '', null],
    ['garbage', 'soon', null],
    ['garbage with a number, which Date.parse takes for a year', 'soon 3000', null],
    ['a negative number', '-5', null],
    ['a fraction', '1.5', null],
    ['more digits than seconds have', '99999999999', null],
  ])('as %s', (_, header, ms) => {
    for (const status of [503, 429, 500])
      expect(answered(status, '', header)).toMatchObject({ retryAfterMs: ms });
  });

  it('does not make a refusal retryable', () => {
    expect(answered(409, '', '7')).toEqual({ outcome: 'refused', error: '409' });
  });
});

describe('the error', () => {
  it.each([
    ['type and detail of a problem', '{"type":"stock","title":"Out","detail":"no tea"}', '409 stock: no tea'],
    ['the title where nothing says more', '{"type":"stock","title":"Out"}', '409 stock: Out'],
    ['a message', '{"message":"no tea"}', '409 no tea'],
    ['an error', '{"error":"no tea"}', '409 no tea'],
    ['nothing of any other object', '{"token":"tok_visa"}', '409'],
    ['nothing where the parts are no texts', '{"detail":{"token":"tok_visa"}}', '409'],
    ['nothing of a body that is no object', 'token=tok_visa', '409'],
    ['nothing of a JSON text', '"tok_visa"', '409'],
    ['nothing of null', 'null', '409'],
    [
      'no secret that was echoed',
      '{"detail":"tok_visa was declined: tok_visa"}',
      '409 [redacted] was declined: [redacted]',
    ],
    ['the status alone where there is no body', '', '409'],
  ])('says %s', (_, body, error) => {
    expect(answered(409, body)).toEqual({ outcome: 'refused', error });
  });

  it('is bounded, because it is kept in the snapshot and in the log', () => {
    const detail = 'x'.repeat(10_000);
    const errors = [
      answered(409, JSON.stringify({ detail })),
      answered(500, JSON.stringify({ detail })),
      replyOfFailure(new Error(detail)),
    ].map((reply) => (reply.outcome === 'done' ? '' : reply.error));
    for (const error of errors) {
      expect(error).toHaveLength(500);
      expect(error.endsWith('…')).toBe(true);
    }
  });
});

const withCode = (code: string, message = 'failed') => Object.assign(new Error(message), { code });

describe('a call without an answer', () => {
  it.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'UND_ERR_CONNECT_TIMEOUT',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])('that failed with %s was never sent: retryable', (code) => {
    expect(replyOfFailure(withCode(code))).toEqual({
      outcome: 'retryable',
      error: `${code} failed`,
      retryAfterMs: null,
    });
  });

  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_ABORTED', 'UND_ERR_INFO'])(
    'that failed with %s may have been sent: unknown',
    (code) => {
      expect(replyOfFailure(withCode(code))).toEqual({
        outcome: 'unknown',
        error: `${code} failed`,
        retryAfterMs: null,
      });
    },
  );

  it.each<[string, unknown, Reply['outcome'], string]>([
    ['an error without a code', new Error('odd'), 'unknown', 'odd'],
    ['an abort', new DOMException('stopped', 'AbortError'), 'unknown', 'stopped'],
    ['something that is no error', 'odd', 'unknown', 'odd'],
    ['nothing', undefined, 'unknown', 'undefined'],
    [
      'the connect attempts of several addresses',
      Object.assign(
        new AggregateError([withCode('ECONNREFUSED', '::1'), withCode('ECONNREFUSED', '127.0.0.1')]),
      ),
      'retryable',
      'ECONNREFUSED ::1',
    ],
    ['an AggregateError of nothing', new AggregateError([], 'all failed'), 'unknown', 'all failed'],
    [
      'a cause within a cause',
      new Error('call', { cause: new Error('fetch', { cause: withCode('ENOTFOUND', 'no host') }) }),
      'retryable',
      'ENOTFOUND no host',
    ],
    [
      'an AggregateError as the cause',
      new Error('call', { cause: new AggregateError([withCode('ECONNREFUSED', '::1')]) }),
      'retryable',
      'ECONNREFUSED ::1',
    ],
    ['a cause that is no error', new Error('call', { cause: 'odd' }), 'unknown', 'odd'],
  ])('because of %s', (_, error, outcome, text) => {
    expect(replyOfFailure(error)).toEqual({ outcome, error: text, retryAfterMs: null });
  });
});
