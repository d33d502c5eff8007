/** What a machine is made of, in words: its parts, the events that it waits for, and what one is started with. */
import type { RegisteredMachine } from '../../machines/index.ts';
import {
  jsonSchemaOf,
  notUndone,
  outlineOf,
  type PartWord,
  type Placed,
  partName,
  wordOf,
} from '../../machines/outline.ts';
import type { Step } from '../../machines/parts.ts';
import { count, span } from './wording.ts';

const WORDS: Readonly<Record<PartWord, string>> = {
  step: 'step',
  pivot: 'pivot',
  for_each: 'for each',
  parallel: 'parallel',
  when: 'when',
  wait_for: 'wait for',
  sleep: 'sleep',
};

export function MachineParts({ machine }: { machine: RegisteredMachine }) {
  return (
    <>
      <h3>Parts</h3>
      <section class="scroll" tabindex={0} aria-label={`Parts of ${machine.id} ${machine.version}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Part</th>
              <th scope="col">Does</th>
              <th scope="col">Undone by</th>
            </tr>
          </thead>
          <tbody>
            {outlineOf(machine.parts).map((placed) => (
              <PartRow machine={machine} placed={placed} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function PartRow({
  machine,
  placed: { part, inside, isPast },
}: {
  machine: RegisteredMachine;
  placed: Placed;
}) {
  return (
    <tr>
      <th scope="row">
        {partName(part)}
        <small>
          {WORDS[wordOf(part)]}
          {inside !== null && `, in ${inside.part}: ${inside.branch}`}
        </small>
      </th>
      {part.kind === 'step' ? (
        <>
          <td>
            {part.step.participant} <code>{part.step.action.path}</code>
            <small>{callWords(machine, part.step, isPast)}</small>
            {part.step.ask !== undefined && (
              <small>
                asked at <code>{part.step.ask.path}</code>
              </small>
            )}
          </td>
          <td>
            <Undo machine={machine} step={part.step} />
          </td>
        </>
      ) : (
        <>
          <td>{doesWords(part)}</td>
          <td />
        </>
      )}
    </tr>
  );
}

function Undo({ machine, step }: { machine: RegisteredMachine; step: Step }) {
  const { compensation, name } = step;
  const none = notUndone(step);
  if (none !== null) {
    return (
      <>
        {none.stays ? 'Stays' : 'Nothing to undo'}
        <small>{none.reason}</small>
      </>
    );
  }
  const { timeoutMs, attemptsMax } = machine.policyOf(name, 'compensation');
  return (
    <>
      <code>{'path' in compensation && compensation.path}</code>
      <small>{`${span(timeoutMs)} a call, ${count(attemptsMax, 'attempt')}`}</small>
    </>
  );
}

function callWords(machine: RegisteredMachine, { name, asynchronous, each }: Step, isPast: boolean): string {
  const { timeoutMs, attemptsMax } = machine.policyOf(name, 'action');
  const said = [`${span(timeoutMs)} a call`, isPast ? 'until it succeeds' : count(attemptsMax, 'attempt')];
  if (asynchronous) said.push(`asynchronous, within ${span(asynchronous.withinMs)}`);
  if (each) said.push(`at most ${count(each.itemsMax, 'item')}, ${each.concurrency} at once`);
  return said.join(', ');
}

function doesWords(part: Exclude<Placed['part'], { kind: 'step' }>): string {
  switch (part.kind) {
    case 'parallel':
      return `${part.branches.map(({ name }) => name).join(' beside ')}`;
    case 'choice':
      return part.otherwise.length === 0 ? 'then, or nothing' : 'then, or otherwise';
    case 'event':
      return `within ${span(part.withinMs)}, else ${part.late === 'undo' ? 'it is undone' : 'it goes on without'}`;
    case 'sleep':
      return typeof part.until === 'number' ? span(part.until) : 'until a moment in its data';
    default:
      return part satisfies never;
  }
}

/** The label, and the schemas of what comes from outside. */
export function MachineDoors({ machine: { id, label, input, events } }: { machine: RegisteredMachine }) {
  return (
    <>
      <h3>What comes from outside</h3>
      <p class="note">
        {label === null ? 'No fact names one to a person.' : ['Named by ', <code>{label}</code>, '.']}
      </p>
      {input !== null && <Schema of={`Input of ${id}`} schema={jsonSchemaOf(input)} />}
      {[...events.values()].map(({ name, data }) => (
        <Schema of={`Event ${name}`} schema={jsonSchemaOf(data)} />
      ))}
    </>
  );
}

function Schema({ of, schema }: { of: string; schema: Readonly<Record<string, unknown>> }) {
  return (
    <details>
      <summary>{of}</summary>
      <pre tabindex={0}>{JSON.stringify(schema, null, 2)}</pre>
    </details>
  );
}
