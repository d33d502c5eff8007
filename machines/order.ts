/**
 * The order saga: five services, each with the call that undoes it. Read the states from top to bottom: down
 * the left side everything goes well, and every step that fails enters the right side at its own compensation.
 */
import { z } from 'zod';
import type { SagaDefinition } from './registered.ts';
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

/** A text of at most so many characters: code points, as JSON Schema counts them. */
function text(most: number, least = 1) {
  return z
    .string()
    .min(least)
    .refine(
      (value) => value.length <= most || (value.length <= 2 * most && [...value].length <= most),
      `Too big: at most ${most} characters`,
    )
    .meta({ maxLength: most });
}

/** Digits that pass the Luhn check and are as long as a card number: a token must never be the number itself. */
function looksLikeCardNumber(token: string): boolean {
  const digits = token.replace(/[\s._/-]/g, '');
  if (!/^\d{12,19}$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** A text that is kept, and shown to operators. */
function noCardNumber(most: number, least = 1) {
  return text(most, least)
    .refine((found) => !looksLikeCardNumber(found), 'must be a token, not a card number')
    .meta({ maxLength: most });
}

const METADATA_MAX = 50;

/** The parts of an order that have a shape of their own. */
export const orderParts = {
  item: z.strictObject({
    product_id: text(200),
    quantity: z.int().min(1).max(1_000_000).meta({ format: 'int32' }),
    unit_price: z
      .int()
      .min(0)
      .max(1_000_000_000)
      .meta({ format: 'int64', description: 'Minor units of the currency.' }),
  }),
  payment: z.strictObject({
    method: noCardNumber(100),
    token: noCardNumber(500).meta({
      maxLength: 500,
      description: 'Of a payment provider, never a card number.',
    }),
  }),
  address: z.strictObject({
    name: text(200),
    line1: text(200),
    line2: text(200).optional(),
    city: text(200),
    region: text(200).optional(),
    postal_code: text(40),
    country: text(100),
  }),
};

/** What a client orders, as it is sent; of the same parts, which may have got names of their own. */
export function orderSchema({ item, payment, address }: typeof orderParts) {
  return z
    .strictObject({
      customer_id: text(200),
      items: z.array(item).min(1).max(500),
      currency: z
        .string()
        .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR')
        .meta({ minLength: 3, maxLength: 3 }),
      payment,
      shipping_address: address,
      metadata: z
        .record(text(100), noCardNumber(500, 0))
        .refine((entries) => Object.keys(entries).length <= METADATA_MAX, `at most ${METADATA_MAX} entries`)
        .meta({ maxProperties: METADATA_MAX, propertyNames: { minLength: 1, maxLength: 100 } })
        .optional(),
    })
    .refine(({ items }) => amountOf(items) <= Number.MAX_SAFE_INTEGER, {
      path: ['items'],
      error: 'the total is beyond what an integer can hold exactly',
    });
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
  ask: { path: '/api/stands' },
  held: (_, { order_id }) => `The order ${order_id} is open`,
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
  ask: { path: '/api/stands' },
  held: ({ items }) => ({
    says: `${goods(items)} reserved in stock`,
    kind: 'stock',
    amount: items.reduce((sum, { quantity }) => sum + quantity, 0),
    unit: 'items',
  }),
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
  ask: { path: '/api/stands' },
  held: ({ amount, currency }) => ({
    says: `${money(amount, currency)} was taken from the customer`,
    amount,
    currency,
  }),
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
  ask: { path: '/api/stands' },
  held: (_, { tracking_number }) => `A shipment is booked, tracking number ${tracking_number}`,
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
  ask: { path: '/api/stands' },
  held: () => 'The customer was notified',
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

  const definition = {
    id: 'order',
    version: '1',
    machine,
    steps,
    policies,
    input: orderSchema(orderParts).transform((order) => orderInput(order as Order).data),
    label: 'order_id',
    search: { customer: 'customer_id', payment: 'payment_id' },
    secrets: ['payment.token'],
    ids: ['order_id', 'payment_id', 'tracking_number', 'notification_id'],
    compensations: 'whole',
  } as const;
  return deadlineMs === undefined ? definition : { ...definition, deadlineMs };
}

/** An order saga's input: the order with the total that it costs. */
export function orderInput(order: Order): SagaInput {
  return { data: { ...order, amount: amountOf(order.items) } };
}

function amountOf(items: Order['items']): number {
  return items.reduce((sum, { quantity, unit_price }) => sum + quantity * unit_price, 0);
}

/** `2 × widget, 1 × gadget are`. */
function goods(items: Order['items']): string {
  const named = items.slice(0, 3).map(({ quantity, product_id }) => `${quantity} × ${product_id}`);
  const more = items.length > 3 ? ` and ${items.length - 3} more` : '';
  const isOne = items.length === 1 && items[0]?.quantity === 1;
  return `${named.join(', ')}${more} ${isOne ? 'is' : 'are'}`;
}

/** Minor units in the currency's own notation. */
function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}
