/** Shipping: a shipment scheduled under a tracking number, cancelled when the saga fails. */
import { z } from 'zod';
import { Book } from './book.ts';
import type { Means } from './means.ts';
import { createParticipant, done } from './participant.ts';
import { problem } from './wire.ts';

export interface Shipment {
  readonly tracking_number: string;
  readonly order_id: string;
  readonly items: readonly object[];
  readonly country: string;
  readonly scheduled_at: string;
  readonly status: 'SCHEDULED' | 'CANCELLED';
}

const line = z.string().min(1).max(200);

const ShippingRequest = z.object({
  order_id: line,
  items: z
    .array(z.object({ product_id: line, quantity: z.int().positive() }))
    .min(1)
    .max(1000),
  shipping_address: z.object({
    name: line,
    line1: line,
    city: line,
    postal_code: line,
    country: z.string().regex(/^[A-Z]{2}$/),
  }),
});

/** ISO 3166 leaves XX to its users; here it is the country that nobody delivers to. */
const UNSERVED_COUNTRY = 'XX';

export function createShipping(means: Means) {
  const shipments = new Book<Shipment>();
  return createParticipant(
    {
      service: 'shipping',
      action: {
        path: '/api/shipping/schedule',
        accepts: ShippingRequest,
        perform({ order_id, items, shipping_address: { country } }) {
          if (country === UNSERVED_COUNTRY) {
            return problem(422, 'undeliverable', 'Undeliverable', 'No carrier serves this country.');
          }
          const tracking_number = means.newId('TRK').toUpperCase();
          const scheduled_at = new Date(means.clock.now()).toISOString();
          const shipment = shipments.put(tracking_number, {
            tracking_number,
            order_id,
            items,
            country,
            scheduled_at,
            status: 'SCHEDULED',
          });
          return done({ ...shipment });
        },
      },
      compensation: {
        path: '/api/shipping/cancel',
        undo({ tracking_number }: Shipment) {
          shipments.change(tracking_number, { status: 'CANCELLED' });
          return { status: 'cancelled', tracking_number };
        },
      },
      collection: { path: '/api/shipments', name: 'shipments', book: shipments },
      books: { shipments },
    },
    means,
  );
}
