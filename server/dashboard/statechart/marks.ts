/** What a saga's log says about the states of its machine: where it stands, which way it came, what is still before it. */

import { stepIn } from '../../../machines/parts.ts';
import { leavesIn } from '../../../machines/structure.ts';
import type { NumberedEntry, SagaStatus } from '../../../stores/saga-store.ts';
import { activeIn, standingIn } from './active.ts';
import type { Chart, ChartNode } from './chart.ts';
import { START } from './layout.ts';
import { keyOf } from './tracks.ts';

export type NodeMark =
  /** Where the saga stands. */
  | 'current'
  | 'done'
  /** The action failed for good, and the undoing began. */
  | 'failed'
  /** The action was done, and undone later. */
  | 'reverted'
  /** The compensation was done, or skipped by an operator. */
  | 'undone'
  /** The compensation failed for good, or there is none: the effect of the action stands. */
  | 'held'
  /** Still to come, if nothing fails from here on. */
  | 'ahead';

export interface Marks {
  readonly nodes: ReadonlyMap<string, NodeMark>;
  /** Edges that were taken, as `from>to`. */
  readonly taken: ReadonlySet<string>;
  /** What stands beneath the names of the states in which it is, by their id. */
  readonly notes: ReadonlyMap<string, string>;
  readonly tone: 'running' | 'completed' | 'failed' | 'parked';
}

export const NO_MARKS: Marks = { nodes: new Map(), taken: new Set(), notes: new Map(), tone: 'running' };

/** `status` is the saga's after the last of the entries. */
export function marksOf(chart: Chart, log: readonly NumberedEntry[], status: SagaStatus): Marks {
  const nodes = new Map<string, NodeMark>();
  const taken = new Set<string>();
  const ways = waysOf(chart);
  const nodeOf = new Map(chart.nodes.map((node) => [node.id, node]));
  const start = chart.nodes.filter(({ id }) => id === START);
  const action = (step: string | null) =>
    chart.nodes.find((node) => node.kind === 'action' && node.step === step);
  const undo = (step: string | null) =>
    chart.nodes.find((node) => node.kind === 'compensation' && node.step === step);
  const setUndone = (node: ChartNode | undefined, isUndone: boolean) => {
    if (node === undefined) return;
    nodes.set(node.id, isUndone ? 'undone' : 'held');
    const forward = action(node.step);
    if (isUndone && forward && nodes.get(forward.id) === 'done') nodes.set(forward.id, 'reverted');
  };

  for (const { from, to, outcome, event, step: address } of log) {
    const before = from === null ? start : activeIn(chart, from).map(({ node }) => node);
    const after = activeIn(chart, to).map(({ node }) => node);
    const step = address === null ? null : stepIn(address);
    const left = before.filter((node) => !after.includes(node));
    const entered = after.filter((node) => !before.includes(node));
    for (const source of event === 'resolve' ? [] : left) {
      const isOwn = source.step !== null && source.step === step;
      const isOn = (isOwn && outcome === 'done') || goesOn(source, before, after, to);
      if (source.kind === 'compensation') setUndone(source, isOwn ? outcome === 'done' : isOn);
      else if (source.lane === 'there') nodes.set(source.id, isOn ? 'done' : 'failed');
      else if (source.kind === 'frame') nodes.set(source.id, 'undone');
    }
    for (const source of left) {
      for (const target of entered.filter(({ frame }) => frame === source.frame)) {
        for (const [a, b] of ways(source.id, target.id)) {
          taken.add(keyOf({ from: a, to: b }));
          const passed = a === source.id ? undefined : nodeOf.get(a);
          if (passed?.lane === 'there' && passed.kind !== 'choice') nodes.set(a, 'done');
          // What it is about was done, and stays.
          if (passed?.kind === 'kept' && nodes.get(action(passed.step)?.id ?? '') === 'done')
            nodes.set(a, 'held');
        }
      }
    }
    if (event === 'skip') setUndone(undo(step), true);
  }

  const last = log.at(-1);
  if (last === undefined) return NO_MARKS;
  const active = activeIn(chart, last.to);
  if (status === 'STARTED') {
    for (const id of aheadOf(
      chart,
      active.map(({ node }) => node),
      nodes,
    ))
      nodes.set(id, 'ahead');
  }
  for (const { node } of active) nodes.set(node.id, 'current');
  const notes = standingIn(chart, last.to).flatMap(({ node, inner }) => {
    const own = log.findLast(({ step }) => step !== null && stepIn(step) === node.step);
    const note = noteOf(node, inner, own === undefined ? 1 : attemptAfter(own));
    return note === null ? [] : [[node.id, note] as const];
  });
  return { nodes, taken, notes: new Map(notes), tone: toneOf(status) };
}

/** Whether what was left was left because it was done: for more of the same way, or for the end of its region. */
function goesOn(
  source: ChartNode,
  before: readonly ChartNode[],
  after: readonly ChartNode[],
  to: string,
): boolean {
  const { frame, lane } = source;
  const around = before.find(({ id }) => id === frame);
  if (around !== undefined && !after.includes(around)) return goesOn(around, before, after, to);
  if (around !== undefined) return !isStopped(source, to);
  return after.some((one) => one.lane === lane || one.kind === 'success');
}

/** In a branch that stops, others may go on. */
function isStopped({ id }: ChartNode, to: string): boolean {
  const region = id.slice(0, id.lastIndexOf('.'));
  return leavesIn(to).includes(`${region}.stopped`);
}

function noteOf({ kind }: ChartNode, inner: string, attempt: number): string | null {
  switch (inner) {
    case 'calling':
      return attempt > 1 ? `calling, attempt ${attempt}` : 'calling';
    case 'waiting':
      return 'waiting for the next attempt';
    case 'pending':
      return 'waiting for its outcome';
    case 'fetching':
      return 'asking for its outcome';
    case 'refused':
      return 'refused, and not to be undone';
    default:
      return kind === 'action' || kind === 'compensation' ? 'calling' : null;
  }
}

/** The attempt that the state after an entry is at. */
export function attemptAfter({ event, attempt }: NumberedEntry): number {
  return (event === 'due' || event === 'retry' ? attempt : null) ?? 1;
}

export function toneOf(status: SagaStatus): Marks['tone'] {
  return ({ STARTED: 'running', COMPLETED: 'completed', FAILED: 'failed', ABORTED: 'parked' } as const)[
    status
  ];
}

/** Forward, all that is done after where it stands; backward, the compensations before it of what was begun. */
function aheadOf(
  chart: Chart,
  current: readonly ChartNode[],
  nodes: ReadonlyMap<string, NodeMark>,
): string[] {
  const isBack = current.some(({ lane }) => lane === 'back');
  const lane = isBack ? 'back' : 'there';
  const begun = new Set(
    chart.nodes.flatMap(({ id, kind, step }) => (kind === 'action' && nodes.has(id) ? [step] : [])),
  );
  const seen = new Set(current.map(({ id }) => id));
  for (const id of seen) {
    for (const { from, to } of chart.edges) if (from === id && laneOf(chart, to) === lane) seen.add(to);
    // What is in a frame that is to come is to come, too.
    if (!current.some((one) => one.id === id))
      for (const inside of chart.nodes) if (inside.frame === id) seen.add(inside.id);
  }
  return chart.nodes.flatMap(({ id, kind, step }) => {
    const isAhead = seen.has(id) && kind !== 'choice' && !nodes.has(id);
    return isAhead && (!isBack || kind === 'frame' || begun.has(step)) ? [id] : [];
  });
}

function laneOf(chart: Chart, id: string): ChartNode['lane'] | undefined {
  return chart.nodes.find((node) => node.id === id)?.lane;
}

/** How one state leads to another by the arrows of the chart: directly, or through states that were passed at once. */
function waysOf(chart: Chart): (from: string, to: string) => [string, string][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of chart.edges) next.set(from, [...(next.get(from) ?? []), to]);
  const passable = new Set(chart.nodes.filter(isPassable).map(({ id }) => id));
  return (from, to) => {
    const before = new Map<string, string>();
    const queue = [from];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      if (at !== from && !passable.has(at)) continue;
      for (const id of next.get(at) ?? []) {
        if (before.has(id)) continue;
        before.set(id, at);
        queue.push(id);
      }
    }
    const way: [string, string][] = [];
    for (let at = to; at !== from; ) {
      const previous = before.get(at);
      if (previous === undefined) return [];
      way.unshift([previous, at]);
      at = previous;
    }
    return way;
  };
}

/** The edges, by their keys, that lead from some parts to others. */
export function takenBetween(
  chart: Chart,
): (before: readonly ChartNode[], after: readonly ChartNode[]) => ReadonlySet<string> {
  const ways = waysOf(chart);
  return (before, after) => {
    const left = before.filter((node) => !after.includes(node));
    const entered = after.filter((node) => !before.includes(node));
    const pairs = left.flatMap((source) =>
      entered.filter(({ frame }) => frame === source.frame).flatMap((target) => ways(source.id, target.id)),
    );
    return new Set(pairs.map(([from, to]) => keyOf({ from, to })));
  };
}

/** A list may be empty, an event there already, and what was never begun is not undone. */
function isPassable({ kind, lane, isMany }: ChartNode): boolean {
  return kind === 'choice' || kind === 'wait' || lane === 'back' || (isMany && kind === 'action');
}
