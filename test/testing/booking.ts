/** A small saga as a user would write it, and the same with a fault of each kind. */
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';

const flight = {
  at: 'airline',
  action: {
    path: '/flights',
    request: ({ to }: { to: string }) => ({ to }),
    answer: z.object({ booking: z.string().min(1), price: z.int().min(1) }),
    gains: ({ booking, price }: { booking: string; price: number }) => ({ flight: booking, fare: price }),
  },
  undo: { path: '/flights/cancel' },
} as const;
const payment = {
  at: 'bank',
  action: {
    path: '/charges',
    request: ({ fare }: { fare: number }) => ({ amount: fare }),
    answer: z.object({ charge: z.string().min(1) }),
    gains: ({ charge }: { charge: string }) => ({ charge }),
  },
  undo: { path: '/refunds' },
} as const;
const parcel = {
  at: 'post',
  action: { path: '/parcels', request: ({ to }: { to: string }) => ({ to }), answer: z.looseObject({}) },
  undo: { path: '/parcels/recall' },
} as const;
const letter = { ...parcel, undo: { unneeded: 'nobody counts them' } } as const;

const start = () =>
  defineSaga({ id: 'booking', version: '1', input: z.strictObject({ to: z.string().min(1) }) });

export const booking = start()
  .step('flight', flight)
  .waitFor('approval', {
    within: '3 days',
    data: z.strictObject({ by: z.string().min(1), ok: z.boolean() }),
    refuses: ({ ok, by }) => (ok ? null : `refused by ${by}`),
    late: 'undo',
  })
  .step('payment', payment)
  .step('parcel', parcel);

/** What goes out before it is paid for. */
export const shipsFirst = start().step('flight', flight).step('parcel', letter).step('payment', payment);

/** A branch that reads what the other one gains. */
export const readsTooEarly = start().parallel('both', {
  flight: (b) => b.step('flight', flight),
  payment: (b) => b.step('payment', payment as never),
});

let asked = 0;
/** A request that is another each time. */
export const asksAnew = start().step('flight', {
  ...flight,
  action: {
    ...flight.action,
    request: () => {
      asked += 1;
      return { asked };
    },
  },
});
