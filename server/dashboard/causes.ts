/** What parks sagas, said to a person. */
import { type CauseCount, isCurrency, sumIn } from '../../stores/saga-store.ts';
import { listOf, words } from './wording.ts';

/** Causes that the overview shows. */
export const CAUSES_SHOWN_MAX = 30;

/** `Payment could not be undone`; of a saga that the coordinator gave up, why. */
export function titleOf({ step, kind, error }: Pick<CauseCount, 'step' | 'kind' | 'error'>): string {
  if (step === null || kind === null) return words(error ?? 'unknown');
  return `${words(step)} could not be ${kind === 'action' ? 'done' : 'undone'}`;
}

/** What sagas hold together, money first: `EUR 425.00 (17 × payment), 17 × stock (34 items)`; empty where nobody can tell. */
export function heldTogether(sums: CauseCount['sums']): string {
  const kinds = Object.entries(sums).filter(([name, n]) => sumIn(name).unit === null && n > 0);
  const all = kinds.map(([kind, n]) => {
    const amounts = Object.entries(sums).flatMap(([name, amount]) => {
      const { kind: of, unit } = sumIn(name);
      return of === kind && unit !== null && amount > 0 ? [{ unit, says: amountIn(amount, unit) }] : [];
    });
    const money = amounts.filter(({ unit }) => isCurrency(unit)).map(({ says }) => says);
    const others = amounts.filter(({ unit }) => !isCurrency(unit)).map(({ says }) => says);
    const counted = `${n.toLocaleString('en')} × ${kind}`;
    const more = others.length > 0 ? `${counted} (${others.join(', ')})` : counted;
    return { isMoney: money.length > 0, says: money.length > 0 ? `${listOf(money)} in ${more}` : more };
  });
  all.sort((a, b) => Number(b.isMoney) - Number(a.isMoney));
  return all.map(({ says }) => says).join('; ');
}

/** `EUR 25.00`, from minor units; `34 items`. */
export function amountIn(amount: number, unit: string): string {
  if (!isCurrency(unit)) return `${amount.toLocaleString('en')} ${unit}`;
  try {
    const format = new Intl.NumberFormat('en', {
      style: 'currency',
      currency: unit,
      currencyDisplay: 'code',
    });
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
    return format.format(amount / 10 ** digits).replace('\u00a0', ' ');
  } catch {
    return `${amount.toLocaleString('en')} ${unit}`;
  }
}
