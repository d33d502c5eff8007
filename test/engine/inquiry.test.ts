/** Questions over real sockets: what is sent, and that they go past the breaker and no further than the participant. */
import { afterEach, expect, it } from 'vitest';
import { unbelieved } from '../../participant/signature.ts';
import { BREAKER, Calling, TRACEPARENT } from './calling.ts';

let calling: Calling;
afterEach(() => calling.close());

const QUESTION = {
  sagaId: 's-1',
  address: 'order',
  participant: 'order',
  path: '/api/stands?saga_id=s-1&step=order',
};
const TIMEOUT_MS = 1_000;
const inquire = () =>
  calling.participants.inquire(QUESTION, { traceparent: TRACEPARENT }, TIMEOUT_MS, 'order');

it('is a GET below the participant’s URL, with its own headers, and nothing of a call', async () => {
  calling = await Calling.open(8, (base) => `${base}/base/`, undefined, ['x-api-key', 'k-e-y-7']);
  const told = inquire();
  const seen = await calling.listener.next();
  seen.answer(200, { state: 'done', key: 'k-e-y-7' });
  expect([seen.method, seen.path, seen.body]).toEqual(['GET', '/base/api/stands?saga_id=s-1&step=order', '']);
  expect(seen.headers).toEqual({
    host: new URL(calling.listener.url).host,
    connection: 'keep-alive',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'x-api-key': 'k-e-y-7',
    'saga-id': 's-1',
    'saga-step': 'order',
    traceparent: TRACEPARENT,
  });
  const { url, redact } = await told;
  expect(url).toBe(`${calling.listener.url}/base/api/stands?saga_id=s-1&step=order`);
  expect(redact('a key k-e-y-7')).toBe('a key [redacted]');
  expect(calling.clock.pending).toBe(0);
});

it('is signed where calls are', async () => {
  const key = { id: 'k1', secret: 'a secret of two, nobody else' };
  calling = await Calling.open(8, undefined, undefined, undefined, undefined, key);
  const told = inquire();
  const seen = await calling.listener.next();
  seen.answer(200, { state: 'done' });
  await told;
  const header = (name: string) => (seen.headers[name] as string | undefined) ?? null;
  const request = { method: 'GET', path: String(seen.path), header };
  const at = { nowMs: calling.clock.now(), ageMsMax: 1_000 };
  expect(unbelieved(request, { k1: key.secret }, at)).toBe(null);
  expect(unbelieved({ ...request, path: `${seen.path}x` }, { k1: key.secret }, at)).not.toBe(null);
});

it('is made once, also where the breaker is open, and neither opens nor closes it', async () => {
  calling = await Calling.open();
  const { listener, participants } = calling;
  const asked = async (status: number) => {
    const told = inquire();
    (await listener.next()).answer(status, {});
    return told;
  };
  for (let n = 0; n <= BREAKER.failuresMax; n += 1) await asked(500);
  expect(participants.states.order?.breaker).toBe('closed');
  for (let n = 0; n < BREAKER.failuresMax; n += 1) {
    const reply = calling.call();
    (await listener.next()).answer(500, {});
    await reply;
  }
  expect(participants.states.order?.breaker).toBe('open');
  expect(await asked(200)).toMatchObject({ answered: { status: 200 } });
  expect(participants.states.order).toEqual({ breaker: 'open', inFlight: 0, queued: 0 });
});

it('says why there is no answer, and is over when its time is', async () => {
  calling = await Calling.open();
  const told = inquire();
  await calling.listener.next();
  await calling.clock.pass(TIMEOUT_MS);
  expect(await told).toMatchObject({ error: `no answer within ${TIMEOUT_MS} ms` });
  expect(calling.participants.states.order).toMatchObject({ inFlight: 0 });
  await calling.listener.close();
  expect(await inquire()).toMatchObject({ error: expect.stringContaining('ECONNREFUSED') });
  calling = await Calling.open();
});

it('waits its turn among the calls', async () => {
  calling = await Calling.open(1);
  const call = calling.call();
  const first = await calling.listener.next();
  const told = inquire();
  expect(calling.participants.states.order).toMatchObject({ inFlight: 1, queued: 1 });
  first.answer(201, { order_id: 'o-1' });
  await call;
  (await calling.listener.next()).answer(200, { state: 'undone' });
  expect(await told).toMatchObject({ answered: { status: 200 } });
});
