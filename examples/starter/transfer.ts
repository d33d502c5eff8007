/** A saga: money is taken from one account and put on another; where it cannot be put there, it is given back. */
import { defineSaga } from 'saga-coordinator';
import { z } from 'zod';

const text = z.string().min(1).max(200);

export const transfer = defineSaga({
  id: 'transfer',
  version: '1',
  input: z.strictObject({ transfer: text, from: text, to: text, cents: z.int().min(1) }),
  label: 'transfer',
})
  .step('debit', {
    at: 'bank',
    action: {
      path: '/debits',
      request: ({ from, cents }) => ({ account: from, cents }),
      answer: z.object({ debit: text }),
      gains: ({ debit }) => ({ debit }),
    },
    undo: { path: '/debits/undo' },
    ask: { path: '/debits/stands' },
    held: (_, { debit }) => `debit ${debit} stands`,
  })
  .step('credit', {
    at: 'bank',
    action: {
      path: '/credits',
      request: ({ to, cents }) => ({ account: to, cents }),
      answer: z.object({ credit: text }),
      gains: ({ credit }) => ({ credit }),
    },
    undo: { path: '/credits/undo' },
    ask: { path: '/credits/stands' },
    held: (_, { credit }) => `credit ${credit} stands`,
  });
