/** One saga: what is wrong, what is held, what to do; then its statechart, its calls and its log beside each other. */
import { stringify } from '../../json/exact.ts';
import type { Answer, RegisteredMachine } from '../../machines/index.ts';
import type { SagaHistory } from '../engine/contract.ts';
import { type Act, actsFor, hrefOf } from './acts.ts';
import { testHref } from './as-test.tsx';
import { Ask, whoToAsk } from './asking.tsx';
import { compareHref } from './compare.tsx';
import { type HeldEffect, heldBy } from './held.ts';
import { Log } from './log.tsx';
import { momentOf } from './moment.ts';
import { type Frame, Page } from './page.tsx';
import { Ago, Badge, NoWay, nameOf } from './parts.tsx';
import { awaitedBy, eventHref } from './starting.tsx';
import type { Chart } from './statechart/chart.ts';
import { Statechart } from './statechart/draw.tsx';
import { marksOf } from './statechart/marks.ts';
import { headlineOf } from './story.tsx';
import { Timeline } from './timeline.tsx';
import { span, words } from './wording.ts';

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
  const { log } = history;
  const { history: shown, fresh } =
    at === null ? { history, fresh: new Set<string>() } : momentOf(history, chart, machine, at);
  const { saga, log: shownLog } = shown;
  const path = `/sagas/${saga.id}`;
  const isOpen = saga.status === 'STARTED' || saga.status === 'ABORTED';
  // Of the past nothing can be asked any more.
  const isAsked = mayOperate && at === null;
  const acts = isAsked ? actsFor(history, chart) : [];
  const events = isAsked && isOpen && machine !== null ? awaitedBy(machine, saga.summary.state) : [];
  return (
    <Page frame={frame} title={nameOf(saga)} here="sagas" follows={saga.id}>
      <div id="head" class="saga-head" data-seq={history.saga.seq}>
        <p class="crumb">
          <a href="/sagas">Sagas</a> / <code>{saga.id}</code>
          <button type="button" class="plain copy" data-copy={saga.id} hidden>
            Copy
          </button>
        </p>
        <h1>
          {nameOf(saga)} <Badge status={saga.status} />
        </h1>
        <p class="lead">{headlineOf(shown, at === null ? now : saga.updatedAtMs)}</p>
        {at !== null && (
          <p class="then">
            All of this page is as it stood after entry {at} of {log.length},{' '}
            <Ago ms={saga.updatedAtMs} now={now} />. <a href={path}>Back to now</a>
          </p>
        )}
        <p class="note">
          Began <Ago ms={saga.createdAtMs} now={now} />, last change <Ago ms={saga.updatedAtMs} now={now} />.{' '}
          {at !== null ? 'It had run ' : isOpen ? 'It has run ' : 'It took '}
          {isOpen && at === null ? (
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
      <Help
        history={shown}
        isPast={at !== null}
        machine={machine}
        acts={acts}
        events={events}
        mayOperate={mayOperate}
        path={path}
      />
      <div class="columns wide-right" id="course" data-place>
        <section class="card" id="chart">
          <header class="card-head">
            <h2>Statechart</h2>
          </header>
          {chart === null ? (
            <p class="empty">This coordinator does not know the saga's machine.</p>
          ) : (
            <section class="scroll" tabindex={0} aria-label="Picture of the statechart">
              <Statechart chart={chart} marks={marksOf(chart, shownLog, saga.status)} />
            </section>
          )}
          <Scrubber path={path} at={at} log={log} />
        </section>
        <div class="stack">
          <section class="card" id="timeline">
            <header class="card-head">
              <h2>Calls</h2>
              <a href={compareHref(path)}>Compare</a>
            </header>
            <Timeline
              log={shownLog}
              chart={chart}
              nowMs={at === null && isOpen ? now : null}
              status={saga.status}
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
      <Payloads history={shown} fresh={fresh} own={own} />
    </Page>
  );
}

interface HelpProps extends Pick<SagaPageProps, 'history' | 'machine' | 'mayOperate'> {
  /** For which it waits. */
  readonly events: readonly string[];
  readonly acts: readonly Act[];
  readonly path: string;
  /** It is shown how things were. */
  readonly isPast: boolean;
}

/** What is held, and what can be done. */
function Help({ history: { saga }, machine, acts, events, mayOperate, path, isPast }: HelpProps) {
  const effects = heldBy(saga, machine);
  if (effects.length + acts.length + events.length === 0) return <section id="help" />;
  const isParked = saga.status === 'ABORTED';
  const general = acts.filter(({ kind }) => kind !== 'skip' || !isParked);
  return (
    <section class={`card help ${isParked ? 'attention' : ''}`} id="help">
      <h2>{isPast ? 'Held then' : isParked ? 'Still held' : 'Held so far'}</h2>
      {effects.length === 0 && <p class="note">Nothing.</p>}
      <ul class="held">
        {effects.map((effect) => (
          <HeldLine
            effect={effect}
            skip={
              isParked ? acts.find(({ kind, step }) => kind === 'skip' && step === effect.step) : undefined
            }
            whom={mayOperate && !isPast ? whoToAsk(machine, effect.step) : null}
            path={path}
          />
        ))}
      </ul>
      {isParked && !mayOperate && <p class="advice">It waits for an operator, which you are not.</p>}
      {isParked && mayOperate && (
        <p class="advice">
          <strong>What to do:</strong> see that the service works again, then retry. If you have undone it by
          hand, skip that step
          {isParked &&
            effects.some(({ step }) => whoToAsk(machine, step) !== null) &&
            '; its service can be asked whether it is undone, and that is a proof of it'}
          . Resolve ends the saga as it stands.
        </p>
      )}
      <div class="acts">
        {events.map((name) => (
          <a class="button" href={eventHref(path, name)} data-dialog>
            Send {words(name).toLowerCase()}
          </a>
        ))}
        {general.map((act, index) => (
          <a
            id={['act', act.kind, act.as ?? act.step].join('-')}
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

interface HeldLineProps {
  readonly effect: HeldEffect;
  readonly skip: Act | undefined;
  /** Who can be asked what stands of it. */
  readonly whom: string | null;
  readonly path: string;
}

function HeldLine({ effect, skip, whom, path }: HeldLineProps) {
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
      {whom !== null && <Ask path={path} step={step} whom={whom} />}
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
        <NoWay>←</NoWay>
      ) : (
        <a class="button" href={`${path}?at=${before.seq}`} aria-label="One entry back">
          ←
        </a>
      )}
      <input type="range" min={1} max={last} value={here} aria-label="Entry of the log" hidden />
      {after === undefined ? (
        <NoWay>→</NoWay>
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

interface PayloadsProps {
  readonly history: SagaHistory;
  /** What came with the entry that is looked at. */
  readonly fresh: ReadonlySet<string>;
  readonly own: string;
}

function Payloads({ history: { saga }, fresh, own }: PayloadsProps) {
  const { context, id } = saga;
  const curl = `curl -s -H "Authorization: Bearer $API_TOKEN" ${own}/api/coordinator/sagas/${id}`;
  return (
    <section class="card" id="payloads">
      <h2>Data</h2>
      <Facts data={context.data} fresh={fresh} />
      {Object.entries(context.answers).map(([step, answer]) => (
        <Json title={`What ${step} had answered`} value={answer} isFresh={fresh.has(step)} />
      ))}
      <details>
        <summary>As a command</summary>
        <pre tabindex={0}>
          <code>{curl}</code>
        </pre>
        <button type="button" class="button copy" data-copy={curl} hidden>
          Copy
        </button>
      </details>
      <p class="note">
        <a href={testHref(`/sagas/${id}`)} data-dialog>
          As a test
        </a>{' '}
        that plays it again
      </p>
    </section>
  );
}

/** With what an entry of the log had added set apart from what was there before. */
function Facts({ data, fresh }: { data: object; fresh: ReadonlySet<string> }) {
  const added = Object.entries(data).filter(([name]) => fresh.has(name));
  return (
    <>
      <Json title="Facts of the saga" value={data} isFresh={added.length > 0} />
      {added.length > 0 && (
        <pre tabindex={0}>
          {added.map(([name, value]) => (
            <ins>{`+ ${name}: ${stringify(value, 2)}\n`}</ins>
          ))}
        </pre>
      )}
    </>
  );
}

function Json({ title, value, isFresh }: { title: string; value: unknown; isFresh: boolean }) {
  return (
    <details class={isFresh ? 'fresh' : undefined} open={isFresh}>
      <summary>{title}</summary>
      <pre tabindex={0}>
        <code>{stringify(value, 2)}</code>
      </pre>
    </details>
  );
}
