/** The picture of a saga's machine as SVG, bare or with the marks of one saga on it. */
import { words } from '../wording.ts';
import type { Chart, ChartEdge, ChartNode } from './layout.ts';
import { type Marks, NO_MARKS } from './marks.ts';

const LABEL: Readonly<Record<NonNullable<ReturnType<Marks['nodes']['get']>>, string>> = {
  current: 'the saga stands here',
  done: 'done',
  failed: 'failed',
  reverted: 'done, then undone',
  undone: 'undone',
  held: 'could not be undone',
  ahead: 'still to come',
};

const SIGN: Readonly<Record<string, string>> = {
  done: '✓',
  failed: '✕',
  reverted: '↩',
  undone: '✓',
  held: '!',
};

export function Statechart({ chart, marks = NO_MARKS }: { chart: Chart; marks?: Marks }) {
  const marked = marks.nodes.size > 0;
  return (
    <svg
      class={`chart ${marked ? `marked tone-${marks.tone}` : ''}`}
      xmlns="http://www.w3.org/2000/svg"
      viewBox={`0 0 ${chart.width} ${chart.height}`}
      role="img"
      aria-label={ariaOf(chart, marks)}
    >
      <defs>
        {(['arrow', 'arrow-taken'] as const).map((id) => (
          <marker id={id} viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0.8L7 4L0 7.2Z" class={id} />
          </marker>
        ))}
      </defs>
      {chart.edges.map((edge) => (
        <Edge edge={edge} taken={marks.taken.has(`${edge.from}>${edge.to}`)} />
      ))}
      {chart.nodes.map((node) => (
        <Node node={node} mark={marks.nodes.get(node.id) ?? null} note={marks.note} />
      ))}
    </svg>
  );
}

function ariaOf({ machine, version }: Chart, { nodes }: Marks): string {
  const said = [...nodes].map(([id, mark]) => `${words(id)}: ${LABEL[mark]}`);
  return [`Statechart of ${machine}, version ${version}`, ...said].join('. ');
}

function Edge({ edge: { path, kind }, taken }: { edge: ChartEdge; taken: boolean }) {
  const arrow = taken ? 'arrow-taken' : 'arrow';
  return <path class={`edge ${kind}${taken ? ' taken' : ''}`} d={path} marker-end={`url(#${arrow})`} />;
}

interface NodeProps {
  readonly node: ChartNode;
  readonly mark: string | null;
  readonly note: string | null;
}

function Node({ node, mark, note }: NodeProps) {
  const { id, kind, x, y, width, height, step, call } = node;
  const [centerX, centerY] = [x + width / 2, y + height / 2];
  if (kind === 'start') return <circle class="start" cx={centerX} cy={centerY} r={width / 2} />;
  const classes = `node ${kind} ${mark ?? ''}`;
  if (kind === 'choice') {
    const diamond = `M${centerX} ${y}L${x + width} ${centerY}L${centerX} ${y + height}L${x} ${centerY}Z`;
    return <path class={classes} d={diamond} data-state={id} />;
  }
  if (step === null) {
    return (
      <g class={classes} data-state={id}>
        <rect x={x} y={y} width={width} height={height} rx={height / 2} />
        <text class="name" x={centerX} y={centerY + 4.5} text-anchor="middle">
          {words(id)}
        </text>
      </g>
    );
  }
  return (
    <g class={classes} data-state={id} data-step={step}>
      <rect x={x} y={y} width={width} height={height} rx="8" />
      <text class="name" x={x + 12} y={y + 20}>
        {words(id)}
      </text>
      <text class="call" x={x + 12} y={y + 36}>
        {mark === 'current' && note !== null ? note : call}
      </text>
      {mark !== null && SIGN[mark] && (
        <text class="sign" x={x + width - 12} y={y + 20} text-anchor="end">
          {SIGN[mark]}
        </text>
      )}
    </g>
  );
}
