/**
 * Keeps two `npm start` on one data directory apart, and tells the next one what a killed one has left.
 *
 * | file | held | whoever comes second |
 * |---|---|---|
 * | `start-PORT.lock` | from first to last | refuses, and names the holder's pid |
 * | `start.lock` | while store, services and coordinator come up | waits: then it finds what is up, and uses it |
 * | `start-PORT.children` | from first to last; not a lock | waits for these processes, if the lock's holder was killed |
 */
import { randomUUID } from 'node:crypto';
import { accessSync, appendFileSync, constants, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLock, lives, readLock, removeDead } from './lock-file.ts';

export interface StartLock {
  /** Processes that a start of this port began, which was then killed, and which have not ended yet. */
  readonly left: readonly Sighting[];
  /** Has the next start wait for the process, should we be killed. */
  note(pid: number): void;
  release(): void;
}

/** A process that is known again, also where its pid has been given to another since. */
export interface Sighting {
  readonly pid: number;
  /** When it began, in the system's own count; `0` where the system does not show it. */
  readonly since: string;
}

export class AlreadyRunsError extends Error {
  override readonly name = 'AlreadyRunsError';
  readonly pid: number;

  constructor(pid: number) {
    super(`another npm start (pid ${pid}) has the port`);
    this.pid = pid;
  }
}

const ASK_AGAIN_MS = 25;

/** @throws AlreadyRunsError where another start has the port */
export function holdPort(dataDir: string, port: number): StartLock {
  if (!canWrite(dataDir)) return { left: [], note: () => {}, release: () => {} };
  const path = join(dataDir, `start-${port}.lock`);
  const children = join(dataDir, `start-${port}.children`);
  for (;;) {
    const holder = tryLock(path);
    if (holder === null) break;
    if (holder !== 'dead') throw new AlreadyRunsError(holder);
  }
  return {
    left: sightingsIn(children).filter(isThere),
    note: (pid) => appendFileSync(children, `${pid} ${beginningOf(pid) ?? '0'}\n`),
    release: () => {
      rmSync(children, { force: true });
      rmSync(path, { force: true });
    },
  };
}

/** Waits until nobody else on this data directory is coming up. Answers how to let the next one. */
export async function waitToComeUp(
  dataDir: string,
  waits: (pid: number) => void,
  signal: AbortSignal,
): Promise<() => void> {
  if (!canWrite(dataDir)) return () => {};
  const path = join(dataDir, 'start.lock');
  let waitsFor: number | null = null;
  for (;;) {
    signal.throwIfAborted();
    const holder = tryLock(path);
    if (holder === null) return () => rmSync(path, { force: true });
    if (holder === 'dead') continue;
    if (waitsFor !== holder) waits(holder);
    waitsFor = holder;
    await delay(ASK_AGAIN_MS, undefined, { signal });
  }
}

/** Waits until they have ended, or time is up. Answers who has not. */
export async function ended(
  left: readonly Sighting[],
  withinMs: number,
  signal: AbortSignal,
): Promise<readonly Sighting[]> {
  const until = performance.now() + withinMs;
  let still = left.filter(isThere);
  while (still.length > 0 && performance.now() < until) {
    await delay(ASK_AGAIN_MS, undefined, { signal });
    still = still.filter(isThere);
  }
  return still;
}

/** Nothing needs the folder where Redis runs elsewhere: then a start must not fail for its locks. The ports remain. */
function canWrite(dataDir: string): boolean {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** `null` where it is ours now, else the pid of its holder. */
function tryLock(path: string): number | 'dead' | null {
  if (createLock(path, `${beginningOf(process.pid) ?? '0'}-${randomUUID()}`)) return null;
  const lock = readLock(path);
  if (lock === null) return 'dead';
  if (isThere({ pid: lock.pid, since: lock.nonce.split('-')[0] ?? '0' })) return lock.pid;
  removeDead(lock);
  return 'dead';
}

function sightingsIn(path: string): Sighting[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    rmSync(path, { force: true });
    return lines.flatMap((line) => {
      const [, pid, since = '0'] = /^(\d{1,10}) (\d{1,20})$/.exec(line) ?? [];
      return pid === undefined ? [] : [{ pid: Number(pid), since }];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isThere({ pid, since }: Sighting): boolean {
  if (!lives(pid)) return false;
  return process.platform !== 'linux' || beginningOf(pid) === since;
}

/** The 22nd field of its `stat`, counted behind its name, which may contain anything. `null` also for one that is dead. */
function beginningOf(pid: number): string | null {
  try {
    const [state, ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' || state === 'X' ? null : (rest[18] ?? null);
  } catch {
    return null;
  }
}
