/** The right to act: how long it lasts, that calls stay within it, and that nothing is sent once it has ended. */
import { describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Fate,
  FORWARD,
  hanging,
  LEASE_MS,
  RIGHTS,
  replyLost,
  SETTINGS,
  TIMEOUT_MS,
  World,
} from './world.ts';

/** The operation is done at once; its reply takes `ms`. */
const slowReply =
  (world: World, ms: number): Fate =>
  async (perform) => {
    const result = await perform();
    await new Promise<void>((resolve) => {
      world.clock.after(ms, resolve);
    });
    return result;
  };

/** From the moment a grant was asked for: the lease but for the margin. */
const RIGHT_MS = LEASE_MS - RIGHTS.leaseMarginMs;

describe('a call', () => {
  it('under a fresh lease has its whole time-out', async () => {
    const world = new World();
    await world.start(await world.coordinator());
    expect(world.calls.map(({ boundMs }) => boundMs)).toEqual(FORWARD.map(() => TIMEOUT_MS));
  });

  it.each([
    ['create', 0],
    ['commit', 1],
  ] as const)(
    'after a slow answer to a %s is bounded by what remains of the right',
    async (operation, index) => {
      const world = new World();
      world.fate(operation, slowReply(world, 1_500));
      const a = await world.coordinator();
      const starting = a.engine.start(world.request());
      await world.clock.pass(1_500);
      await starting;
      await quiet();
      // The right runs from the question, not from the answer: how old the answer is nobody can tell.
      expect(world.calls[index]?.boundMs).toBe(RIGHT_MS - 1_500);
    },
  );

  it('under a lease that a repeated commit found is bounded by what remains of that', async () => {
    const world = new World();
    world.fate('commit', ...Array<Fate>(6).fill(replyLost));
    await world.start(await world.coordinator());
    const repeatsMs = 20 + 40 + 80 + 160 + 320 + 640;
    await world.clock.pass(repeatsMs);
    expect(world.calls[1]?.boundMs).toBe(RIGHT_MS - repeatsMs);
  });

  it.each([RIGHT_MS - 1, RIGHT_MS, LEASE_MS, 10 * LEASE_MS])(
    'whose announcement was answered after %i ms is sent only while the right lasts',
    async (ms) => {
      const world = new World();
      world.fate('commit', slowReply(world, ms));
      const a = await world.coordinator();
      const id = await world.start(a);
      await world.clock.pass(ms);
      const over = ms >= RIGHT_MS;
      expect(world.called()).toEqual(over ? ['order action'] : FORWARD);
      expect(a.events.filter(({ type }) => type === 'lost')).toMatchObject(
        over ? [{ type: 'lost', id, why: 'lease-over' }] : [],
      );
      expect(a.engine.inHand).toBe(0);
    },
  );

  it('of a claim that was answered too late is not sent either', async () => {
    const world = new World();
    world.reply('inventory', 'action', hanging);
    const a = await world.coordinator('a');
    const id = await world.start(a);
    a.crash();
    world.fate('claim', (perform) => perform(), slowReply(world, RIGHT_MS));
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs + RIGHT_MS);
    expect(b.events.map(({ type }) => type)).toEqual(['claimed', 'lost']);
    expect(world.calls.filter(({ by }) => by === 'b')).toEqual([]);
    // What was given up is found again by its due time.
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
    expect(world.called(id)).toEqual(['order action', 'inventory action', ...FORWARD.slice(1)]);
  });
});

describe('a saga given up because the right was over', () => {
  it('is taken up when its lease has ended, and says so in its log', async () => {
    const world = new World();
    const gate = new Gate();
    world.fate('commit', async (perform) => {
      const result = await perform();
      await gate.pass();
      return result;
    });
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    await world.clock.pass(RIGHT_MS);
    gate.open();
    await world.clock.pass(SETTINGS.pollMs + LEASE_MS);
    expect((await world.record(id)).status).toBe('COMPLETED');
    expect(world.called(id)).toEqual(FORWARD);
    expect((await world.store.log(id)).map(({ event }) => event)).toEqual([
      'started',
      'done',
      'takenOver',
      ...Array(4).fill('done'),
    ]);
  });
});
