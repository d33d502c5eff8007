/**
 * Where the states of a saga stand in its picture. The rules that every machine has passed give the places: each step
 * is a row, its action on the left and the compensation that undoes it beside it on the right. Read down the left
 * side while all goes well, and up the right side while it is undone.
 */
import type { AnyStateNode } from 'xstate';
import type { CallMeta, Kind, RegisteredMachine } from '../../../machines/index.ts';
import { callStates, nodeName, transitionsOf } from '../../../machines/structure.ts';

/** `success` and `end` are where sagas end: all done, or all undone. */
export type NodeKind = Kind | 'success' | 'end' | 'parked' | 'choice' | 'start';

export interface ChartNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The step and the call of an action or a compensation. */
  readonly step: string | null;
  readonly call: string | null;
}

export interface ChartEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: 'done' | 'failed' | 'undo' | 'choice' | 'retry';
  /** Data of an SVG path. */
  readonly path: string;
}

export interface Chart {
  readonly machine: string;
  readonly version: string;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly ChartNode[];
  readonly edges: readonly ChartEdge[];
}

const COLUMN = { width: 176, gap: 36 } as const;
const MARGIN = 10;
const STEP_HEIGHT = 48;
const PITCH = 70;
const END = { height: 32, gap: 8 } as const;
/** Room above the rows for the ends of undoing, and for the junction that leads to one of them. */
const TOP = MARGIN + END.height + 56;
/** To the right of the compensations, for the way back from where an operator retries. */
const RAIL = 22;
const START = '(start)';

const LEFT = MARGIN;
const RIGHT = MARGIN + COLUMN.width + COLUMN.gap;
const WIDTH = RIGHT + COLUMN.width + RAIL + 4;

const layouts = new WeakMap<RegisteredMachine, Chart>();

/** The layout of a machine, made once. */
export function chartOf(machine: RegisteredMachine): Chart {
  const known = layouts.get(machine);
  if (known !== undefined) return known;
  const made = layOut(machine);
  layouts.set(machine, made);
  return made;
}

/** The layout of the machine on which a saga began; `null` where it is not among these. */
export function chartIn(
  machines: readonly RegisteredMachine[],
  ref: { readonly id: string; readonly version: string },
): Chart | null {
  const machine = machines.find(({ id, version }) => id === ref.id && version === ref.version);
  return machine === undefined ? null : chartOf(machine);
}

function layOut({ id, version, machine, steps }: RegisteredMachine): Chart {
  const tops = Object.values(machine.root.states);
  const calls = new Map([...callStates(machine)].map(([name, meta]) => [topOf(name), meta]));
  const rows = new Map(steps.map(({ name }, index) => [name, TOP + index * PITCH]));
  const bottom = TOP + steps.length * PITCH;
  const others = tops.filter((node) => !calls.has(node.key));
  const pairs = tops.flatMap(pairsFrom);
  const succeeding = new Set(pairs.filter(({ kind }) => kind === 'done').map(({ to }) => to));
  const afterSuccess = others.filter(({ key }) => succeeding.has(key));
  const afterUndoing = others.filter((node) => !afterSuccess.includes(node) && !isChoice(node));

  const nodes: ChartNode[] = [
    { ...box(START, 'start', LEFT + COLUMN.width / 2 - 6, TOP - 36, 12, 12) },
    ...tops.flatMap((node) => {
      const meta = calls.get(node.key);
      if (meta === undefined) return [];
      const x = meta.kind === 'action' ? LEFT : RIGHT;
      const placed = box(node.key, meta.kind, x, rows.get(meta.step) ?? TOP, COLUMN.width, STEP_HEIGHT);
      return [{ ...placed, step: meta.step, call: meta.path }];
    }),
    ...inARow(afterSuccess, LEFT, bottom).map((node) => ({ ...node, kind: 'success' as const })),
    ...inARow(afterUndoing, RIGHT, MARGIN),
    ...others
      .filter(isChoice)
      .map(({ key }) => box(key, 'choice', RIGHT + COLUMN.width / 2 - 8, TOP - 38, 16, 16)),
  ];
  const at = new Map(nodes.map((node) => [node.id, node]));
  const [first] = machine.root.initial.target;
  const begin =
    first === undefined ? [] : [{ from: START, to: topOf(nodeName(first)), kind: 'done' as const }];
  const edges = [...begin, ...pairs].flatMap(({ from, to, kind }) => {
    const [source, target] = [at.get(from), at.get(to)];
    return source && target ? [{ from, to, kind, path: route(source, target, kind) }] : [];
  });
  return { machine: id, version, width: WIDTH, height: bottom + END.height + MARGIN, nodes, edges };
}

function box(id: string, kind: NodeKind, x: number, y: number, width: number, height: number): ChartNode {
  return { id, kind, x, y, width, height, step: null, call: null };
}

/** States that share one column's width. */
function inARow(states: readonly AnyStateNode[], x: number, y: number): ChartNode[] {
  const width = (COLUMN.width - END.gap * (states.length - 1)) / Math.max(1, states.length);
  return states.map((node, index) =>
    box(node.key, kindOf(node), x + index * (width + END.gap), y, width, END.height),
  );
}

function kindOf(node: AnyStateNode): NodeKind {
  return node.tags.includes('parked') ? 'parked' : 'end';
}

/** Entered and left at once, without an event. */
function isChoice(node: AnyStateNode): boolean {
  return node.type !== 'final' && (node.always ?? []).length > 0 && node.transitions.size === 0;
}

type Pair = Omit<ChartEdge, 'path'>;

/**
 * Which states a state leads to, each once. An operator may resolve or skip wherever a saga stands still: drawn, these
 * arrows would hide all others.
 */
function pairsFrom(top: AnyStateNode): Pair[] {
  const pairs = new Map<string, Pair>();
  const inside = [top, ...Object.values(top.states)];
  const call = inside.find(({ meta }) => meta !== undefined)?.meta as CallMeta | undefined;
  for (const { eventType, target, guard } of inside.flatMap(transitionsOf)) {
    const to = target?.[0] === undefined ? top.key : topOf(nodeName(target[0]));
    if (to === top.key || pairs.has(to) || eventType === 'resolve' || eventType === 'skip') continue;
    // What was done under a cancel leads where a failure does.
    const succeeded = eventType === 'done' && guardName(guard) !== 'cancelled';
    pairs.set(to, { from: top.key, to, kind: edgeKind(top, call?.kind, succeeded) });
  }
  return [...pairs.values()];
}

function edgeKind(top: AnyStateNode, call: Kind | undefined, succeeded: boolean): ChartEdge['kind'] {
  if (call === 'action') return succeeded ? 'done' : 'failed';
  if (call === 'compensation') return 'undo';
  return top.tags.includes('parked') ? 'retry' : 'choice';
}

function guardName(guard: unknown): unknown {
  return typeof guard === 'object' && guard !== null ? (guard as { type: string }).type : guard;
}

function topOf(name: string): string {
  return name.split('.')[0] ?? name;
}

/** Arrows touch their boxes; what lies neither above nor beside goes in a curve. */
function route(from: ChartNode, to: ChartNode, kind: ChartEdge['kind']): string {
  const [fromX, toX] = [from.x + from.width / 2, to.x + to.width / 2];
  const [fromY, toY] = [from.y + from.height / 2, to.y + to.height / 2];
  if (kind === 'retry') {
    const rail = RIGHT + COLUMN.width + RAIL / 2 + 2;
    const out = from.x + from.width;
    return `M${out} ${fromY}H${rail - 6}Q${rail} ${fromY} ${rail} ${fromY + 6}V${toY - 6}Q${rail} ${toY} ${rail - 6} ${toY}H${to.x + to.width + 2}`;
  }
  const isBeside = Math.abs(fromY - toY) < 1;
  if (isBeside) {
    const [start, end] = fromX < toX ? [from.x + from.width, to.x - 2] : [from.x, to.x + to.width + 2];
    return `M${start} ${fromY}H${end}`;
  }
  const down = toY > fromY;
  const [start, end] = down ? [from.y + from.height, to.y - 2] : [from.y, to.y + to.height + 2];
  const isNeighbour = Math.abs(end - start) < PITCH;
  if (Math.abs(fromX - toX) < 1 && isNeighbour) return `M${fromX} ${start}V${end}`;
  if (isNeighbour) {
    const middle = (start + end) / 2;
    return `M${fromX} ${start}C${fromX} ${middle} ${toX} ${middle} ${toX} ${end}`;
  }
  // Past the rows between: out of one side and in at the same.
  const [side, bend] = from.x === LEFT ? [from.x, -8] : [from.x + from.width, RAIL];
  return `M${side} ${fromY}C${side + bend} ${fromY} ${side + bend} ${toY} ${to.x === LEFT ? to.x : to.x + to.width} ${toY}`;
}
