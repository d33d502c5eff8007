/** One saga: what is wrong, what is held, what to do; then its statechart, its calls and its log beside each other. */
import { stringify } from '../../json/exact.ts';
import type { Answer, RegisteredMachine } from '../../machines/index.ts';
import type { SagaHistory } from '../engine/contract.ts';
import { type Act, actsFor, hrefOf } from './acts.ts';
import { type HeldEffect, heldBy } from './held.ts';
import { Log } from './log.tsx';
import { type Frame, Page } from './page.tsx';
import { Ago, Badge, nameOf } from './parts.tsx';
import type { Chart } from './statechart/chart.ts';
import { Statechart } from './statechart/draw.tsx';
import { marksOf } from './statechart/marks.ts';
import { headlineOf } from './story.tsx';
import { Timeline } from './timeline.tsx';
import { span } from './wording.ts';

interface SagaPageProps {
  readonly frame: Frame;
  readonly now: number;
  readonly history: SagaHistory;
  /** `null` where this coordinator does not know the saga's machine. */
  readonly chart: Chart | null;
  /** As of `chart`. */
  readonly machine: RegisteredMachine | null;
  /** The log's entry up to which the past is shown; `null` for the present. */
  readonly at: number | null;
  readonly notice: string | null;
  /** Whether whoever looks may change anything. */
  readonly mayOperate: boolean;
  /** URL of this server, for commands to copy. */
  readonly own: string;
}

export function Saga({ frame, now, history, chart, machine, at, notice, mayOperate, own }: SagaPageProps) {
  const { saga, log } = history;
  const path = `/sagas/${saga.id}`;
  const isOpen = saga.status === 'STARTED' || saga.status === 'ABORTED';
  const shownLog = at === null ? log : log.filter(({ seq }) => seq <= at);
  // Until it has ended a saga is STARTED, but for where it is parked; the past tells by its state.
  const status = at === null ? saga.status : pastStatus(shownLog.at(-1)?.to, chart);
  const acts = mayOperate ? actsFor(history, chart) : [];
  return (
    <Page frame={frame} title={nameOf(saga)} here="sagas" follows={saga.id}>
      <div id="head" class="saga-head" data-seq={saga.seq}>
        <p class="crumb">
          <a href="/sagas">Sagas</a> / <code>{saga.id}</code>
          <button type="button" class="plain copy" data-copy={saga.id} hidden>
            Copy
          </button>
        </p>
        <h1>
          {nameOf(saga)} <Badge status={saga.status} />
        </h1>
        <p class="lead">{headlineOf(history, now)}</p>
        <p class="note">
          Began <Ago ms={saga.createdAtMs} now={now} />, last change <Ago ms={saga.updatedAtMs} now={now} />.{' '}
          {isOpen ? 'It has run ' : 'It took '}
          {isOpen ? (
            <span data-since={saga.createdAtMs}>{span(now - saga.createdAtMs)}</span>
          ) : (
            span(saga.updatedAtMs - saga.createdAtMs)
          )}
          . Machine {saga.machine.id}, version {saga.machine.version}.
        </p>
        {saga.unreadable !== null && (
          <p class="error">
            Its record cannot be read, so some of this page is not as it is: {saga.unreadable}
          </p>
        )}
        {notice !== null && (
          <p class="notice" role="status">
            {notice}
          </p>
        )}
      </div>
      <Help history={history} machine={machine} acts={acts} mayOperate={mayOperate} path={path} />
      <div class="columns wide-right">
        <section class="card" id="chart">
          <header class="card-head">
            <h2>Statechart</h2>
            {at !== null && <a href={path}>Back to now</a>}
          </header>
          {chart === null ? (
            <p class="empty">This coordinator does not know the saga's machine.</p>
          ) : (
            <Statechart chart={chart} marks={marksOf(chart, shownLog, status)} />
          )}
          <Scrubber path={path} at={at} log={log} />
        </section>
        <div class="stack">
          <section class="card" id="timeline">
            <h2>Calls</h2>
            <Timeline
              log={shownLog}
              chart={chart}
              nowMs={at === null && saga.status === 'STARTED' ? now : null}
            />
          </section>
          <section class="card flush" id="log">
            <h2>Log</h2>
            <section class="scroll" tabindex={0} aria-label="Log">
              <Log log={log} at={at} sagaPath={path} chart={chart} />
            </section>
          </section>
        </div>
      </div>
      <Payloads history={history} own={own} />
    </Page>
  );
}

function pastStatus(state: string | undefined, chart: Chart | null) {
  const kind = chart?.nodes.find(({ id }) => id === state)?.kind;
  if (kind === 'parked') return 'ABORTED';
  if (kind === 'success') return 'COMPLETED';
  return kind === 'end' ? 'FAILED' : 'STARTED';
}

interface HelpProps extends Pick<SagaPageProps, 'history' | 'machine' | 'mayOperate'> {
  readonly acts: readonly Act[];
  readonly path: string;
}

/** What is held, and what can be done. */
function Help({ history: { saga }, machine, acts, mayOperate, path }: HelpProps) {
  const effects = heldBy(saga, machine);
  if (effects.length === 0 && acts.length === 0) return <div id="help" />;
  const isParked = saga.status === 'ABORTED';
  const general = acts.filter(({ kind }) => kind !== 'skip' || !isParked);
  return (
    <section class={`card help ${isParked ? 'attention' : ''}`} id="help">
      <h2>{isParked ? 'Still held' : 'Held so far'}</h2>
      {effects.length === 0 && <p class="note">Nothing.</p>}
      <ul class="held">
        {effects.map((effect) => (
          <HeldLine
            effect={effect}
            skip={
              isParked ? acts.find(({ kind, step }) => kind === 'skip' && step === effect.step) : undefined
            }
            path={path}
          />
        ))}
      </ul>
      {isParked && !mayOperate && <p class="advice">It waits for an operator, which you are not.</p>}
      {isParked && mayOperate && (
        <p class="advice">
          <strong>What to do:</strong> see that the service works again, then retry. If you have undone it by
          hand, skip that step. Resolve ends the saga as it stands.
        </p>
      )}
      <div class="acts">
        {general.map((act, index) => (
          <a
            class={`button ${index === 0 && !act.isGrave ? 'primary' : ''}`}
            href={hrefOf(path, act)}
            data-dialog
          >
            {act.label}
          </a>
        ))}
      </div>
    </section>
  );
}

function HeldLine({ effect, skip, path }: { effect: HeldEffect; skip: Act | undefined; path: string }) {
  const { step, what, answer, why } = effect;
  return (
    <li data-step={step}>
      <div class="what">
        <h3>{what}</h3>
        {why !== null && (
          <p class="error">
            Undoing {step} failed: {why}
          </p>
        )}
        {answer !== null && (
          <p class="note">
            {step} had answered: <code>{fieldsOf(answer)}</code>
          </p>
        )}
      </div>
      {skip !== undefined && (
        <a class="button" href={hrefOf(path, skip)} data-dialog>
          {skip.label}
        </a>
      )}
    </li>
  );
}

/** The ids by which somebody finds the effect in the service's own books. */
function fieldsOf(answer: Answer): string {
  const shown = Object.entries(answer).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : stringify(value)}`,
  );
  return shown.join(', ').slice(0, 500);
}

/** Steps back through the states that the saga was in: links, which the client joins into a slider. */
function Scrubber({ path, at, log }: { path: string; at: number | null; log: SagaHistory['log'] }) {
  const last = log.at(-1)?.seq ?? 1;
  const here = at ?? last;
  const [before, after] = [log.findLast(({ seq }) => seq < here), log.find(({ seq }) => seq > here)];
  return (
    <div class="scrubber" data-last={last}>
      {before === undefined ? (
        <span class="button off">←</span>
      ) : (
        <a class="button" href={`${path}?at=${before.seq}`} aria-label="One entry back">
          ←
        </a>
      )}
      <input type="range" min={1} max={last} value={here} aria-label="Entry of the log" hidden />
      {after === undefined ? (
        <span class="button off">→</span>
      ) : (
        <a class="button" href={`${path}?at=${after.seq}`} aria-label="One entry on">
          →
        </a>
      )}
      <span class="note">
        {at === null ? `now, ${last} entries` : `as it stood after entry ${at} of ${last}`}
      </span>
    </div>
  );
}

function Payloads({ history: { saga }, own }: { history: SagaHistory; own: string }) {
  const { context, id } = saga;
  const curl = `curl -s -H "Authorization: Bearer $API_TOKEN" ${own}/api/coordinator/sagas/${id}`;
  return (
    <section class="card" id="payloads">
      <h2>Data</h2>
      <Json title="Facts of the saga" value={context.data} />
      {Object.entries(context.answers).map(([step, answer]) => (
        <Json title={`What ${step} had answered`} value={answer} />
      ))}
      <details>
        <summary>As a command</summary>
        <pre>
          <code>{curl}</code>
        </pre>
        <button type="button" class="button copy" data-copy={curl} hidden>
          Copy
        </button>
      </details>
    </section>
  );
}

function Json({ title, value }: { title: string; value: unknown }) {
  return (
    <details>
      <summary>{title}</summary>
      <pre>
        <code>{stringify(value, 2)}</code>
      </pre>
    </details>
  );
}
