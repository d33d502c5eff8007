/** Parked sagas that no cause is known of, because an older release has parked them: they are counted little by little. */
import { expect, it } from 'vitest';
import type { SagaListing, Statistics, Tally } from '../../stores/saga-store.ts';
import { quiet } from './virtual-clock.ts';
import { SETTINGS, World } from './world.ts';

const { pollMs } = SETTINGS;
const LOOK_MS = 600_000;

/** A coordinator over a store that holds so many parked sagas, and lists those without a cause in pages of two. */
async function over(parked: number, uncounted: readonly Partial<SagaListing>[]) {
  const world = new World();
  const left = new Set(uncounted);
  const counted: unknown[] = [];
  const pages: (readonly unknown[])[] = [];
  const { statistics, tally } = world.store;
  world.store.statistics = async () => {
    const all: Statistics = await statistics.call(world.store);
    return { ...all, statuses: { ...all.statuses, ABORTED: parked } };
  };
  world.store.tally = async () => {
    const all: Tally = await tally.call(world.store);
    const n = parked - left.size;
    return {
      ...all,
      causes: n === 0 ? [] : [{ n }],
    } as unknown as Tally;
  };
  world.store.list = async (filter, cursor, limit) => {
    pages.push([filter, cursor, limit]);
    const from = Number(cursor ?? 0);
    const sagas = uncounted.slice(from, from + 2) as SagaListing[];
    const next = from + 2 < uncounted.length ? String(from + 2) : null;
    return { sagas, cursor: next, damage: [], looked: sagas.length, backToMs: null, isIndexing: false };
  };
  world.store.countParked = async (saga) => {
    counted.push(saga.id);
    left.delete(saga as SagaListing);
    return true;
  };
  const a = await world.coordinator();
  a.engine.open();
  await quiet();
  return { world, engine: a.engine, counted, pages, left };
}

it('are counted a page a round, and are none then', async () => {
  const sagas = ['a', 'b', 'c'].map((id) => ({ id }));
  const { world, engine, counted, pages } = await over(5, sagas);
  expect([counted, engine.uncounted]).toEqual([['a', 'b'], 3]);
  await world.clock.pass(pollMs);
  expect([counted, engine.uncounted]).toEqual([['a', 'b', 'c'], 0]);
  expect(pages).toEqual([
    [{ cause: '' }, null, 100],
    [{ cause: '' }, '2', 100],
  ]);
  await world.clock.pass(LOOK_MS + pollMs);
  expect(pages).toHaveLength(2);
});

it('are looked for now and then, and left for later where their key is missing', async () => {
  const { world, engine, counted, pages } = await over(1, [{ id: 'a', keyMissing: 'k1' }]);
  expect([counted, engine.uncounted]).toEqual([[], 1]);
  await world.clock.pass(LOOK_MS - pollMs);
  expect(pages).toHaveLength(1);
  await world.clock.pass(pollMs);
  expect(pages).toHaveLength(2);
});

it('are never fewer than none', async () => {
  expect((await over(0, [{ id: 'a' }])).engine.uncounted).toBe(0);
});
