/** What an answer, or the lack of one, means: each row of the wire contract's Answers. */
import { describe, expect, it } from 'vitest';
import { stringify } from '../../json/exact.ts';
import { NeverSentError } from '../../server/engine/exchange.ts';
import { codeOf, type Reply, replyOf, replyOfFailure } from '../../server/engine/outcome.ts';
import { at, begun, callIn, drive, orderMachine } from '../machines/placed-order.ts';

const saga = orderMachine();
const action = callIn(saga, begun(saga));
const compensation = callIn(saga, drive(saga, ['refused']));

const answered = (
  status: number,
  body: string | Buffer | null = '',
  retryAfter?: string | string[],
  call = action,
  contentEncoding?: string,
): Reply =>
  replyOf(
    call,
    { status, retryAfter, contentEncoding, body: body === null ? null : Buffer.from(body) },
    () => at,
  );
const undone = (body: string | Buffer | null, status = 200, contentEncoding?: string) =>
  answered(status, body, undefined, compensation, contentEncoding);

describe('a 2xx', () => {
  it.each([200, 201, 202, 299])('%i with the id that the step gives is done', (status) => {
    expect(answered(status, '{"order_id":"o-1","more":[1]}')).toEqual({
      outcome: 'done',
      answer: { order_id: 'o-1', more: [1] },
    });
  });

  const notUtf8 = Buffer.from('{"order_id":"Stra\xdfe"}', 'latin1');
  const nested = (depth: number) => `{"order_id":"o-1","in":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  it.each<[string, string | Buffer | null, string]>([
    ['no JSON', 'created', 'its body is not JSON'],
    ['half a JSON', '{"order_id":"o-', 'its body is not JSON'],
    ['two of them', '{"order_id":"o-1"}{"order_id":"o-1"}', 'its body is not JSON'],
    ['an array', '[{"order_id":"o-1"}]', 'its body is an array, not an object'],
    ['an empty array', '[]', 'its body is an array, not an object'],
    ['null', 'null', 'its body is null, not an object'],
    ['false', 'false', 'its body is true or false, not an object'],
    ['0', '0', 'its body is a number, not an object'],
    ['a text', '"FAILED"', 'its body is a text, not an object'],
    ['bytes that are not UTF-8', notUtf8, 'its body is not UTF-8'],
    ['half a character', Buffer.from('{"order_id":"ü"}').subarray(0, 14), 'its body is not UTF-8'],
    ['half a pair', Buffer.from('7b7deda080', 'hex'), 'its body is not UTF-8'],
    ['a field twice', '{"order_id":"o-1","in":[{"a":1,"a":2}]}', '`in.0.a` stands in it twice'],
    ['the id twice', '{"order_id":"o-1","order_id":"o-1"}', '`order_id` stands in it twice'],
    ['too many levels', nested(64), 'its body is nested deeper than 64 levels'],
    ['very many levels', nested(10_000), 'its body is nested deeper than 64 levels'],
    ['too many bytes', null, 'its body has more bytes than ANSWER_BYTES_MAX'],
  ])('with %s leaves open what happened, to an action and to a compensation', (_, body, fault) => {
    for (const reply of [answered(200, body), undone(body)])
      expect(reply).toEqual({
        outcome: 'unknown',
        error: `order answered 200, but ${fault}`,
        retryAfterMs: null,
      });
  });

  it.each([
    ['none', '{"id":"o-1"}', '`order_id` is missing'],
    ['an empty one', '{"order_id":""}', '`order_id` is empty'],
    ['a number', '{"order_id":7}', '`order_id` is a number, not a text'],
    ['none, since there is no body', '', '`order_id` is missing'],
    ['none, since the body is blank', '\r\n', '`order_id` is missing'],
  ])('to an action, with %s for an id, leaves it open too', (_, body, fault) => {
    for (const status of [200, 204])
      expect(answered(status, body)).toEqual({
        outcome: 'unknown',
        error: `order answered ${status}, but ${fault}`,
        retryAfterMs: null,
      });
  });

  it.each([
    ['any object', 200, '{"anything":1}', { anything: 1 }],
    ['none', 200, '', {}],
    ['none, as 204 says', 204, '', {}],
    ['a blank one', 200, '\r\n \t', {}],
  ])('to a compensation, with %s for a body, is done: nothing is read from it', (_, status, body, answer) => {
    expect(undone(body, status)).toEqual({ outcome: 'done', answer });
  });

  it('is done as deep as it may be nested', () => {
    for (const reply of [answered(200, nested(63)), undone(nested(63))]) expect(reply.outcome).toBe('done');
    expect(answered(409, nested(10_000))).toEqual({ outcome: 'refused', error: '409' });
    expect(answered(409, null)).toEqual({ outcome: 'refused', error: '409' });
  });

  it('is done with any numbers, and keeps them as they were written', () => {
    const body =
      '{"order_id":"o-1","n":[9007199254740993,1e400,1.10,-0],"__proto__":{"n":1.0},"h":"\\ud800"}';
    for (const reply of [answered(200, body), undone(body)]) {
      expect(reply.outcome).toBe('done');
      expect(stringify('answer' in reply && reply.answer)).toBe(body);
    }
  });

  it('may begin with a byte order mark, which is no part of it', () => {
    expect(answered(200, '\ufeff{"order_id":"\ufeffo-1"}')).toEqual({
      outcome: 'done',
      answer: { order_id: '\ufeffo-1' },
    });
    expect(undone('\ufeff')).toEqual({ outcome: 'done', answer: {} });
    expect(undone('\ufeff\ufeff{}').outcome).toBe('unknown');
  });

  it.each(['gzip', 'BR', 'identity, gzip'])('that is encoded as %s is not read', (coding) => {
    const error = `order answered 200, but its body is encoded as ${coding.toLowerCase()}, which was not asked for`;
    expect(undone('{}', 200, coding)).toEqual({ outcome: 'unknown', error, retryAfterMs: null });
  });

  it.each(['identity', 'Identity', ' identity ', ''])('that is encoded as %j is read as it is', (coding) => {
    expect(undone('{}', 200, coding).outcome).toBe('done');
  });
});

describe('any other status', () => {
  it.each([300, 301, 302, 303, 304, 307, 308])('%i redirects, which is refused', (status) => {
    expect(answered(status)).toEqual({ outcome: 'refused', error: String(status) });
  });

  it.each([400, 401, 402, 403, 404, 405, 409, 410, 413, 418, 422, 451, 499])('%i is refused', (status) => {
    expect(answered(status)).toEqual({ outcome: 'refused', error: String(status) });
  });

  it('413 to a compensation that can be made with less says so, and to any other call is refused', () => {
    const answer = { status: 413, retryAfter: '7', contentEncoding: undefined, body: Buffer.from('<html>') };
    const error = '413: too large, sent again with less';
    expect(replyOf(compensation, answer, () => at)).toEqual({ outcome: 'refused', error, isTooLarge: true });
    for (const call of [action, { ...compensation, canShrink: false }])
      expect(replyOf(call, answer, () => at)).toEqual({ outcome: 'refused', error: '413' });
  });

  it.each([408, 425, 429, 503])('%i is retryable', (status) => {
    expect(answered(status)).toEqual({ outcome: 'retryable', error: String(status), retryAfterMs: null });
  });

  it.each([500, 501, 502, 504, 507, 599, 100, 199])('%i is unknown', (status) => {
    expect(answered(status)).toEqual({ outcome: 'unknown', error: String(status), retryAfterMs: null });
  });
});

describe('Retry-After', () => {
  it.each<[string, string | string[] | undefined, number | null]>([
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
    ['a date as asctime writes it', 'Thu Jan  1 00:01:30 2026', 90_000],
    ['one of two digits', 'Wed Jan 14 00:00:00 2026', 13 * 86_400_000],
    ['a date of RFC 850', 'Thursday, 01-Jan-26 00:01:30 GMT', 90_000],
    ['two lines, of which the longer holds', ['7', '90'], 90_000],
    ['one line made of two', '90, 7', 90_000],
    ['seconds beside a date', ['7', new Date(at + 90_000).toUTCString()], 90_000],
    ['seconds and a date on one line', `7, ${new Date(at + 90_000).toUTCString()}`, 90_000],
    ['garbage beside seconds', ['soon', '7'], 7_000],
    ['two lines of garbage', ['soon', 'later'], null],
  ])('as %s', (_, header, ms) => {
    for (const status of [503, 429, 500])
      expect(answered(status, '', header)).toMatchObject({ retryAfterMs: ms });
  });

  it('does not make a refusal retryable', () => {
    expect(answered(409, '', '7')).toEqual({ outcome: 'refused', error: '409' });
  });
});

describe('the error', () => {
  it.each<[string, string | Buffer, string]>([
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
    ['what stands after a byte order mark', '\ufeff{"detail":"no tea"}', '409 no tea'],
    ['nothing of bytes that are not UTF-8', Buffer.from('{"detail":"\xdf"}', 'latin1'), '409'],
  ])('says %s', (_, body, error) => {
    expect(answered(409, body)).toEqual({ outcome: 'refused', error });
  });

  it('is bounded, because it is kept in the snapshot and in the log', () => {
    const detail = 'x'.repeat(10_000);
    const errors = [
      answered(409, JSON.stringify({ detail })),
      answered(500, JSON.stringify({ detail })),
      replyOfFailure(new Error(detail)),
    ].map((reply) => ('error' in reply ? reply.error : ''));
    for (const error of errors) {
      expect(error).toHaveLength(500);
      expect(error.endsWith('…')).toBe(true);
    }
  });
});

const withCode = (code: string, message = 'failed') => Object.assign(new Error(message), { code });

describe('a call without an answer', () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'UND_ERR_ABORTED', 'ODD'])(
    'of which nothing was sent is retryable, by whatever code it failed: %s',
    (code) => {
      expect(replyOfFailure(new NeverSentError(withCode(code)))).toEqual({
        outcome: 'retryable',
        error: `${code} failed`,
        retryAfterMs: null,
      });
    },
  );

  it.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET', 'UND_ERR_INFO'])(
    'of which something was sent is unknown: %s',
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
      new NeverSentError(
        new AggregateError([withCode('ECONNREFUSED', '::1'), withCode('ECONNREFUSED', '127.0.0.1')]),
      ),
      'retryable',
      'ECONNREFUSED ::1',
    ],
    [
      'a certificate that does not fit',
      new NeverSentError(withCode('ERR_TLS_CERT_ALTNAME_INVALID')),
      'retryable',
      'ERR_TLS_CERT_ALTNAME_INVALID its certificate is for another name',
    ],
    ['an AggregateError of nothing', new AggregateError([], 'all failed'), 'unknown', 'all failed'],
    [
      'a cause within a cause',
      new Error('call', { cause: new Error('fetch', { cause: withCode('ENOTFOUND', 'no host') }) }),
      'unknown',
      'ENOTFOUND no host',
    ],
    [
      'an AggregateError as the cause',
      new Error('call', { cause: new AggregateError([withCode('ECONNREFUSED', '::1')]) }),
      'unknown',
      'ECONNREFUSED ::1',
    ],
    ['a cause that is no error', new Error('call', { cause: 'odd' }), 'unknown', 'odd'],
  ])('because of %s', (_, error, outcome, text) => {
    expect(replyOfFailure(error)).toEqual({ outcome, error: text, retryAfterMs: null });
  });
});

it('a failure has a word, its own or that of those for which nobody has one', () => {
  const reset = Object.assign(new Error('read'), { code: 'ECONNRESET' });
  expect([reset, new Error('x', { cause: reset }), new AggregateError([reset])].map(codeOf)).toEqual(
    Array(3).fill('ECONNRESET'),
  );
  expect([new Error('x'), 'x', new AggregateError([])].map(codeOf)).toEqual(Array(3).fill('_OTHER'));
});
