/** What the crash theatre shows: who holds which sagas, what may be killed, what stands in the way of calls, and what came of it all. */
import type { CastMember } from '../cast.ts';
import type { SagaEngine, SagaListing } from '../engine/contract.ts';
import type { StubSeen } from '../stubs.ts';
import type { TheatreParts } from './dashboard-parts.ts';
import type { Pulse } from './pulse.ts';

/** Sagas in flight that are drawn, and the newest ones whose logs are looked at: a page must not cost more because more are stored. */
export const MARKS_MAX = 60;
export const LOGS_MAX = 50;

export interface Lane {
  readonly name: string;
  /** The newest that is known; `null` where it has said nothing yet. */
  readonly boot: number | null;
  /** When it said or did something last that others can see; `null` where nothing is known. */
  readonly seenAtMs: number | null;
  /** The process, where somebody can say; of another's coordinator nobody can. */
  readonly process: CastMember | null;
  /** It answers this very request. */
  readonly isOwn: boolean;
  /** In its hands. */
  readonly sagas: readonly SagaListing[];
  /** How many of the newest sagas it has taken over, from another or from an older boot of its own. */
  readonly took: number;
}

export interface Scene {
  readonly pulse: Pulse;
  readonly lanes: readonly Lane[];
  /** In flight, and waiting: whoever comes first may take them. */
  readonly free: readonly SagaListing[];
  /** Whether more are in flight than are drawn. */
  readonly isPart: boolean;
  /** Ids of those among the newest sagas that were taken over at least once. */
  readonly taken: ReadonlySet<string>;
  /** How many were looked at for that. */
  readonly looked: number;
  /** What else may be killed; `null` where nobody can say. */
  readonly others: readonly CastMember[] | null;
  readonly stubs: readonly StubSeen[];
}

type Asked = Pick<SagaEngine, 'coordinators' | 'list' | 'get'>;

export async function sceneOf(
  engine: Asked,
  { cast, own, stubs }: TheatreParts,
  pulsing: Promise<Pulse>,
): Promise<Scene> {
  const [pulse, members, heard, flight, newest, seen] = await Promise.all([
    pulsing,
    cast?.members() ?? null,
    engine.coordinators(),
    engine.list({ status: 'STARTED' }, null, MARKS_MAX),
    engine.list({}, null, LOGS_MAX),
    stubs.look(),
  ]);
  const takers = await takersOf(engine, newest.sagas);
  const took = [...takers.values()].flat();
  const processes = new Map(members?.flatMap((one) => (one.kind === 'coordinator' ? [[one.name, one]] : [])));
  const owned = flight.sagas.flatMap(({ owner }) => (owner === null ? [] : [owner]));
  const known = [...heard.map(({ owner }) => owner), ...owned];
  const names = [...new Set([...processes.keys(), ...known.map(({ name }) => name), own])].sort();
  const lanes = names.map((name): Lane => {
    const sagas = flight.sagas.filter(({ owner }) => owner?.name === name);
    const boots = known.filter((one) => one.name === name).map(({ boot }) => boot);
    const times = [
      ...heard.filter(({ owner }) => owner.name === name).map(({ heardAtMs }) => heardAtMs),
      ...sagas.map(({ updatedAtMs }) => updatedAtMs),
    ];
    return {
      name,
      boot: boots.length === 0 ? null : Math.max(...boots),
      seenAtMs: times.length === 0 ? null : Math.max(...times),
      process: processes.get(name) ?? null,
      isOwn: name === own,
      sagas,
      took: took.filter((taker) => taker === name).length,
    };
  });
  return {
    pulse,
    lanes,
    free: flight.sagas.filter(({ owner }) => owner === null),
    isPart: flight.cursor !== null,
    taken: new Set(takers.keys()),
    looked: newest.sagas.length,
    others: members?.filter(({ kind }) => kind !== 'coordinator') ?? null,
    stubs: seen,
  };
}

/** By saga the names of those who have taken it over, as its log has them; one that nobody has is not there. */
async function takersOf(
  engine: Asked,
  sagas: readonly SagaListing[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const histories = await Promise.all(sagas.map(({ id }) => engine.get(id)));
  return new Map(
    histories.flatMap((history) => {
      const takers = (history?.log ?? [])
        .filter(({ event }) => event === 'takenOver')
        .map(({ by = '' }) => by.replace(/ \(boot \d+\)$/, ''));
      return history === null || takers.length === 0 ? [] : [[history.saga.id, takers] as const];
    }),
  );
}
