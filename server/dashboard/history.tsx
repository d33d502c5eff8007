/** What was counted of the last day, by machine, as charts and as tables. */
import type { MachinePoint, Points } from '../telemetry/history/points.ts';
import { type Axis, clockOf, DurationChart, StackChart } from './day-chart.tsx';
import { type Frame, Page } from './page.tsx';
import { Empty } from './parts.tsx';
import { type Shown, SpanLinks } from './span-links.tsx';
import { count, span } from './wording.ts';

interface HistoryProps {
  readonly frame: Frame;
  readonly shown: Shown;
  readonly machines: Points['machines'];
}

export function HistoryPage({ frame, shown, machines }: HistoryProps) {
  return (
    <Page frame={frame} title="History" here="history">
      <h1>History</h1>
      <SpanLinks path="/history" shown={shown} />
      {machines.length === 0 && (
        <section class="card">
          <Empty>Nothing was counted within this time.</Empty>
        </section>
      )}
      {machines.map((one) => (
        <Machine of={one} axis={shown.axis} />
      ))}
      <p class="note">
        Statistics of all coordinators, under the names of their metrics; a coordinator that is killed takes
        its last ten seconds with it. Percentiles are the upper bounds of their buckets: never too small.
      </p>
    </Page>
  );
}

const ENDS = [
  { name: 'completed', tone: 'completed' },
  { name: 'undone', tone: 'failed' },
  { name: 'parked', tone: 'parked' },
] as const;

function Machine({ of: { machine, points }, axis }: { of: Points['machines'][number]; axis: Axis }) {
  const sum = (of: (point: MachinePoint) => number) => points.reduce((total, point) => total + of(point), 0);
  const [started, ended] = [sum((one) => one.started), sum((one) => one.completed + one.failed)];
  const [parked, retries] = [sum((one) => one.parked), sum((one) => one.retries)];
  return (
    <section class="card day" id={machine}>
      <h2>{machine}</h2>
      <p class="note">
        {count(started, 'saga')} started, {count(ended, 'saga')} ended, {count(parked, 'saga')} parked,{' '}
        {count(retries, 'call')} tried again.
      </p>
      <div class="charts wide">
        <StackChart
          title="Started"
          axis={axis}
          says={mostOf(points, ({ started }) => started)}
          tones={[{ name: 'started', tone: 'running' }]}
          stacks={points.map(({ atMs, started }) => ({ atMs, parts: [started] }))}
        />
        <StackChart
          title="Ended or parked"
          axis={axis}
          says={mostOf(points, ({ completed, failed, parked }) => completed + failed + parked)}
          tones={ENDS}
          stacks={points.map(({ atMs, completed, failed, parked }) => ({
            atMs,
            parts: [completed, failed, parked],
          }))}
        />
        <DurationChart
          title="From start to end"
          axis={axis}
          says={longestOf(points)}
          lines={[
            {
              name: 'half take at most',
              tone: 'running',
              points: points.map(({ atMs, p50Ms }) => ({ atMs, ms: p50Ms })),
            },
            {
              name: '95 % take at most',
              tone: 'failed',
              points: points.map(({ atMs, p95Ms }) => ({ atMs, ms: p95Ms })),
            },
          ]}
        />
        <StackChart
          title="Calls tried again"
          axis={axis}
          says={mostOf(points, ({ retries }) => retries)}
          tones={[{ name: 'retries', tone: 'parked' }]}
          stacks={points.map(({ atMs, retries }) => ({ atMs, parts: [retries] }))}
        />
      </div>
      <details>
        <summary>As a table</summary>
        <section class="scroll" tabindex={0} aria-label={`What was counted of ${machine}`}>
          <table class="numbers">
            <thead>
              <tr>
                {['From', 'Started', 'Completed', 'Undone', 'Parked', 'Retries', 'p50', 'p95'].map((name) => (
                  <th scope="col">{name}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.toReversed().map((point) => (
                <tr>
                  <th scope="row">{clockOf(point.atMs)}</th>
                  {[point.started, point.completed, point.failed, point.parked, point.retries].map((n) => (
                    <td>{n.toLocaleString('en')}</td>
                  ))}
                  <td>{tookOf(point.p50Ms)}</td>
                  <td>{tookOf(point.p95Ms)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </details>
    </section>
  );
}

export function tookOf(ms: number | null): string {
  return ms === null ? '–' : span(ms).replace('.0 s', ' s');
}

function mostOf(points: readonly MachinePoint[], of: (point: MachinePoint) => number): string {
  const [most] = points.toSorted((a, b) => of(b) - of(a));
  return most === undefined || of(most) === 0 ? 'none' : `at most ${of(most)}, at ${clockOf(most.atMs)}`;
}

function longestOf(points: readonly MachinePoint[]): string {
  const [most] = points.toSorted((a, b) => (b.p95Ms ?? 0) - (a.p95Ms ?? 0));
  return most?.p95Ms
    ? `95 per cent took at most ${tookOf(most.p95Ms)}, at ${clockOf(most.atMs)}`
    : 'none ended';
}
