/** What a standing says, read from its series. */
import type { Kind } from '../../../machines/index.ts';
import type { Minute } from '../../../stores/saga-store.ts';
import { ALL, heldSeries, parkedOf, partsOf, standingOf } from './series.ts';

export interface Stood {
  readonly atMs: number;
  readonly inFlight: number;
  /** The newest of them, of which the states tell. */
  readonly lookedAt: number;
  readonly states: readonly {
    readonly machine: string;
    readonly version: string;
    readonly state: string;
    readonly n: number;
  }[];
  readonly parked: readonly Pile[];
}

/** Sagas that one step has parked, whatever the errors. */
export interface Pile {
  readonly machine: string;
  /** `null` where the coordinator itself gave them up. */
  readonly step: string | null;
  readonly kind: Kind | null;
  readonly n: number;
  /** As of a cause: effects by kind, amounts by kind and unit. */
  readonly held: Readonly<Record<string, number>>;
}

/** Of the last of these minutes in which somebody has looked; `null` where nobody has. */
export function lastStood(minutes: readonly Minute[]): Stood | null {
  const standing = minutes.findLast((one) => one.standing !== undefined)?.standing;
  if (standing === undefined) return null;
  const { atMs, counts } = standing;
  const all = Object.entries(counts);
  return {
    atMs,
    inFlight: counts[ALL]?.in_flight ?? 0,
    lookedAt: counts[ALL]?.looked_at ?? 0,
    states: all.flatMap(([series, names]) => {
      const of = standingOf(series);
      if (of === null) return [];
      return Object.entries(names).map(([name, n]) => {
        return { machine: of.id, version: of.version, state: partsOf(name)[0] ?? '', n };
      });
    }),
    parked: all.flatMap(([series, names]) => {
      const machine = parkedOf(series);
      if (machine === null) return [];
      const held = Object.entries(counts[heldSeries(machine)] ?? {}).map(
        ([name, sum]) => [partsOf(name), sum] as const,
      );
      return Object.entries(names).map(([name, n]): Pile => {
        const [step = '', kind = ''] = partsOf(name);
        const own = held.filter(([parts]) => parts[0] === step && parts[1] === kind);
        return {
          machine,
          step: step || null,
          kind: kind === 'action' || kind === 'compensation' ? kind : null,
          n,
          held: Object.fromEntries(own.map(([parts, sum]) => [parts[2] ?? '', sum])),
        };
      });
    }),
  };
}
