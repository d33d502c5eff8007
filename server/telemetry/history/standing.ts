/** Where everything stands just now, for the history: sagas in flight by state, and what is parked with what it holds. */
import { leavesIn } from '../../../machines/structure.ts';
import type { CauseCount, SeriesCounts } from '../../../stores/saga-store.ts';
import type { SagaEngine, SagaListing } from '../../engine/contract.ts';
import { ALL, heldSeries, named, parkedSeries, standingSeries } from './series.ts';

/** In flight, the newest: where there are more, it is said of how many. */
const LOOKED_AT_MAX = 1_000;
const PAGE = 250;
/** Of what one machine holds. */
const SUMS_MAX = 200;

type Engine = Pick<SagaEngine, 'list' | 'tally'>;
type Sums = Map<string, Map<string, number>>;

export async function standingNow(engine: Engine): Promise<SeriesCounts> {
  const [{ inFlight, causes }, { sagas, isPart }] = await Promise.all([
    engine.tally(),
    newestInFlight(engine),
  ]);
  const sums: Sums = new Map();
  // All of them are as many as were seen: what came and went between the two questions is no difference.
  add(sums, ALL, 'in_flight', isPart ? Math.max(inFlight, sagas.length) : sagas.length);
  add(sums, ALL, 'looked_at', sagas.length);
  for (const { machine, summary } of sagas)
    for (const leaf of leavesIn(summary.state)) add(sums, standingSeries(machine), named(leaf), 1);
  for (const cause of causes) addCause(sums, cause);
  return Object.fromEntries([...sums].map(([series, names]) => [series, Object.fromEntries(names)]));
}

async function newestInFlight(
  engine: Engine,
): Promise<{ readonly sagas: readonly SagaListing[]; readonly isPart: boolean }> {
  const found: SagaListing[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Engine['list']>> = await engine.list({ status: 'STARTED' }, cursor, PAGE);
    found.push(...page.sagas);
    cursor = page.cursor;
  } while (cursor !== null && found.length < LOOKED_AT_MAX);
  return { sagas: found, isPart: cursor !== null };
}

function addCause(all: Sums, { machine, step, kind, n, sums }: CauseCount): void {
  const place = [step ?? '', kind ?? ''] as const;
  add(all, parkedSeries(machine), named(...place), n);
  for (const [name, sum] of Object.entries(sums)) add(all, heldSeries(machine), named(...place, name), sum);
}

function add(all: Sums, series: string, name: string, n: number): void {
  const names = all.get(series) ?? new Map<string, number>();
  const sum = (names.get(name) ?? 0) + n;
  // What is held may be counted beyond what a number can say.
  if (!Number.isSafeInteger(sum) || (names.size >= SUMS_MAX && !names.has(name))) return;
  all.set(series, names.set(name, sum));
}
