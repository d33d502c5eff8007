/** All sagas of a machine on its statechart, as it is now or as it was at a minute of the last day. */
import type { RegisteredMachine } from '../../machines/index.ts';
import { heldTogether } from './causes.ts';
import { clockOf } from './day-chart.tsx';
import { tookOf } from './history.tsx';
import { NoWay } from './parts.tsx';
import { Statechart } from './statechart/draw.tsx';
import type { Flow, NodeFlow } from './statechart/flow.ts';
import { chartOf } from './statechart/layout.ts';
import { count } from './wording.ts';

/** How the last day went, a quarter of an hour each. */
export interface Quarter {
  readonly atMs: number;
  readonly ended: number;
  /** Parked, and calls that were tried again: what an outage looks like from afar. */
  readonly troubled: number;
}

export interface FlowCardProps {
  readonly machines: readonly RegisteredMachine[];
  /** The one that is shown. */
  readonly machine: RegisteredMachine;
  readonly flow: Flow;
  /** The minute that is looked at; `null` for now. */
  readonly at: number | null;
  /** The newest and the oldest that can be looked at. */
  readonly newest: number;
  readonly oldest: number;
  /** When somebody looked where sagas stood, and how many of how many in flight; `null` where nobody has. */
  readonly stood: { readonly atMs: number; readonly inFlight: number; readonly lookedAt: number } | null;
  readonly quarters: readonly Quarter[];
}

export function FlowCard(props: FlowCardProps) {
  const { machines, machine, flow, at } = props;
  const chart = chartOf(machine);
  const said = new Map([...flow.nodes].map(([id, node]) => [id, { ...node, says: sayingOf(node) }] as const));
  const rows = chart.nodes.filter(({ id }) => flow.nodes.has(id));
  return (
    <section class={`card ${at === null ? '' : 'past'}`} id="flow">
      <header class="card-head">
        <h2>Where all sagas are</h2>
        <a href="/history">History</a>
      </header>
      {machines.length > 1 && (
        <nav class="tabs" aria-label="Machine">
          {machines.map((one) => (
            <a href={hrefOf(one, at)} aria-current={one === machine ? 'page' : undefined}>
              {one.id}
            </a>
          ))}
        </nav>
      )}
      <Moments {...props} />
      <div class="columns wide-right">
        <section class="scroll" tabindex={0} aria-label={`All sagas of ${machine.id} on its statechart`}>
          <Statechart chart={chart} flow={{ nodes: said, edges: flow.edges }} />
        </section>
        <div>
          {rows.length === 0 ? (
            <p class="note">No saga of {machine.id} has moved within these minutes, and none stood still.</p>
          ) : (
            <section class="scroll" tabindex={0} aria-label={`What is where of ${machine.id}`}>
              <table class="numbers">
                <thead>
                  <tr>
                    {['State', 'In flight', 'A minute', 'p95', 'Parked'].map((title) => (
                      <th scope="col">{title}</th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {rows.map(({ id, label }) => (
                    <Row machine={machine} state={id} label={label} node={flow.nodes.get(id) as NodeFlow} />
                  ))}
                </tbody>
              </table>
            </section>
          )}
        </div>
      </div>
    </section>
  );
}

function Row({
  machine,
  state,
  label,
  node,
}: {
  machine: RegisteredMachine;
  state: string;
  label: string;
  node: NodeFlow;
}) {
  const { standing, perMinute, p95Ms, parked, held } = node;
  return (
    <tr>
      <th scope="row">
        <a href={`/sagas?${new URLSearchParams({ machine: machine.id, state })}`}>{label}</a>
        {parked > 0 && <small class="error">{heldTogether(held)}</small>}
      </th>
      <td>{standing.toLocaleString('en')}</td>
      <td>{rateOf(perMinute)}</td>
      <td>{tookOf(p95Ms)}</td>
      <td class={parked > 0 ? 'error' : undefined}>{parked.toLocaleString('en')}</td>
    </tr>
  );
}

/** The slider over the day, with links that do without it. */
function Moments({ machine, at, newest, oldest, stood, quarters }: FlowCardProps) {
  const here = at ?? newest;
  const link = (minutes: number, text: string, label: string) => {
    const to = here + minutes;
    if (to < oldest || (minutes > 0 && at === null)) return <NoWay>{text}</NoWay>;
    return (
      <a class="button" href={hrefOf(machine, to >= newest ? null : to)} aria-label={`${text}: ${label}`}>
        {text}
      </a>
    );
  };
  return (
    <div class="scrubber day-scrubber">
      <span class="steps">
        {link(-60, '−1 h', 'an hour back')}
        {link(-5, '−5', 'five minutes back')}
        {link(-1, '−1', 'a minute back')}
      </span>
      <div class="over">
        <Strip quarters={quarters} from={oldest} to={newest + 1} />
        <input
          type="range"
          min={oldest}
          max={newest}
          value={here}
          aria-label="Minute of the last day"
          hidden
        />
      </div>
      <span class="steps">
        {link(1, '+1', 'a minute on')}
        {link(5, '+5', 'five minutes on')}
        {link(60, '+1 h', 'an hour on')}
      </span>
      <p class="note">
        {at === null ? (
          'Now. '
        ) : (
          <>
            <strong>As it was at {clockOf(at * 60_000)} UTC.</strong>{' '}
            <a href={hrefOf(machine, null)}>Back to now</a>.{' '}
          </>
        )}
        Rates and edges are of the five minutes before.{' '}
        {stood === null
          ? 'Nobody has looked yet where sagas stand.'
          : `Where they stand was seen at ${new Date(stood.atMs).toISOString().slice(11, 19)} UTC${
              stood.lookedAt < stood.inFlight
                ? `, of the newest ${count(stood.lookedAt, 'saga')} of ${stood.inFlight.toLocaleString('en')} in flight`
                : ''
            }.`}
      </p>
    </div>
  );
}

/** Above the slider: where there was trouble. */
function Strip({ quarters, from, to }: { quarters: readonly Quarter[]; from: number; to: number }) {
  const most = Math.max(1, ...quarters.map(({ ended, troubled }) => ended + troubled));
  return (
    <svg class="strip" height="28" aria-hidden="true">
      {quarters.map(({ atMs, ended, troubled }) => {
        const x = `${((100 * (atMs / 60_000 - from)) / (to - from)).toFixed(2)}%`;
        const width = `${((100 * 13) / (to - from)).toFixed(2)}%`;
        const high = (n: number) => (n === 0 ? 0 : Math.max(1.5, (28 * n) / most));
        return (
          <>
            <rect class="tone-completed" x={x} width={width} y={28 - high(ended)} height={high(ended)} />
            <rect
              class="tone-parked"
              x={x}
              width={width}
              y={28 - high(ended) - high(troubled)}
              height={high(troubled)}
            />
          </>
        );
      })}
    </svg>
  );
}

function sayingOf({ perMinute, p95Ms, parked, held }: NodeFlow): string {
  if (parked > 0) return heldTogether(held) || `${parked.toLocaleString('en')} parked`;
  const rate = perMinute > 0 ? `${rateOf(perMinute)}/min` : '';
  const took = p95Ms === null ? '' : `95 % in ${tookOf(p95Ms)}`;
  return [rate, took].filter((one) => one !== '').join(', ');
}

function rateOf(perMinute: number): string {
  if (perMinute === 0) return '0';
  return perMinute >= 100
    ? Math.round(perMinute).toLocaleString('en')
    : perMinute.toFixed(1).replace(/\.0$/, '');
}

function hrefOf({ id }: RegisteredMachine, at: number | null): string {
  return `/?${new URLSearchParams({ machine: id, ...(at !== null && { at: String(at) }) })}#flow`;
}
