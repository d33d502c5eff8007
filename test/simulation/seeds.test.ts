/**
 * The first seeds, a test each: what breaks a promise is told within a second, before all others are played, and whoever searches
 * for faults that no test notices has something quick to ask.
 */
import { expect, it } from 'vitest';
import { FIRST_SEEDS, simulate, told } from './simulation.ts';

it.each(Array.from({ length: FIRST_SEEDS }, (_, n) => n + 1))(
  'keeps every promise in the weather of seed %i',
  async (seed) => {
    const run = await simulate(seed);
    expect(run.broken.length > 0 ? told(run) : '').toBe('');
  },
);
