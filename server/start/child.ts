/** Processes of ours: each in a group of its own, so that a Ctrl-C in the terminal reaches only their supervisor. */
import { spawn } from 'node:child_process';

export interface Child {
  readonly name: string;
  /** 0 where the process could not be started; `ended` then says why. */
  readonly pid: number;
  readonly ended: Promise<Ending>;
  isAlive(): boolean;
  /** Whether this very process has said that it is ready: another's answers at its address do not count for it. */
  saidReady(): boolean;
  /** SIGTERM, and SIGKILL if it has not ended when the time is over. Also answers for one that had ended before. */
  stop(withinMs: number): Promise<Ending>;
  kill(): void;
}

export interface Ending {
  readonly isClean: boolean;
  /** To follow its name: `exited with code 1`. */
  readonly words: string;
}

export interface Program {
  readonly name: string;
  /** The path of the module to run. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Hears what it says over the channel, but for `ready`, and may say something back. */
  readonly hear?: (message: unknown, reply: (answer: object) => void) => void;
}

/** A child runs as we do (`--import tsx`, source maps), but for a debugger's port, which only one process can have. */
function ownFlags(): string[] {
  return process.execArgv.filter((flag) => !flag.startsWith('--inspect'));
}

export function startChild({ name, entry, args = [], env, hear }: Program): Child {
  const child = spawn(process.execPath, [...ownFlags(), entry, ...args], {
    detached: true,
    // By the channel it says that it is ready, and learns of our death, however sudden.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env,
  });
  let isReady = false;
  child.on('message', (message) => {
    if ((message as { type?: unknown } | null)?.type === 'ready') isReady = true;
    else
      hear?.(message, (answer) => {
        if (child.connected) child.send(answer, () => {});
      });
  });
  const ended = new Promise<Ending>((resolve) => {
    child.once('error', ({ message }) => resolve({ isClean: false, words: `could not be run: ${message}` }));
    child.once('exit', (code, signal) => {
      const words = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
      // SIGTERM ends one that was asked to stop before it had learnt to drain.
      resolve({ isClean: code === 0 || signal === 'SIGTERM', words });
    });
  });
  const isAlive = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

  return {
    name,
    pid: child.pid ?? 0,
    ended,
    isAlive,
    saidReady: () => isReady,
    async stop(withinMs) {
      if (!isAlive()) return ended;
      const cut = setTimeout(() => child.kill('SIGKILL'), withinMs);
      child.kill('SIGTERM');
      const ending = await ended;
      clearTimeout(cut);
      return ending;
    },
    kill: () => {
      if (isAlive()) child.kill('SIGKILL');
    },
  };
}
