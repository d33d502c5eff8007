/** One order, realistic answers to it, and the events that carry them: the material of the order saga's tests. */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import type {
  Answer,
  Call,
  CallPolicy,
  Outcome,
  Policies,
  SagaEvent,
  SagaSnapshot,
} from '../../machines/index.ts';
import { onlyCall, onlyWait, RegisteredMachine } from '../../machines/index.ts';
import { type Order, orderInput, orderSaga } from '../../machines/order.ts';

export const outcomes = ['done', 'refused', 'retryable', 'unknown'] as const satisfies readonly Outcome[];

export const stepNames = ['order', 'inventory', 'payment', 'shipping', 'notification'] as const;

export const placed: Order = {
  customer_id: 'cus-7',
  items: [
    { product_id: 'sku-tea', quantity: 2, unit_price: 1250 },
    { product_id: 'sku-pot', quantity: 1, unit_price: 4999 },
  ],
  currency: 'EUR',
  payment: { method: 'card', token: 'tok_visa' },
  shipping_address: {
    name: 'A. Turing',
    line1: '1 Mill Road',
    city: 'Cambridge',
    postal_code: 'CB1',
    country: 'GB',
  },
};

/** What each participant answers to its action; each says more than the saga asks for. */
export const answers: Readonly<Record<string, Answer>> = {
  order: { order_id: 'ord-1', status: 'PENDING' },
  inventory: { reservations: [{ reservation_id: 'res-1' }, { reservation_id: 'res-2' }], status: 'RESERVED' },
  payment: { payment_id: 'pay-1', captured: 7499 },
  shipping: { tracking_number: 'trk-1', carrier: 'post' },
  notification: { notification_id: 'ntf-1', channel: 'mail' },
};

/** Midnight, so that a time that was added to it is easily read off. */
export const at = Date.UTC(2026, 0, 1);

const usual: CallPolicy = { timeoutMs: 2_000, attemptsMax: 1, backoffMs: 100, backoffMaxMs: 1_000 };

/** The same policy for all calls. One attempt unless told otherwise: then nothing ever waits. */
export function everywhere(policy: Partial<CallPolicy> = {}): Policies {
  return () => ({ ...usual, ...policy });
}

export function orderMachine(policies: Policies = everywhere()): RegisteredMachine {
  return new RegisteredMachine(orderSaga(policies));
}

export function begun(machine: RegisteredMachine): SagaSnapshot {
  return machine.begin({ data: { ...orderInput(placed).data } });
}

export function callIn(machine: RegisteredMachine, snapshot: SagaSnapshot): Call {
  const asks = machine.asks(snapshot);
  const call = onlyCall(asks);
  if (call === null) throw new Error(`the saga asks for ${asks.kind}, not for a call`);
  return call;
}

/** The event with which the call ends; an error text names the call, so that a reason shows whose it is. */
export function eventOf(
  outcome: Outcome,
  { step, kind }: Pick<Call, 'step' | 'kind'>,
  over: { random?: number; retryAfterMs?: number | null } = {},
): SagaEvent {
  const error = `${step} ${kind} ${outcome}`;
  switch (outcome) {
    case 'done':
      return { type: 'done', at, answer: (kind === 'action' && answers[step]) || { status: 'UNDONE' } };
    case 'refused':
      return { type: 'refused', at, error };
    default:
      return { type: outcome, at, error, random: 0.5, retryAfterMs: null, ...over };
  }
}

/** Answers one pending call after the other, and lets no wait last. */
export function drive(
  machine: RegisteredMachine,
  given: readonly Outcome[],
  from: SagaSnapshot = begun(machine),
): SagaSnapshot {
  return given.reduce((snapshot, outcome) => {
    const due =
      onlyWait(machine.asks(snapshot)) !== null ? machine.next(snapshot, { type: 'due', at }) : snapshot;
    return machine.next(due, eventOf(outcome, callIn(machine, due)));
  }, from);
}

/** Has XState forget what a state of the order does with an answer, of which its configuration still speaks. */
export function forgetAnswer({ root }: AnyStateMachine, state = 'processingPayment'): void {
  const calling = root.states[state]?.states.calling as AnyStateNode;
  const done = calling.transitions.get('done')?.at(-1) as { actions: readonly unknown[] };
  done.actions = [];
}
