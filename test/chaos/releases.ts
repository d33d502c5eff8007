/**
 * The order saga as release after release has it. In every other one the last step has other states, and each release brings a
 * fact; so a saga that is carried on by a later one is migrated, and its structure is another.
 */
import type { Migration, Policies, SagaDefinition } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { firstContext, statesOf } from '../../machines/step.ts';
import type { Sagas } from '../../server/assembly.ts';
import { ORDER_OUTLINE } from '../../server/config.ts';

/** States by release: those of odd ones are the order saga's own. */
const RENAMED = {
  sendingNotification: 'tellingCustomer',
  cancellingNotification: 'tellingCustomerOtherwise',
} as const;

interface Persisted {
  readonly value: string | Readonly<Record<string, unknown>>;
  readonly context: { readonly data: object };
}

export function releaseOf(release: number): Sagas {
  return ({ policiesOf, sagaDeadlineMs }) => [
    orderOf(release, policiesOf(ORDER_OUTLINE), sagaDeadlineMs ?? undefined),
  ];
}

function orderOf(release: number, policies: Policies, deadlineMs?: number): SagaDefinition {
  const definition =
    release % 2 === 1 ? orderSaga(policies, deadlineMs) : withOtherStates(policies, deadlineMs);
  const earlier = Array.from({ length: release - 1 }, (_, index) => index + 1);
  return {
    ...definition,
    version: String(release),
    migrations: earlier.map((from) => migration(from, release)),
  };
}

function migration(from: number, to: number): Migration {
  const names = Object.entries(RENAMED).map(([odd, even]) => (to % 2 === 0 ? [odd, even] : [even, odd]));
  const renamed = new Map(names as [string, string][]);
  const name = (state: string) => renamed.get(state) ?? state;
  return {
    from: String(from),
    migrate: (snapshot) => {
      const { value, context, ...rest } = snapshot as Persisted;
      const moved =
        typeof value === 'string'
          ? name(value)
          : Object.fromEntries(Object.entries(value).map(([state, inner]) => [name(state), inner]));
      return { ...rest, value: moved, context: { ...context, data: { ...context.data, release: to } } };
    },
  };
}

function withOtherStates(policies: Policies, deadlineMs?: number): SagaDefinition {
  const one = orderSaga(policies, deadlineMs);
  const { steps } = one;
  const [order, inventory, payment, shipping, notification] = steps;
  if (!order || !inventory || !payment || !shipping || !notification)
    throw new Error('the order saga changed');
  const { createMachine, forward, compensating, parked } = statesOf('order', steps, policies);
  const machine = createMachine({
    id: 'order',
    context: firstContext,
    initial: 'creatingOrder',
    states: {
      creatingOrder: forward(order, { done: 'reservingInventory', failed: 'cancellingOrder' }),
      reservingInventory: forward(inventory, { done: 'processingPayment', failed: 'releasingInventory' }),
      processingPayment: forward(payment, { done: 'schedulingShipping', failed: 'refundingPayment' }),
      schedulingShipping: forward(shipping, { done: 'tellingCustomer', failed: 'cancellingShipping' }),
      tellingCustomer: forward(notification, { done: 'completed', failed: 'tellingCustomerOtherwise' }),

      tellingCustomerOtherwise: compensating(notification, { next: 'cancellingShipping' }),
      cancellingShipping: compensating(shipping, { next: 'refundingPayment' }),
      refundingPayment: compensating(payment, { next: 'releasingInventory' }),
      releasingInventory: compensating(inventory, { next: 'cancellingOrder' }),
      cancellingOrder: compensating(order, { next: 'undone' }),

      undone: { always: [{ guard: 'nothingHeld', target: 'failed' }, { target: 'parked' }] },
      completed: { type: 'final' },
      failed: { type: 'final' },
      parked: parked(
        {
          notification: 'tellingCustomerOtherwise',
          shipping: 'cancellingShipping',
          payment: 'refundingPayment',
          inventory: 'releasingInventory',
          order: 'cancellingOrder',
        },
        { skipped: 'undone' },
      ),
    },
  });
  return { ...one, machine };
}
