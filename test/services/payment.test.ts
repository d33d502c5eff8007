import { describe, expect, it } from 'vitest';
import { createPayment } from '../../services-stub/payment.ts';
import { Caller } from './caller.ts';
import { participantSuite } from './participant-suite.ts';
import { simulatedMeans } from './simulated-means.ts';

const payment = { method: 'card', token: 'tok_visa' };
const request = { order_id: 'ord_1', amount: 2500, currency: 'EUR', payment };

participantSuite({
  service: 'payment',
  create: createPayment,
  request,
  idOf: ({ body }) => body.payment_id,
  idPattern: /^pay_/,
  refused: {
    request: { ...request, payment: { method: 'card', token: 'tok_declined' } },
    status: 402,
    type: 'payment-declined',
  },
  unfit: { request: { ...request, payment: { method: 'card' } }, pointer: '/payment/token' },
  listName: 'payments',
  heldStatus: 'CAPTURED',
  undoneStatus: 'REFUNDED',
  undoneAnswer: 'refunded',
});

describe('money', () => {
  const open = () => {
    const participant = createPayment(simulatedMeans());
    const caller = new Caller(participant);
    return { caller, totals: async () => (await caller.get('/api/payments/totals')).body.totals };
  };

  it('is captured by currency', async () => {
    const { caller, totals } = open();
    await caller.action(request, { saga: 'a' });
    await caller.action(request, { saga: 'b' });
    await caller.action({ ...request, currency: 'JPY', amount: 300 }, { saga: 'c' });
    expect(await totals()).toEqual({
      EUR: { captured: 5000, refunded: 0 },
      JPY: { captured: 300, refunded: 0 },
    });
  });

  it('is not taken when the payment is declined', async () => {
    const { caller, totals } = open();
    await caller.action({ ...request, payment: { method: 'card', token: 'tok_declined' } });
    expect(await totals()).toEqual({});
  });

  it('is refunded by what was taken, whatever the body asks for', async () => {
    const { caller, totals } = open();
    const { body } = await caller.action(request);
    const greedy = {
      ...request,
      amount: 999_999,
      currency: 'USD',
      original_response: { ...body, amount: 999_999 },
    };
    expect((await caller.compensate(greedy)).body).toMatchObject({ refunded: 2500, currency: 'EUR' });
    expect(await totals()).toEqual({ EUR: { captured: 2500, refunded: 2500 } });
  });

  it('is refunded once, however often and closely the refund is repeated', async () => {
    const { caller, totals } = open();
    await caller.action(request);
    await Promise.all(Array.from({ length: 5 }, () => caller.compensate(request)));
    expect(await totals()).toEqual({ EUR: { captured: 2500, refunded: 2500 } });
  });

  it('is captured once, however often and closely the payment is repeated', async () => {
    const { caller, totals } = open();
    await Promise.all(Array.from({ length: 5 }, () => caller.action(request)));
    expect(await totals()).toEqual({ EUR: { captured: 2500, refunded: 0 } });
  });

  it('is not refunded without a payment', async () => {
    const { caller, totals } = open();
    await caller.compensate({ ...request, payment_id: 'pay_1' });
    expect(await totals()).toEqual({});
  });

  it('leaves no token behind', async () => {
    const { caller } = open();
    await caller.action(request);
    for (const path of ['/api/payments', '/api/payments/pay_1', '/ledger', '/metrics']) {
      expect(JSON.stringify((await caller.get(path)).body)).not.toContain('tok_visa');
    }
  });
});
