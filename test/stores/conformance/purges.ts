import { expect, it } from 'vitest';
import { CLAIMS_MAX, type Next } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { act, B1, begin, end, MINUTE, newSaga, ORDER, park, record, view, wait, write } from '../sagas.ts';

export const purges: Part = (opened) => {
  it('counts nothing in an empty store', async () => {
    expect(await opened().store.statistics()).toEqual({
      statuses: { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 },
      inFlight: 0,
      settledPerMinute: 0,
      counters: {},
      damage: [],
    });
  });

  it('counts what is held by status, and all that is unfinished and not parked as in flight', async () => {
    const { store } = opened();
    for (const next of [act(), wait(), park, end(), end(), end('FAILED')]) await begin(store, { next });
    const { statuses, inFlight } = await store.statistics();
    expect(statuses).toEqual({ STARTED: 2, COMPLETED: 2, FAILED: 1, ABORTED: 1 });
    expect(inFlight).toBe(2);
  });

  it('sums counters over all sagas, by machine id, over its versions', async () => {
    const { store } = opened();
    const odd = { id: 'a@b|c', version: '1', structure: 'x' };
    for (let i = 0; i < 10; i += 1) {
      const machine = { ...ORDER, version: String(i % 2) };
      const { id, fence } = await begin(store, { machine, counts: { 'steps.done': 2, 'a|b': 1 } });
      await store.commit(id, fence, write({ counts: { 'steps.done': 1, ms: 250 }, next: wait() }));
    }
    await begin(store, { machine: odd, counts: { ms: 7 } });
    expect((await store.statistics()).counters).toEqual({
      order: { 'steps.done': 30, 'a|b': 10, ms: 2500 },
      'a@b|c': { ms: 7 },
    });
  });

  it('counts what settled within the last minute: ended or parked, each once', async () => {
    const { store, advance } = opened();
    const SECOND = 1_000;
    const perMinute = async () => (await store.statistics()).settledPerMinute;
    const settle = async (next: Next) => {
      const { id, fence } = await begin(store);
      const settled = write({ next });
      await store.commit(id, fence, settled);
      return { id, fence: { revision: 2, writeId: settled.writeId } };
    };
    for (const next of [end(), end('FAILED'), wait()]) await settle(next);
    await begin(store, { next: end() });
    const parked = await settle(park);
    expect(await perMinute()).toBe(4);
    // It had settled when it was parked.
    await store.commit(parked.id, parked.fence, write({ next: end('FAILED') }));
    expect(await perMinute()).toBe(4);
    advance(30 * SECOND);
    for (let n = 0; n < 10; n += 1) await settle(end());
    expect(await perMinute()).toBe(14);
    // The first are as old as a minute, and a bucket more.
    advance(36 * SECOND);
    expect(await perMinute()).toBe(10);
    advance(30 * SECOND);
    expect(await perMinute()).toBe(0);
    // The ring has come round: what stood in its places is no longer counted.
    await settle(end());
    expect(await perMinute()).toBe(1);
  });

  it('counts a saga that a claim has parked', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: act(1) });
    for (let n = 0; n <= CLAIMS_MAX; n += 1) {
      advance(2 * MINUTE);
      await store.claim([id], { ...B1, boot: n }, MINUTE, `claim-${n}`, 'now');
    }
    expect((await record(store, id)).status).toBe('ABORTED');
    expect((await store.statistics()).settledPerMinute).toBe(1);
  });

  it('shows a steady rate as it is', async () => {
    const { store, advance } = opened();
    const beganAt = store.now();
    for (let second = 0; second < 90; second += 1) {
      advance(1_000);
      await begin(store, { next: end() });
    }
    // On a real server the test itself takes some time, by which the rate is less.
    const rate = (90 * MINUTE) / (store.now() - beganAt);
    const { settledPerMinute } = await store.statistics();
    // To a bucket's fraction.
    expect(settledPerMinute).toBeGreaterThanOrEqual(rate - 5);
    expect(settledPerMinute).toBeLessThanOrEqual(rate + 5);
  });

  it('removes an ended saga when its time has come, with log, key and indexes', async () => {
    const { store, advance } = opened();
    const idempotency = { key: 'k', digest: 'd' };
    const { id, fence } = await begin(store, { idempotency });
    await store.commit(id, fence, write({ next: end('COMPLETED', 10) }));
    advance(9 * MINUTE);
    expect(await store.purge(10)).toBe(0);
    expect(await store.create(newSaga(store, { idempotency }))).toEqual({ kind: 'exists', id });
    advance(2 * MINUTE);
    expect(await store.purge(10)).toBe(1);
    expect(await store.purge(10)).toBe(0);
    expect(await view(store, id)).toEqual({
      record: null,
      log: [],
      statistics: {
        statuses: { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 },
        inFlight: 0,
        settledPerMinute: 0,
        counters: {},
        damage: [],
      },
    });
    expect(await store.statuses([id])).toEqual([null]);
    expect((await store.list({}, null, 10)).sagas).toEqual([]);
    expect((await begin(store, { idempotency: { key: 'k', digest: 'another' } })).id).not.toBe(id);
  });

  it('removes ended sagas before their time where it is asked to, those that should go first before all others', async () => {
    const { store } = opened();
    const ids: string[] = [];
    for (const minutes of [30, 10, 20])
      ids.push((await begin(store, { next: end('COMPLETED', minutes) })).id);
    const [thirty = '', ten = '', twenty = ''] = ids;
    expect(await store.purge(10, 5 * MINUTE)).toBe(0);
    expect(await store.purge(10, 15 * MINUTE)).toBe(1);
    expect(await store.statuses([ten, twenty])).toEqual([null, 'COMPLETED']);
    expect(await store.purge(10, 25 * MINUTE)).toBe(1);
    expect(await store.statuses([twenty, thirty])).toEqual([null, 'COMPLETED']);
  });

  it('takes back what the saga added to `.held` counters, and no other', async () => {
    const { store, advance } = opened();
    const kept = await begin(store, { counts: { steps: 1, 'steps.held': 4, 'order.held.by_step': 1 } });
    const { id, fence } = await begin(store, { counts: { steps: 1, 'steps.held': 5 } });
    const counts = { steps: 1, 'steps.held': 2, 'failed.held': 1, 'down.held': -3, 'none.held': 0 };
    await store.commit(id, fence, write({ counts, next: end('FAILED', 1) }));
    advance(2 * MINUTE);
    expect(await store.purge(10)).toBe(1);
    expect((await store.statistics()).counters).toEqual({
      order: {
        steps: 3,
        'steps.held': 4,
        'order.held.by_step': 1,
        'failed.held': 0,
        'down.held': 0,
        'none.held': 0,
      },
    });
    expect(await store.get(kept.id)).not.toBeNull();
  });

  it('never removes what runs, waits or is parked, nor what was reopened after its end', async () => {
    const { store, advance } = opened();
    for (const next of [act(1), wait(1), park]) await begin(store, { next });
    const { id, fence } = await begin(store, { next: end('FAILED', 1) });
    await store.commit(id, fence, write({ next: park }));
    advance(10_000 * MINUTE);
    expect(await store.purge(100)).toBe(0);
    expect((await store.list({}, null, 10)).sagas).toHaveLength(4);
  });

  it('removes at most as many as asked for, and all of them in the end', async () => {
    const { store, advance } = opened();
    for (let i = 0; i < 25; i += 1) await begin(store, { next: end('COMPLETED', 1) });
    advance(2 * MINUTE);
    expect([await store.purge(10), await store.purge(10), await store.purge(10)]).toEqual([10, 10, 5]);
    expect((await store.list({}, null, 10)).sagas).toEqual([]);
  });

  it('finds a purged saga missing when its writer comes back', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { next: end('FAILED', 1) });
    advance(2 * MINUTE);
    await store.purge(10);
    expect(await store.commit(id, fence, write())).toEqual({ kind: 'missing' });
  });
};
