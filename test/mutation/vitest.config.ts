import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import base from '../../vitest.config.ts';
import { TASK, type Task } from './journal.ts';

const { tests, isAnew } = JSON.parse(readFileSync(process.env[TASK] ?? '', 'utf8')) as Task;
const place = ({ moduleId }: TestSpecification) => tests.findIndex((test) => moduleId.endsWith(`/${test}`));

/** Quick tests notice most, and then the slow ones have few mutants left to try. */
class AsGiven extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  ...base,
  root: fileURLToPath(new URL('../..', import.meta.url)),
  cacheDir: fileURLToPath(new URL('../../.vite', import.meta.url)),
  test: {
    ...base.test,
    // Vitest is to start with one: the others are loaded by what loads them all anew.
    include: isAnew ? tests.slice(0, 1) : [...tests],
    globalSetup: [],
    reporters: [],
    runner: fileURLToPath(new URL('runner.ts', import.meta.url)),
    sequence: { sequencer: AsGiven },
    // One mutant is switched on at a time.
    maxWorkers: 1,
    maxConcurrency: 1,
    passWithNoTests: true,
  },
});
