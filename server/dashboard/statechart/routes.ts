/** The arrows of the picture: how each goes from its part to the next without running through another. */
import { type ChartEdge, type ChartNode, FRAME, type Grid, TRACK } from './chart.ts';
import type { Way } from './plan.ts';
import { keyOf } from './tracks.ts';

/** Between a tip and what it points at. */
const TIP = 2;
/** Radius of a corner. */
const BEND = 6;
/** Between a column and the first line beside it. */
const OFF = 10;

type Drawn = Pick<ChartEdge, 'path' | 'saysAt'>;

export function routesOf(ways: readonly Way[], nodes: readonly ChartNode[], grid: Grid): ChartEdge[] {
  const at = new Map(nodes.map((node) => [node.id, node]));
  return ways.flatMap((way): ChartEdge[] => {
    const [from, to] = [at.get(way.from), at.get(way.to)];
    return from && to ? [{ ...way, ...route(way, from, to, grid) }] : [];
  });
}

function route(way: Way, from: ChartNode, to: ChartNode, grid: Grid): Drawn {
  const { tracks, column } = grid;
  const [fromY, toY] = [sideY(from), sideY(to)];
  if (way.kind === 'retry') return plain(around(end(from), fromY, grid.rail, toY, end(to) + TIP));
  if (way.kind === 'failed') {
    const track = tracks.between.get(to.id);
    if (track === undefined || fromY === toY) return plain(`M${end(from)} ${fromY}H${to.x - TIP}`);
    // In below the arrow of its own row, and at the end of a frame's head.
    const inY = to.lane === 'none' ? toY : toY + OFF;
    return plain(around(end(from), fromY, grid.right - OFF - 4 - TRACK * track, inY, to.x - TIP));
  }
  const { says } = way;
  const past = tracks.past.get(keyOf(way));
  if (past !== undefined) {
    const saysAt = says === null ? null : { x: from.x - 5, y: fromY - 5, isEnd: true };
    const inner = past.depth === null ? column.left : grid.left + past.depth * grid.insetLeft;
    const outY = from.kind === 'frame' ? from.y + from.height - OFF : fromY;
    return { path: around(from.x, outY, inner - OFF - TRACK * past.track, toY, to.x - TIP), saysAt };
  }
  const [fromX, toX] = [middle(from, grid), middle(to, grid)];
  const isDown = to.y > from.y;
  const [startY, endY] = isDown ? [from.y + from.height, to.y - TIP] : [from.y, to.y + to.height + TIP];
  const saysAt = says === null ? null : { x: fromX + 7, y: startY + 12, isEnd: false };
  if (Math.abs(fromX - toX) < 1) return { path: `M${fromX} ${startY}V${endY}`, saysAt };
  const bend = (startY + endY) / 2;
  return { path: `M${fromX} ${startY}C${fromX} ${bend} ${toX} ${bend} ${toX} ${endY}`, saysAt };
}

function plain(path: string): Drawn {
  return { path, saysAt: null };
}

/** Of its right side. */
function end({ x, width }: ChartNode): number {
  return x + width;
}

/** Of the parts in a frame, where it is one: there is more room on its left than on its right. */
function middle({ kind, lane, x, width }: ChartNode, { column, columnWidth }: Grid): number {
  if (kind !== 'frame') return x + width / 2;
  return (lane === 'there' ? column.left : column.right) + columnWidth / 2;
}

/** Where arrows touch the side of a part: beside the head of a frame, so that they meet none of the rows in it. */
function sideY({ kind, y, height }: ChartNode): number {
  return kind === 'frame' ? y + FRAME.head / 2 : y + height / 2;
}

/** Out to a line that goes up or down, along it, and in again. */
function around(fromX: number, fromY: number, x: number, toY: number, toX: number): string {
  const down = toY > fromY ? BEND : -BEND;
  const [out, into] = [x > fromX ? BEND : -BEND, toX > x ? BEND : -BEND];
  return `M${fromX} ${fromY}H${x - out}Q${x} ${fromY} ${x} ${fromY + down}V${toY - down}Q${x} ${toY} ${x + into} ${toY}H${toX}`;
}
