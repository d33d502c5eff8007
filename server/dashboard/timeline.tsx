/**
 * The calls and waits of a saga over time: forward above, undoing and what is parked below. Where there is no room for that
 * beside each other, the same below each other.
 */
import { type Bar, barsOf, LOST, type Course as Of, UNDER_WAY } from './bars.ts';
import { Line } from './svg-text.tsx';
import { type Lettering, widthOf } from './text-width.ts';
import { niceAbove, type TimeScale, timeScale } from './time-scale.ts';
import { span } from './wording.ts';

/** As the style sheet has them. */
const NAME: Lettering = { size: 12, weight: 400 };

const LABEL = 140;
const WIDTH = 720;
const ROW = 24;
/** Room for the last length, where it stands beside its bar. */
const BESIDE = 60;
const HEAD = 24;
/** A call under way has at least so much room before it. */
const ROOM_MS = 1000;

export function Timeline(course: Of) {
  const bars = barsOf(course);
  if (bars.length === 0) return <p class="empty">No call has been answered yet.</p>;
  // One for each row: its label and its lane are the row's.
  const rows = [...new Map(bars.map((bar) => [`${bar.lane} ${bar.label}`, bar])).values()];
  const forward = rows.filter(({ lane }) => lane === 'action');
  const ordered = [...forward, ...rows.filter(({ lane }) => lane !== 'action')];
  const scale = timeScale(bars, horizonOf(bars), LABEL, WIDTH - LABEL - BESIDE);
  const height = HEAD + ordered.length * ROW + 6;
  const split = HEAD + forward.length * ROW;
  const from = Math.min(...bars.map(({ fromMs }) => fromMs));
  const total = Math.max(...bars.map(({ toMs }) => toMs)) - from;
  return (
    <section class="scroll" tabindex={0} aria-label="Timeline">
      <svg
        class="timeline"
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label={`${bars.length} calls and waits over ${span(total)}`}
      >
        {scale.ticks.map(({ x, text, ms }) => (
          <>
            <line class="tick" x1={x} x2={x} y1={HEAD - 4} y2={height} />
            <text class="axis" x={x} y={14} text-anchor={x === LABEL ? undefined : 'middle'}>
              <title>{new Date(ms).toISOString()}</title>
              {text}
            </text>
          </>
        ))}
        {ordered.map((row, index) => (
          <Row row={row} y={HEAD + index * ROW} bars={bars} scale={scale} />
        ))}
        {scale.breaks.map(({ x, width, ms }) => (
          <g class="break">
            <title>{`${span(ms)} without a call, drawn shorter than it was`}</title>
            <path
              d={`M${x + width / 2 - 6} ${height}L${x + width / 2} ${HEAD - 6}M${x + width / 2} ${height}L${x + width / 2 + 6} ${HEAD - 6}`}
            />
          </g>
        ))}
        {ordered.length > forward.length && <line class="split" x1={0} x2={WIDTH} y1={split} y2={split} />}
      </svg>
      <Course bars={bars} from={from} />
    </section>
  );
}

/** The end of the last bar; behind it where a call is under way, which grows. */
function horizonOf(bars: readonly Bar[]): number {
  const end = Math.max(...bars.map(({ toMs }) => toMs));
  const growing = bars.filter(({ outcome }) => outcome === UNDER_WAY);
  if (growing.length === 0) return end;
  const began = Math.min(...growing.map(({ fromMs }) => fromMs));
  return began + niceAbove(Math.max(ROOM_MS, 1.2 * (end - began)));
}

interface RowProps {
  readonly row: Bar;
  readonly y: number;
  readonly bars: readonly Bar[];
  readonly scale: TimeScale;
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

function Stretch({ bar, y, scale }: { bar: Bar; y: number; scale: TimeScale }) {
  const { kind, fromMs, toMs, outcome, seq, isReplayed } = bar;
  const x = scale.place(fromMs);
  const width = Math.max(3, scale.place(toMs) - x);
  const took = span(toMs - fromMs);
  const length = outcome === LOST ? LOST : isReplayed ? `${took}, from its ledger` : took;
  const isGrowing = outcome === UNDER_WAY;
  const fits = !isGrowing && width > widthOf(length, NAME) + 10;
  const isOver = !fits && x + width + 4 + widthOf(length, NAME) > WIDTH;
  const most = WIDTH - BESIDE - x;
  return (
    <g
      class={`bar ${kind} ${classOf(bar)}`}
      data-seq={seq}
      data-grows={isGrowing ? [fromMs, scale.rate, x, most].join(' ') : undefined}
    >
      <title>{`${saidOf(bar)}, ${new Date(fromMs).toISOString()}`}</title>
      <rect
        x={x}
        y={kind === 'wait' ? y + 9 : y + 5}
        width={width}
        height={kind === 'wait' ? 6 : 14}
        rx="3"
      />
      {isGrowing && (
        <text class="beside" x={x + width + 4} y={y + 16} data-since={fromMs}>
          {length}
        </text>
      )}
      {kind === 'call' && !isGrowing && (
        <Line
          class={fits ? '' : 'beside'}
          x={fits ? x + 5 : isOver ? x - 4 - widthOf(length, NAME) : x + width + 4}
          y={y + 16}
          lettering={NAME}
          widthMax={widthOf(length, NAME) + 1}
          text={length}
        />
      )}
    </g>
  );
}

function classOf({ outcome, isReplayed }: Bar): string {
  return `outcome-${outcome.replace(/\W+/g, '-')}${isReplayed ? ' replayed' : ''}`;
}

function saidOf({ kind, outcome, fromMs, toMs, attempt, isReplayed, taken }: Bar): string {
  const length = span(toMs - fromMs);
  if (kind === 'wait') return `${outcome === 'parked' ? 'parked for' : 'waited'} ${length}`;
  const of = attempt === null ? '' : `, attempt ${attempt}`;
  const how = isReplayed ? ', answered from its ledger' : taken === undefined ? '' : `, ${taken}`;
  return `${outcome}, ${length}${of}${how}`;
}

/** One below the other, in the order in which they began. */
function Course({ bars, from }: { bars: readonly Bar[]; from: number }) {
  return (
    <ol class="course">
      {[...bars]
        .sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs)
        .map((bar) => (
          <li class={`bar ${bar.kind} ${bar.lane} ${classOf(bar)}`} data-seq={bar.seq}>
            <Since from={from} ms={bar.fromMs} />
            <span>
              <strong>{bar.label}</strong> {saidOf(bar)}
            </span>
          </li>
        ))}
    </ol>
  );
}

/** How long after the first call began, and when that was. */
function Since({ from, ms }: { from: number; ms: number }) {
  const moment = new Date(ms).toISOString();
  return (
    <time datetime={moment} title={moment}>
      {span(ms - from)}
    </time>
  );
}
