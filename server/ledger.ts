/** What parked sagas hold, added up from what the store counts by cause: nothing of it is looked for saga by saga. */
import type { RegisteredMachine } from '../machines/index.ts';
import { type CauseCount, isCurrency, moneyFirst, sumIn } from '../stores/saga-store.ts';

/** Effects of one kind, or amounts of one kind in one currency or unit. */
export interface LedgerTotal {
  readonly kind: string;
  /** `null` where effects are counted. */
  readonly unit: string | null;
  /** Of money, in minor units. */
  readonly amount: number;
}

export interface LedgerCause extends CauseCount {
  /** Who could not do it, or undo it; `null` where the coordinator itself gave the sagas up, or does not know their machine. */
  readonly participant: string | null;
}

export interface LedgerParticipant {
  readonly name: string | null;
  readonly sagas: number;
  readonly sums: CauseCount['sums'];
}

export interface Ledger {
  readonly sagas: number;
  /** Money first. */
  readonly totals: readonly LedgerTotal[];
  /** Money first. */
  readonly causes: readonly LedgerCause[];
  /** By whose failures it is held, the most sagas first. */
  readonly participants: readonly LedgerParticipant[];
}

/** Of which causes it is; all are unless said. */
export interface LedgerFilter {
  readonly kind?: string | undefined;
  readonly participant?: string | undefined;
}

export function ledgerOf(
  counted: readonly CauseCount[],
  machines: readonly RegisteredMachine[],
  { kind, participant }: LedgerFilter = {},
): Ledger {
  const participants = new Map(
    machines.flatMap(({ id, steps }) => steps.map(({ name, participant: of }) => [`${id} ${name}`, of])),
  );
  const causes = moneyFirst(counted)
    .map((cause) => ({ ...cause, participant: participants.get(`${cause.machine} ${cause.step}`) ?? null }))
    .filter((cause) => kind === undefined || (cause.sums[kind] ?? 0) > 0)
    .filter((cause) => participant === undefined || cause.participant === participant);
  const totals = Object.entries(added(causes))
    .map(([name, amount]) => ({ ...sumIn(name), amount }))
    .filter(({ amount }) => amount > 0);
  const named = new Map<string | null, LedgerCause[]>();
  for (const cause of causes) named.set(cause.participant, [...(named.get(cause.participant) ?? []), cause]);
  return {
    sagas: sagasIn(causes),
    totals: totals.sort((a, b) => rank(a) - rank(b) || b.amount - a.amount || (a.kind < b.kind ? -1 : 1)),
    causes,
    participants: [...named]
      .map(([name, some]) => ({ name, sagas: sagasIn(some), sums: added(some) }))
      .sort((a, b) => b.sagas - a.sagas),
  };
}

/** Money, then other amounts, then effects. */
function rank({ unit }: LedgerTotal): number {
  if (unit === null) return 2;
  return isCurrency(unit) ? 0 : 1;
}

function sagasIn(causes: readonly CauseCount[]): number {
  return causes.reduce((sum, { n }) => sum + n, 0);
}

function added(causes: readonly CauseCount[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, n] of causes.flatMap(({ sums: some }) => Object.entries(some)))
    sums[name] = (sums[name] ?? 0) + n;
  return sums;
}
