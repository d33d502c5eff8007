/** Fills a store with sagas that are as a coordinator left them, through the store's own operations and scripts. */
import { hrtime } from 'node:process';
import type { RedisStore } from '../stores/redis/redis-store.ts';
import type { Counts, NewSaga, Next, NumberedEntry, SagaRecord } from '../stores/saga-store.ts';

/** A saga that a coordinator ran, to be stored again and again under other ids. */
export interface Model {
  readonly record: SagaRecord;
  readonly log: readonly NumberedEntry[];
  /** What it has counted. */
  readonly counts: Counts;
}

const OWNER = { name: 'bench', boot: 1 };
const AT_ONCE = 500;
/** How long an ended saga stays, as by default. */
export const KEEP_MS = 7 * 24 * 3600_000;
/** Far beyond the end of the benchmark. */
const DELAY_MS = 30 * 24 * 3600_000;

export async function modelOf(store: RedisStore, id: string, counts: Counts): Promise<Model> {
  const record = await store.get(id);
  if (record === null) throw new Error(`There is no saga ${id}`);
  return { record, log: await store.log(id), counts };
}

/** Gives a copy what its model has not, as a label of its own. */
type Vary = (saga: NewSaga, n: number) => NewSaga;

/**
 * Stores one saga more, whole, in a single write: it differs from its model in revision (1), ids and times alone, and in what it is given.
 * One that runs waits for a long time.
 */
async function storeOne(
  store: RedisStore,
  { record, log, counts }: Model,
  n: number,
  vary: Vary,
): Promise<string> {
  const key = `fill-${hrtime.bigint()}-${n}`;
  const id = store.newId(key);
  const entries = log.map(({ seq: _, ...entry }) => entry);
  const entry = entries.pop();
  if (entry === undefined) throw new Error('A saga without a log');
  const saga: NewSaga = {
    id,
    machine: record.machine,
    trace: record.trace,
    idempotency: { key, digest: DIGEST },
    // As long as one of a coordinator that has run for a while.
    writeId: `bench/1/${(36 ** 4 + n).toString(36)}`,
    owner: OWNER,
    snapshot: record.snapshot,
    summary: record.summary,
    earlier: entries,
    entry,
    counts,
    next: nextOf(record),
  };
  const created = await store.create(vary(saga, n));
  if (created.kind !== 'created') throw new Error(`A saga could not be stored: ${created.kind}`);
  return id;
}

function nextOf({ status, parked }: SagaRecord): Next {
  if (status === 'COMPLETED' || status === 'FAILED') return { kind: 'end', status, keepMs: KEEP_MS };
  return parked === null ? { kind: 'wait', delayMs: DELAY_MS } : { kind: 'park', parked };
}

/** As long as the digest of a body. */
const DIGEST = 'd'.repeat(43);

/** Answers some of the ids. */
export async function fill(
  store: RedisStore,
  model: Model,
  count: number,
  vary: Vary = (saga) => saga,
): Promise<string[]> {
  const some: string[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => from + i);
    const ids = await Promise.all(batch.map((n) => storeOne(store, model, n, vary)));
    some.push(ids[0] ?? '');
  }
  return some;
}
