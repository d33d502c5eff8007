/** Orders: created, and cancelled when the saga fails. */
import { z } from 'zod';
import { Book } from './book.ts';
import type { Means } from './means.ts';
import { createParticipant, done } from './participant.ts';
import { problem } from './wire.ts';

export interface Order {
  readonly order_id: string;
  readonly customer_id: string;
  readonly items: readonly object[];
  readonly amount: number;
  readonly currency: string;
  readonly created_at: string;
  readonly status: 'CREATED' | 'CANCELLED';
}

const OrderRequest = z.object({
  customer_id: z.string().min(1).max(200),
  items: z
    .array(
      z.object({
        product_id: z.string().min(1).max(200),
        quantity: z.int().positive(),
        unit_price: z.int().nonnegative(),
      }),
    )
    .min(1)
    .max(1000),
  currency: z.string().regex(/^[A-Z]{3}$/),
  amount: z.int().nonnegative(),
});

const BLOCKED_CUSTOMER = 'cust_blocked';

export function createOrder(means: Means) {
  const orders = new Book<Order>();
  return createParticipant(
    {
      service: 'order',
      action: {
        path: '/api/orders',
        accepts: OrderRequest,
        perform(request) {
          if (request.customer_id === BLOCKED_CUSTOMER) {
            return problem(
              409,
              'customer-blocked',
              'Customer blocked',
              'This customer may not place orders.',
            );
          }
          const order_id = means.newId('ord_');
          const created_at = new Date(means.clock.now()).toISOString();
          const order = orders.put(order_id, { order_id, ...request, created_at, status: 'CREATED' });
          return done({ ...order });
        },
      },
      compensation: {
        path: '/api/orders/cancel',
        undo({ order_id }: Order) {
          orders.change(order_id, { status: 'CANCELLED' });
          return { status: 'cancelled', order_id };
        },
      },
      collection: { path: '/api/orders', name: 'orders', book: orders },
      books: { orders },
    },
    means,
  );
}
