/** How many sagas a coordinator takes up: never more than it has room for, and all of them in the end. */
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../server/engine/outcome.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import { type Fate, LEASE_MS, refused, retryable, SETTINGS, World } from './world.ts';

/** Calls of the order service that take a while, and how many of them there were at once. */
function slowOrders(world: World) {
  const seen = { calling: 0, peak: 0 };
  const slow = async () => {
    seen.calling += 1;
    seen.peak = Math.max(seen.peak, seen.calling);
    await later(world, 100);
    seen.calling -= 1;
    return { outcome: 'done', answer: { order_id: 'ord-1' } } as const;
  };
  return { seen, slow };
}

const later = (world: World, ms: number) =>
  new Promise<void>((resolve) => {
    world.clock.after(ms, resolve);
  });

describe.each([
  ['of another name, after the lease', 'b', LEASE_MS],
  ['of the same name, at once', 'a', 0],
] as const)('a coordinator %s', (_, name, afterMs) => {
  it.each([1, 2, 3])(
    'never has more than %i sagas in hand, and gets through all of them',
    async (inHandMax) => {
      const world = new World();
      const ids = await world.abandoned(await world.coordinator('a'), 7);
      const { seen, slow } = slowOrders(world);
      world.reply('order', 'action', ...Array(7).fill(slow));
      await world.clock.pass(afterMs);
      const b = await world.coordinator(name, { inHandMax });
      b.engine.open();
      await world.clock.pass(60_000);
      expect(seen.peak).toBe(inHandMax);
      for (const id of ids) expect((await world.record(id)).status).toBe('COMPLETED');
    },
  );
});

it('sagas that wake all at once are taken only as far as there is room for them', async () => {
  const world = new World({ policy: { attemptsMax: 2 } });
  const a = await world.coordinator('a', { inHandMax: 2 });
  a.engine.open();
  const { seen, slow } = slowOrders(world);
  world.reply('order', 'action', ...Array(6).fill(retryable(5_000)), ...Array(6).fill(slow));
  for (let n = 0; n < 6; n++) await world.start(a);
  // While the store thinks about the first, all the others wake.
  const thinking: Fate = async (perform) => {
    await later(world, 10);
    return perform();
  };
  world.fate('claim', ...Array<Fate>(6).fill(thinking));
  await world.clock.pass(60_000);
  expect(seen.peak).toBe(2);
  expect((await world.store.statistics()).statuses.COMPLETED).toBe(6);
});

describe('where the room went while the store was asked', () => {
  /** Holds the answer of an operation until the gate opens. */
  const held =
    (gate: Gate): Fate =>
    async (perform) => {
      const result = await perform();
      await gate.pass();
      return result;
    };

  it('what was found due is left to the next round', async () => {
    const world = new World();
    const [id = ''] = await world.abandoned(await world.coordinator('a'), 1);
    await world.clock.pass(LEASE_MS);
    const gate = new Gate();
    world.fate('due', held(gate));
    const b = await world.coordinator('b', { inHandMax: 1 });
    world.fate('running', async () => ({ ids: [], cursor: null }));
    b.engine.open();
    await gate.arrived;
    const call = new Gate<Reply>();
    world.reply('order', 'action', call.pass);
    await world.start(b);
    gate.open();
    await quiet();
    expect(world.journal).not.toContain('claim');
    call.open(refused());
    await world.clock.pass(SETTINGS.pollMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('what an older boot held is asked for again as soon as there is room', async () => {
    const world = new World();
    const ids = await world.abandoned(await world.coordinator('a'), 2);
    const gate = new Gate();
    world.fate('running', held(gate));
    const again = await world.coordinator('a', { inHandMax: 2 });
    again.engine.open();
    await gate.arrived;
    const call = new Gate<Reply>();
    world.reply('order', 'action', call.pass);
    await world.start(again);
    gate.open();
    await quiet();
    expect((await world.record(ids[0] ?? '')).status).toBe('COMPLETED');
    call.open(refused());
    await quiet();
    // No time has passed, so none of it was found by its due time.
    expect(world.clock.monotonic()).toBe(0);
    expect((await world.record(ids[1] ?? '')).status).toBe('COMPLETED');
  });

  it('a claim that took nothing gives its room back', async () => {
    const world = new World();
    const other = await world.coordinator('other');
    await world.abandoned(other, 1);
    await world.clock.pass(LEASE_MS);
    const [id = ''] = await world.abandoned(await world.coordinator('a'), 1);
    const [running, claim] = [new Gate(), new Gate()];
    world.fate('running', held(running));
    world.fate('claim', async () => {
      await claim.pass();
      return [];
    });
    const again = await world.coordinator('a', { inHandMax: 1 });
    again.engine.open();
    await claim.arrived;
    running.open();
    await quiet();
    claim.open();
    await quiet();
    expect((await world.record(id)).status).toBe('COMPLETED');
  });
});

it.each([
  ['of another name, after the lease', 'b', LEASE_MS, true],
  ['of the same name, at once', 'a', 0, true],
  ['that finds them by their due times alone', 'b', LEASE_MS, false],
] as const)(
  'a full coordinator %s does not ask the store for each place by itself',
  async (_, name, afterMs, adopts) => {
    const world = new World();
    const ids = await world.abandoned(await world.coordinator('a'), 90);
    await world.clock.pass(afterMs);
    // They end one by one, so that the places get free one by one.
    world.reply(
      'order',
      'action',
      ...ids.map((_id, n) => async () => {
        await later(world, 1 + n);
        return refused();
      }),
    );
    // The store takes its time, so that while it is asked for one place the next gets free.
    const thinking: Fate = async (perform) => {
      await later(world, 1);
      return perform();
    };
    world.fate('claim', ...Array<Fate>(90).fill(thinking));
    if (!adopts) world.fate('running', async () => ({ ids: [], cursor: null }));
    const before = world.journal.length;
    const b = await world.coordinator(name, { inHandMax: 30 });
    b.engine.open();
    await world.clock.pass(60_000);
    expect((await world.store.statistics()).statuses.FAILED).toBe(90);
    const claims = world.journal.slice(before).filter((line) => line === 'claim');
    expect(claims.length).toBeLessThanOrEqual(12);
  },
);

it('a saga that waits gives its place to others meanwhile', async () => {
  const world = new World({ policy: { attemptsMax: 2 } });
  world.reply('order', 'action', retryable(60_000));
  const a = await world.coordinator('a', { inHandMax: 1 });
  a.engine.open();
  await world.start(a);
  const second = await world.start(a);
  expect((await world.record(second)).status).toBe('COMPLETED');
});
