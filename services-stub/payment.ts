/** Payments: captured, declined by token, and refunded once, by no more than was taken. */
import { z } from 'zod';
import { Book } from './book.ts';
import type { Means } from './means.ts';
import { createParticipant, done } from './participant.ts';
import { problem } from './wire.ts';

/** Carries no token: what a payment was made with must not be readable afterwards. */
export interface Payment {
  readonly payment_id: string;
  readonly order_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly refunded: number;
  readonly status: 'CAPTURED' | 'REFUNDED';
}

export interface Turnover {
  readonly captured: number;
  readonly refunded: number;
}

const PaymentRequest = z.object({
  order_id: z.string().min(1).max(200),
  amount: z.int().nonnegative(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  payment: z.object({ method: z.string().min(1).max(100), token: z.string().min(1).max(500) }),
});

const DECLINED_TOKEN = 'tok_declined';

export function createPayment(means: Means) {
  const payments = new Book<Payment>();
  const totals = new Map<string, Turnover>();

  const book = (currency: string, captured: number, refunded: number) => {
    const before = totals.get(currency) ?? { captured: 0, refunded: 0 };
    totals.set(currency, { captured: before.captured + captured, refunded: before.refunded + refunded });
  };

  return createParticipant(
    {
      service: 'payment',
      action: {
        path: '/api/payments/process',
        accepts: PaymentRequest,
        perform({ order_id, amount, currency, payment: { method, token } }) {
          if (token === DECLINED_TOKEN) {
            return problem(402, 'payment-declined', 'Payment declined', 'The issuer declined this payment.');
          }
          book(currency, amount, 0);
          const payment_id = means.newId('pay_');
          const payment = payments.put(payment_id, {
            payment_id,
            order_id,
            amount,
            currency,
            method,
            refunded: 0,
            status: 'CAPTURED',
          });
          return done({ ...payment });
        },
      },
      compensation: {
        path: '/api/payments/refund',
        undo({ payment_id, amount, currency }: Payment) {
          book(currency, 0, amount);
          payments.change(payment_id, { refunded: amount, status: 'REFUNDED' });
          return { status: 'refunded', payment_id, refunded: amount, currency };
        },
      },
      collection: { path: '/api/payments', name: 'payments', book: payments },
      facts: { '/api/payments/totals': () => ({ totals: Object.fromEntries(totals) }) },
      books: { payments, totals: totals as ReadonlyMap<string, Turnover> },
    },
    means,
  );
}
