import { expect, it } from 'vitest';
import { uuidOf } from '../../../stores/partition.ts';
import { BadCursorError, type Filter, listingOf, type SagaStore } from '../../../stores/saga-store.ts';
import type { Opened } from '../conformance.ts';
import { A1, act, begin, end, MINUTE, ORDER, ORDER_2, park, record, summary, wait, write } from '../sagas.ts';

async function allPages(store: SagaStore, filter: Filter, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    const page = await store.list(filter, cursor, limit);
    pages.push(page.sagas.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== null);
  return pages;
}

const idsOf = async (store: SagaStore, filter: Filter) => (await allPages(store, filter, 100)).flat();
const newestFirst = (ids: readonly string[]) => [...ids].sort((a, b) => (uuidOf(a) < uuidOf(b) ? 1 : -1));

export function listings(opened: () => Opened, isQuick: boolean): void {
  it('lists newest first, over all partitions', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 30; i += 1) {
      advance(i % 3);
      ids.push((await begin(store)).id);
    }
    expect(await idsOf(store, {})).toEqual(ids.reverse());
  });

  it('lists what is shown of records, as it is', async () => {
    const { store } = opened();
    const { id } = await begin(store, { next: park });
    const { id: inHand } = await begin(store, { next: act(), owner: A1 });
    const { sagas } = await store.list({}, null, 10);
    expect(sagas).toEqual([listingOf(await record(store, inHand)), listingOf(await record(store, id))]);
    expect(sagas.map(({ owner }) => owner)).toEqual([A1, null]);
  });

  it('lists nothing of nothing', async () => {
    expect(await opened().store.list({}, null, 10)).toEqual({
      sagas: [],
      cursor: null,
      damage: [],
      looked: 0,
      backToMs: null,
      isIndexing: false,
    });
  });

  it('pages without gap or repetition, and says which page is the last', async () => {
    const { store } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 12; i += 1) ids.push((await begin(store)).id);
    for (const limit of [1, 4, 5, 12, 13]) {
      const pages = await allPages(store, {}, limit);
      expect(pages.flat()).toEqual(newestFirst(ids));
      expect(pages).toHaveLength(Math.ceil(12 / limit));
    }
  });

  it('goes on exactly where a page ended, whatever came or went meanwhile', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 6; i += 1) ids.push((await begin(store, { next: end('FAILED', 1) })).id);
    const [, , third, ...older] = newestFirst(ids);
    const first = await store.list({}, null, 3);
    expect(first.sagas.at(-1)?.id).toBe(third);
    advance(2 * MINUTE);
    await store.purge(100);
    expect((await store.list({}, first.cursor, 3)).sagas).toEqual([]);
    const newer = (await begin(store)).id;
    expect((await store.list({}, first.cursor, 3)).sagas.map(({ id }) => id)).not.toContain(newer);
    expect(older).toHaveLength(3);
  });

  it('filters by status, state, machine, label and failed step, and by all of them together', async () => {
    const { store } = opened();
    const running = (await begin(store, { next: act() })).id;
    const waiting = (await begin(store, { next: wait(), summary: summary({ state: 'waiting.payment' }) })).id;
    const parked = (await begin(store, { next: park, summary: summary({ failed_step: 'payment' }) })).id;
    const completed = (await begin(store, { next: end(), summary: summary({ label: 'b-2' }) })).id;
    const failed = (
      await begin(store, {
        next: end('FAILED'),
        summary: summary({ failed_step: 'payment', label: null }),
        machine: { id: 'trip', version: '1', structure: 'abc' },
      })
    ).id;
    expect(await idsOf(store, { status: 'STARTED' })).toEqual([waiting, running]);
    expect(await idsOf(store, { status: 'ABORTED' })).toEqual([parked]);
    expect(await idsOf(store, { status: 'COMPLETED' })).toEqual([completed]);
    expect(await idsOf(store, { status: 'FAILED' })).toEqual([failed]);
    expect(await idsOf(store, { state: 'waiting.payment' })).toEqual([waiting]);
    expect(await idsOf(store, { state: 'waiting' })).toEqual([waiting]);
    expect(await idsOf(store, { state: 'wait' })).toEqual([]);
    expect(await idsOf(store, { label: 'b-2' })).toEqual([completed]);
    expect(await idsOf(store, { label: 'o-2' })).toEqual([]);
    expect(await idsOf(store, { label: 'o-1' })).toEqual([parked, waiting, running]);
    expect(await idsOf(store, { machine: 'trip' })).toEqual([failed]);
    expect(await idsOf(store, { machine: 'order', label: 'o-1', status: 'ABORTED' })).toEqual([parked]);
    expect(await idsOf(store, { failed_step: 'payment' })).toEqual([failed, parked]);
    expect(await idsOf(store, { failed_step: 'payment', status: 'ABORTED' })).toEqual([parked]);
    expect(await idsOf(store, { failed_step: 'payment', status: 'STARTED' })).toEqual([]);
  });

  it('filters by the time of creation: from `since` on, before `until`', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      ids.push((await begin(store)).id);
      advance(MINUTE);
    }
    const [first = '', second = '', third = ''] = ids;
    const { createdAtMs } = await record(store, second);
    expect(await idsOf(store, { sinceMs: createdAtMs })).toEqual([third, second]);
    expect(await idsOf(store, { untilMs: createdAtMs })).toEqual([first]);
    expect(await idsOf(store, { sinceMs: createdAtMs, untilMs: createdAtMs + 1 })).toEqual([second]);
  });

  it('finds stuck what is unfinished and was not written to, claims and releases aside', async () => {
    const { store, advance } = opened();
    const idle = await begin(store, { next: wait(1) });
    const parked = await begin(store, { next: park });
    const busy = await begin(store, { next: wait(60) });
    await begin(store, { next: end('FAILED', 1000) });
    advance(5 * MINUTE);
    await store.commit(busy.id, busy.fence, write({ next: wait(60) }));
    await store.claim([idle.id], write().owner, MINUTE, 'claim', 'now');
    await store.release([{ id: idle.id, fence: { revision: 2, writeId: 'claim' } }]);
    expect(await idsOf(store, { stuckForMs: 4 * MINUTE })).toEqual([parked.id, idle.id]);
    expect(await idsOf(store, { stuckForMs: 4 * MINUTE, status: 'ABORTED' })).toEqual([parked.id]);
    expect(await idsOf(store, { stuckForMs: 9 * MINUTE })).toEqual([]);
  });

  it('filters by what the id begins with', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      ids.push((await begin(store)).id);
      // Seven digits of a UUIDv7 are a quarter of an hour.
      if (i === 5) advance(MINUTE * 20);
    }
    const [id = ''] = ids;
    for (const length of [0, 1, 2, 3, 8, 10, 14, id.length]) {
      const beginning = id.slice(0, length);
      const found = newestFirst(ids.filter((one) => one.startsWith(beginning)));
      expect((await allPages(store, { id: beginning }, 2)).flat(), beginning).toEqual(found);
    }
    expect(await idsOf(store, { id: 'no such' })).toEqual([]);
  });

  it('finds what is held by a text of the reason', async () => {
    const { store } = opened();
    await begin(store);
    const parked = await begin(store, { next: park });
    await begin(store, { next: { kind: 'park', parked: { reason: 'declined', held: [] } } });
    expect(await idsOf(store, { error: 'clin' })).toEqual([parked.id]);
    expect(await idsOf(store, { error: 'clin', status: 'ABORTED' })).toEqual([parked.id]);
    expect(await idsOf(store, { error: 'clin', status: 'STARTED' })).toEqual([]);
    expect(await idsOf(store, { error: 'DECLINED' })).toEqual([]);
  });

  it.skipIf(!isQuick)(
    'looks at a bounded number of sagas a call, so that a rare one may be pages away',
    async () => {
      const { store } = opened();
      const rare = await begin(store, { summary: summary({ state: 'rare' }) });
      const create = () => begin(store);
      for (let i = 0; i < 11; i += 1) await Promise.all(Array.from({ length: 100 }, create));
      const pages = await allPages(store, { state: 'rare' }, 10);
      expect(pages).toEqual([[], [rare.id]]);
    },
  );

  it('refuses a cursor that it never gave', async () => {
    const { store } = opened();
    for (const cursor of ['', 'nonsense', Buffer.from('nonsense').toString('base64url'), '+']) {
      await expect(store.list({}, cursor, 10)).rejects.toThrow(BadCursorError);
      await expect(store.running([ORDER], cursor, 10)).rejects.toThrow(BadCursorError);
    }
  });

  it('refuses a page of nothing', async () => {
    const { store } = opened();
    for (const limit of [0, -1, 1.5]) await expect(store.list({}, null, limit)).rejects.toThrow(RangeError);
  });

  it('pages through all running sagas of the given machines, due or not', async () => {
    const { store } = opened();
    const ids: string[] = [];
    for (let i = 0; i < 9; i += 1) ids.push((await begin(store, { next: i % 2 ? wait() : act() })).id);
    await begin(store, { next: park });
    await begin(store, { next: end() });
    const other = (await begin(store, { machine: ORDER_2 })).id;
    for (const [machines, expected] of [
      [[ORDER], ids],
      [[ORDER_2], [other]],
      [
        [ORDER, ORDER_2],
        [...ids, other],
      ],
      [[], []],
    ] as const) {
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<SagaStore['running']>> = await store.running(machines, cursor, 4);
        expect(page.ids.length).toBeLessThanOrEqual(4);
        found.push(...page.ids);
        cursor = page.cursor;
      } while (cursor !== null);
      expect(found.sort()).toEqual([...expected].sort());
    }
  });

  it('answers statuses in the order asked', async () => {
    const { store } = opened();
    const [running, parked] = [await begin(store), await begin(store, { next: park })];
    const ids = [parked.id, store.newId(null), running.id, parked.id];
    expect(await store.statuses(ids)).toEqual(['ABORTED', null, 'STARTED', 'ABORTED']);
    expect(await store.statuses([])).toEqual([]);
  });
}
