/**
 * A return: it is opened and a courier is booked, then the parcel has thirty days to arrive. When it is there the money is paid
 * back, and behind that nothing is undone: what is left to do is repeated until it is done.
 */
import { z } from 'zod';
import { defineSaga } from './define.ts';

const id = z.string().min(1).max(200);

export const returns = defineSaga({
  id: 'returns',
  version: '1',
  input: z.strictObject({
    order_id: id,
    customer: id,
    items: z
      .array(z.strictObject({ product_id: id, quantity: z.int().min(1).max(1_000) }))
      .min(1)
      .max(100),
    amount: z.int().min(0).max(1_000_000_000),
    card: id,
  }),
  label: 'order_id',
  search: { customer: 'customer', return: 'return_id', refund: 'refund' },
  secrets: ['card'],
  deadline: '60 days',
})
  .step('return', {
    at: 'warehouse',
    action: {
      state: 'openingReturn',
      path: '/api/returns/open',
      request: ({ order_id, items }) => ({ order_id, items }),
      answer: z.looseObject({ return_id: id }),
      gains: ({ return_id }) => ({ return_id }),
    },
    undo: { state: 'closingReturn', path: '/api/returns/close' },
    ask: { path: '/api/stands' },
    held: (_, { return_id }) => `return ${return_id} is open`,
  })
  .step('courier', {
    at: 'carrier',
    action: {
      state: 'bookingCourier',
      path: '/api/couriers/book',
      request: ({ return_id, customer }) => ({ return_id, customer }),
      answer: z.looseObject({ parcel: id }),
      gains: ({ parcel }) => ({ parcel }),
    },
    undo: { state: 'payingCourier', none: 'a courier is paid also where nobody opens the door' },
    held: (_, { parcel }) => `the courier for parcel ${parcel} is paid`,
  })
  .waitFor('arrival', {
    within: '30 days',
    data: z.strictObject({ parcel: id, intact: z.boolean() }),
    refuses: ({ intact }) => (intact ? null : 'the parcel is broken'),
    late: 'undo',
  })
  .pivot('refund', {
    at: 'bank',
    action: {
      state: 'refundingCustomer',
      path: '/api/refunds/make',
      request: ({ return_id, amount, card }) => ({ return_id, amount, card }),
      answer: z.looseObject({ refund: id }),
      gains: ({ refund }) => ({ refund }),
    },
    held: ({ amount }, { refund }) => `${amount} was paid back as ${refund}`,
  })
  .step('restock', {
    at: 'warehouse',
    action: {
      state: 'restockingItems',
      path: '/api/stock/return',
      request: ({ return_id, items }) => ({ return_id, items }),
      answer: z.looseObject({}),
    },
  })
  .step('receipt', {
    at: 'bank',
    action: {
      state: 'sendingReceipt',
      path: '/api/receipts/send',
      request: ({ refund, customer }) => ({ refund, customer }),
      answer: z.looseObject({ receipt: id }),
      gains: ({ receipt }) => ({ receipt }),
    },
  });
