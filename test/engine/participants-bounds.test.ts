/** The bounds of a call: one deadline over everything that it does, and never more calls at once than connections. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { BREAKER, Calling, QUEUE_MAX } from './calling.ts';
import type { Seen } from './listener.ts';
import { quiet } from './virtual-clock.ts';

let calling: Calling;
afterEach(() => calling.close());

async function open(connectionsMax?: number): Promise<Calling> {
  calling = await Calling.open(connectionsMax);
  return calling;
}

const answerTo = ({ answer }: Seen) => answer(200, { order_id: 'o-1' });
const NEVER_SENT = {
  outcome: 'deferred',
  error: 'not called: no connection was free in time',
  delayMs: 1_100,
};

/** Resolves when the client has read the head of an answer: only undici knows. */
function headersRead(): Promise<void> {
  return new Promise((resolve) => {
    const listen = () => {
      unsubscribe('undici:request:headers', listen);
      resolve();
    };
    subscribe('undici:request:headers', listen);
  });
}

describe('the deadline', () => {
  it('ends a call that nobody answers: unknown, and the connection is gone', async () => {
    const { clock, listener } = await open();
    const reply = calling.call('action', { boundMs: 700 });
    const seen = await listener.next();
    await clock.pass(700);
    expect(await reply).toEqual({
      outcome: 'unknown',
      error: 'no answer within 700 ms',
      retryAfterMs: null,
      failure: 'timeout',
    });
    await seen.gone;
  });

  it('ends an answer that trickles: its head does not win it more time', async () => {
    const { clock, listener } = await open();
    const read = headersRead();
    const reply = calling.call('action', { boundMs: 700 });
    const seen = await listener.next();
    seen.response.writeHead(200);
    seen.response.write('{"order_id":');
    await read;
    await clock.pass(699);
    seen.response.write('"o-1"');
    await clock.pass(1);
    expect(await reply).toMatchObject({ outcome: 'unknown', error: 'no answer within 700 ms' });
    await seen.gone;
  });

  it('of one call is not that of the call after it', async () => {
    const { clock, listener } = await open(1);
    const first = calling.call('action', { boundMs: 700 });
    answerTo(await listener.next());
    await first;
    await clock.pass(600);
    const second = calling.call('action', { boundMs: 700 });
    const seen = await listener.next();
    await clock.pass(699);
    answerTo(seen);
    expect(await second).toMatchObject({ outcome: 'done' });
  });

  it('frees the connection of a call that it ended for the next one', async () => {
    const { clock, listener } = await open(1);
    const first = calling.call();
    await listener.next();
    await clock.pass(1_000);
    expect(await first).toMatchObject({ outcome: 'unknown' });
    const second = calling.call();
    answerTo(await listener.next());
    expect(await second).toMatchObject({ outcome: 'done' });
  });
});

describe('the gate', () => {
  it.each([1, 2, 3])(
    'never lets more than %i calls at once through to a participant',
    async (connectionsMax) => {
      const { listener } = await open(connectionsMax);
      const replies = Array.from({ length: 9 }, (_, index) =>
        calling.call('action', { sagaId: `s-${index}` }),
      );
      let open_ = 0;
      let peak = 0;
      const held: Seen[] = [];
      for (let count = 0; count < replies.length; count++) {
        held.push(await listener.next());
        open_ += 1;
        peak = Math.max(peak, open_);
        // Only when as many are held as may be does one go on: each arrival after it came through the freed place.
        if (held.length < connectionsMax && count < replies.length - 1) continue;
        const oldest = held.shift();
        open_ -= 1;
        if (oldest) answerTo(oldest);
      }
      for (const rest of held) answerTo(rest);
      for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ outcome: 'done' });
      expect(peak).toBe(connectionsMax);
      expect(new Set(listener.seen.map(({ headers }) => headers['saga-id'])).size).toBe(9);
    },
  );

  it('a call whose time ends there was never sent: deferred, and it never reaches the participant', async () => {
    const { clock, listener } = await open(1);
    const first = calling.call('action', { sagaId: 'first', boundMs: 5_000 });
    const seen = await listener.next();
    const late = calling.call('action', { sagaId: 'late', boundMs: 700 });
    await clock.pass(700);
    expect(await late).toEqual(NEVER_SENT);
    answerTo(seen);
    await first;
    // A call after it takes the place that the late one would have taken: by then it would have come.
    const third = calling.call('action', { sagaId: 'third' });
    answerTo(await listener.next());
    await third;
    expect(listener.seen.map(({ headers }) => headers['saga-id'])).toEqual(['first', 'third']);
  });

  it('a call whose time ended there does not stand in the way of those behind it', async () => {
    const { clock, listener } = await open(1);
    const first = calling.call('action', { boundMs: 5_000 });
    const seen = await listener.next();
    const late = calling.call('action', { boundMs: 700 });
    const patient = calling.call('action', { sagaId: 'patient', boundMs: 5_000 });
    await clock.pass(700);
    await late;
    answerTo(seen);
    await first;
    // Nobody else calls: only the freed place itself can let the patient one through.
    const next = await listener.next();
    expect(next.headers['saga-id']).toBe('patient');
    answerTo(next);
    expect(await patient).toMatchObject({ outcome: 'done' });
  });

  it('the wait there is part of the deadline', async () => {
    const { clock, listener } = await open(1);
    const first = calling.call('action', { boundMs: 500 });
    await listener.next();
    const second = calling.call('action', { boundMs: 700 });
    await clock.pass(500);
    await first;
    await listener.next();
    await clock.pass(200);
    expect(await second).toMatchObject({ outcome: 'unknown', error: 'no answer within 700 ms' });
  });
});

describe('beyond the queue', () => {
  it('a call is deferred at once, and those in it take their turn', async () => {
    const { listener, participants } = await open(1);
    const calls = Array.from({ length: 1 + QUEUE_MAX }, () => calling.call());
    const first = await listener.next();
    expect(participants.states).toEqual({ order: { breaker: 'closed', inFlight: 1, queued: QUEUE_MAX } });
    expect(await calling.call()).toEqual({
      outcome: 'deferred',
      error: 'not called: too many calls wait for a connection',
      delayMs: 1_100,
    });
    answerTo(first);
    for (let count = 0; count < QUEUE_MAX; count++) answerTo(await listener.next());
    for (const reply of await Promise.all(calls)) expect(reply).toMatchObject({ outcome: 'done' });
    expect(participants.states).toEqual({ order: { breaker: 'closed', inFlight: 0, queued: 0 } });
  });
});

describe('the breaker', () => {
  const { failuresMax, openMs } = BREAKER;
  /** Half of the open time is added by a chance that is always one half. */
  const deferredFor = (delayMs: number) => ({
    outcome: 'deferred',
    error: 'not called: its calls have failed too often in a row',
    delayMs,
  });
  const answersOf = (status: number) => async () => {
    const reply = calling.call();
    (await calling.listener.next()).answer(status, { order_id: 'o-1' });
    return (await reply).outcome;
  };
  const fails = answersOf(503);
  const succeeds = answersOf(200);
  const isRefused = answersOf(409);

  async function opened(connectionsMax?: number): Promise<Calling> {
    await open(connectionsMax);
    for (let count = 0; count < failuresMax; count++) await fails();
    return calling;
  }

  it('opens after failures in a row, and then no call reaches the participant', async () => {
    const { listener, participants, clock, events } = await opened();
    expect(events).toEqual([
      { type: 'breaker-opened', participant: 'order', openMs, error: expect.stringMatching(/^503/) },
    ]);
    expect(participants.states.order?.breaker).toBe('open');
    expect(await calling.call()).toEqual(deferredFor(openMs + openMs / 2));
    await clock.pass(openMs - 1);
    expect(await calling.call('compensation')).toEqual(deferredFor(100 + openMs / 2));
    expect(listener.seen).toHaveLength(failuresMax);
  });

  it('a refusal is an answer: it never opens for it', async () => {
    const { events, participants } = await open();
    for (let count = 0; count < 2 * failuresMax; count++) expect(await isRefused()).toBe('refused');
    expect([events, participants.states.order?.breaker]).toEqual([[], 'closed']);
  });

  it('lets one probe through and defers the others; its success lets all through again', async () => {
    const { listener, participants, clock, events } = await opened();
    await clock.pass(openMs);
    expect(participants.states.order?.breaker).toBe('half-open');
    const probe = calling.call();
    const seen = await listener.next();
    expect(await calling.call()).toEqual(deferredFor(2 * openMs + openMs));
    expect(participants.states.order?.breaker).toBe('half-open');
    answerTo(seen);
    expect(await probe).toMatchObject({ outcome: 'done' });
    expect(events.slice(1)).toEqual([{ type: 'breaker-closed', participant: 'order' }]);
    expect(await Promise.all([succeeds(), succeeds()])).toEqual(['done', 'done']);
  });

  it('a call that was in the queue when it opened is not made', async () => {
    const { listener } = await open(1);
    const calls = Array.from({ length: failuresMax + 3 }, () => calling.call());
    for (let count = 0; count < failuresMax; count++) (await listener.next()).answer(503);
    const outcomes = (await Promise.all(calls)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual([...Array(failuresMax).fill('retryable'), ...Array(3).fill('deferred')]);
    expect(listener.seen).toHaveLength(failuresMax);
    expect(calling.participants.states.order).toEqual({ breaker: 'open', inFlight: 0, queued: 0 });
  });

  it('of those that wait for the end of its time in the queue, one becomes the probe', async () => {
    const { listener, clock } = await open(1);
    for (let count = 1; count < failuresMax; count++) await fails();
    const hanging = calling.call('action', { boundMs: 1_000 });
    await listener.next();
    await clock.pass(1_000);
    expect(await hanging).toMatchObject({ outcome: 'unknown' });
    await clock.pass(openMs);
    const replies = [calling.call(), calling.call(), calling.call()];
    answerTo(await listener.next());
    // The first has closed it before the others had their turn.
    answerTo(await listener.next());
    answerTo(await listener.next());
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ outcome: 'done' });
  });
});

describe('the end of everything', () => {
  it('abortAll ends what is in flight as unknown, and what stands at the gate as deferred', async () => {
    const { clock, listener } = await open(1);
    const sent = calling.call('action', { boundMs: 5_000 });
    const seen = await listener.next();
    const waiting = calling.call('action', { boundMs: 5_000 });
    calling.participants.abortAll();
    expect(await sent).toMatchObject({ outcome: 'unknown', error: 'the coordinator stops' });
    expect(await waiting).toEqual(NEVER_SENT);
    await seen.gone;
    await quiet();
    expect(listener.seen).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('abortAll leaves calls made after it alone', async () => {
    const { listener } = await open();
    calling.participants.abortAll();
    const reply = calling.call();
    answerTo(await listener.next());
    expect(await reply).toMatchObject({ outcome: 'done' });
  });
});
