import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // The examples import the package by its name, as tsconfig.json has it, too.
  resolve: {
    alias: [
      { find: /^saga-coordinator$/, replacement: source('index.ts') },
      { find: /^saga-coordinator\/(.*)$/, replacement: source('$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Many tests wait for other processes, so that a CPU a worker would be idle for a quarter of the time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    // Loading the product takes longer than most files of tests: what is loaded stays. So each file leaves things as they were.
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    globalSetup: ['test/setup.ts'],
    reporters: ['default', './test/reporter.ts'],
    // A real process under test may take seconds to boot on a loaded two-core machine; no test measures time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
