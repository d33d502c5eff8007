/** What the plots cost: nothing where no saga was written to. */
import { expect, it } from 'vitest';
import { Pulses } from '../../server/dashboard/pulse.ts';
import type { Tally } from '../../stores/saga-store.ts';
import { VirtualClock } from '../engine/virtual-clock.ts';

it('the sums are asked for when something was written, and now and then', async () => {
  const clock = new VirtualClock();
  const asked: string[] = [];
  let position = 'a';
  let inFlight = 1;
  const pulses = new Pulses(
    {
      position: async () => {
        asked.push('position');
        return position;
      },
      tally: async () => {
        asked.push('tally');
        return { inFlight, counters: {}, causes: [], damage: [] } satisfies Tally;
      },
    },
    clock,
  );
  const told = () => asked.splice(0).join(' ');
  const first = await pulses.now('a');
  expect(told()).toBe('tally');
  await pulses.recent();
  expect(told()).toBe('');
  await clock.pass(2_000);
  // The plots go on.
  expect(await pulses.recent()).toEqual({ ...first, at_ms: first.at_ms + 2_000 });
  expect(told()).toBe('position');
  position = 'b';
  inFlight = 2;
  expect((await pulses.recent()).in_flight).toBe(2);
  expect(told()).toBe('position tally');
  await clock.pass(2_000);
  await pulses.recent();
  expect(told()).toBe('position');
  await clock.pass(28_000);
  await pulses.recent();
  expect(told()).toBe('position tally');
  // Where it was not asked where the feed ends, nobody knows what came since.
  await pulses.now();
  await clock.pass(2_000);
  await pulses.recent();
  expect(told()).toBe('tally position tally');
});
