/** What came of the mutants of a room, file by file. */
import type { Equivalent } from './equivalents.ts';
import type { Mutant } from './instrument.ts';
import type { Progress } from './journal.ts';

/** `while loading`: only modules that are loaded come by it, so that no test can be asked with it and without. */
export type State = 'noticed' | 'survived' | 'not covered' | 'equivalent' | 'while loading';
const STATES = ['noticed', 'survived', 'not covered', 'equivalent', 'while loading'] as const;

export interface Judged extends Mutant {
  readonly state: State;
}

export function judge(
  mutants: readonly Mutant[],
  { noticed, covered, loading }: Progress,
  equivalents: readonly Equivalent[],
): Judged[] {
  const stateOf = (mutant: Mutant): State => {
    if (noticed.has(mutant.id)) return 'noticed';
    if (equivalents.some((known) => isThis(known, mutant))) return 'equivalent';
    if (covered.has(mutant.id)) return 'survived';
    return loading.has(mutant.id) ? 'while loading' : 'not covered';
  };
  return mutants.map((mutant) => ({ ...mutant, state: stateOf(mutant) }));
}

/** Equivalents that are none: a test notices them, or the code is another now. */
export function wrong(equivalents: readonly Equivalent[], judged: readonly Judged[]): Equivalent[] {
  const files = new Set(judged.map(({ file }) => file));
  return equivalents.filter((known) => {
    const meant = judged.filter((mutant) => isThis(known, mutant));
    return (
      known.file !== undefined && files.has(known.file) && !meant.some(({ state }) => state === 'equivalent')
    );
  });
}

const isThis = ({ file, original, replacement, line }: Equivalent, mutant: Mutant) =>
  (file ?? mutant.file) === mutant.file &&
  (original ?? mutant.original) === mutant.original &&
  isLike(replacement, mutant.replacement) &&
  (line === undefined || isLike(line, mutant.text));

const isLike = (known: string | RegExp, text: string) =>
  typeof known === 'string' ? known === text : known.test(text);

export interface Count extends Record<State, number> {
  readonly made: number;
}

export function count(judged: readonly Judged[]): Count {
  const of = (state: State) => judged.filter((mutant) => mutant.state === state).length;
  const counted = Object.fromEntries(STATES.map((state) => [state, of(state)])) as Record<State, number>;
  return { made: judged.length, ...counted };
}

/** How many a test notices of those that one could. Between 0 and 1. */
export function share(counted: Count): number {
  const { noticed, survived } = counted;
  const all = noticed + survived + counted['not covered'];
  return all === 0 ? 1 : noticed / all;
}

export function table(judged: readonly Judged[]): string {
  const files = [...new Set(judged.map(({ file }) => file))];
  const rows = files.map((file) => row(file, count(judged.filter((mutant) => mutant.file === file))));
  const all = row('all', count(judged));
  const head = ['file', 'made', ...STATES, 'share'];
  return [head, ...rows, all].map((cells) => cells.map(padded).join('  ')).join('\n');
}

const row = (name: string, counted: Count) => [
  name,
  ...(['made', 'noticed', 'survived', 'not covered', 'equivalent'] as const).map((key) =>
    String(counted[key]),
  ),
  `${(100 * share(counted)).toFixed(1)} %`,
];

const padded = (cell: string, column: number) => (column === 0 ? cell.padEnd(36) : cell.padStart(13));

export function line({ file, line, kind, original, replacement, state }: Judged): string {
  const how = replacement === '' ? 'is taken out' : `-> ${shortened(replacement)}`;
  return `${file}:${line}  ${state}  ${kind}  ${shortened(original)}  ${how}`;
}

const shortened = (text: string) => (text.length > 120 ? `${text.slice(0, 117)}...` : text);
