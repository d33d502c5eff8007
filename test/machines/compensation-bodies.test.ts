/** What a compensation carries: whose secrets, how many bytes, and what is left where that is too large for its participant. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Outcome, RegisteredMachine, SagaInput, SagaSnapshot } from '../../machines/index.ts';
import { nameOf, onlyWait } from '../../machines/index.ts';
import { orderInput } from '../../machines/order.ts';
import {
  answers,
  at,
  begun,
  callIn,
  drive,
  eventOf,
  everywhere,
  orderMachine,
  placed,
  stepNames,
} from './placed-order.ts';

const saga = orderMachine();
const done = (count: number) => Array<Outcome>(count).fill('done');

/** Refused by the last step; and by that step's compensations so far, which are undone one after the other. */
const undoing = (machine: RegisteredMachine, step: number, from: SagaSnapshot = begun(machine)) =>
  drive(machine, [...done(4), 'refused', ...done(4 - step)], from);
const tooLarge = (machine: RegisteredMachine, snapshot: SagaSnapshot) => {
  const { step } = callIn(machine, snapshot);
  const error = '413: too large';
  return machine.next(snapshot, {
    type: 'retryable',
    at,
    error,
    random: 0,
    retryAfterMs: null,
    tooLarge: step,
  });
};
const due = (machine: RegisteredMachine, snapshot: SagaSnapshot) =>
  machine.next(snapshot, { type: 'due', at });

it.each(stepNames.map((name, step) => [name, step] as const))(
  'the secret of a payment is in no call of %s but its own',
  (name, step) => {
    const calls = [drive(saga, done(step)), undoing(saga, step)];
    const narrow = due(saga, tooLarge(saga, undoing(saga, step)));
    for (const snapshot of [...calls, narrow])
      expect(JSON.stringify(callIn(saga, snapshot).body).includes('tok_visa')).toBe(name === 'payment');
  },
);

describe('a compensation that is too large for its participant', () => {
  const { customer_id, items, currency } = placed;
  const ids = { order_id: 'ord-1', payment_id: 'pay-1', tracking_number: 'trk-1' };
  const sent = [
    { customer_id, items, currency, amount: 7499 },
    { items },
    { amount: 7499, currency, payment: placed.payment },
    { items, shipping_address: placed.shipping_address },
  ];

  it.each(stepNames.slice(0, 4).map((name, step) => [name, step] as const))(
    'of %s is sent again at once with ids, what its action was sent, and what that answered',
    (name, step) => {
      const waiting = tooLarge(saga, undoing(saga, step));
      expect(onlyWait(saga.asks(waiting))?.until).toBe(at);
      // As another coordinator finds it, when this one ends in between.
      const restored = orderMachine().restore(saga.persist(waiting));
      const call = callIn(saga, due(saga, restored));
      expect(call).toMatchObject({ step: name, kind: 'compensation', attempt: 2, canShrink: false });
      expect(call.body).toStrictEqual({ ...ids, ...sent[step], original_response: answers[name] });
    },
  );

  it('is so for its own step alone, and for as long as the saga lasts', () => {
    const narrow = due(saga, tooLarge(saga, undoing(saga, 2)));
    const held = saga.next(narrow, eventOf('refused', callIn(saga, narrow)));
    expect(callIn(saga, held)).toMatchObject({ step: 'inventory', canShrink: true });
    const parked = drive(saga, ['done', 'done'], held);
    expect(nameOf(parked.value)).toBe('parked');
    const retried = saga.next(parked, { type: 'retry', at });
    expect(callIn(saga, retried)).toMatchObject({ step: 'payment', canShrink: false });
  });

  it('is sent again also where its attempts are spent, or somebody had cancelled the saga', () => {
    const single = orderMachine(everywhere({ attemptsMax: 1 }));
    expect(nameOf(tooLarge(single, undoing(single, 2)).value)).toBe('refundingPayment.waiting');
    const calling = drive(single, done(3));
    const cancelled = single.next(calling, { type: 'cancel', at, reason: 'no' });
    const undone = drive(single, ['done'], cancelled);
    expect(callIn(single, undone)).toMatchObject({ step: 'shipping', kind: 'compensation' });
    expect(nameOf(tooLarge(single, undone).value)).toBe('cancellingShipping.waiting');
  });
});

/** An order of 500 lines as the stub services answer it. */
function large(): SagaInput {
  const items = Array.from({ length: 500 }, (_, n) => ({
    product_id: `9b2f6c1e-7d34-4a58-8f10-${String(n).padStart(12, '0')}`,
    quantity: 2,
    unit_price: 1999,
  }));
  return { data: { ...orderInput({ ...placed, items }).data } };
}

it('docs/participants.md has the sizes of an order with 500 lines', () => {
  const { items } = large().data as { items: { product_id: string; quantity: number }[] };
  const hex = (n: number) => n.toString(16).padStart(20, '0');
  const order_id = `ord_${hex(1)}`;
  const given = [
    {
      order_id,
      ...large().data,
      payment: undefined,
      shipping_address: undefined,
      created_at: new Date(at),
      status: 'CREATED',
    },
    {
      reservations: items.map(({ product_id, quantity }, n) => ({
        reservation_id: `res_${hex(n)}`,
        product_id,
        quantity,
      })),
      order_id,
      status: 'RESERVED',
    },
    { payment_id: `pay_${hex(1)}`, order_id, status: 'CAPTURED', amount: 1_999_000, currency: 'EUR' },
    { tracking_number: `trk_${hex(1)}`, order_id, status: 'SCHEDULED' },
  ];
  const sizes = stepNames.slice(0, 4).map((name, step) => {
    let snapshot = saga.begin(large());
    for (const answer of given)
      snapshot = saga.next(snapshot, { type: 'done', at, answer: JSON.parse(JSON.stringify(answer)) });
    const whole = drive(saga, ['refused', ...done(4 - step)], snapshot);
    const bytes = (at: SagaSnapshot) => {
      const kilobytes = JSON.stringify(callIn(saga, at).body).length / 1000;
      return kilobytes.toFixed(kilobytes < 1 ? 1 : 0);
    };
    return `| ${name} | ${bytes(whole)} KB | ${bytes(due(saga, tooLarge(saga, whole)))} KB |`;
  });
  const docs = readFileSync('docs/participants.md', 'utf8');
  for (const row of sizes) expect(docs).toContain(row);
});
