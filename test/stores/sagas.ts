/** Sagas to store: whole and plausible, with what a test is about laid over them. */
import { expect } from 'vitest';
import { partitionOf } from '../../stores/partition.ts';
import type {
  Fence,
  LogEntry,
  MachineRef,
  NewSaga,
  Next,
  Owner,
  SagaStore,
  SagaSummary,
  Write,
} from '../../stores/saga-store.ts';

/** Spans are minutes, so that the time that really passes on a real server decides nothing. */
export const MINUTE = 60_000;

export const ORDER: MachineRef = { id: 'order', version: '1', structure: 'abc' };
export const ORDER_2: MachineRef = { id: 'order', version: '2', structure: 'def' };
export const A1: Owner = { name: 'a:9000', boot: 1 };
export const A2: Owner = { name: 'a:9000', boot: 2 };
export const B1: Owner = { name: 'b 9000', boot: 1 };

export const act = (minutes = 10): Next => ({ kind: 'act', leaseMs: minutes * MINUTE });
export const wait = (minutes = 10): Next => ({ kind: 'wait', delayMs: minutes * MINUTE });
export const end = (status: 'COMPLETED' | 'FAILED' = 'COMPLETED', minutes = 10): Next => ({
  kind: 'end',
  status,
  keepMs: minutes * MINUTE,
});
export const park: Next = {
  kind: 'park',
  parked: {
    reason: 'refund refused',
    held: [{ step: 'payment', reason: 'declined', response: { payment_id: 'p-1' }, says: 'EUR 1 was taken' }],
  },
};

export const summary = (over: Partial<SagaSummary> = {}): SagaSummary => ({
  state: 'processingPayment',
  label: 'o-1',
  steps_completed: 2,
  total_steps: 5,
  failed_step: null,
  failed_step_index: null,
  ...over,
});

export const entry = (over: Partial<LogEntry> = {}): LogEntry => ({
  at: '2026-01-01T00:00:00.000Z',
  event: 'stepDone',
  from: 'reservingInventory',
  to: 'processingPayment',
  step: 'inventory',
  kind: 'action',
  attempt: 1,
  outcome: 'done',
  duration_ms: 12,
  error: null,
  ...over,
});

let writes = 0;
export const writeId = (): string => {
  writes += 1;
  return `write-${writes}`;
};

export const write = (over: Partial<Write> = {}): Write => {
  const { label } = over.summary ?? summary();
  return {
    writeId: writeId(),
    owner: A1,
    snapshot: '{"value":"processingPayment", "context":{"näme":"\\u0000"}}',
    summary: summary(),
    entry: entry(),
    counts: {},
    next: act(),
    ...(label !== null && { terms: [{ name: 'label', value: label }] }),
    ...over,
  };
};

export const newSaga = (store: SagaStore, over: Partial<NewSaga> = {}): NewSaga => ({
  ...write(over),
  id: store.newId(over.idempotency?.key ?? null),
  machine: ORDER,
  trace: null,
  idempotency: null,
  ...over,
});

/** A new id in a partition of the test's choice. */
export function idIn(store: SagaStore, partition: number): string {
  for (;;) {
    const id = store.newId(null);
    if (partitionOf(id, store.info.partitions) === partition) return id;
  }
}

/** Creates a saga and answers its id and fence. */
export async function begin(
  store: SagaStore,
  over: Partial<NewSaga> = {},
): Promise<{ id: string; fence: Fence }> {
  const saga = newSaga(store, over);
  const result = await store.create(saga);
  expect(result.kind).toBe('created');
  return { id: saga.id, fence: { revision: 1, writeId: saga.writeId } };
}

export async function record(store: SagaStore, id: string) {
  const found = await store.get(id);
  if (!found) throw new Error(`${id} is not in the store`);
  return found;
}

/** Everything a store shows of a saga: two equal views mean that nothing changed. */
export async function view(store: SagaStore, id: string) {
  return { record: await store.get(id), log: await store.log(id), statistics: await store.statistics() };
}
