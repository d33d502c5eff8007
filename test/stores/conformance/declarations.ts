import { expect, it } from 'vitest';
import type { MachineRef, Owner, SagaStore } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { A1, A2, act, B1, begin, end, MINUTE, ORDER, ORDER_2, park, wait, write } from '../sagas.ts';

const CHANGED: MachineRef = { ...ORDER, structure: 'changed' };
const ODD: MachineRef = { id: 'a@b c|d', version: '1 ä', structure: 'x' };
const declare = (store: SagaStore, machines: readonly MachineRef[], owner = A1, minutes = 3) =>
  store.declare(machines, owner, minutes * MINUTE);
const refused = (...liveAt: string[]) => [{ machine: CHANGED, declared: ORDER.structure, liveAt }];

export const declarations: Part = (opened) => {
  it('share a secret that nobody can guess, and that stays', async () => {
    const { store } = opened();
    const [one, other] = await Promise.all([store.secret(), store.secret()]);
    expect(one).toMatch(/^[\w-]{43}$/);
    expect([other, await store.secret()]).toEqual([one, one]);
  });

  it('agree where each coordinator has the same structure, however often they are said', async () => {
    const { store } = opened();
    for (const owner of [A1, B1, A1, A2]) {
      expect(await declare(store, [ORDER, ORDER_2, ODD], owner)).toEqual([]);
    }
    expect(await declare(store, [ORDER_2, { ...ODD, id: 'a' }], B1)).toEqual([]);
  });

  it('disagree while another coordinator runs the version with another structure, and name it', async () => {
    const { store, advance } = opened();
    const C1: Owner = { name: 'c', boot: 7 };
    await declare(store, [ORDER], B1);
    await declare(store, [ORDER, ORDER_2], A1);
    expect(await declare(store, [ORDER_2, CHANGED], C1)).toEqual(refused(A1.name, B1.name));
    // Nothing of it was written: what agreed is not taken for said.
    expect(await declare(store, [{ ...ORDER_2, structure: 'changed' }], A1)).toEqual([]);
    advance(2 * MINUTE);
    await declare(store, [ORDER], B1);
    advance(2 * MINUTE);
    expect(await declare(store, [CHANGED], C1)).toEqual(refused(B1.name));
    advance(2 * MINUTE);
    expect(await declare(store, [CHANGED], C1)).toEqual([]);
    expect(await declare(store, [ORDER], B1)).toEqual([
      { machine: ORDER, declared: CHANGED.structure, liveAt: [C1.name] },
    ]);
  });

  it('let one of two coordinators start that come at once with different structures', async () => {
    const { store } = opened();
    const answers = await Promise.all([declare(store, [ORDER], A1), declare(store, [CHANGED], B1)]);
    expect(answers.filter((disagreements) => disagreements.length === 0)).toHaveLength(1);
  });

  it.each([
    ['runs', act()],
    ['waits', wait()],
    ['is parked', park],
  ])('disagree as long as a saga of the version %s, and nobody else has it', async (_, next) => {
    const { store, advance } = opened();
    await declare(store, [ORDER, ORDER_2]);
    const { id, fence } = await begin(store, { next });
    expect(await declare(store, [CHANGED], A2)).toEqual(refused());
    advance(60 * MINUTE);
    expect(await declare(store, [CHANGED], B1)).toEqual(refused());
    expect(await declare(store, [{ ...ORDER_2, structure: 'changed' }], B1)).toEqual([]);
    await store.commit(id, fence, write({ next: end('FAILED') }));
    expect(await declare(store, [CHANGED], B1)).toEqual([]);
  });

  it('find a saga of the version among many parked ones of others', async () => {
    const { store } = opened();
    await declare(store, [ORDER, ORDER_2]);
    for (let i = 0; i < 20; i += 1) await begin(store, { next: park, machine: ORDER_2 });
    expect(await declare(store, [CHANGED], A2)).toEqual([]);
    await begin(store, { next: park, machine: CHANGED });
    expect(await declare(store, [ORDER], A2)).toEqual([
      { machine: ORDER, declared: CHANGED.structure, liveAt: [] },
    ]);
  });

  it('give way at once to a newer boot of the name that made them, but not to an older one', async () => {
    const { store } = opened();
    await declare(store, [ORDER], A1);
    expect(await declare(store, [CHANGED], A2)).toEqual([]);
    expect(await declare(store, [ORDER], A1)).toEqual([
      { machine: ORDER, declared: CHANGED.structure, liveAt: [A1.name] },
    ]);
  });

  it('are taken back by saying none, but not those of a newer boot', async () => {
    const { store } = opened();
    await declare(store, [ORDER], A2);
    await declare(store, [], A1);
    expect(await declare(store, [CHANGED], B1)).toEqual(refused(A2.name));
    await declare(store, [], A2);
    expect(await declare(store, [CHANGED], B1)).toEqual([]);
  });

  it('are all that a coordinator runs: what it says no more is taken back', async () => {
    const { store } = opened();
    await declare(store, [ORDER, ORDER_2]);
    await declare(store, [ORDER_2]);
    expect(await declare(store, [CHANGED], B1)).toEqual([]);
  });

  it('tell which versions nobody has any more, and for how long', async () => {
    const { store, advance } = opened();
    expect(await store.gone(0)).toEqual([]);
    await declare(store, [ORDER, ODD], A1);
    await declare(store, [ORDER, ORDER_2], B1);
    advance(2 * MINUTE);
    expect(await store.gone(0)).toEqual([]);
    await declare(store, [ORDER_2], B1);
    advance(2 * MINUTE);
    expect((await store.gone(0)).sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([ODD, ORDER]);
    expect(await store.gone(2 * MINUTE)).toEqual([]);
    advance(2 * MINUTE);
    expect(await store.gone(2 * MINUTE)).toHaveLength(2);
    await declare(store, [ODD, ORDER], A2);
    expect(await store.gone(0)).toEqual([ORDER_2]);
  });

  it('tell who runs, each by its newest boot, until the declaration runs out', async () => {
    const { store, advance } = opened();
    expect(await store.declared()).toEqual([]);
    await declare(store, [ORDER, ODD], A1);
    await declare(store, [ORDER], B1, 5);
    const since = store.now();
    const [one, two] = await store.declared();
    expect([one?.owner, two?.owner]).toEqual([A1, B1]);
    expect(Math.round(((two?.untilMs ?? 0) - (one?.untilMs ?? 0)) / MINUTE)).toBe(2);
    expect(Math.round(((one?.untilMs ?? 0) - since) / MINUTE)).toBe(3);
    await declare(store, [ORDER], A2);
    // It is gone, and does not know it yet.
    await declare(store, [ORDER], A1);
    expect((await store.declared()).map(({ owner }) => owner)).toEqual([A2, B1]);
    await declare(store, [], A2);
    expect((await store.declared()).map(({ owner }) => owner)).toEqual([B1]);
    advance(6 * MINUTE);
    expect(await store.declared()).toEqual([]);
  });

  it('count for the span that was asked for, which is a whole number', async () => {
    const { store } = opened();
    for (const ms of [-1, 0.5, Number.NaN]) {
      await expect(store.declare([ORDER], A1, ms)).rejects.toThrow(RangeError);
      await expect(store.gone(ms)).rejects.toThrow(RangeError);
    }
  });
};
