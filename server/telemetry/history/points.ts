/** The history as it is drawn and told: minutes added up to points, and what was counted in each of them. */
import type { Kind } from '../../../machines/index.ts';
import { HISTORY_MINUTES, type Minute, minuteAt } from '../../../stores/saga-store.ts';
import { DURATION_BUCKETS_MS } from '../../engine/contract.ts';
import { type CallSeries, callsOf, machineOf } from './series.ts';

/** So many at most, unless somebody wants them closer. */
const POINTS_MAX = 120;
const MINUTES_A_POINT = [1, 2, 5, 10, 15, 30, 60] as const;

export interface Span {
  /** Both included, as minutes since the epoch. */
  readonly from: number;
  readonly to: number;
  /** Minutes of a point. */
  readonly every: number;
}

/** What lies within two moments, as far as it is kept; points begin at round minutes, so that they do not shift with time. */
export function spanOf(sinceMs: number, untilMs: number, every?: number): Span {
  const to = minuteAt(untilMs);
  const first = Math.max(0, minuteAt(sinceMs), to - HISTORY_MINUTES + 1);
  const wide = every ?? MINUTES_A_POINT.find((one) => (to - first + 1) / one <= POINTS_MAX) ?? 60;
  return { from: Math.max(to - HISTORY_MINUTES + 1, first - (first % wide)), to, every: wide };
}

interface Measured {
  /** When the point begins, in milliseconds since the epoch. */
  readonly atMs: number;
  /** Half, or all but a twentieth, took at most so long; `null` of none, and of those that took longer than is told apart. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

export interface MachinePoint extends Measured {
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  readonly parked: number;
  /** Calls that were to be repeated. */
  readonly retries: number;
}

export interface CallPoint extends Measured {
  readonly done: number;
  readonly accepted: number;
  readonly refused: number;
  readonly retryable: number;
  readonly unknown: number;
  readonly retries: number;
}

export interface Points {
  /** By machine and then by time; points in which nothing was counted are left out. */
  readonly machines: readonly { readonly machine: string; readonly points: readonly MachinePoint[] }[];
  readonly calls: readonly (CallSeries & { readonly points: readonly CallPoint[] })[];
}

type Counts = Readonly<Record<string, number>>;
type ByPoint = Map<number, Record<string, number>>;

export function pointsOf(minutes: readonly Minute[], { every }: Pick<Span, 'every'>): Points {
  const summed = sumsOf(minutes, every);
  const calls = [...summed].flatMap(([series, byPoint]) => {
    const of = callsOf(series);
    return of === null ? [] : [{ of, byPoint }];
  });
  const machines = [...summed].flatMap(([series, byPoint]) => {
    const machine = machineOf(series);
    return machine === null ? [] : [{ machine, byPoint }];
  });
  const names = [
    ...new Set([...machines, ...calls.map(({ of }) => of)].map(({ machine }) => machine)),
  ].sort();
  return {
    machines: names.map((machine) => {
      const own = machines.find((one) => one.machine === machine)?.byPoint ?? new Map();
      const retries = calls.filter(({ of }) => of.machine === machine).map(({ byPoint }) => byPoint);
      const at = [...new Set([own, ...retries].flatMap((one) => [...one.keys()]))].sort((a, b) => a - b);
      const points = at.map((point) =>
        machinePoint(
          point,
          own.get(point) ?? {},
          retries.reduce((sum, one) => sum + (one.get(point)?.retries ?? 0), 0),
        ),
      );
      return { machine, points };
    }),
    calls: calls
      .map(({ of, byPoint }) => ({
        ...of,
        points: inOrder(byPoint).map(([at, counts]) => callPoint(at, counts)),
      }))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)),
  };
}

/** What was counted in all minutes together, by series. */
export function totalsOf(minutes: readonly Minute[]): ReadonlyMap<string, Counts> {
  return new Map(
    [...sumsOf(minutes, Number.MAX_SAFE_INTEGER)].map(([series, of]) => [series, of.get(0) ?? {}]),
  );
}

export interface KindCalls {
  readonly all: CallPoint;
  readonly points: readonly CallPoint[];
}

export const noCalls: KindCalls = { all: callPoint(0, {}), points: [] };

/** Calls by participant, of whatever machines and steps. */
export function participantsOf(
  minutes: readonly Minute[],
  { every }: Pick<Span, 'every'>,
): ReadonlyMap<string, Readonly<Record<Kind, KindCalls>>> {
  const own = minutes.map(({ minute, counts }) => {
    const all: Record<string, Record<string, number>> = {};
    for (const [series, names] of Object.entries(counts)) {
      const of = callsOf(series);
      if (of === null) continue;
      const key = `${of.kind} ${of.participant}`;
      const sums = all[key] ?? {};
      all[key] = sums;
      for (const [name, n] of Object.entries(names)) sums[name] = (sums[name] ?? 0) + n;
    }
    return { minute, counts: all };
  });
  const [points, totals] = [sumsOf(own, every), totalsOf(own)];
  const callsOfKind = (kind: Kind, name: string): KindCalls => ({
    all: callPoint(0, totals.get(`${kind} ${name}`) ?? {}),
    points: inOrder(points.get(`${kind} ${name}`) ?? new Map()).map(([at, counts]) => callPoint(at, counts)),
  });
  const names = new Set([...totals.keys()].map((key) => key.slice(key.indexOf(' ') + 1)));
  return new Map(
    [...names].map((name) => [
      name,
      { action: callsOfKind('action', name), compensation: callsOfKind('compensation', name) },
    ]),
  );
}

function sumsOf(minutes: readonly Minute[], every: number): Map<string, ByPoint> {
  const all = new Map<string, ByPoint>();
  for (const { minute, counts } of minutes) {
    const point = minute - (minute % every);
    for (const [series, names] of Object.entries(counts)) {
      const byPoint = all.get(series) ?? new Map<number, Record<string, number>>();
      all.set(series, byPoint);
      const sums = byPoint.get(point) ?? {};
      byPoint.set(point, sums);
      for (const [name, n] of Object.entries(names)) sums[name] = (sums[name] ?? 0) + n;
    }
  }
  return all;
}

function inOrder(byPoint: ByPoint): [number, Counts][] {
  return [...byPoint].sort(([a], [b]) => a - b);
}

function orderOf({ machine, participant, step, kind }: CallSeries): string {
  return [machine, participant, step, kind].join('\n');
}

function machinePoint(minute: number, counts: Counts, retries: number): MachinePoint {
  const took = (status: string) => bucketsIn(counts, `${status}.`);
  const undone = took('FAILED');
  const durations = took('COMPLETED').map((n, index) => n + (undone[index] ?? 0));
  return {
    ...measured(minute, durations),
    started: counts.started ?? 0,
    completed: counts.COMPLETED ?? 0,
    failed: counts.FAILED ?? 0,
    parked: counts.ABORTED ?? 0,
    retries,
  };
}

/** What was counted of calls, whatever time it was in. */
export function callPoint(minute: number, counts: Counts): CallPoint {
  const { done = 0, accepted = 0, refused = 0, retryable = 0, unknown = 0, retries = 0 } = counts;
  return { ...measured(minute, bucketsIn(counts, '')), done, accepted, refused, retryable, unknown, retries };
}

export function callsIn({ done, accepted, refused, retryable, unknown }: CallPoint): number {
  return done + accepted + refused + retryable + unknown;
}

/** Calls that no answer came to, or one that said that it may be tried again. A refusal is an answer. */
export function failedIn({ retryable, unknown }: CallPoint): number {
  return retryable + unknown;
}

function measured(minute: number, buckets: readonly number[]): Measured {
  return { atMs: minute * 60_000, p50Ms: quantile(buckets, 0.5), p95Ms: quantile(buckets, 0.95) };
}

function bucketsIn(counts: Counts, prefix: string): number[] {
  return [...DURATION_BUCKETS_MS, 'inf'].map((bound) => counts[`${prefix}${bound}`] ?? 0);
}

/** The upper bound of the bucket in which it lies: never too small. */
function quantile(buckets: readonly number[], q: number): number | null {
  const total = buckets.reduce((sum, n) => sum + n, 0);
  let below = 0;
  for (const [index, n] of buckets.entries()) {
    below += n;
    if (n > 0 && below >= q * total) return DURATION_BUCKETS_MS[index] ?? null;
  }
  return null;
}
