import { expect, it } from 'vitest';
import type { SagaStore } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import {
  A1,
  A2,
  act,
  B1,
  begin,
  end,
  idIn,
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

const AT = '2026-01-02T00:00:00.000Z';
const claim = (store: SagaStore, ids: readonly string[], owner = B1, minutes = 10, id = writeId()) =>
  store.claim(ids, owner, minutes * MINUTE, id, AT);

export const claims: Part = (opened) => {
  it('finds due what has waited long enough, and not before', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(10) });
    expect(await store.due([ORDER], 10)).toEqual([]);
    advance(9 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([]);
    advance(MINUTE + 1_000);
    expect(await store.due([ORDER], 10)).toEqual([id]);
  });

  it('finds due what is to be looked at at once', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(0) });
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([id]);
  });

  it('finds due an owned saga when its lease has ended', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: act(10) });
    advance(9 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([]);
    advance(2 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([id]);
  });

  it('tells how long what is due has waited, and how old the oldest running saga is', async () => {
    const { store, advance } = opened();
    const minutes = async () => {
      const { overdueMs, oldestMs } = await store.backlog([ORDER]);
      return [overdueMs, oldestMs].map((ms) => Math.round(ms / MINUTE));
    };
    expect(await minutes()).toEqual([0, 0]);
    // Of a machine that nobody asks about: it is old all the same.
    const other = await begin(store, { next: wait(1), machine: ORDER_2 });
    advance(5 * MINUTE);
    const one = await begin(store, { next: act(10) });
    await begin(store, { next: park });
    expect(await minutes()).toEqual([0, 5]);
    advance(12 * MINUTE);
    expect(await minutes()).toEqual([2, 17]);
    await claim(store, [one.id]);
    expect(await minutes()).toEqual([0, 17]);
    await store.commit(other.id, other.fence, write({ next: end('COMPLETED') }));
    expect(await minutes()).toEqual([0, 12]);
  });

  it('finds due only sagas of the machine versions asked for', async () => {
    const { store, advance } = opened();
    const one = await begin(store, { next: wait(1) });
    const two = await begin(store, { next: wait(1), machine: ORDER_2 });
    advance(2 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([one.id]);
    expect(await store.due([ORDER_2], 10)).toEqual([two.id]);
    expect((await store.due([ORDER, ORDER_2], 10)).sort()).toEqual([one.id, two.id].sort());
    expect(await store.due([{ ...ORDER, id: 'other' }], 10)).toEqual([]);
    expect(await store.due([], 10)).toEqual([]);
    expect(await store.due([{ ...ORDER, structure: 'changed' }], 10)).toEqual([one.id]);
  });

  it('finds due at most as many as asked for, longest overdue first within a partition', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (const minutes of [4, 2, 5, 3, 1]) {
      const machine = minutes % 2 === 0 ? ORDER : ORDER_2;
      ids[minutes] = (await begin(store, { id: idIn(store, 0), machine, next: wait(minutes) })).id;
    }
    advance(10 * MINUTE);
    expect(await store.due([ORDER, ORDER_2], 3)).toEqual(ids.slice(1, 4));
  });

  it('takes a free saga that is due, with a new revision, write id and lease, and without a log entry', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(10) });
    const before = await record(store, id);
    advance(11 * MINUTE);
    const wid = writeId();
    const [taken] = await claim(store, [id], B1, 3, wid);
    expect(taken?.remainingMs).toBe(3 * MINUTE);
    const now = await record(store, id);
    expect(taken?.record).toEqual(now);
    expect(now).toEqual({
      ...before,
      fence: { revision: 2, writeId: wid },
      owner: B1,
      dueAtMs: now.dueAtMs,
    });
    expect(now.dueAtMs).toBeGreaterThanOrEqual(before.createdAtMs + 14 * MINUTE);
    expect(await store.log(id)).toHaveLength(1);
    expect(await store.due([ORDER], 10)).toEqual([]);
    advance(4 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([id]);
  });

  it('cuts no back-off short, for whichever boot', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { owner: A1, next: wait(10) });
    advance(9 * MINUTE);
    const before = await view(store, id);
    for (const owner of [A1, A2, B1]) expect(await claim(store, [id], owner)).toEqual([]);
    expect(await view(store, id)).toEqual(before);
  });

  it('leaves to its owner what is owned', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { owner: A1, next: act(10) });
    advance(9 * MINUTE);
    const before = await view(store, id);
    for (const owner of [B1, A1]) expect(await claim(store, [id], owner)).toEqual([]);
    expect(await view(store, id)).toEqual(before);
  });

  it('takes over from an owner whose lease has ended, and logs it', async () => {
    const { store, advance } = opened();
    const state = 'processing "it" \\ \n 1';
    const { id, fence } = await begin(store, { owner: A1, next: act(10), summary: summary({ state }) });
    advance(11 * MINUTE);
    const [taken] = await claim(store, [id]);
    expect(taken?.record).toMatchObject({ owner: B1, seq: 2, fence: { revision: 2 } });
    expect((await store.log(id))[1]).toEqual({
      seq: 2,
      at: AT,
      event: 'takenOver',
      from: state,
      to: state,
      step: null,
      kind: null,
      attempt: null,
      outcome: null,
      duration_ms: null,
      error: null,
      by: `${B1.name} (boot ${B1.boot})`,
      reason: `from ${A1.name} (boot ${A1.boot})`,
    });
    expect(await store.commit(id, fence, write())).toEqual({ kind: 'stale' });
  });

  it('takes over at once from an older boot of the same name, but from no newer one', async () => {
    const { store } = opened();
    const { id } = await begin(store, { owner: A1, next: act(10) });
    expect(await claim(store, [id], A2)).toHaveLength(1);
    expect((await store.log(id)).map(({ event }) => event)).toEqual(['stepDone', 'takenOver']);
    expect(await claim(store, [id], A1)).toEqual([]);
  });

  it('takes over from boot 9 as boot 10, which is the older one of two texts', async () => {
    const { store } = opened();
    const [ninth, tenth] = [9, 10].map((boot) => ({ ...A1, boot })) as [typeof A1, typeof A1];
    const { id } = await begin(store, { owner: ninth, next: act(10) });
    expect(await claim(store, [id], tenth)).toHaveLength(1);
    expect(await claim(store, [id], ninth)).toEqual([]);
  });

  it('leaves parked, ended and unknown sagas as they are', async () => {
    const { store } = opened();
    const ids = [store.newId(null), 'nonsense'];
    for (const next of [park, end('COMPLETED'), end('FAILED')]) ids.push((await begin(store, { next })).id);
    const before = await Promise.all(ids.map((id) => view(store, id)));
    expect(await claim(store, ids)).toEqual([]);
    expect(await Promise.all(ids.map((id) => view(store, id)))).toEqual(before);
  });

  it('takes many sagas of many partitions, each once, in the order asked', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 40; i += 1) ids.push((await begin(store, { next: i % 2 ? wait(1) : act(1) })).id);
    advance(2 * MINUTE);
    const taken = await claim(store, [...ids, ...ids]);
    expect(taken.map(({ record: { id } }) => id)).toEqual(ids);
    expect(new Set(taken.map(({ record: { fence } }) => fence.revision))).toEqual(new Set([2]));
    expect(taken.map(({ record: { seq } }) => seq)).toEqual(ids.map((_, i) => (i % 2 ? 1 : 2)));
  });

  it('recognises the repetition of a claim, and grants what remains', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(1) });
    advance(2 * MINUTE);
    const wid = writeId();
    await claim(store, [id], B1, 10, wid);
    const before = await view(store, id);
    advance(4 * MINUTE);
    const [again] = await claim(store, [id], B1, 10, wid);
    expect(again?.record).toEqual(before.record);
    expect(again?.remainingMs).toBeGreaterThan(5 * MINUTE);
    expect(again?.remainingMs).toBeLessThanOrEqual(6 * MINUTE);
    expect(await view(store, id)).toEqual(before);
  });

  it('lets one of two claimers have a saga', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(1) });
    advance(2 * MINUTE);
    const taken = await Promise.all([claim(store, [id], A1), claim(store, [id], B1)]);
    expect(taken.flat()).toHaveLength(1);
  });

  it('lengthens the lease of a saga in hand, and changes nothing else', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { owner: A1, next: act(10) });
    const before = await view(store, id);
    advance(8 * MINUTE);
    const [remainingMs] = await store.renew([{ id, fence }], 10 * MINUTE);
    expect(remainingMs).toBe(10 * MINUTE);
    const after = await view(store, id);
    expect(after).toEqual({ ...before, record: { ...before.record, dueAtMs: after.record?.dueAtMs } });
    advance(9 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect(await claim(store, [id])).toEqual([]);
    advance(2 * MINUTE);
    expect(await claim(store, [id])).toHaveLength(1);
  });

  it('shortens no lease, and lengthens one that has ended and that nobody has taken', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { owner: A1, next: act(10) });
    const [kept] = await store.renew([{ id, fence }], MINUTE);
    expect(kept).toBeGreaterThan(9 * MINUTE);
    advance(12 * MINUTE);
    expect(await store.renew([{ id, fence }], MINUTE)).toEqual([MINUTE]);
    expect(await claim(store, [id])).toEqual([]);
    expect(await store.commit(id, fence, write())).toMatchObject({ kind: 'committed' });
  });

  it('renews nothing that does not stand at its fence, is not owned, or is not there', async () => {
    const { store } = opened();
    const owned = await begin(store, { owner: A1, next: act(10) });
    const moved = await begin(store, { owner: A1, next: act(10) });
    await store.commit(moved.id, moved.fence, write());
    const others = await Promise.all([wait(10), park, end()].map((next) => begin(store, { next })));
    const all = [
      { id: owned.id, fence: { ...owned.fence, writeId: 'before the failover' } },
      moved,
      ...others,
      { id: store.newId(null), fence: owned.fence },
      { id: 'nonsense', fence: owned.fence },
    ];
    const before = await Promise.all(all.map(({ id }) => view(store, id)));
    expect(await store.renew(all, 20 * MINUTE)).toEqual(all.map(() => null));
    expect(await Promise.all(all.map(({ id }) => view(store, id)))).toEqual(before);
  });

  it('renews many at once, over all partitions, each for itself', async () => {
    const { store } = opened();
    const held = await Promise.all(
      Array.from({ length: 8 }, () => begin(store, { owner: A1, next: act(10) })),
    );
    await store.release(held.slice(3, 5));
    const remains = await store.renew(held, 20 * MINUTE);
    expect(remains.map((ms) => ms !== null)).toEqual(held.map((_, index) => index < 3 || index > 4));
    expect(await store.renew([], MINUTE)).toEqual([]);
  });

  it('gives a saga back: free and due at once, under the same revision', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { owner: A1, next: act(10) });
    const before = await record(store, id);
    advance(MINUTE);
    await store.release([{ id, fence }]);
    const released = await record(store, id);
    expect(released).toEqual({ ...before, owner: null, dueAtMs: released.dueAtMs });
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([id]);
    expect(await claim(store, [id])).toHaveLength(1);
    expect(await store.log(id)).toHaveLength(1);
  });

  it('gives nothing back that does not stand at its fence, is not owned, or is not there', async () => {
    const { store } = opened();
    const owned = await begin(store, { owner: A1, next: act(10) });
    const moved = await begin(store, { owner: A1, next: act(10) });
    await store.commit(moved.id, moved.fence, write());
    const others = await Promise.all([wait(10), park, end()].map((next) => begin(store, { next })));
    const all = [
      { id: owned.id, fence: { ...owned.fence, writeId: 'before the failover' } },
      moved,
      ...others,
      { id: store.newId(null), fence: owned.fence },
      { id: 'nonsense', fence: owned.fence },
    ];
    const before = await Promise.all(all.map(({ id }) => view(store, id)));
    await store.release(all);
    expect(await Promise.all(all.map(({ id }) => view(store, id)))).toEqual(before);
  });

  it('takes anew, at the repetition of a claim, what was given back since', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(1) });
    advance(2 * MINUTE);
    const wid = writeId();
    const [taken] = await claim(store, [id], B1, 10, wid);
    if (taken) await store.release([{ id, fence: taken.record.fence }]);
    const [again] = await claim(store, [id], B1, 10, wid);
    expect(again?.record).toMatchObject({ owner: B1, fence: { revision: 3 } });
  });
};
