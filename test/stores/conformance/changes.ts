import { expect, it } from 'vitest';
import type { Changes, SagaChange, SagaStore } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { A2, act, begin, end, MINUTE, park, record, summary, wait, write } from '../sagas.ts';

const now = async (store: SagaStore) => (await store.changes(null, null, 1)).position;

/** All pages; none of them longer than it may be. */
async function all(store: SagaStore, after: string, limit = 100, until: string | null = null) {
  const found: SagaChange[] = [];
  let page: Changes;
  let position = after;
  do {
    page = await store.changes(position, until, limit);
    expect(page.gap).toBe(false);
    expect(page.changes.length).toBeLessThanOrEqual(limit);
    found.push(...page.changes);
    expect(found.length, 'the same is told over and over').toBeLessThan(1_000);
    position = page.position;
  } while (page.more);
  return { found, position };
}

/** Sagas with three writes each, over all partitions, mixed. */
async function several(store: SagaStore, count = 20) {
  const sagas = [];
  for (let i = 0; i < count; i += 1) sagas.push(await begin(store));
  const second = write({ next: wait(1) });
  for (const { id, fence } of sagas) await store.commit(id, fence, { ...second, writeId: `${id}-2` });
  for (const { id } of sagas) {
    await store.commit(id, { revision: 2, writeId: `${id}-2` }, write({ next: end() }));
  }
  return sagas.map(({ id }) => id);
}

const titles = (found: readonly SagaChange[], id: string) =>
  found.filter((change) => change.id === id).map(({ seq, status }) => `${seq} ${status}`);

export const changes: Part = (opened) => {
  it('tells of every write since the position, in each saga in order', async () => {
    const { store } = opened();
    await begin(store);
    const after = await now(store);
    const ids = await several(store);
    const { found, position } = await all(store, after);
    expect(found).toHaveLength(60);
    for (const id of ids) expect(titles(found, id)).toEqual(['1 STARTED', '2 STARTED', '3 COMPLETED']);
    expect(await all(store, position)).toEqual({ found: [], position });
  });

  it('tells what a write left behind', async () => {
    const { store } = opened();
    const after = await now(store);
    const state = 'a "quoted" \\ näme\n';
    const { id } = await begin(store, { summary: summary({ state }), next: park });
    const { found } = await all(store, after);
    expect(found).toEqual([{ id, seq: 1, state, status: 'ABORTED', position: expect.any(String) }]);
  });

  it('tells of a claim where the log does, and of nothing that no log tells', async () => {
    const { store, advance } = opened();
    const owned = await begin(store, { next: act(1) });
    const free = await begin(store, { next: wait(1) });
    const after = await now(store);
    advance(2 * MINUTE);
    await store.claim([owned.id, free.id], A2, MINUTE, 'claim', 'now');
    await store.commit(owned.id, owned.fence, write());
    await store.release([{ id: free.id, fence: { revision: 2, writeId: 'claim' } }]);
    const { found } = await all(store, after);
    expect(found.map(({ id, seq, status }) => [id, seq, status])).toEqual([[owned.id, 2, 'STARTED']]);
    expect((await record(store, owned.id)).seq).toBe(2);
  });

  it('goes on exactly behind each single change, however small the pages', async () => {
    const { store } = opened();
    const after = await now(store);
    await several(store, 8);
    const { found } = await all(store, after);
    // Pages may mix the sagas otherwise; what is told behind a position is the same.
    const told = (page: readonly SagaChange[]) => page.map(({ id, seq }) => `${id} ${seq}`).sort();
    for (const limit of [1, 2, 7, 24, 25]) {
      expect(told((await all(store, after, limit)).found)).toEqual(told(found));
    }
    for (const [index, { position }] of found.entries()) {
      expect(told((await all(store, position)).found)).toEqual(told(found.slice(index + 1)));
    }
  });

  it('ends at `until`, exactly', async () => {
    const { store } = opened();
    const after = await now(store);
    const first = await several(store, 5);
    const until = await now(store);
    await several(store, 5);
    for (const limit of [1, 4, 100]) {
      const { found, position } = await all(store, after, limit, until);
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set(first));
      expect(found).toHaveLength(15);
      expect(position).toBe(until);
    }
  });

  it.each([
    ['nonsense', () => 'nonsense'],
    ['nothing', () => ''],
    ['of a store with more partitions', (position: string) => `${position}.`],
    ['of a store that was ahead', (position: string) => position.replace(/[^.]+/, 'zzzzzzzzz')],
  ])('says that there is a gap behind a position that it does not have: %s', async (_, forged) => {
    const { store } = opened();
    await several(store, 20);
    const here = await now(store);
    const page = await store.changes(forged(here), null, 100);
    expect(page).toEqual({ changes: [], position: here, gap: true, more: false });
    expect(await all(store, page.position)).toEqual({ found: [], position: here });
  });

  it('refuses a page of nothing', async () => {
    const { store } = opened();
    for (const limit of [0, -1, 1.5]) {
      await expect(store.changes(null, null, limit)).rejects.toThrow(RangeError);
    }
  });
};
