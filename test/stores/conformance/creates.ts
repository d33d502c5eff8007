import { expect, it } from 'vitest';
import { partitionOf, partitionOfKey } from '../../../stores/partition.ts';
import type { Part } from '../conformance.ts';
import {
  A1,
  act,
  begin,
  end,
  MINUTE,
  newSaga,
  ORDER,
  park,
  record,
  summary,
  view,
  wait,
  write,
} from '../sagas.ts';

export const creates: Part = (opened) => {
  it('says what it is', async () => {
    const { info } = opened().store;
    expect(['memory', 'redis']).toContain(info.kind);
    expect(info.durability).not.toBe('');
    expect(info.partitions).toBeGreaterThan(0);
    await opened().store.ping();
  });

  it('says how full it is', async () => {
    const { usedBytes, maxBytes } = await opened().store.memory();
    expect(usedBytes).toBeGreaterThanOrEqual(0);
    expect(maxBytes === null || maxBytes > 0).toBe(true);
  });

  it('numbers the boots of each name from 1', async () => {
    const { store } = opened();
    expect(await store.boot('a')).toBe(1);
    expect(await store.boot('a')).toBe(2);
    expect(await store.boot('b')).toBe(1);
  });

  it('makes ids that carry a partition, never repeat, and grow', () => {
    const { store } = opened();
    const partitions = store.info.partitions;
    const ids = Array.from({ length: 100 }, () => store.newId('the key'));
    for (const id of ids) {
      expect(id).toMatch(
        /^[0-9a-f]{2,}-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      expect(partitionOf(id, partitions)).toBe(partitionOfKey('the key', partitions));
    }
    expect(new Set(ids).size).toBe(100);
    expect([...ids].sort()).toEqual(ids);
    const spread = new Set(Array.from({ length: 200 }, () => partitionOf(store.newId(null), partitions)));
    expect(spread.size).toBeGreaterThan(1);
    expect(spread).not.toContain(null);
  });

  it('stores a new saga whole, at revision 1, with its first log entry', async () => {
    const { store } = opened();
    const saga = newSaga(store, { next: act(10) });
    const result = await store.create(saga);
    expect(result).toMatchObject({
      kind: 'created',
      fence: { revision: 1, writeId: saga.writeId },
      seq: 1,
      remainingMs: 10 * MINUTE,
    });
    const found = await record(store, saga.id);
    expect(found).toEqual({
      id: saga.id,
      machine: ORDER,
      trace: null,
      fence: { revision: 1, writeId: saga.writeId },
      snapshot: saga.snapshot,
      summary: saga.summary,
      status: 'STARTED',
      parked: null,
      seq: 1,
      createdAtMs: found.createdAtMs,
      updatedAtMs: found.createdAtMs,
      owner: saga.owner,
      dueAtMs: found.createdAtMs + 10 * MINUTE,
      signals: [],
      unreadable: null,
    });
    expect(await store.log(saga.id)).toEqual([{ ...saga.entry, seq: 1 }]);
    expect(await store.statuses([saga.id])).toEqual(['STARTED']);
  });

  it('keeps the trace of a saga byte for byte, and hands it to whoever claims the saga', async () => {
    const { store, advance } = opened();
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 a=b, c="ä\\u0000"';
    const { id, fence } = await begin(store, { trace, next: wait(1) });
    await store.commit(id, fence, write({ next: wait(1) }));
    expect((await record(store, id)).trace).toBe(trace);
    advance(2 * MINUTE);
    const claimed = await store.claim([id], A1, MINUTE, 'claim', '2026-01-02T00:00:00.000Z');
    expect(claimed.map(({ record }) => record.trace)).toEqual([trace]);
  });

  it('can begin a saga waiting, parked or ended', async () => {
    const { store } = opened();
    const waiting = await record(store, (await begin(store, { next: wait(3) })).id);
    expect(waiting).toMatchObject({ status: 'STARTED', owner: null, parked: null });
    expect(waiting.dueAtMs).toBe(waiting.createdAtMs + 3 * MINUTE);
    const parked = await record(store, (await begin(store, { next: park })).id);
    expect(parked).toMatchObject({ status: 'ABORTED', owner: null, dueAtMs: null, parked: { held: [{}] } });
    const ended = await record(store, (await begin(store, { next: end('FAILED') })).id);
    expect(ended).toMatchObject({ status: 'FAILED', owner: null, dueAtMs: null, parked: null });
  });

  it('grants no lease where nobody acts', async () => {
    const { store } = opened();
    for (const next of [wait(), park, end()]) {
      expect(await store.create(newSaga(store, { next }))).toMatchObject({ kind: 'created', remainingMs: 0 });
    }
  });

  it('recognises the repetition of a create, and changes nothing', async () => {
    const { store, advance } = opened();
    const saga = newSaga(store, { counts: { started: 1 }, idempotency: { key: 'k', digest: 'd' } });
    await store.create(saga);
    const before = await view(store, saga.id);
    advance(4 * MINUTE);
    const repeated = await store.create(saga);
    expect(repeated).toMatchObject({
      kind: 'created',
      fence: { revision: 1, writeId: saga.writeId },
      seq: 1,
    });
    const remainingMs = repeated.kind === 'created' ? repeated.remainingMs : 0;
    expect(remainingMs).toBeGreaterThan(5 * MINUTE);
    expect(remainingMs).toBeLessThanOrEqual(6 * MINUTE);
    expect(await view(store, saga.id)).toEqual(before);
  });

  it('answers `exists` to a repeated create whose saga has moved on', async () => {
    const { store } = opened();
    for (const idempotency of [null, { key: 'k', digest: 'd' }]) {
      const saga = newSaga(store, { idempotency });
      await store.create(saga);
      await store.commit(saga.id, { revision: 1, writeId: saga.writeId }, write());
      const before = await view(store, saga.id);
      expect(await store.create(saga)).toEqual({ kind: 'exists', id: saga.id });
      expect(await view(store, saga.id)).toEqual(before);
    }
  });

  it('answers `exists` where another write made a saga of that id', async () => {
    const { store } = opened();
    const { id } = await begin(store);
    expect(await store.create(newSaga(store, { id }))).toEqual({ kind: 'exists', id });
  });

  it('names the first saga of an idempotency key, and refuses the key with another body', async () => {
    const { store } = opened();
    const first = await begin(store, { idempotency: { key: 'k', digest: 'd' } });
    const before = await view(store, first.id);
    const again = newSaga(store, { idempotency: { key: 'k', digest: 'd' }, counts: { started: 1 } });
    expect(await store.create(again)).toEqual({ kind: 'exists', id: first.id });
    const other = newSaga(store, { idempotency: { key: 'k', digest: 'other' }, counts: { started: 1 } });
    expect(await store.create(other)).toEqual({ kind: 'key-reused', id: first.id });
    expect(await store.get(again.id)).toBeNull();
    expect(await store.get(other.id)).toBeNull();
    expect(await view(store, first.id)).toEqual(before);
    expect((await begin(store, { idempotency: { key: 'k2', digest: 'd' } })).id).not.toBe(first.id);
  });

  it('says what is known of a key, and stores nothing of one that is not', async () => {
    const { store } = opened();
    const idempotency = { key: 'k', digest: 'd' };
    expect(await store.known(idempotency)).toBeNull();
    const { id, fence } = await begin(store, { idempotency });
    expect(await store.known(idempotency)).toEqual({ kind: 'exists', id });
    expect(await store.known({ key: 'k', digest: 'other' })).toEqual({ kind: 'key-reused', id });
    expect(await store.known({ key: 'k2', digest: 'd' })).toBeNull();
    expect((await begin(store, { idempotency: { key: 'k2', digest: 'e' } })).id).not.toBe(id);
    // As long as the saga is kept, and no longer.
    await store.commit(id, fence, write({ next: end('COMPLETED', 0) }));
    expect(await store.known(idempotency)).toEqual({ kind: 'exists', id });
    expect(await store.purge(10)).toBe(1);
    expect(await store.known(idempotency)).toBeNull();
  });

  it('refuses to be misused, before anything is written', async () => {
    const { store } = opened();
    const misuses = [
      newSaga(store, { id: 'not-an-id' }),
      newSaga(store, { id: store.newId(null).replace(/^../, 'ff') }),
      newSaga(store, { counts: { steps: 0.5 } }),
      newSaga(store, { next: { kind: 'act', leaseMs: -1 } }),
      newSaga(store, { next: { kind: 'wait', delayMs: Number.NaN } }),
    ];
    for (const saga of misuses) await expect(store.create(saga)).rejects.toThrow(RangeError);
    expect((await store.list({}, null, 10)).sagas).toEqual([]);
  });

  it('keeps every text as it was, in whatever script it is written', async () => {
    const { store } = opened();
    const text = 'a "b" \\ {c} \n\t\u0001 ü 订单 🧾';
    const saga = newSaga(store, { snapshot: text, summary: summary({ state: text, label: text }) });
    await store.create(saga);
    expect(await record(store, saga.id)).toMatchObject({ snapshot: text, summary: saga.summary });
  });

  it('knows nothing of an id that it never gave', async () => {
    const { store } = opened();
    const unknown = store.newId(null);
    for (const id of [unknown, 'zz', '', `0${unknown}`, unknown.toUpperCase(), `${unknown}\n`]) {
      expect(await store.get(id)).toBeNull();
      expect(await store.log(id)).toEqual([]);
      expect(await store.statuses([id])).toEqual([null]);
      expect(await store.commit(id, { revision: 1, writeId: 'w' }, write())).toEqual({ kind: 'missing' });
    }
  });
};
