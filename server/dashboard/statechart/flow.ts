/** What the history says of one machine's statechart: how many stand in each state, how fast all go which way, and where they pile up. */

import type { RegisteredMachine } from '../../../machines/index.ts';
import { stepIn } from '../../../machines/parts.ts';
import type { Minute } from '../../../stores/saga-store.ts';
import { callPoint, totalsOf } from '../../telemetry/history/points.ts';
import { callsOf, moveOf, movesSeries } from '../../telemetry/history/series.ts';
import type { Pile, Stood } from '../../telemetry/history/stood.ts';
import { activeIn } from './active.ts';
import type { Chart, ChartNode } from './chart.ts';
import { START } from './layout.ts';
import { takenBetween } from './marks.ts';

export interface NodeFlow {
  /** Sagas in flight that stand there. */
  readonly standing: number;
  /** Sagas that came there within the time, for each minute of it. */
  readonly perMinute: number;
  /** Of its calls; `null` where there was none. */
  readonly p95Ms: number | null;
  /** Sagas that it has parked. */
  readonly parked: number;
  /** What these hold, as of a cause. */
  readonly held: Readonly<Record<string, number>>;
}

export interface Flow {
  /** By node; those of which nothing is known are left out. */
  readonly nodes: ReadonlyMap<string, NodeFlow>;
  /** How many took an edge, by its key. */
  readonly edges: ReadonlyMap<string, number>;
}

interface Known {
  readonly minutes: readonly Minute[];
  readonly stood: Stood | null;
  readonly parked: readonly Pile[];
}

export function flowOf(
  machine: RegisteredMachine,
  chart: Chart,
  { minutes, stood, parked }: Known,
  spanMinutes: number,
): Flow {
  const totals = totalsOf(minutes);
  const entered = new Map<string, number>();
  const edges = new Map<string, number>();
  const between = takenBetween(chart);
  for (const [name, n] of Object.entries(totals.get(movesSeries(machine)) ?? {})) {
    const move = moveOf(name);
    if (move === null) continue;
    const before = move.left.length === 0 ? [START] : move.left;
    const [from, to] = [nodesIn(chart, before), nodesIn(chart, move.entered)];
    for (const { id } of to.filter((node) => !from.includes(node))) add(entered, id, n);
    for (const key of between(from, to)) add(edges, key, n);
  }
  const calls = callsByNode(machine, totals);
  const standing = new Map<string, number>();
  for (const { machine: id, version, state, n } of stood?.states ?? []) {
    if (id !== machine.id || version !== machine.version) continue;
    for (const { node } of activeIn(chart, state)) if (node.kind !== 'frame') add(standing, node.id, n);
  }
  const own = parked.filter((pile) => pile.machine === machine.id);
  const nodes = chart.nodes.flatMap((node): [string, NodeFlow][] => {
    if (node.kind === 'start' || node.kind === 'frame') return [];
    const piles = own.filter((pile) => nodeOf(chart, pile) === node);
    const flow: NodeFlow = {
      standing: standing.get(node.id) ?? 0,
      perMinute: (entered.get(node.id) ?? 0) / spanMinutes,
      p95Ms: callPoint(0, calls.get(`${node.step} ${node.kind}`) ?? {}).p95Ms,
      parked: piles.reduce((sum, { n }) => sum + n, 0),
      held: piles.reduce(added, {}),
    };
    const isQuiet = flow.standing + flow.perMinute + flow.parked === 0 && flow.p95Ms === null;
    return isQuiet ? [] : [[node.id, flow]];
  });
  return { nodes: new Map(nodes), edges };
}

function callsByNode(
  { id }: RegisteredMachine,
  totals: ReadonlyMap<string, Readonly<Record<string, number>>>,
): Map<string, Record<string, number>> {
  const all = new Map<string, Record<string, number>>();
  for (const [series, counts] of totals) {
    const of = callsOf(series);
    if (of === null || of.machine !== id) continue;
    const key = `${of.step} ${of.kind}`;
    all.set(key, added(all.get(key) ?? {}, { held: counts }));
  }
  return all;
}

/** Where a pile is drawn: at the call that failed, and at the parked state where the coordinator itself gave up. */
function nodeOf({ nodes }: Chart, { step, kind }: Pile): ChartNode | undefined {
  const own =
    step === null ? undefined : nodes.find((node) => node.kind === kind && node.step === stepIn(step));
  return own ?? nodes.find((node) => node.kind === 'parked');
}

function nodesIn(chart: Chart, leaves: readonly string[]): ChartNode[] {
  if (leaves[0] === START) return chart.nodes.filter(({ id }) => id === START);
  return [...new Set(leaves.flatMap((leaf) => activeIn(chart, leaf).map(({ node }) => node)))];
}

function added(sums: Record<string, number>, { held }: { readonly held: Readonly<Record<string, number>> }) {
  const all = { ...sums };
  for (const [name, n] of Object.entries(held)) all[name] = (all[name] ?? 0) + n;
  return all;
}

function add(sums: Map<string, number>, key: string, n: number): void {
  sums.set(key, (sums.get(key) ?? 0) + n);
}
