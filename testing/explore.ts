/** Every outcome of every call of a saga, and the user's own invariants held against each end. */

import { createHash } from 'node:crypto';
import { DefinitionError } from '../machines/defined.ts';
import type { Answer } from '../machines/saga.ts';
import { sampleOf } from '../machines/sample.ts';
import { type Choices, Drive, type End, SagaFault, titleOf } from './drive.ts';
import { accepted, busy, done, lost, type Reply, refused, unreached } from './replies.ts';
import { type AnySaga, type Subject, subjectOf } from './subject.ts';

/** Holds of every end: `false`, a text that says what is wrong, or an exception is a breach. */
export type Invariant = (end: End) => boolean | string | undefined;

export interface ExploreOptions<I> {
  /** One or several things to start with; made up of the input's schema unless given. */
  readonly inputs?: readonly I[];
  /** What steps answer; made up of their schemas unless given. */
  readonly answers?: Readonly<Record<string, Answer>>;
  /** The data with which events may come, by name; made up unless given. That they never come is always tried. */
  readonly events?: Readonly<Record<string, readonly Answer[]>>;
  /** Whether coordinators are killed, and operators cancel. Both unless said. */
  readonly kills?: boolean;
  readonly cancels?: boolean;
  /** More paths than this are not walked; 5,000 unless said. */
  readonly pathsMax?: number;
}

export interface Explored {
  readonly paths: number;
  /** Whether those were all. */
  readonly isComplete: boolean;
  /** All paths with so many mishaps or fewer were walked. */
  readonly mishaps: number;
  /** How often the saga ended so. */
  readonly ends: Readonly<Record<End['status'], number>>;
}

/** An invariant does not hold: the message has the shortest path on which it does not, line by line. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
  /** Which one. */
  readonly invariant: string;
  /** What happened on the way. */
  readonly path: readonly string[];
  readonly end: End | null;

  constructor(invariant: string, detail: string, path: readonly string[], end: End | null, paths: number) {
    const how = path.map((line, index) => `  ${index + 1}. ${line}`).join('\n');
    const stands =
      end === null ? '' : `\n  it ends ${end.status}; ${end.stands.join(', ') || 'nothing'} stands`;
    super(`${invariant}: ${detail} (the shortest of ${paths} paths walked so far)\n${how}${stands}`);
    this.invariant = invariant;
    this.path = path;
    this.end = end;
  }
}

const PATHS_MAX = 5_000;

/**
 * Walks a saga through every outcome of every call: done, refused, busy, its answer lost after the effect, its connection broken before
 * it; undos that fail; events that come, refuse or never come; branches in every order; a kill of its coordinator and an operator's cancel
 * anywhere. Paths with fewer mishaps come first, so the first breach is the shortest.
 *
 * ```ts
 * await explore(booking, {
 *   'never shipped without payment': ({ stands }) => !stands.includes('shipping') || stands.includes('payment'),
 * });
 * ```
 *
 * What holds of every saga is held against each end, too: what stands of one that is undone or parked is said to be held; a call that
 * is repeated sends the same; no request reads what is not there; it ends.
 *
 * @throws InvariantError for the first breach, MachineError where the saga breaks a rule already
 */
export async function explore<I>(
  saga: AnySaga<I>,
  invariants: Readonly<Record<string, Invariant>> = {},
  options: ExploreOptions<I> = {},
): Promise<Explored> {
  const subject = subjectOf(saga);
  const { inputs = [inputOf(subject) as I], pathsMax = PATHS_MAX } = options;
  const ends = { COMPLETED: 0, FAILED: 0, ABORTED: 0 };
  const queue = new ByMishaps(inputs.length);
  const places = new Set<string>();
  let paths = 0;
  for (let next = queue.shift(); next !== undefined && paths < pathsMax; next = queue.shift()) {
    const taken = new Taken(next.prefix, (moment) => {
      const place = createHash('sha1').update(`${moment} ${drive.place}`).digest('base64');
      return places.size < places.add(place).size;
    });
    const input = subject.input(inputs[next.input]);
    const drive: Drive = new Drive(subject.machine, input, choicesOf(taken, subject, options));
    paths += 1;
    let end: End;
    try {
      end = drive.end();
    } catch (error) {
      if (error instanceof SeenBefore) {
        queue.branch(next, taken);
        continue;
      }
      if (!(error instanceof SagaFault || error instanceof DefinitionError)) throw error;
      throw new InvariantError('every saga', error.message, drive.log, null, paths);
    }
    ends[end.status] += 1;
    for (const [name, holds] of Object.entries({ 'every saga': saysWhatStands(subject), ...invariants })) {
      const breach = breachOf(holds, end);
      if (breach !== null) throw new InvariantError(name, breach, drive.log, end, paths);
    }
    queue.branch(next, taken);
  }
  return { paths, isComplete: queue.isEmpty, mishaps: queue.mishaps, ends };
}

function breachOf(holds: Invariant, end: End): string | null {
  try {
    const says = holds(end);
    if (says === false) return 'does not hold';
    return typeof says === 'string' ? says : null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Nothing stands of a saga that was undone, and of a parked one nothing that it does not say. */
function saysWhatStands({ machine }: Subject): Invariant {
  const unneeded = new Set(
    machine.steps.filter(({ compensation }) => 'unneeded' in compensation).map(({ name }) => name),
  );
  return ({ status, parked, stands, held }) => {
    // Behind the pivot nothing is undone: what stands is what was meant to.
    if (status === 'COMPLETED' || parked === 'step-refused') return true;
    const said = new Set(held.map(({ step }) => step));
    const silent = stands.filter((name) => !said.has(name) && !unneeded.has(name.replace(/\/.*$/, '')));
    if (silent.length === 0) return true;
    return `${silent.join(', ')} stands, and nobody is told`;
  };
}

function inputOf({ machine }: Subject): Answer {
  if (machine.input === null)
    throw new RangeError('the saga has no schema of its input: say it, inputs: [{ … }]');
  return sampleOf(machine.input, 'the input', 'inputs: [{ … }]');
}

/** What can happen at one moment, the usual first. */
function choicesOf(
  taken: Taken,
  { machine, answer }: Subject,
  { answers = {}, events = {}, kills = true, cancels = true }: ExploreOptions<unknown>,
): Choices {
  return {
    // At once: where time stands still, ways that differ in their mishaps alone meet again.
    random: 0,
    answer: (step) => answers[step] ?? answer(step),
    reply(call, tried) {
      const final = [done(), refused(call.kind === 'action' ? 'no' : 'it cannot be undone')];
      // Once is enough to see what a repeat does.
      const first = [...final, lost(), busy(), unreached(), ...(call.isAsynchronous ? [accepted()] : [])];
      return taken.one<Reply>(titleOf(call), tried > 0 ? final : first);
    },
    told: ({ step }) => taken.one<Reply | null>(`told ${step}`, [done(), refused(), null]),
    event(name) {
      const part = machine.events.get(name);
      if (part === undefined) throw new RangeError(`the saga knows no event ${name}`);
      const made = () => [sampleOf(part.data, `the data of ${name}`, `events: { ${name}: [{ … }] }`)];
      return taken.one<Answer | null>(name, [...(events[name] ?? made()), null]);
    },
    first: (titles) => taken.one('first', [...titles.keys()]),
    isKilled: () => kills && taken.one('killed', [false, true]),
    isCancelled: () => cancels && taken.one('cancelled', [false, true]),
  };
}

/** Whatever follows was walked already, from another way to the same place with no more mishaps. */
class SeenBefore extends Error {}

/** One path: at each moment the number of what was taken of so many; beyond the prefix the first, the usual. */
class Taken {
  readonly path: number[] = [];
  readonly widths: number[] = [];
  readonly #prefix: readonly number[];
  readonly #isNew: (moment: string) => boolean;

  /** @param isNew whether this moment at this place comes for the first time */
  constructor(prefix: readonly number[], isNew: (moment: string) => boolean) {
    this.#prefix = prefix;
    this.#isNew = isNew;
  }

  /** @throws SeenBefore */
  one<T>(moment: string, all: readonly T[]): T {
    const known = this.#prefix[this.path.length];
    if (known === undefined && !this.#isNew(moment)) throw new SeenBefore();
    this.path.push(known ?? 0);
    this.widths.push(all.length);
    return all[known ?? 0] as T;
  }
}

interface Branch {
  readonly input: number;
  readonly prefix: readonly number[];
}

/** What is still to be walked: first what has the fewest mishaps. */
class ByMishaps {
  readonly #levels: Branch[][];

  constructor(inputs: number) {
    this.#levels = [Array.from({ length: inputs }, (_, input) => ({ input, prefix: [] }))];
  }

  shift(): Branch | undefined {
    return this.#levels.find((level) => level.length > 0)?.shift();
  }

  get isEmpty(): boolean {
    return this.#levels.every((level) => level.length === 0);
  }

  /** Of which all have been taken. */
  get mishaps(): number {
    const first = this.#levels.findIndex((level) => level.length > 0);
    return (first < 0 ? this.#levels.length : first) - 1;
  }

  /** All that might have gone otherwise behind the prefix, by one mishap each. */
  branch({ input, prefix }: Branch, { path, widths }: Taken): void {
    const mishaps = prefix.filter((one) => one > 0).length;
    const level = this.#levels[mishaps + 1] ?? [];
    this.#levels[mishaps + 1] = level;
    for (let at = prefix.length; at < path.length; at += 1) {
      for (let other = 1; other < (widths[at] ?? 0); other += 1)
        level.push({ input, prefix: [...path.slice(0, at), other] });
    }
  }
}
