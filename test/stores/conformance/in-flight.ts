import { expect, it } from 'vitest';
import type { SagaStore } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { B1, begin, end, idIn, MINUTE, newSaga, park, wait, write } from '../sagas.ts';

/** Of the store that is opened for this part, in each partition. */
export const IN_FLIGHT_EACH = 2;

const here = (store: SagaStore) => ({ id: idIn(store, 0) });

/** Two sagas in partition 0, which is then full. */
async function filled(store: SagaStore) {
  const sagas = [await begin(store, here(store)), await begin(store, here(store))] as const;
  const refused = newSaga(store, { ...here(store), counts: { started: 1 } });
  expect(await store.create(refused)).toEqual({ kind: 'full' });
  return { sagas, refused };
}

export const inFlight: Part = (opened) => {
  it('are bounded in each partition: one more is refused, and nothing of it is stored', async () => {
    const { store } = opened();
    const { refused } = await filled(store);
    expect(await store.get(refused.id)).toBeNull();
    expect(await store.log(refused.id)).toEqual([]);
    expect((await store.list({}, null, 10)).sagas).toHaveLength(IN_FLIGHT_EACH);
    expect(await store.statistics()).toMatchObject({ inFlight: IN_FLIGHT_EACH, counters: {} });
    // The other partitions decide for themselves.
    await begin(store, { id: idIn(store, 1) });
  });

  it('make room where one ends, is parked, or is parked because it was claimed too often', async () => {
    const { store, advance } = opened();
    const { sagas, refused } = await filled(store);
    for (const [index, next] of [end(), park].entries()) {
      const { id, fence } = sagas[index as 0 | 1];
      await store.commit(id, fence, write({ next }));
    }
    const claimed = await begin(store, { ...here(store), next: wait(0) });
    await begin(store, here(store));
    expect(await store.create(refused)).toEqual({ kind: 'full' });
    for (let claims = 0; (await store.get(claimed.id))?.status === 'STARTED'; claims += 1) {
      advance(2 * MINUTE);
      await store.claim([claimed.id], { ...B1, boot: claims }, MINUTE, `claim-${claims}`, 'at');
    }
    expect(await store.create(refused)).toMatchObject({ kind: 'created' });
    expect(await store.create(newSaga(store, here(store)))).toEqual({ kind: 'full' });
  });

  it('are bounded where they begin alone: a parked one is taken up again all the same', async () => {
    const { store } = opened();
    const parked = await begin(store, { ...here(store), next: park });
    await filled(store);
    expect(await store.commit(parked.id, parked.fence, write())).toMatchObject({ kind: 'committed' });
    expect((await store.statistics()).inFlight).toBe(IN_FLIGHT_EACH + 1);
  });

  it('let whatever is known be joined, refused and recognised, however many they are', async () => {
    const { store } = opened();
    const idempotency = { key: 'k', digest: 'd' };
    const partition = Number.parseInt(store.newId('k').slice(0, 2), 16);
    const first = newSaga(store, { idempotency });
    await store.create(first);
    await begin(store, { id: idIn(store, partition) });
    expect(await store.create(newSaga(store, { id: idIn(store, partition) }))).toEqual({ kind: 'full' });
    expect(await store.create(first)).toMatchObject({ kind: 'created' });
    const { id } = first;
    expect(await store.create(newSaga(store, { idempotency }))).toEqual({ kind: 'exists', id });
    const other = newSaga(store, { idempotency: { key: 'k', digest: 'other' } });
    expect(await store.create(other)).toEqual({ kind: 'key-reused', id });
  });

  it('keep no key of a saga that was refused', async () => {
    const { store } = opened();
    const partition = Number.parseInt(store.newId('k').slice(0, 2), 16);
    const sagas = [];
    for (let i = 0; i < IN_FLIGHT_EACH; i += 1)
      sagas.push(await begin(store, { id: idIn(store, partition) }));
    const idempotency = { key: 'k', digest: 'd' };
    expect(await store.create(newSaga(store, { idempotency }))).toEqual({ kind: 'full' });
    for (const { id, fence } of sagas) await store.commit(id, fence, write({ next: end() }));
    const another = newSaga(store, { idempotency: { key: 'k', digest: 'another' } });
    expect(await store.create(another)).toMatchObject({ kind: 'created' });
  });
};
