/** The services' own books, which know orders and no sagas: what each service holds of each order. */
import type { ServiceName } from '../../services-stub/participant.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import type { World } from '../coordinator/world.ts';
import { numberOf, QUANTITY } from './clients.ts';

export type Holding = Record<ServiceName, number>;

export interface Books {
  /** Of an order as the client placed it, how many effects of each service stand. */
  holding(order: number): Holding;
  /** Ids of orders that stand. */
  readonly standingIds: ReadonlySet<string>;
  readonly problems: readonly string[];
}

const NOTHING: Holding = { order: 0, inventory: 0, payment: 0, shipping: 0, notification: 0 };

export function readBooks({ order, inventory, payment, shipping, notification }: World['services']): Books {
  const problems: string[] = [];
  const numbers = new Map<string, number>();
  const holdings = new Map<number, Holding>();
  const standingIds = new Set<string>();

  const note = (service: ServiceName, orderId: string, stands: boolean) => {
    const number = numbers.get(orderId);
    if (number === undefined) {
      problems.push(`the books of ${service} know order ${orderId}, those of order do not`);
      return;
    }
    const holding = holdings.get(number) ?? { ...NOTHING };
    holdings.set(number, holding);
    if (stands) holding[service] += 1;
  };

  for (const { order_id, items, status } of order.books.orders.values()) {
    numbers.set(order_id, numberOf((items[0] as { unit_price: number }).unit_price));
    note('order', order_id, status === 'CREATED');
    if (status === 'CREATED') standingIds.add(order_id);
  }
  let pieces = 0;
  for (const { order_id, quantity, status } of inventory.books.reservations.values()) {
    note('inventory', order_id, status === 'RESERVED');
    if (status === 'RESERVED') pieces += quantity;
  }
  let money = 0;
  for (const { order_id, amount, refunded, status } of payment.books.payments.values()) {
    note('payment', order_id, status === 'CAPTURED');
    money += amount - refunded;
    if (refunded !== (status === 'CAPTURED' ? 0 : amount))
      problems.push(`of the payment for ${order_id}, ${status}, ${refunded} of ${amount} was refunded`);
  }
  for (const { order_id, status } of shipping.books.shipments.values())
    note('shipping', order_id, status === 'SCHEDULED');
  for (const { order_id, status } of notification.books.notifications.values())
    note('notification', order_id, status === 'SENT');

  const holdingsAll = [...holdings.values()];
  const reservations = holdingsAll.reduce((sum, holding) => sum + holding.inventory, 0);
  if (pieces !== reservations * QUANTITY) problems.push(`${pieces} pieces for ${reservations} reservations`);
  const turnover = [...payment.books.totals.values()].reduce(
    (sum, { captured, refunded }) => sum + captured - refunded,
    0,
  );
  if (turnover !== money) problems.push(`the turnover says ${turnover}, the payments ${money}`);

  return { holding: (number) => holdings.get(number) ?? NOTHING, standingIds, problems };
}

/** One line for each service of which the books hold more or less of an order than its sagas say. */
export function compared(number: number, inBooks: Holding, bySagas: Holding): string[] {
  return SERVICE_NAMES.filter((name) => inBooks[name] !== bySagas[name]).map(
    (name) => `order ${number}: ${name} holds ${inBooks[name]}, its sagas say ${bySagas[name]}`,
  );
}
