/** A saga that was acknowledged, and that the store does not know any more: Redis was emptied, or has lost its last writes. */
import { describe, expect, it } from 'vitest';
import { forgottenElsewhere } from '../../server/engine/contract.ts';
import type { EngineSettings } from '../../server/engine/engine.ts';
import { anew, type Remembered } from '../../server/engine/forgotten.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import {
  type Act,
  type LogEntry,
  PARKED_COUNTER,
  type SagaRecord,
  UNKNOWN_HELD,
  type Write,
} from '../../stores/saga-store.ts';
import { at, orderMachine } from '../machines/placed-order.ts';
import { newSaga } from '../stores/sagas.ts';
import { Gate } from './gate.ts';
import { RARELY } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Fate,
  FORWARD,
  hanging,
  LEASE_MS,
  notSent,
  RIGHTS,
  refused,
  retryable,
  World,
} from './world.ts';

/** The store as it is after it has lost all that it held: it serves, and knows nothing. */
function emptied(world: World): void {
  const fresh = new MemoryStore({ now: world.clock.now, partitions: 1 });
  for (const name of ['commit', 'create', 'get', 'log', 'statuses', 'signal', 'claim', 'due'] as const) {
    // biome-ignore lint/suspicious/noExplicitAny: every operation alike
    (world.store as any)[name] = (...args: unknown[]) => (fresh as any)[name](...args);
  }
}

/** A coordinator whose saga stands in its call to payment, and lets go of it when the gate opens. */
async function inPayment(answer = refused(), over: Partial<EngineSettings> = {}) {
  const world = new World();
  const gate = new Gate();
  world.reply('payment', 'action', async () => {
    await gate.pass();
    return answer;
  });
  const a = await world.coordinator('a', over);
  a.engine.open();
  const key = { key: 'k', digest: 'd' };
  const started = await a.engine.start(world.request(key));
  if (started.kind !== 'started') throw new Error(started.kind);
  await quiet();
  return { world, gate, a, id: started.id, key };
}

const record = async (world: World, id: string): Promise<SagaRecord> => {
  const found = await world.store.get(id);
  if (found === null) throw new Error(`${id} is gone`);
  return found;
};

describe('a saga in hand that the store has forgotten', () => {
  it('is stored anew and parked, with its log, its key and what it holds, and is told of', async () => {
    const { world, gate, a, id, key } = await inPayment();
    const told = a.engine.settled(id, 60_000).catch((error: unknown) => error);
    await quiet();
    emptied(world);
    gate.open();
    await quiet();
    const held = [
      { step: 'order', response: { order_id: 'ord-1' } },
      { step: 'inventory', response: { status: 'RESERVED' } },
      // It has failed, and was to be undone all the same: nobody can tell that nothing came of it.
      { step: 'payment', reason: 'its call may have been made', response: null },
    ];
    expect(a.events.find(({ type }) => type === 'forgotten')).toMatchObject({ id, held });
    expect(await told).toMatchObject({
      name: 'ForgottenError',
      what: { kind: 'forgotten', id, state: 'refundingPayment.calling', held, stored: true },
    });
    expect(await record(world, id)).toMatchObject({
      status: 'ABORTED',
      parked: { reason: 'forgotten', held },
      summary: { state: 'refundingPayment.calling', failed_step: 'payment' },
    });
    expect((await world.history(id)).at(-1)).toBe(
      'forgotten refundingPayment.calling -> refundingPayment.calling',
    );
    expect((await world.history(id))[0]).toBe('started  -> creatingOrder.calling');
    // Who orders again under the same key joins it, and does not order twice.
    expect(await a.engine.start(world.request(key))).toEqual({ kind: 'joined', id });
    expect(world.called(id)).toEqual(FORWARD.slice(0, 3));
  });

  it('says what may be held also where nothing was answered yet, and that it cannot tell where it had no saga in hand', async () => {
    const world = new World();
    const gate = new Gate();
    world.reply('order', 'action', async () => {
      await gate.pass();
      return retryable();
    });
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    await quiet();
    emptied(world);
    gate.open();
    await quiet();
    const held = [{ step: 'order', reason: 'its call may have been made', response: null }];
    expect((await record(world, id)).parked).toEqual({ reason: 'forgotten', held });
    expect(forgottenElsewhere('x').held).toEqual(UNKNOWN_HELD);
  });

  it('is carried on by a retry from where it is known to stand', async () => {
    const { world, gate, a, id } = await inPayment();
    emptied(world);
    gate.open();
    await quiet();
    const retry = { kind: 'retry', by: 'ada', reason: 'all is known', ifSeq: null } as const;
    expect((await a.engine.operate(id, retry)).kind).toBe('accepted');
    await world.clock.pass(5_000);
    expect((await record(world, id)).status).toBe('FAILED');
    expect(world.called(id).slice(3)).toEqual([
      'payment compensation',
      'inventory compensation',
      'order compensation',
    ]);
  });

  it('is stored as it has ended, where it just has: its client gets its answer', async () => {
    const world = new World();
    const gate = new Gate();
    world.reply('notification', 'action', async () => {
      await gate.pass();
      return { outcome: 'done', answer: { notification_id: 'n' } };
    });
    const a = await world.coordinator();
    const id = await world.start(a);
    const ended = a.engine.settled(id, 60_000);
    await quiet();
    emptied(world);
    gate.open();
    await quiet();
    expect(await ended).toMatchObject({ saga: { id, status: 'COMPLETED' } });
    expect(a.events.map(({ type }) => type)).toContain('forgotten');
    expect(a.events.at(-1)).toMatchObject({
      type: 'settled',
      id,
      status: 'COMPLETED',
      reason: null,
      parked: null,
    });
    expect((await record(world, id)).status).toBe('COMPLETED');
  });

  it('is stored anew as soon as the store serves again', async () => {
    const { world, gate, a, id } = await inPayment();
    emptied(world);
    world.fate('create', notSent, notSent);
    gate.open();
    await world.clock.pass(1_000);
    expect((await record(world, id)).parked?.reason).toBe('forgotten');
    expect(a.engine.inHand).toBe(0);
    const faults = a.events.flatMap((event) => (event.type === 'store-fault' ? [event.doing] : []));
    expect(faults).toEqual(Array(2).fill(`storing anew of saga ${id}`));
    // Once it has landed it is not stored once more.
    expect(world.journal.filter((line) => line === 'create')).toHaveLength(1 + 3);
    expect(await world.lastEntry(id)).toMatchObject({
      event: 'forgotten',
      error: 'the store did not know the saga any more; it was stored anew',
    });
  });

  it('is stored anew without its key where somebody has used that since, to order once more', async () => {
    const { world, gate, a, id, key } = await inPayment();
    emptied(world);
    world.reply('order', 'action', hanging);
    const b = await world.coordinator('b');
    const again = await b.engine.start(world.request(key));
    if (again.kind !== 'started') throw new Error(again.kind);
    expect(again.id).not.toBe(id);
    gate.open();
    await quiet();
    expect(await record(world, id)).toMatchObject({ status: 'ABORTED', parked: { reason: 'forgotten' } });
    expect((await record(world, again.id)).status).toBe('STARTED');
    expect(await a.engine.start(world.request(key))).toEqual({ kind: 'joined', id: again.id });
  });

  it('holds up no drain where the store stays away', async () => {
    const { world, gate, a, id } = await inPayment();
    emptied(world);
    world.fate('create', ...Array(1_000).fill(notSent));
    gate.open();
    await quiet();
    const drained = a.engine.drain(500);
    await world.clock.pass(5_000);
    await drained;
    expect(a.engine.inHand).toBe(0);
    expect(a.events.map(({ type }) => type)).not.toContain('forgotten');
    expect(await world.store.get(id)).toBeNull();
  });

  it.each([
    [RIGHTS.retentionMs - 1, true],
    [RIGHTS.retentionMs, false],
  ])('may have been ended by others and purged %i ms after its right has ended', async (ms, isStored) => {
    const { world, gate, a } = await inPayment(refused(), RARELY);
    const rightEndsMs = LEASE_MS - RIGHTS.leaseMarginMs;
    world.fate('commit', async () => {
      await world.clock.pass(rightEndsMs + ms);
      return { kind: 'missing' };
    });
    gate.open();
    for (let turn = 0; turn < 20; turn += 1) await quiet();
    expect(a.events.some(({ type }) => type === 'forgotten')).toBe(isStored);
  });

  it('is left alone where others stored something under its id meanwhile', async () => {
    const { world, gate, a, id } = await inPayment();
    const missing: Fate = async () => ({ kind: 'missing' });
    world.fate('commit', missing);
    gate.open();
    await quiet();
    // The record is there after all: nothing may be written over it.
    expect((await record(world, id)).status).toBe('STARTED');
    expect(a.engine.inHand).toBe(0);
  });
});

describe('what is stored anew', () => {
  const machine = orderMachine();
  const summary = {
    ...newSaga(new MemoryStore({ now: () => at })).summary,
    state: 'creatingOrder.calling',
    steps_completed: 2,
  };
  const entry = (event: string): LogEntry => ({
    ...{ at: 'then', event, from: null, to: summary.state, step: null, kind: null },
    ...{ attempt: null, outcome: null, duration_ms: null, error: null },
  });
  const held = [{ step: 'order', reason: 'it was done, and is not undone', response: null }];
  const remembered = (next: Write['next'], over: Partial<Write> = {}): Remembered => ({
    ...{ id: 's-1', trace: '00', idempotency: { key: 'k', digest: 'd' }, machine, held, terms: [] },
    ...{ writeId: 'a/1/9', at: 'now', log: [{ ...entry('started'), seq: 1 }] },
    write: {
      ...{ writeId: 'a/1/8', owner: { name: 'a', boot: 1 }, snapshot: '{}', summary, counts: { started: 1 } },
      ...{ entry: entry('done'), next, signalsSeen: 0, terms: [] },
      ...over,
    },
  });
  const told = {
    ...entry('forgotten'),
    ...{ at: 'now', from: summary.state },
    error: 'the store did not know the saga any more; it was stored anew',
  };
  const counts = { 'total_steps.held': 5, 'completed_steps.held': 2 };

  it.each<Write['next']>([
    { kind: 'act', leaseMs: 1_000 },
    { kind: 'wait', delayMs: 1_000 },
  ])('is parked where it was to go on: %j', (next) => {
    expect(anew(remembered(next))).toEqual({
      ...{ id: 's-1', trace: '00', idempotency: { key: 'k', digest: 'd' }, terms: [] },
      machine: { id: 'order', version: '1', structure: machine.structure },
      ...{ writeId: 'a/1/9', owner: { name: 'a', boot: 1 }, snapshot: '{}', summary },
      ...{ earlier: [entry('started'), entry('done')], entry: told },
      counts: { ...counts, [PARKED_COUNTER]: 1 },
      next: { kind: 'park', parked: { reason: 'forgotten', held } },
    });
  });

  it('stays as it was to be parked or to end, with what was asked of it and all of its log', () => {
    const parked = { kind: 'park', parked: { reason: 'compensation-incomplete', held: [] } } as const;
    const kept = anew(remembered(parked));
    expect([kept.next, kept.counts]).toEqual([parked, { ...counts, [PARKED_COUNTER]: 1 }]);
    const end = { kind: 'end', status: 'FAILED', keepMs: 7 } as const;
    const acts: Act[] = [];
    const ended = anew(remembered(end, { earlier: [entry('cancel')], acts }));
    expect([ended.next, ended.counts]).toEqual([end, { ...counts, 'settled.FAILED': 1 }]);
    expect(ended.earlier).toEqual([entry('started'), entry('cancel'), entry('done')]);
    expect(ended.acts).toBe(acts);
  });
});

it('a saga that waits in the store, and is forgotten there, is told of to whoever waits for it', async () => {
  const world = new World({ policy: { attemptsMax: 2, backoffMs: 60_000, backoffMaxMs: 60_000 } });
  world.reply('payment', 'action', retryable());
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  const told = a.engine.settled(id, 60_000).catch((error: unknown) => error);
  await quiet();
  emptied(world);
  await world.clock.pass(3_000);
  expect(await told).toMatchObject({ name: 'ForgottenError', what: { id, stored: false } });
});
