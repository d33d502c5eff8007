/** Several machines in one coordinator: a flood of one does not keep the sagas of another from beginning, or from going on. */
import { describe, expect, it } from 'vitest';
import type { RegisteredMachine } from '../../machines/index.ts';
import type { EngineSettings } from '../../server/engine/engine.ts';
import { Places } from '../../server/engine/places.ts';
import { everywhere } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { type Coordinator, done, LEASE_MS, refused, retryable, World } from './world.ts';

const CALL_MS = 100;
const policies = everywhere({ attemptsMax: 3, backoffMs: 1_000 });

/** Two machines, `rush` and `trip`, of one step each, whose call takes a while. */
class Town extends World {
  readonly trip: RegisteredMachine;

  constructor() {
    super({ saga: () => ({ ...smallSaga(['a'], { policies }), id: 'rush' }) });
    this.trip = this.registry.register({ ...smallSaga(['b'], { policies }), id: 'trip' });
    this.participants = () => this.later(done());
  }

  later<T>(value: T, ms = CALL_MS): Promise<T> {
    return new Promise((resolve) => {
      this.clock.after(ms, () => resolve(value));
    });
  }

  async opened(name: string, over: Partial<EngineSettings> = {}): Promise<Coordinator> {
    const coordinator = await this.coordinator(name, {
      inHandMax: 20,
      claimBatch: 100,
      pollMs: 200,
      ...over,
    });
    coordinator.engine.open();
    return coordinator;
  }

  /** How many of so many starts are taken. */
  async starts({ engine }: Coordinator, machine: RegisteredMachine, count: number): Promise<number> {
    let taken = 0;
    for (let n = 0; n < count; n += 1) {
      const { kind } = await engine.start(this.request(null, machine));
      if (kind === 'started') taken += 1;
    }
    return taken;
  }

  /** Starts of `rush` without end, each refused one sent again at once: every place that gets free is asked for. */
  async flooded(
    by: Coordinator,
    rounds: number,
    each: () => Promise<void> = async () => {},
  ): Promise<number> {
    let begun = 0;
    for (let round = 0; round < rounds; round += 1) {
      begun += await this.starts(by, this.machine, 20);
      await each();
      await this.clock.pass(CALL_MS / 4);
    }
    return begun;
  }

  steps(): string[] {
    return this.calls.map(({ call }) => call.step);
  }
}

describe('starts', () => {
  it.each([
    [50, 3],
    [0, 0],
  ])(
    'of another machine have their places where %i per cent are kept: %i of 3 are taken in a flood',
    async (inHandKeptPercent, taken) => {
      const town = new Town();
      const a = await town.opened('a', { inHandKeptPercent });
      let others = 0;
      const begun = await town.flooded(a, 40, async () => {
        if (others < 3) others += await town.starts(a, town.trip, 3 - others);
      });
      expect(begun).toBeGreaterThan(100);
      expect(others).toBe(taken);
    },
  );

  it('of one machine alone have all places but those of what is due', async () => {
    const world = new World({ saga: () => smallSaga(['a'], { policies }) });
    world.participants = () => new Promise(() => {});
    const { engine } = await world.coordinator('a', { inHandMax: 20 });
    for (let n = 0; n < 30; n += 1) await engine.start(world.request());
    expect(engine.inHand).toBe(18);
  });
});

describe('what is due', () => {
  /** Many sagas of `rush` and then few of `trip`, whose coordinator was killed while their first call was under way. */
  async function left(many: number, few: number) {
    const town = new Town();
    town.participants = () => new Promise(() => {});
    const old = await town.coordinator('old', { inHandMax: 1_000 });
    expect(await town.starts(old, town.machine, many)).toBe(many);
    await town.clock.pass(10);
    expect(await town.starts(old, town.trip, few)).toBe(few);
    old.crash();
    town.calls.length = 0;
    town.participants = () => town.later(done());
    await town.clock.pass(LEASE_MS + 10);
    return town;
  }

  it('of another machine is taken up though hundreds are longer overdue', async () => {
    const town = await left(300, 5);
    await town.opened('b');
    for (let ms = 0; town.steps().filter((step) => step === 'b').length < 5; ms += CALL_MS) {
      expect(ms).toBeLessThan(60_000);
      await town.clock.pass(CALL_MS);
    }
    // Those of the one machine have their places as well, and more of them.
    const many = town.steps().filter((step) => step === 'a').length;
    expect(many).toBeGreaterThan(0);
    expect(many).toBeLessThan(60);
    await town.clock.pass(60_000);
    expect((await town.store.statistics()).statuses).toMatchObject({ STARTED: 0, COMPLETED: 305 });
  });

  it('goes on while starts of its own machine ask for every place', async () => {
    const town = new Town();
    const a = await town.opened('a');
    town.reply('a', 'action', retryable());
    const id = await town.start(a);
    await town.flooded(a, 80);
    expect((await town.record(id)).status).toBe('COMPLETED');
  });

  it('of one machine takes no place that is kept for others when all of it wakes at once', async () => {
    const town = new Town();
    const a = await town.opened('a', { pollMs: 3_600_000 });
    town.participants = () => retryable(5_000);
    for (let n = 0; n < 18; n += 1) await town.start(a);
    expect(a.engine.inHand).toBe(0);
    town.participants = () => new Promise(() => {});
    await town.clock.pass(5_010);
    expect(a.engine.inHand).toBe(15);
  });

  it('goes on while starts ask for every place, where an operator has asked for it', async () => {
    const town = new Town();
    const a = await town.opened('a', { pollMs: 3_600_000, inHandKeptPercent: 0 });
    town.reply('b', 'action', refused());
    town.reply('b', 'compensation', refused());
    const id = await town.start(a, town.trip);
    await town.clock.pass(CALL_MS);
    expect((await town.record(id)).status).toBe('ABORTED');
    await town.flooded(a, 10);
    const asked = await a.engine.operate(id, { kind: 'retry', by: 'ada', reason: 'mended', ifSeq: null });
    expect(asked.kind).toBe('accepted');
    await town.flooded(a, 10);
    expect((await town.record(id)).status).toBe('FAILED');
  });
});

it('counts right whatever comes and goes', () => {
  const places = new Places(20, new Set(['rush', 'trip']), 50);
  const seen = () => [places.free, places.unkept, places.room('rush'), places.room('trip'), places.room('?')];
  expect(seen()).toEqual([20, 10, 15, 15, 10]);
  places.enter('rush', 7);
  // Five of its own, and two of those that are for anybody.
  expect(seen()).toEqual([13, 8, 8, 13, 8]);
  places.enter(null, 8);
  places.enter('trip');
  expect(seen()).toEqual([4, 0, 0, 4, 0]);
  places.enter('another');
  expect(seen()).toEqual([3, -1, -1, 3, -1]);
  places.leave('another');
  places.leave('rush', 7);
  places.leave(null, 8);
  places.leave('trip');
  expect(seen()).toEqual([20, 10, 15, 15, 10]);
  expect(places.roomToStart('rush')).toBe(13);
});
