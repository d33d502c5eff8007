import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Vitest leaves one CPU free, which on two is half of them; many tests wait for other processes anyhow.
    maxWorkers: availableParallelism(),
    globalSetup: ['test/setup.ts'],
    reporters: ['default', './test/reporter.ts'],
    // A real process under test may take seconds to boot on a loaded two-core machine; no test measures time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
