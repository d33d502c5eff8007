/** Sagas whose coordinator is gone: who takes them, when, and that nothing is done for them twice under two keys. */
import { describe, expect, it } from 'vitest';
import { at, stepNames } from '../machines/placed-order.ts';
import { newSaga } from '../stores/sagas.ts';
import { quiet } from './virtual-clock.ts';
import { FORWARD, hanging, LEASE_MS, refused, retryable, SETTINGS, World } from './world.ts';

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
  expect((await world.store.log(id)).at(-1)).toMatchObject({ event: 'unreadable' });
  expect(await b.engine.get(id)).toMatchObject({ saga: { status: 'ABORTED', context: { data: {} } } });
});
