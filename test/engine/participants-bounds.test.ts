/** The bounds of a call: one deadline over everything that it does, and never more calls at once than connections. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { Calling } from './calling.ts';
import type { Seen } from './listener.ts';
import { quiet } from './virtual-clock.ts';

let calling: Calling;
afterEach(() => calling.close());

async function open(connectionsMax?: number): Promise<Calling> {
  calling = await Calling.open(connectionsMax);
  return calling;
}

const answerTo = ({ answer }: Seen) => answer(200, { order_id: 'o-1' });
const NEVER_SENT = { outcome: 'retryable', error: 'no connection was free in time', retryAfterMs: null };

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
    expect(await reply).toEqual({ outcome: 'unknown', error: 'no answer within 700 ms', retryAfterMs: null });
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

  it('a call whose time ends there was never sent: retryable, and it never reaches the participant', async () => {
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

describe('the end of everything', () => {
  it('abortAll ends what is in flight as unknown, and what stands at the gate as never sent', async () => {
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
