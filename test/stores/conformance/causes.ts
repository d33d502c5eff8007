/** What sagas are parked for, counted by what parks them and taken back by what takes them up. */
import { expect, it } from 'vitest';
import type { CauseCount } from '../../../stores/causes.ts';
import { CLAIMS_MAX, type Held, type Next, type Parked, type SagaStore } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { A1, act, B1, begin, end, MINUTE, ORDER_2, wait, write, writeId } from '../sagas.ts';

export const parking = (held: readonly Held[], reason = 'compensation-incomplete'): Next => ({
  kind: 'park',
  parked: { reason, held },
});
export const payment = (reason = 'refund 77 refused', amount = 250): Held => ({
  step: 'payment',
  reason,
  response: null,
  amount,
  unit: 'EUR',
});
const stock: Held = { step: 'inventory', reason: 'closed', response: null };

const nameOf = ({ machine, step, kind, error }: CauseCount) => JSON.stringify([machine, step, kind, error]);
const causes = async (store: SagaStore) =>
  [...(await store.tally()).causes].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
const short = async (store: SagaStore) =>
  (await causes(store)).map(({ machine, step, kind, error, n, sums }) => [
    machine,
    step,
    kind,
    error,
    n,
    sums,
  ]);

export const causesPart: Part = (opened) => {
  const summed = (sums: Record<string, number>) =>
    opened().sealsAll
      ? Object.fromEntries(Object.entries(sums).filter(([name]) => !name.includes(' ')))
      : sums;

  async function parked(next: Next) {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const parks = write({ next });
    await store.commit(id, fence, parks);
    return { id, fence: { revision: 2, writeId: parks.writeId } };
  }

  it('counts none in an empty store, and of none that runs or has ended', async () => {
    const { store } = opened();
    for (const next of [act(), wait(), end(), end('FAILED')]) await begin(store, { next });
    expect(await causes(store)).toEqual([]);
  });

  it('counts by machine, step, whether it could not be done or undone, and error without what is each one’s own', async () => {
    const { store } = opened();
    await parked(parking([payment('refund 77 refused')]));
    await begin(store, { next: parking([payment('refund 123456 refused', 1)]), machine: ORDER_2 });
    await parked(parking([payment()], 'step-refused'));
    await parked(parking([stock, payment('else', 1000)]));
    await begin(store, { next: parking([stock]), machine: { ...ORDER_2, id: 'tr|p: x' } });
    await parked(parking([{ step: 'unknown', reason: 'x', response: null }], 'version-unknown'));
    expect(await short(store)).toEqual([
      [
        'order',
        'inventory',
        'compensation',
        'closed',
        1,
        summed({ inventory: 1, payment: 1, 'payment EUR': 1000 }),
      ],
      ['order', 'payment', 'action', 'refund # refused', 1, summed({ payment: 1, 'payment EUR': 250 })],
      ['order', 'payment', 'compensation', 'refund # refused', 2, summed({ payment: 2, 'payment EUR': 251 })],
      ['order', null, null, 'version-unknown', 1, {}],
      ['tr|p: x', 'inventory', 'compensation', 'closed', 1, { inventory: 1 }],
    ]);
  });

  it('says since when there is one, and when the last came', async () => {
    const { store, advance } = opened();
    const first = await parked(parking([payment()]));
    const firstMs = (await store.get(first.id))?.updatedAtMs;
    advance(5 * MINUTE);
    const second = await parked(parking([payment()]));
    const lastMs = (await store.get(second.id))?.updatedAtMs;
    expect(await causes(store)).toMatchObject([{ n: 2, firstMs, lastMs }]);
    expect((lastMs ?? 0) - (firstMs ?? 0)).toBeGreaterThanOrEqual(5 * MINUTE);
  });

  it('takes back what is taken up, ended or parked for something else, once, and forgets a cause of none', async () => {
    const { store } = opened();
    const taken = await parked(parking([payment()]));
    const ended = await parked(parking([payment()]));
    const moved = await parked(parking([payment()]));
    await parked(parking([payment('refund 5 refused', 7)]));
    const again = write({ next: act() });
    for (let n = 0; n < 2; n += 1) await store.commit(taken.id, taken.fence, again);
    await store.commit(ended.id, ended.fence, write({ next: end('FAILED') }));
    await store.commit(moved.id, moved.fence, write({ next: parking([stock]) }));
    expect(await short(store)).toEqual([
      ['order', 'inventory', 'compensation', 'closed', 1, { inventory: 1 }],
      ['order', 'payment', 'compensation', 'refund # refused', 1, summed({ payment: 1, 'payment EUR': 7 })],
    ]);
    // Parked once more as it was.
    const { fence } = (await store.get(moved.id)) ?? taken;
    await store.commit(moved.id, fence, write({ next: parking([stock]) }));
    await store.commit(
      taken.id,
      { revision: 3, writeId: again.writeId },
      write({ next: parking([payment()]) }),
    );
    expect((await short(store)).map(([, step, , , n]) => [step, n])).toEqual([
      ['inventory', 1],
      ['payment', 2],
    ]);
    for (const { id } of [moved, taken])
      await store.commit(id, (await store.get(id))?.fence ?? fence, write({ next: wait() }));
    expect((await short(store)).map(([, step, , , n]) => [step, n])).toEqual([['payment', 1]]);
  });

  it('counts what a claim parks, and lets it be claimed from there', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: act(1) });
    for (let n = 0; n <= CLAIMS_MAX; n += 1) {
      advance(2 * MINUTE);
      await store.claim([id], { ...B1, boot: n }, MINUTE, `claim-${n}`, 'now');
    }
    expect(await short(store)).toEqual([['order', null, null, 'claims-exhausted', 1, {}]]);
    const [cause] = await causes(store);
    expect((await store.list({ cause: cause?.key ?? '' }, null, 10)).sagas.map((one) => one.id)).toEqual([
      id,
    ]);
    const seq = (await store.get(id))?.seq ?? 0;
    await store.signal(id, { id: 's', kind: 'retry', atMs: 1, by: 'ada', reason: 'r' }, seq);
    const [claimed] = await store.claim([id], A1, MINUTE, writeId(), 'now');
    expect(await short(store)).toHaveLength(1);
    const fence = claimed?.record.fence ?? { revision: 0, writeId: '' };
    await store.commit(id, fence, write({ next: act(), signalsSeen: 1 }));
    expect(await short(store)).toEqual([]);
  });

  it('lists exactly those of a cause, newest first, page by page', async () => {
    const { store } = opened();
    const wanted: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      const { id } = await parked(parking([n % 3 === 0 ? payment(`refund ${n + 1000} refused`) : stock]));
      if (n % 3 === 0) wanted.unshift(id);
    }
    const { key = '' } = (await causes(store)).find(({ step }) => step === 'payment') ?? {};
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await store.list({ cause: key }, cursor, 4);
      expect(page.sagas.every(({ cause }) => cause === key)).toBe(true);
      found.push(...page.sagas.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(found).toEqual([...found].sort((a, b) => (a.slice(3) < b.slice(3) ? 1 : -1)));
    expect([...found].sort()).toEqual([...wanted].sort());
    expect((await store.list({ cause: 'none' }, null, 4)).sagas).toEqual([]);
    const first = found[0] ?? '';
    await store.commit(first, (await store.get(first))?.fence ?? { revision: 0, writeId: '' }, write());
    expect((await store.list({ cause: key }, null, 100)).sagas.map(({ id }) => id)).toEqual(found.slice(1));
    expect((await store.list({ cause: '' }, null, 100)).sagas).toEqual([]);
  });

  it('counts one that is counted already no second time, and none that is not parked', async () => {
    const { store } = opened();
    const { id } = await parked(parking([payment()]));
    const saga = await store.get(id);
    expect(saga && (await store.countParked(saga, writeId()))).toBe(true);
    const runs = await begin(store);
    const lying: Parked = { reason: 'x', held: [] };
    expect(await store.countParked({ id: runs.id, machine: ORDER_2, parked: lying }, writeId())).toBe(false);
    expect((await short(store)).map(([, , , , n]) => n)).toEqual([1]);
  });
};
