/** That the tool that measures tests says of a fault what is true of it. */
import { rm } from 'node:fs/promises';
import { afterEach, expect, it } from 'vitest';
import { privateCopy } from '../private-copy.ts';
import { instrument } from './instrument.ts';
import { count, judge, line, share, wrong } from './report.ts';
import { tryMutants } from './try.ts';

const FILE = 'test/mutation/fixture/adult.ts';
let directory: string | undefined;
afterEach(async () => {
  if (directory) await rm(directory, { recursive: true });
});

it('says which faults no test notices, and what endless ones come to', async () => {
  directory = await privateCopy(['test/mutation', 'vitest.config.ts']);
  const mutants = await instrument(directory, [FILE]);

  const progress = await tryMutants({
    directory,
    mutants: mutants.map(({ id }) => id),
    tests: ['test/mutation/fixture/adult.checks.ts'],
    processes: 1,
    limits: { testMs: 1_000, mutantMs: 10_000 },
  });

  const known = { file: FILE, original: 'age >= 18', replacement: 'age > 18', reason: 'for this test' };
  const mistaken = { ...known, replacement: 'age < 18' };
  const judged = judge(mutants, progress, []);
  expect(judged.filter(({ state }) => state !== 'noticed').map(line)).toEqual([
    `${FILE}:2  survived  EqualityOperator  age >= 18  -> age > 18`,
  ]);
  expect(judged.length).toBeGreaterThan(10);
  expect(progress.leftOut).toEqual(new Map());
  expect(share(count(judged))).toBeLessThan(1);
  expect(share(count(judge(mutants, progress, [known])))).toBe(1);
  expect(wrong([known, mistaken], judge(mutants, progress, [known, mistaken]))).toEqual([mistaken]);
});
