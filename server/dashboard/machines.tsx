/** The machines that this coordinator knows, each with its picture. */
import type { RegisteredMachine } from '../../machines/index.ts';
import type { Statistics } from '../../stores/saga-store.ts';
import { MachineDoors, MachineParts } from './machine-parts.tsx';
import { type Frame, Page } from './page.tsx';
import { LOOKED_AT_MAX, type Standing } from './standing.ts';
import { Statechart } from './statechart/draw.tsx';
import { chartOf } from './statechart/layout.ts';
import { words } from './wording.ts';

interface MachinesProps {
  readonly frame: Frame;
  readonly machines: readonly RegisteredMachine[];
  readonly counters: Statistics['counters'];
  readonly standing: Standing;
  /** Whether whoever looks may start sagas of it. */
  readonly mayStart: (machine: RegisteredMachine) => boolean;
}

export function Machines({ frame, machines, counters, standing, mayStart }: MachinesProps) {
  return (
    <Page frame={frame} title="Machines" here="machines">
      <h1>Machines</h1>
      {machines.map((machine) => (
        <Machine
          machine={machine}
          counts={counters[machine.id] ?? {}}
          standing={standing}
          mayStart={mayStart(machine)}
        />
      ))}
    </Page>
  );
}

const COUNTS = [
  ['started', 'Started'],
  ['settled.COMPLETED', 'Completed'],
  ['settled.FAILED', 'Undone'],
  ['settled.ABORTED', 'Parked, ever'],
] as const;

function Machine({
  machine,
  counts,
  standing,
  mayStart,
}: {
  machine: RegisteredMachine;
  counts: Readonly<Record<string, number>>;
  standing: Standing;
  mayStart: boolean;
}) {
  const { id, version, structure, steps } = machine;
  const base = `/machines/${anchorOf(machine)}`;
  return (
    <section class="card columns wide-right" id={anchorOf(machine)}>
      <section class="scroll" tabindex={0} aria-label={`Statechart of ${id} ${version}`}>
        <Statechart chart={chartOf(machine)} />
      </section>
      <div>
        <h2>
          {id} <small>version {version}</small>
        </h2>
        {mayStart && (
          <p class="acts">
            <a class="button" href={`/start?${new URLSearchParams({ machine: id, version })}`} data-dialog>
              Start one
            </a>
          </p>
        )}
        <p class="note">
          Read it down the left while all goes well, and up the right while it is undone. {steps.length}{' '}
          steps, structure <code>{structure}</code>.
        </p>
        <dl class="counts">
          {COUNTS.map(([name, label]) => (
            <div>
              <dt>{label}</dt>
              <dd>{(counts[name] ?? 0).toLocaleString('en')}</dd>
            </div>
          ))}
        </dl>
        <p class="note">Counts are of all versions of {id}, by all coordinators.</p>
        <MachineDoors machine={machine} />
        <MachineParts machine={machine} />
        <h3>Where unfinished sagas stand</h3>
        <States machine={machine} standing={standing} />
        <ul class="plain">
          <li>
            <a href={`${base}.svg`}>Picture (SVG)</a>
          </li>
          <li>
            <a href={`${base}.mmd`}>Mermaid</a>
          </li>
          <li>
            <a href={`${base}.json`}>XState config (JSON)</a>, which{' '}
            <a href="https://stately.ai/registry/new" rel="noreferrer external">
              Stately Studio
            </a>{' '}
            opens by Import
          </li>
        </ul>
      </div>
    </section>
  );
}

/** In the machine's own order of states, each with the way to its sagas. */
function States({ machine, standing }: { machine: RegisteredMachine; standing: Standing }) {
  const counts = standing.states.get(`${machine.id}@${machine.version}`);
  if (counts === undefined && !standing.isPart)
    return <p class="note">None of this version is in flight or parked.</p>;
  const states = Object.keys(machine.machine.states).filter((state) => counts?.has(state));
  const hrefOf = (status: string) => `/sagas?${new URLSearchParams({ status, machine: machine.id })}`;
  return (
    <>
      <ul class="plain states">
        {states.map((state) => (
          <li>
            <a href={`/sagas?state=${encodeURIComponent(state)}`}>{words(state)}</a> {counts?.get(state)}
          </li>
        ))}
      </ul>
      {standing.isPart && (
        <p class="note">
          {counts === undefined ? 'None of this version is' : 'These are'} among the newest {LOOKED_AT_MAX} in
          flight and the newest {LOOKED_AT_MAX} parked; there are more:{' '}
          <a href={hrefOf('STARTED')}>in flight</a>, <a href={hrefOf('ABORTED')}>parked</a>.
        </p>
      )}
    </>
  );
}

/** By which the page is led to a machine. */
export function anchorOf({ id, version }: Pick<RegisteredMachine, 'id' | 'version'>): string {
  return `${id}@${version}`;
}
