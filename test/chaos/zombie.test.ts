/** Three zombies, each of another kind; `npm run zombies` plays fifty. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openZombieWorld, type Round, type ZombieWorld } from './zombie.ts';

let world: ZombieWorld;

beforeAll(async () => {
  world = await openZombieWorld();
});
afterAll(() => world.close());

const PLAYED: readonly Round[] = [
  { name: 'payment', kind: 'action', held: 'latency', wakes: 'afterwards' },
  { name: 'shipping', kind: 'action', held: 'slow-effect', wakes: 'in between' },
  { name: 'inventory', kind: 'compensation', held: 'latency', wakes: 'in between' },
];

it.each(PLAYED)(
  'stopped in the $kind of $name ($held) and awake $wakes, the old owner drops the saga and changes nothing',
  async (round) => {
    const { problems, dropped } = await world.play(round);
    expect(problems).toEqual([]);
    expect(dropped).toBe('stale');
  },
);
