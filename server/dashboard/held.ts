/** What a saga still holds in the world, in words, and what an operator can do about it. */
import type { Answer, SagaContext, SagaData } from '../../machines/index.ts';
import type { Parked } from '../../stores/saga-store.ts';
import type { SagaView } from '../engine/contract.ts';
import { count, money } from './wording.ts';

export interface HeldEffect {
  readonly step: string;
  /** What is held: `EUR 25.00 was taken from the customer`. */
  readonly what: string;
  /** What the action had answered; `null` where no answer came, and the effect may not be there at all. */
  readonly answer: Answer | null;
  /** Why it could not be undone; `null` while that has not been tried, or goes on. */
  readonly why: string | null;
}

/** Effects of the steps that this machine's participants are known by; others are named by their step alone. */
const EFFECTS: Readonly<Record<string, (data: SagaData, answer: Answer) => string>> = {
  order: (data) => `The order ${textOf(data.order_id)} is open`,
  inventory: (data) => `${itemsOf(data)} reserved in stock`,
  payment: (data) => `${money(data.amount, data.currency) ?? 'The money'} was taken from the customer`,
  shipping: (data) => `A shipment is booked, tracking number ${textOf(data.tracking_number)}`,
  notification: () => 'The customer was notified',
};

/** In the order in which they were done. Ended sagas hold what they were meant to, or nothing. */
export function heldBy({
  status,
  steps,
  context,
  parked,
}: Pick<SagaView, 'status' | 'steps' | 'context' | 'parked'>) {
  if (status === 'COMPLETED' || status === 'FAILED') return [];
  const known = steps.length > 0 ? steps : Object.keys(context.answers);
  return known.flatMap((step): HeldEffect[] => {
    const failed = failedUndo(step, context, parked);
    const answer = context.answers[step] ?? null;
    if (context.undone.includes(step) || (answer === null && failed === null)) return [];
    return [{ step, what: effectOf(step, context.data, answer), answer, why: failed }];
  });
}

function failedUndo(step: string, { held }: SagaContext, parked: Parked | null): string | null {
  const all = [...(parked?.held ?? []), ...held];
  return all.find((one) => one.step === step)?.reason ?? null;
}

function effectOf(step: string, data: SagaData, answer: Answer | null): string {
  if (answer === null) return `The ${step} step got no answer, so its effect may be there or not`;
  return EFFECTS[step]?.(data, answer) ?? `The effect of step ${step} stands`;
}

/** The effects of many sagas in one line: `4 payments, 1 stock reservation`. */
export function heldTogether(held: ReadonlyMap<string, number>): string {
  return [...held]
    .map(([step, n]) =>
      count(n, NOUNS[step] ?? `effect of ${step}`, NOUNS[step] ? undefined : `effects of ${step}`),
    )
    .join(', ');
}

const NOUNS: Readonly<Record<string, string>> = {
  order: 'open order',
  inventory: 'stock reservation',
  payment: 'payment',
  shipping: 'shipment',
  notification: 'notification',
};

function itemsOf({ items }: SagaData): string {
  if (!Array.isArray(items) || items.length === 0) return 'Goods are';
  const named = items.slice(0, 3).map(({ quantity, product_id }) => `${quantity} × ${product_id}`);
  const more = items.length > 3 ? ` and ${items.length - 3} more` : '';
  return `${named.join(', ')}${more} ${items.length === 1 && items[0]?.quantity === 1 ? 'is' : 'are'}`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
