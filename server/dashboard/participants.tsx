/** The participants: how much is asked of each, how it answers and how soon, actions and undos apart. */
import type { Kind } from '../../machines/index.ts';
import type { ParticipantState } from '../engine/contract.ts';
import type { LastError } from '../telemetry/history/last-errors.ts';
import { type CallPoint, callsIn, failedIn, type KindCalls } from '../telemetry/history/points.ts';
import { type Axis, clockOf, DurationChart, StackChart } from './day-chart.tsx';
import { tookOf } from './history.tsx';
import { type Frame, Page } from './page.tsx';
import { Ago } from './parts.tsx';
import { type Shown, SpanLinks } from './span-links.tsx';
import { words } from './wording.ts';

export interface ParticipantSeen {
  readonly name: string;
  /** `null` where no saga here calls it any more. */
  readonly state: ParticipantState | null;
  readonly kinds: Readonly<Record<Kind, KindCalls>>;
  readonly lastErrors: Readonly<Record<Kind, LastError | null>>;
}

interface ParticipantsProps {
  readonly frame: Frame;
  readonly shown: Shown;
  readonly participants: readonly ParticipantSeen[];
}

const KINDS = [
  ['action', 'actions'],
  ['compensation', 'undos'],
] as const;

export function Participants({ frame, shown, participants }: ParticipantsProps) {
  return (
    <Page frame={frame} title="Participants" here="participants">
      <h1>Participants</h1>
      <SpanLinks path="/participants" shown={shown} />
      {participants.map((one) => (
        <Participant of={one} axis={shown.axis} now={shown.now} />
      ))}
      <p class="note">
        Calls are those of all coordinators. Breakers, what is under way and the last errors are of the
        process that shows this page.
      </p>
    </Page>
  );
}

function Participant({ of, axis, now }: { of: ParticipantSeen; axis: Axis; now: number }) {
  const { name, state, kinds } = of;
  const minutes = (axis.toMs - axis.fromMs) / 60_000;
  return (
    <section class="card day" id={name}>
      <header class="card-head">
        <h2>{words(name)}</h2>
        {state !== null && <State state={state} />}
      </header>
      <section class="scroll" tabindex={0} aria-label={`Calls to ${name}`}>
        <table class="numbers">
          <thead>
            <tr>
              {['Kind', 'Calls', 'A minute', 'Refused', 'Failed', 'Retries', 'p50', 'p95'].map((title) => (
                <th scope="col">{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {KINDS.map(([kind, title]) => (
              <Row title={title} point={kinds[kind].all} minutes={minutes} />
            ))}
          </tbody>
        </table>
      </section>
      {KINDS.map(([kind, title]) => (
        <Last error={of.lastErrors[kind]} title={title} now={now} />
      ))}
      <div class="charts">
        {KINDS.map(([kind, title]) => (
          <Outcomes title={words(title)} points={kinds[kind].points} axis={axis} />
        ))}
        <DurationChart
          title="95 % take at most"
          axis={axis}
          says={KINDS.map(([kind, title]) => `${title} ${tookOf(kinds[kind].all.p95Ms)}`).join(', ')}
          lines={KINDS.map(([kind, title]) => ({
            name: title,
            tone: kind === 'action' ? 'running' : 'undo',
            points: kinds[kind].points.map(({ atMs, p95Ms }) => ({ atMs, ms: p95Ms })),
          }))}
        />
      </div>
    </section>
  );
}

const BREAKER = { closed: 'calls are made', open: 'calls are held back', 'half-open': 'one call is tried' };

function State({ state: { breaker, inFlight, queued } }: { state: ParticipantState }) {
  return (
    <p class={breaker === 'closed' ? 'note' : 'error'}>
      Breaker {breaker}: {BREAKER[breaker]}. {inFlight} under way
      {queued > 0 && `, ${queued} wait for a connection`}
    </p>
  );
}

function Row({ title, point, minutes }: { title: string; point: CallPoint; minutes: number }) {
  const calls = callsIn(point);
  const share = (n: number) =>
    calls === 0 || n === 0 ? '0' : `${n.toLocaleString('en')} (${percent(n / calls)})`;
  return (
    <tr>
      <th scope="row">{words(title)}</th>
      <td>{calls.toLocaleString('en')}</td>
      <td>{rounded(calls / minutes)}</td>
      <td>{share(point.refused)}</td>
      <td class={failedIn(point) > 0 ? 'error' : undefined}>{share(failedIn(point))}</td>
      <td>{point.retries.toLocaleString('en')}</td>
      <td>{tookOf(point.p50Ms)}</td>
      <td>{tookOf(point.p95Ms)}</td>
    </tr>
  );
}

function Last({ error, title, now }: { error: LastError | null; title: string; now: number }) {
  if (error === null) return null;
  return (
    <p class="note">
      Last of the {title} to {error.isRefusal ? 'be refused' : 'fail'}, <Ago ms={error.atMs} now={now} />:{' '}
      <a href={`/sagas/${error.sagaId}`} class="error">
        {error.error}
      </a>
    </p>
  );
}

const OUTCOMES = [
  { name: 'done', tone: 'completed' },
  { name: 'refused', tone: 'failed' },
  { name: 'failed', tone: 'parked' },
] as const;

function Outcomes({ title, points, axis }: { title: string; points: readonly CallPoint[]; axis: Axis }) {
  const [worst] = points.toSorted((a, b) => failedIn(b) - failedIn(a));
  const says =
    worst === undefined
      ? 'none'
      : failedIn(worst) === 0
        ? 'none failed'
        : `at most ${failedIn(worst)} failed, at ${clockOf(worst.atMs)}`;
  return (
    <StackChart
      title={title}
      axis={axis}
      says={says}
      tones={OUTCOMES}
      stacks={points.map((point) => ({
        atMs: point.atMs,
        parts: [point.done + point.accepted, point.refused, failedIn(point)],
      }))}
    />
  );
}

function percent(share: number): string {
  return share < 0.001 ? '< 0.1 %' : `${rounded(100 * share)} %`;
}

function rounded(n: number): string {
  return n >= 100 ? Math.round(n).toLocaleString('en') : n.toFixed(1).replace(/\.0$/, '');
}
