/** Parked sagas by what parked them: one fault of a participant parks many sagas, and is mended once. */
import type { Parked } from '../../stores/saga-store.ts';
import type { SagaListing } from '../engine/contract.ts';
import { normalised } from './wording.ts';

/** Parked sagas that are read to be grouped. */
export const PARKED_READ_MAX = 100;

export interface Cause {
  /** Names the group in a URL. */
  readonly key: string;
  /** Whose step it is: two machines may have steps of one name. */
  readonly machine: string;
  /** The step that could not be undone; `null` where the coordinator itself gave the saga up. */
  readonly step: string | null;
  readonly error: string;
  readonly sagas: readonly SagaListing[];
  /** How many effects of each step are held by all of them together. */
  readonly held: ReadonlyMap<string, number>;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** A saga that is held by several steps stands under the first of them. Largest group first. */
export function causesOf(parked: readonly SagaListing[]): Cause[] {
  const groups = new Map<string, SagaListing[]>();
  for (const saga of parked) {
    const key = keyOf(saga);
    groups.set(key, [...(groups.get(key) ?? []), saga]);
  }
  const causes = [...groups].map(([key, sagas]): Cause => {
    const times = sagas.map(({ updatedAtMs }) => updatedAtMs);
    const [machine = '', step = '', error = ''] = JSON.parse(key) as string[];
    return {
      key,
      machine,
      step: step === '' ? null : step,
      error,
      sagas,
      held: heldIn(sagas),
      firstSeenMs: Math.min(...times),
      lastSeenMs: Math.max(...times),
    };
  });
  return causes.sort((a, b) => b.sagas.length - a.sagas.length || b.lastSeenMs - a.lastSeenMs);
}

function heldIn(sagas: readonly SagaListing[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { step } of sagas.flatMap(({ parked }) => parked?.held ?? [])) {
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  return counts;
}

/** Whether its own statechart had it wait for a person, and not whoever could not carry it on. */
export function isParkedByMachine({ reason }: Parked): boolean {
  return reason === 'compensation-incomplete' || reason === 'step-refused';
}

export function keyOf({ machine, parked }: SagaListing): string {
  // Where the coordinator gave it up, what it holds is not why.
  const held = parked !== null && isParkedByMachine(parked) ? parked.held[0] : undefined;
  const cause = held === undefined ? ['', parked?.reason ?? 'unknown'] : [held.step, normalised(held.reason)];
  return JSON.stringify([machine.id, ...cause]);
}
