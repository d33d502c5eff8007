/**
 * Charts over time, drawn here: bars that stand on each other, and lines on a scale of decades. They are as wide as there is
 * room, and their letters stay as large as they are: only what has no letters is stretched.
 */
/** Of the part without letters, in pixels. */
const HEIGHT = 132;

/** When each point begins, in milliseconds, and how long it is. */
export interface Axis {
  readonly fromMs: number;
  readonly toMs: number;
  readonly everyMs: number;
}

interface ChartProps {
  readonly title: string;
  readonly axis: Axis;
  /** What is said of it in one sentence, for who does not see it. */
  readonly says: string;
}

export interface Stack {
  readonly atMs: number;
  /** From the ground up, as many as there are tones. */
  readonly parts: readonly number[];
}

interface Tone {
  readonly name: string;
  readonly tone: 'running' | 'completed' | 'failed' | 'parked' | 'undo';
}

/** Counted things: bars, each as high as what happened in its time. */
export function StackChart({
  title,
  axis,
  says,
  tones,
  stacks,
}: ChartProps & { readonly tones: readonly Tone[]; readonly stacks: readonly Stack[] }) {
  const most = niceAbove(Math.max(1, ...stacks.map(({ parts }) => sumOf(parts))));
  const width = (100 * axis.everyMs) / (axis.toMs - axis.fromMs);
  return (
    <figure class="day-chart">
      <figcaption>
        {title} <Legend tones={tones} />
      </figcaption>
      <div class="plane">
        <YAxis ticks={[0, most / 2, most].map((n) => ({ share: n / most, text: shortly(n) }))} />
        <svg class="body" height={HEIGHT + 20} role="img" aria-label={`${title}: ${says}`}>
          <Grid axis={axis} shares={[0, 0.5, 1]} />
          {stacks.map(({ atMs, parts }) => (
            <g>
              <title>{`${clockOf(atMs)}: ${parts.map((n, index) => `${n} ${tones[index]?.name}`).join(', ')}`}</title>
              {parts.map((n, index) => {
                const below = sumOf(parts.slice(0, index));
                const height = (HEIGHT * n) / most;
                return n === 0 ? null : (
                  <rect
                    class={`tone-${tones[index]?.tone}`}
                    x={`${placeOf(atMs, axis).toFixed(2)}%`}
                    width={`${(width * 0.86).toFixed(2)}%`}
                    y={(TOP + HEIGHT - (HEIGHT * below) / most - height).toFixed(1)}
                    height={height.toFixed(1)}
                  />
                );
              })}
            </g>
          ))}
        </svg>
      </div>
    </figure>
  );
}

export interface Line extends Tone {
  readonly points: readonly { readonly atMs: number; readonly ms: number | null }[];
}

/** Above what is drawn, so that the highest label is whole. */
const TOP = 8;
const DECADES = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] as const;

/** Durations: lines on a scale on which each decade is as high as any other. */
export function DurationChart({
  title,
  axis,
  says,
  lines,
}: ChartProps & { readonly lines: readonly Line[] }) {
  const all = lines.flatMap(({ points }) => points.flatMap(({ ms }) => ms ?? []));
  const top = DECADES.find((one) => one >= Math.max(10, ...all)) ?? 1_000_000;
  const bottom = Math.max(1, DECADES.findLast((one) => one <= Math.min(top / 10, ...all)) ?? 1);
  const decades = Math.log10(top / bottom);
  const shareOf = (ms: number) => Math.log10(Math.max(bottom, Math.min(top, ms)) / bottom) / decades;
  const ticks = DECADES.filter((one) => one >= bottom && one <= top);
  return (
    <figure class="day-chart">
      <figcaption>
        {title} <Legend tones={lines} />
      </figcaption>
      <div class="plane">
        <YAxis
          ticks={ticks.map((ms) => ({
            share: shareOf(ms),
            text: ms < 1000 ? `${ms} ms` : `${(ms / 1000).toLocaleString('en')} s`,
          }))}
        />
        <svg class="body" height={HEIGHT + 20} role="img" aria-label={`${title}: ${says}`}>
          <Grid axis={axis} shares={ticks.map(shareOf)} />
          <svg
            x="0"
            y={TOP}
            width="100%"
            height={HEIGHT}
            viewBox="0 0 100 100"
            preserveAspectRatio="none"
            aria-hidden="true"
          >
            {lines.map(({ tone, points }) => (
              <path class={`line tone-${tone}`} d={pathOf(points, axis, shareOf)} />
            ))}
          </svg>
        </svg>
      </div>
    </figure>
  );
}

/** A gap in time is a gap in the line; a point by itself is a short dash. */
function pathOf(points: Line['points'], axis: Axis, shareOf: (ms: number) => number): string {
  const width = (100 * axis.everyMs) / (axis.toMs - axis.fromMs);
  let last = Number.NaN;
  return points
    .flatMap(({ atMs, ms }) => {
      if (ms === null) return [];
      const isOn = atMs - last === axis.everyMs;
      last = atMs;
      const x = placeOf(atMs, axis);
      const y = (100 * (1 - shareOf(ms))).toFixed(2);
      return [
        isOn
          ? `L${x.toFixed(2)} ${y}h${(width * 0.86).toFixed(2)}`
          : `M${x.toFixed(2)} ${y}h${(width * 0.86).toFixed(2)}`,
      ];
    })
    .join('');
}

function Legend({ tones }: { tones: readonly Tone[] }) {
  return (
    <span class="legend">
      {tones.map(({ name, tone }) => (
        <span>
          <i class={`tone-${tone}`} /> {name}
        </span>
      ))}
    </span>
  );
}

function YAxis({ ticks }: { ticks: readonly { readonly share: number; readonly text: string }[] }) {
  return (
    <svg class="y" width="46" height={HEIGHT + 20} aria-hidden="true">
      {ticks.map(({ share, text }) => (
        <text x="40" y={(TOP + HEIGHT * (1 - share) + 4).toFixed(1)} text-anchor="end">
          {text}
        </text>
      ))}
    </svg>
  );
}

/** Lines across at the ticks of the other axis, and round times below. */
function Grid({ axis, shares }: { axis: Axis; shares: readonly number[] }) {
  const ticks = timesOf(axis);
  return (
    <g>
      {shares.map((share) => (
        <line
          x1="0"
          x2="100%"
          y1={(TOP + HEIGHT * (1 - share)).toFixed(1)}
          y2={(TOP + HEIGHT * (1 - share)).toFixed(1)}
        />
      ))}
      {ticks.map((atMs) => (
        <text x={`${placeOf(atMs, axis).toFixed(2)}%`} y={TOP + HEIGHT + 12} text-anchor="middle">
          {clockOf(atMs)}
        </text>
      ))}
    </g>
  );
}

/** Half a time's letters on the narrowest telephone, as a share of the axis. */
const EDGE = 0.08;
const STEPS_MIN = [5, 15, 30, 60, 120, 240, 360];

/** Round times, up to seven of them, none at the very edges. */
function timesOf({ fromMs, toMs }: Axis): number[] {
  const spanMs = toMs - fromMs;
  const stepMs = (STEPS_MIN.find((minutes) => spanMs / (minutes * 60_000) <= 7) ?? 360) * 60_000;
  const first = Math.ceil((fromMs + spanMs * EDGE) / stepMs) * stepMs;
  const ticks: number[] = [];
  for (let at = first; at <= toMs - spanMs * EDGE; at += stepMs) ticks.push(at);
  return ticks;
}

/** In UTC, as the times of the log. */
export function clockOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}

function placeOf(ms: number, { fromMs, toMs }: Axis): number {
  return (100 * (ms - fromMs)) / (toMs - fromMs);
}

function sumOf(parts: readonly number[]): number {
  return parts.reduce((sum, n) => sum + n, 0);
}

const ROUND = [1, 1.2, 1.6, 2, 4, 6, 8, 10] as const;

/** No less, and an even whole number, so that its half is one, too. */
function niceAbove(n: number): number {
  const decade = 10 ** Math.floor(Math.log10(n));
  return ROUND.map((one) => Math.round(one * decade)).find((one) => one >= n && one % 2 === 0) ?? 10 * decade;
}

function shortly(n: number): string {
  return n >= 10_000 ? `${n / 1000}k` : n.toLocaleString('en');
}
