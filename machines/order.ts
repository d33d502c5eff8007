/**
 * The order saga: five services, each with the call that undoes it. Read the states from top to bottom: down
 * the left side everything goes well, and every step that fails enters the right side at its own compensation.
 */
import { z } from 'zod';
import type { SagaDefinition } from './index.ts';
import type { Policies, SagaInput } from './saga.ts';
import { firstContext, type Step, statesOf, step } from './step.ts';

/** What a client orders. Money is an integer in minor units of `currency`. */
export interface Order {
  readonly customer_id: string;
  readonly items: readonly {
    readonly product_id: string;
    readonly quantity: number;
    readonly unit_price: number;
  }[];
  readonly currency: string;
  readonly payment: { readonly method: string; readonly token: string };
  readonly shipping_address: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The facts of an order saga: the order, its total, and the ids gained on the way. */
interface OrderData extends Order {
  readonly amount: number;
  readonly order_id: string;
  readonly inventory_reservations: readonly unknown[];
  readonly payment_id: string;
  readonly tracking_number: string;
  readonly notification_id: string;
}

/** An id that a participant gives: not empty, and bounded, because it is kept and sent on. */
const id = z.string().min(1).max(200);

const order = step<OrderData, { order_id: string }>({
  name: 'order',
  participant: 'order',
  action: {
    path: '/api/orders',
    request: ({ customer_id, items, currency, amount }) => ({ customer_id, items, currency, amount }),
    answer: z.looseObject({ order_id: id }),
    gains: ({ order_id }) => ({ order_id }),
  },
  compensation: { path: '/api/orders/cancel' },
});

const inventory = step<OrderData, { reservations: unknown[] }>({
  name: 'inventory',
  participant: 'inventory',
  action: {
    path: '/api/inventory/reserve',
    request: ({ order_id, items }) => ({ order_id, items }),
    answer: z.looseObject({ reservations: z.array(z.unknown()).max(1000) }),
    gains: ({ reservations }) => ({ inventory_reservations: reservations }),
  },
  compensation: { path: '/api/inventory/release' },
});

const payment = step<OrderData, { payment_id: string }>({
  name: 'payment',
  participant: 'payment',
  action: {
    path: '/api/payments/process',
    request: ({ order_id, amount, currency, payment }) => ({ order_id, amount, currency, payment }),
    answer: z.looseObject({ payment_id: id }),
    gains: ({ payment_id }) => ({ payment_id }),
  },
  compensation: { path: '/api/payments/refund' },
});

const shipping = step<OrderData, { tracking_number: string }>({
  name: 'shipping',
  participant: 'shipping',
  action: {
    path: '/api/shipping/schedule',
    request: ({ order_id, items, shipping_address }) => ({ order_id, items, shipping_address }),
    answer: z.looseObject({ tracking_number: id }),
    gains: ({ tracking_number }) => ({ tracking_number }),
  },
  compensation: { path: '/api/shipping/cancel' },
});

const notification = step<OrderData, { notification_id: string }>({
  name: 'notification',
  participant: 'notification',
  action: {
    path: '/api/notifications/send',
    request: ({ order_id, customer_id, tracking_number }) => ({ order_id, customer_id, tracking_number }),
    answer: z.looseObject({ notification_id: id }),
    gains: ({ notification_id }) => ({ notification_id }),
  },
  compensation: { path: '/api/notifications/cancel' },
});

const steps: readonly Step[] = [order, inventory, payment, shipping, notification];

export function orderSaga(policies: Policies, deadlineMs?: number): SagaDefinition {
  const { createMachine, forward, compensating, parked } = statesOf('order', steps, policies);

  const machine = createMachine({
    id: 'order',
    context: firstContext,
    initial: 'creatingOrder',
    states: {
      creatingOrder: forward(order, { done: 'reservingInventory', failed: 'cancellingOrder' }),
      reservingInventory: forward(inventory, { done: 'processingPayment', failed: 'releasingInventory' }),
      processingPayment: forward(payment, { done: 'schedulingShipping', failed: 'refundingPayment' }),
      schedulingShipping: forward(shipping, { done: 'sendingNotification', failed: 'cancellingShipping' }),
      sendingNotification: forward(notification, { done: 'completed', failed: 'cancellingNotification' }),

      cancellingNotification: compensating(notification, { next: 'cancellingShipping' }),
      cancellingShipping: compensating(shipping, { next: 'refundingPayment' }),
      refundingPayment: compensating(payment, { next: 'releasingInventory' }),
      releasingInventory: compensating(inventory, { next: 'cancellingOrder' }),
      cancellingOrder: compensating(order, { next: 'undone' }),

      undone: { always: [{ guard: 'nothingHeld', target: 'failed' }, { target: 'parked' }] },
      completed: { type: 'final' },
      failed: { type: 'final' },
      parked: parked(
        {
          notification: 'cancellingNotification',
          shipping: 'cancellingShipping',
          payment: 'refundingPayment',
          inventory: 'releasingInventory',
          order: 'cancellingOrder',
        },
        { skipped: 'undone' },
      ),
    },
  });

  const definition = { id: 'order', version: '1', machine, steps, policies, secrets: ['payment.token'] };
  return deadlineMs === undefined ? definition : { ...definition, deadlineMs };
}

/** An order saga's input: the order with the total that it costs. */
export function orderInput(order: Order): SagaInput {
  const amount = order.items.reduce((sum, item) => sum + item.quantity * item.unit_price, 0);
  return { data: { ...order, amount } };
}
