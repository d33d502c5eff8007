/** What the services hold, read off their books: after an order was undone, nothing of it may be left. */
import type { World } from './world.ts';

export interface Holdings {
  readonly orders: number;
  readonly reservedPieces: number;
  /** Captured and not refunded, in minor units. */
  readonly money: number;
  readonly shipments: number;
  readonly notifications: number;
}

export const NOTHING: Holdings = { orders: 0, reservedPieces: 0, money: 0, shipments: 0, notifications: 0 };

export function holdings({ order, inventory, payment, shipping, notification }: World['services']): Holdings {
  const totals = [...payment.books.totals.values()];
  return {
    orders: count(order.books.orders.values(), 'CREATED'),
    reservedPieces: [...inventory.books.reservations.values()]
      .filter(({ status }) => status === 'RESERVED')
      .reduce((sum, { quantity }) => sum + quantity, 0),
    money: totals.reduce((sum, { captured, refunded }) => sum + captured - refunded, 0),
    shipments: count(shipping.books.shipments.values(), 'SCHEDULED'),
    notifications: count(notification.books.notifications.values(), 'SENT'),
  };
}

function count(entries: Iterable<{ readonly status: string }>, status: string): number {
  return [...entries].filter((entry) => entry.status === status).length;
}
