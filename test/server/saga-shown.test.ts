/** One saga, whole: its facts without the secret ones, what is left to do, and its log. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { LOG_MAX, LOG_SLACK } from '../../stores/saga-store.ts';
import { ORDER, send, submit } from '../coordinator/world.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';

const TOKEN = 'tok_visa_very_secret';
const METADATA = { source: 'web' };

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

const show = (id: string) => send(`${url}/api/coordinator/sagas/${id}`);

it('shows a saga that was done, with a log that names every call', async () => {
  const order = { ...ORDER, payment: { method: 'card', token: TOKEN }, metadata: METADATA };
  const { body: answered } = await submit(url, order);
  const { status, headers, body } = await show(answered.saga_id);

  expect(status).toBe(200);
  expect(headers.etag).toBe(`"${body.execution_log.length}"`);
  // All that the client of the order was told stands here as well.
  expect(body).toMatchObject(answered);
  expect(body).toMatchObject({
    steps_completed: 5,
    total_steps: 5,
    failed_step_index: null,
    machine: { id: 'order', version: '1' },
    remaining_steps: [],
    attempt: 1,
    retry_at: null,
    parked: null,
  });
  expect(body.context).toEqual({
    ...order,
    payment: { method: 'card', token: '[redacted]' },
    amount: 2500,
    order_id: body.order_id,
    inventory_reservations: body.inventory_reservations,
    payment_id: body.payment_id,
    tracking_number: body.tracking_number,
    notification_id: body.notification_id,
  });
  const states = [
    'creatingOrder.calling',
    'reservingInventory.calling',
    'processingPayment.calling',
    'schedulingShipping.calling',
    'sendingNotification.calling',
    'completed',
  ];
  const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(body.execution_log).toEqual([
    {
      seq: 1,
      at: moment,
      event: 'started',
      from: null,
      to: states[0],
      step: 'order',
      kind: 'action',
      attempt: 1,
      outcome: null,
      duration_ms: null,
      error: null,
    },
    ...SERVICE_NAMES.map((step, index) => ({
      seq: index + 2,
      at: moment,
      event: 'done',
      from: states[index],
      to: states[index + 1],
      step,
      kind: 'action',
      attempt: 1,
      outcome: 'done',
      duration_ms: expect.any(Number),
      error: null,
    })),
  ]);
});

it('shows the token nowhere: done, failed, parked or running', async () => {
  const payment = { method: 'card', token: TOKEN };
  const gate = world.hold('payment');
  const { body: started } = await submit(url, { ...ORDER, payment }, { prefer: 'respond-async' });
  await gate.arrived;
  const running = await show(started.saga_id);
  expect(running.body.context.payment).toEqual({ method: 'card', token: '[redacted]' });
  gate.open();
  world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const unreachable = { ...ORDER, payment, customer_id: 'cust_unreachable' };
  const parked = await submit(url, unreachable);
  expect(parked.body.status).toBe('ABORTED');
  world.services.payment.faults.clear();
  const failed = await submit(url, unreachable);
  expect(failed.body.status).toBe('FAILED');
  const completed = await submit(url, { ...ORDER, payment });
  const listing = await send(`${url}/api/coordinator/sagas`);
  const answers = [started, running, parked, failed, completed, listing];
  for (const { saga_id } of listing.body.sagas) answers.push(await show(saga_id));
  expect(JSON.stringify(answers)).not.toContain(TOKEN);
});

it('shows what is left to do while it goes forward, and nothing once it is being undone', async () => {
  const forward = world.hold('payment');
  const { body: started } = await submit(url, ORDER, { prefer: 'respond-async' });
  await forward.arrived;
  expect((await show(started.saga_id)).body).toMatchObject({
    status: 'STARTED',
    state: 'processingPayment.calling',
    steps_completed: 2,
    remaining_steps: ['payment', 'shipping', 'notification'],
    payment_id: null,
  });
  forward.open();

  const undoing = world.hold('inventory', 'compensation');
  const { body: failing } = await submit(
    url,
    { ...ORDER, payment: { method: 'card', token: 'tok_declined' } },
    { prefer: 'respond-async' },
  );
  await undoing.arrived;
  expect((await show(failing.saga_id)).body).toMatchObject({
    status: 'STARTED',
    state: 'releasingInventory.calling',
    steps_completed: 2,
    failed_step: 'payment',
    remaining_steps: [],
  });
  undoing.open();
});

it('shows a saga that backs off, with the attempt that failed and when the next one comes', async () => {
  const patient = await world.coordinator({ ACTION_BACKOFF_MS: '600000', ACTION_BACKOFF_MAX_MS: '600000' });
  world.services.shipping.faults.set([
    { endpoint: 'action', kind: 'status', status: 503, retry_after: 120, times: 1 },
  ]);
  const { body: started } = await submit(patient.url, ORDER, { prefer: 'respond-async' });
  let { headers, body } = await show(started.saga_id);
  while (body.state !== 'schedulingShipping.waiting') ({ headers, body } = await show(started.saga_id));
  await patient.stop();
  expect(headers.etag).toBe('"5"');
  expect(body).toMatchObject({
    status: 'STARTED',
    attempt: 1,
    remaining_steps: ['shipping', 'notification'],
  });
  const entry = body.execution_log.at(-1);
  expect(entry).toMatchObject({
    seq: 5,
    event: 'retryable',
    from: 'schedulingShipping.calling',
    step: 'shipping',
    attempt: 1,
    outcome: 'retryable',
    error: expect.stringMatching(/^503 /),
  });
  expect(Date.parse(body.retry_at) - Date.parse(entry.at)).toBeGreaterThanOrEqual(120_000);
});

it('shows why a saga is parked, with what its action had answered', async () => {
  world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
  const { body: answered } = await submit(url, { ...ORDER, customer_id: 'cust_unreachable' });
  const { body } = await show(answered.saga_id);
  const held = [
    {
      step: 'payment',
      reason: expect.stringMatching(/^410 /),
      response: expect.objectContaining({ payment_id: body.payment_id }),
      says: expect.stringMatching(/^EUR\s25\.00 was taken from the customer$/),
      amount: 2500,
      unit: 'EUR',
    },
  ];
  expect(body).toMatchObject({ status: 'ABORTED', state: 'parked', held });
  expect(body.parked).toEqual({ reason: 'compensation-incomplete', held });
  expect(body.execution_log.filter(({ kind }: { kind: string }) => kind === 'compensation')).toHaveLength(5);
});

it('has an ETag that moves with the log', async () => {
  const gate = world.hold('shipping');
  const { body: started } = await submit(url, ORDER, { prefer: 'respond-async' });
  await gate.arrived;
  const running = await show(started.saga_id);
  expect(running.headers.etag).toBe('"4"');
  expect(running.body.execution_log).toHaveLength(4);
  gate.open();
  let ended = await show(started.saga_id);
  while (ended.body.status === 'STARTED') ended = await show(started.saga_id);
  expect(ended.headers.etag).toBe('"6"');
});

it('has a long log without its middle, and an ETag that counts what is missing', async () => {
  world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const { body: parked } = await submit(url, { ...ORDER, customer_id: 'cust_unreachable' });
  world.services.payment.faults.clear();
  expect(parked).toMatchObject({ status: 'ABORTED', log_dropped: 0 });
  const store = await RedisStore.open({ redis: connect(world.redis.url) });
  const record = await store.get(parked.saga_id);
  if (record?.parked == null) throw new Error('it is parked');
  const { seq: _, ...entry } = parked.execution_log.at(-1);
  await store.commit(record.id, record.fence, {
    ...record,
    writeId: 'a long night',
    owner: { name: 'other', boot: 1 },
    earlier: Array(2 * LOG_MAX).fill(entry),
    entry,
    counts: {},
    next: { kind: 'park', parked: record.parked },
  });
  await store.close();

  const seq = record.seq + 2 * LOG_MAX + 1;
  const { headers, body } = await show(parked.saga_id);
  expect(headers.etag).toBe(`"${seq}"`);
  expect(body.execution_log.slice(0, record.seq)).toEqual(parked.execution_log);
  expect(body.execution_log.at(-1).seq).toBe(seq);
  expect(body.execution_log.length).toBeLessThanOrEqual(LOG_MAX + LOG_SLACK);
  expect(body.log_dropped).toBe(seq - body.execution_log.length);

  const ask = (etag: string) =>
    send(`${url}/api/coordinator/sagas/${parked.saga_id}/retry`, {
      method: 'POST',
      body: { reason: 'a test' },
      headers: { 'if-match': etag },
    });
  expect((await ask(`"${body.execution_log.length}"`)).status).toBe(412);
  expect((await ask(`"${seq}"`)).status).toBe(202);
  let ended = await show(parked.saga_id);
  while (ended.body.status !== 'FAILED') ended = await show(parked.saga_id);
  expect(ended.body.execution_log.at(-1)).toMatchObject({ seq: seq + 2, step: 'payment', outcome: 'done' });
});
