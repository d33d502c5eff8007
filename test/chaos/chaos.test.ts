/** A short chaos run of ten of the kinds of mishaps that there are; `npm run chaos` is the long one, of all of them. */
import { expect, it } from 'vitest';
import { runChaos } from './chaos.ts';
import { newSeed } from './dice.ts';
import { drawn } from './table.ts';

it('loses nothing and does nothing twice while processes are killed, paused and cut off', async () => {
  const seed = newSeed();
  const report = await runChaos({ orders: 100, seconds: 4, seed, gapMs: 300, kindsMax: 10 });
  expect(report.problems, `seed ${seed}\n${drawn(report)}`).toEqual([]);
}, 400_000);
