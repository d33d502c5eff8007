/**
 * Makes thousands of small faults, one at a time, and shows which of them no test notices:
 * `node --import tsx test/mutation/run.ts [room] [--file path] [--tests path] [--sample n --seed n] [--processes n]
 * [--quick-ms n] [--test-ms n] [--mutant-ms n]`: tests that take more CPU than the first are asked after the others, those that take more
 * than the second never; a mutant is tried for the third at most by either, but for the tests that
 * are named as its file is.
 * Ends with 1 where less than nine of ten in a room are noticed. Stopped by Ctrl-C it says how far it came.
 */
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { privateCopy } from '../private-copy.ts';
import { EQUIVALENTS } from './equivalents.ts';
import { instrument, type Mutant } from './instrument.ts';
import { count, judge, line, share, table, wrong } from './report.ts';
import { ROOMS, type Room } from './rooms.ts';
import { soFar, tryMutants } from './try.ts';

const ENOUGH = 0.9;
const HANGS_MS = 5_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    file: { type: 'string', multiple: true },
    tests: { type: 'string', multiple: true },
    sample: { type: 'string' },
    seed: { type: 'string' },
    processes: { type: 'string' },
    'quick-ms': { type: 'string', default: '200' },
    'test-ms': { type: 'string', default: '3000' },
    'mutant-ms': { type: 'string', default: '3000' },
  },
});
/** The processes that try mutants are groups of their own, and end with this one. */
let hasStopped = false;
const stopped = new Promise<null>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => {
      hasStopped = true;
      resolve(null);
    });
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const say = (text: string) => void process.stdout.write(`${text}\n`);

async function tryRoom({ name, files, tests, anew = [] }: Room): Promise<boolean> {
  const directory = await privateCopy();
  try {
    const made = await instrument(directory, files.filter(isAsked));
    const chosen = values.sample === undefined ? made : sample(made, Number(values.sample));
    say(`${name}: ${chosen.length} of ${made.length} mutants`);
    const trial = tryMutants({
      directory,
      mutants: chosen,
      tests: values.tests ?? tests,
      anew: values.tests ?? anew,
      processes: Number(values.processes ?? availableParallelism()),
      limits: {
        quickMs: Number(values['quick-ms']),
        testMs: Number(values['test-ms']),
        mutantMs: Number(values['mutant-ms']),
        hangsMs: HANGS_MS,
      },
      says: (text) => say(`  ${text}`),
    });
    const progress = (await Promise.race([trial, stopped])) ?? (await soFar(directory));
    const judged = judge(chosen, progress, EQUIVALENTS);
    const unnoticed = judged.filter(({ state }) => state === 'survived' || state === 'not covered');
    for (const mutant of unnoticed) say(line(mutant));
    for (const [test, why] of progress.leftOut) say(`left out: ${test}: ${why}`);
    const mistaken = values.sample === undefined ? wrong(EQUIVALENTS, judged) : [];
    for (const { file, original, line, replacement } of mistaken) {
      say(`no equivalent: ${file}: ${original ?? line} -> ${replacement}`);
    }
    say(table(judged));
    if (hasStopped) say('Stopped early: what no test has noticed by now counts as survived.');
    return share(count(judged)) >= ENOUGH && mistaken.length === 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const isAsked = (file: string) => values.file?.includes(file) ?? true;

/** So many of them, evenly drawn, the same ones for the same seed. */
function sample(mutants: readonly Mutant[], size: number): Mutant[] {
  say(`--sample ${size} --seed ${seed}`);
  let state = seed;
  const drawn = mutants.map((mutant) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return { mutant, at: state };
  });
  return drawn
    .toSorted((a, b) => a.at - b.at)
    .slice(0, size)
    .map(({ mutant }) => mutant);
}

const [word] = positionals;
const rooms = ROOMS.filter((room) => {
  if (word !== undefined && room.name !== word) return false;
  return values.file === undefined || values.file.some((file) => room.files.includes(file));
});
if (rooms.length === 0) throw new Error(`Rooms are: ${ROOMS.map(({ name }) => name).join(', ')}`);
let isEnough = true;
for (const room of rooms) if (!hasStopped) isEnough = (await tryRoom(room)) && isEnough;
process.exit(isEnough && !hasStopped ? 0 : 1);
