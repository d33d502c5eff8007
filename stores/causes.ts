/**
 * What parked sagas are parked for: one fault of a participant parks many, and is mended once. A cause is made of what is
 * recorded when a saga parks, and counted by the store in the very write that parks it.
 */

type Counts = Readonly<Record<string, number>>;

/** As much of what is held as a cause is made of. */
interface Held {
  readonly step: string;
  readonly reason: string;
  readonly kind?: string;
  readonly amount?: number;
  readonly unit?: string;
}

interface Parked {
  readonly reason: string;
  readonly held: readonly Held[];
}

export interface Cause {
  /** The step that was refused, or that could not be undone; `null` where the coordinator itself gave the saga up. */
  readonly step: string | null;
  /** Whether the step could not be done, or not be undone. */
  readonly kind: 'action' | 'compensation' | null;
  /** Without what differs from saga to saga; `null` stands for all errors of the step that are too many to tell apart. */
  readonly error: string | null;
}

/** The parked sagas of one cause. */
export interface CauseCount extends Cause {
  /** Names it in a filter and in a URL. */
  readonly key: string;
  /** Id of the machine, in any version: two machines may have steps of one name. */
  readonly machine: string;
  readonly n: number;
  /** Since when there is one at all. */
  readonly firstMs: number;
  /** When one was parked last. */
  readonly lastMs: number;
  /** What they hold together: effects by kind (`payment`), and amounts by kind and currency or unit (`payment EUR`). */
  readonly sums: Counts;
}

/** A cause as a store counts it, for whatever machine. */
export interface Counted {
  /** The same for the same cause. */
  readonly digest: string;
  /** {@link Cause} as text, on one line: opaque to the store. */
  readonly about: string;
  /** What one saga holds. */
  readonly sums: Counts;
  /** Under which it is counted where there are too many causes. */
  readonly other: { readonly digest: string; readonly about: string };
}

const NAME_MAX = 40;
/** Of what one saga holds: an `each` over thousands of items has one kind. */
const SUMS_MAX = 40;

export function causeOf({ reason, held }: Parked): Cause {
  const kind = kindOf(reason);
  const [first] = held;
  // Where the coordinator gave it up, what it holds is not why.
  if (kind === null || first === undefined) return { step: null, kind: null, error: reason };
  return { step: stepIn(first.step), kind, error: normalised(first.reason) };
}

function kindOf(reason: string): Cause['kind'] {
  if (reason === 'compensation-incomplete') return 'compensation';
  return reason === 'step-refused' ? 'action' : null;
}

/** Whether its own statechart had it wait for a person, and not whoever could not carry it on. */
export function isParkedByMachine({ reason }: Pick<Parked, 'reason'>): boolean {
  return kindOf(reason) !== null;
}

export function countedOf(parked: Parked): Counted {
  const cause = causeOf(parked);
  const [about, other] = [textOf(cause), textOf({ ...cause, error: null })];
  return {
    digest: about,
    about,
    sums: sumsOf(parked.held),
    other: { digest: other, about: other },
  };
}

export function textOf({ step, kind, error }: Cause): string {
  return JSON.stringify([step, kind, error]);
}

/** One that cannot be read is told as it stands: its sagas are counted all the same. */
export function causeIn(text: string): Cause {
  try {
    const [step, kind, error] = JSON.parse(text) as (string | null)[];
    const known = kind === 'action' || kind === 'compensation' ? kind : null;
    return { step: step ?? null, kind: known, error: error ?? null };
  } catch {
    return { step: null, kind: null, error: text };
  }
}

/** What is held in numbers, as it was recorded. */
export function sumsOf(held: readonly Held[]): Counts {
  const sums = new Map<string, number>();
  const add = (name: string, n: number) => {
    const sum = (sums.get(name) ?? 0) + n;
    if (Number.isSafeInteger(sum) && (sums.has(name) || sums.size < SUMS_MAX)) sums.set(name, sum);
  };
  for (const { step, kind = stepIn(step), amount, unit, unknown } of held.map(withKnown)) {
    if (unknown) continue;
    add(plain(kind), 1);
    if (amount !== undefined && unit !== undefined) add(`${plain(kind)} ${plain(unit)}`, amount);
  }
  return Object.fromEntries(sums);
}

/** Of one nobody can tell what it holds, or it is said that nothing is held. */
function withKnown(held: Held): Held & { readonly unknown: boolean } {
  return { ...held, unknown: held.step === 'unknown' || held.step === 'none' };
}

/** What a sum is of: `payment EUR` is of kind `payment`, in `EUR`; `unit` is `null` where effects are counted. */
export function sumIn(name: string): { readonly kind: string; readonly unit: string | null } {
  const [kind = '', unit = null] = name.split(' ');
  return { kind, unit };
}

/** Whether an amount is of money: what it is in is named as ISO 4217 names currencies. */
export function isCurrency(unit: string): boolean {
  return /^[A-Z]{3}$/.test(unit);
}

/** Those that hold money, then those that park most, then the newest: amounts of two currencies cannot be compared. */
export function moneyFirst(causes: readonly CauseCount[]): CauseCount[] {
  const hasMoney = ({ sums }: CauseCount) =>
    Number(Object.entries(sums).some(([name, sum]) => sum > 0 && isCurrency(sumIn(name).unit ?? '')));
  return [...causes].sort(
    (a, b) => hasMoney(b) - hasMoney(a) || b.n - a.n || b.lastMs - a.lastMs || (a.key < b.key ? -1 : 1),
  );
}

function plain(name: string): string {
  return name.replace(/\s+/g, '-').slice(0, NAME_MAX) || '-';
}

/** The step of an address, which may be an item's: `step/item`. */
function stepIn(address: string): string {
  const [step = address] = address.split('/');
  return step;
}

/** An error with what differs from saga to saga taken out, so that the same fault reads the same. */
export function normalised(error: string): string {
  return error
    .replace(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/gi, '…')
    .replace(/\b[a-z]+_[\w-]{6,}\b/gi, '…')
    .replace(/\b[\da-f]{12,}\b/gi, '…')
    .replace(/\b(?!\d{3}\b)\d+(\.\d+)?\b/g, '#')
    .replace(/\s+/g, ' ')
    .slice(0, 300);
}
