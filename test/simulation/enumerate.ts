/**
 * Lets every given blow fall on the numbered messages of every scenario, and says which were never hit. In the suite a blow
 * falls on each kind of message once, in the scenario that makes it first; `npm run enumerate` lets it fall on all.
 */
import type { SagaName } from './sagas.ts';
import { scenarios } from './scenarios.ts';
import { type Blow, type Scenario, type Staged, stage, toldOf } from './staged.ts';
import { callsOf, kindOf, transitionsOf } from './walked.ts';

export interface Enumeration {
  /** Blows that fell. */
  readonly fallen: number;
  /** Blows that should have fallen. */
  readonly dealt: number;
  readonly faults: readonly string[];
  /** What the machine can do and no blow has hit, as `blow: transition or call`. */
  readonly uncovered: readonly string[];
}

const ALL = process.env.ENUMERATE === 'all';

/** Writes that are no commit: each must be hit too. */
const OTHER_WRITES = ['create', 'claim', 'renew', 'release'];
/** Of a saga to which something comes from outside. */
const LETTERS = ['signal'];

/** In the suite a transition of branches beside each other counts by the branch that moves. */
const titleOf = (about: string) => (ALL ? about : kindOf(about));

/** What every scenario does without any blow. */
const still = new Map<string, Staged>();

export async function undisturbed(scenario: Scenario): Promise<Staged> {
  const title = `${scenario.saga}: ${scenario.name}`;
  const staged = still.get(title) ?? (await stage(scenario));
  still.set(title, staged);
  return staged;
}

export async function enumerate(
  saga: SagaName,
  blows: readonly Blow[],
  over: readonly Scenario[] = scenarios[saga](),
): Promise<Enumeration> {
  const faults: string[] = [];
  const hit = new Set<string>();
  let [fallen, dealt] = [0, 0];
  for (const scenario of over) {
    const { points, status, broken, trace } = await undisturbed(scenario);
    if (broken.length > 0 || !endsAsItMay(scenario, status)) {
      faults.push(
        [`${saga}: ${scenario.name}: ended ${status} without any blow`, ...broken, ...trace].join('\n'),
      );
      continue;
    }
    for (const { number, about } of points) {
      for (const blow of blows) {
        const isApart = scenario.apart !== undefined && about.startsWith(scenario.apart);
        if (!ALL && !isApart && hit.has(`${blow}: ${titleOf(about)}`)) continue;
        dealt += 1;
        const staged = await stage(scenario, blow, number);
        const reached = staged.struck?.about === about;
        // A start that never reached the store leaves nothing behind, and its client was not told otherwise.
        const asItShould =
          endsAsItMay(scenario, staged.status) ||
          (staged.status === null && about === 'create' && unmade.has(blow));
        // A writer that is alive and well keeps its saga: it repeats its commit and knows it for its own. After a slow call too
        // little of its lease may be left for that.
        const mustKeep = keepers.has(blow) && isCommit(about) && scenario.slow === undefined;
        const kept = !mustKeep || staged.takenOver === 0;
        if (!reached || !asItShould || !kept || staged.broken.length > 0)
          faults.push(toldOf(scenario, blow, staged));
        if (reached) {
          fallen += 1;
          hit.add(`${blow}: ${titleOf(about)}`);
        }
      }
    }
  }
  const uncovered = blows
    .flatMap((blow) => mustHit(saga).map((about) => `${blow}: ${about}`))
    .filter((each) => !hit.has(each));
  return { fallen, dealt, faults, uncovered };
}

function mustHit(saga: SagaName): readonly string[] {
  const transitions = [...transitionsOf(saga)].map(titleOf);
  const letters = saga === 'order' ? [] : LETTERS;
  return [...new Set([...transitions, ...callsOf(saga), ...OTHER_WRITES, ...letters])];
}

function endsAsItMay({ ends }: Scenario, status: Staged['status']): boolean {
  return status !== null && ends.includes(status);
}

/** Blows after which a create has never happened. */
const unmade = new Set<Blow>(['crash before, restarted', 'crash before, taken over']);

/** Blows that leave the writer where it is. */
const keepers = new Set<Blow>(['lost', 'unanswered', 'doubled']);

function isCommit(about: string): boolean {
  return about.includes('->');
}
