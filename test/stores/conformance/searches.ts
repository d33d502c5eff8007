import { expect, it } from 'vitest';
import { bornAtMs } from '../../../stores/partition.ts';
import type { Filter, SagaStore, Sought, Term } from '../../../stores/saga-store.ts';
import type { Opened } from '../conformance.ts';
import { begin, end, idIn, MINUTE, ORDER_2, park, record, summary, write } from '../sagas.ts';

const term = (name: string, value: string): Term => ({ name, value });
const CUSTOMER = term('customer', 'cust 42');
const PAYMENT = term('payment', 'päy_1');

const foundBy = async (store: SagaStore, sought: Sought, more: Filter = {}) =>
  (await store.list({ ...more, sought }, null, 100)).sagas.map(({ id }) => id);

export function searches(opened: () => Opened): void {
  it('finds a saga by each value of its terms, to the letter, and by no other', async () => {
    const { store } = opened();
    const { id } = await begin(store, { terms: [CUSTOMER, PAYMENT] });
    await begin(store, { terms: [term('customer', 'cust 43')] });
    await begin(store, { terms: [] });
    for (const { name, value } of [CUSTOMER, PAYMENT]) {
      expect(await foundBy(store, { text: value })).toEqual([id]);
      expect(await foundBy(store, { by: name, text: value })).toEqual([id]);
    }
    expect(await foundBy(store, { by: 'payment', text: CUSTOMER.value })).toEqual([]);
    for (const text of ['cust 4', 'cust 421', 'CUST 42', 'cust', '']) {
      expect(await foundBy(store, { by: 'customer', text })).toEqual([]);
    }
  });

  it('finds by any of the hashes of what is sought', async () => {
    const { store, sealsAll = false } = opened();
    if (sealsAll) return;
    const { id } = await begin(store, { terms: [term('customer', 'k1.hash')] });
    expect(await foundBy(store, { text: 'cust', hashes: ['k2.hash', 'k1.hash'] })).toEqual([id]);
  });

  it('finds by what a commit gains, and by what was there before', async () => {
    const { store } = opened();
    const gains = [
      write({ terms: [PAYMENT] }),
      write({ terms: [PAYMENT], next: park }),
      write({ terms: [PAYMENT], next: end() }),
    ];
    for (const gain of gains) {
      const { id, fence } = await begin(store, { terms: [CUSTOMER] });
      expect(await foundBy(store, { text: PAYMENT.value })).not.toContain(id);
      for (const _ of ['once', 'and a repetition']) await store.commit(id, fence, gain);
      expect(await foundBy(store, { text: PAYMENT.value })).toContain(id);
      expect(await foundBy(store, { text: CUSTOMER.value })).toContain(id);
    }
    expect(await foundBy(store, { text: PAYMENT.value })).toHaveLength(gains.length);
  });

  it('does not find by what a refused commit would have gained', async () => {
    const { store } = opened();
    const { id } = await begin(store, { terms: [] });
    const stale = { revision: 1, writeId: 'another' };
    expect(await store.commit(id, stale, write({ terms: [CUSTOMER] }))).toEqual({ kind: 'stale' });
    expect(await foundBy(store, { text: CUSTOMER.value })).toEqual([]);
  });

  it('finds a saga that was moved to another version, by its old terms and its new ones', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store, { terms: [CUSTOMER] });
    const { writeId, snapshot, summary: moved, entry, counts } = write();
    const migration = { writeId, snapshot, summary: moved, entry, counts, machine: ORDER_2 };
    await store.migrate(id, fence, { ...migration, terms: [CUSTOMER, PAYMENT] });
    for (const { value } of [CUSTOMER, PAYMENT]) expect(await foundBy(store, { text: value })).toEqual([id]);
  });

  it('finds all sagas of one value, newest first, page by page, and as another filter has it', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    for (let at = 0; at < 9; at += 1) {
      advance(1);
      ids.unshift((await begin(store, { terms: [CUSTOMER], next: at % 3 === 0 ? end() : park })).id);
      // What began in the same millisecond is looked at, too.
      advance(1);
      await begin(store, { terms: [PAYMENT] });
    }
    const pages: string[] = [];
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
      const page: Awaited<ReturnType<SagaStore['list']>> = await store.list(
        { sought: { text: CUSTOMER.value } },
        cursor,
        4,
      );
      expect(page).toMatchObject({ looked: page.sagas.length, isIndexing: false });
      expect(page.backToMs).toBe(bornAtMs(page.sagas.at(-1)?.id ?? ''));
      pages.push(...page.sagas.map(({ id }) => id));
      cursor = page.cursor;
    }
    expect(pages).toEqual(ids);
    expect(await foundBy(store, { text: CUSTOMER.value }, { status: 'COMPLETED' })).toHaveLength(3);
  });

  it('finds a saga by how its id begins, and by all of it', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { id: idIn(store, 3) });
    advance(2 * MINUTE);
    await begin(store, { id: idIn(store, 3) });
    for (const text of [id, id.slice(0, -1), id.slice(0, 20), id.slice(0, 15), id.slice(0, 12)]) {
      expect(await foundBy(store, { text })).toEqual([id]);
      expect(await foundBy(store, { by: 'id', text })).toEqual([id]);
    }
    expect(await foundBy(store, { by: 'customer', text: id })).toEqual([]);
    expect(await foundBy(store, { text: `${id}0` })).toEqual([]);
    expect(await foundBy(store, { text: '03-' })).toHaveLength(2);
  });

  it('finds what is an id of one saga and a value of another by both', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { terms: [] });
    advance(1);
    const other = await begin(store, { terms: [term('parent', id)] });
    expect(await foundBy(store, { text: id })).toEqual([other.id, id]);
  });

  it('finds two sagas of one value that began at once, until each is purged', async () => {
    const { store, advance } = opened();
    const [one, other] = [idIn(store, 3), idIn(store, 3)];
    await begin(store, { id: one, terms: [CUSTOMER], next: end('COMPLETED', 1) });
    await begin(store, { id: other, terms: [CUSTOMER], next: end('COMPLETED', 60) });
    expect((await foundBy(store, { text: CUSTOMER.value })).sort()).toEqual([one, other].sort());
    advance(2 * MINUTE);
    expect(await store.purge(10)).toBe(1);
    expect(await foundBy(store, { text: CUSTOMER.value })).toEqual([other]);
  });

  it('finds by the label as by any term', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { summary: summary({ label: 'o-7' }) });
    advance(1);
    await begin(store, { summary: summary({ label: 'o-8' }) });
    expect(await foundBy(store, { by: 'label', text: 'o-7' })).toEqual([id]);
    const page = await store.list({ label: 'o-7' }, null, 10);
    expect(page).toMatchObject({ sagas: [{ id }], looked: 1, cursor: null });
    expect((await record(store, id)).summary.label).toBe('o-7');
  });
}
