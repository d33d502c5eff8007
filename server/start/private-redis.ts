/** A Redis of our own under the data directory: started where none runs, adopted where one does, never doubled. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LOCK_AND_BECOME, LOCK_HELD, lockHolder } from './redis-lock.ts';
import { obituary } from './redis-obituary.ts';
import { askRedis, reachablePath } from './redis-socket.ts';

export interface PrivateRedis {
  /** Absolute, unless only a path from the working directory is short enough for the system. */
  readonly socketPath: string;
  readonly pid: number;
  /** It was started by another process, to which it is left. */
  readonly adopted: boolean;
  /**
   * Ends it and waits until it is gone; does nothing to one that was adopted. One that others are connected to is left to
   * them, unless a signal is given: the answer then says so, to follow its name.
   */
  stop(signal?: NodeJS.Signals): Promise<string | null>;
}

export interface PrivateRedisOptions {
  /** Where redis-server and valkey-server are looked for: PATH unless given. */
  readonly searchPath?: string;
  /** Ends the wait; what was started for it is stopped. */
  readonly signal?: AbortSignal;
}

/** How long no sign of life is borne with. A server that reads its append-only file gives one, however long it takes. */
const PATIENCE_MS = 30_000;
const ASK_AGAIN_MS = 25;
const STOP_MS = 15_000;

const PROGRAMS = ['redis-server', 'valkey-server'] as const;

/** An acknowledged write is on disk, nothing is ever evicted, and only this machine's user reaches the socket. */
const SETTINGS = {
  port: '0',
  unixsocket: 'redis.sock',
  unixsocketperm: '700',
  appendonly: 'yes',
  appendfsync: 'always',
  'maxmemory-policy': 'noeviction',
  save: '',
  dir: '.',
  daemonize: 'no',
  logfile: 'redis.log',
};

/** `null` where none runs and there is neither redis-server nor valkey-server to start. */
export async function privateRedis(
  dataDir: string,
  { searchPath = process.env.PATH ?? '', signal }: PrivateRedisOptions = {},
): Promise<PrivateRedis | null> {
  const folder = resolve(dataDir, 'redis');
  const socketPath = reachablePath(join(folder, 'redis.sock'));
  let started: Started | null = null;
  let lastSignAt = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const answer = await askRedis(socketPath);
      if (answer.state === 'ready') {
        const { pid } = answer;
        if (started?.child.pid === pid) {
          const { stop } = started;
          const stopUnused = async (given?: NodeJS.Signals) =>
            given === undefined && (await isUsed(socketPath))
              ? `is left running, because others are connected to it; kill ${pid} ends it`
              : stop(given);
          return { socketPath, pid, adopted: false, stop: stopUnused };
        }
        // Ours came too late for the lock and is about to say so; nothing of it may outlive this call.
        await started?.stop();
        return { socketPath, pid, adopted: true, stop: async () => null };
      }
      if (started?.child.exitCode === LOCK_HELD) started = null;
      if (started !== null && hasEnded(started.child))
        throw new Error(obituary(endOf(started), started.logBytesBefore, folder));
      if (answer.state === 'absent' && started === null) {
        const program = find(PROGRAMS, searchPath);
        if (program === null) return null;
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        // Where another holds the lock it is about to listen, and is adopted then.
        if (lockHolder(folder) === null) started = await start(program, folder);
      }
      if (answer.state === 'loading') lastSignAt = performance.now();
      if (performance.now() - lastSignAt > PATIENCE_MS) throw new Error(complaint(answer.state, folder));
      await delay(ASK_AGAIN_MS, undefined, signal ? { signal } : {});
    }
  } catch (error) {
    await started?.stop();
    throw error;
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly logBytesBefore: number;
  readonly stop: (signal?: NodeJS.Signals) => Promise<null>;
}

/** In a session of its own, so that a Ctrl-C in our terminal does not reach it, and our own end does not end it. */
async function start(program: string, folder: string): Promise<Started> {
  const log = openSync(join(folder, 'redis.log'), 'a', 0o600);
  try {
    const logBytesBefore = statSync(join(folder, 'redis.log')).size;
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => [`--${name}`, value]);
    const args = ['-c', LOCK_AND_BECOME, program, randomUUID(), ...settings];
    const child = spawn('/bin/sh', args, { cwd: folder, detached: true, stdio: ['ignore', 'ignore', log] });
    await once(child, 'spawn');
    child.unref();
    return { child, logBytesBefore, stop: (signal) => stop(child, folder, signal) };
  } finally {
    closeSync(log);
  }
}

/** Somebody else's coordinator, or a start that has adopted it. */
async function isUsed(socketPath: string): Promise<boolean> {
  const answer = await askRedis(socketPath);
  return answer.state === 'ready' && answer.others > 0;
}

async function stop(child: ChildProcess, folder: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<null> {
  if (hasEnded(child)) return null;
  child.ref();
  const gone = once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS) }).catch(() => {
    throw new Error(`redis-server (pid ${child.pid}) still runs ${STOP_MS / 1000} s after ${signal}`);
  });
  child.kill(signal);
  await gone;
  lockHolder(folder);
  return null;
}

function endOf({ child }: Started): { program: string; how: string } {
  return {
    program: basename(child.spawnargs[3] ?? ''),
    how: child.signalCode ?? `code ${child.exitCode}`,
  };
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** The first of them in the first folder that has one, so that PATH decides where there are several. */
function find(programs: readonly string[], searchPath: string): string | null {
  const folders = searchPath.split(delimiter).filter((entry) => entry !== '');
  for (const candidate of folders.flatMap((folder) => programs.map((name) => resolve(folder, name)))) {
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // It is not there, or not ours to run: the next folder may have it.
    }
  }
  return null;
}

function complaint(state: string, folder: string): string {
  const holder = lockHolder(folder);
  const who =
    holder === null ? 'the private Redis' : `the private Redis (pid ${holder}, which holds redis.lock)`;
  const what =
    state === 'absent' ? 'does not listen on its socket' : 'listens on its socket but does not answer';
  return `${who} ${what}; end it, or look at ${join(folder, 'redis.log')}`;
}
