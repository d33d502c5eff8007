import { expect, it } from 'vitest';
import type { Migration, SagaStore } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import {
  A1,
  A2,
  act,
  B1,
  begin,
  end,
  entry,
  MINUTE,
  ORDER,
  ORDER_2,
  park,
  record,
  summary,
  view,
  wait,
  write,
  writeId,
} from '../sagas.ts';

const migration = (over: Partial<Migration> = {}): Migration => ({
  writeId: writeId(),
  machine: ORDER_2,
  snapshot: '{"value":"takingPayment"}',
  summary: summary({ state: 'takingPayment', total_steps: 6 }),
  entry: entry({ event: 'migrated', to: 'takingPayment' }),
  counts: {},
  ...over,
});
const claim = (store: SagaStore, id: string, owner = B1) =>
  store.claim([id], owner, 10 * MINUTE, writeId(), 'at');
const cancel = { id: 'b 9000/1/s1', kind: 'cancel', atMs: 7, by: 'ada', reason: 'because' } as const;

export const migrations: Part = (opened) => {
  it.each([
    ['runs', act(10)],
    ['waits', wait(10)],
  ])('move a saga that %s to another version, where it is due when it was due', async (_, next) => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { owner: A1, next });
    const before = await record(store, id);
    const moved = migration();
    const answer = await store.migrate(id, fence, moved);
    const owned = next.kind === 'act';
    expect(answer).toMatchObject({
      kind: 'committed',
      seq: 2,
      fence: { revision: 2, writeId: moved.writeId },
    });
    expect((answer as { remainingMs: number }).remainingMs > 9 * MINUTE).toBe(owned);
    const after = await record(store, id);
    expect(after).toEqual({
      ...before,
      machine: ORDER_2,
      fence: { revision: 2, writeId: moved.writeId },
      snapshot: moved.snapshot,
      summary: moved.summary,
      seq: 2,
      updatedAtMs: after.updatedAtMs,
    });
    expect((await store.log(id))[1]).toEqual({ ...moved.entry, seq: 2 });
    expect((await store.running([ORDER], null, 10)).ids).toEqual([]);
    expect((await store.running([ORDER_2], null, 10)).ids).toEqual([id]);
    advance(9 * MINUTE);
    expect(await store.due([ORDER, ORDER_2], 10)).toEqual([]);
    advance(2 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect(await store.due([ORDER_2], 10)).toEqual([id]);
    const [taken] = await claim(store, id);
    expect(taken?.record).toMatchObject({ machine: ORDER_2, fence: { revision: 3 } });
  });

  it('leave what operators have asked for, and what a parked saga is parked for', async () => {
    const { store } = opened();
    const { id } = await begin(store, { next: park });
    await store.signal(id, cancel, 1);
    const [taken] = await claim(store, id);
    if (!taken) throw new Error('a parked saga that was signalled can be claimed');
    expect(await store.migrate(id, taken.record.fence, migration())).toMatchObject({ kind: 'committed' });
    expect(await record(store, id)).toMatchObject({
      status: 'ABORTED',
      owner: B1,
      signals: [cancel],
      parked: park.kind === 'park' ? park.parked : null,
    });
  });

  it('are written once, however often they are repeated, and never over what somebody else has written', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store, { next: act() });
    const moved = migration({ counts: { steps: 1, 'total.held': 1 } });
    const first = await store.migrate(id, fence, moved);
    const before = await view(store, id);
    expect(await store.migrate(id, fence, moved)).toMatchObject({
      ...first,
      remainingMs: expect.any(Number),
    });
    expect(await store.migrate(id, fence, migration())).toEqual({ kind: 'stale' });
    expect(await store.commit(id, fence, write())).toEqual({ kind: 'stale' });
    expect(await store.migrate(store.newId(null), fence, moved)).toEqual({ kind: 'missing' });
    expect(await store.migrate('nonsense', fence, moved)).toEqual({ kind: 'missing' });
    expect(await view(store, id)).toEqual(before);
    expect(before.statistics.counters).toEqual({ order: { steps: 1, 'total.held': 1 } });
  });

  it('let commits, claims, signals and purges go on under the new version', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { owner: A1, next: act() });
    const moved = migration({ counts: { 'total.held': 1 } });
    await store.migrate(id, fence, moved);
    expect(await claim(store, id, A2)).toHaveLength(1);
    const taken = await record(store, id);
    await store.commit(id, taken.fence, write({ owner: A2, next: wait(30) }));
    expect(await store.due([ORDER, ORDER_2], 10)).toEqual([]);
    const { seq } = await record(store, id);
    expect(await store.signal(id, cancel, seq)).toEqual({ kind: 'accepted' });
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect(await store.due([ORDER_2], 10)).toEqual([id]);
    const [again] = await claim(store, id, B1);
    const last = write({ owner: B1, next: end('FAILED', 1), signalsSeen: 1 });
    await store.commit(id, again?.record.fence ?? fence, last);
    expect(await store.due([ORDER, ORDER_2], 10)).toEqual([]);
    advance(2 * MINUTE);
    expect(await store.purge(10)).toBe(1);
    expect((await store.statistics()).counters).toEqual({ order: { 'total.held': 0 } });
  });
};
