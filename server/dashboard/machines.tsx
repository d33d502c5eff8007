/** The machines that this coordinator knows, each with its picture. */
import type { RegisteredMachine } from '../../machines/index.ts';
import type { Statistics } from '../../stores/saga-store.ts';
import { type Frame, Page } from './page.tsx';
import { Statechart } from './statechart/draw.tsx';
import { chartOf } from './statechart/layout.ts';

interface MachinesProps {
  readonly frame: Frame;
  readonly machines: readonly RegisteredMachine[];
  readonly counters: Statistics['counters'];
}

export function Machines({ frame, machines, counters }: MachinesProps) {
  return (
    <Page frame={frame} title="Machines" here="machines">
      <h1>Machines</h1>
      {machines.map((machine) => (
        <Machine machine={machine} counts={counters[machine.id] ?? {}} />
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
}: {
  machine: RegisteredMachine;
  counts: Readonly<Record<string, number>>;
}) {
  const { id, version, structure, steps } = machine;
  const base = `/machines/${id}@${version}`;
  return (
    <section class="card columns wide-right">
      <div>
        <Statechart chart={chartOf(machine)} />
      </div>
      <div>
        <h2>
          {id} <small>version {version}</small>
        </h2>
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
