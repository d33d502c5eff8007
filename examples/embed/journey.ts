/** A saga: a flight is booked, then paid; where it cannot be paid, it is given back. */
import { defineSaga } from 'saga-coordinator';
import { z } from 'zod';

const text = z.string().min(1).max(200);

export const journey = defineSaga({
  id: 'journey',
  version: '1',
  input: z.strictObject({ to: text, card: text }),
  secrets: ['card'],
})
  .step('flight', {
    at: 'airline',
    action: {
      path: '/book',
      request: ({ to }) => ({ to }),
      answer: z.object({ flight: text, price: z.int() }),
      gains: ({ flight, price }) => ({ flight, price }),
    },
    undo: { path: '/undo' },
    held: (_, { flight }) => `flight ${flight} is booked`,
  })
  .step('payment', {
    at: 'bank',
    action: {
      path: '/pay',
      request: ({ price, card }) => ({ amount: price, card }),
      answer: z.object({ receipt: z.int() }),
      gains: ({ receipt }) => ({ receipt }),
    },
    undo: { path: '/undo' },
  });
