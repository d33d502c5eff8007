/** The rounds in which a coordinator looks at the store: what they do, and that no fault of the store stops them. */
import { describe, expect, it } from 'vitest';
import {
  type Fate,
  hanging,
  LEASE_MS,
  notApplied,
  notSent,
  RIGHTS,
  replyLost,
  SETTINGS,
  World,
} from './world.ts';

const asked = (world: World, operation: string) =>
  world.journal.filter((entry) => entry === operation).length;

/** A saga that was left behind, and is due. */
async function leftBehind(world: World): Promise<string> {
  const [id = ''] = await world.abandoned(await world.coordinator('gone'));
  await world.clock.pass(LEASE_MS);
  return id;
}

describe('a round', () => {
  it('comes once every pollMs where nothing calls for more', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    await world.clock.pass(10 * SETTINGS.pollMs);
    expect(asked(world, 'due')).toBe(11);
    // The store is asked by index alone: nothing is claimed where nothing is due.
    expect(asked(world, 'claim')).toBe(0);
    expect(asked(world, 'running')).toBe(1);
  });

  it('comes ten times as rarely while no saga is in hand anywhere, and none is soon due', async () => {
    const rounds = async (inMs: number) => {
      const world = new World();
      const told: unknown[] = [];
      world.store.dueInMs = (machines) => {
        told.push(machines.map(({ id }) => id));
        return inMs;
      };
      const a = await world.coordinator();
      a.engine.open();
      await world.clock.pass(20 * SETTINGS.pollMs);
      expect(told[0]).toEqual([world.machine.id]);
      return asked(world, 'due');
    };
    const inHand = Math.max(RIGHTS.leaseMaxMs, SETTINGS.claimLeaseMs) + 10 * SETTINGS.pollMs;
    expect(await rounds(Number.POSITIVE_INFINITY)).toBe(3);
    expect(await rounds(inHand + 1)).toBe(3);
    // Somebody may have it, and end before he says so.
    expect(await rounds(inHand)).toBe(21);
    expect(await rounds(0)).toBe(21);
  });

  it('begins only with open()', async () => {
    const world = new World();
    await world.coordinator();
    await world.clock.pass(10_000);
    expect(world.journal).toEqual([]);
  });

  it('does not ask again at once for what is due but cannot be taken', async () => {
    const world = new World();
    const a = await world.coordinator('a', { inHandMax: 2 });
    // The store serves everything but the one commit: so the saga stays in hand here while its lease ends.
    const commitsOf = Array<Fate>(20).fill(notSent);
    world.fate('commit', ...commitsOf);
    await world.start(a);
    let rounds = 0;
    const counted: Fate = (perform) => {
      rounds += 1;
      // A loop of microtasks would leave no turn to the test that could end it.
      return rounds > 100 ? hanging() : perform();
    };
    world.fate('due', ...Array<Fate>(101).fill(counted));
    a.engine.open();
    await world.clock.pass(2 * LEASE_MS);
    expect(rounds).toBeLessThanOrEqual(1 + (2 * LEASE_MS) / SETTINGS.pollMs);
  });

  it('asks for nothing while there is no room', async () => {
    const world = new World();
    world.reply('order', 'action', hanging);
    const a = await world.coordinator('a', { inHandMax: 1 });
    await world.start(a);
    a.engine.open();
    await world.clock.pass(1_000);
    expect(asked(world, 'due')).toBe(0);
    expect(asked(world, 'running')).toBe(0);
  });
});

describe('a fault of the store', () => {
  it.each([
    ['due', notSent, 'poll'],
    ['due', notApplied, 'poll'],
    ['claim', notSent, 'poll'],
    ['running', notSent, 'adopt'],
    ['running', notApplied, 'adopt'],
  ] as const)('in %s is observed, and the rounds go on', async (operation, fate, doing) => {
    const world = new World();
    const id = await leftBehind(world);
    const faults = 3;
    world.fate(operation, ...Array<Fate>(faults).fill(fate));
    const a = await world.coordinator();
    a.engine.open();
    await world.clock.pass(10 * SETTINGS.pollMs);
    const observed = a.events.filter((event) => event.type === 'store-fault');
    expect(observed).toHaveLength(faults);
    expect(observed.map((event) => event.doing)).toContain(doing);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('that loses the reply of a claim costs one lease, not the saga', async () => {
    const world = new World();
    const id = await leftBehind(world);
    world.fate('claim', replyLost);
    const a = await world.coordinator();
    a.engine.open();
    await world.clock.pass(LEASE_MS + 2 * SETTINGS.pollMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('at the moment of a wake is observed, and the next round finds the saga', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    world.reply('order', 'action', { outcome: 'unknown', error: 'lost', retryAfterMs: 500 });
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    world.fate('claim', notSent);
    await world.clock.pass(502);
    expect(a.events.at(-1)).toMatchObject({ type: 'store-fault', doing: 'wake' });
    await world.clock.pass(SETTINGS.pollMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });
});

describe('purging', () => {
  it('is done every purgeEveryMs, and removes what has been kept long enough', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    await world.clock.pass(SETTINGS.purgeEveryMs + SETTINGS.pollMs);
    expect(asked(world, 'purge')).toBe(1);
    expect(await world.store.get(id)).not.toBeNull();
    await world.clock.pass(RIGHTS.retentionMs);
    expect(await world.store.get(id)).toBeNull();
    expect(await a.engine.get(id)).toBeNull();
    expect((await world.counters())['total_steps.held']).toBe(0);
  });

  it('lets ended sagas go early where the store is nearly full, and may, and not before', async () => {
    const world = new World();
    const early = RIGHTS.retentionMs - 10 * SETTINGS.purgeEveryMs;
    const a = await world.coordinator('a', { purgeEarlyMs: early });
    a.engine.open();
    const id = await world.start(a);
    let usedBytes = 89;
    world.store.memory = async () => ({ usedBytes, maxBytes: 100 });
    await world.clock.pass(20 * SETTINGS.purgeEveryMs);
    expect(await world.store.get(id)).not.toBeNull();
    const young = await world.start(a);
    usedBytes = 90;
    await world.clock.pass(2 * SETTINGS.purgeEveryMs);
    expect(await world.store.get(id)).toBeNull();
    expect(await world.store.get(young)).not.toBeNull();
    expect(a.events).toContainEqual({ type: 'purged-early', count: 1 });
  });

  it('goes on in the next round while batches come back full', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    world.fate(
      'purge',
      async () => 500,
      async () => 500,
      async () => 499,
    );
    await world.clock.pass(SETTINGS.purgeEveryMs + 10 * SETTINGS.pollMs);
    expect(asked(world, 'purge')).toBe(3);
  });

  it('that fails is tried again in the next round', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    world.fate('purge', notSent);
    await world.clock.pass(SETTINGS.purgeEveryMs + 5 * SETTINGS.pollMs);
    expect(asked(world, 'purge')).toBe(2);
    expect(a.events.map(({ type }) => type)).toEqual(['store-fault', 'store-back']);
  });
});

describe('making smaller what has rested', () => {
  const compacting = async (world: World) => {
    const a = await world.coordinator('a', { compactAfterMs: 600_000 });
    a.engine.open();
    return a;
  };

  it('goes on while there is more, twice as long after a batch as that took, and never where it is switched off', async () => {
    const world = new World();
    await compacting(world);
    const told: (readonly unknown[])[] = [];
    const full = (_: unknown, args: readonly unknown[]) => {
      told.push(args);
      return new Promise<number>((resolve) => world.clock.after(30, () => resolve(200)));
    };
    world.fate('compact', full, full, async () => 199);
    await world.clock.pass(SETTINGS.purgeEveryMs);
    expect(asked(world, 'compact')).toBe(1);
    await world.clock.pass(30 + 59);
    expect(asked(world, 'compact')).toBe(1);
    await world.clock.pass(1);
    expect(asked(world, 'compact')).toBe(2);
    await world.clock.pass(30 + 60);
    expect(asked(world, 'compact')).toBe(3);
    expect(told[0]).toEqual([200, 600_000, RIGHTS.retentionMs]);
    await world.clock.pass(SETTINGS.purgeEveryMs - 1);
    expect(asked(world, 'compact')).toBe(3);
    const off = new World();
    (await off.coordinator()).engine.open();
    await off.clock.pass(2 * SETTINGS.purgeEveryMs);
    expect(asked(off, 'compact')).toBe(0);
  });

  it('keeps no round from its turn while a batch is on its way', async () => {
    const world = new World();
    await compacting(world);
    world.fate('compact', () => new Promise(() => {}));
    await world.clock.pass(SETTINGS.purgeEveryMs);
    const before = asked(world, 'due');
    await world.clock.pass(5 * SETTINGS.pollMs);
    expect(asked(world, 'due') - before).toBeGreaterThanOrEqual(4);
  });

  it('that fails is tried again as soon as a round is, and the store is back when it no longer fails', async () => {
    const world = new World();
    const a = await compacting(world);
    world.fate('compact', notSent, notSent);
    await world.clock.pass(SETTINGS.purgeEveryMs + SETTINGS.pollMs / 2);
    expect(a.events.map(({ type }) => type)).toEqual(['store-fault']);
    await world.clock.pass(SETTINGS.pollMs);
    expect(a.events.map(({ type }) => type)).toEqual(['store-fault', 'store-fault']);
    await world.clock.pass(2 * SETTINGS.pollMs);
    expect(asked(world, 'compact')).toBe(3);
    expect(a.events.map(({ type }) => type)).toEqual(['store-fault', 'store-fault', 'store-back']);
  });
});
