/** The kinds of operation of a store, each ready to be met by a fault: attempted, repeated, and looked at afterwards. */
import { expect } from 'vitest';
import type { SagaStore } from '../../stores/saga-store.ts';
import { A1, A2, act, begin, end, MINUTE, newSaga, ORDER, ORDER_2, write, writeId } from '../stores/sagas.ts';

export interface Prepared {
  readonly id: string;
  /** The same each time, the write id too. */
  attempt(store: SagaStore): Promise<unknown>;
}

export interface Operation {
  readonly name: string;
  readonly writes: boolean;
  /** What it answers when it has been done, whether just now or by an attempt whose reply was lost. */
  readonly answer: object | undefined;
  /** The saga afterwards: revision and length of the log, which a second execution would raise. */
  readonly after: { readonly revision: number; readonly seq: number };
  /** What it adds to the counter `steps`, once. */
  readonly steps: number;
  prepare(store: SagaStore): Promise<Prepared>;
}

const counts = { steps: 1 };

function asks(name: string, question: (store: SagaStore, id: string) => Promise<unknown>): Operation {
  return {
    name,
    writes: false,
    answer: undefined,
    after: { revision: 1, seq: 1 },
    steps: 0,
    async prepare(store) {
      const { id } = await begin(store, { counts });
      return { id, attempt: (asked) => question(asked, id).then(() => undefined) };
    },
  };
}

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'create',
    writes: true,
    answer: { kind: 'created', seq: 1, fence: { revision: 1 } },
    after: { revision: 1, seq: 1 },
    steps: 1,
    async prepare(store) {
      const idempotency = { key: writeId(), digest: 'd' };
      const saga = newSaga(store, { idempotency, counts });
      return { id: saga.id, attempt: (asked) => asked.create(saga) };
    },
  },
  {
    name: 'commit',
    writes: true,
    answer: { kind: 'committed', seq: 2, fence: { revision: 2 } },
    after: { revision: 2, seq: 2 },
    steps: 1,
    async prepare(store) {
      const { id, fence } = await begin(store);
      const done = write({ counts, next: end() });
      return { id, attempt: (asked) => asked.commit(id, fence, done) };
    },
  },
  {
    name: 'commit that goes on',
    writes: true,
    answer: { kind: 'committed', seq: 2, fence: { revision: 2 } },
    after: { revision: 2, seq: 2 },
    // Owed until the saga is called for no more.
    steps: 0,
    async prepare(store) {
      const { id, fence } = await begin(store);
      const done = write({ counts });
      return { id, attempt: (asked) => asked.commit(id, fence, done) };
    },
  },
  {
    name: 'migrate',
    writes: true,
    answer: { kind: 'committed', seq: 2, fence: { revision: 2 } },
    after: { revision: 2, seq: 2 },
    steps: 1,
    async prepare(store) {
      const { id, fence } = await begin(store);
      const { owner: _owner, next: _next, ...moved } = write({ counts });
      return { id, attempt: (asked) => asked.migrate(id, fence, { ...moved, machine: ORDER_2 }) };
    },
  },
  {
    name: 'claim',
    writes: true,
    answer: [{ record: { fence: { revision: 2 }, owner: A2 } }],
    after: { revision: 2, seq: 2 },
    steps: 0,
    async prepare(store) {
      const { id } = await begin(store, { owner: A1, next: act(), counts });
      const claim = writeId();
      return { id, attempt: (asked) => asked.claim([id], A2, MINUTE, claim, 'now') };
    },
  },
  {
    name: 'renew',
    writes: true,
    answer: [20 * MINUTE],
    after: { revision: 1, seq: 1 },
    steps: 0,
    async prepare(store) {
      const { id, fence } = await begin(store, { next: act(10), counts });
      const attempt = async (asked: SagaStore) => {
        const [remainingMs] = await asked.renew([{ id, fence }], 20 * MINUTE);
        return [Math.round((remainingMs ?? 0) / MINUTE) * MINUTE];
      };
      return { id, attempt };
    },
  },
  {
    name: 'release',
    writes: true,
    answer: undefined,
    after: { revision: 1, seq: 1 },
    steps: 0,
    async prepare(store) {
      const { id, fence } = await begin(store, { next: act(), counts });
      return { id, attempt: (asked) => asked.release([{ id, fence }]) };
    },
  },
  asks('get', (store, id) => store.get(id)),
  asks('log', (store, id) => store.log(id)),
  asks('statuses', (store, id) => store.statuses([id])),
  asks('due', (store) => store.due([ORDER], 10)),
  asks('running', (store) => store.running([ORDER], null, 10)),
  asks('gone', (store) => store.gone(0)),
  asks('declared', (store) => store.declared()),
  asks('list', (store) => store.list({}, null, 10)),
  asks('statistics', (store) => store.statistics()),
  asks('backlog', (store) => store.backlog([ORDER])),
  asks('ping', (store) => store.ping()),
];

/**
 * What must be the same before and after something that did not happen; without the totals of other sagas. The due time
 * is told in whole minutes since the last write, because a renewal that is repeated lengthens it by what has passed.
 */
export async function standing(store: SagaStore, id: string) {
  const record = await store.get(id);
  const { counters } = await store.statistics();
  const { dueAtMs = null, updatedAtMs = 0 } = record ?? {};
  const dueInMinutes = dueAtMs === null ? null : Math.floor((dueAtMs - updatedAtMs) / MINUTE);
  return {
    record: record && { ...record, dueAtMs: dueInMinutes },
    log: await store.log(id),
    steps: counters[ORDER.id]?.steps ?? 0,
  };
}

export function expectAnswer({ answer }: Operation, given: unknown): void {
  if (answer === undefined) expect(given).toBeUndefined();
  else expect(given).toMatchObject(answer);
}
