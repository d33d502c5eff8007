/** The crash theatre: break things, and watch every order end once. It works without a script, and is live with one. */
import type { CastMember } from '../cast.ts';
import type { SagaListing } from '../engine/contract.ts';
import { FAULTS, SHARES, type StandingRule, type StubSeen } from '../stubs.ts';
import { type Frame, Page } from './page.tsx';
import { Ago, Empty, nameOf } from './parts.tsx';
import { stateWords } from './state-words.ts';
import { type Lane, MARKS_MAX, type Scene } from './theatre.ts';
import { count, span, words } from './wording.ts';

/** How often the page asks for itself, whatever happens to sagas: processes come and go without any of them being written to. */
const AGAIN_MS = 2000;
export const ORDERS = ['1', '10', '50'] as const;
/** Longer than a lease with the calls that a slow service makes: others take over before it is back. */
export const AWAY_SECONDS = 30;

export interface TheatreProps {
  readonly frame: Frame;
  readonly now: number;
  readonly position: string;
  readonly scene: Scene;
  /** Whether there are orders, and whoever looks may start some. */
  readonly mayStart: boolean;
}

export function Theatre({ frame, now, position, scene, mayStart }: TheatreProps) {
  return (
    <Page frame={frame} title="Crash theatre" here="theatre" follows="all" position={position}>
      <div class="theatre" data-again={AGAIN_MS}>
        <h1>Crash theatre</h1>
        <p class="note">
          Make the services slow, start fifty orders, and kill whoever holds them. Each order ends, and no
          card is charged twice.
        </p>
        <Sums scene={scene} now={now} />
        <section class="card" id="start">
          <form method="post" action="/theatre/orders" class="row" data-in-place>
            <h2>Start orders</h2>
            {ORDERS.map((n) => (
              <button type="submit" class="button primary" name="n" value={n} disabled={!mayStart}>
                {n}
              </button>
            ))}
            <span class="note">
              {mayStart
                ? 'Nobody waits for them: they run as long as it takes.'
                : 'It takes orders to be served here, and the role submitter.'}
            </span>
          </form>
        </section>
        <Lanes scene={scene} now={now} />
        <Services scene={scene} now={now} />
      </div>
    </Page>
  );
}

function Sums({ scene: { pulse, stubs }, now }: { scene: Scene; now: number }) {
  return (
    <section class="tiles" aria-label="Sums" id="sums">
      <Sum tone="running" label="In flight" n={pulse.in_flight} href="/sagas?status=STARTED" />
      <Sum tone="completed" label="Completed in all" n={pulse.completed} href="/sagas?status=COMPLETED" />
      <Sum tone="failed" label="Undone in all" n={pulse.failed} href="/sagas?status=FAILED" />
      <Sum
        tone={pulse.parked > 0 ? 'parked' : 'none'}
        label="Parked"
        n={pulse.parked}
        href="/sagas?status=ABORTED"
      />
      <Twice stubs={stubs} now={now} />
    </section>
  );
}

function Sum({ tone, label, n, href }: { tone: string; label: string; n: number; href: string }) {
  return (
    <a class={`tile tone-${tone}`} href={href}>
      <span class="label">{label}</span>
      <span class="figure">{n.toLocaleString('en')}</span>
    </a>
  );
}

/** What the payment service itself has on its books; of other sagas, which have none, what all stubs have. */
function Twice({ stubs, now }: { stubs: readonly StubSeen[]; now: number }) {
  const payment = stubs.filter(({ name }) => name === 'payment');
  const counting = payment.length > 0 ? payment : stubs;
  const tallies = counting.map(({ tally }) => tally);
  const since = sinceOf(counting);
  const n = tallies.reduce((sum, tally) => sum + (tally?.performed_twice ?? 0), 0);
  const sagas = tallies.flatMap((tally) => tally?.sagas ?? []);
  return (
    <div class={`tile ${n > 0 ? 'tone-parked' : 'tone-completed'}`} id="twice">
      <span class="label">{payment.length > 0 ? 'Charged twice' : 'Done twice'}</span>
      <span class="figure">{since === null ? '–' : n.toLocaleString('en')}</span>
      <small>
        {since === null ? (
          'the books cannot be asked'
        ) : (
          <>
            by books begun <Ago ms={since} now={now} />
          </>
        )}
      </small>
      {sagas.map((id) => (
        <a href={`/sagas/${id}`}>{id}</a>
      ))}
    </div>
  );
}

function Lanes({ scene, now }: { scene: Scene; now: number }) {
  const { lanes, free, isPart, taken, looked } = scene;
  return (
    <section class="card" id="lanes">
      <header class="card-head">
        <h2>Who holds what</h2>
        <span class="note">
          {isPart && `The newest ${MARKS_MAX} of those in flight are drawn. `}
          {looked > 0 && `Taken over: ${taken.size} of the newest ${count(looked, 'saga')}`}
        </span>
      </header>
      {lanes.map((lane) => (
        <LaneOf lane={lane} taken={taken} isPart={isPart} now={now} />
      ))}
      {free.length > 0 && (
        <section class="lane free" id="lane-free">
          <div class="who">
            <h3>In nobody's hands</h3>
            <small>waiting for their time, or given back</small>
          </div>
          <Marks sagas={free} taken={taken} boot={null} />
        </section>
      )}
      <p class="note">
        Each mark is a saga, with the number of its steps that are done. A filled one was taken over; a dashed
        red one is still in the hands of somebody who is gone, until its lease ends or they are back.
      </p>
      {lanes.length === 1 && (
        <p class="note">
          With one coordinator sagas wait until it is back. Start with{' '}
          <code>FAULTS=1 COORDINATOR_PROCESSES=2 npm start</code>, and another takes them over.
        </p>
      )}
    </section>
  );
}

function LaneOf({
  lane,
  taken,
  isPart,
  now,
}: {
  lane: Lane;
  taken: ReadonlySet<string>;
  isPart: boolean;
  now: number;
}) {
  const { name, boot, seenAtMs, process, isOwn, sagas, took } = lane;
  const isDown = process !== null && !process.isUp;
  return (
    <section class={`lane${process?.pid === null ? ' down' : ''}`} id={`lane-${idOf(name)}`}>
      <div class="who">
        <h3>{name}</h3>
        <small>
          {boot === null ? 'not heard of yet' : `boot ${boot}`}
          {process?.pid != null && `, pid ${process.pid}`}
          {isOwn && ', shows this page'}
        </small>
        <small>
          {isDown && <strong class="error">{process.pid === null ? 'down' : 'coming up'}</strong>}
          {!isDown && process !== null && (
            <>
              started <Ago ms={process.startedAtMs} now={now} />
            </>
          )}
          {process === null && seenAtMs !== null && (
            <>
              last seen <Ago ms={seenAtMs} now={now} />
            </>
          )}
          {process !== null && seenAtMs !== null && (
            <>
              , last seen <Ago ms={seenAtMs} now={now} />
            </>
          )}
        </small>
        <small>
          holds {sagas.length}
          {isPart && ' of those drawn'}, took over {took}
          {process !== null && process.kills > 0 && `, killed ${process.kills} ×`}
        </small>
      </div>
      <Marks sagas={sagas} taken={taken} boot={boot} />
      {process !== null && <Kill victim={process} isAway />}
    </section>
  );
}

/** A page's ids are its own, and names have dots and colons. */
function idOf(name: string): string {
  return name.replace(/\W/g, '-');
}

function Marks({
  sagas,
  taken,
  boot,
}: {
  sagas: readonly SagaListing[];
  taken: ReadonlySet<string>;
  /** Of the lane: what an older one holds still has been taken back by nobody. */
  boot: number | null;
}) {
  if (sagas.length === 0) return <p class="marks empty">nothing in hand</p>;
  return (
    <ul class="marks">
      {sagas.map((saga) => {
        const { id, owner, summary } = saga;
        const isOrphan = owner !== null && boot !== null && owner.boot < boot;
        const isTaken = taken.has(id);
        const says = [
          nameOf(saga),
          stateWords(summary.state),
          ...(isTaken ? ['taken over'] : []),
          ...(isOrphan ? ['of a boot that is gone'] : []),
        ].join(', ');
        const look = `mark${isTaken ? ' taken' : ''}${isOrphan ? ' orphan' : ''}`;
        return (
          <li id={`mark-${id}`}>
            <a
              class={look}
              href={`/sagas/${id}`}
              title={says}
              aria-label={`${says}, ${count(summary.steps_completed, 'step')} done`}
            >
              {summary.steps_completed}
            </a>
          </li>
        );
      })}
    </ul>
  );
}

/** @param isAway whether it can be kept away: then others take over what it held */
function Kill({ victim, isAway = false }: { victim: CastMember; isAway?: boolean }) {
  const { kind, name, isUp } = victim;
  // Another one when it is off: what a script finds disabled, it leaves so.
  const id = `kill-${kind}-${idOf(name)}-${isUp ? 'on' : 'off'}`;
  return (
    <form method="post" action="/theatre/kill" class="kill" data-in-place>
      <input type="hidden" name="kind" value={kind} />
      <input type="hidden" name="name" value={name} />
      <button type="submit" class="button grave" id={id} name="away" value="0" disabled={!isUp}>
        kill -9
      </button>
      {isAway && (
        <button
          type="submit"
          class="button"
          id={`${id}-away`}
          name="away"
          value={String(AWAY_SECONDS)}
          disabled={!isUp}
        >
          … for {AWAY_SECONDS} s
        </button>
      )}
    </form>
  );
}

function Services({ scene: { stubs, others }, now }: { scene: Scene; now: number }) {
  const stubbed = stubs.filter(({ rules }) => rules !== null);
  return (
    <>
      <section class="card" id="faults">
        <header class="card-head">
          <h2>Services and their faults</h2>
          {stubs.some(({ rules }) => rules !== null && rules.length > 0) && (
            <Clear service="all" label="Clear all" />
          )}
        </header>
        {stubbed.length > 0 && <SetFault stubs={stubbed} />}
        {stubs.length === 0 ? (
          <Empty>No service is called here.</Empty>
        ) : (
          <section class="scroll" tabindex={0} aria-label="Services">
            <table class="numbers">
              <thead>
                <tr>
                  {['Service', 'Done', 'Undone', 'Repeats', 'Done twice'].map((title) => (
                    <th scope="col">{title}</th>
                  ))}
                  <th scope="col" class="fault">
                    Fault
                  </th>
                </tr>
              </thead>
              <tbody>
                {stubs.map((stub) => (
                  <StubRow stub={stub} />
                ))}
              </tbody>
            </table>
          </section>
        )}
        <Since stubs={stubs} now={now} />
      </section>
      <section class="card" id="others">
        <h2>What else can be killed</h2>
        {others === null || others.length === 0 ? (
          <p class="note">
            Nothing here: <code>FAULTS=1 npm start</code> runs services and Redis of its own, and starts again
            what is killed.
          </p>
        ) : (
          <ul class="others">
            {others.map((one) => (
              <Other one={one} now={now} />
            ))}
          </ul>
        )}
      </section>
    </>
  );
}

const LOST: Readonly<Record<CastMember['kind'], string>> = {
  coordinator: '',
  services:
    'They keep their books in memory: killed, they forget whom they have charged, and so does the count above.',
  redis: 'What it has acknowledged is on disk. Nothing goes on without it, and nothing is lost.',
};

function Other({ one, now }: { one: CastMember; now: number }) {
  const { kind, name, pid, isUp, startedAtMs, kills } = one;
  return (
    <li class={isUp ? undefined : 'down'} id={`other-${kind}`}>
      <div>
        <h3>{words(name)}</h3>
        <small>
          {isUp ? (
            <>
              pid {pid}, started <Ago ms={startedAtMs} now={now} />
            </>
          ) : (
            <strong class="error">{pid === null ? 'down' : 'coming up'}</strong>
          )}
          {kills > 0 && `, killed ${kills} ×`}
        </small>
        <p class="note">{LOST[kind]}</p>
      </div>
      <Kill victim={one} />
    </li>
  );
}

function SetFault({ stubs }: { stubs: readonly StubSeen[] }) {
  return (
    <form method="post" action="/theatre/faults" class="row" data-in-place>
      <label>
        Of
        <select name="service">
          <option value="all">all services</option>
          {stubs.map(({ name }) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        these calls
        <select name="endpoint">
          <option value="action">actions</option>
          <option value="compensation">undos</option>
        </select>
      </label>
      <label>
        shall
        <select name="fault">
          {Object.entries(FAULTS).map(([name, { title }]) => (
            <option value={name}>{title}</option>
          ))}
        </select>
      </label>
      <label>
        that is
        <select name="share">
          {Object.entries(SHARES).map(([name, { title }]) => (
            <option value={name}>{title}</option>
          ))}
        </select>
      </label>
      <button type="submit" class="button primary">
        Set
      </button>
    </form>
  );
}

function StubRow({ stub: { name, rules, tally } }: { stub: StubSeen }) {
  const shown = (n: number | undefined) => (n === undefined ? '–' : n.toLocaleString('en'));
  const twice = tally?.performed_twice;
  return (
    <tr id={`stub-${idOf(name)}`}>
      <th scope="row">{words(name)}</th>
      <td>{shown(tally?.actions.performed)}</td>
      <td>{shown(tally?.compensations.performed)}</td>
      <td>{shown(tally === null ? undefined : tally.actions.replayed + tally.compensations.replayed)}</td>
      <td class={twice ? 'error' : undefined}>{shown(twice)}</td>
      <td class="fault">
        {rules === null && <small>{tally === null ? 'not reached' : 'has no faults to set'}</small>}
        {rules?.length === 0 && <small>none</small>}
        {rules?.map((rule) => (
          <span>{ruleWords(rule)}</span>
        ))}
        {rules !== null && rules.length > 0 && <Clear service={name} label="Clear" />}
      </td>
    </tr>
  );
}

function Clear({ service, label }: { service: string; label: string }) {
  return (
    <form method="post" action="/theatre/faults/clear" data-in-place>
      <button type="submit" class="button" name="service" value={service}>
        {label}
      </button>
    </form>
  );
}

/** As it stands at the service, whoever has set it. */
export function ruleWords({
  endpoint,
  kind,
  latency_ms,
  status,
  times,
  probability,
  hits,
}: StandingRule): string {
  const calls = { action: 'Actions', compensation: 'Undos' }[endpoint] ?? `Calls of ${endpoint}`;
  const share =
    times !== undefined
      ? `, ${times} in all`
      : probability !== undefined
        ? `, ${100 * probability} % of them`
        : '';
  const does: Readonly<Record<string, string>> = {
    latency: `take ${span(latency_ms ?? 0)} longer`,
    'slow-effect': `take ${span(latency_ms ?? 0)} longer within`,
    status: `are answered ${status}`,
    'lose-answer': 'lose their answer',
    'drop-connection': 'break off',
    hang: 'hang',
  };
  return `${calls} ${does[kind] ?? kind}${share}: ${hits} so far`;
}

/** The count is as good as the books, and these are kept in memory. */
function Since({ stubs, now }: { stubs: readonly StubSeen[]; now: number }) {
  const stubbed = stubs.filter(({ tally }) => tally !== null);
  const since = sinceOf(stubbed);
  if (since === null) return null;
  const forgotten = stubbed.reduce((sum, { tally }) => sum + (tally?.forgotten ?? 0), 0);
  return (
    <p class="note">
      Counted by the services themselves, in their ledgers, since they began <Ago ms={since} now={now} />:
      what was done before that, nobody has counted. A repeat is a call that came again and was answered from
      the ledger.
      {forgotten > 0 && ` Of ${count(forgotten, 'effect')} a second one would not be noticed any more.`}
    </p>
  );
}

/** From when on all of them have counted; `null` where one of them does not say. */
function sinceOf(stubs: readonly StubSeen[]): number | null {
  const begun = stubs.map(({ tally }) => (tally === null ? Number.NaN : Date.parse(tally.started_at)));
  const since = Math.max(...begun);
  return Number.isFinite(since) ? since : null;
}

/** For whoever has no script, where the coordinator that answers is the one that is killed. */
export function Killed({ frame, name }: { frame: Frame; name: string }) {
  return (
    <Page frame={frame} title="Killed" here="theatre">
      <section class="card narrow">
        <h1>{name} is killed</h1>
        <p>
          It was the one that has shown you the page. Give it a moment to come back, or another one to answer.
        </p>
        <p class="acts">
          <a class="button primary" href="/theatre">
            Back to the theatre
          </a>
        </p>
      </section>
    </Page>
  );
}
