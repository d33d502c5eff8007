/** Tries mutants on tests, in processes that are replaced when they hang or may be spoilt. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Mutant } from './instrument.ts';
import {
  ANEW,
  append,
  type Entry,
  type Limits,
  type Progress,
  progress,
  read,
  sizeOf,
  TASK,
  type Task,
} from './journal.ts';

const LOOK_MS = 200;
const ASKS_AFTER_MS = 1_000;
/** Longer than any test may take to be tried (the process ends that itself), or a file to be loaded. Of what it did not wait for a CPU. */
const SILENT_MS = 180_000;

export interface Trial {
  /** The instrumented copy. */
  readonly directory: string;
  readonly mutants: readonly Pick<Mutant, 'id' | 'file'>[];
  readonly tests: readonly string[];
  /** Those of them that are loaded for each mutant anew. */
  readonly anew: readonly string[];
  readonly processes: number;
  readonly limits: Limits;
  readonly says?: (line: string) => void;
}

/** Each process has its share of the mutants, and runs all tests. */
export async function tryMutants({ mutants, processes, ...rest }: Trial): Promise<Progress> {
  const shares = Array.from({ length: processes }, (_, share) =>
    mutants.filter((_mutant, index) => index % processes === share),
  );
  const entries = await Promise.all(shares.map((own, share) => tryShare({ ...rest, mutants: own }, share)));
  return progress(entries.flat());
}

/** What the processes have written by now, in any order. */
export async function soFar(directory: string): Promise<Progress> {
  const folders = (await readdir(directory)).filter((name) => name.startsWith(SHARE));
  return progress(folders.flatMap((folder) => read(join(directory, folder, JOURNAL))));
}

const SHARE = '.share-';
const JOURNAL = 'journal.jsonl';

async function tryShare(trial: Omit<Trial, 'processes'>, share: number): Promise<Entry[]> {
  const folder = join(trial.directory, `${SHARE}${share}`);
  await mkdir(folder);
  const journal = join(folder, JOURNAL);
  const file = join(folder, 'task.json');
  const { directory, limits } = trial;
  const mutants = trial.mutants.map(({ id }) => id);
  const named = Object.fromEntries(trial.mutants.map(({ id, file: of }) => [id, parse(of).name]));
  /** Until there is nothing more to do, in a fresh process each time. */
  const run = async (
    left: (now: Progress) => Pick<Task, 'tests' | 'isAnew' | 'limits'>,
  ): Promise<Entry[]> => {
    for (let round = 1; ; round += 1) {
      const task = { journal, mutants, named, ...left(progress(read(journal))) } satisfies Task;
      await writeFile(file, JSON.stringify(task));
      if (task.tests.length === 0) return read(journal);
      const before = read(journal).length;
      const end = await runOnce(directory, file, journal);
      const entries = read(journal);
      trial.says?.(`process ${share + 1}, round ${round}: ${end} after ${summary(entries)}`);
      for (const entry of verdict(end, task, entries, before)) append(journal, entry);
    }
  };
  const { tests, anew } = trial;
  const notDone = ({ filesDone }: Progress) => tests.filter((test) => !filesDone.has(test));
  await run((now) => ({ tests: notDone(now), isAnew: false, limits: { ...limits, testMs: limits.quickMs } }));
  await run(({ done }) => ({ tests: done.has(ANEW) ? [] : anew, isAnew: true, limits }));
  append(journal, { is: 'turn' });
  return await run((now) => ({ tests: notDone(now), isAnew: false, limits }));
}

/**
 * What is to be said of a process that left something undone, so that the next one goes on behind it.
 * @param before how many entries there were when it began
 */
export function verdict(
  end: End,
  { tests, isAnew }: Pick<Task, 'tests' | 'isAnew'>,
  entries: readonly Entry[],
  before: number,
): Entry[] {
  if (end === 'spoilt') return [];
  const { last, filesDone, done } = progress(entries);
  if (last) return [{ ...last, is: 'noticed', how: end === 'ended' ? 'ends the process' : 'never ends' }];
  const own = entries.slice(before);
  const control = own.at(-1);
  // Without the fault the test did not end: what it was tried with before has left something behind.
  if (control?.is === 'noticed') {
    const { test, mutant } = control;
    const isFirst = own.filter(({ is }) => is === 'tries').length === 1;
    return [...(isFirst ? [] : [{ is: 'doubted', test, mutant } as const]), { is: 'spoilt', test }];
  }
  const at = isAnew ? ANEW : tests.find((file) => !filesDone.has(file));
  return at === undefined || done.has(at) ? [] : [{ is: 'died', file: at }];
}

type End = 'ended' | 'spoilt' | 'silent';

async function runOnce(directory: string, task: string, journal: string): Promise<End> {
  const vitest = join(directory, 'node_modules/vitest/vitest.mjs');
  const config = join(directory, 'test/mutation/vitest.config.ts');
  const child = spawn(process.execPath, [vitest, 'run', '--config', config], {
    cwd: directory,
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, [TASK]: task },
  });
  const end = () => kill(child);
  process.once('exit', end);
  child.once('close', () => process.off('exit', end));
  const closed = new Promise<'ended'>((resolve) => child.once('close', () => resolve('ended')));
  const sizeBefore = sizeOf(journal);
  let size = sizeBefore;
  let heardAt = performance.now();
  let waitedMs = 0;
  for (;;) {
    const end = await Promise.race([closed, pause(LOOK_MS)]);
    if (end) return end;
    if (sizeOf(journal) > size) {
      size = sizeOf(journal);
      heardAt = performance.now();
      waitedMs = waitedForCpuMs(child.pid);
      continue;
    }
    // Whoever asks for another process writes nothing more.
    const silentMs = performance.now() - heardAt;
    if (silentMs < ASKS_AFTER_MS) continue;
    const isSpoilt = size > sizeBefore && read(journal).at(-1)?.is === 'spoilt';
    if (!isSpoilt && silentMs < SILENT_MS) continue;
    if (!isSpoilt && silentMs - (waitedForCpuMs(child.pid) - waitedMs) < SILENT_MS) continue;
    kill(child);
    await closed;
    return isSpoilt ? 'spoilt' : 'silent';
  }
}

/** For how long a process and those that it started stood ready and had no CPU, as far as Linux tells; 0 elsewhere. */
function waitedForCpuMs(pid: number | undefined): number {
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return children.reduce((sum, child) => sum + waitedForCpuMs(Number(child)), (waitedNs ?? 0) / 1e6);
  } catch {
    return 0;
  }
}

/** With the processes that it started. */
function kill({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL');
}

function summary(entries: readonly Entry[]): string {
  const { noticed, covered, done } = progress(entries);
  return `${done.size} tests: of ${covered.size} mutants ${noticed.size} noticed`;
}
