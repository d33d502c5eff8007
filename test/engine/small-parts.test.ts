/** Parts of the engine that need no engine: words for faults of TLS, secrets in what is said, cut-offs, places, clocks. */
import { describe, expect, it, vi } from 'vitest';
import { type Clock, steady, timeOf, wait } from '../../server/engine/clock.ts';
import { Cutoff } from '../../server/engine/cutoff.ts';
import { type Held, historyOf, isAnsweredBy } from '../../server/engine/held.ts';
import { Places } from '../../server/engine/places.ts';
import { withoutSecrets } from '../../server/engine/secrets.ts';
import { heeding, tlsFault } from '../../server/engine/tls-faults.ts';
import { entryOf } from '../../server/engine/write.ts';
import type { NumberedEntry } from '../../stores/saga-store.ts';
import { at, begun, callIn, eventOf, everywhere, orderMachine } from '../machines/placed-order.ts';

describe('a fault of TLS', () => {
  it.each([
    ['CERT_HAS_EXPIRED', 'its certificate has expired'],
    ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
    ...[
      'SELF_SIGNED_CERT_IN_CHAIN',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'CERT_UNTRUSTED',
    ].map((code) => [code, 'its certificate is of an authority that is not known here']),
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'it wants a client certificate, and got none'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'it does not know the authority of our client certificate'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'our client certificate has expired'],
    ...[
      'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED',
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN',
      'ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE',
      'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED',
    ].map((code) => [code, 'it refuses our client certificate']),
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'it ended the TLS handshake: it may want a client certificate'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'it does not speak TLS there'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'it does not speak TLS there'],
  ])('%s is %s', (code = '', words) => {
    expect(tlsFault(code)).toBe(words);
    // As it stands, and nothing that only holds it.
    expect(tlsFault(`${code}-X`)).toBeNull();
    if (!code.startsWith('ERR_SSL')) expect(tlsFault(`X-${code}`)).toBeNull();
  });

  it('is none of other codes', () => expect(['ECONNRESET', ''].map(tlsFault)).toEqual([null, null]));

  it('is heard of a connection that is there, and of none before', () => {
    const heard: (string | null)[] = [];
    const errors: ((why: unknown) => void)[] = [];
    const socket = { once: (_: string, tell: (why: unknown) => void) => errors.push(tell) };
    const ended: unknown[] = [];
    const given = (...result: unknown[]) => {
      const connector = (_: unknown, callback: (...result: unknown[]) => void) => callback(...result);
      const tell = (why: Error | null) =>
        void heard.push((why as NodeJS.ErrnoException | null)?.code ?? null);
      heeding(connector as never, tell)({} as never, (...all) => ended.push(all));
    };
    given(null, socket);
    errors[0]?.(Object.assign(new Error(), { code: 'ERR_SSL_X' }));
    errors[0]?.(Object.assign(new Error(), { code: 'ECONNRESET' }));
    errors[0]?.(new Error());
    const refused = new Error('refused');
    given(refused, null);
    expect(heard).toEqual([null, 'ERR_SSL_X', null]);
    expect(ended).toEqual([
      [null, socket],
      [refused, null],
    ]);
  });
});

describe('what was sent in headers', () => {
  const basic = `Basic ${Buffer.from('ada12:pass:word').toString('base64')}`;
  const shown = withoutSecrets([
    'authorization',
    'Bearer token-1',
    'x-key',
    'key-123',
    'x-short',
    'short',
    'x-basic',
    basic,
  ]);

  it.each([
    ['a Bearer token-1 b', 'a [redacted] b'],
    ['only token-1', 'only [redacted]'],
    ['key-123, key-123', '[redacted], [redacted]'],
    ['authorization x-basic short Bearer', 'authorization x-basic short [redacted]'],
    ['ada12:pass:word', '[redacted]'],
    ['is pass:word known', 'is [redacted] known'],
    [basic, '[redacted]'],
    [basic.slice(6), '[redacted]'],
    ['xBasic', 'xBasic'],
  ])('is taken out of %j', (said, left) => expect(shown(said)).toBe(left));

  it('is of six letters and more, and of Basic alone a pair', () => {
    const pair = Buffer.from('user:secret').toString('base64');
    const of = (value: string) => withoutSecrets(['a', value]);
    expect(of('sixsix')('sixsix fives')).toBe('[redacted] fives');
    expect(of('fives')('fives')).toBe('fives');
    expect(of(`Other ${pair}`)('secret')).toBe('secret');
    expect(of(`My Basic ${pair}`)('secret')).toBe('secret');
    expect(of(`Basic ${pair} more`)('secret')).toBe('secret');
    expect(of(`Basic ${pair}`)('secret')).toBe('[redacted]');
  });
});

it('what a call may come to is told as its outcome, with how long that took', () => {
  const outcomes = ['done', 'refused', 'retryable', 'unknown'] as const;
  const machine = orderMachine(everywhere({ attemptsMax: 2 }));
  const before = begun(machine);
  const side = (snapshot: typeof before) => ({ snapshot, asks: machine.asks(snapshot) });
  const told = outcomes.map((outcome) => {
    const event = eventOf(outcome, callIn(machine, before));
    const hop = { before: side(before), event, after: side(machine.next(before, event)) };
    return entryOf(hop, { machine, at, callMs: 7 });
  });
  expect(told).toMatchObject(outcomes.map((outcome) => ({ outcome, event: outcome, duration_ms: 7 })));
  const cancel = { type: 'cancel', at, reason: 'rain' } as const;
  const cancelled = { before: side(before), event: cancel, after: side(machine.next(before, cancel)) };
  expect(entryOf(cancelled, { machine, at, callMs: 7 })).toMatchObject({ outcome: null, duration_ms: null });
});

it('shows of a saga in hand all of its log, as it was when it was asked for, and of one taken over nothing', () => {
  const machine = orderMachine();
  const snapshot = begun(machine);
  const log = [{ seq: 1 }] as NumberedEntry[];
  const listing = { id: 's-1', status: 'STARTED', seq: 1 };
  const held = { machine, snapshot, listing, log, trace: { traceId: 't' } } as unknown as Held;
  const history = historyOf(held);
  log.push({ seq: 2 } as NumberedEntry);
  expect(history).toEqual({
    saga: {
      ...{ ...listing, traceId: 't', context: machine.redacted(snapshot.context) },
      steps: ['order', 'inventory', 'payment', 'shipping', 'notification'],
    },
    log: [{ seq: 1 }],
  });
  expect(historyOf({ ...held, log: null })).toBeNull();
  expect([0, 1, 2].map((seq) => isAnsweredBy(held, seq))).toEqual([true, false, false]);
});

it('is cut off once, and tells whoever listens last', () => {
  const cutoff = new Cutoff();
  const heard: string[] = [];
  expect(cutoff.reason).toBeNull();
  cutoff.listen(() => heard.push('first'));
  cutoff.listen(({ message }) => heard.push(message));
  cutoff.cut(new Error('late'));
  cutoff.cut(new Error('again'));
  expect([heard, cutoff.reason?.message]).toEqual([['late'], 'late']);
  const deaf = new Cutoff();
  deaf.listen(() => heard.push('deaf'));
  deaf.listen(null);
  deaf.cut(new Error('late'));
  expect([heard.length, deaf.reason?.message]).toEqual([1, 'late']);
});

it('keeps no places for the only machine that there is, and a tenth for what is due', () => {
  const places = new Places(25, new Set(['order']), 50);
  const seen = () => [
    places.max,
    places.free,
    places.unkept,
    places.room('order'),
    places.roomToStart('order'),
  ];
  expect(seen()).toEqual([25, 25, 25, 25, 23]);
  places.enter('order');
  expect(seen()).toEqual([25, 24, 24, 24, 22]);
  expect(new Places(21, new Set(['a', 'b']), 50).unkept).toBe(11);
});

it('keeps places for each of several machines, whoever takes the others', () => {
  const places = new Places(20, new Set(['a', 'b']), 50);
  const seen = () => [places.free, places.unkept, places.room('a'), places.room('b'), places.room('c')];
  expect(seen()).toEqual([20, 10, 15, 15, 10]);
  // Those of which nobody knows the machine, and those of one that is not run here, take what is kept for nobody.
  places.enter(null, 3);
  places.enter('c');
  expect(seen()).toEqual([16, 6, 11, 11, 6]);
  places.enter('a', 7);
  expect(seen()).toEqual([9, 4, 4, 9, 4]);
  places.leave('a', 6);
  expect(seen()).toEqual([15, 6, 10, 11, 6]);
  places.leave(null, 3);
  places.leave('c');
  places.leave('a');
  expect(seen()).toEqual([20, 10, 15, 15, 10]);
});

it('takes points in time from the store, and spans from the process', async () => {
  const own: Clock = {
    now: () => 1,
    monotonic: () => 7,
    after: (ms, callback) => {
      callback();
      return () => void ms;
    },
  };
  const after = vi.spyOn(own, 'after');
  const clock = timeOf({ now: () => 5 }, own);
  expect([clock.now(), clock.monotonic()]).toEqual([5, 7]);
  await wait(clock, 30);
  expect(after).toHaveBeenCalledWith(30, expect.any(Function));
  let [now, monotonic] = [1_000, 50];
  const even = steady({ ...own, now: () => now, monotonic: () => monotonic });
  [now, monotonic] = [9_000, 60];
  expect(even()).toBe(1_010);
});
