/**
 * What reaches the services, over real HTTP, for every way in which a step can go wrong: the exact calls in their exact
 * order, the answer that the client gets, and what the services hold afterwards.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type Holdings, holdings, NOTHING } from './holdings.ts';
import { ORDER, openWorld, send, submit, type World } from './world.ts';

type Name = (typeof SERVICE_NAMES)[number];

let world: World;
let url: string;
let stock: ReadonlyMap<string, number>;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
});
afterAll(() => world.close());

beforeEach(() => {
  stock = new Map(world.services.inventory.books.available);
});
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

const actions = (names: readonly string[]) => names.map((name) => `${name} action performed`);
const undoing = (names: readonly string[]) =>
  names.toReversed().map((name) => `${name} compensation performed`);

it('calls all five services in order, each once, and passes the ids on', async () => {
  const { status, headers, body } = await submit(url);

  expect(status).toBe(201);
  expect(body).toMatchObject({
    status: 'COMPLETED',
    message: 'COMPLETED: All steps successful',
    state: 'completed',
  });
  expect(headers.location).toBe(`/api/coordinator/sagas/${body.saga_id}`);
  expect(world.calls(body.saga_id)).toEqual(actions(SERVICE_NAMES));
  const { order, inventory, payment, shipping, notification } = world.services;
  const { order_id } = body;
  expect(order.books.orders.get(order_id)).toMatchObject({ status: 'CREATED', amount: 2500 });
  expect(body.inventory_reservations).toMatchObject([{ product_id: 'widget', quantity: 2 }]);
  const [{ reservation_id }] = body.inventory_reservations;
  expect(inventory.books.reservations.get(reservation_id)).toMatchObject({ order_id, status: 'RESERVED' });
  expect(payment.books.payments.get(body.payment_id)).toMatchObject({
    order_id,
    amount: 2500,
    currency: 'EUR',
  });
  expect(shipping.books.shipments.get(body.tracking_number)).toMatchObject({ order_id });
  expect(notification.books.notifications.get(body.notification_id)).toMatchObject({
    order_id,
    tracking_number: body.tracking_number,
  });
});

/** An order that a service refuses for a reason of its own. */
const REFUSED_ORDERS: Readonly<Record<Name, { order: object; reason: RegExp }>> = {
  order: { order: { ...ORDER, customer_id: 'cust_blocked' }, reason: /customer-blocked/ },
  inventory: {
    order: { ...ORDER, items: [{ product_id: 'limited-edition', quantity: 4, unit_price: 1 }] },
    reason: /out-of-stock/,
  },
  payment: {
    order: { ...ORDER, payment: { method: 'card', token: 'tok_declined' } },
    reason: /payment-declined/,
  },
  shipping: {
    order: { ...ORDER, shipping_address: { ...ORDER.shipping_address, country: 'XX' } },
    reason: /undeliverable/,
  },
  notification: { order: { ...ORDER, customer_id: 'cust_unreachable' }, reason: /customer-unreachable/ },
};

describe.each(SERVICE_NAMES.map((name, index) => ({ name, index })))('$name fails', ({ name, index }) => {
  const before = SERVICE_NAMES.slice(0, index);
  let held: Holdings;
  beforeEach(() => {
    held = holdings(world.services);
  });

  async function expectUndone(order: object, own: readonly string[], reason: RegExp) {
    const { status, body } = await submit(url, order);

    expect(status).toBe(409);
    expect(body).toMatchObject({
      status: 'FAILED',
      message: 'FAILED: Compensated successfully',
      state: 'failed',
    });
    expect(body.failed_step).toBe(name);
    expect(body.reason).toMatch(reason);
    expect(body.held).toEqual([]);
    expect(world.calls(body.saga_id)).toEqual([...actions(before), ...own, ...undoing(before)]);
    expect(holdings(world.services)).toEqual(held);
    expect(new Map(world.services.inventory.books.available)).toEqual(stock);
    const listed = await send(`${url}/api/coordinator/sagas/${body.saga_id}`);
    expect(listed.body).toMatchObject({ steps_completed: index, total_steps: 5, failed_step_index: index });
  }

  it('refused: it is not asked again, and undoing starts with its own compensation', async () => {
    const { order, reason } = REFUSED_ORDERS[name];
    await expectUndone(order, [`${name} action refused`, `${name} compensation nothing-to-undo`], reason);
  });

  it('retryable until the attempts are spent', async () => {
    world.services[name].faults.set([{ endpoint: 'action', kind: 'status', status: 503 }]);
    await expectUndone(
      ORDER,
      [`${name} action failed`, `${name} action failed`, `${name} compensation nothing-to-undo`],
      /503/,
    );
  });

  it('unknown: the effect happened and every answer was lost', async () => {
    world.services[name].faults.set([{ endpoint: 'action', kind: 'lose-answer' }]);
    await expectUndone(
      ORDER,
      [`${name} action performed`, `${name} action replayed`, `${name} compensation performed`],
      /./,
    );
  });

  it('unknown once: the repeated call is replayed, and the saga completes', async () => {
    world.services[name].faults.set([{ endpoint: 'action', kind: 'lose-answer', times: 1 }]);
    const { status, body } = await submit(url);
    expect(status).toBe(201);
    expect(world.calls(body.saga_id)).toEqual([
      ...actions(SERVICE_NAMES.slice(0, index + 1)),
      `${name} action replayed`,
      ...actions(SERVICE_NAMES.slice(index + 1)),
    ]);
    const replayed = body.execution_log.filter((entry: { replayed?: true }) => entry.replayed);
    expect(replayed).toMatchObject([{ event: 'done', step: name, kind: 'action', attempt: 2 }]);
    const keys = world.journal(body.saga_id).filter((call) => call.service === name);
    expect(new Set(keys.map((call) => call.idempotency_key)).size).toBe(1);
  });
});

describe.each(SERVICE_NAMES.map((name, index) => ({ name, index })))(
  'the compensation of $name fails for good',
  ({ name, index }) => {
    const failing: readonly (readonly [string, { status: number }, readonly string[]])[] = [
      ['refused', { status: 409 }, ['refused']],
      ['unknown until the attempts are spent', { status: 500 }, ['failed', 'failed']],
    ];
    it.each(failing)(
      '%s: the others still run, and the saga is parked with what is held',
      async (_, fault, outcomes) => {
        const before = holdings(world.services);
        world.services[name].faults.set([{ endpoint: 'compensation', kind: 'status', ...fault }]);
        const last = REFUSED_ORDERS.notification;

        const { status, body } = await submit(url, last.order);

        expect(status).toBe(409);
        expect(body).toMatchObject({
          status: 'ABORTED',
          message: 'ABORTED: Compensation incomplete',
          state: 'parked',
        });
        expect(body.held).toMatchObject([{ step: name }]);
        expect(body.held[0].reason).toMatch(String(fault.status));
        // What the action had answered names what is held; the refused notification never had an answer.
        expect(body.held[0].response).toEqual(name === 'notification' ? null : expect.any(Object));
        const undone = SERVICE_NAMES.toReversed().flatMap((service) => {
          if (service === name) return outcomes.map((outcome) => `${service} compensation ${outcome}`);
          return [`${service} compensation ${service === 'notification' ? 'nothing-to-undo' : 'performed'}`];
        });
        expect(world.calls(body.saga_id)).toEqual([
          ...actions(SERVICE_NAMES.slice(0, 4)),
          'notification action refused',
          ...undone,
        ]);
        const held = holdings(world.services);
        const fields = ['orders', 'reservedPieces', 'money', 'shipments', 'notifications'] as const;
        const changed = fields.filter((field) => held[field] !== before[field]);
        expect(changed).toEqual(name === 'notification' ? [] : [fields[index]]);
      },
    );
  },
);

it('names everything that is held where several compensations fail', async () => {
  world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 422 }]);
  world.services.order.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
  const { body } = await submit(url, REFUSED_ORDERS.shipping.order);
  expect(body.held.map(({ step }: { step: string }) => step)).toEqual(['payment', 'order']);
  const shown = await send(`${url}/api/coordinator/sagas/${body.saga_id}`);
  expect(shown.body.parked).toMatchObject({ reason: 'compensation-incomplete', held: body.held });
});

it('leaves nothing behind in a world where every order failed', async () => {
  const fresh = await openWorld();
  try {
    const coordinator = await fresh.coordinator();
    for (const { order } of Object.values(REFUSED_ORDERS)) await submit(coordinator.url, order);
    expect(holdings(fresh.services)).toEqual(NOTHING);
  } finally {
    await fresh.close();
  }
});
