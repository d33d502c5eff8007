/** What the processes that try mutants write, a line an entry, so that any of them may be killed and another goes on. */
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';

export type Entry =
  /** A test passed without a mutant, with so much CPU; these are the ones it comes by. */
  | { readonly is: 'covers'; readonly test: string; readonly ms: number; readonly mutants: readonly string[] }
  /** These are come by while modules are loaded, so that to switch them on later shows nothing. */
  | { readonly is: 'loading'; readonly mutants: readonly string[] }
  | { readonly is: 'left out'; readonly test: string; readonly why: string; readonly isSlow?: boolean }
  | { readonly is: 'tries'; readonly test: string; readonly mutant: string }
  | { readonly is: 'noticed'; readonly test: string; readonly mutant: string; readonly how: string }
  /** Without any mutant the test fails, too, now: the last verdict may come of an earlier mutant's remains. */
  | { readonly is: 'doubted'; readonly test: string; readonly mutant: string }
  | { readonly is: 'done'; readonly test: string }
  | { readonly is: 'file done'; readonly file: string }
  /** From here on tests are asked that were too slow before, of what is left. */
  | { readonly is: 'turn' }
  /** A process ended, or had to be ended, before it tried anything of this file. */
  | { readonly is: 'died'; readonly file: string }
  /** This process may be spoilt: a fresh one is to go on. */
  | { readonly is: 'spoilt'; readonly test: string };

/** What one process is to do. */
export interface Task {
  readonly journal: string;
  /** Paths of test files, in the order in which they are to run. */
  readonly tests: readonly string[];
  /** They are loaded for each mutant anew, and what they test. */
  readonly isAnew: boolean;
  readonly mutants: readonly string[];
  /** By mutant, what its file is called, without an ending. */
  readonly named: Readonly<Record<string, string>>;
  readonly limits: Limits;
}

export interface Limits {
  /** A test that takes more CPU than this is asked after the others, and of what is left. */
  readonly quickMs: number;
  /** A test that takes more CPU than this is not asked. */
  readonly testMs: number;
  /** A mutant that has been tried for so long is tried by those tests alone that are named as its file is. */
  readonly mutantMs: number;
  /** A test has noticed a mutant with which it takes so much longer, and ten times what it takes. */
  readonly hangsMs: number;
}

export const TASK = 'MUTATION_TASK';
/** What the tests that are loaded anew are called, all together. */
export const ANEW = 'loaded anew';

export function append(journal: string, entry: Entry): void {
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

export function read(journal: string): Entry[] {
  if (!existsSync(journal)) return [];
  const lines = readFileSync(journal, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Entry);
}

/** In bytes. */
export function sizeOf(journal: string): number {
  return statSync(journal, { throwIfNoEntry: false })?.size ?? 0;
}

/** Where the work stands after some entries. */
export interface Progress {
  /** By mutant: the test that noticed it, and how. */
  readonly noticed: ReadonlyMap<string, { readonly test: string; readonly how: string }>;
  readonly covered: ReadonlySet<string>;
  readonly loading: ReadonlySet<string>;
  /** By name of the test: why. */
  readonly leftOut: ReadonlyMap<string, string>;
  readonly done: ReadonlySet<string>;
  readonly filesDone: ReadonlySet<string>;
  /** By mutant: how much CPU its tries took. */
  readonly spentMs: ReadonlyMap<string, number>;
  /** By test, the mutants that it was tried with. */
  readonly tried: ReadonlyMap<string, ReadonlySet<string>>;
  /** The try that has not been followed by anything, in which a killed process stood. */
  readonly last: { readonly test: string; readonly mutant: string } | null;
}

/** A test after which processes had to be replaced so often tells nothing of mutants. */
const SPOILT_MAX = 12;
/** So has a file at which processes came to nothing so often. */
const DIED_MAX = 3;

export function progress(entries: readonly Entry[]): Progress {
  const noticed = new Map<string, { test: string; how: string }>();
  const covered = new Set<string>();
  const loading = new Set<string>();
  const leftOut = new Map<string, string>();
  const slow = new Set<string>();
  const done = new Set<string>();
  const filesDone = new Set<string>();
  const tried = new Map<string, Set<string>>();
  const spoilt = new Map<string, number>();
  const died = new Map<string, number>();
  const spentMs = new Map<string, number>();
  const takesMs = new Map<string, number>();
  for (const entry of entries) {
    if (entry.is === 'covers') takesMs.set(entry.test, entry.ms);
    if (entry.is === 'covers') for (const mutant of entry.mutants) covered.add(mutant);
    if (entry.is === 'loading') for (const mutant of entry.mutants) loading.add(mutant);
    if (entry.is === 'left out') leftOut.set(entry.test, entry.why);
    if (entry.is === 'left out' && entry.isSlow) slow.add(entry.test);
    if (entry.is === 'turn') {
      for (const test of slow) {
        leftOut.delete(test);
        done.delete(test);
        for (const file of filesDone) if (test.startsWith(`${file} `)) filesDone.delete(file);
      }
      slow.clear();
      spentMs.clear();
    }
    if (entry.is === 'tries') {
      setOf(tried, entry.test).add(entry.mutant);
      spentMs.set(entry.mutant, (spentMs.get(entry.mutant) ?? 0) + (takesMs.get(entry.test) ?? 0));
    }
    if (entry.is === 'noticed') noticed.set(entry.mutant, entry);
    if (entry.is === 'doubted') {
      noticed.delete(entry.mutant);
      setOf(tried, entry.test).delete(entry.mutant);
    }
    if (entry.is === 'done') done.add(entry.test);
    if (entry.is === 'file done') filesDone.add(entry.file);
    if (entry.is === 'died') {
      const times = (died.get(entry.file) ?? 0) + 1;
      died.set(entry.file, times);
      if (times >= DIED_MAX) {
        filesDone.add(entry.file);
        done.add(entry.file);
        leftOut.set(entry.file, 'comes to nothing');
      }
    }
    if (entry.is === 'spoilt') {
      const times = (spoilt.get(entry.test) ?? 0) + 1;
      spoilt.set(entry.test, times);
      if (times >= SPOILT_MAX) done.add(entry.test);
      if (times >= SPOILT_MAX) leftOut.set(entry.test, 'from some mutant on: it fails without a mutant, too');
    }
  }
  const end = entries.at(-1);
  const last = end?.is === 'tries' ? end : null;
  return { noticed, covered, loading, leftOut, done, filesDone, spentMs, tried, last };
}

function setOf(sets: Map<string, Set<string>>, key: string): Set<string> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}
