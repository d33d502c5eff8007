/** Lets every given blow fall on every numbered message of every scenario, and says which were never hit. */
import {
  type Blow,
  callsOfMachine,
  type Scenario,
  scenarios,
  stage,
  toldOf,
  transitionsOfMachine,
} from './staged.ts';

export interface Enumeration {
  /** Blows that fell. */
  readonly fallen: number;
  /** Numbered messages over all scenarios. */
  readonly points: number;
  readonly faults: readonly string[];
  /** What the machine can do and no blow has hit, as `blow: transition or call`. */
  readonly uncovered: readonly string[];
}

/** Writes that are no commit: each must be hit too. */
const OTHER_WRITES = ['create', 'claim', 'renew', 'release'];

export async function enumerate(
  blows: readonly Blow[],
  over: readonly Scenario[] = scenarios(),
): Promise<Enumeration> {
  const faults: string[] = [];
  const hit = new Set<string>();
  let [fallen, points] = [0, 0];
  for (const scenario of over) {
    const still = await stage(scenario);
    if (still.broken.length > 0 || still.status !== scenario.ends) {
      faults.push([`${scenario.name}: ended ${still.status} without any blow`, ...still.broken].join('\n'));
      continue;
    }
    points += still.points.length;
    for (const { number, about } of still.points) {
      for (const blow of blows) {
        const staged = await stage(scenario, blow, number);
        const reached = staged.struck?.about === about;
        // A start that never reached the store leaves nothing behind, and its client was not told otherwise.
        const asItShould =
          staged.status === scenario.ends ||
          (staged.status === null && about === 'create' && unmade.has(blow));
        // A writer that is alive and well keeps its saga: it repeats its commit and knows it for its own.
        const kept = !(keepers.has(blow) && isCommit(about)) || staged.takenOver === 0;
        if (!reached || !asItShould || !kept || staged.broken.length > 0)
          faults.push(toldOf(scenario, blow, staged));
        if (reached) {
          fallen += 1;
          hit.add(`${blow}: ${about}`);
        }
      }
    }
  }
  const must = [...transitionsOfMachine(), ...callsOfMachine(), ...OTHER_WRITES];
  const uncovered = blows
    .flatMap((blow) => must.map((about) => `${blow}: ${about}`))
    .filter((each) => !hit.has(each));
  return { fallen, points, faults, uncovered };
}

/** Blows after which a create has never happened. */
const unmade = new Set<Blow>(['crash before, restarted', 'crash before, taken over']);

/** Blows that leave the writer where it is. */
const keepers = new Set<Blow>(['lost', 'unanswered', 'doubled']);

function isCommit(about: string): boolean {
  return about.includes('->');
}
