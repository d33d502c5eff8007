/** What befalls coordinators, their clocks, and the wires to Redis and to services. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clocks } from './clocks.ts';
import type { Dice } from './dice.ts';
import type { Member } from './fleet.ts';
import type { FaultProxy, ProxyHits } from './proxy.ts';
import type { Mishap, Scene, Victim } from './storm.ts';

/** Longer than a lease in the chaos run, so that some pauses make zombies; and shorter, so that some do not. */
const PAUSE_MS = { least: 500, most: 5000 } as const;
export const DOWN_MS = { least: 0, most: 1200 } as const;
export const OUTAGE_MS = { least: 50, most: 900, mostUntilHit: 4000 } as const;
const JUMP_MS = { least: 60_000, most: 3600_000 } as const;
/** Beyond a day the store's clock counts as broken, and is believed again; there all that was promised ends. */
const SET_BACK_MS_MAX = 20 * 3600_000;

export const onMembers =
  (strike: (member: Member, scene: Scene) => Promise<void>) =>
  (scene: Scene): Victim[] =>
    scene.fleet.map((member) => ({
      names: [member.name],
      strike: async () => {
        await strike(member, scene);
        return 1;
      },
    }));

/** Lasts its time, and longer where nobody was there to be hit. */
const outage =
  (kind: keyof ProxyHits, begin: (wire: FaultProxy) => void) => async (wire: FaultProxy, dice: Dice) => {
    const before = wire.hits[kind];
    const beganAt = performance.now();
    begin(wire);
    await pause(dice.whole(OUTAGE_MS.least, OUTAGE_MS.most));
    while (wire.hits[kind] === before && performance.now() - beganAt < OUTAGE_MS.mostUntilHit) {
      wire.heal();
      await pause(20);
      begin(wire);
      await pause(100);
    }
    wire.heal();
    return wire.hits[kind] - before;
  };

const ON_WIRES = [
  ['cut', outage('cut', (wire) => wire.cut())],
  ['delayed', outage('held', (wire) => wire.hold())],
] as const;
const swallow = outage('swallowed', (wire) => wire.swallow());

/** How far a clock is set, from a minute to an hour, either way. */
const jump = (dice: Dice) => (dice.chance(0.5) ? 1 : -1) * dice.whole(JUMP_MS.least, JUMP_MS.most);

export const KILLED: Mishap = {
  name: 'coordinator killed (SIGKILL) and restarted',
  victims: onMembers(async (member, { dice }) => {
    await member.kill();
    await pause(dice.whole(DOWN_MS.least, DOWN_MS.most));
    await member.start();
  }),
};

export const OF_COORDINATORS: readonly Mishap[] = [
  KILLED,
  {
    name: 'coordinator paused (SIGSTOP, SIGCONT)',
    victims: onMembers(async (member, { dice }) => {
      member.pause();
      await pause(dice.whole(PAUSE_MS.least, PAUSE_MS.most));
      member.resume();
    }),
  },
  {
    name: "coordinator's wall clock set",
    victims: onMembers(async (member, { clocks, dice }) => clocks.set(member, { wallMs: jump(dice) })),
  },
  {
    name: "coordinator's monotonic clock leaps",
    victims: onMembers(async (member, { clocks, dice }) =>
      clocks.set(member, {
        monotonicMs: clocks.monotonicMs(member) + dice.whole(JUMP_MS.least, JUMP_MS.most),
      }),
    ),
  },
  {
    name: "coordinator's monotonic clock stands still",
    victims: onMembers(async (member, { clocks, dice }) => {
      clocks.set(member, { standsStill: true });
      await pause(dice.whole(PAUSE_MS.least, PAUSE_MS.most));
      clocks.set(member, { standsStill: false });
    }),
  },
];

export const OF_SERVICE_WIRES: readonly Mishap[] = [
  ...ON_WIRES.map(([how, strike]) => ({ name: `wire to a service ${how}`, strike })),
  { name: 'reply of a service lost', strike: swallow },
].map(({ name, strike }) => ({
  name,
  victims: ({ serviceWires, dice }) =>
    [...serviceWires].map(([service, wire]) => ({
      names: [`wire to ${service}`],
      strike: () => strike(wire, dice),
    })),
}));

export const OF_REDIS_WIRES: readonly Mishap[] = [
  ...ON_WIRES.map(([how, strike]) => ({ name: `wire to Redis ${how}`, strike })),
  { name: 'reply of Redis to a write lost', strike: swallow },
].map(({ name, strike }) => ({
  name,
  victims: ({ fleet, dice }) =>
    fleet.flatMap(({ name: member, wire }) =>
      wire === null ? [] : [{ names: [member], strike: () => strike(wire, dice) }],
    ),
}));

/** All that a fleet has of its store's clock is what the store says: so it is set for all at once. */
export function storeClockSet(): Mishap {
  let backMs = 0;
  const setBy = (clocks: Clocks, ms: number) => {
    const least = backMs + Math.max(0, -ms) > SET_BACK_MS_MAX ? 0 : ms;
    backMs += Math.max(0, -least);
    clocks.setStore(clocks.storeMs + least);
  };
  return {
    name: "Redis's clock set",
    victims: ({ clocks, dice }) => [
      {
        names: ["Redis's clock"],
        strike: async () => {
          setBy(clocks, jump(dice));
          return 1;
        },
      },
    ],
  };
}
