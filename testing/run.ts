/** One saga against a script: given what participants and people do, what becomes of it? */
import type { Answer } from '../machines/saga.ts';
import { type Choices, Drive, type End, titleOf } from './drive.ts';
import { done, type Reply } from './replies.ts';
import { type AnySaga, subjectOf } from './subject.ts';

/**
 * What participants do, by step: `payment`, `'undo payment'`, an item as `'insurance/ada'`; one reply after the other.
 * Afterwards, and where nothing is said, all is done, and answers are made up that the schemas allow.
 */
export type Script = Readonly<Record<string, Reply | readonly Reply[]>>;

export interface RunOptions {
  /** Events that come when they are waited for, by name, with their data. Others never come: their time passes. */
  readonly events?: Readonly<Record<string, Answer>>;
  /** A coordinator is killed during this call, once, and another carries on: as `payment` or `'undo payment'`. */
  readonly killedDuring?: string;
}

/**
 * Runs a saga to its end: on a clock of its own, without a store, a network or a second of waiting.
 *
 * ```ts
 * const end = await run(booking, input, { payment: [refused('no funds')] });
 * expect(end).toMatchObject({ status: 'FAILED', calls: ['flight', 'payment', 'undo flight'], stands: [] });
 * ```
 *
 * @throws MachineError where the saga breaks a rule, SagaFault where it does what no saga may, RangeError for a script about steps that
 *   it does not have, and whatever its own functions throw
 */
export async function run<I>(
  saga: AnySaga<I>,
  input: I,
  script: Script = {},
  { events = {}, killedDuring }: RunOptions = {},
): Promise<End> {
  const { machine, answer, input: read } = subjectOf(saga);
  const names = machine.steps.map(({ name }) => name);
  for (const title of [...Object.keys(script), ...(killedDuring === undefined ? [] : [killedDuring])])
    known(title.replace(/^undo /, '').replace(/\/.*$/, ''), names, 'step');
  for (const name of Object.keys(events)) known(name, [...machine.events.keys()], 'event');

  const replies = new Map(Object.entries(script).map(([title, said]) => [title, [said].flat() as Reply[]]));
  const next = (title: string): Reply | undefined =>
    (replies.get(title) ?? replies.get(title.replace(/\/.*$/, '')))?.shift();
  let isKilled = false;
  const choices: Choices = {
    random: 0.5,
    answer,
    reply: (call) => next(titleOf(call)) ?? done(),
    told: (call) => next(titleOf(call)) ?? null,
    event: (name) => events[name] ?? null,
    first: () => 0,
    isKilled(titles) {
      const now = !isKilled && killedDuring !== undefined && titles.includes(killedDuring);
      isKilled ||= now;
      return now;
    },
    isCancelled: () => false,
  };
  return new Drive(machine, read(input), choices).end();
}

function known(name: string, names: readonly string[], what: string): void {
  if (names.includes(name)) return;
  throw new RangeError(`the saga has no ${what} ${name}; it has ${names.join(', ') || 'none'}`);
}
