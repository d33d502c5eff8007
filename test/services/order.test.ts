import { expect, it } from 'vitest';
import { createOrder } from '../../services-stub/order.ts';
import { Caller } from './caller.ts';
import { participantSuite } from './participant-suite.ts';
import { simulatedMeans } from './simulated-means.ts';

const items = [{ product_id: 'widget', quantity: 2, unit_price: 1250 }];
const request = { customer_id: 'cust_1', items, currency: 'EUR', amount: 2500 };

participantSuite({
  service: 'order',
  create: createOrder,
  request,
  idOf: ({ body }) => body.order_id,
  idPattern: /^ord_/,
  refused: { request: { ...request, customer_id: 'cust_blocked' }, status: 409, type: 'customer-blocked' },
  unfit: {
    request: { ...request, items: [{ product_id: 'widget', quantity: 0, unit_price: 1 }] },
    pointer: '/items/0/quantity',
  },
  listName: 'orders',
  heldStatus: 'CREATED',
  undoneStatus: 'CANCELLED',
  undoneAnswer: 'cancelled',
});

it('keeps the order as it was placed', async () => {
  const participant = createOrder(simulatedMeans());
  const { body } = await new Caller(participant).action(request);
  expect(body).toEqual({
    order_id: 'ord_1',
    ...request,
    created_at: '2026-01-01T00:00:00.000Z',
    status: 'CREATED',
  });
  expect(participant.books.orders.get('ord_1')).toEqual(body);
});

it('shows a cancelled order as such, and keeps it', async () => {
  const caller = new Caller(createOrder(simulatedMeans()));
  const { body } = await caller.action(request);
  await caller.compensate(request);
  expect((await caller.get('/api/orders')).body).toEqual({
    count: 1,
    orders: [{ ...body, status: 'CANCELLED' }],
  });
});

it('refuses an amount that is not a whole number of minor units', async () => {
  const answer = await new Caller(createOrder(simulatedMeans())).action({ ...request, amount: 25.5 });
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/amount' }] } });
});
