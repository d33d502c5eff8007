/**
 * Takes one promise after the other out of a private copy, and shows which named test notices:
 * `node --import tsx test/simulation/mutations.ts [word in a mutation's name]`. Ends with 1 where a mutation survives.
 */
import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { privateCopy } from '../private-copy.ts';
import { type Mutation, mutations } from './mutation-table.ts';

/** A test that goes round in circles has noticed nothing. */
const LIMIT_MS = 240_000;
interface Result {
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  readonly name: string;
  /** Why none of its tests could be run. */
  readonly message?: string;
}

async function mutate(directory: string, { file, find, replace }: Mutation): Promise<void> {
  const path = join(directory, file);
  const text = await readFile(path, 'utf8');
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places with: ${find}`);
  await writeFile(path, parts.join(replace));
}

/** The first test that fails, or null where all pass; the tests are run until one fails. */
async function firstFailure(directory: string, { tests, saga = 'order' }: Mutation): Promise<string | null> {
  const report = join(directory, 'report.json');
  const vitest = join(directory, 'node_modules/vitest/vitest.mjs');
  const args = [
    'run',
    '--bail=1',
    '--reporter=json',
    `--outputFile=${report}`,
    '--no-file-parallelism',
    ...tests,
  ];
  // A guard may matter at one point of many: crashes fall on all of them here.
  const env = { ...process.env, ENUMERATE: 'all', SAGA: saga };
  const child = spawn(process.execPath, [vitest, ...args], { cwd: directory, stdio: 'ignore', env });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const code = await new Promise((ended) => child.on('close', ended));
  clearTimeout(limit);
  if (code === 0) return null;
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as { testResults: readonly Result[] };
  for (const { name, assertionResults, message = '' } of testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed');
    // A machine that breaks a rule is not even registered.
    const says = failed?.fullName ?? message.split('\n')[0];
    if (says) return `${name.split('/test/').at(-1)}: ${says}`;
  }
  throw new Error('its tests could not be run');
}

async function judge(mutation: Mutation): Promise<string | null> {
  const directory = await privateCopy();
  try {
    await mutate(directory, mutation);
    return await firstFailure(directory, mutation);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const [word = ''] = process.argv.slice(2);
const chosen = mutations.filter(({ name }) => name.includes(word));
const width = Math.max(...chosen.map(({ name }) => name.length));
const waiting = [...chosen];
let survivors = 0;
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { name } = next;
      const noticed = await judge(next).catch((error: unknown) => {
        process.stdout.write(`${name}: ${String(error)}\n`);
        return null;
      });
      if (noticed === null) survivors += 1;
      process.stdout.write(`${name.padEnd(width)}  ->  ${noticed ?? 'SURVIVED'}\n`);
    }
  }),
);
process.stdout.write(`${chosen.length - survivors} of ${chosen.length} mutations were noticed\n`);
process.exitCode = survivors === 0 ? 0 : 1;
