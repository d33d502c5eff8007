/** Several versions of a machine on one store: who runs which saga, and what becomes of those that nobody runs. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type RegisteredMachine, Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { MachineChangedError } from '../../server/engine/versions.ts';
import type { SagaRecord } from '../../stores/saga-store.ts';
import { FORWARD_2, orderSaga2 } from '../machines/order-2.ts';
import { everywhere } from '../machines/placed-order.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Coordinator,
  type Fate,
  FORWARD,
  hanging,
  LEASE_MS,
  notSent,
  retryable,
  SETTINGS,
  World,
} from './world.ts';

const GONE_MS = SETTINGS.versionGoneAfterMs;
/** By then a coordinator that is there has noticed that a version is gone. */
const SWEPT_MS = 3 * SETTINGS.declareEveryMs + GONE_MS + SETTINGS.declareEveryMs + 2 * SETTINGS.pollMs;

let world: World;
let both: Registry;
let newer: Registry;
let two: RegisteredMachine;
/** Each is made once, since a machine is walked when it is first registered. */
const policies = everywhere({ attemptsMax: 3 });
const [ONE, TWO] = [orderSaga(policies), orderSaga2(policies)];
const CHANGED = { ...orderSaga2(everywhere()), version: '1' };

beforeEach(() => {
  world = new World({ policy: { attemptsMax: 3 } });
  both = new Registry();
  both.register(ONE);
  two = both.register(TWO);
  newer = new Registry();
  newer.register(TWO);
});

/** A coordinator as the composition root starts it. */
async function opened(name: string, registry: Registry): Promise<Coordinator> {
  const coordinator = await world.coordinator(name, {}, undefined, registry);
  await coordinator.engine.declare();
  coordinator.engine.open();
  await quiet();
  return coordinator;
}

describe('in a rolling update', () => {
  it('each saga ends on the version on which it began, at a coordinator that has it', async () => {
    const old = await opened('old', world.registry);
    world.reply('inventory', 'action', hanging);
    const first = await world.start(old);
    old.crash();
    const new2 = await opened('new', newer);
    const second = await world.start(new2, two);
    await world.clock.pass(10 * LEASE_MS);
    expect(world.called(second)).toEqual(FORWARD_2);
    // Due for long, and left alone.
    expect(await world.record(first)).toMatchObject({ fence: { revision: 2 }, owner: { name: 'old' } });
    expect(world.calls.filter(({ by, sagaId }) => by === 'new' && sagaId === first)).toEqual([]);

    await opened('between', both);
    await world.clock.pass(SETTINGS.pollMs);
    expect(world.called(first)).toEqual([...FORWARD.slice(0, 2), ...FORWARD.slice(1)]);
    for (const [id, version] of [
      [first, '1'],
      [second, '2'],
    ] as const) {
      expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', machine: { version } });
    }
  });

  it('a restarted coordinator adopts nothing of a version that it has no more', async () => {
    const old = await opened('one', world.registry);
    world.reply('order', 'action', hanging);
    const id = await world.start(old);
    old.crash();
    const again = await opened('one', newer);
    await world.clock.pass(10 * LEASE_MS);
    expect(await world.record(id)).toMatchObject({ fence: { revision: 1 } });
    expect(again.events).toEqual([]);
  });

  it('an operator who asks a coordinator without the version is told so', async () => {
    const old = await opened('old', world.registry);
    world.reply('order', 'action', hanging);
    const id = await world.start(old);
    const { engine } = await opened('new', newer);
    const ask = { kind: 'cancel', by: 'ada', reason: 'a test', ifSeq: null } as const;
    expect(await engine.operate(id, ask)).toMatchObject({
      kind: 'unknown-version',
      machine: { version: '1' },
    });
    expect((await world.record(id)).signals).toEqual([]);
    expect((await old.engine.operate(id, ask)).kind).toBe('accepted');
  });
});

describe('a machine that was changed under the same version', () => {
  const changed = () => {
    const registry = new Registry();
    registry.register(CHANGED);
    return registry;
  };

  it('does not start beside another coordinator that runs it as it was', async () => {
    await opened('old', world.registry);
    const { engine } = await world.coordinator('new', {}, undefined, changed());
    await expect(engine.declare()).rejects.toThrow(
      /^machine order@1 has changed: .* Raise its version, .* other coordinators run it as it was: old\.$/,
    );
    // As long as the other one lives it goes on saying so.
    await world.clock.pass(20 * SETTINGS.declareEveryMs);
    await expect(engine.declare()).rejects.toThrow(MachineChangedError);
  });

  it('does not start where a saga needs it as it was, and starts when that has ended', async () => {
    const old = await opened('one', world.registry);
    world.reply('order', 'action', hanging);
    const id = await world.start(old);
    old.crash();
    const { engine } = await world.coordinator('one', {}, undefined, changed());
    await expect(engine.declare()).rejects.toThrow(/sagas of it are running or parked\.$/);
    await opened('one', world.registry);
    await world.clock.pass(LEASE_MS);
    expect((await world.record(id)).status).toBe('COMPLETED');
    const again = await world.coordinator('one', {}, undefined, changed());
    await expect(again.engine.declare()).resolves.toBeUndefined();
  });

  it('starts where the others have withdrawn', async () => {
    const old = await opened('old', world.registry);
    await old.engine.drain(0);
    await old.engine.withdraw();
    const { engine } = await world.coordinator('new', {}, undefined, changed());
    await expect(engine.declare()).resolves.toBeUndefined();
  });

  it('a store that fails keeps nobody from ending', async () => {
    const old = await opened('old', world.registry);
    world.fate('declare', notSent);
    await old.engine.withdraw();
    expect(old.events.at(-1)).toMatchObject({ type: 'store-fault', doing: 'withdraw' });
    world.fate('declare', () => Promise.reject(new TypeError('a bug')));
    await expect(old.engine.withdraw()).rejects.toThrow('a bug');
  });
});

describe('sagas of a version that nobody runs any more', () => {
  /** One in the middle of a call, and one that waits for its next attempt. */
  async function left(): Promise<{ calling: string; waiting: string }> {
    const old = await opened('old', world.registry);
    world.reply('inventory', 'action', hanging, retryable(LEASE_MS));
    const calling = await world.start(old);
    const waiting = await world.start(old);
    old.crash();
    return { calling, waiting };
  }

  it('are parked as they stand, once that has lasted, and are counted', async () => {
    const { calling, waiting } = await left();
    const snapshots = [(await world.record(calling)).snapshot, (await world.record(waiting)).snapshot];
    const { events } = await opened('new', newer);
    await world.clock.pass(GONE_MS);
    expect((await world.record(calling)).status).toBe('STARTED');
    await world.clock.pass(SWEPT_MS - GONE_MS);
    for (const [index, id] of [calling, waiting].entries()) {
      expect(await world.record(id)).toMatchObject({
        status: 'ABORTED',
        snapshot: snapshots[index],
        // Nobody here can read its snapshot: so nobody says that nothing is held.
        parked: { reason: 'version-unknown', held: [{ step: 'unknown' }] },
        dueAtMs: null,
        owner: null,
      });
      const { state } = (await world.record(id)).summary;
      expect(await world.lastEntry(id)).toMatchObject({ event: 'versionUnknown', from: state, to: state });
    }
    expect((await world.counters())['settled.ABORTED']).toBe(2);
    expect(events.filter(({ type }) => type === 'version-unknown')).toHaveLength(2);
  });

  it('are carried on by a retry where a coordinator that knows it comes back', async () => {
    const { calling, waiting } = await left();
    await opened('new', newer);
    await world.clock.pass(SWEPT_MS);
    const { engine } = await opened('back', both);
    for (const id of [calling, waiting]) {
      expect((await world.record(id)).status).toBe('ABORTED');
      const asked = await engine.operate(id, { kind: 'retry', by: 'ada', reason: 'it is back', ifSeq: null });
      expect(asked.kind).toBe('accepted');
    }
    await world.clock.pass(LEASE_MS);
    for (const id of [calling, waiting]) {
      expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', machine: { version: '1' } });
      expect(world.called(id)).toEqual([...FORWARD.slice(0, 2), ...FORWARD.slice(1)]);
    }
    expect(await world.counters()).toMatchObject({ 'settled.ABORTED': 2, 'settled.COMPLETED': 2 });
  });

  it('are told of with why they were parked, each by what it ran on', async () => {
    const { calling } = await left();
    const { events } = await opened('new', newer);
    await world.clock.pass(SWEPT_MS);
    expect((await world.lastEntry(calling)).error).toBe('no coordinator runs order@1');
    expect((await world.record(calling)).fence.writeId).toMatch(/^new\/1\//);
    expect(events).toContainEqual({
      type: 'version-unknown',
      id: calling,
      trace: expect.objectContaining({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/) }),
      machine: expect.objectContaining({ id: 'order', version: '1' }),
    });
  });

  it.each<[string, (record: SagaRecord) => SagaRecord | null]>([
    ['has gone', () => null],
    ['was moved to another version', (one) => ({ ...one, machine: { ...one.machine, version: '2' } })],
    ['is of another machine', (one) => ({ ...one, machine: { ...one.machine, id: 'trip' } })],
  ])('are left alone where one %s since it was found', async (_, since) => {
    const { calling } = await left();
    const found: Fate = async (perform) => since((await perform()) as SagaRecord);
    world.fate('get', ...Array<Fate>(2).fill(found));
    const { events } = await opened('new', newer);
    await world.clock.pass(SWEPT_MS - SETTINGS.declareEveryMs);
    expect((await world.record(calling)).status).toBe('STARTED');
    expect(events).toEqual([]);
  });

  it('are told of by whoever parks them, and by nobody who came too late', async () => {
    await left();
    world.fate('commit', ...Array<Fate>(2).fill(async () => ({ kind: 'stale' })));
    const { events } = await opened('new', newer);
    await world.clock.pass(SWEPT_MS - SETTINGS.declareEveryMs);
    expect(world.journal.filter((entry) => entry === 'commit').length).toBeGreaterThan(2);
    expect(events).toEqual([]);
  });

  it('are left alone while one coordinator runs it', async () => {
    const { calling } = await left();
    // It knows the version, and has no room.
    world.reply('order', 'action', hanging);
    const busy = await world.coordinator('busy', { inHandMax: 0 });
    await busy.engine.declare();
    busy.engine.open();
    await opened('new', newer);
    await world.clock.pass(2 * SWEPT_MS);
    expect(await world.record(calling)).toMatchObject({ status: 'STARTED', fence: { revision: 2 } });
  });

  it('are left alone by a coordinator that is younger than that: after a pause of all it may be the first of many', async () => {
    const { calling } = await left();
    await world.clock.pass(10 * GONE_MS);
    await opened('new', newer);
    await world.clock.pass(GONE_MS - SETTINGS.pollMs);
    expect((await world.record(calling)).status).toBe('STARTED');
  });

  it('lose what was asked of them, and the log says so', async () => {
    const { waiting } = await left();
    const alive = await world.coordinator('alive');
    await alive.engine.operate(waiting, { kind: 'cancel', by: 'ada', reason: 'too late', ifSeq: null });
    alive.crash();
    await opened('new', newer);
    await world.clock.pass(SWEPT_MS);
    const [asked, parked] = (await world.store.log(waiting)).slice(-2);
    expect(asked).toMatchObject({ event: 'cancel', outcome: 'ignored', by: 'ada', reason: 'too late' });
    expect(parked).toMatchObject({ event: 'versionUnknown' });
    expect((await world.record(waiting)).signals).toEqual([]);
  });

  it('are parked in batches', async () => {
    const old = await opened('old', world.registry);
    world.reply('order', 'action', ...Array(250).fill(hanging));
    for (let n = 0; n < 90; n += 1) await old.engine.start(world.request());
    const second = await opened('second', world.registry);
    for (let n = 0; n < 90; n += 1) await second.engine.start(world.request());
    const third = await opened('third', world.registry);
    for (let n = 0; n < 70; n += 1) await third.engine.start(world.request());
    for (const { crash } of [old, second, third]) crash();
    await opened('new', newer);
    await world.clock.pass(SWEPT_MS + 3 * SETTINGS.pollMs);
    expect((await world.store.statistics()).statuses).toMatchObject({ STARTED: 0, ABORTED: 250 });
  });
});

describe('its versions', () => {
  const asked = (operation: string) => world.journal.filter((entry) => entry === operation).length;

  it('are declared anew every declareEveryMs, and not round by round', async () => {
    await opened('a', both);
    await world.clock.pass(SETTINGS.declareEveryMs - SETTINGS.pollMs);
    expect(asked('declare')).toBe(1);
    await world.clock.pass(SETTINGS.pollMs);
    expect(asked('declare')).toBe(2);
    await world.clock.pass(SETTINGS.declareEveryMs);
    expect(asked('declare')).toBe(3);
  });

  it('that are gone are asked for by nobody who is younger than they are gone', async () => {
    await opened('a', both);
    await world.clock.pass(GONE_MS - SETTINGS.pollMs);
    expect(asked('gone')).toBe(0);
    await world.clock.pass(SETTINGS.pollMs);
    expect(asked('gone')).toBeGreaterThan(0);
    await world.clock.pass(SETTINGS.declareEveryMs);
    const before = asked('gone');
    await world.clock.pass(SETTINGS.declareEveryMs - SETTINGS.pollMs);
    expect(asked('gone')).toBe(before);
  });
});
