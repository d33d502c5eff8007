/** A short chaos run; `npm run chaos` is the long one. */
import { expect, it } from 'vitest';
import { runChaos } from './chaos.ts';
import { newSeed } from './dice.ts';
import { drawn } from './table.ts';

it('loses nothing and does nothing twice while processes are killed, paused and cut off', async () => {
  const seed = newSeed();
  const report = await runChaos({ orders: 250, seconds: 6, seed, gapMs: 350 });
  expect(report.problems, `seed ${seed}\n${drawn(report)}`).toEqual([]);
}, 180_000);
