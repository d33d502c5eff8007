/** What a saga's log says about the states of its machine: where it stands, which way it came, what is still before it. */
import type { NumberedEntry, SagaStatus } from '../../../stores/saga-store.ts';
import type { Chart } from './layout.ts';

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
  /** The compensation failed for good: the effect of its action stands. */
  | 'held'
  /** Still to come, if nothing fails from here on. */
  | 'ahead';

export interface Marks {
  readonly nodes: ReadonlyMap<string, NodeMark>;
  /** Edges that were taken, as `from>to`. */
  readonly taken: ReadonlySet<string>;
  /** What stands beneath the current state's name. */
  readonly note: string | null;
  readonly tone: 'running' | 'completed' | 'failed' | 'parked';
}

export const NO_MARKS: Marks = { nodes: new Map(), taken: new Set(), note: null, tone: 'running' };

/** `status` is the saga's after the last of the entries. */
export function marksOf(chart: Chart, log: readonly NumberedEntry[], status: SagaStatus): Marks {
  const nodes = new Map<string, NodeMark>();
  const taken = new Set<string>();
  const ways = waysOf(chart);
  const stepOf = new Map(chart.nodes.map((node) => [node.id, node]));
  const action = (step: string | null) =>
    chart.nodes.find((node) => node.kind === 'action' && node.step === step);

  for (const { from, to, outcome, event, step } of log) {
    const [source, target] = [topOf(from ?? '(start)'), topOf(to)];
    if (source === target) continue;
    for (const [a, b] of ways(source, target)) taken.add(`${a}>${b}`);
    const node = stepOf.get(source);
    if (event === 'resolve') continue;
    if (node?.kind === 'action') nodes.set(source, outcome === 'done' ? 'done' : 'failed');
    if (node?.kind === 'compensation' || event === 'skip') {
      const compensation = chart.nodes.find((one) => one.kind === 'compensation' && one.step === step);
      const undone = outcome === 'done' || event === 'skip';
      if (compensation) nodes.set(compensation.id, undone ? 'undone' : 'held');
      const forward = action(step);
      if (undone && forward && nodes.get(forward.id) === 'done') nodes.set(forward.id, 'reverted');
    }
  }

  const last = log.at(-1);
  if (last === undefined) return NO_MARKS;
  const current = topOf(last.to);
  const currentNode = stepOf.get(current);
  if (status === 'STARTED') for (const id of aheadOf(chart, current, nodes)) nodes.set(id, 'ahead');
  nodes.set(current, 'current');
  const waits = last.to.endsWith('.waiting');
  const calls = last.to.endsWith('.calling');
  const attempt = attemptAfter(last);
  const calling = attempt > 1 ? `calling, attempt ${attempt}` : 'calling';
  const note = calls ? calling : waits ? 'waiting for the next attempt' : null;
  return { nodes, taken, note: currentNode === undefined ? null : note, tone: toneOf(status) };
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

/** Forward, all actions below; backward, the compensations above of what was done. */
function aheadOf(chart: Chart, current: string, nodes: ReadonlyMap<string, NodeMark>): string[] {
  const here = chart.nodes.find(({ id }) => id === current);
  if (here?.kind !== 'action' && here?.kind !== 'compensation') return [];
  const isAction = here.kind === 'action';
  const rest = chart.nodes.filter(
    ({ kind, y, id }) =>
      kind === here.kind && (isAction ? y > here.y : y < here.y) && nodes.get(id) !== 'undone',
  );
  return rest.map(({ id }) => id);
}

/** How one state leads to another by the arrows of the chart: directly, or through states that were passed at once. */
function waysOf(chart: Chart): (from: string, to: string) => [string, string][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of chart.edges) next.set(from, [...(next.get(from) ?? []), to]);
  const passable = new Set(
    chart.nodes.filter(({ kind }) => kind === 'choice' || kind === 'compensation').map(({ id }) => id),
  );
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

export function topOf(state: string): string {
  return state.split('.')[0] ?? state;
}
