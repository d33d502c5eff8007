/**
 * `npm run signatures`: whether what is installed is what its registry has signed. Fails where a signature is wrong. Where nothing can
 * be checked, because there is no network or the registry has no keys, it says so and does not fail.
 */
import { spawnSync } from 'node:child_process';
import { ROOT } from './packed.ts';
import { verdictOf } from './signatures.ts';

const MOST_MS = 180_000;
// Without a network each question is asked once, and not three times with minutes between.
const args = ['audit', 'signatures', '--json', '--fetch-retries=0', '--fetch-timeout=20000'];
const { status, stdout } = spawnSync('npm', args, {
  cwd: ROOT,
  encoding: 'utf8',
  timeout: MOST_MS,
  maxBuffer: 2 ** 26,
});
const { isRefused, lines } = verdictOf({ exitCode: status ?? 1, stdout: stdout ?? '' });
for (const line of lines) process.stdout.write(`${line}\n`);
if (isRefused) process.exitCode = 1;
