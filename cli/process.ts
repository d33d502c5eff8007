/** The command line as a process. */
import { userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from './run.ts';

// A reader that has seen enough (`saga list | head`) is no fault.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  input: process.stdin.isTTY ? null : process.stdin,
  out: { write: (text) => void process.stdout.write(text), isTerminal: process.stdout.isTTY === true },
  err: { write: (text) => void process.stderr.write(text), isTerminal: process.stderr.isTTY === true },
  // A terminal that does not know its width says 0.
  columns: process.stdout.columns || 80,
  now: Date.now,
  pause: (ms) => pause(ms),
  userName: () => userInfo().username,
});
