/**
 * Prometheus' own tool, which reads rules and metrics as Prometheus will. It comes from PATH, or out of Debian's package,
 * which is unpacked and not installed: a package would start a server. Where neither can be had the tests fail and say
 * what to type, as they do for Redis.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.ts';

const CACHE = join(ROOT, 'node_modules/.cache/promtool');
const UNPACKED = join(CACHE, 'usr/bin/promtool');

export interface Verdict {
  readonly status: number | null;
  readonly text: string;
}

export function promtool(args: readonly string[], input = ''): Verdict {
  const { status, stdout, stderr } = run(command(), args, { input });
  return { status, text: stdout + stderr };
}

let found: string | null = null;

function command(): string {
  found ??= run('promtool', ['--version']).status === 0 ? 'promtool' : unpacked();
  return found;
}

function unpacked(): string {
  if (existsSync(UNPACKED)) return UNPACKED;
  mkdirSync(join(CACHE, '..'), { recursive: true });
  const work = mkdtempSync(`${CACHE}-`);
  try {
    // A machine that is new has no lists yet, or lists that name packages of yesterday.
    if (!downloaded(work) && !(run('apt-get', ['update']).status === 0 && downloaded(work)))
      throw new Error(
        'The tests need promtool on PATH. On Debian or Ubuntu:\n  sudo apt-get install prometheus',
      );
    const deb = readdirSync(work).find((name) => name.endsWith('.deb')) ?? '';
    const { status, stderr } = run('dpkg', ['-x', deb, 'unpacked'], { cwd: work });
    if (status !== 0) throw new Error(`${deb} cannot be unpacked: ${stderr}`);
    rmSync(CACHE, { recursive: true, force: true });
    // In one move, so that a run that is interrupted, or one beside this, leaves a whole tool or none.
    renameSync(join(work, 'unpacked'), CACHE);
    return UNPACKED;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function downloaded(directory: string): boolean {
  return run('apt-get', ['download', 'prometheus'], { cwd: directory }).status === 0;
}

function run(
  name: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string } = {},
): SpawnSyncReturns<string> {
  return spawnSync(name, args, { encoding: 'utf8', ...options });
}
