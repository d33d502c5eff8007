/**
 * What the tests need beside npm packages, before the first of them runs. Tests against a real Redis never pass for
 * want of one: as root with apt-get it is installed, and said so; otherwise the run stops with what to type.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const INSTALL = 'apt-get update && apt-get install -y --no-install-recommends redis-server';

export default function setup(): void {
  if (onPath('redis-server')) return;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    throw new Error(`The tests need redis-server on PATH. On Debian or Ubuntu:\n  sudo sh -c '${INSTALL}'`);
  }
  process.stdout.write(`redis-server is missing; installing it: ${INSTALL}\n`);
  const { status } = spawnSync('sh', ['-c', INSTALL], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // The package would start a server of its own on port 6379, which no test wants.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
  if (status !== 0 || !onPath('redis-server')) throw new Error(`That failed (exit code ${status}).`);
}

function onPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
