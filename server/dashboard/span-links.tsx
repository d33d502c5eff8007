/** Which stretch of the last day a page shows: it stands in the URL, so that it can be kept and sent. */
import { z } from 'zod';
import { type Span, spanOf } from '../telemetry/history/points.ts';
import { type Axis, clockOf } from './day-chart.tsx';
import { NoWay } from './parts.tsx';

const RANGES = { '15m': 15, '1h': 60, '6h': 360, '24h': 1_440 } as const;
type Range = keyof typeof RANGES;
const DAY_MINUTES = 1_440;

/** What is misspelt is as though it were not there: a page shows something in any case. */
export const spanQuery = z.object({
  range: z.enum(Object.keys(RANGES) as [Range, ...Range[]]).catch('1h'),
  until: z.iso.datetime().optional().catch(undefined),
});
type SpanQuery = z.infer<typeof spanQuery>;

export interface Shown {
  readonly query: SpanQuery;
  readonly span: Span;
  readonly axis: Axis;
  readonly now: number;
}

export function shownBy(query: SpanQuery, now: number): Shown {
  const untilMs = Math.min(now, query.until === undefined ? now : Date.parse(query.until));
  const span = spanOf(untilMs - (RANGES[query.range] - 1) * 60_000, untilMs);
  const axis = {
    fromMs: span.from * 60_000,
    toMs: (span.to + 1) * 60_000,
    everyMs: span.every * 60_000,
  };
  return { query, span, axis, now };
}

export function SpanLinks({ path, shown: { query, axis, now } }: { path: string; shown: Shown }) {
  const { range, until } = query;
  const at = until === undefined ? now : Date.parse(until);
  const stepMs = RANGES[range] * 60_000;
  const hrefOf = (one: Range, untilMs: number | null) => {
    const isNow = untilMs === null || untilMs >= now;
    return `${path}?${new URLSearchParams({ range: one, ...(!isNow && { until: new Date(untilMs).toISOString() }) })}`;
  };
  const isOldest = at - stepMs <= now - DAY_MINUTES * 60_000;
  return (
    <nav class="spans" aria-label="Range">
      <span class="tabs">
        {(Object.keys(RANGES) as Range[]).map((one) => (
          <a
            href={hrefOf(one, until === undefined ? null : at)}
            aria-current={one === range ? 'page' : undefined}
          >
            {one}
          </a>
        ))}
      </span>
      <span class="steps">
        {isOldest ? (
          <NoWay>← Earlier</NoWay>
        ) : (
          <a class="button" href={hrefOf(range, at - stepMs)}>
            ← Earlier
          </a>
        )}
        {until === undefined ? (
          <NoWay>Later →</NoWay>
        ) : (
          <a class="button" href={hrefOf(range, at + stepMs)}>
            Later →
          </a>
        )}
        {until !== undefined && (
          <a class="button" href={hrefOf(range, null)}>
            Now
          </a>
        )}
      </span>
      <span class="note">
        {fromTo(axis)} UTC,{' '}
        {axis.everyMs === 60_000 ? 'by the minute' : `a bar is ${axis.everyMs / 60_000} minutes`}
      </span>
    </nav>
  );
}

/** With the days, where it is more than one. */
function fromTo({ fromMs, toMs }: Axis): string {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString().slice(0, 10));
  return from === to
    ? `${clockOf(fromMs)} to ${clockOf(toMs)}`
    : `${from} ${clockOf(fromMs)} to ${to} ${clockOf(toMs)}`;
}
