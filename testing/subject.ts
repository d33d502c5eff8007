/** A saga under test: its machine, and what is made up of what a test does not say. */

import type { Saga } from '../machines/define.ts';
import { definitionOf } from '../machines/definition.ts';
import { type Answer, type RegisteredMachine, Registry, type SagaDefinition } from '../machines/index.ts';
import { allParts, type Step } from '../machines/parts.ts';
import type { CallPolicy, Kind } from '../machines/saga.ts';
import { sampleOf } from '../machines/sample.ts';

/** A saga of either form. */
export type AnySaga<I = unknown> = Saga<I> | SagaDefinition;

/** Where a definition says nothing of it itself. */
const USUAL: CallPolicy = { timeoutMs: 5_000, attemptsMax: 3, backoffMs: 100, backoffMaxMs: 10_000 };

export interface Subject {
  readonly machine: RegisteredMachine;
  /** What an action answers where the test says nothing else. */
  readonly answer: (step: string) => Answer;
  /** @throws where it is not as the saga wants it */
  readonly input: (given: unknown) => Answer;
}

const subjects = new WeakMap<AnySaga, Subject>();

/** Checked once for each saga: that takes longer than most tests. @throws MachineError, DefinitionError */
export function subjectOf(saga: AnySaga): Subject {
  const known = subjects.get(saga);
  if (known !== undefined) return known;
  const machine = new Registry().register(
    'parts' in saga && 'about' in saga ? definition(saga) : (saga as SagaDefinition),
  );
  const answers = new Map<string, Answer>();
  const subject: Subject = {
    machine,
    answer(name) {
      const made = answers.get(name) ?? madeUp(machine, name);
      answers.set(name, made);
      return made;
    },
    input: (given) => (machine.input === null ? (given as Answer) : machine.input.parse(given)),
  };
  subjects.set(saga, subject);
  return subject;
}

function definition(saga: Saga): SagaDefinition {
  const steps = new Map(stepsOf(saga).map((step) => [step.name, step]));
  return definitionOf(saga, (step: string, kind: Kind) => ({
    ...USUAL,
    ...steps.get(step)?.policies?.[kind],
  }));
}

const stepsOf = ({ parts }: Saga): readonly Step[] =>
  allParts(parts).flatMap((part) => (part.kind === 'step' ? [part.step] : []));

function madeUp({ steps }: RegisteredMachine, name: string): Answer {
  const step = steps.find((one) => one.name === name);
  if (step === undefined) throw new RangeError(`there is no step ${name}`);
  return sampleOf(step.action.answer, `the answer of ${name}`, `${name}: [done({ … })]`);
}
