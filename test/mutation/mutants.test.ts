/** That the tool that measures tests says of a fault what is true of it. */
import { rm } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { privateCopy } from '../private-copy.ts';
import { instrument } from './instrument.ts';
import { ANEW, type Entry, progress } from './journal.ts';
import { count, judge, line, share, wrong } from './report.ts';
import { tryMutants, verdict } from './try.ts';

const FILE = 'test/mutation/fixture/adult.ts';
/** It starts a vitest, and where that is spoilt another. */
const LIMIT_MS = 240_000;
const NAMED = 'a.test.ts [0] > adds';
let directory: string | undefined;
afterEach(async () => {
  if (directory) await rm(directory, { recursive: true });
  directory = undefined;
});

it(
  'says which faults no test notices, and what endless ones come to',
  async () => {
    directory = await privateCopy(['test/mutation', 'vitest.config.ts']);
    const made = await instrument(directory, [FILE]);
    // Of those with which a promise is never kept one will do: each costs a process.
    const mutants = made.filter(
      ({ text, replacement }) => !/age < 150|birthday/.test(text) || replacement === 'false',
    );

    const progress = await tryMutants({
      directory,
      mutants,
      tests: ['test/mutation/fixture/adult.checks.ts'],
      processes: 1,
      anew: ['test/mutation/fixture/adult.checks.ts'],
      limits: { quickMs: 1_000, testMs: 1_000, mutantMs: 10_000, hangsMs: 300 },
    });

    const known = { file: FILE, original: 'age >= 18', replacement: 'age > 18', reason: 'for this test' };
    const mistaken = { ...known, replacement: 'age < 18' };
    const judged = judge(mutants, progress, []);
    expect(judged.filter(({ state }) => state !== 'noticed').map(line)).toEqual([
      `${FILE}:2  survived  EqualityOperator  age >= 18  -> age > 18`,
    ]);
    expect(judged.length).toBeGreaterThan(10);
    // The one that never ends is tried in a process of its own kind: the others are judged all the same.
    expect([...progress.noticed.values()].map(({ how }) => how)).toContain('goes on for too long');
    // And what runs as the module is loaded is tried by loading it anew.
    const loaded = mutants.find(({ text }) => text.startsWith('const HELLO'));
    expect(progress.noticed.get(loaded?.id ?? '')?.test).toBe(ANEW);
    expect(progress.leftOut).toEqual(new Map());
    expect(share(count(judged))).toBeLessThan(1);
    expect(share(count(judge(mutants, progress, [known])))).toBe(1);
    expect(wrong([known, mistaken], judge(mutants, progress, [known, mistaken]))).toEqual([mistaken]);
  },
  LIMIT_MS,
);

const tries: Entry = { is: 'tries', test: NAMED, mutant: '1' };
const noticed: Entry = { is: 'noticed', test: NAMED, mutant: '1', how: 'no' };
const task = { tests: ['a.test.ts', 'b.test.ts'], isAnew: false };

it.each([
  ['dies with a fault', 'ended', [tries], { ...noticed, how: 'ends the process' }],
  ['stops with a fault', 'silent', [tries], { ...noticed, how: 'never ends' }],
  ['stops after its first fault', 'silent', [tries, noticed], { is: 'spoilt', test: NAMED }],
  ['stops before it tries any', 'silent', [], { is: 'died', file: 'a.test.ts' }],
  [
    'dies between two files',
    'ended',
    [{ is: 'file done', file: 'a.test.ts' }],
    { is: 'died', file: 'b.test.ts' },
  ],
] as const)('goes on behind a process that %s', (_, end, own, said) => {
  expect(verdict(end, task, own, 0)).toEqual([said]);
});

it('takes nothing for granted that a process stopped over after several faults', () => {
  const own = [tries, { ...tries, mutant: '2' }, { ...noticed, mutant: '2' }];
  const said = verdict('silent', task, own, 0);
  expect(progress([...own, ...said]).noticed).toEqual(new Map());
  expect(said.at(-1)).toEqual({ is: 'spoilt', test: NAMED });
});

it('asks a file no more at which three processes came to nothing, and says so', () => {
  const died: Entry = { is: 'died', file: 'a.test.ts' };
  expect(progress([died, died]).filesDone).toEqual(new Set());
  expect(progress([died, died, died])).toMatchObject({
    filesDone: new Set(['a.test.ts']),
    leftOut: new Map([['a.test.ts', 'comes to nothing']]),
  });
});
