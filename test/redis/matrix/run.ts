/**
 * `npm run stores`: the suites of the stores on every server that can be had, and what a commit costs there.
 *
 *   npm run stores -- [--servers 'Redis 8.0,Valkey 9'] [--suites test/redis/sentinel.test.ts,...]
 *
 * Prints a table for docs/reliability.md; what failed and what was skipped stands below it by name. Ends with code 1 where a
 * test failed. `STORES_CACHE` names the folder in which servers are kept.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitCost } from './cost.ts';
import { SERVERS } from './servers.ts';

const SUITES = [
  'test/stores/redis.test.ts',
  'test/stores/redis-only.test.ts',
  'test/redis/faults.test.ts',
  'test/redis/full.test.ts',
  'test/redis/writes-refused.test.ts',
  'test/redis/lost-replies.test.ts',
  'test/redis/cut-off.test.ts',
  'test/redis/permissions.test.ts',
  'test/redis/clock.test.ts',
  'test/redis/replica-wait.test.ts',
  'test/redis/sentinel.test.ts',
  'test/redis/sentinel-views.test.ts',
  'test/redis/cluster.test.ts',
  'test/redis/silent-masters.test.ts',
  'test/redis/repartition.test.ts',
];

const { values } = parseArgs({
  options: { servers: { type: 'string' }, suites: { type: 'string', default: SUITES.join(',') } },
});
const wanted = values.servers?.split(',');
const unknown = wanted?.filter((name) => !SERVERS.some((server) => server.name === name)) ?? [];
if (unknown.length > 0)
  throw new RangeError(`--servers knows ${SERVERS.map(({ name }) => name).join(', ')}, and not ${unknown}`);

interface Outcome {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** The part of vitest's JSON that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo';
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

async function tested(): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'saga-stores-'));
  try {
    const file = join(folder, 'report.json');
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${file}`];
    spawnSync(process.execPath, [...vitest, ...values.suites.split(',')], { stdio: 'ignore' });
    const { testResults } = JSON.parse(await readFile(file, 'utf8')) as Report;
    const outcome = { passed: 0, failed: [] as string[], skipped: [] as string[] };
    for (const { name, status, message, assertionResults } of testResults) {
      const suite = name.split('/test/')[1];
      const isBroken = status === 'failed' && assertionResults.every((test) => test.status !== 'failed');
      // What a file's tests need could not be made: none of them failed, and none was tried.
      if (isBroken) outcome.failed.push(`${suite}: ${firstLine(message)}`);
      for (const test of assertionResults) {
        if (test.status === 'passed') outcome.passed += 1;
        else if (test.status === 'failed')
          outcome.failed.push(`${suite}: ${test.fullName}: ${firstLine(test.failureMessages?.[0] ?? '')}`);
        else if (!isBroken) outcome.skipped.push(`${suite}: ${test.fullName}`);
      }
    }
    return outcome;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const path = process.env.PATH;
/** Below the table, and at once for whoever watches. */
const notes: string[] = [];
const note = (text: string) => {
  notes.push(text);
  process.stderr.write(`${text}\n`);
};
say('| server | passed | failed | skipped | CPU µs of a commit |');
say('|---|---|---|---|---|');
for (const { name, obtain } of SERVERS) {
  if (wanted?.includes(name) === false) continue;
  try {
    const folder = await obtain();
    // Servers that the tests start are looked for there, and so is ours.
    process.env.PATH = [...(folder === null ? [] : [folder]), path].join(delimiter);
  } catch (error) {
    say(`| ${name} | not had | | | |`);
    note(`${name} cannot be had: ${(error as Error).message}`);
    continue;
  }
  const { server, commitUs } = await commitCost();
  const { passed, failed, skipped } = await tested();
  say(`| ${server} | ${passed} | ${failed.length} | ${skipped.length} | ${commitUs.toFixed(0)} |`);
  for (const test of failed) note(`${server} failed ${test}`);
  for (const test of skipped) note(`${server} skipped ${test}`);
  if (failed.length > 0) process.exitCode = 1;
}
for (const text of notes) say(`\n${text}`);
