/**
 * What the tests need beside npm packages, before the first of them runs. Tests against a real Redis or a real browser
 * never pass for want of one: as root with apt-get it is installed, and said so; otherwise the run stops with what to type.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { bundlePrograms } from './programs.ts';

/** For the dashboard's pages, the better one first: Chromium without windows costs a third of the CPU. */
const BROWSERS = ['chromium-headless-shell', 'chromium'] as const;

/** Commands that are packages of the same name, of which one is enough: a store, a browser, and certificates. */
const NEEDED = [['redis-server'], BROWSERS, ['openssl']] as const;

export default async function setup(): Promise<void> {
  installMissing();
  await bundlePrograms();
}

function installMissing(): void {
  const missing = NEEDED.filter((commands) => !commands.some(onPath)).map(([command]) => command);
  if (missing.length === 0) return;
  const names = missing.join(' ');
  const install = `apt-get update && apt-get install -y --no-install-recommends ${names}`;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    throw new Error(`The tests need on PATH: ${names}. On Debian or Ubuntu:\n  sudo sh -c '${install}'`);
  }
  process.stdout.write(`${names} missing; installing: ${install}\n`);
  const { status } = spawnSync('sh', ['-c', install], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // The package would start a server of its own on port 6379, which no test wants.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  if (status !== 0 || !missing.every(onPath)) throw new Error(`That failed (exit code ${status}).`);
}

export function browserPath(): string {
  const found = BROWSERS.map(pathOf).find((path) => path !== undefined);
  if (found === undefined) throw new Error(`None of these is on PATH: ${BROWSERS.join(', ')}`);
  return found;
}

export const onPath = (command: string) => pathOf(command) !== undefined;

function pathOf(command: string): string | undefined {
  const paths = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, command));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
