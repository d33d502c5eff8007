/**
 * The calls of a saga over time, forward above and undoing below. Calls of milliseconds stand beside waits of minutes, so
 * each stretch between two moments is as wide as the logarithm of its length, and says its true length.
 */
import type { NumberedEntry } from '../../stores/saga-store.ts';
import type { Chart } from './statechart/layout.ts';
import { attemptAfter, topOf } from './statechart/marks.ts';
import { span, words } from './wording.ts';

interface Bar {
  readonly lane: 'action' | 'compensation';
  readonly step: string;
  readonly kind: 'call' | 'wait';
  readonly fromMs: number;
  readonly toMs: number;
  readonly outcome: string;
  readonly attempt: number | null;
  readonly seq: number;
}

const LABEL = 150;
const WIDTH = 760;
const ROW = 24;
/** Room for the last length, where it stands beside its bar. */
const BESIDE = 44;
const HEAD = 22;

export function barsOf({ log, chart, nowMs }: TimelineProps): Bar[] {
  const bars: Bar[] = [];
  for (const [index, entry] of log.entries()) {
    const { step, kind, attempt, outcome, duration_ms, seq, to, at } = entry;
    if (step === null || kind === null) continue;
    const atMs = Date.parse(at);
    if (duration_ms !== null && outcome !== null) {
      const fromMs = atMs - duration_ms;
      bars.push({ lane: kind, step, kind: 'call', fromMs, toMs: atMs, outcome, attempt, seq });
    }
    const next = log[index + 1];
    const isLast = next === undefined;
    const endMs = isLast ? nowMs : Date.parse(next.at);
    if (to.endsWith('.waiting') && endMs !== null) {
      bars.push({
        lane: kind,
        step,
        kind: 'wait',
        fromMs: atMs,
        toMs: endMs,
        outcome: 'waits',
        attempt,
        seq,
      });
    }
  }
  const last = log.at(-1);
  const calls = last?.to.endsWith('.calling') && chart?.nodes.find(({ id }) => id === topOf(last.to));
  // The call that the last state announces has no entry yet.
  if (last && calls && calls.step !== null && nowMs !== null) {
    const { kind, step } = calls;
    const lane = kind === 'action' ? kind : 'compensation';
    const attempt = attemptAfter(last);
    const fromMs = Math.min(nowMs, Date.parse(last.at));
    bars.push({
      lane,
      step,
      kind: 'call',
      fromMs,
      toMs: nowMs,
      outcome: 'under way',
      attempt,
      seq: last.seq,
    });
  }
  return bars;
}

interface TimelineProps {
  readonly log: readonly NumberedEntry[];
  readonly chart: Chart | null;
  /** The end of what has none yet; `null` where the saga has ended. */
  readonly nowMs: number | null;
}

export function Timeline(props: TimelineProps) {
  const bars = barsOf(props);
  if (bars.length === 0) return <p class="empty">No call has been answered yet.</p>;
  const rows = [...new Set(bars.map(({ lane, step }) => `${lane} ${step}`))];
  const forward = rows.filter((row) => row.startsWith('action'));
  const ordered = [...forward, ...rows.filter((row) => !row.startsWith('action'))];
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
  readonly row: string;
  readonly y: number;
  readonly bars: readonly Bar[];
  readonly scale: (ms: number) => number;
}

function Row({ row, y, bars, scale }: RowProps) {
  const [lane = '', step = ''] = row.split(' ');
  return (
    <g class={`lane ${lane}`} data-step={step} data-kind={lane}>
      <rect class="ground" x={0} y={y} width={WIDTH} height={ROW} />
      <text class="name" x={8} y={y + 16}>
        {lane === 'action' ? words(step) : `undo ${step}`}
      </text>
      {bars
        .filter((bar) => bar.lane === lane && bar.step === step)
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
  const fits = width > length.length * 6.5 + 8;
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
        <text class={fits ? '' : 'beside'} x={fits ? x + 5 : x + width + 4} y={y + 15.5}>
          {length}
        </text>
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
