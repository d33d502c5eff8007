/** Sagas whose coordinator is gone: who takes them, when, and that nothing is done for them twice under two keys. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { FORWARD_2, orderSaga2 } from '../machines/order-2.ts';
import { at, everywhere, stepNames } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { newSaga } from '../stores/sagas.ts';
import { DAY_MS, RARELY } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import { FORWARD, hanging, LEASE_MS, notSent, refused, retryable, SETTINGS, World } from './world.ts';

const keysOf = (world: World) =>
  world.calls.map(({ sagaId, call }) => `${sagaId}:${call.step}:${call.kind} ${call.attempt}`);

describe.each(stepNames.map((step, index) => [step, index] as const))(
  'a coordinator that dies while it calls %s',
  (step, index) => {
    it.each(['action', 'compensation'] as const)(
      'for its %s: another repeats the call under the same key, and ends the saga',
      async (kind) => {
        const world = new World();
        const a = await world.coordinator('a');
        if (kind === 'compensation') world.reply('notification', 'action', refused());
        world.reply(step, kind, hanging);
        const id = await world.start(a);
        a.crash();
        const before = world.called();
        const pending = keysOf(world).at(-1);
        const b = await world.coordinator('b');
        b.engine.open();
        await world.clock.pass(LEASE_MS + SETTINGS.pollMs);

        const repeated = `${step} ${kind}`;
        const rest =
          kind === 'action'
            ? FORWARD.slice(index + 1)
            : stepNames
                .slice(0, index)
                .map((name) => `${name} compensation`)
                .reverse();
        if (kind === 'action' || index < 4) expect(before.at(-1)).toBe(repeated);
        expect(world.called()).toEqual([...before, repeated, ...rest]);
        expect(keysOf(world)[before.length]).toBe(pending);
        expect((await world.record(id)).status).toBe(kind === 'action' ? 'COMPLETED' : 'FAILED');
        expect((await world.store.log(id)).filter(({ event }) => event === 'takenOver')).toHaveLength(1);
      },
    );
  },
);

describe('whoever takes over', () => {
  it('waits until the lease has ended', async () => {
    const world = new World();
    await world.abandoned(await world.coordinator('a'), 1);
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS - 1);
    expect(b.events).toEqual([]);
    expect(world.calls).toHaveLength(1);
    await world.clock.pass(SETTINGS.pollMs);
    expect(b.events[0]).toMatchObject({ type: 'claimed', state: 'creatingOrder.calling' });
  });

  it('does not wait where it is a newer boot of the same name', async () => {
    const world = new World();
    const [id = ''] = await world.abandoned(await world.coordinator('a'), 1);
    const again = await world.coordinator('a');
    again.engine.open();
    await quiet();
    expect(world.clock.monotonic()).toBe(0);
    expect((await world.record(id)).status).toBe('COMPLETED');
    expect(world.called(id)).toEqual(['order action', ...FORWARD]);
    expect(keysOf(world)[1]).toBe(keysOf(world)[0]);
  });

  it('leaves alone what a living coordinator of another name holds', async () => {
    const world = new World();
    const a = await world.coordinator('a');
    world.reply('order', 'action', hanging);
    const id = await world.start(a);
    const b = await world.coordinator('b');
    b.engine.open();
    await quiet();
    expect(await world.record(id)).toMatchObject({ owner: { name: 'a' }, fence: { revision: 1 } });
    expect(b.engine.inHand).toBe(0);
  });

  it('cuts no back-off short, not even where it has just been started', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    world.reply('order', 'action', retryable(30_000));
    const a = await world.coordinator('a');
    const id = await world.start(a);
    a.crash();
    for (const name of ['a', 'b']) (await world.coordinator(name)).engine.open();
    await world.clock.pass(29_000);
    expect(world.called()).toEqual(['order action']);
    expect((await world.record(id)).dueAtMs).toBe(at + 30_000);
  });

  it('leaves alone what runs on a machine that it does not know', async () => {
    const world = new World();
    const id = world.store.newId(null);
    const machine = { id: 'order', version: '2', structure: 'x' };
    await world.store.create({ ...newSaga(world.store), id, machine, next: { kind: 'wait', delayMs: 0 } });
    const a = await world.coordinator();
    a.engine.open();
    await world.clock.pass(10_000);
    expect(await world.record(id)).toMatchObject({ fence: { revision: 1 }, owner: null });
    expect(a.events).toEqual([]);
  });

  it('takes sagas up continuously, not only at the start', async () => {
    const world = new World();
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(60_000);
    const ids = await world.abandoned(await world.coordinator('a'), 3);
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
    for (const id of ids) expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('asks on at once where there is more than it takes in one go', async () => {
    const world = new World();
    const ids = await world.abandoned(await world.coordinator('a'), 25);
    const b = await world.coordinator('b', { claimBatch: 10 });
    await world.clock.pass(LEASE_MS);
    b.engine.open();
    await quiet();
    for (const id of ids) expect((await world.record(id)).status).toBe('COMPLETED');
  });
});

it('a saga that cannot be read is reported, and does not take down the others with its coordinator', async () => {
  const world = new World();
  const id = world.store.newId(null);
  const machine = { id: 'order', version: '1', structure: world.machine.structure };
  const next = { kind: 'wait', delayMs: 0 } as const;
  await world.store.create({ ...newSaga(world.store), id, machine, next, snapshot: '{"value":"nowhere"}' });
  const [other = ''] = await world.abandoned(await world.coordinator('a'), 1);
  const b = await world.coordinator('b');
  b.engine.open();
  await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
  expect(b.events[0]).toMatchObject({ type: 'unreadable', id });
  expect((await world.record(other)).status).toBe('COMPLETED');
  const record = await world.record(id);
  expect(record).toMatchObject({ status: 'ABORTED', dueAtMs: null, parked: { reason: 'unreadable' } });
  // With what its machine says of its snapshot, and nothing that followed from that.
  const { error } = await world.lastEntry(id);
  expect(() => world.machine.restore('{"value":"nowhere"}')).toThrow(error ?? 'nothing');
  expect(await world.lastEntry(id)).toMatchObject({ event: 'unreadable' });
  expect(await b.engine.get(id)).toMatchObject({ saga: { status: 'ABORTED', context: { data: {} } } });
});

describe('what cannot be carried on', () => {
  /** Left behind in the middle of its call by a release whose definition still held. */
  async function leftBehind() {
    let isBroken = false;
    const saga = defineSaga({ id: 'moody', version: '1', input: z.looseObject({}) }).step('one', {
      at: 'somebody',
      action: {
        path: '/one',
        request: () => {
          if (isBroken) throw new TypeError('no such field');
          return {};
        },
        answer: z.looseObject({}),
      },
      undo: { path: '/one/undo' },
    });
    const world = new World({ saga: () => definitionOf(saga, everywhere()) });
    world.reply('one', 'action', hanging);
    const first = await world.coordinator('gone');
    const id = await world.start(first);
    first.crash();
    return {
      world,
      id,
      breaks: () => {
        isBroken = true;
      },
    };
  }

  it('because its own definition fails is parked with what may stand of it, and told as that', async () => {
    const { world, id, breaks } = await leftBehind();
    breaks();
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
    expect(b.events.filter(({ type }) => type !== 'claimed')).toMatchObject([
      {
        type: 'definition-error',
        id,
        machine: { id: 'moody' },
        error: { message: expect.stringContaining('no such field') },
      },
    ]);
    expect(await world.record(id)).toMatchObject({
      status: 'ABORTED',
      parked: { reason: 'definition-error', held: [{ step: 'one', reason: 'its call may have been made' }] },
    });
    expect(await world.lastEntry(id)).toMatchObject({
      event: 'definitionError',
      error: expect.stringContaining('no such field'),
    });
  });

  it('because its record says that it runs and its snapshot that it does not, is parked with both', async () => {
    const world = new World();
    world.reply('order', 'action', refused());
    world.reply('order', 'compensation', refused());
    const parked = await world.record(await world.start(await world.coordinator('a')));
    const id = world.store.newId(null);
    const { machine, snapshot, summary } = parked;
    const next = { kind: 'wait', delayMs: 0 } as const;
    await world.store.create({ ...newSaga(world.store), id, machine, snapshot, summary, next });
    const b = await world.coordinator('b');
    b.engine.open();
    await quiet();
    expect(await world.record(id)).toMatchObject({ status: 'ABORTED', parked: { reason: 'unreadable' } });
    expect((await world.lastEntry(id)).error).toBe(
      'its record says that it runs, its snapshot that it stands in parked',
    );
  });
});

it.each([
  ['index', 'index'],
  ['purge', 'purge'],
  ['declare', 'round'],
  ['due', 'poll'],
  ['running', 'adopt'],
  ['tryWrite', 'write'],
] as const)(
  'a store that fails in %s is told of as that, and the rest of the round is made',
  async (operation, doing) => {
    const world = new World();
    world.fate(operation, notSent);
    const often = { purgeEveryMs: 0, declareEveryMs: 0 };
    const a = await world.coordinator('a', { ...often, pollMs: DAY_MS });
    // A write is tried at once only where something else has failed.
    if (operation === 'tryWrite') world.fate('due', notSent);
    a.engine.open();
    await quiet();
    const failed = a.events.flatMap((event) => (event.type === 'store-fault' ? [event.doing] : []));
    expect(failed.at(-1)).toBe(doing);
    const asked = ['declare', 'index', 'purge', 'due', 'running'];
    expect(world.journal).toEqual(expect.arrayContaining(asked));
  },
);

it('a bug in the store is none of its faults: the rounds end with it', async () => {
  const world = new World();
  world.fate('index', () => Promise.reject(new TypeError('a bug')));
  const a = await world.coordinator();
  a.engine.open();
  await expect(a.engine.drain(0)).rejects.toThrow('a bug');
});

it('all versions of a machine are asked for at once, and each saga goes on by its own', async () => {
  const world = new World();
  const both = new Registry();
  both.register(orderSaga(everywhere()));
  const two = both.register(orderSaga2(everywhere()));
  const first = await world.coordinator('gone', {}, undefined, both);
  world.reply('order', 'action', hanging, hanging);
  const ids = [await world.start(first), await world.start(first, two)];
  first.crash();
  await world.clock.pass(LEASE_MS);
  const asked: unknown[] = [];
  world.fate('due', async (perform, [versions]) => {
    asked.push((versions as { id: string; version: string }[]).map(({ id, version }) => `${id}@${version}`));
    return perform();
  });
  (await world.coordinator('b', RARELY, undefined, both)).engine.open();
  await quiet();
  expect(asked).toEqual([['order@1', 'order@2']]);
  const [one = '', other = ''] = ids;
  expect(world.called(one).slice(1)).toEqual(FORWARD);
  expect(world.called(other).slice(1)).toEqual(FORWARD_2);
});

it('no more waits are timed than may be: the others are found by the rounds', async () => {
  const world = new World({ policy: { attemptsMax: 2 } });
  world.reply('order', 'action', ...Array(3).fill(retryable(500)));
  const a = await world.coordinator('a', { alarmsMax: 2 });
  a.engine.open();
  for (let n = 0; n < 3; n += 1) await world.start(a);
  const repeated = () => world.calls.filter(({ call }) => call.attempt === 2).length;
  await world.clock.pass(502);
  expect(repeated()).toBe(2);
  await world.clock.pass(SETTINGS.pollMs - 502);
  expect(repeated()).toBe(3);
  // What has rung takes no place of those that are to come.
  world.reply('order', 'action', retryable(500));
  await world.start(a);
  await world.clock.pass(502);
  expect(repeated()).toBe(4);
});

it('where little room is left it waits for more, and asks for nothing where that goes meanwhile', async () => {
  const world = new World();
  await world.abandoned(await world.coordinator('other'), 2);
  await world.clock.pass(LEASE_MS);
  const [own = ''] = await world.abandoned(await world.coordinator('a'), 1);
  const again = await world.coordinator('a', { inHandMax: 25 });
  const asked = () => world.journal.filter((entry) => entry === 'running').length;
  // All but the places for what is due, and of what is due there is as much.
  const calls: (() => void)[] = [];
  world.reply(
    'order',
    'action',
    ...Array(25).fill(() => new Promise((resolve) => calls.push(() => resolve(refused())))),
  );
  for (let n = 0; n < 23; n += 1) await world.start(again);
  expect(await again.engine.start(world.request())).toMatchObject({ why: 'overloaded' });
  again.engine.open();
  await quiet();
  expect([again.engine.inHand, asked()]).toEqual([25, 0]);
  await world.clock.pass(SETTINGS.pollMs);
  expect([again.engine.inHand, asked()]).toEqual([25, 0]);
  for (const end of calls) end();
  await quiet();
  expect((await world.record(own)).status).toBe('COMPLETED');
});

describe('what is done now and then', () => {
  it.each(['purge', 'compact', 'index'] as const)(
    '%s is done as often as it should, to the millisecond',
    async (what) => {
      const world = new World();
      const a = await world.coordinator('a', { compactAfterMs: 1, pollMs: 500, purgeEveryMs: 2_000 });
      const done = () => world.journal.filter((entry) => entry === what).length;
      a.engine.open();
      await quiet();
      const first = done();
      await world.clock.pass(1_999);
      expect(done()).toBe(first);
      await world.clock.pass(1);
      expect(done()).toBe(first + 1);
      await world.clock.pass(2_000);
      expect(done()).toBe(first + 2);
    },
  );

  it('goes early in the next round, too, while batches of what may go early come back full', async () => {
    const world = new World();
    const a = await world.coordinator('a', { purgeEarlyMs: 1_000 });
    a.engine.open();
    world.store.memory = async () => ({ usedBytes: 99, maxBytes: 100 });
    const early: unknown[] = [];
    const batch = (removed: number) => async (_: unknown, args: readonly unknown[]) => {
      if (args.length > 1) early.push(args);
      return args.length > 1 ? removed : 0;
    };
    world.fate('purge', batch(0), batch(500), batch(0), batch(499));
    await world.clock.pass(SETTINGS.purgeEveryMs);
    expect(early).toHaveLength(1);
    await world.clock.pass(10 * SETTINGS.pollMs);
    expect(early).toHaveLength(2);
    expect(a.events).toMatchObject([
      { type: 'purged-early', count: 500 },
      { type: 'purged-early', count: 499 },
    ]);
  });
});

it('nothing is woken that waits at a coordinator that takes nothing up yet', async () => {
  const world = new World({ policy: { attemptsMax: 2 } });
  world.reply('order', 'action', retryable(500));
  await world.start(await world.coordinator());
  await world.clock.pass(DAY_MS);
  expect(world.called()).toEqual(['order action']);
});

it('what is in hand is not claimed once more, though its lease has ended while the store took no write', async () => {
  const world = new World();
  world.fate('commit', ...Array(60).fill(notSent));
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  await world.clock.pass(3 * LEASE_MS);
  expect([a.engine.inHand, world.journal.includes('claim')]).toEqual([1, false]);
  expect(await world.store.due(world.registry.all(), 10)).toEqual([id]);
});

it('what somebody has just asked for takes a place that is kept for others, and what is due does not', async () => {
  const world = new World({ policy: { attemptsMax: 2 } });
  world.registry.register(smallSaga(['b'], { policies: everywhere() }));
  world.reply('order', 'action', retryable(500), retryable(500), ...Array(20).fill(hanging));
  const a = await world.coordinator('a', { ...RARELY, inHandMax: 10, inHandKeptPercent: 50 });
  a.engine.open();
  const waiting = [await world.start(a), await world.start(a)];
  let begun = 0;
  while ((await a.engine.start(world.request())).kind === 'started') begun += 1;
  // Two are kept for the other machine, and a tenth for what is due.
  expect(begun).toBe(7);
  await world.clock.pass(502);
  expect(a.engine.inHand).toBe(8);
  const [left = ''] = (
    await Promise.all(waiting.map(async (id) => ({ id, owner: (await world.record(id)).owner })))
  ).flatMap(({ id, owner }) => (owner === null ? [id] : []));
  const asked = { kind: 'cancel', by: 'ada', reason: 'rain', ifSeq: null } as const;
  expect((await a.engine.operate(left, asked)).kind).toBe('accepted');
  await world.clock.pass(2);
  expect((await world.history(left)).at(-1)).toMatch(/^(cancel|done|refused) /);
});
