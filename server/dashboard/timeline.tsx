/**
 * The calls of a saga over time, forward above and undoing below. Calls of milliseconds stand beside waits of minutes, so
 * each stretch between two moments is as wide as the logarithm of its length, and says its true length.
 */
import { type Bar, barsOf, type Course } from './bars.ts';
import { Line } from './svg-text.tsx';
import { type Lettering, widthOf } from './text-width.ts';
import { span } from './wording.ts';

/** As the style sheet has them. */
const NAME: Lettering = { size: 12, weight: 400 };
const LENGTH: Lettering = { size: 10.5, weight: 400 };

const LABEL = 150;
const WIDTH = 760;
const ROW = 24;
/** Room for the last length, where it stands beside its bar. */
const BESIDE = 44;
const HEAD = 22;

export function Timeline(course: Course) {
  const bars = barsOf(course);
  if (bars.length === 0) return <p class="empty">No call has been answered yet.</p>;
  // One for each row: its label and its lane are the row's.
  const rows = [...new Map(bars.map((bar) => [`${bar.lane} ${bar.label}`, bar])).values()];
  const forward = rows.filter(({ lane }) => lane === 'action');
  const ordered = [...forward, ...rows.filter(({ lane }) => lane !== 'action')];
  const scale = scaleOf(bars);
  const height = HEAD + ordered.length * ROW + 6;
  const split = HEAD + forward.length * ROW;
  const total = Math.max(...bars.map(({ toMs }) => toMs)) - Math.min(...bars.map(({ fromMs }) => fromMs));
  return (
    <section class="scroll" tabindex={0} aria-label="Timeline">
      <svg
        class="timeline"
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label={`${bars.length} calls and waits over ${span(total)}`}
      >
        <text class="axis" x={LABEL} y={13}>
          0
        </text>
        <text class="axis" x={WIDTH} y={13} text-anchor="end">
          {span(total)}
        </text>
        {ordered.map((row, index) => (
          <Row row={row} y={HEAD + index * ROW} bars={bars} scale={scale} />
        ))}
        {ordered.length > forward.length && <line class="split" x1={0} x2={WIDTH} y1={split} y2={split} />}
      </svg>
    </section>
  );
}

interface RowProps {
  readonly row: Bar;
  readonly y: number;
  readonly bars: readonly Bar[];
  readonly scale: (ms: number) => number;
}

function Row({ row: { lane, label, step }, y, bars, scale }: RowProps) {
  return (
    <g class={`lane ${lane}`} data-step={step} data-kind={lane}>
      <rect class="ground" x={0} y={y} width={WIDTH} height={ROW} />
      <Line class="name" x={8} y={y + 16} lettering={NAME} widthMax={LABEL - 16} text={label} />
      {bars
        .filter((bar) => bar.lane === lane && bar.label === label)
        .map((bar) => (
          <Stretch bar={bar} y={y} scale={scale} />
        ))}
    </g>
  );
}

function Stretch({ bar, y, scale }: { bar: Bar; y: number; scale: RowProps['scale'] }) {
  const { kind, fromMs, toMs, outcome, attempt, seq } = bar;
  const x = scale(fromMs);
  const width = Math.max(3, scale(toMs) - x - 1);
  const length = span(toMs - fromMs);
  const said =
    kind === 'wait'
      ? `waited ${length}`
      : `${outcome}, ${length}${attempt === null ? '' : `, attempt ${attempt}`}`;
  const fits = width > widthOf(length, LENGTH) + 10;
  return (
    <g class={`bar ${kind} outcome-${outcome.replace(' ', '-')}`} data-seq={seq}>
      <title>{said}</title>
      <rect
        x={x}
        y={kind === 'wait' ? y + 10 : y + 5}
        width={width}
        height={kind === 'wait' ? 4 : 14}
        rx="3"
      />
      {kind === 'call' && (
        <Line
          class={fits ? '' : 'beside'}
          x={fits ? x + 5 : x + width + 4}
          y={y + 15.5}
          lettering={LENGTH}
          widthMax={BESIDE * 2}
          text={length}
        />
      )}
    </g>
  );
}

/**
 * Every moment at which something began or ended is a mark; between two of them the width grows with the logarithm.
 * Between two calls there is little to see.
 */
function scaleOf(bars: readonly Bar[]): (ms: number) => number {
  const marks = [...new Set(bars.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].sort((a, b) => a - b);
  const widths = marks.slice(1).map((mark, index) => {
    const since = marks[index] ?? mark;
    const isBusy = bars.some(({ fromMs, toMs }) => fromMs <= since && toMs >= mark);
    return Math.log2(2 + mark - since) * (isBusy ? 1 : 0.3);
  });
  const unit =
    (WIDTH - LABEL - BESIDE) /
    Math.max(
      1,
      widths.reduce((sum, width) => sum + width, 0),
    );
  const at = new Map<number, number>();
  let x = LABEL;
  for (const [index, mark] of marks.entries()) {
    at.set(mark, x);
    x += (widths[index] ?? 0) * unit;
  }
  return (ms) => at.get(ms) ?? LABEL;
}
