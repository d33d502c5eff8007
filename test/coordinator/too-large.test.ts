/** A compensation that its participant takes for too large, over real sockets and a real Redis, with a kill in between. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Listener, listening } from '../engine/listener.ts';
import { ORDER, openWorld, send, settled, submit, type World } from './world.ts';

let world: World;
let payment: Listener;
beforeAll(async () => {
  world = await openWorld();
  payment = await listening();
});
afterAll(async () => {
  await world.close();
  await payment.close();
});

const asked = { 'content-type': 'application/json', prefer: 'respond-async' };

/** An order that is undone from its payment on: the refund came, whole. */
async function refunded(url: string): Promise<{ id: string; whole: Awaited<ReturnType<Listener['next']>> }> {
  const { body } = await submit(url, ORDER, asked);
  (await payment.next()).answer(200, { payment_id: 'pay-1' });
  return { id: body.saga_id, whole: await payment.next() };
}

it('is made again with less, which the log says, and the participant is not taken for one in trouble', async () => {
  world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  const { url } = await world.coordinator({ PAYMENT_SERVICE_URL: payment.url, BREAKER_FAILURES_MAX: '1' });
  const { id, whole } = await refunded(url);
  expect(JSON.parse(whole.body)).toMatchObject({
    items: ORDER.items,
    shipping_address: ORDER.shipping_address,
  });
  whole.answer(413, '<html>Request Entity Too Large</html>', { 'content-type': 'text/html' });
  const narrow = await payment.next();
  const { order_id, ...body } = JSON.parse(narrow.body);
  expect(order_id).toMatch(/^ord_/);
  expect(body).toEqual({
    amount: 2500,
    currency: 'EUR',
    payment: ORDER.payment,
    payment_id: 'pay-1',
    original_response: { payment_id: 'pay-1' },
  });
  expect(narrow.headers['idempotency-key']).toBe(whole.headers['idempotency-key']);
  narrow.answer(200);
  const saga = await settled(url, id);
  expect(saga.body.status).toBe('FAILED');
  const refunds = saga.body.execution_log.filter(
    ({ step, kind, outcome }: Record<string, unknown>) =>
      step === 'payment' && kind === 'compensation' && outcome,
  );
  expect(refunds).toMatchObject([
    { outcome: 'retryable', error: '413: too large, sent again with less' },
    { outcome: 'done', error: null },
  ]);
  expect((await send(`${url}/api/coordinator/health`)).body.breakers.payment).toBe('closed');
});

it('is still made with less by whoever takes the saga up after a kill', async () => {
  world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  const environment = { PAYMENT_SERVICE_URL: payment.url, COORDINATOR_ID: 'killed' };
  const first = await world.process(environment);
  const { id, whole } = await refunded(first.url);
  whole.answer(413);
  const narrow = await payment.next();
  await first.end();
  const { url } = await world.process(environment);
  const again = await payment.next();
  expect(again.body).toBe(narrow.body);
  again.answer(200);
  expect((await settled(url, id)).body.status).toBe('FAILED');
});
