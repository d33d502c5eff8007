/** What befalls a fleet while orders run: mishaps in the order that a seed gives. Every kind comes up before any comes up again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clocks } from './clocks.ts';
import type { Dice } from './dice.ts';
import type { Member } from './fleet.ts';
import type { FaultProxy } from './proxy.ts';

export interface Scene {
  readonly fleet: readonly Member[];
  readonly clocks: Clocks;
  /** Between the coordinators and each service, by the service's name. */
  readonly serviceWires: ReadonlyMap<string, FaultProxy>;
  readonly dice: Dice;
}

/** What one mishap at a time may befall. */
export interface Victim {
  /** All that it needs for itself meanwhile: members of the fleet by name, or others. */
  readonly names: readonly string[];
  /** Resolves when it is over, and all works again, with how often it really hit somebody. */
  strike(): Promise<number>;
}

export interface Mishap {
  readonly name: string;
  readonly victims: (scene: Scene) => readonly Victim[];
}

export interface Storm {
  /** How often each kind has hit. */
  readonly hits: ReadonlyMap<string, number>;
  /** Begins nothing more; resolves when what was begun is over and everything works. */
  end(): Promise<void>;
}

/** Coordinators in trouble at the same time: one is left, or hardly any order would meet the other mishaps. */
const TROUBLED_MAX = 2;

/** @param gapMs about how long from one mishap to the next; several last at once */
export function beginStorm(kinds: readonly Mishap[], scene: Scene, gapMs: number): Storm {
  const { dice } = scene;
  const hits = new Map(kinds.map(({ name }) => [name, 0]));
  const busy = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const over = new AbortController();
  const hasHit = ({ name }: Mishap) => (hits.get(name) ?? 0) > 0;
  const inFleet = (name: string) => scene.fleet.some((member) => member.name === name);

  const strike = ({ name, victims }: Mishap): boolean => {
    const troubled = [...busy].filter(inFleet).length;
    const free = victims(scene).filter(
      ({ names }) =>
        !names.some((one) => busy.has(one)) && troubled + names.filter(inFleet).length <= TROUBLED_MAX,
    );
    if (free.length === 0) return false;
    const victim = dice.pick(free);
    for (const one of victim.names) busy.add(one);
    const striking = victim
      .strike()
      .then((times) => void hits.set(name, (hits.get(name) ?? 0) + times))
      .finally(() => {
        for (const one of victim.names) busy.delete(one);
        underWay.delete(striking);
      });
    underWay.add(striking);
    return true;
  };

  const blow = async () => {
    let deck: Mishap[] = [];
    while (!over.signal.aborted) {
      // Those that have hit nobody yet come first.
      if (deck.length === 0)
        deck = dice.shuffled(kinds).sort((a, b) => Number(hasHit(a)) - Number(hasHit(b)));
      // One that finds nobody to befall keeps its turn for later.
      const at = deck.findIndex(strike);
      if (at >= 0) deck.splice(at, 1);
      await pause(dice.whole(gapMs / 2, (gapMs * 3) / 2), undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const blowing = blow();

  return {
    hits,
    async end() {
      over.abort();
      await blowing;
      await Promise.all(underWay);
    },
  };
}
