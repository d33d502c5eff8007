/** What an act would come to for many sagas, by what parks them: asked of their machines, and of nothing else. */
import { DefinitionError, type RegisteredMachine } from '../../machines/index.ts';
import { stepIn } from '../../machines/parts.ts';
import { type Cause, causeOf, type Held, sumsOf } from '../../stores/saga-store.ts';
import { atOnce } from '../at-once.ts';
import type { Foreseen, ForeseenEnd, SagaEngine, SagaListing } from '../engine/contract.ts';
import type { BulkAct } from './bulk.ts';

/** Sagas whose machines are asked: each costs the store a read. */
const FORESEEN_MAX = 100;

type Sums = Readonly<Record<string, number>>;

export interface PreviewCall {
  readonly step: string;
  readonly kind: 'action' | 'compensation';
  readonly participant: string;
  readonly n: number;
}

export interface PreviewGroup {
  readonly machine: string;
  /** `null` where they are not parked. */
  readonly cause: Cause | null;
  readonly n: number;
  /** What they hold now, as parked sagas say. */
  readonly sums: Sums;
  /** Of how many of them it was foreseen what would come of it. */
  readonly foreseen: number;
  /** Of those, how many cannot be asked for it as they stand. */
  readonly impossible: number;
  /** If all calls succeed. */
  readonly calls: readonly PreviewCall[];
  /** How many paths end how, see {@link ForeseenEnd}. */
  readonly ends: Readonly<Record<string, number>>;
  /** What would still be held then. */
  readonly left: Sums;
}

interface Asked {
  readonly engine: Pick<SagaEngine, 'whatIf'>;
  readonly machines: readonly RegisteredMachine[];
}

/** Throws StoreUnavailableError. */
export async function previewOf(
  { engine, machines }: Asked,
  sagas: readonly SagaListing[],
  act: BulkAct,
): Promise<PreviewGroup[]> {
  const participants = new Map(
    machines.flatMap(({ id, steps }) => steps.map(({ name, participant }) => [`${id} ${name}`, participant])),
  );
  const groups = new Map<string, SagaListing[]>();
  for (const saga of sagas) {
    const key = `${saga.machine.id} ${saga.status === 'ABORTED' ? (saga.cause ?? '') : saga.status}`;
    groups.set(key, [...(groups.get(key) ?? []), saga]);
  }
  // Of each group in turn, so that none is left out for a large one.
  const turns = [...groups.values()].flatMap((group) => group.map((saga, turn) => ({ saga, turn })));
  const looked = turns.sort((a, b) => a.turn - b.turn).slice(0, FORESEEN_MAX);
  const found = await atOnce(
    looked,
    async ({ saga }) => [saga.id, await foreseenOf(engine, saga, act)] as const,
  );
  const foreseen = new Map(found);
  return [...groups.values()].map((group) => {
    const machine = group[0]?.machine.id ?? '';
    const results = group.flatMap(({ id }) => (foreseen.has(id) ? [foreseen.get(id) ?? null] : []));
    const made = results.filter((one) => one !== null);
    const parked = group.flatMap((saga) => (saga.parked === null ? [] : [saga.parked]));
    return {
      machine,
      cause: parked[0] === undefined ? null : causeOf(parked[0]),
      n: group.length,
      sums: sumsOf(parked.flatMap(({ held }) => held)),
      foreseen: results.length,
      impossible: results.length - made.length,
      calls: callsIn(made, (step) => participants.get(`${machine} ${step}`) ?? ''),
      ends: counted(made.map(({ end }) => end)),
      left: sumsOf(made.flatMap(({ held }): readonly Held[] => held)),
    };
  });
}

/** `null` where it cannot be asked for it. */
async function foreseenOf(
  engine: Asked['engine'],
  { id }: SagaListing,
  act: BulkAct,
): Promise<Foreseen | null> {
  try {
    const result = await engine.whatIf(id, { ...act, by: 'operator', reason: 'what if' });
    return result.kind === 'foreseen' ? result.foreseen : null;
  } catch (error) {
    if (error instanceof DefinitionError) return null;
    throw error;
  }
}

function callsIn(all: readonly Foreseen[], participantOf: (step: string) => string): PreviewCall[] {
  const calls = new Map<string, PreviewCall>();
  for (const { address, kind, isUnderWay } of all.flatMap((one) => one.calls)) {
    if (isUnderWay) continue;
    const step = stepIn(address);
    const key = `${kind} ${step}`;
    calls.set(key, { step, kind, participant: participantOf(step), n: (calls.get(key)?.n ?? 0) + 1 });
  }
  return [...calls.values()];
}

function counted(names: readonly ForeseenEnd[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
