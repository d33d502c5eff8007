/** The first page: what needs a person, then how everything goes. */

import type { CauseCount } from '../../stores/saga-store.ts';
import { BULK_MAX } from '../bulk/bulk.ts';
import type { SagaPage } from '../engine/contract.ts';
import { CAUSES_SHOWN_MAX, heldTogether, titleOf } from './causes.ts';
import { FlowCard, type FlowCardProps } from './flow-card.tsx';
import { type Frame, Page } from './page.tsx';
import { Ago, Empty, SagaTable } from './parts.tsx';
import type { Pulse } from './pulse.ts';
import { count, words } from './wording.ts';

interface Service {
  readonly name: string;
  readonly healthy: boolean;
  /** State of its circuit breaker, where the coordinator says so. */
  readonly breaker: string | null;
}

export interface OverviewProps {
  readonly frame: Frame;
  readonly now: number;
  readonly position: string;
  readonly pulse: Pulse;
  /** Parked sagas of older releases that no cause says anything of yet. */
  readonly uncounted: number;
  readonly latest: SagaPage;
  /** `null` where no machine runs here. */
  readonly flow: FlowCardProps | null;
  readonly services: readonly Service[];
  /** Whether whoever looks may change anything. */
  readonly mayOperate: boolean;
}

export function Overview({
  frame,
  now,
  position,
  pulse,
  uncounted,
  latest,
  flow,
  services,
  mayOperate,
}: OverviewProps) {
  return (
    <Page frame={frame} title="Overview" here="overview" follows="all" position={position}>
      <h1 class="hidden">Overview</h1>
      <Attention pulse={pulse} uncounted={uncounted} now={now} mayOperate={mayOperate} />
      <section class="tiles" aria-label="Sums" id="tiles">
        <Tile href="/sagas?status=STARTED" tone="running" label="In flight" n={pulse.in_flight} />
        <Tile href="/sagas?status=COMPLETED" tone="completed" label="Completed in all" n={pulse.completed} />
        <Tile href="/sagas?status=FAILED" tone="failed" label="Undone in all" n={pulse.failed} />
        <Plot id="throughput" label="Settled per second" hint="now" />
        <Plot id="latency" label="Half take at most" hint="now" />
      </section>
      {flow !== null && <FlowCard {...flow} />}
      <div class="columns wide-left">
        <section class="card" id="latest">
          <header class="card-head">
            <h2>Newest sagas</h2>
            <a href="/sagas">All sagas</a>
          </header>
          {latest.sagas.length === 0 ? (
            <Empty>
              No saga yet. <code>POST /api/coordinator/sagas</code> starts one.
            </Empty>
          ) : (
            <SagaTable sagas={latest.sagas} now={now} />
          )}
        </section>
        <div class="stack">
          <section class="card" id="services">
            <h2>Services</h2>
            <ul class="services">
              {services.map((service) => (
                <ServiceLine service={service} />
              ))}
            </ul>
            <p class="note">Store: {frame.durability}</p>
            {[...new Set([...pulse.damage, ...latest.damage])].map((what) => (
              <p class="error">Damaged: {what}</p>
            ))}
          </section>
          <section class="card" id="failures">
            <h2>Where sagas fail</h2>
            <Failures byStep={pulse.failures_by_step} />
            <p class="note">
              <a href="/sagas?stuck_for=60">In flight or parked for a minute without a change</a>
            </p>
          </section>
        </div>
      </div>
    </Page>
  );
}

function Attention({
  pulse: { causes, parked },
  uncounted,
  now,
  mayOperate,
}: Pick<OverviewProps, 'pulse' | 'uncounted' | 'now' | 'mayOperate'>) {
  const all = parked + uncounted;
  if (all === 0) {
    return (
      <section class="card calm" id="attention">
        <strong>Nothing needs you.</strong> Every saga is on its way or has ended cleanly.
      </section>
    );
  }
  const machines = new Set(causes.map(({ machine }) => machine));
  const more = causes.slice(CAUSES_SHOWN_MAX);
  return (
    <section class="card attention" id="attention">
      <header>
        <a class="big" href="/sagas?status=ABORTED">
          {all.toLocaleString('en')}
        </a>
        <div>
          <h2>{all === 1 ? 'saga needs you' : 'sagas need you'}</h2>
          <p>
            {all === 1 ? 'It failed' : 'They failed'}, and something that was done could not be undone. It
            stays held until you act. <a href="/held">What is held in all</a>
          </p>
        </div>
      </header>
      <ul class="causes">
        {causes.slice(0, CAUSES_SHOWN_MAX).map((cause) => (
          <CauseLine cause={cause} isNamed={machines.size > 1} now={now} mayOperate={mayOperate} />
        ))}
      </ul>
      {more.length > 0 && (
        <p class="note">
          {count(more.length, 'cause')} more, of{' '}
          {count(
            more.reduce((sum, { n }) => sum + n, 0),
            'saga',
          )}
          . <a href="/sagas?status=ABORTED">See all parked sagas</a>
        </p>
      )}
      {uncounted > 0 && (
        <p class="note">
          {count(uncounted, 'saga')} of these, parked by an earlier release, {uncounted === 1 ? 'is' : 'are'}{' '}
          not counted by cause yet.
        </p>
      )}
    </section>
  );
}

function CauseLine({
  cause,
  isNamed,
  now,
  mayOperate,
}: {
  cause: CauseCount;
  /** Other machines have parked sagas, too. */
  isNamed: boolean;
  now: number;
  mayOperate: boolean;
}) {
  const { key, machine, step, error, n, sums, firstMs, lastMs } = cause;
  const held = heldTogether(sums);
  return (
    <li>
      <div class="what">
        <h3>
          {titleOf(cause)}
          {isNamed && <small> in {machine}</small>}
          <span class="times">{n.toLocaleString('en')} ×</span>
        </h3>
        {step !== null && <p class="error">{error ?? 'for very many different reasons'}</p>}
        {held !== '' && (
          <p>
            Still held: <strong>{held}</strong>
          </p>
        )}
        <p class="note">
          First <Ago ms={firstMs} now={now} />, last <Ago ms={lastMs} now={now} />
        </p>
      </div>
      <div class="acts">
        <a class="button" href={`/sagas?cause=${key}`}>
          Look at {n === 1 ? 'it' : 'them'}
        </a>
        {mayOperate && (
          <a class="button primary" href={`/bulks/new?act=retry&cause=${key}`} data-dialog>
            Retry {n === 1 ? 'it' : `${n > BULK_MAX ? `the newest ${BULK_MAX}` : `all ${n}`}`}
          </a>
        )}
      </div>
    </li>
  );
}

function Tile({ href, tone, label, n }: { href: string; tone: string; label: string; n: number }) {
  return (
    <a class={`tile tone-${tone}`} href={href}>
      <span class="label">{label}</span>
      <span class="figure">{n.toLocaleString('en')}</span>
    </a>
  );
}

/** Drawn by the client, which alone has seen more than one moment. Morphing leaves it alone. */
function Plot({ id, label, hint }: { id: string; label: string; hint: string }) {
  return (
    <div class="tile plot" data-keep id={id}>
      <span class="label">
        {label} <small>{hint}</small>
      </span>
      <span class="figure">–</span>
      <svg viewBox="0 0 120 32" preserveAspectRatio="none" aria-hidden="true">
        <path class="area" d="" />
        <path class="line" d="" />
      </svg>
    </div>
  );
}

function ServiceLine({ service: { name, healthy, breaker } }: { service: Service }) {
  const isShut = breaker !== null && breaker !== 'closed';
  return (
    <li class={healthy && !isShut ? 'well' : 'ill'}>
      <span class="dot" aria-hidden="true" />
      <span class="name">{words(name)}</span>
      <span class="word">
        {healthy ? 'healthy' : 'not reached'}
        {isShut && `, calls held back (breaker ${breaker})`}
      </span>
    </li>
  );
}

/** Of each machine by itself: steps of one name in two machines are two steps. */
function Failures({ byStep }: { byStep: Pulse['failures_by_step'] }) {
  const machines = Object.entries(byStep);
  const all = machines
    .flatMap(([machine, steps]) => Object.entries(steps).map(([step, n]) => ({ machine, step, n })))
    .sort((a, b) => b.n - a.n);
  const most = Math.max(1, ...all.map(({ n }) => n));
  if (all.length === 0) return <Empty>No step has failed so far.</Empty>;
  return (
    <ul class="bars">
      {all.map(({ machine, step, n }) => (
        <li>
          <a href={`/sagas?${new URLSearchParams({ machine, failed_step: step })}`}>
            {words(step)}
            {machines.length > 1 && <small> of {machine}</small>}
          </a>
          <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect width={Math.max(1, (100 * n) / most)} height="8" rx="2" />
          </svg>
          <span class="number" title={count(n, 'failure')}>
            {n.toLocaleString('en')}
          </span>
        </li>
      ))}
    </ul>
  );
}
