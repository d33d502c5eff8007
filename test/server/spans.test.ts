/** Spans as OpenTelemetry's conventions want them, made from engine events by given clocks. */
import { describe, expect, it } from 'vitest';
import { Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import type { Trace } from '../../server/engine/contract.ts';
import { spanClock } from '../../server/telemetry/span-clock.ts';
import { spanMaker, type Told } from '../../server/telemetry/spans.ts';

const machine = new Registry().register(
  orderSaga(() => ({ timeoutMs: 1000, attemptsMax: 3, backoffMs: 1, backoffMaxMs: 1 })),
);
const trace: Trace = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: '8abcdef012345678',
  parentSpanId: 'b7ad6b7169203331',
  isSampled: true,
  startedAtMs: 10_000,
  state: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
};
const call = {
  step: 'payment',
  kind: 'action',
  participant: 'payment',
  path: '/api/payments/process',
  attempt: 1,
};
type Called = Extract<Told, { type: 'called' }>;
const called = (over: object = {}): Called =>
  ({
    ...{ type: 'called', id: '07-x', trace, spanId: 'c7ad6b7169203331', machine, call, outcome: 'done' },
    ...{ ms: 2.5, error: null, status: 200, failure: null },
    ...over,
  }) as unknown as Called;
const settled = (over: object = {}): Told =>
  ({
    ...{ type: 'settled', id: '07-x', trace, machine, status: 'COMPLETED', ms: 5, reason: null },
    parked: null,
    ...over,
  }) as unknown as Told;

const NONE = { attributesMax: 128, attributeLengthMax: null };
function made(
  told: Told,
  { nowMs = 10_020, url = 'http://pay.example:8002', limits = NONE as Parameters<typeof spanMaker>[2] } = {},
) {
  const means = { now: () => nowMs, newSpanId: () => '0'.repeat(15) + 1, urls: { payment: url } };
  return spanMaker({ coordinator: 'a', boot: 1, version: '1.2.3' }, means, limits)(told);
}
const msOf = ([seconds, nanos]: [number, number]) => seconds * 1000 + nanos / 1e6;

describe('a call says', () => {
  it('whom it asked, what, and what was answered', () => {
    expect(made(called()).attributes).toEqual({
      'saga.id': '07-x',
      'saga.machine': 'order',
      'saga.machine.version': machine.version,
      'saga.step': 'payment',
      'saga.kind': 'action',
      'saga.attempt': 1,
      'saga.outcome': 'done',
      'peer.service': 'payment',
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'server.address': 'pay.example',
      'server.port': 8002,
      'url.full': 'http://pay.example:8002/api/payments/process',
    });
  });

  it.each([
    [{ outcome: 'refused', status: 402, error: '402 declined' }, '402'],
    [{ outcome: 'retryable', status: 503, error: '503' }, '503'],
    [{ outcome: 'refused', status: 302, error: '302' }, '302'],
    [{ outcome: 'unknown', status: 200, error: '200 with a list' }, 'unreadable_answer'],
    [
      { outcome: 'retryable', status: null, failure: 'ECONNREFUSED', error: 'ECONNREFUSED x' },
      'ECONNREFUSED',
    ],
    [{ outcome: 'unknown', status: null, failure: 'timeout', error: 'no answer' }, 'timeout'],
  ])('in one word what went wrong: %o', (over, type) => {
    const { attributes, status } = made(called(over));
    expect(attributes['error.type']).toBe(type);
    expect(attributes['http.response.status_code']).toBe(over.status ?? undefined);
    expect(status).toEqual({ code: 2, message: over.error });
  });

  it('how often it was sent again, and nothing of errors where there are none', () => {
    const span = made(called({ call: { ...call, attempt: 3 } }));
    expect(span.attributes['http.request.resend_count']).toBe(2);
    expect(span.attributes).not.toHaveProperty('error.type');
    expect(span.status).toEqual({ code: 0 });
  });

  it.each([
    ['https://pay.example/base/', 'pay.example', 443, 'https://pay.example/base/api/payments/process'],
    ['http://[::1]', '::1', 80, 'http://[::1]/api/payments/process'],
    [
      'https://me:hunter2@pay.example/?key=hunter2&key=2&b',
      'pay.example',
      443,
      'https://REDACTED:REDACTED@pay.example/api/payments/process?key=REDACTED&b=REDACTED',
    ],
  ])('no secret of %s', (url, address, port, full) => {
    const { attributes } = made(called(), { url });
    expect(attributes).toMatchObject({
      'server.address': address,
      'server.port': port,
      'url.full': full,
    });
  });
});

describe('a saga says', () => {
  it.each([
    [{}, undefined, { code: 0 }],
    [{ status: 'FAILED', reason: '402 declined' }, 'FAILED', { code: 2, message: '402 declined' }],
    [
      { status: 'ABORTED', parked: { reason: 'compensation-failed', held: [{ step: 'inventory' }] } },
      'compensation-failed',
      { code: 2, message: 'compensation-failed' },
    ],
  ])('what went wrong: %o', (over, type, status) => {
    const span = made(settled(over));
    expect(span.attributes['error.type']).toBe(type);
    expect(span.status).toEqual(status);
  });
});

describe('every span', () => {
  it('has its tracestate, and says whether its parent is another’s', () => {
    const [call, saga] = [made(called()), made(settled())];
    for (const span of [call, saga]) {
      expect(span.spanContext().traceState?.serialize()).toBe(trace.state);
      expect(span.resource.schemaUrl).toMatch(/^https:\/\/opentelemetry\.io\/schemas\/1\.\d+\.0$/);
      expect(span.instrumentationScope.schemaUrl).toBe(span.resource.schemaUrl);
    }
    expect(call.parentSpanContext).toMatchObject({ spanId: trace.spanId, isRemote: false });
    expect(saga.parentSpanContext).toMatchObject({ spanId: trace.parentSpanId, isRemote: true });
    const root = made(settled({ trace: { ...trace, parentSpanId: null, state: '' } }));
    expect(root.parentSpanContext).toBeUndefined();
    expect(root.spanContext()).not.toHaveProperty('traceState');
  });

  it('begins when it did, and never before its saga, whose start is told by one clock', () => {
    expect(msOf(made(called()).startTime)).toBe(10_017.5);
    expect(msOf(made(settled()).startTime)).toBe(10_000);
    // The clock of this coordinator is behind that of the one that took the order.
    for (const nowMs of [10_001, 10_000, 5_000]) {
      const [call, saga] = [made(called(), { nowMs }), made(settled(), { nowMs })];
      expect([call, saga].map(({ startTime }) => msOf(startTime))).toEqual([10_000, 10_000]);
      expect(msOf(call.endTime)).toBe(10_002.5);
      expect(msOf(saga.endTime)).toBe(Math.max(nowMs, 10_000));
    }
  });

  it('keeps to the limits', () => {
    const limits = { attributesMax: 8, attributeLengthMax: 3 };
    const { attributes, droppedAttributesCount } = made(called(), { limits });
    expect(attributes).toMatchObject({ 'saga.machine': 'ord', 'saga.attempt': 1 });
    expect(Object.keys(attributes)).toHaveLength(8);
    expect(droppedAttributesCount).toBe(5);
    const parked = { reason: 'compensation-failed', held: [{ step: 'inventory' }] };
    expect(made(settled({ status: 'ABORTED', parked }), { limits }).attributes['saga.held']).toEqual(['inv']);
  });
});

describe('the clock of spans', () => {
  const clocks = { wallMs: 1_000, monotonicMs: 50 };
  const now = () => Math.floor(clocks.wallMs);
  const monotonic = () => clocks.monotonicMs;
  const pass = (ms: number) => {
    clocks.wallMs += ms;
    clocks.monotonicMs += ms;
  };

  it('goes on in fractions, and is never behind the whole milliseconds of the wall clock', () => {
    clocks.wallMs = 1_000.9;
    const told = spanClock({ now, monotonic });
    let before = 0;
    for (const ms of [0, 0.3, 0.4, 0.25, 1.1, 3600_000]) {
      pass(ms);
      const at = told();
      expect(at).toBeGreaterThanOrEqual(now());
      expect(at - now()).toBeLessThanOrEqual(2);
      expect(at).toBeGreaterThan(before - 1e-6);
      before = at;
    }
  });

  it.each([3600_000, -3600_000])('follows the wall clock where somebody sets it by %i ms', (stepMs) => {
    const told = spanClock({ now, monotonic });
    clocks.wallMs += stepMs;
    expect(told() - now()).toBeGreaterThanOrEqual(0);
    expect(told() - now()).toBeLessThanOrEqual(2);
  });
});
