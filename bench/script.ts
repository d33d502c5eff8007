/** What every benchmark that is typed as a command has in common: its options, how it shows progress, how it ends. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { endAll } from './processes.ts';
import { withFigures } from './report.ts';

const out = process.stdout;

export function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

export function whole(name: string, given: string | undefined, unset: number, least: number, most: number) {
  const value = Number(given ?? unset);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return refuse(`--${name} must be a whole number from ${least} to ${most}`);
}

/** One line that changes in a terminal; a line each where nobody watches. */
export function progress(line: string): void {
  out.write(out.isTTY ? `\r\x1b[2K${line}` : `${line}\n`);
}

export function printed(text: string): void {
  if (out.isTTY) out.write('\r\x1b[2K');
  out.write(`\n${text}\n\n`);
}

/** Runs it, within a time, and ends all that it started, however it ended. */
export function runBounded(run: () => Promise<void>, runMaxMs: number): void {
  // Ending takes a moment; a second Ctrl-C does not wait for it.
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted) process.exit(130);
      interrupted = true;
      void endAll().finally(() => process.exit(130));
    });
  }
  const fail = async (error: unknown) => {
    // What breaks off because everything is being ended is no failure of its own.
    if (interrupted) return;
    process.stderr.write(`\nFAILED: ${error instanceof Error ? error.stack : String(error)}\n`);
    await endAll();
    process.exit(1);
  };
  setTimeout(() => void fail(new Error('It took too long')), runMaxMs).unref();
  run().catch(fail);
}

/** When, and on what. */
export function surroundings(): { date: string; node: string; redis: string; machine: string } {
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    redis: /v=(\S+)/.exec(redis)?.[1] ?? 'unknown',
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? process.arch}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
  };
}

/** Puts figures onto the page, between the markers that name the command. */
export function writeDown(command: string, figures: string): void {
  const page = new URL('../docs/performance.md', import.meta.url);
  writeFileSync(page, withFigures(readFileSync(page, 'utf8'), command, figures));
  out.write('Written to docs/performance.md\n');
}
