/** Each kind of transition as the one write that makes it durable. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import {
  activitiesIn,
  type Outcome,
  type RegisteredMachine,
  type SagaEvent,
  type SagaSnapshot,
} from '../../machines/index.ts';
import { DURATION_BUCKETS_MS } from '../../server/engine/contract.ts';
import type { Hop } from '../../server/engine/decide.ts';
import { describe as described, startActOf, statusOf, type Transition } from '../../server/engine/write.ts';
import type { Parked, SagaStatus, Signal } from '../../stores/saga-store.ts';
import { Driven, registered } from '../machines/driven.ts';
import { answers, at, callIn, drive, eventOf, everywhere, orderMachine } from '../machines/placed-order.ts';
import { FORWARD, LEASE_MS, RIGHTS } from './world.ts';

const writer = {
  owner: { name: 'a', boot: 1 },
  writeId: 'a/1/1',
  rights: RIGHTS,
  yielding: false,
  signalsSeen: 0,
};
const once = orderMachine();
const patient = orderMachine(everywhere({ attemptsMax: 3, backoffMs: 100 }));

interface Given {
  readonly machine?: RegisteredMachine;
  readonly callMs?: number;
  readonly sagaMs?: number;
  readonly yielding?: boolean;
}

const side = (machine: RegisteredMachine, snapshot: SagaSnapshot) => ({
  snapshot,
  asks: machine.asks(snapshot),
});

/** The write of the transition that `event` leads to, after the outcomes of `path`. */
function writeOf(path: readonly Outcome[], event: Outcome | SagaEvent | null, given: Given = {}) {
  const { machine = once, callMs = 12.3, sagaMs = 40, yielding = false } = given;
  const before = drive(machine, path);
  const happened = typeof event === 'string' ? eventOf(event, callIn(machine, before)) : event;
  const after = happened === null ? before : machine.next(before, happened);
  return described(
    {
      machine,
      hops: [
        {
          before: happened === null ? null : side(machine, before),
          event: happened,
          after: side(machine, after),
        },
      ],
      statusBefore: happened === null ? null : 'STARTED',
      parkedBefore: null,
      at,
      callMs,
      createdAtMs: at - sagaMs,
    },
    { ...writer, yielding },
  );
}

const done = (count: number): Outcome[] => Array(count).fill('done');
const shipping = [...done(3), 'refused'] as const;

it('an answer from a ledger is told as one, and nothing else of the write differs', () => {
  const { entry, ...write } = writeOf([], { type: 'done', at, answer: { order_id: 'o-1' } });
  const again = writeOf([], { type: 'done', at, answer: { order_id: 'o-1' }, replayed: true });
  expect(again).toEqual({ ...write, entry: { ...entry, replayed: true } });
  expect('replayed' in entry).toBe(false);
  const undone = writeOf(shipping, { type: 'done', at, answer: {}, replayed: true }).entry;
  expect(undone).toMatchObject({ kind: 'compensation', answer: '{}', replayed: true });
});

describe('what comes next', () => {
  it('a call is announced under a lease that outlasts it on both sides', () => {
    for (const path of [done(0), done(3), shipping]) {
      expect(writeOf(path, 'done').next).toEqual({ kind: 'act', leaseMs: LEASE_MS });
    }
    expect(writeOf([], null).next).toEqual({ kind: 'act', leaseMs: LEASE_MS });
  });

  it('the lease is that of the call announced, not of the call that was made', () => {
    const machine = orderMachine((step, kind) => ({
      timeoutMs: step === 'inventory' && kind === 'action' ? 2_500 : 1_000,
      attemptsMax: 1,
      backoffMs: 1,
      backoffMaxMs: 1,
    }));
    expect(writeOf([], 'done', { machine }).next).toEqual({ kind: 'act', leaseMs: 2_900 });
    expect(writeOf(done(1), 'done', { machine }).next).toEqual({ kind: 'act', leaseMs: 1_400 });
  });

  it('no lease is longer than the longest, however long the call may last', () => {
    const machine = orderMachine(everywhere({ timeoutMs: 3_600_000 }));
    expect(writeOf([], 'done', { machine }).next).toEqual({ kind: 'act', leaseMs: RIGHTS.leaseMaxMs });
  });

  it('a wait is as long as the back-off, and never negative', () => {
    expect(writeOf([], 'retryable', { machine: patient }).next).toEqual({ kind: 'wait', delayMs: 50 });
    const asked = {
      ...eventOf('unknown', { step: 'order', kind: 'action' }),
      retryAfterMs: 7_000,
    } as SagaEvent;
    expect(writeOf([], asked, { machine: patient }).next).toEqual({ kind: 'wait', delayMs: 7_000 });
    const before = drive(patient, []);
    const after = patient.next(before, eventOf('retryable', callIn(patient, before)));
    const hops = [{ before: side(patient, before), event: null, after: side(patient, after) }];
    const late = {
      at: at + 10_000,
      callMs: null,
      createdAtMs: at,
      statusBefore: 'STARTED',
      parkedBefore: null,
    } as const;
    expect(described({ machine: patient, hops, ...late }, writer).next).toEqual({
      kind: 'wait',
      delayMs: 0,
    });
  });

  it('a wait that the deadline cuts short ends with that', () => {
    const night = registered(
      defineSaga({ id: 'night', version: '1', input: z.looseObject({}), deadline: '30 min' }).sleep(
        'night',
        '8 h',
      ),
    );
    const begun = new Driven(night, {}).snapshot;
    const hops = [{ before: null, event: null, after: side(night, begun) }];
    const delay = (createdAtMs: number, machine = night) => {
      const about = { hops, statusBefore: null, parkedBefore: null, at: 1_000, callMs: null };
      return described({ machine, ...about, createdAtMs }, writer).next;
    };
    expect(delay(1_000)).toEqual({ kind: 'wait', delayMs: 1_800_000 });
    expect(delay(-1_700_000)).toEqual({ kind: 'wait', delayMs: 99_000 });
    expect(delay(-8_000_000)).toEqual({ kind: 'wait', delayMs: 0 });
  });

  it('what goes on by itself stays parked for what it was, until a person asks', () => {
    const parkedBefore: Parked = { reason: 'claims-exhausted', held: [] };
    const before = drive(once, []);
    const event = eventOf('done', callIn(once, before));
    const hop = { before: side(once, before), event, after: side(once, once.next(before, event)) };
    const nextAfter = (signal?: Signal) =>
      described(
        {
          machine: once,
          hops: [signal ? { ...hop, signal } : hop],
          statusBefore: 'ABORTED',
          parkedBefore,
          at,
          callMs: null,
          createdAtMs: at,
        },
        writer,
      ).next;
    const signal: Signal = { id: 's', kind: 'event', atMs: at, by: '', reason: '' };
    expect(nextAfter()).toEqual({ kind: 'park', parked: parkedBefore });
    expect(nextAfter(signal)).toEqual({ kind: 'park', parked: parkedBefore });
    expect(nextAfter({ ...signal, kind: 'retry' })).toEqual({ kind: 'act', leaseMs: LEASE_MS });
  });

  it('the end is kept for the retention', () => {
    const keepMs = RIGHTS.retentionMs;
    expect(writeOf(done(4), 'done').next).toEqual({ kind: 'end', status: 'COMPLETED', keepMs });
    expect(writeOf(['refused'], 'done').next).toEqual({ kind: 'end', status: 'FAILED', keepMs });
  });

  it('a saga with something held is parked, with what an operator needs to undo it by hand', () => {
    const path = [...shipping, 'refused', 'done', 'refused'] as const;
    const { next } = writeOf(path, 'done');
    expect(statusOf(next)).toBe('ABORTED');
    expect({ next }).toMatchObject({
      next: {
        kind: 'park',
        parked: {
          reason: 'compensation-incomplete',
          held: [
            // The shipment may exist, but nobody knows its number.
            { step: 'shipping', reason: 'shipping compensation refused', response: null },
            { step: 'inventory', reason: 'inventory compensation refused', response: answers.inventory },
          ],
        },
      },
    });
  });

  it('a coordinator that drains announces no call, but ends and waits as ever', () => {
    const drained = { machine: patient, yielding: true };
    expect(writeOf([], 'done', drained).next).toEqual({ kind: 'wait', delayMs: 0 });
    expect(writeOf([], 'retryable', drained).next).toEqual({ kind: 'wait', delayMs: 50 });
    expect(writeOf(done(4), 'done', drained).next).toMatchObject({ kind: 'end', status: 'COMPLETED' });
  });

  it.each<[readonly Outcome[], Outcome, string]>([
    [[], 'done', 'STARTED'],
    [[], 'refused', 'STARTED'],
    [shipping, 'done', 'STARTED'],
    [done(4), 'done', 'COMPLETED'],
    [['refused'], 'done', 'FAILED'],
    [['refused'], 'refused', 'ABORTED'],
  ])('after %j, %s: the status is %3$s', (path, event, status) => {
    expect(statusOf(writeOf(path, event).next)).toBe(status);
  });
});

describe('the entry', () => {
  const time = '2026-01-01T00:00:00.000Z';

  it('of a start tells of the call that it leads to', () => {
    expect(writeOf([], null, { callMs: 0 }).entry).toEqual({
      at: time,
      event: 'started',
      from: null,
      to: 'creatingOrder.calling',
      step: 'order',
      kind: 'action',
      attempt: 1,
      outcome: null,
      duration_ms: null,
      error: null,
    });
  });

  it.each<[string, readonly Outcome[], Outcome, object]>([
    ['an action done', done(1), 'done', { step: 'inventory', kind: 'action', outcome: 'done', error: null }],
    [
      'an action refused',
      done(1),
      'refused',
      { step: 'inventory', kind: 'action', outcome: 'refused', error: 'inventory action refused' },
    ],
    ['a compensation done', shipping, 'done', { step: 'shipping', kind: 'compensation', outcome: 'done' }],
    [
      'a compensation without an answer',
      shipping,
      'unknown',
      { step: 'shipping', kind: 'compensation', outcome: 'unknown', error: 'shipping compensation unknown' },
    ],
  ])('of %s tells of the call that was made', (_, path, event, entry) => {
    expect(writeOf(path, event).entry).toMatchObject({
      ...entry,
      at: time,
      event,
      attempt: 1,
      duration_ms: 12.3,
    });
  });

  it('of a compensation done keeps what was answered, of an action nothing beside the facts', () => {
    expect(writeOf(shipping, 'done').entry).toMatchObject({ answer: '{"status":"UNDONE"}' });
    expect(writeOf(done(1), 'done').entry).not.toHaveProperty('answer');
    expect(writeOf(shipping, 'refused').entry).not.toHaveProperty('answer');
    const says = (note: string) =>
      writeOf(shipping, { type: 'done', at, answer: { note } }).entry.answer ?? '';
    expect(says('x'.repeat(489))).toBe(`{"note":"${'x'.repeat(489)}"}`);
    expect(says('x'.repeat(490))).toBe(`{"note":"${'x'.repeat(490)}…`);
  });

  it('of one of several calls tells of that one, and of no other', () => {
    const both = registered(
      defineSaga({ id: 'both', version: '1', input: z.looseObject({}) }).parallel('all', {
        one: (b) => b.step('b', call('b')),
        other: (b) => b.step('c', call('c')).step('d', call('d')),
      }),
    );
    const before = new Driven(both, {}).snapshot;
    const second = activitiesIn(both.asks(before)).find((one) => one.kind === 'call' && one.address === 'c');
    const event: SagaEvent = { type: 'done', at, answer: {}, to: second?.to ?? '' };
    const after = both.next(before, event);
    const hops = [{ before: side(both, before), event, after: side(both, after) }];
    const { entry } = described(
      { machine: both, hops, statusBefore: 'STARTED', parkedBefore: null, at, callMs: 3, createdAtMs: at },
      writer,
    );
    expect(entry).toMatchObject({ step: 'c', kind: 'action', attempt: 1, outcome: 'done', duration_ms: 3 });
  });

  it('of several events is that of the last, and those of the others go before it', () => {
    const begun = drive(once, []);
    const cancelled = once.next(begun, { type: 'cancel', at, reason: 'rain' });
    const outcome = eventOf('done', callIn(once, begun));
    const hops = [
      {
        before: side(once, begun),
        event: { type: 'cancel', at, reason: 'rain' } as const,
        after: side(once, cancelled),
      },
      { before: side(once, cancelled), event: outcome, after: side(once, once.next(cancelled, outcome)) },
    ];
    const last = hops.at(-1)?.after;
    if (last === undefined) throw new Error('two hops');
    const undone = eventOf('done', callIn(once, last.snapshot));
    const third = { before: last, event: undone, after: side(once, once.next(last.snapshot, undone)) };
    const about = { machine: once, at, callMs: 1, createdAtMs: at, parkedBefore: null };
    const { earlier, entry } = described(
      { ...about, hops: [...hops, third], statusBefore: 'STARTED' },
      writer,
    );
    expect(earlier).toMatchObject([
      { event: 'cancel', to: 'creatingOrder.calling' },
      { event: 'done', from: 'creatingOrder.calling' },
    ]);
    expect(entry).toMatchObject({ event: 'done', kind: 'compensation' });
  });

  it('names the states between which it leads', () => {
    expect(writeOf(done(1), 'done').entry).toMatchObject({
      from: 'reservingInventory.calling',
      to: 'processingPayment.calling',
    });
    expect(writeOf(done(4), 'done').entry.to).toBe('completed');
  });

  it('of a wait and of its end count the attempt that was made and the attempt to come', () => {
    expect(writeOf([], 'retryable', { machine: patient }).entry).toMatchObject({
      attempt: 1,
      outcome: 'retryable',
      to: 'creatingOrder.waiting',
    });
    const before = drive(patient, ['retryable']);
    const due: SagaEvent = { type: 'due', at };
    const after = patient.next(before, due);
    const hops = [{ before: side(patient, before), event: due, after: side(patient, after) }];
    const { entry, counts } = described(
      {
        machine: patient,
        hops,
        at,
        callMs: null,
        createdAtMs: at,
        statusBefore: 'STARTED',
        parkedBefore: null,
      },
      writer,
    );
    expect(entry).toMatchObject({
      event: 'due',
      step: 'order',
      attempt: 2,
      outcome: null,
      duration_ms: null,
    });
    expect(counts).toEqual({});
  });
});

describe('counts', () => {
  const settled = (status: string) => ({ [`settled.${status}`]: 1, 'duration.50': 1 });

  it.each<[string, readonly Outcome[], Outcome | null, object, RegisteredMachine?]>([
    ['a start', [], null, { started: 1, 'total_steps.held': 5 }],
    ['an action done', done(1), 'done', { 'completed_steps.held': 1 }],
    ['an action refused', done(2), 'refused', { 'failures.payment': 1 }],
    ['an action whose last attempt failed', done(2), 'unknown', { 'failures.payment': 1 }],
    ['an action to be repeated', done(2), 'unknown', { retries: 1 }, patient],
    ['a compensation done', shipping, 'done', { 'compensations.attempted': 1, 'compensations.succeeded': 1 }],
    [
      'a compensation refused',
      shipping,
      'refused',
      { 'compensations.attempted': 1, 'compensations.failed': 1 },
    ],
    ['a compensation to be repeated', shipping, 'retryable', { retries: 1 }, patient],
    ['the last action', done(4), 'done', { 'completed_steps.held': 1, ...settled('COMPLETED') }],
    [
      'the last compensation',
      ['refused'],
      'done',
      { 'compensations.attempted': 1, 'compensations.succeeded': 1, ...settled('FAILED') },
    ],
    [
      'a last compensation refused',
      ['refused'],
      'refused',
      { 'compensations.attempted': 1, 'compensations.failed': 1, ...settled('ABORTED') },
    ],
  ])('of %s', (_, path, event, counts, machine = once) => {
    expect(writeOf(path, event, { machine }).counts).toEqual(counts);
  });

  it.each([
    [0, '1'],
    [1, '1'],
    [2, '2'],
    [3, '5'],
    [1_000, '1000'],
    [1_001, '2000'],
    [1_000_000, '1000000'],
    [1_000_001, 'inf'],
  ])('a saga of %i ms stands in the bucket up to %s', (sagaMs, bucket) => {
    const { counts } = writeOf(done(4), 'done', { sagaMs });
    expect(Object.keys(counts).filter((name) => name.startsWith('duration.'))).toEqual([
      `duration.${bucket}`,
    ]);
  });

  it('a saga that is parked once more has settled before, and how long it took is no news of its end', () => {
    const settledFrom = (statusBefore: SagaStatus, path: readonly Outcome[], event: Outcome) => {
      const before = drive(once, path);
      const happened = eventOf(event, callIn(once, before));
      const after = once.next(before, happened);
      const hops = [{ before: side(once, before), event: happened, after: side(once, after) }];
      const about = { machine: once, hops, at, callMs: 1, createdAtMs: at - 40, parkedBefore: null };
      const { counts } = described({ ...about, statusBefore }, writer);
      return Object.keys(counts).filter((name) => /^(settled|duration)/.test(name));
    };
    expect(settledFrom('STARTED', ['refused'], 'refused')).toEqual(['settled.ABORTED', 'duration.50']);
    expect(settledFrom('ABORTED', ['refused'], 'refused')).toEqual([]);
    expect(settledFrom('ABORTED', ['refused'], 'done')).toEqual(['settled.FAILED']);
  });

  it('of what is asked from outside counts what a person asks, and what had an effect', () => {
    const before = drive(once, ['refused', 'refused']);
    const of = (kind: Signal['kind'], ignored: boolean) => {
      const signal: Signal = { id: 's', kind, atMs: at, by: 'ada', reason: 'why' };
      const happened: SagaEvent | null = ignored ? null : { type: 'retry', at };
      const after = happened === null ? before : once.next(before, happened);
      const hops = [
        { before: side(once, before), event: happened, after: side(once, after), signal, ignored },
      ];
      const about = { machine: once, hops, at, callMs: null, createdAtMs: at - 40, parkedBefore: null };
      const { counts, acts = [] } = described(
        { ...about, statusBefore: 'ABORTED' },
        { ...writer, signalsSeen: 1 },
      );
      return {
        counted: Object.keys(counts).filter((name) => name.startsWith('operator.')),
        told: acts.map(({ isIgnored, before: from, after: to }) => [isIgnored, from?.status, to.status]),
      };
    };
    expect(of('retry', false)).toEqual({
      counted: ['operator.retry'],
      told: [[false, 'ABORTED', 'STARTED']],
    });
    expect(of('retry', true)).toEqual({ counted: [], told: [[true, 'ABORTED', 'ABORTED']] });
    expect(of('event', false)).toEqual({ counted: [], told: [] });
    expect(of('outcome', false)).toEqual({ counted: [], told: [] });
    expect(writeOf([], 'done')).not.toHaveProperty('acts');
  });

  it('the buckets rise, or none beyond a falling one would ever be counted', () => {
    expect([...DURATION_BUCKETS_MS]).toEqual([...DURATION_BUCKETS_MS].sort((a, b) => a - b));
    expect(new Set(DURATION_BUCKETS_MS).size).toBe(DURATION_BUCKETS_MS.length);
  });
});

describe('the summary', () => {
  it.each(FORWARD.map((_, index) => index))(
    'a saga that failed at step %i keeps what was done',
    (failedAt) => {
      const path: Outcome[] = [...done(failedAt), 'refused'];
      const failed = {
        steps_completed: failedAt,
        total_steps: 5,
        failed_step: FORWARD[failedAt]?.split(' ')[0],
        failed_step_index: failedAt,
        label: failedAt === 0 ? null : 'ord-1',
      };
      for (let undone = 0; undone <= failedAt; undone++) {
        expect(writeOf([...path, ...done(undone)], 'done').summary).toMatchObject(failed);
      }
    },
  );

  it('before anything failed names no step', () => {
    expect(writeOf(done(1), 'done').summary).toEqual({
      state: 'processingPayment.calling',
      label: 'ord-1',
      steps_completed: 2,
      total_steps: 5,
      failed_step: null,
      failed_step_index: null,
    });
  });
});

/** The write of these hops, one after the other. */
function writeOfHops(machine: RegisteredMachine, hops: readonly Hop[], over: Partial<Transition> = {}) {
  const signalsSeen = hops.filter(({ signal }) => signal !== undefined).length;
  const about = { statusBefore: 'STARTED', parkedBefore: null, at, callMs: 1, createdAtMs: at } as const;
  return described({ machine, hops, ...about, ...over }, { ...writer, signalsSeen });
}
const asked = (kind: Signal['kind'], over: Partial<Signal> = {}): Signal => ({
  ...{ id: `${kind}-1`, kind, atMs: at, by: 'ada', reason: 'why' },
  ...over,
});
const call = (name: string) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
  undo: { path: `/${name}/undo` },
});
/** What an event to one of several leads to. */
function hopTo({ machine, snapshot }: Driven, name: string, event: SagaEvent): Hop {
  const to = activitiesIn(machine.asks(snapshot)).find((one) => one.name === name)?.to ?? '';
  const addressed = { ...event, to } as SagaEvent;
  return {
    before: side(machine, snapshot),
    event: addressed,
    after: side(machine, machine.next(snapshot, addressed)),
  };
}
const failed = (type: 'retryable' | 'unknown' | 'refused') =>
  ({ type, at, error: 'away', random: 0.5, retryAfterMs: null }) as SagaEvent;

describe('what a write carries', () => {
  it('of one event is nothing that only several have, or that was asked', () => {
    const keys = Object.keys(writeOf([], 'done')).sort();
    expect(keys).toEqual(
      ['writeId', 'owner', 'snapshot', 'summary', 'entry', 'counts', 'next', 'signalsSeen', 'terms'].sort(),
    );
    const before = side(once, drive(once, []));
    const stays = { before, event: null, after: before, signal: asked('event', { name: 'word' }) };
    const told = writeOfHops(once, [{ ...stays, ignored: true }]);
    expect(told).toMatchObject({ earlier: [], signalsSeen: 1, entry: { outcome: 'ignored' } });
    expect(told).not.toHaveProperty('acts');
  });

  it('of a start by hand is who did it, and where the saga stands by that', () => {
    const write = writeOf([], null);
    expect(startActOf({ by: 'ada', actor: 'user:ada', reason: 'by phone' }, write, once, 77)).toEqual({
      signal: { id: 'a/1/1', kind: 'start', atMs: 77, by: 'ada', actor: 'user:ada', reason: 'by phone' },
      machine: { id: 'order', version: '1' },
      isIgnored: false,
      before: null,
      after: { state: 'creatingOrder.calling', status: 'STARTED' },
    });
  });
});

describe('what was asked from outside', () => {
  const parkedBefore: Parked = { reason: 'claims-exhausted', held: [] };
  const calling = side(once, drive(once, []));
  const stay = (signal: Signal, ignored = false): Hop => ({
    ...{ before: calling, event: null, after: calling, signal },
    ...(ignored && { ignored }),
  });
  const statuses = (hops: readonly Hop[], over: Partial<Transition>) =>
    (writeOfHops(once, hops, over).acts ?? []).map(({ before, after }) => [before?.status, after.status]);

  it('of a saga that was set aside is told by how it stood each time: a person alone sets it going', () => {
    const over = { statusBefore: 'ABORTED', parkedBefore } as const;
    const event = stay(asked('event', { name: 'word', actor: 'user:ada' }));
    const skip = stay(asked('skip'), true);
    const retry = stay(asked('retry'));
    expect(statuses([event, retry], over)).toEqual([
      ['ABORTED', 'ABORTED'],
      ['ABORTED', 'STARTED'],
    ]);
    expect(statuses([skip, retry], over)).toEqual([
      ['ABORTED', 'ABORTED'],
      ['ABORTED', 'STARTED'],
    ]);
    // What an operator sends to a saga that runs leaves it running.
    expect(statuses([event, stay(asked('cancel'))], {})).toEqual([
      ['STARTED', 'STARTED'],
      ['STARTED', 'STARTED'],
    ]);
    const [act] = writeOfHops(once, [event], over).acts ?? [];
    expect(act).toMatchObject({
      machine: { id: 'order', version: '1' },
      isIgnored: false,
      signal: event.signal,
    });
    expect(statuses([retry, event], over)).toEqual([
      ['ABORTED', 'STARTED'],
      ['STARTED', 'STARTED'],
    ]);
    expect(writeOfHops(once, [event, retry], over).next.kind).toBe('act');
    expect(writeOfHops(once, [event], over).next).toEqual({ kind: 'park', parked: parkedBefore });
  });

  it('of one that runs is told as running, and of one that is parked by it as parked', () => {
    expect(statuses([stay(asked('cancel')), stay(asked('skip'), true)], {})).toEqual([
      ['STARTED', 'STARTED'],
      ['STARTED', 'STARTED'],
    ]);
    const parked = side(once, drive(once, ['refused', 'refused']));
    const still = { before: parked, event: null, after: parked };
    const both = ['skip', 'retry'].map((kind) => ({ ...still, signal: asked(kind as 'skip') }));
    expect(statuses(both, { statusBefore: 'ABORTED' })).toEqual([
      ['ABORTED', 'ABORTED'],
      ['ABORTED', 'ABORTED'],
    ]);
  });

  it('ends a saga that was set aside where its last outcome comes from there', () => {
    const before = drive(once, done(4));
    const event: SagaEvent = { type: 'done', at, answer: { notification_id: 'n' } };
    const hop = { before: side(once, before), event, after: side(once, once.next(before, event)) };
    const signal = asked('outcome', { step: 'notification', attempt: 1 });
    const over = { statusBefore: 'ABORTED', parkedBefore } as const;
    expect(writeOfHops(once, [{ ...hop, signal }], over).next).toMatchObject({
      kind: 'end',
      status: 'COMPLETED',
    });
  });

  it('is told in the log by who asked and why; an event by its name, and an outcome as that of its attempt', () => {
    const entryOf = (signal: Signal) => writeOfHops(once, [stay(signal)]).entry;
    expect(entryOf(asked('cancel'))).toMatchObject({ event: 'cancel', by: 'ada', reason: 'why', attempt: 1 });
    const event = entryOf(asked('event', { reason: 'word' }));
    expect(event).toMatchObject({ event: 'event', reason: 'word', kind: null, attempt: null, step: null });
    expect(event).not.toHaveProperty('by');
    const outcome = entryOf(asked('outcome', { step: 'order', attempt: 3 }));
    expect(outcome).toMatchObject({ step: 'order', kind: 'action', attempt: 3, duration_ms: null });
    expect(outcome).not.toHaveProperty('by');
    expect(entryOf(asked('outcome', { step: 'order' })).attempt).toBeNull();
  });

  it('and ends what is waited for counts as no call', () => {
    const later = registered(
      defineSaga({ id: 'later', version: '1', input: z.looseObject({}) }).step('a', {
        ...call('a'),
        asynchronous: { within: '1 h' },
      }),
    );
    const saga = new Driven(later, {}).on({ type: 'accepted', at, location: null, pollAfterMs: 5 });
    const event: SagaEvent = { type: 'done', at, answer: {} };
    const hop = {
      before: side(later, saga.snapshot),
      event,
      after: side(later, later.next(saga.snapshot, event)),
      signal: asked('outcome', { step: 'a', attempt: 1 }),
    };
    const { counts, entry } = writeOfHops(later, [hop]);
    expect(Object.keys(counts).sort()).toEqual(['completed_steps.held', 'duration.1', 'settled.COMPLETED']);
    expect(entry).toMatchObject({ event: 'outcome', outcome: 'done', duration_ms: null });
  });
});

describe('beside each other', () => {
  const both = registered(
    defineSaga({ id: 'both', version: '1', input: z.looseObject({}) }).parallel('all', {
      one: (b) => b.step('b', call('b')),
      other: (b) => b.step('c', call('c')),
    }),
  );

  it('the end of a wait is told of the call that it leads to, and a start of its only call', () => {
    const waiting = new Driven(both, {}).fails('action b', 'unknown');
    const [waits = ''] = waiting.asked.filter((name) => name !== 'action c');
    const { entry } = writeOfHops(both, [hopTo(waiting, waits, { type: 'due', at })]);
    expect(entry).toMatchObject({ event: 'due', step: 'b', kind: 'action', attempt: 2 });
    const single = registered(
      defineSaga({ id: 'single', version: '1', input: z.looseObject({}) }).parallel('all', {
        one: (b) => b.step('b', call('b')),
        other: (b) => b.sleep('night', '8 h'),
      }),
    );
    const begun = new Driven(single, {}).due('wait night');
    expect(begun.asked).toEqual(['action b']);
    const restarted = { before: null, event: null, after: side(single, begun.snapshot) };
    expect(writeOfHops(single, [restarted], { statusBefore: null }).entry).toMatchObject({ step: 'b' });
  });

  it('a call that failed for good is not counted as repeated because another is', () => {
    const saga = new Driven(both, {}).fails('action b', 'unknown').refused('action c');
    const counted = (name: string, type: Parameters<typeof failed>[0], from = saga) =>
      writeOfHops(both, [hopTo(from, name, failed(type))]).counts;
    const again = new Driven(both, {}).fails('action b', 'unknown');
    expect(counted('action c', 'refused', again)).not.toHaveProperty('retries');
    expect(counted('action c', 'unknown', again)).toEqual({ retries: 1 });
  });

  it('an undo that failed for good is not counted as repeated because another is', () => {
    const three = registered(
      defineSaga({ id: 'three', version: '1', input: z.looseObject({}) })
        .parallel('all', {
          one: (b) => b.step('b', call('b')),
          other: (b) => b.step('c', call('c')),
        })
        .step('d', call('d')),
    );
    const undoing = new Driven(three, {}).done('action b').done('action c').refused('action d');
    if (!undoing.asked.includes('compensation b')) undoing.done('compensation d');
    const waiting = undoing.fails('compensation b', 'unknown');
    expect(writeOfHops(three, [hopTo(waiting, 'compensation c', failed('refused'))]).counts).toEqual({
      'compensations.attempted': 1,
      'compensations.failed': 1,
    });
  });

  it('an undo is counted as one', () => {
    const undoing = new Driven(both, {}).done('action b').refused('action c');
    const [name = ''] = undoing.asked;
    expect(name).toMatch(/^compensation/);
    expect(writeOfHops(both, [hopTo(undoing, name, { type: 'done', at, answer: {} })]).counts).toMatchObject({
      'compensations.attempted': 1,
      'compensations.succeeded': 1,
    });
  });
});

describe('counted is', () => {
  it('a saga that is undone and of which no step has failed, as cancelled', () => {
    const before = drive(once, done(1));
    const cancel: SagaEvent = { type: 'cancel', at, reason: 'rain' };
    const noted = once.next(before, cancel);
    const event = eventOf('done', callIn(once, noted));
    const hops = [
      { before: side(once, before), event: cancel, after: side(once, noted), signal: asked('cancel') },
      { before: side(once, noted), event, after: side(once, once.next(noted, event)) },
    ];
    expect(writeOfHops(once, hops).counts).toEqual({
      ...{ cancelled: 1, 'completed_steps.held': 1, 'operator.cancel': 1 },
    });
  });

  it('a call that was put off, as no attempt', () => {
    const event: SagaEvent = { type: 'deferred', at, error: 'not called', delayMs: 100 };
    const { counts, entry } = writeOf([], event, { machine: patient });
    expect(counts).toEqual({ deferrals: 1 });
    expect(entry).toMatchObject({ event: 'deferred', outcome: null, error: 'not called' });
  });
});

it('the snapshot stored is one from which the machine goes on', () => {
  const { snapshot } = writeOf(done(1), 'done');
  expect(once.restore(snapshot).value).toEqual({ processingPayment: 'calling' });
  expect(callIn(once, once.restore(snapshot))).toMatchObject({
    step: 'payment',
    body: { order_id: 'ord-1' },
  });
});
