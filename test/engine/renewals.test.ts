/** Calls that outlast their lease: it is renewed while they are made, in one go for all, and for as long as need be. */
import { describe, expect, it } from 'vitest';
import { quiet } from './virtual-clock.ts';
import { done, FORWARD, hanging, notSent, RIGHTS, SETTINGS, World, type WorldOptions } from './world.ts';

const LONG_MS = 60_000;
const { leaseMaxMs, leaseMarginMs } = RIGHTS;
const long: WorldOptions = { policy: { timeoutMs: LONG_MS, attemptsMax: 3 } };
const claimLeaseMs = leaseMaxMs;

/** A world in which payment answers when it is told to. */
async function paying(options = long) {
  const world = new World(options);
  let answer = () => {};
  world.reply(
    'payment',
    'action',
    () =>
      new Promise((resolve) => {
        answer = () => resolve(done({ payment_id: 'p-1' }));
      }),
  );
  const a = await world.coordinator('a', { claimLeaseMs });
  a.engine.open();
  const id = await world.start(a);
  return { world, a, id, answer: () => answer() };
}

const renewals = (world: World) => world.journal.filter((name) => name === 'renew').length;

describe('a call longer than the longest lease', () => {
  it('keeps its saga, and its outcome is committed by whoever made it', async () => {
    const { world, a, id, answer } = await paying();
    const b = await world.coordinator('b', { claimLeaseMs });
    b.engine.open();
    await world.clock.pass(LONG_MS - 1_000);
    answer();
    await quiet();
    expect((await world.record(id)).status).toBe('COMPLETED');
    expect(world.called()).toEqual(FORWARD);
    expect([a, b].flatMap(({ events }) => events.filter(({ type }) => /lost|claimed/.test(type)))).toEqual(
      [],
    );
    expect((await world.store.log(id)).map(({ event }) => event)).not.toContain('takenOver');
  });

  it('is cut off at its own time-out all the same', async () => {
    const { world, id } = await paying();
    await world.clock.pass(LONG_MS);
    expect((await world.store.log(id)).find(({ outcome }) => outcome === 'unknown')).toMatchObject({
      step: 'payment',
      duration_ms: LONG_MS,
    });
  });

  it('holds nobody up for longer than a lease where its owner dies', async () => {
    const { world, a, id } = await paying();
    await world.clock.pass(LONG_MS / 2);
    a.crash();
    const b = await world.coordinator('b', { claimLeaseMs });
    b.engine.open();
    await world.clock.pass(leaseMaxMs + SETTINGS.pollMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('is cut off when its right ends and the store does not answer', async () => {
    const { world, id } = await paying();
    world.fate('renew', ...Array(100).fill(notSent));
    await world.clock.pass(leaseMaxMs - leaseMarginMs - 1);
    expect((await world.store.log(id)).at(-1)?.to).toBe('processingPayment.calling');
    await world.clock.pass(1);
    expect((await world.store.log(id)).at(-1)).toMatchObject({
      outcome: 'unknown',
      to: 'processingPayment.waiting',
    });
  });

  it('survives two renewals in a row that fail', async () => {
    const { world, id, answer } = await paying();
    world.fate('renew', notSent, notSent);
    await world.clock.pass(2 * leaseMaxMs);
    answer();
    await quiet();
    expect((await world.record(id)).status).toBe('COMPLETED');
    expect(world.called()).toEqual(FORWARD);
  });

  it('is cut off by the end of its right where another has taken the saga', async () => {
    const { world, a, id } = await paying();
    const { owner } = await world.record(id);
    const younger = { name: 'a', boot: (owner?.boot ?? 0) + 1 };
    await world.store.claim([id], younger, LONG_MS, 'younger', 'at');
    await world.clock.pass(leaseMaxMs);
    expect(a.events.filter(({ type }) => type === 'lost')).toMatchObject([
      { type: 'lost', id, why: 'stale' },
    ]);
  });
});

describe('renewing', () => {
  it('asks once for all, a few times a lease, and never again when no call is long any more', async () => {
    const world = new World(long);
    world.reply('order', 'action', ...Array(20).fill(hanging));
    const a = await world.coordinator('a', { claimLeaseMs });
    for (let n = 0; n < 20; n += 1) await world.start(a);
    await world.clock.pass(10 * leaseMaxMs);
    expect(renewals(world)).toBeGreaterThanOrEqual(20);
    expect(renewals(world)).toBeLessThanOrEqual(41);
    await world.clock.pass(LONG_MS);
    const asked = renewals(world);
    await world.clock.pass(LONG_MS);
    expect(renewals(world)).toBe(asked);
  });

  it('is not done where every call is as short as its lease', async () => {
    const { world } = await paying({});
    await world.clock.pass(LONG_MS);
    expect(renewals(world)).toBe(0);
  });
});
