/** The order saga as a later release may have it: the payment is taken before stock is reserved. */
import type { Policies, SagaDefinition } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { firstContext, statesOf } from '../../machines/step.ts';

export function orderSaga2(policies: Policies, deadlineMs?: number): SagaDefinition {
  const one = orderSaga(policies, deadlineMs);
  const [order, inventory, payment, shipping, notification] = one.steps;
  if (!order || !inventory || !payment || !shipping || !notification)
    throw new Error('the order saga changed');
  const steps = [order, payment, inventory, shipping, notification];
  const { createMachine, forward, compensating, parked } = statesOf('order', steps, policies);
  const machine = createMachine({
    id: 'order',
    context: firstContext,
    initial: 'creatingOrder',
    states: {
      creatingOrder: forward(order, { done: 'takingPayment', failed: 'cancellingOrder' }),
      takingPayment: forward(payment, { done: 'reservingInventory', failed: 'refundingPayment' }),
      reservingInventory: forward(inventory, { done: 'schedulingShipping', failed: 'releasingInventory' }),
      schedulingShipping: forward(shipping, { done: 'sendingNotification', failed: 'cancellingShipping' }),
      sendingNotification: forward(notification, { done: 'completed', failed: 'cancellingNotification' }),

      cancellingNotification: compensating(notification, { next: 'cancellingShipping' }),
      cancellingShipping: compensating(shipping, { next: 'releasingInventory' }),
      releasingInventory: compensating(inventory, { next: 'refundingPayment' }),
      refundingPayment: compensating(payment, { next: 'cancellingOrder' }),
      cancellingOrder: compensating(order, { next: 'undone' }),

      undone: { always: [{ guard: 'nothingHeld', target: 'failed' }, { target: 'parked' }] },
      completed: { type: 'final' },
      failed: { type: 'final' },
      parked: parked(
        {
          notification: 'cancellingNotification',
          shipping: 'cancellingShipping',
          inventory: 'releasingInventory',
          payment: 'refundingPayment',
          order: 'cancellingOrder',
        },
        { skipped: 'undone' },
      ),
    },
  });
  return { ...one, version: '2', machine, steps };
}

/** The participant calls of an order of this version that goes well. */
export const FORWARD_2 = ['order', 'payment', 'inventory', 'shipping', 'notification'].map(
  (step) => `${step} action`,
);
