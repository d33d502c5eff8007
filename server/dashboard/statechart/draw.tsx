/** The picture of a saga's machine as SVG, bare or with the marks of one saga on it. */
import { Line } from '../svg-text.tsx';
import { widthOf } from '../text-width.ts';
import type { Chart, ChartEdge, ChartNode } from './chart.ts';
import { CALL, NAME, NAME_LINE, PADDING, SIGN } from './layout.ts';
import { type Marks, NO_MARKS, type NodeMark } from './marks.ts';
import { keyOf } from './tracks.ts';

const LABEL: Readonly<Record<NodeMark, string>> = {
  current: 'the saga stands here',
  done: 'done',
  failed: 'failed',
  reverted: 'done, then undone',
  undone: 'undone',
  held: 'could not be undone',
  ahead: 'still to come',
};

const TICK = 'M0 5.5L3.5 9L10 1';
/** Drawn, because not every font has them; in a square of SIGN. */
const SIGNS: Readonly<Record<string, string>> = {
  done: TICK,
  failed: 'M1 1L9 9M9 1L1 9',
  reverted: 'M4 0.5L1 3.5L4 6.5M1 3.5H6.5A3 3 0 0 1 6.5 9.5H4',
  undone: TICK,
  held: 'M5 0.5V5.5M5 9.3V9.5',
};

/** What a part is, where its name alone does not say it: drawn where a sign of what came of it may stand. */
const CLOCK = 'M5 1A4 4 0 1 1 4.99 1M5 3V5.2L6.6 6.2';

/** What all sagas of a machine do, to be drawn on its picture. */
export interface DrawnFlow {
  readonly nodes: ReadonlyMap<string, DrawnNode>;
  /** How many took an edge, by its key. */
  readonly edges: ReadonlyMap<string, number>;
}

interface DrawnNode {
  readonly standing: number;
  readonly parked: number;
  /** Beneath its name. */
  readonly says: string;
}

interface StatechartProps {
  readonly chart: Chart;
  readonly marks?: Marks;
  readonly flow?: DrawnFlow;
}

export function Statechart({ chart, marks = NO_MARKS, flow }: StatechartProps) {
  const marked = marks.nodes.size > 0;
  const most = Math.max(1, ...(flow?.edges.values() ?? []));
  const frames = chart.nodes.filter(({ kind }) => kind === 'frame');
  return (
    <svg
      class={`chart ${marked ? `marked tone-${marks.tone}` : ''}${flow ? 'flowing' : ''}`}
      xmlns="http://www.w3.org/2000/svg"
      viewBox={`0 0 ${chart.width} ${chart.height}`}
      width={chart.width}
      role="img"
      aria-label={flow ? flowAria(chart, flow) : ariaOf(chart, marks)}
    >
      <defs>
        {(flow ? FLOW_ARROWS : ARROWS).map((id) => (
          <marker
            id={id}
            viewBox="0 0 8 8"
            refX="6"
            refY="4"
            markerWidth={flow ? 12 : 7}
            markerHeight={flow ? 12 : 7}
            // However thick an edge is, its tip is as large as any other.
            markerUnits={flow ? 'userSpaceOnUse' : undefined}
            orient="auto"
          >
            <path d="M0 0.8L7 4L0 7.2Z" class={id} />
          </marker>
        ))}
      </defs>
      {frames.map((node) => (
        <Frame node={node} mark={marks.nodes.get(node.id) ?? null} />
      ))}
      {chart.pivots.map((pivot) => (
        <Pivot pivot={pivot} width={chart.columnWidth} />
      ))}
      {chart.edges.map((edge) => (
        <Edge
          edge={edge}
          taken={marks.taken.has(keyOf(edge))}
          weight={flow ? weightOf(flow.edges.get(keyOf(edge)) ?? 0, most) : null}
        />
      ))}
      {chart.nodes
        .filter(({ kind }) => kind !== 'frame')
        .map((node) => (
          <Node
            node={node}
            mark={marks.nodes.get(node.id) ?? null}
            note={marks.notes.get(node.id) ?? null}
            flow={flow?.nodes.get(node.id) ?? null}
          />
        ))}
    </svg>
  );
}

const ARROWS = ['arrow', 'arrow-taken'] as const;
const FLOW_ARROWS = [...ARROWS, 'arrow-back'] as const;

const WEIGHT_MAX = 5;

/** By decades below the edge that is taken most, so that the way of one in a thousand is still seen. */
function weightOf(n: number, most: number): number {
  return n === 0 ? 0 : Math.max(1, Math.round(WEIGHT_MAX + (WEIGHT_MAX / 4) * Math.log10(n / most)));
}

function flowAria({ machine, version, nodes: all }: Chart, { nodes }: DrawnFlow): string {
  const said = all.flatMap(({ id, label }) => {
    const node = nodes.get(id);
    if (node === undefined) return [];
    return [`${label}: ${[`${node.standing} in flight`, node.says].filter((one) => one !== '').join(', ')}`];
  });
  return [`All sagas of ${machine}, version ${version}`, ...said].join('. ');
}

function ariaOf({ machine, version, nodes: all }: Chart, { nodes }: Marks): string {
  const said = all.flatMap(({ id, kind, label }) => {
    const mark = nodes.get(id);
    return mark === undefined || kind === 'frame' ? [] : [`${label}: ${LABEL[mark]}`];
  });
  return [`Statechart of ${machine}, version ${version}`, ...said].join('. ');
}

interface EdgeProps {
  readonly edge: ChartEdge;
  readonly taken: boolean;
  /** How much goes this way, from 0 to {@link WEIGHT_MAX}; `null` where that is not shown. */
  readonly weight: number | null;
}

function Edge({ edge: { path, kind, says, saysAt }, taken, weight }: EdgeProps) {
  const isBack = kind === 'failed' || kind === 'undo' || kind === 'choice';
  const flowing = isBack ? 'arrow-back' : 'arrow-taken';
  const arrow = weight ? flowing : taken ? 'arrow-taken' : 'arrow';
  const weighs = weight === null ? '' : ` weighs-${weight}`;
  return (
    <>
      <path class={`edge ${kind}${taken ? ' taken' : ''}${weighs}`} d={path} marker-end={`url(#${arrow})`} />
      {saysAt !== null && (
        <text class="call" x={saysAt.x} y={saysAt.y} text-anchor={saysAt.isEnd ? 'end' : undefined}>
          {says}
        </text>
      )}
    </>
  );
}

/** A line across: above it everything can be undone, below it nothing. */
function Pivot({
  pivot: { x, y, width: all, textX },
  width,
}: {
  pivot: Chart['pivots'][number];
  width: number;
}) {
  return (
    <g class="pivot">
      <path d={`M${x} ${y}H${x + all}`} />
      <Line
        class="call"
        x={textX}
        y={y + 14}
        lettering={CALL}
        widthMax={width}
        text="Pivot: nothing below is undone"
      />
    </g>
  );
}

/** What is beside each other: regions below each other, between lines. */
function Frame({ node, mark }: { node: ChartNode; mark: NodeMark | null }) {
  const { id, lane, label, x, y, width, height, regions } = node;
  const isBeside = regions.length > 1;
  return (
    <g class={`node frame ${lane} ${mark ?? ''}`} data-state={id}>
      <rect x={x} y={y} width={width} height={height} rx="10" />
      <Line
        class="name"
        x={x + PADDING}
        y={y + 17.5}
        lettering={FRAME_NAME}
        widthMax={width - 2 * PADDING}
        text={lane === 'there' && isBeside ? `${label}, side by side` : label}
      />
      {regions.map((region, index) => (
        <>
          {index > 0 && <path class="between" d={`M${x} ${region.y}H${x + width}`} />}
          {region.name !== '' && (
            <Line
              class="call"
              x={x + PADDING}
              y={region.y + 11.5}
              lettering={CALL}
              widthMax={width - 2 * PADDING}
              text={region.name}
            />
          )}
        </>
      ))}
    </g>
  );
}

const FRAME_NAME = { ...NAME, size: 12 };

interface NodeProps {
  readonly node: ChartNode;
  readonly mark: NodeMark | null;
  readonly note: string | null;
  readonly flow: DrawnNode | null;
}

function Node({ node, mark, note, flow }: NodeProps) {
  const { id, kind, x, y, width, height, step, call, lines, label, isMany } = node;
  const [centerX, centerY] = [x + width / 2, y + height / 2];
  if (kind === 'start') return <circle class="start" cx={centerX} cy={centerY} r={width / 2} />;
  const piled = flow === null ? '' : flow.parked > 0 ? 'piled' : flow.standing > 0 ? 'standing' : 'passed';
  const classes = `node ${kind} ${mark ?? ''}${piled}`;
  if (kind === 'choice') {
    const diamond = `M${centerX} ${y}L${x + width} ${centerY}L${centerX} ${y + height}L${x} ${centerY}Z`;
    return (
      <g class={classes} data-state={id}>
        <path class="diamond" d={diamond} />
        {node.lane === 'there' && (
          <Line
            class="call"
            x={x + width + 6}
            y={centerY + 4}
            lettering={CALL}
            widthMax={node.labelMax}
            text={label}
          />
        )}
      </g>
    );
  }
  if (lines.length === 0) {
    return (
      <g class={classes} data-state={id}>
        <rect x={x} y={y} width={width} height={height} rx={height / 2} />
        <Line
          class="name"
          x={centerX}
          y={centerY + 4.5}
          lettering={NAME}
          widthMax={width - 2 * PADDING}
          isCentred
          text={label}
        />
        {flow !== null && <Pile node={node} flow={flow} />}
      </g>
    );
  }
  const said = mark === 'current' ? note : flow?.says || null;
  const isNoted = said !== null;
  const below = y + 4 + lines.length * NAME_LINE;
  const sign = (mark === null ? undefined : SIGNS[mark]) ?? (kind === 'wait' ? CLOCK : undefined);
  return (
    <g class={classes} data-state={id} data-step={step}>
      {isMany && <path class="behind" d={behind(node)} />}
      <rect x={x} y={y} width={width} height={height} rx="8" />
      {lines.map((line, index) => (
        <Line
          class="name"
          x={x + PADDING}
          y={y + 20 + index * NAME_LINE}
          lettering={NAME}
          widthMax={width - 2 * PADDING - SIGN}
          text={line}
          whole={lines.length > 1 && line.endsWith('…') ? label : line}
        />
      ))}
      <Line
        class="call"
        x={x + PADDING}
        y={below + 16}
        lettering={isNoted ? { ...CALL, weight: 600 } : CALL}
        widthMax={width - 2 * PADDING}
        text={said ?? call ?? ''}
      />
      {flow !== null && <Pile node={node} flow={flow} />}
      {sign !== undefined && (
        <path class="sign" d={sign} transform={`translate(${x + width - PADDING - 10} ${y + 10})`} />
      )}
    </g>
  );
}

const PILE = { size: 12, weight: 600 } as const;

/** How many stand in a state, on the corner of its box: those that are parked where there are any. */
function Pile({ node: { x, y, width }, flow: { standing, parked } }: { node: ChartNode; flow: DrawnNode }) {
  const n = parked > 0 ? parked : standing;
  if (n === 0) return null;
  const text = n.toLocaleString('en');
  const wide = Math.max(22, Math.ceil(widthOf(text, PILE)) + 14);
  return (
    <g class={parked > 0 ? 'pile tone-parked' : 'pile tone-running'}>
      <rect x={x + width - wide + 5} y={y - 9} width={wide} height="20" rx="10" />
      <Line
        class="n"
        x={x + width - wide / 2 + 5}
        y={y + 5}
        lettering={PILE}
        widthMax={wide}
        isCentred
        text={text}
      />
    </g>
  );
}

/** The edges of two more of the kind, which stand behind it. */
function behind({ x, y, width, height }: ChartNode): string {
  const edge = (by: number) =>
    `M${x + by + 6} ${y + height + by}H${x + width + by - 8}Q${x + width + by} ${y + height + by} ${x + width + by} ${y + height + by - 8}V${y + by + 6}`;
  return edge(3);
}
