/** A saga that its own definition has parked: what was acknowledged stays, a retry carries it on, and a person can end it. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { Registry } from '../../machines/index.ts';
import { asideWrite } from '../../server/engine/set-aside.ts';
import { PARKED_COUNTER, type Signal } from '../../stores/saga-store.ts';
import { everywhere } from '../machines/placed-order.ts';
import { newSaga } from '../stores/sagas.ts';
import { DAY_MS, RARELY } from './trip.ts';
import { done, hanging, World } from './world.ts';

const step = (at: string) => ({
  at,
  action: { path: '/do', request: () => ({}), answer: z.looseObject({}) },
  undo: { path: '/undo' },
});
/** @param isMended of a release whose condition fails on nothing */
const saga = (isMended: boolean) =>
  defineSaga({ id: 'parcel', version: '1', input: z.looseObject({}) })
    .step('one', step('one'))
    .waitFor('arrival', {
      within: '30 days',
      data: z.looseObject({ weight: z.int().optional() }),
      refuses: ({ weight }) => {
        if (weight === undefined && !isMended) throw new TypeError('no weight');
        return null;
      },
      late: 'undo',
    })
    .step('two', step('two'));
const definition = (isMended: boolean) => definitionOf(saga(isMended), everywhere());
const RETRY = { kind: 'retry', by: 'ada', reason: 'look again', ifSeq: null } as const;

/** A saga that was parked by what came to it. */
async function parked() {
  const world = new World({ saga: () => definition(false) });
  world.participants = () => done({});
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await world.start(a);
  expect(await a.engine.send(id, { id: 'e-1', name: 'arrival', data: {} })).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  const record = await world.record(id);
  expect(record).toMatchObject({ status: 'ABORTED', parked: { reason: 'definition-error' } });
  const told = a.events.filter(({ type }) => ['definition-error', 'settled', 'lost'].includes(type));
  expect(told).toMatchObject([
    { type: 'definition-error', id, error: { message: expect.stringContaining('no weight') } },
    { type: 'settled', id, status: 'ABORTED', parked: { reason: 'definition-error' } },
  ]);
  expect(a.engine.inHand).toBe(0);
  return { world, ...a, id, record };
}

describe('the write that sets a saga aside', () => {
  const aside = { event: 'unreadable', reason: 'unreadable', error: 'it is damaged', held: [] } as const;
  const stored = {
    machine: { id: 'order', version: '1', structure: 'x' },
    snapshot: '{}',
    summary: newSaga(new World().store).summary,
    status: 'STARTED',
    parked: null,
    signals: [],
  } as const;
  const { state } = stored.summary;
  const signal = (kind: Signal['kind'], over: Partial<Signal> = {}): Signal => ({
    ...{ id: `${kind}-1`, kind, atMs: 1, by: 'ada', actor: 'user:ada', reason: `why ${kind}` },
    ...over,
  });
  const writeOf = (over: object = {}, error: string = aside.error) =>
    asideWrite(
      { owner: { name: 'a', boot: 1 }, writeId: 'a/1/1' },
      1_000,
      { ...stored, ...over },
      { ...aside, error },
    );
  const nothing = { step: null, kind: null, attempt: null, duration_ms: null };

  it('leaves it as it stands, says why, and counts it as parked', () => {
    const write = writeOf();
    expect(write).toEqual({
      ...{ writeId: 'a/1/1', owner: { name: 'a', boot: 1 }, snapshot: '{}', summary: stored.summary },
      ...{ earlier: [], signalsSeen: 0, signalsLeft: [], counts: { [PARKED_COUNTER]: 1 } },
      entry: {
        ...{ ...nothing, at: '1970-01-01T00:00:01.000Z', event: 'unreadable', from: state, to: state },
        ...{ outcome: null, error: 'it is damaged' },
      },
      next: { kind: 'park', parked: { reason: 'unreadable', held: [] } },
    });
    expect(writeOf({}, 'x'.repeat(501)).entry.error).toBe('x'.repeat(500));
  });

  it('leaves one that was parked already parked for what it was, and counts nothing', () => {
    const parked = { reason: 'claims-exhausted', held: [] };
    const { next, counts } = writeOf({ status: 'ABORTED', parked });
    expect([next, counts]).toEqual([{ kind: 'park', parked }, {}]);
  });

  it('keeps what was acknowledged or cannot be read, and tells of all else that it was asked as ignored', () => {
    const kept = [signal('event'), signal('outcome'), signal('unreadable', { sealed: 's1.k.x' })];
    const asked = [signal('cancel'), signal('skip', { step: 'payment' })];
    const write = writeOf({ signals: [asked[0], ...kept, asked[1]] });
    expect([write.signalsLeft, write.signalsSeen]).toEqual([kept, 5]);
    const ignored = {
      ...nothing,
      at: '1970-01-01T00:00:01.000Z',
      from: state,
      to: state,
      outcome: 'ignored',
    };
    expect(write.earlier).toEqual([
      { ...ignored, event: 'cancel', error: null, by: 'ada', reason: 'why cancel' },
      { ...ignored, event: 'skip', step: 'payment', error: null, by: 'ada', reason: 'why skip' },
    ]);
    const where = { state, status: 'STARTED' };
    expect(write.acts).toEqual(
      asked.map((one) => ({
        ...{ signal: one, machine: stored.machine, isIgnored: true, before: where, after: where },
      })),
    );
  });
});

it('keeps the event on which the definition has failed, and says what is held', async () => {
  const { world, id, record } = await parked();
  expect(record.signals).toMatchObject([{ kind: 'event', name: 'arrival' }]);
  expect(record.parked?.held).toMatchObject([{ step: 'one' }]);
  expect((await world.store.log(id)).filter(({ outcome }) => outcome === 'ignored')).toEqual([]);
  await world.clock.pass(DAY_MS);
  expect((await world.record(id)).seq).toBe(record.seq);
});

it('is carried on by a retry as soon as a release is there that has mended it, and by no retry before', async () => {
  const { world, engine, id, crash } = await parked();
  expect((await engine.operate(id, RETRY)).kind).toBe('accepted');
  await world.clock.pass(10);
  expect((await world.record(id)).signals).toMatchObject([{ kind: 'event' }]);
  expect((await world.store.log(id)).filter(({ outcome }) => outcome === 'ignored')).toMatchObject([
    { event: 'retry', by: 'ada' },
  ]);
  crash();
  const registry = new Registry();
  registry.register(definition(true));
  const b = await world.coordinator('b', RARELY, undefined, registry);
  b.engine.open();
  expect((await b.engine.operate(id, RETRY)).kind).toBe('accepted');
  await world.clock.pass(10);
  expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', signals: [] });
});

it('waits on under the same time where it expects something when it is retried', async () => {
  const world = new World({ saga: () => definition(true) });
  world.participants = () => done({});
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await world.start(a);
  const { fence, snapshot, summary, dueAtMs } = await world.record(id);
  const next = { kind: 'park', parked: { reason: 'definition-error', held: [] } } as const;
  const entry = {
    at: new Date(0).toISOString(),
    event: 'definitionError',
    from: '',
    to: summary.state,
  } as const;
  const none = { step: null, kind: null, attempt: null, outcome: null, duration_ms: null, error: null };
  const owner = { name: 'a', boot: 1 };
  const write = { writeId: 'w', owner, snapshot, summary, entry: { ...entry, ...none }, counts: {}, next };
  await world.store.commit(id, fence, write);
  expect((await a.engine.operate(id, RETRY)).kind).toBe('accepted');
  await world.clock.pass(10);
  expect(await world.record(id)).toMatchObject({ status: 'STARTED', dueAtMs, summary });
  expect(await a.engine.send(id, { id: 'e-1', name: 'arrival', data: {} })).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  expect((await world.record(id)).status).toBe('COMPLETED');
});

it('can be ended by hand, whatever lies before that in its mailbox', async () => {
  const { world, engine, id } = await parked();
  const resolve = { ...RETRY, kind: 'resolve', as: 'FAILED' } as const;
  expect((await engine.operate(id, resolve)).kind).toBe('accepted');
  await world.clock.pass(10);
  expect((await world.record(id)).status).toBe('FAILED');
});

it('hears beside a long call of what was sent to another coordinator', async () => {
  const both = defineSaga({ id: 'both', version: '1', input: z.looseObject({}) }).parallel('both', {
    slow: (b) => b.step('slow', step('one')),
    told: (b) =>
      b
        .waitFor('word', { within: '1 day', data: z.looseObject({}), late: 'undo' })
        .step('after', step('two')),
  });
  const world = new World({ saga: () => definitionOf(both, everywhere({ timeoutMs: 60_000 })) });
  world.participants = () => done({});
  world.reply('slow', 'action', hanging);
  const a = await world.coordinator('a', RARELY);
  const b = await world.coordinator('b', RARELY);
  a.engine.open();
  b.engine.open();
  const id = await world.start(a);
  expect(await b.engine.send(id, { id: 'e-1', name: 'word', data: {} })).toEqual({ kind: 'accepted' });
  await world.clock.pass(600);
  expect(world.calls.map(({ by, call }) => [by, call.step])).toEqual([
    ['a', 'slow'],
    ['a', 'after'],
  ]);
});
