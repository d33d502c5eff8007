/** What each reply to a call is to its saga, and what observers are told of it. */
import { expect, it } from 'vitest';
import type { SagaEvent } from '../../machines/index.ts';
import { eventOf, toldOf } from '../../server/engine/heard.ts';
import type { Deferral, Reply } from '../../server/engine/outcome.ts';
import { begun, callIn, orderMachine } from '../machines/placed-order.ts';
import { deferred, done, refused, retryable, unknown } from './world.ts';

const saga = orderMachine();
const call = callIn(saga, begun(saga));
const about = { call, to: undefined, at: 7, random: () => 0.25, isPerhapsDone: false, pollAfterMs: 60_000 };
const tooLarge: Reply = { outcome: 'refused', error: 'too much', isTooLarge: true };
const accepted = (pollAfterMs: number | null): Reply => ({
  outcome: 'accepted',
  location: '/jobs/1',
  pollAfterMs,
});

it.each<[string, Reply | Deferral, object, object?]>([
  ['an answer', done({ order_id: 'o' }), { type: 'done', answer: { order_id: 'o' } }],
  ['a no', refused('no'), { type: 'refused', error: 'no' }],
  [
    'what is too large, which surely did not happen and is tried again at once with less',
    tooLarge,
    { type: 'retryable', error: 'too much', random: 0, retryAfterMs: null, tooLarge: call.address },
  ],
  [
    'a busy participant',
    retryable(500),
    { type: 'retryable', error: 'busy', random: 0.25, retryAfterMs: 500 },
  ],
  ['no answer', unknown(), { type: 'unknown', error: 'lost', random: 0.25, retryAfterMs: null }],
  [
    'a call that was taken, which is asked for when its participant says',
    accepted(3_000),
    { type: 'accepted', location: '/jobs/1', pollAfterMs: 3_000 },
  ],
  [
    'the same where it says nothing of when',
    accepted(null),
    { type: 'accepted', location: '/jobs/1', pollAfterMs: 60_000 },
  ],
  ['a call that was put off', deferred(900), { type: 'deferred', error: 'not called', delayMs: 900 }],
  [
    'one that was put off, and that another coordinator may have made before',
    deferred(900),
    { type: 'unknown', error: 'not called', random: 0, retryAfterMs: 900 },
    { isPerhapsDone: true },
  ],
  [
    'one that surely did not happen this time, and may have before',
    retryable(500),
    { type: 'unknown', error: 'busy', random: 0.25, retryAfterMs: 500 },
    { isPerhapsDone: true },
  ],
])('%s', (_, reply, event, over = {}) => {
  expect(eventOf(reply, { ...about, ...over })).toEqual({ at: 7, ...event } as SagaEvent);
  expect(eventOf(reply, { ...about, ...over, to: 'branch' })).toEqual({ at: 7, to: 'branch', ...event });
});

it('is told as what it was on the wire, and as a call that did not happen where it was too large', () => {
  expect(toldOf({ ...refused('no'), status: 409 })).toEqual({
    outcome: 'refused',
    error: 'no',
    status: 409,
    failure: null,
  });
  expect(toldOf({ ...tooLarge, status: 413 }).outcome).toBe('retryable');
  expect(toldOf({ ...unknown(), failure: 'timeout' })).toMatchObject({ status: null, failure: 'timeout' });
  expect(toldOf(done())).toEqual({ outcome: 'done', error: null, status: null, failure: null });
});
