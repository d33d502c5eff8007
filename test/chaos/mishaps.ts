/** What befalls processes and wires while orders run. Every kind comes up before any comes up again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { RedisServer } from '../redis-server.ts';
import type { Dice } from './dice.ts';
import type { Member } from './fleet.ts';
import type { FaultProxy } from './proxy.ts';

export interface Scene {
  readonly fleet: readonly Member[];
  readonly redis: RedisServer;
  /** Between the coordinators and each service, by the service's name. */
  readonly serviceWires: ReadonlyMap<string, FaultProxy>;
  readonly dice: Dice;
}

/** Something that one mishap at a time may befall. */
interface Victim {
  readonly name: string;
  strike(): Promise<void>;
}

interface Mishap {
  readonly name: string;
  readonly victims: (scene: Scene) => readonly Victim[];
}

/** Longer than a lease in the chaos run, so that some pauses make zombies; and shorter, so that some do not. */
const PAUSE_MS = { least: 500, most: 5000 } as const;
const DOWN_MS = { least: 0, most: 1200 } as const;
const OUTAGE_MS = { least: 50, most: 900, mostUntilHit: 4000 } as const;

const onMembers =
  (strike: (member: Member, dice: Dice) => Promise<void>) =>
  ({ fleet, dice }: Scene): Victim[] =>
    fleet.map((member) => ({ name: member.name, strike: () => strike(member, dice) }));

const onServiceWires =
  (strike: (wire: FaultProxy, dice: Dice) => Promise<void>) =>
  ({ serviceWires, dice }: Scene): Victim[] =>
    [...serviceWires].map(([name, wire]) => ({ name, strike: () => strike(wire, dice) }));

/** Coordinators in trouble at the same time: one is left, or hardly any order would meet the other mishaps. */
const TROUBLED_MAX = 2;

const hitsOf = ({ hits }: FaultProxy) => hits.cut + hits.held + hits.swallowed;

/** Lasts its time, and longer where nobody was there to be hit. */
const outage = (begin: (wire: FaultProxy) => void) => async (wire: FaultProxy, dice: Dice) => {
  const before = hitsOf(wire);
  const beganAt = performance.now();
  begin(wire);
  await pause(dice.whole(OUTAGE_MS.least, OUTAGE_MS.most));
  while (hitsOf(wire) === before && performance.now() - beganAt < OUTAGE_MS.mostUntilHit) {
    wire.heal();
    await pause(20);
    begin(wire);
    await pause(100);
  }
  wire.heal();
};
const cut = outage((wire) => wire.cut());
const hold = outage((wire) => wire.hold());
const swallow = outage((wire) => wire.swallow());

export const MISHAPS = [
  {
    name: 'coordinator killed (SIGKILL) and restarted',
    victims: onMembers(async (member, dice) => {
      await member.kill();
      await pause(dice.whole(DOWN_MS.least, DOWN_MS.most));
      await member.start();
    }),
  },
  {
    name: 'coordinator paused (SIGSTOP, SIGCONT)',
    victims: onMembers(async (member, dice) => {
      member.pause();
      await pause(dice.whole(PAUSE_MS.least, PAUSE_MS.most));
      member.resume();
    }),
  },
  {
    name: 'Redis killed (SIGKILL) and restarted',
    victims: ({ redis, dice }) => [
      {
        name: 'redis',
        strike: async () => {
          await redis.kill();
          await pause(dice.whole(DOWN_MS.least, DOWN_MS.most));
          await redis.restart();
        },
      },
    ],
  },
  { name: 'wire to Redis cut', victims: onMembers(({ wire }, dice) => cut(wire, dice)) },
  { name: 'wire to Redis delayed', victims: onMembers(({ wire }, dice) => hold(wire, dice)) },
  { name: 'reply of Redis to a write lost', victims: onMembers(({ wire }, dice) => swallow(wire, dice)) },
  { name: 'wire to a service cut', victims: onServiceWires(cut) },
  { name: 'wire to a service delayed', victims: onServiceWires(hold) },
  { name: 'reply of a service lost', victims: onServiceWires(swallow) },
] as const satisfies readonly Mishap[];

export interface Storm {
  /** How often each mishap was begun. */
  readonly struck: ReadonlyMap<string, number>;
  /** Begins nothing more; resolves when what was begun is over and everything works. */
  end(): Promise<void>;
}

/** @param gapMs about how long from one mishap to the next; several last at once */
export function beginStorm(scene: Scene, gapMs: number): Storm {
  const { dice } = scene;
  const struck = new Map<string, number>();
  const busy = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const over = new AbortController();

  const strike = ({ name, victims }: Mishap): boolean => {
    const troubled = scene.fleet.filter((member) => busy.has(member.name)).length;
    const free = victims(scene).filter(
      (victim) =>
        !busy.has(victim.name) &&
        !(troubled >= TROUBLED_MAX && scene.fleet.some(({ name }) => name === victim.name)),
    );
    if (free.length === 0) return false;
    const victim = dice.pick(free);
    busy.add(victim.name);
    struck.set(name, (struck.get(name) ?? 0) + 1);
    const striking = victim.strike().finally(() => {
      busy.delete(victim.name);
      underWay.delete(striking);
    });
    underWay.add(striking);
    return true;
  };

  const blow = async () => {
    let deck: Mishap[] = [];
    while (!over.signal.aborted) {
      if (deck.length === 0) deck = dice.shuffled(MISHAPS);
      // One that finds nobody to befall keeps its turn for later.
      const at = deck.findIndex(strike);
      if (at >= 0) deck.splice(at, 1);
      await pause(dice.whole(gapMs / 2, (gapMs * 3) / 2), undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const blowing = blow();

  return {
    struck,
    async end() {
      over.abort();
      await blowing;
      await Promise.all(underWay);
      for (const { wire } of scene.fleet) wire.heal();
      for (const wire of scene.serviceWires.values()) wire.heal();
    },
  };
}
