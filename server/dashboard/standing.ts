/** In which states the unfinished sagas stand, by machine version. */
import type { SagaEngine, SagaPage } from '../engine/contract.ts';

/** Sagas of each status that are looked at: a page must not cost more because more are stored. */
export const LOOKED_AT_MAX = 100;

export interface Standing {
  /** By `id@version`, then by state without the states nested in it: how many sagas stand there. */
  readonly states: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** There are more than were looked at: these are the newest. */
  readonly isPart: boolean;
}

export async function standingOf(engine: Pick<SagaEngine, 'list'>): Promise<Standing> {
  const pages = await Promise.all(
    (['STARTED', 'ABORTED'] as const).map((status) => engine.list({ status }, null, LOOKED_AT_MAX)),
  );
  return { states: counted(pages), isPart: pages.some(({ cursor }) => cursor !== null) };
}

function counted(pages: readonly SagaPage[]): Map<string, Map<string, number>> {
  const states = new Map<string, Map<string, number>>();
  for (const { machine, summary } of pages.flatMap(({ sagas }) => sagas)) {
    const key = `${machine.id}@${machine.version}`;
    const [state = ''] = summary.state.split('.');
    const counts = states.get(key) ?? new Map<string, number>();
    states.set(key, counts.set(state, (counts.get(state) ?? 0) + 1));
  }
  return states;
}
