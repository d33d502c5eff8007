/** How an asynchronous participant is spoken to: on a real socket. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Calling } from './calling.ts';

let calling: Calling;
beforeEach(async () => {
  calling = await Calling.open();
});
afterEach(() => calling.close());

const asynchronous = { over: { isAsynchronous: true } };
const asking = { over: { isAsynchronous: true, isFetch: true, path: '/jobs/7?full=1' } };

async function answeredTo(over: object, status: number, body: unknown, headers: Record<string, string> = {}) {
  const reply = calling.call('action', over);
  const seen = await calling.listener.next();
  seen.answer(status, body, headers);
  return { seen, reply: await reply };
}

it('takes 202 for accepted, and goes where it was told to ask only at the participant itself', async () => {
  const at = (location: string) => answeredTo(asynchronous, 202, {}, { location, 'retry-after': '30' });
  const own = calling.listener.url;
  for (const [location, place] of [
    ['/jobs/7?full=1', '/jobs/7?full=1'],
    [`${own}/jobs/7`, '/jobs/7'],
    ['http://169.254.169.254/secrets', null],
    ['//elsewhere.example/jobs', null],
    ['javascript:alert(1)', null],
    [`/${'x'.repeat(1_999)}`, `/${'x'.repeat(1_999)}`],
    [`/${'x'.repeat(2_000)}`, null],
    ['http://[not-a-host', null],
  ] as const) {
    const { reply } = await at(location);
    expect(reply).toMatchObject({ outcome: 'accepted', location: place, pollAfterMs: 30_000 });
  }
  const { reply } = await answeredTo(asynchronous, 202, {});
  expect(reply).toMatchObject({ outcome: 'accepted', location: null, pollAfterMs: null });
});

it('asks with GET, without a body and a key, and reads what came of it', async () => {
  const { seen, reply } = await answeredTo(asking, 200, { order_id: 'ord-1', status: 'PENDING' });
  expect([seen.method, seen.path, seen.body]).toEqual(['GET', '/jobs/7?full=1', '']);
  expect(seen.headers).toMatchObject({ 'saga-step': 'order', 'saga-attempt': '1' });
  // Nothing is begun by a question.
  expect(seen.headers).not.toHaveProperty('saga-timeout-ms');
  expect(seen.headers).not.toHaveProperty('idempotency-key');
  expect(seen.headers).not.toHaveProperty('content-type');
  expect(reply).toMatchObject({ outcome: 'done', answer: { order_id: 'ord-1' } });
});

it('asks at the same place again where 202 names none', async () => {
  const { reply } = await answeredTo(asking, 202, {});
  expect(reply).toMatchObject({ outcome: 'accepted', location: '/jobs/7?full=1' });
  expect((await answeredTo(asking, 404, {})).reply.outcome).toBe('refused');
  expect((await answeredTo(asking, 503, {})).reply.outcome).toBe('retryable');
});

it('counts no 202 as a failure', async () => {
  for (let n = 0; n < 10; n += 1) await answeredTo(asynchronous, 202, {});
  expect(calling.participants.states.order?.breaker).toBe('closed');
});

it('takes 202 of any other step as done', async () => {
  const { reply } = await answeredTo({}, 202, { order_id: 'ord-1', status: 'PENDING' });
  expect(reply.outcome).toBe('done');
});

it('carries the means to call back with a call that may be answered later, and with no other', async () => {
  const carried = async (over: object) => (await answeredTo(over, 200, { order_id: 'o' })).seen.headers;
  expect(await carried(asynchronous)).toMatchObject({ 'saga-callback-token': 's-1 order 1' });
  expect(await carried(asking)).not.toHaveProperty('saga-callback-token');
  expect(await carried({})).not.toHaveProperty('saga-callback-token');
});
