/** One run of a saga for each of its commits, in which its coordinator is killed right before or right after that one. */
import type { Engine } from '../../server/engine/engine.ts';
import { quiet } from './virtual-clock.ts';
import { type Coordinator, type Fate, hanging, type World } from './world.ts';

export interface Played {
  /** A new world for each run. */
  readonly world: () => World;
  /** Answers the saga's id. */
  readonly start: (world: World, a: Coordinator) => Promise<string>;
  /** What comes from outside once the saga stands still, at whichever coordinator is left. */
  readonly fromOutside: (engine: Engine, id: string, world: World) => Promise<void>;
}

export interface Run {
  readonly id: string;
  readonly world: World;
  /** Number of the commit that killed, counted from 1; 0 for the run in which nobody was. */
  readonly killedAt: number;
  readonly commits: number;
}

/** The first run is whole; of the others each is killed at the next of its commits. */
export async function killedAtEach(when: 'before' | 'after', played: Played): Promise<[Run, ...Run[]]> {
  const whole = await killedAt(0, when, played);
  const runs: [Run, ...Run[]] = [whole];
  for (let at = 1; at <= whole.commits; at += 1) runs.push(await killedAt(at, when, played));
  return runs;
}

async function killedAt(
  killedAt: number,
  when: 'before' | 'after',
  { world: newWorld, start, fromOutside }: Played,
): Promise<Run> {
  const world = newWorld();
  const [a, b] = [await world.coordinator('a'), await world.coordinator('b')];
  let commits = 0;
  const fate: Fate = async (perform) => {
    commits += 1;
    if (commits !== killedAt) return perform();
    if (when === 'after') await perform();
    a.crash();
    return hanging();
  };
  world.fate('commit', ...Array<Fate>(40).fill(fate));
  a.engine.open();
  const id = await start(world, a);
  await quiet();
  // Long enough for either: the second comes only where the first is gone.
  let isTaken = false;
  const settle = async (): Promise<Engine> => {
    await world.clock.pass(5_000);
    if (killedAt === 0 || commits < killedAt) return a.engine;
    if (!isTaken) b.engine.open();
    isTaken = true;
    await world.clock.pass(10_000);
    return b.engine;
  };
  await fromOutside(await settle(), id, world);
  await settle();
  return { id, world, killedAt, commits };
}
