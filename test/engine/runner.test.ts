/** What a coordinator knows of the sagas in its hands, and what it makes of the odd ones among them. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga, type Saga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { orderSaga } from '../../machines/order.ts';
import type { SagaHistory } from '../../server/engine/contract.ts';
import type { SagaRecord } from '../../stores/saga-store.ts';
import { everywhere } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { Gate } from './gate.ts';
import { DAY_MS, RARELY } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Coordinator,
  deferred,
  done,
  hanging,
  LEASE_MS,
  notSent,
  RIGHTS,
  refused,
  SETTINGS,
  TIMEOUT_MS,
  World,
} from './world.ts';

const call = (name: string, action: object = {}) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}), ...action },
  undo: { path: `/${name}/undo` },
});
const loose = { version: '1', input: z.looseObject({}) };
const CANCEL = { kind: 'cancel', by: 'ada', reason: 'rain', ifSeq: null } as const;

/** A saga as it is shown, but for what its store alone knows: the cause and the number of its parkings. */
function shown(history: SagaHistory | null) {
  if (history === null) throw new Error('nobody knows it');
  const { machine, cause: _, parkings: __, ...saga } = history.saga;
  return { saga: { ...saga, machine: `${machine.id}@${machine.version}` }, log: history.log };
}

/** What a coordinator has told of one kind. */
const told = ({ events }: Coordinator, kind: string) => events.filter(({ type }) => type === kind);

it('what it shows of a saga in its hands is what the store has of it, whatever stands in its log', async () => {
  const world = new World();
  const gates = ['order', 'inventory', 'payment'].map((step) => {
    const gate = new Gate<ReturnType<typeof done>>();
    world.reply(step, step === 'payment' ? 'action' : 'compensation', gate.pass);
    return gate;
  });
  world.reply('shipping', 'action', hanging);
  const a = await world.coordinator();
  const id = await world.start(a);
  const isSame = async () => expect(shown(await a.engine.current(id))).toEqual(shown(await a.engine.get(id)));
  await isSame();
  expect((await a.engine.current(id))?.saga.owner?.name).toBe('a');
  await a.engine.operate(id, CANCEL);
  gates[2]?.open({ ...done({ payment_id: 'p-1', status: 'CHARGED' }), isReplayed: true } as never);
  await quiet();
  await isSame();
  gates[1]?.open(done({ note: 'put back' }));
  await quiet();
  await isSame();
  const settled = a.engine.settled(id, 60_000);
  await quiet();
  gates[0]?.open({ outcome: 'refused', error: 'too late' } as never);
  expect(shown(await settled)).toEqual(shown(await a.engine.get(id)));
  expect((await settled)?.saga).toMatchObject({ status: 'ABORTED', owner: null });
  const log = (await settled)?.log ?? [];
  expect(log.filter((one) => 'by' in one || 'answer' in one || 'replayed' in one).length).toBeGreaterThan(3);
});

it('tells of several events that are stored as one each by itself, and of the last how the saga stands then', async () => {
  const world = new World();
  world.reply('order', 'action', refused());
  world.reply('order', 'compensation', refused());
  const a = await world.coordinator();
  const id = await world.start(a);
  expect((await world.record(id)).status).toBe('ABORTED');
  const b = await world.coordinator('b');
  for (const kind of ['retry', 'resolve'] as const)
    await b.engine.operate(id, { ...CANCEL, kind, ...(kind === 'resolve' && { as: 'FAILED' as const }) });
  b.engine.open();
  await world.clock.pass(SETTINGS.pollMs);
  const { seq } = await world.record(id);
  expect(told(b, 'transition')).toMatchObject([
    { entry: { seq: seq - 1, event: 'resolve' }, status: 'STARTED' },
    { entry: { seq, event: 'retry', outcome: 'ignored' }, status: 'FAILED' },
  ]);
});

describe('a saga that is over as it begins', () => {
  const saga = defineSaga({ id: 'perhaps', ...loose }).when(
    'called',
    ({ wanted }: { wanted?: unknown }) => wanted === true,
    (b) => b.step('one', call('one')),
  );

  it('is told as settled, and is in nobody’s hands', async () => {
    const world = new World({ saga: () => definitionOf(saga, everywhere()) });
    const a = await world.coordinator();
    const id = await world.start(a);
    expect(told(a, 'settled')).toMatchObject([
      { id, machine: { id: 'perhaps' }, status: 'COMPLETED', ms: 0, reason: null, parked: null },
    ]);
    expect([a.engine.inHand, (await world.record(id)).status]).toEqual([0, 'COMPLETED']);
  });
});

it('one that begins with a wait is nobody’s until that is over, and is taken up then without a round', async () => {
  const saga = defineSaga({ id: 'late', ...loose })
    .sleep('night', '8 h')
    .step('one', call('one'));
  const world = new World({ saga: () => definitionOf(saga, everywhere()) });
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await world.start(a);
  expect([a.engine.inHand, told(a, 'settled'), (await world.record(id)).owner]).toEqual([0, [], null]);
  await world.clock.pass(8 * 3_600_000 + 2);
  expect((await world.record(id)).status).toBe('COMPLETED');
  expect(told(a, 'claimed')).toMatchObject([{ id, state: 'sleepingNight', machine: { id: 'late' } }]);
});

it('of two waits beside each other each is over in its time, and leaves no timer behind', async () => {
  const saga = defineSaga({ id: 'rest', ...loose }).parallel('all', {
    long: (b) => b.sleep('long', '2 h'),
    short: (b) => b.sleep('short', '1 h'),
  });
  const world = new World({ saga: () => definitionOf(saga, everywhere()) });
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await world.start(a);
  const state = async () => (await world.record(id)).summary.state;
  await world.clock.pass(3_600_000 + 10);
  expect(await state()).toBe('all(long.done,short.done)'.replace('long.done', 'long.sleepingLong'));
  await world.clock.pass(3_600_000 + 10);
  expect((await world.record(id)).status).toBe('COMPLETED');
  // The rounds alone.
  expect(world.clock.pending).toBe(1);
});

it.each([
  [4_999, 'COMPLETED'],
  [5_000, 'FAILED'],
])('a call that ends %i ms after a saga began that may run for 5 s leaves it %s', async (ms, status) => {
  const world = new World({ saga: (policies) => orderSaga(policies, 5_000), policy: { timeoutMs: 10_000 } });
  const gate = new Gate<ReturnType<typeof done>>();
  world.reply('notification', 'action', gate.pass);
  const a = await world.coordinator();
  const id = await world.start(a);
  await world.clock.pass(ms);
  gate.open(done({ notification_id: 'n' }));
  await quiet();
  expect((await world.record(id)).status).toBe(status);
});

describe('a call that somebody else may have made before', () => {
  /** Taken over in the middle of its call to `a`; then that is put off twice. */
  async function putOff(isUndoable: boolean) {
    const { undo, ...pivot } = call('a');
    const begun = defineSaga({ id: 'one', ...loose });
    const saga = isUndoable ? begun.step('a', { ...pivot, undo }) : begun.pivot('a', pivot);
    const policy = { attemptsMax: 9, backoffMs: 10, backoffMaxMs: 10 };
    const world = new World({ saga: () => definitionOf(saga, everywhere(policy)) });
    const [id = ''] = await (async () => {
      world.reply('a', 'action', hanging);
      const first = await world.coordinator('gone');
      const ids = [await world.start(first)];
      first.crash();
      return ids;
    })();
    world.reply('a', 'action', deferred(50), deferred(50));
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(2 * LEASE_MS);
    expect((await world.record(id)).status).toBe('COMPLETED');
    // A call that was put off is no call.
    expect(told(b, 'called')).toMatchObject([{ outcome: 'done' }]);
    const log = await world.store.log(id);
    return log.flatMap(({ event }) => (['unknown', 'deferred'].includes(event) ? [event] : []));
  }

  it('and that nothing would undo is not taken for one that was not made, where it is put off at first', async () => {
    expect(await putOff(false)).toEqual(['unknown', 'deferred']);
  });

  it('is put off like any other where it can be undone', async () => {
    expect(await putOff(true)).toEqual(['deferred', 'deferred']);
  });
});

it('asks for no more time for a call that its right outlasts', async () => {
  const world = new World();
  world.reply('order', 'action', hanging);
  await world.start(await world.coordinator());
  await world.clock.pass(TIMEOUT_MS - 1);
  expect(world.journal).not.toContain('renew');
});

describe('beside each other', () => {
  const awaited = { within: '1 day', data: z.looseObject({}), late: 'undo' } as const;
  const policies = everywhere({ timeoutMs: 60_000 });
  const begun = defineSaga({ id: 'both', ...loose });
  const pair = begun.parallel('both', {
    called: (b) => b.step('one', call('one')),
    other: (b) => b.step('two', call('two')),
  });
  const word = begun.parallel('both', {
    called: (b) => b.step('one', call('one')).step('two', call('two')),
    told: (b) => b.waitFor('word', awaited).step('three', call('three')),
  });

  /** Its first call ends when the gate opens, and the others hang. */
  async function calling(saga: Saga) {
    const world = new World({ saga: () => definitionOf(saga, policies) });
    const one = new Gate<ReturnType<typeof done>>();
    world.reply('one', 'action', one.pass);
    world.participants = hanging;
    const a = await world.coordinator('a', RARELY);
    const id = await world.start(a);
    const send = () => a.engine.send(id, { id: 'e-1', name: 'word', data: {} });
    return { world, a, id, send, end: () => one.open(done()) };
  }

  it('no call is made once more because another has ended', async () => {
    const { world, end } = await calling(pair);
    end();
    await quiet();
    expect(world.called()).toEqual(['one action', 'two action']);
  });

  it('what comes while a write is on its way that hears of it there is heard once', async () => {
    const { world, a, id, send, end } = await calling(word);
    const written = new Gate();
    world.fate('commit', async (perform) => {
      await written.pass();
      return perform();
    });
    end();
    await written.arrived;
    await send();
    written.open();
    await quiet();
    await world.clock.pass(1_000);
    const heard = (await world.store.log(id)).filter(({ event }) => event === 'event');
    expect(heard).toMatchObject([{ reason: 'word', outcome: null }]);
    // Refused for what had come, made again with it, and not once more.
    expect(world.journal.filter((line) => line === 'commit')).toHaveLength(2);
    expect([told(a, 'lost'), a.engine.inHand]).toEqual([[], 1]);
    expect(world.called()).toEqual(['one action', 'two action', 'three action']);
  });
});

it('makes no call in the moment in which its right to is over, and says so', async () => {
  const world = new World();
  const granted = new Gate();
  world.fate('create', async (perform) => {
    const result = await perform();
    await granted.pass();
    return result;
  });
  const a = await world.coordinator();
  void a.engine.start(world.request());
  await world.clock.pass(LEASE_MS - RIGHTS.leaseMarginMs);
  granted.open();
  await quiet();
  expect(world.calls).toEqual([]);
  expect(told(a, 'lost')).toMatchObject([{ why: 'lease-over' }]);
  expect(a.engine.inHand).toBe(0);
});

describe('a saga that was taken over, and that the store has forgotten since', () => {
  it('is stored anew in its trace, with what is known of its log', async () => {
    const world = new World({ saga: (policies) => smallSaga(['a'], { policies }) });
    world.reply('a', 'action', hanging);
    const first = await world.coordinator('gone');
    const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    const started = await first.engine.start({ ...world.request(), trace });
    if (started.kind !== 'started') throw new Error(started.kind);
    first.crash();
    const b = await world.coordinator('b');
    world.fate('commit', async () => ({ kind: 'missing' }));
    const stored: Partial<SagaRecord>[] = [];
    world.fate('create', async (_, [saga]) => {
      stored.push(saga as Partial<SagaRecord>);
      return { kind: 'created', seq: 3, fence: { revision: 1, writeId: 'w' }, remainingMs: 0 };
    });
    b.engine.open();
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
    const { id } = started;
    expect(stored).toMatchObject([{ id, trace: trace.traceparent, idempotency: null }]);
    const { earlier } = stored[0] as { earlier?: readonly { event: string }[] };
    expect(earlier?.map(({ event }) => event)).toEqual(['done']);
    expect(told(b, 'forgotten')).toMatchObject([{ id, machine: { id: 'small' }, state: 'completed' }]);
  });

  it('as it ended by its failure, is told as settled with how long it took and why', async () => {
    const world = new World({ saga: (policies) => smallSaga(['a'], { policies }) });
    const gate = new Gate<ReturnType<typeof done>>();
    world.reply('a', 'action', refused('no stock'));
    world.reply('a', 'compensation', gate.pass);
    const a = await world.coordinator();
    const id = await world.start(a);
    await world.clock.pass(70);
    world.fate('commit', async () => ({ kind: 'missing' }));
    world.fate('create', async () => ({
      kind: 'created',
      seq: 3,
      fence: { revision: 1, writeId: 'w' },
      remainingMs: 0,
    }));
    gate.open(done());
    await quiet();
    expect(a.events.at(-1)).toMatchObject({
      ...{ type: 'settled', id, machine: { id: 'small' }, status: 'FAILED' },
      ...{ ms: 70, reason: 'no stock', parked: null },
    });
  });

  it('and that stands in the store after all, is told of as one that was not stored anew', async () => {
    const world = new World({ saga: (policies) => smallSaga(['a'], { policies }) });
    const gate = new Gate<ReturnType<typeof done>>();
    world.reply('a', 'action', gate.pass);
    const a = await world.coordinator();
    const id = await world.start(a);
    const waiting = a.engine.settled(id, 60_000).catch((error: unknown) => error);
    await quiet();
    world.fate('commit', async () => ({ kind: 'missing' }));
    gate.open(done());
    expect(await waiting).toMatchObject({ name: 'ForgottenError', what: { id, stored: false } });
  });
});

describe('a saga whose definition fails while it is in hand', () => {
  const failing = defineSaga({ id: 'failing', ...loose }).step(
    'one',
    call('one', {
      gains: () => {
        throw new TypeError('no such field');
      },
    }),
  );

  /** In the middle of its call. */
  async function calling() {
    const world = new World({ saga: () => definitionOf(failing, everywhere()) });
    const gate = new Gate<ReturnType<typeof done>>();
    world.reply('one', 'action', gate.pass);
    const a = await world.coordinator('a', RARELY);
    const id = await world.start(a);
    await world.clock.pass(30);
    return { world, a, id, end: () => gate.open(done()) };
  }

  it('is parked with what stands of it, and whoever waits for it hears all of that', async () => {
    const { a, id, end } = await calling();
    const settled = a.engine.settled(id, 60_000);
    await quiet();
    end();
    expect(shown(await settled)).toEqual(shown(await a.engine.get(id)));
    expect((await settled)?.saga).toMatchObject({
      status: 'ABORTED',
      parked: { reason: 'definition-error', held: [{ step: 'one' }] },
    });
    expect((await settled)?.log.at(-1)).toMatchObject({
      event: 'definitionError',
      error: expect.stringContaining('no such field'),
    });
    expect(told(a, 'settled')).toMatchObject([{ id, ms: 30, reason: null, status: 'ABORTED' }]);
    expect(told(a, 'definition-error')).toMatchObject([{ id, machine: { id: 'failing' } }]);
    expect(a.engine.inHand).toBe(0);
  });

  it('is parked with what was asked of it meanwhile, which the log tells as ignored', async () => {
    const { world, a, id, end } = await calling();
    const b = await world.coordinator('b', RARELY);
    // The first write learns of it, and is made again with it.
    world.fate('commit', async (perform) => {
      await b.engine.operate(id, CANCEL);
      return perform();
    });
    end();
    await quiet();
    expect((await world.history(id)).slice(-2).map((one) => one.split(' ')[0])).toEqual([
      'cancel',
      'definitionError',
    ]);
    expect(await world.record(id)).toMatchObject({ status: 'ABORTED', signals: [] });
    expect(told(a, 'lost')).toEqual([]);
  });

  it('is left to whoever has written since', async () => {
    const { world, a, id, end } = await calling();
    world.fate('commit', async () => ({ kind: 'stale' }));
    end();
    await quiet();
    expect(told(a, 'lost')).toMatchObject([{ id, why: 'stale' }]);
    expect([told(a, 'settled'), a.engine.inHand]).toEqual([[], 0]);
  });

  it('holds up no drain where the store stays away', async () => {
    const { world, a, end } = await calling();
    world.fate('commit', ...Array(100).fill(notSent));
    end();
    await quiet();
    const drained = a.engine.drain(500);
    await world.clock.pass(5_000);
    await drained;
    expect([told(a, 'settled'), a.engine.inHand]).toEqual([[], 0]);
  });
});

it('gives back all that it lets go of by a drain, and asks the store for nothing where it has nothing', async () => {
  const world = new World();
  world.reply('order', 'action', hanging, hanging);
  const a = await world.coordinator();
  const ids = [await world.start(a), await world.start(a)];
  const fences = await Promise.all(ids.map(async (id) => ({ id, fence: (await world.record(id)).fence })));
  const released: unknown[] = [];
  world.fate('release', async (perform, args) => {
    released.push(...args);
    return perform();
  });
  const drained = a.engine.drain(100);
  await world.clock.pass(100);
  await drained;
  expect(released).toEqual([fences]);
  expect(a.engine.inHand).toBe(0);
  const idle = await world.coordinator('idle', { pollMs: DAY_MS });
  world.journal.length = 0;
  await idle.engine.drain(100);
  expect(world.journal).toEqual(['calls ended']);
});
