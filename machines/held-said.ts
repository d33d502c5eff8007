/** What a step says of what stands of it: words for a person, and amounts that can be summed up over many sagas. */

export type HeldSaid = {
  /** `EUR 25.00 was taken`. */
  readonly says: string;
  /** What kind of thing it is; the step's name unless said. */
  readonly kind?: string;
} & (
  | { readonly amount?: never }
  /** Money, as a whole number of minor units, with its ISO 4217 code. */
  | { readonly amount: number; readonly currency: string; readonly unit?: never }
  /** Anything else that can be counted in whole numbers: `items`, `kg`. */
  | { readonly amount: number; readonly unit: string; readonly currency?: never }
);

/** As it is recorded: `unit` is a currency or any other word. */
export interface Said {
  readonly says?: string;
  readonly kind?: string;
  readonly amount?: number;
  readonly unit?: string;
}

const CURRENCY = /^[A-Z]{3}$/;
const NAME_MAX = 40;

/** What is of no use of it is left out: it is no more than words and sums, and no saga may fail for it. */
export function saidIn(held: unknown): Said {
  if (typeof held === 'string') return held === '' ? {} : { says: held };
  if (typeof held !== 'object' || held === null) return {};
  const { says, kind, amount, currency, unit } = held as Readonly<Record<string, unknown>>;
  const said = {
    ...(typeof says === 'string' && says !== '' && { says }),
    ...(isName(kind) && { kind }),
  };
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount) || amount < 0) return said;
  if (isName(currency) && CURRENCY.test(currency)) return { ...said, amount, unit: currency };
  return isName(unit) && !CURRENCY.test(unit) ? { ...said, amount, unit } : said;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_MAX;
}
