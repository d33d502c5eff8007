/** Inventory: real stock that runs out, reserved all or nothing, and comes back on release. */
import { z } from 'zod';
import { Book } from './book.ts';
import type { Means } from './means.ts';
import { createParticipant, done } from './participant.ts';
import { problem } from './wire.ts';

export interface Reservation {
  readonly reservation_id: string;
  readonly order_id: string;
  readonly product_id: string;
  readonly quantity: number;
  readonly status: 'RESERVED' | 'RELEASED';
}

/** Pieces available by product. */
export type Stock = Readonly<Record<string, number>>;

/** Enough of the plain products for any number of orders, and one that runs out at the fourth. */
const CATALOGUE: Stock = {
  widget: 1_000_000_000,
  gadget: 1_000_000_000,
  gizmo: 1_000_000_000,
  'limited-edition': 3,
};

const ReserveRequest = z.object({
  order_id: z.string().min(1).max(200),
  items: z
    .array(z.object({ product_id: z.string().min(1).max(200), quantity: z.int().positive() }))
    .min(1)
    .max(1000),
});

/** `stock` is laid over the catalogue. */
export function createInventory(means: Means, stock: Stock = {}) {
  const available = new Map(Object.entries({ ...CATALOGUE, ...stock }));
  const reservations = new Book<Reservation>();

  const move = (product_id: string, pieces: number) =>
    available.set(product_id, (available.get(product_id) ?? 0) + pieces);

  const whyNot = (items: z.output<typeof ReserveRequest>['items']) => {
    const requested = new Map<string, number>();
    for (const { product_id, quantity } of items) {
      requested.set(product_id, (requested.get(product_id) ?? 0) + quantity);
    }
    const products = [...requested].map(([product_id, pieces]) => ({
      product_id,
      requested: pieces,
      available: available.get(product_id),
    }));
    const unknown = products.filter((product) => product.available === undefined);
    if (unknown.length > 0) {
      const product_ids = unknown.map(({ product_id }) => product_id);
      return problem(
        422,
        'unknown-product',
        'Unknown product',
        'The catalogue lacks a product of this order.',
        {
          product_ids,
        },
      );
    }
    const shortages = products.filter((product) => product.requested > (product.available ?? 0));
    if (shortages.length === 0) return null;
    return problem(409, 'out-of-stock', 'Out of stock', 'There is too little of a product of this order.', {
      shortages,
    });
  };

  return createParticipant(
    {
      service: 'inventory',
      action: {
        path: '/api/inventory/reserve',
        accepts: ReserveRequest,
        perform({ order_id, items }) {
          const refusal = whyNot(items);
          if (refusal !== null) return refusal;
          const reserved = items.map(({ product_id, quantity }): Reservation => {
            move(product_id, -quantity);
            const reservation_id = means.newId('res_');
            return reservations.put(reservation_id, {
              reservation_id,
              order_id,
              product_id,
              quantity,
              status: 'RESERVED',
            });
          });
          const facts = reserved.map(({ reservation_id, product_id, quantity }) => ({
            reservation_id,
            product_id,
            quantity,
          }));
          return done({ reservations: facts, order_id, status: 'RESERVED' });
        },
      },
      compensation: {
        path: '/api/inventory/release',
        undo({ reservations: reserved }: { readonly reservations: readonly Reservation[] }) {
          for (const { reservation_id, product_id, quantity } of reserved) {
            move(product_id, quantity);
            reservations.change(reservation_id, { status: 'RELEASED' });
          }
          return {
            status: 'released',
            reservation_ids: reserved.map(({ reservation_id }) => reservation_id),
          };
        },
      },
      collection: { path: '/api/inventory/reservations', name: 'reservations', book: reservations },
      facts: {
        '/api/inventory/stock': () => ({
          stock: [...available].map(([product_id, pieces]) => ({ product_id, available: pieces })),
        }),
      },
      books: { reservations, available: available as ReadonlyMap<string, number> },
    },
    means,
  );
}
