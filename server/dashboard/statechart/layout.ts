/**
 * Where the parts of a saga stand in its picture. The rules that every machine has passed give the places: each part is a
 * row, what is done on the left and what undoes it beside it on the right. Read down the left side while all goes well, and
 * up the right side while it is undone. Parts that are beside each other are regions of a frame, one below the other, so
 * that a row is a row there too and the picture stays as narrow as a telephone.
 */
import type { RegisteredMachine } from '../../../machines/index.ts';
import { type Lettering, twoLines, widthOf } from '../text-width.ts';
import { type Chart, type ChartNode, FRAME, type Grid, TRACK } from './chart.ts';
import { allParts, type Plan, type PlannedPart, planOf, type Way } from './plan.ts';
import { routesOf } from './routes.ts';
import { rowBeside, tracksOf } from './tracks.ts';

/** How states and calls are lettered, as the style sheet has it. */
export const NAME: Lettering = { size: 13, weight: 600 };
export const CALL: Lettering = { size: 11, weight: 400 };
export const NAME_LINE = 16;
/** Beside a text in its box. */
export const PADDING = 12;
/** Room at the end of a name for the sign of what came of it. */
export const SIGN = 18;
const CHOICE = 20;

const COLUMN = { widthMin: 160, widthMax: 208 } as const;
const MARGIN = 10;
const STEP_HEIGHT = 48;
const ROW_GAP = 22;
const PIVOT_GAP = 26;
const END = { height: 32, gap: 8 } as const;
/** Room above the rows for the ends of undoing, and for the junction that leads to one of them. */
const TOP = MARGIN + END.height + 56;
/** To the right of the compensations, for the way back from where an operator retries. */
const RAIL = 22;
/** Between what is done and what undoes it, without arrows that go down it. */
const GAP = 36;
/** Beside the parts in a frame. */
const INSET = 12;
export const START = '(start)';

const layouts = new WeakMap<RegisteredMachine, Chart>();

/** The layout of a machine, made once. */
export function chartOf(machine: RegisteredMachine): Chart {
  const known = layouts.get(machine);
  if (known !== undefined) return known;
  const made = layOut(machine);
  layouts.set(machine, made);
  return made;
}

interface Ref {
  readonly id: string;
  readonly version: string;
}

/** The machine on which a saga began; `null` where it is not among these. */
export function machineIn(machines: readonly RegisteredMachine[], ref: Ref): RegisteredMachine | null {
  return machines.find(({ id, version }) => id === ref.id && version === ref.version) ?? null;
}

/** The layout of the machine on which a saga began; `null` where it is not among these. */
export function chartIn(machines: readonly RegisteredMachine[], ref: Ref): Chart | null {
  const machine = machineIn(machines, ref);
  return machine === null ? null : chartOf(machine);
}

function layOut(machine: RegisteredMachine): Chart {
  const plan = planOf(machine);
  const grid = gridOf(plan);
  const { columnWidth, column } = grid;
  const { nodes: there, bottom } = placed(plan.there, grid);
  const back = beside(plan, there, grid);
  const success = plan.others.filter(({ kind }) => kind === 'success');
  const ends = plan.others.filter(({ kind }) => kind !== 'success' && kind !== 'choice');
  const junctions = plan.others.filter(({ kind }) => kind === 'choice');
  const start: PlannedPart = { ...NOTHING, id: START };
  const nodes: ChartNode[] = [
    {
      ...box(start, column.left + columnWidth / 2 - 6, TOP - 36, 12, 12),
      kind: 'start',
    },
    ...there,
    ...back,
    ...inARow(success, column.left, bottom, columnWidth),
    ...inARow(ends, column.right, MARGIN, columnWidth),
    ...junctions.map((part) => box(part, column.right + columnWidth / 2 - 8, TOP - 38, 16, 16)),
  ];
  const [first] = plan.there;
  const begin: Way[] = first === undefined ? [] : [{ from: START, to: first.id, kind: 'done', says: null }];
  const width = grid.rail + RAIL / 2 + 2;
  return {
    machine: machine.id,
    version: machine.version,
    width,
    height: bottom + END.height + MARGIN,
    columnWidth,
    nodes,
    edges: routesOf([...begin, ...plan.ways], nodes, grid),
    pivots: there
      .filter(({ isPivot }) => isPivot)
      .map(({ y, height }) => ({
        x: MARGIN,
        y: y + height + (ROW_GAP + PIVOT_GAP) / 2 - 4,
        width: width - 2 * MARGIN,
        textX: column.right,
      })),
  };
}

const NOTHING: Omit<PlannedPart, 'id'> = {
  kind: 'end',
  lane: 'none',
  label: '',
  call: null,
  step: null,
  isMany: false,
  isPivot: false,
  regions: [],
};

/** Columns are as wide as the longest name needs, within bounds: beyond these names take two lines. */
function gridOf(plan: Plan): Grid {
  const inside = allParts([...plan.there, ...plan.back]);
  const named = inside.filter(({ kind }) => kind !== 'frame' && kind !== 'choice');
  const widest = Math.max(0, ...named.map(({ label }) => widthOf(label, NAME)));
  const wanted = Math.ceil(widest) + 2 * PADDING + SIGN;
  const columnWidth = Math.min(COLUMN.widthMax, Math.max(COLUMN.widthMin, wanted));
  const stepHeight = STEP_HEIGHT + (wanted > columnWidth ? NAME_LINE : 0);
  const depth = Math.max(depthOf(plan.there), depthOf(plan.back));
  const tracks = tracksOf(plan);
  const insetLeft = INSET + TRACK * tracks.insideCount;
  const alone = Math.max(0, tracks.aloneCount * TRACK - depth * insetLeft);
  const left = MARGIN + Math.max(TRACK * tracks.outsideCount, alone);
  const leftEnd = left + columnWidth + depth * (insetLeft + INSET);
  const right = leftEnd + GAP + TRACK * tracks.betweenCount;
  const column = { left: left + depth * insetLeft, right: right + depth * INSET };
  const rail = right + columnWidth + 2 * depth * INSET + RAIL / 2 + 2;
  return { columnWidth, stepHeight, left, right, column, insetLeft, depth, rail, tracks };
}

function depthOf(parts: readonly PlannedPart[]): number {
  const inside = parts
    .filter(({ kind }) => kind === 'frame')
    .map(({ regions }) => 1 + Math.max(0, ...regions.map((region) => depthOf(region.parts))));
  return Math.max(0, ...inside);
}

/** The rows on the way there, one below the other. */
function placed(
  parts: readonly PlannedPart[],
  grid: Grid,
): { readonly nodes: ChartNode[]; readonly bottom: number } {
  const { columnWidth, stepHeight, left, insetLeft, column } = grid;
  const nodes: ChartNode[] = [];
  const place = (part: PlannedPart, y: number, depth: number, frame: string | null): number => {
    if (part.kind === 'choice') {
      const x = column.left + (columnWidth - CHOICE) / 2;
      const labelMax = column.left + columnWidth - x - CHOICE - 6;
      nodes.push({ ...box(part, x, y, CHOICE, CHOICE), frame, labelMax });
      return y + CHOICE + ROW_GAP;
    }
    if (part.kind !== 'frame') {
      nodes.push({ ...stepBox(part, column.left, y, grid), frame });
      return y + stepHeight + ROW_GAP + (part.isPivot ? PIVOT_GAP : 0);
    }
    const at = nodes.length;
    let below = y + FRAME.head;
    const regions: { name: string; y: number }[] = [];
    for (const { name, parts } of part.regions) {
      regions.push({ name, y: below });
      below += FRAME.region;
      for (const inside of parts) below = place(inside, below, depth + 1, part.id);
      // The gap below the last of a region is shared with the line that ends it.
      below += FRAME.foot - (parts.length > 0 ? ROW_GAP : 0);
    }
    const x = left + depth * insetLeft;
    const width = columnWidth + (grid.depth - depth) * (insetLeft + INSET);
    nodes.splice(at, 0, { ...box(part, x, y, width, below - y), frame, regions });
    return below + ROW_GAP;
  };
  let y = TOP;
  for (const part of parts) y = place(part, y, 0, null);
  return { nodes, bottom: y };
}

/** What undoes, each beside what it undoes. */
function beside(plan: Plan, there: readonly ChartNode[], grid: Grid): ChartNode[] {
  const { right, columnWidth, column } = grid;
  const rows = allParts(plan.there);
  const at = new Map(there.map((node) => [node.id, node]));
  const place = (part: PlannedPart, depth: number, frame: string | null): ChartNode[] => {
    const twin = at.get(rows[rowBeside(part, rows)]?.id ?? '');
    const y = twin?.y ?? TOP;
    if (part.kind !== 'frame') return [{ ...stepBox(part, column.right, y, grid), frame }];
    const x = right + depth * INSET;
    const width = columnWidth + 2 * (grid.depth - depth) * INSET;
    const regions = (twin?.regions ?? []).map((region) => ({ ...region, name: '' }));
    return [
      { ...box(part, x, y, width, twin?.height ?? FRAME.head), frame, regions },
      ...part.regions.flatMap((region) =>
        region.parts.flatMap((inside) => place(inside, depth + 1, part.id)),
      ),
    ];
  };
  return plan.back.flatMap((part) => place(part, 0, null));
}

function box(part: PlannedPart, x: number, y: number, width: number, height: number): ChartNode {
  const { regions: _, ...plain } = part;
  return { ...plain, x, y, width, height, lines: [], frame: null, regions: [], labelMax: 0 };
}

function stepBox(part: PlannedPart, x: number, y: number, { columnWidth, stepHeight }: Grid): ChartNode {
  const lines = twoLines(part.label, columnWidth - 2 * PADDING - SIGN, NAME);
  return { ...box(part, x, y, columnWidth, stepHeight), lines };
}

/** States that share one column's width. */
function inARow(parts: readonly PlannedPart[], x: number, y: number, columnWidth: number): ChartNode[] {
  const width = (columnWidth - END.gap * (parts.length - 1)) / Math.max(1, parts.length);
  return parts.map((part, index) => box(part, x + index * (width + END.gap), y, width, END.height));
}
