/** Tries mutants on tests, in processes that are replaced when they hang or may be spoilt. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
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
/** Longer than any test may take to be tried (the process ends that itself), or a file to be loaded. */
const SILENT_MS = 180_000;

export interface Trial {
  /** The instrumented copy. */
  readonly directory: string;
  readonly mutants: readonly string[];
  readonly tests: readonly string[];
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

async function tryShare(trial: Omit<Trial, 'processes'>, share: number): Promise<Entry[]> {
  const folder = join(trial.directory, `.share-${share}`);
  await mkdir(folder);
  const journal = join(folder, 'journal.jsonl');
  const task = join(folder, 'task.json');
  for (let round = 1; ; round += 1) {
    const { filesDone } = progress(read(journal));
    const tests = trial.tests.filter((test) => !filesDone.has(test));
    await writeFile(
      task,
      JSON.stringify({ journal, tests, mutants: trial.mutants, limits: trial.limits } satisfies Task),
    );
    const end = tests.length === 0 ? 'ended' : await runOnce(trial.directory, task, journal);
    const entries = read(journal);
    trial.says?.(`process ${share + 1}, round ${round}: ${end} after ${summary(entries)}`);
    if (end === 'ended') return entries;
    const { last } = progress(entries);
    if (end === 'silent' && last === null) throw new Error(`Nothing is tried any more: ${journal}`);
    if (last) append(journal, { is: 'noticed', ...last, how: 'never ends' });
  }
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
  for (;;) {
    const end = await Promise.race([closed, pause(LOOK_MS)]);
    if (end) return end;
    if (sizeOf(journal) > size) {
      size = sizeOf(journal);
      heardAt = performance.now();
      continue;
    }
    // Whoever asks for another process writes nothing more.
    const silentMs = performance.now() - heardAt;
    if (silentMs < ASKS_AFTER_MS) continue;
    const isSpoilt = size > sizeBefore && read(journal).at(-1)?.is === 'spoilt';
    if (!isSpoilt && silentMs < SILENT_MS) continue;
    kill(child);
    await closed;
    return isSpoilt ? 'spoilt' : 'silent';
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
