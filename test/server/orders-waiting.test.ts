/** How long a client waits for its order, and what it is told when the saga has not ended by then. */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, send, settled, submit } from '../coordinator/world.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { head } from './raw.ts';

let world: HoldingWorld;
let url: string;

beforeAll(async () => {
  world = await openHoldingWorld();
  url = (await world.coordinator()).url;
});
afterAll(() => world.close());
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

describe('answers 202 while the saga is held', () => {
  it.each([
    ['respond-async', 'respond-async'],
    ['Respond-Async', 'respond-async'],
    ['respond-async, handling=lenient', 'respond-async'],
    ['wait=0', 'wait=0'],
    ['wait=1', 'wait=1'],
    ['respond-async, wait=1', 'wait=1'],
    ['wait=0, wait=60', 'wait=0'],
  ])('Prefer: %s', async (prefer, applied) => {
    const gate = world.hold('payment');
    const { status, headers, body } = await submit(url, ORDER, { prefer });

    expect(status).toBe(202);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      location: `/api/coordinator/sagas/${body.saga_id}`,
      'retry-after': '2',
      'preference-applied': applied,
    });
    expect(body).toMatchObject({
      status: 'STARTED',
      message: 'STARTED: Saga in progress',
      failed_step: null,
    });

    gate.open();
    expect((await settled(url, body.saga_id)).body.status).toBe('COMPLETED');
  });

  it('at once where as many clients wait already as may: the order is stored all the same', async () => {
    const crowded = await world.coordinator({ COORDINATOR_ID: 'crowded', ORDERS_WAITING_MAX: '1' });
    const gate = world.hold('order');
    const first = submit(crowded.url);
    await gate.arrived;
    const { status, body } = await submit(
      crowded.url,
      { ...ORDER, customer_id: 'cust_2' },
      { prefer: 'wait=100' },
    );
    expect(status).toBe(202);
    gate.open();
    expect((await first).status).toBe(201);
    expect((await settled(crowded.url, body.saga_id)).body.status).toBe('COMPLETED');
    await crowded.stop();
  });

  it('when the wait that is set is over', async () => {
    const impatient = await world.coordinator({ ORDER_WAIT_MS: '1' });
    const gate = world.hold('order');
    const { status, headers, body } = await submit(impatient.url);
    expect(status).toBe(202);
    expect(headers['retry-after']).toBe('2');
    expect(headers).not.toHaveProperty('preference-applied');
    gate.open();
    await settled(url, body.saga_id);
    await impatient.stop();
  });
});

describe('waits until the saga has ended', () => {
  it.each([
    ['', undefined],
    ['wait=60', 'wait=60'],
    ['wait = "60"', 'wait=60'],
    ['WAIT=60', 'wait=60'],
    ['respond-async, wait=60', 'wait=60'],
    ['handling=strict, wait=60', 'wait=60'],
    // Nobody may hold a connection for longer than two minutes.
    ['wait=9999', 'wait=120'],
    ['wait=999999999', 'wait=120'],
    // What cannot be read was not asked for.
    ['wait=-1', undefined],
    ['wait=0.5', undefined],
    ['wait=1e3', undefined],
    ['wait=', undefined],
    ['wait', undefined],
    ['wait=soon', undefined],
    ['wait=99999999999999999999', undefined],
    ['await=0', undefined],
    ['respond-asynchronously', undefined],
    [',,;=', undefined],
  ])('Prefer: %s', async (prefer, applied) => {
    const gate = world.hold('payment');
    const answering = submit(url, ORDER, { prefer });
    await gate.arrived;
    gate.open();
    const { status, headers, body } = await answering;
    expect(status).toBe(201);
    expect(headers['preference-applied']).toBe(applied);
    expect(headers.location).toBe(`/api/coordinator/sagas/${body.saga_id}`);
    expect(headers).not.toHaveProperty('retry-after');
  });
});

it('answers with the end itself where the saga ended before it was asked to wait', async () => {
  const headers = { 'idempotency-key': 'ended-before' };
  const { body: first } = await submit(url, ORDER, headers);
  const { status, body } = await submit(url, ORDER, { ...headers, prefer: 'respond-async' });
  expect(status).toBe(201);
  expect(body).toEqual(first);
});

describe('the answer of a saga that ended', () => {
  const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };

  it('COMPLETED: 201 with the ids gained on the way', async () => {
    const { status, headers, body } = await submit(url);
    expect(status).toBe(201);
    expect(headers['content-type']).toBe('application/json');
    expect(Object.keys(body)).toEqual([
      'saga_id',
      'order_id',
      'status',
      'message',
      'state',
      'inventory_reservations',
      'payment_id',
      'tracking_number',
      'notification_id',
      'failed_step',
      'reason',
      'held',
      'execution_log',
      'log_dropped',
    ]);
    expect(body).toMatchObject({
      order_id: expect.stringMatching(/^ord_/),
      status: 'COMPLETED',
      message: 'COMPLETED: All steps successful',
      state: 'completed',
      inventory_reservations: [{ product_id: 'widget', quantity: 2 }],
      payment_id: expect.stringMatching(/^pay_/),
      tracking_number: expect.stringMatching(/^TRK/),
      notification_id: expect.stringMatching(/^ntf_/),
      failed_step: null,
      reason: null,
      held: [],
    });
    expect(body.execution_log).toHaveLength(6);
  });

  it('FAILED: 409 that is the saga, and no problem document', async () => {
    const { status, headers, body } = await submit(url, DECLINED);
    expect(status).toBe(409);
    expect(headers['content-type']).toBe('application/json');
    expect(headers.location).toBe(`/api/coordinator/sagas/${body.saga_id}`);
    expect(headers).not.toHaveProperty('retry-after');
    expect(body).not.toHaveProperty('type');
    expect(body).toMatchObject({
      status: 'FAILED',
      message: 'FAILED: Compensated successfully',
      state: 'failed',
      payment_id: null,
      tracking_number: null,
      failed_step: 'payment',
      held: [],
    });
  });

  it('ABORTED: 409 with what is held', async () => {
    world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
    const { status, headers, body } = await submit(url, DECLINED);
    expect(status).toBe(409);
    expect(headers['content-type']).toBe('application/json');
    expect(body).toMatchObject({
      status: 'ABORTED',
      message: 'ABORTED: Compensation incomplete',
      state: 'parked',
      failed_step: 'payment',
      held: [{ step: 'inventory', response: { reservations: [{ product_id: 'widget' }] } }],
    });
  });
});

it('goes on for a client that has gone', async () => {
  world.services.inventory.faults.set([{ endpoint: 'action', kind: 'hang' }]);
  const { hostname, port } = new URL(url);
  const body = JSON.stringify({ ...ORDER, customer_id: 'cust_gone' });
  const client = connect(Number(port), hostname);
  client.write(
    head('POST /api/coordinator/orders', [
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ]),
  );
  client.write(body);
  const running = `${url}/api/coordinator/sagas?state=reservingInventory`;
  let { body: page } = await send(running);
  while (page.sagas.length === 0) page = (await send(running)).body;
  const [{ saga_id }] = page.sagas;

  client.destroy();
  world.services.inventory.faults.clear();

  const { body: ended } = await settled(url, saga_id);
  expect(ended).toMatchObject({ status: 'COMPLETED', context: { customer_id: 'cust_gone' } });
});
