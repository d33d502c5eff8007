/** The order's five steps, as the contenders that are not ours know them: paths, and what each action is sent. */
export type Data = Readonly<Record<string, unknown>>;

export interface PlainStep {
  readonly name: string;
  readonly action: string;
  readonly compensation: string;
  readonly request: (data: Data) => Data;
}

const only =
  (...fields: string[]) =>
  (data: Data): Data =>
    Object.fromEntries(fields.map((field) => [field, data[field]]));

export const actions: PlainStep[] = [
  {
    name: 'order',
    action: '/api/orders',
    compensation: '/api/orders/cancel',
    request: only('customer_id', 'items', 'currency', 'amount'),
  },
  {
    name: 'inventory',
    action: '/api/inventory/reserve',
    compensation: '/api/inventory/release',
    request: only('order_id', 'items'),
  },
  {
    name: 'payment',
    action: '/api/payments/process',
    compensation: '/api/payments/refund',
    request: only('order_id', 'amount', 'currency', 'payment'),
  },
  {
    name: 'shipping',
    action: '/api/shipping/schedule',
    compensation: '/api/shipping/cancel',
    request: only('order_id', 'items', 'shipping_address'),
  },
  {
    name: 'notification',
    action: '/api/notifications/send',
    compensation: '/api/notifications/cancel',
    request: only('order_id', 'customer_id', 'tracking_number'),
  },
];

/** What was done, backwards; the failed step first, since its call may have been received. */
export function undoing(done: readonly PlainStep[]): PlainStep[] {
  return [...done].reverse();
}

interface Item {
  readonly quantity: number;
  readonly unit_price: number;
}

/** What is known of an order before its first step: what was ordered, and what it comes to. */
export function begun(order: Data): Data {
  const items = order.items as readonly Item[];
  return {
    ...order,
    amount: items.reduce((sum, { quantity, unit_price }) => sum + quantity * unit_price, 0),
  };
}
