/** A saga from its start to its end, where everything goes well. */
import { describe, expect, it } from 'vitest';
import { Registry } from '../../machines/index.ts';
import { sagaContext } from '../../machines/saga.ts';
import { answers, at, everywhere, placed } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { newSaga } from '../stores/sagas.ts';
import { Gate } from './gate.ts';
import { RARELY } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import {
  done,
  FORWARD,
  hanging,
  LEASE_MS,
  notApplied,
  notSent,
  refused,
  retryable,
  SETTINGS,
  World,
} from './world.ts';

describe('a start', () => {
  it('is stored with its context prepared, and its first call is made', async () => {
    const world = new World();
    const a = await world.coordinator('a');
    world.reply('order', 'action', hanging);
    const id = await world.start(a);

    const record = await world.record(id);
    expect(record).toMatchObject({
      machine: { id: 'order', version: '1', structure: world.machine.structure },
      status: 'STARTED',
      owner: { name: 'a', boot: 1 },
      dueAtMs: at + LEASE_MS,
      seq: 1,
    });
    const { context } = JSON.parse(record.snapshot);
    // All that was ordered, and what it costs.
    expect(sagaContext.parse(context).data).toEqual({ ...placed, amount: 7499 });
    expect(world.called()).toEqual(['order action']);
    expect(a.engine.inHand).toBe(1);
  });

  it('gives each saga an id of its own', async () => {
    const world = new World();
    const a = await world.coordinator();
    const ids = [await world.start(a), await world.start(a), await world.start(a)];
    expect(new Set(ids).size).toBe(3);
  });
});

describe('an order that goes well', () => {
  it('calls each participant once, in the order of the steps', async () => {
    const world = new World();
    await world.start(await world.coordinator());
    expect(world.called()).toEqual(FORWARD);
    expect(world.calls.map(({ call }) => [call.participant, call.path, call.attempt])).toEqual([
      ['order', '/api/orders', 1],
      ['inventory', '/api/inventory/reserve', 1],
      ['payment', '/api/payments/process', 1],
      ['shipping', '/api/shipping/schedule', 1],
      ['notification', '/api/notifications/send', 1],
    ]);
  });

  it('hands each participant what it needs, and the ids gained on the way', async () => {
    const world = new World();
    await world.start(await world.coordinator());
    const { customer_id, items, currency, payment, shipping_address } = placed;
    const order_id = 'ord-1';
    expect(world.calls.map(({ call }) => call.body)).toEqual([
      { customer_id, items, currency, amount: 7499 },
      { order_id, items },
      { order_id, amount: 7499, currency, payment },
      { order_id, items, shipping_address },
      { order_id, customer_id, tracking_number: 'trk-1' },
    ]);
  });

  it('ends COMPLETED with all ids and answers in its context, and with a history without a gap', async () => {
    const world = new World();
    const a = await world.coordinator();
    const id = await world.start(a);
    const history = await a.engine.get(id);
    expect(history?.saga).toMatchObject({
      status: 'COMPLETED',
      parked: null,
      summary: {
        state: 'completed',
        label: 'ord-1',
        steps_completed: 5,
        total_steps: 5,
        failed_step: null,
      },
      steps: ['order', 'inventory', 'payment', 'shipping', 'notification'],
    });
    expect(history?.saga.context.answers).toEqual(answers);
    expect(history?.saga.context.data).toMatchObject({
      order_id: 'ord-1',
      inventory_reservations: [{ reservation_id: 'res-1' }, { reservation_id: 'res-2' }],
      payment_id: 'pay-1',
      tracking_number: 'trk-1',
      notification_id: 'ntf-1',
    });
    expect(history?.log.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await world.history(id)).toEqual([
      'started  -> creatingOrder.calling',
      'done creatingOrder.calling -> reservingInventory.calling',
      'done reservingInventory.calling -> processingPayment.calling',
      'done processingPayment.calling -> schedulingShipping.calling',
      'done schedulingShipping.calling -> sendingNotification.calling',
      'done sendingNotification.calling -> completed',
    ]);
  });

  it('leaves nothing behind: nothing in hand, no timer, nothing due', async () => {
    const world = new World();
    const a = await world.coordinator();
    const id = await world.start(a);
    expect(a.engine.inHand).toBe(0);
    expect((await world.record(id)).dueAtMs).toBeNull();
    await world.clock.pass(LEASE_MS);
    expect(world.clock.pending).toBe(0);
    expect(await world.store.due(world.registry.all(), 10)).toEqual([]);
  });

  it('is counted exactly', async () => {
    const world = new World();
    const a = await world.coordinator();
    await world.start(a);
    await world.start(a);
    expect(await world.counters()).toEqual({
      started: 2,
      'total_steps.held': 10,
      'completed_steps.held': 10,
      'settled.COMPLETED': 2,
      'duration.1': 2,
    });
  });

  it('keeps many sagas apart', async () => {
    const world = new World();
    const a = await world.coordinator();
    const results = await Promise.all(Array.from({ length: 20 }, () => a.engine.start(world.request())));
    await quiet();
    for (const result of results) {
      if (result.kind !== 'started') throw new Error(result.kind);
      expect(world.called(result.id)).toEqual(FORWARD);
      expect((await world.record(result.id)).status).toBe('COMPLETED');
    }
  });
});

describe('a saga of a single step', () => {
  const saga = () => smallSaga(['a']);

  it('ends after its only action', async () => {
    const world = new World({ saga });
    const id = await world.start(await world.coordinator());
    expect(world.called()).toEqual(['a action']);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('is undone by its only compensation', async () => {
    const world = new World({ saga });
    world.reply('a', 'action', { outcome: 'refused', error: 'no' });
    const id = await world.start(await world.coordinator());
    expect(world.called()).toEqual(['a action', 'a compensation']);
    expect((await world.record(id)).status).toBe('FAILED');
  });
});

describe('the trace', () => {
  it('is one for all calls of a saga, whoever makes them, with a span for each, in the W3C form', async () => {
    const world = new World();
    let drawn = 0;
    world.random = () => {
      drawn += 1;
      return drawn / 1000;
    };
    const a = await world.coordinator();
    world.reply('payment', 'action', { outcome: 'refused', error: 'no' });
    const first = await world.start(a);
    const second = await world.start(a);
    const parts = (id: string) =>
      world.calls.filter((made) => made.sagaId === id).map(({ traceparent }) => traceparent.split('-'));
    for (const id of [first, second]) {
      for (const [version, trace, span, flags, ...more] of parts(id)) {
        expect([version, flags, more]).toEqual(['00', '01', []]);
        expect(trace).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
        expect(span).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
      }
      expect(new Set(parts(id).map(([, trace]) => trace)).size).toBe(1);
    }
    const all = [...parts(first), ...parts(second)];
    expect(new Set(all.map(([, trace]) => trace)).size).toBe(2);
    expect(new Set(all.map(([, , span]) => span)).size).toBe(all.length);
  });
});

describe('views', () => {
  it('show no secret, wherever one might stand', async () => {
    const world = new World();
    const a = await world.coordinator();
    const waiting = a.engine.start(world.request()).then(async (started) => {
      if (started.kind !== 'started') throw new Error(started.kind);
      return a.engine.settled(started.id, 1_000);
    });
    await quiet();
    const settled = await waiting;
    const found = await a.engine.get(settled?.saga.id ?? '');
    const page = await a.engine.list({}, null, 10);
    expect(found?.saga.context.data.payment).toEqual({ method: 'card', token: '[redacted]' });
    expect(page.sagas).toHaveLength(1);
    for (const shown of [found, settled?.saga.context, page]) {
      expect(JSON.stringify(shown)).not.toContain('tok_visa');
    }
  });

  it('of a saga whose machine is not known here show none of its facts: which are secret is not known either', async () => {
    const world = new World();
    const a = await world.coordinator();
    const id = world.store.newId(null);
    const context = { data: { pin: 'pin-1' }, answers: { a: { pin: 'pin-1' } }, failure: null };
    await world.store.create({
      ...newSaga(world.store),
      id,
      machine: { id: 'order', version: '99', structure: 'x' },
      snapshot: JSON.stringify({ context }),
    });
    const found = await a.engine.get(id);
    expect(found?.saga).toMatchObject({ id, steps: [], context: { data: {}, answers: {} } });
    expect(JSON.stringify(found)).not.toContain('pin-1');
  });

  it('of a saga in hand need no store, and stay as they were when it goes on', async () => {
    const world = new World();
    const gate = new Gate();
    world.reply('payment', 'action', async () => {
      await gate.pass();
      return done(answers.payment);
    });
    const a = await world.coordinator();
    const id = await world.start(a);
    world.journal.length = 0;
    const history = await a.engine.current(id);
    expect(world.journal).toEqual([]);
    expect(history?.saga).toMatchObject({ id, status: 'STARTED', seq: 3 });
    expect(history?.saga.context.data.payment).toEqual({ method: 'card', token: '[redacted]' });
    expect(history?.saga.owner).toEqual((await world.store.get(id))?.owner);
    expect(history?.saga.owner).toMatchObject({ name: 'a' });
    expect(history?.log).toEqual(await world.store.log(id));
    gate.open();
    await quiet();
    expect(history?.log).toHaveLength(3);
    // It has left: now the store is asked.
    expect((await a.engine.current(id))?.saga.status).toBe('COMPLETED');
  });

  it('of an unknown saga are null', async () => {
    const world = new World();
    const a = await world.coordinator();
    expect(await a.engine.get(world.store.newId(null))).toBeNull();
    expect(await a.engine.current(world.store.newId(null))).toBeNull();
  });

  it('page through the sagas, newest first, and answer for the store', async () => {
    const world = new World();
    const a = await world.coordinator();
    const ids = [await world.start(a), await world.start(a), await world.start(a)];
    const first = await a.engine.list({ status: 'COMPLETED' }, null, 2);
    const second = await a.engine.list({ status: 'COMPLETED' }, first.cursor, 2);
    expect([...first.sagas, ...second.sagas].map(({ id }) => id)).toEqual(ids.reverse());
    expect(second.cursor).toBeNull();
    expect((await a.engine.statistics()).statuses.COMPLETED).toBe(3);
    expect(a.engine.store.kind).toBe('memory');
    await expect(a.engine.ping()).resolves.toBeUndefined();
  });

  it('where the saga settled here are those that the store gives', async () => {
    const world = new World();
    world.reply('payment', 'action', { outcome: 'refused', error: 'no' });
    world.reply('inventory', 'compensation', { outcome: 'refused', error: 'never' });
    const a = await world.coordinator();
    const started = await a.engine.start(world.request());
    if (started.kind !== 'started') throw new Error(started.kind);
    const here = await a.engine.settled(started.id, 1_000);
    const stored = await a.engine.get(started.id);
    const { machine, ...rest } = here?.saga ?? { machine: null };
    expect(stored?.saga).toMatchObject(rest);
    expect(stored?.saga.machine).toMatchObject({ id: machine?.id, version: machine?.version });
    expect(here?.log).toEqual(stored?.log);
  });
});

const bug = () => Promise.reject(new TypeError('a bug'));
const faults = ({ events }: Awaited<ReturnType<World['coordinator']>>) =>
  events.flatMap((event) => (event.type === 'store-fault' ? [event.doing] : []));

describe('beginning', () => {
  it('keeps places for each of its machines, which the others cannot fill', async () => {
    const world = new World();
    const small = world.registry.register(smallSaga(['b'], { policies: everywhere() }));
    world.participants = hanging;
    const a = await world.coordinator('a', { inHandMax: 10, inHandKeptPercent: 50 });
    const begun = async (machine: typeof small) => {
      let count = 0;
      while ((await a.engine.start(world.request(null, machine))).kind === 'started') count += 1;
      return count;
    };
    // Two are kept for the other, and a tenth for what is due.
    expect(await begun(world.machine)).toBe(7);
    expect(await begun(small)).toBe(2);
  });

  it('is tried four times, ever more slowly, and the store is told of by the saga', async () => {
    const world = new World();
    const sentAt: number[] = [];
    world.fate(
      'create',
      ...Array(9).fill((perform: () => Promise<unknown>, args: unknown[]) => {
        sentAt.push(world.clock.monotonic());
        return notApplied(perform, args);
      }),
    );
    const a = await world.coordinator();
    const starting = a.engine.start(world.request());
    await world.clock.pass(10_000);
    const result = await starting;
    if (result.kind !== 'unknown') throw new Error(result.kind);
    expect(sentAt).toEqual([0, 100, 300, 700]);
    expect(faults(a)).toEqual(Array(4).fill(`create of saga ${result.id}`));
    // Nothing was sent at all: whether to try again the client knows best.
    world.fates.clear();
    world.fate('create', notSent);
    expect(await a.engine.start(world.request())).toEqual({ kind: 'refused', why: 'store-unavailable' });
    world.fate('create', async () => ({ kind: 'full' }));
    expect(await a.engine.start(world.request())).toEqual({ kind: 'refused', why: 'store-full' });
    // What was sent before and lost may still arrive, when there is room again.
    world.fate('create', notApplied, async () => ({ kind: 'full' }));
    const perhaps = a.engine.start(world.request());
    await world.clock.pass(1_000);
    expect(await perhaps).toMatchObject({ kind: 'unknown' });
  });

  it('is kept with its key and its trace as long as it is in hand, should the store forget it', async () => {
    const world = new World();
    world.fate('commit', async () => ({ kind: 'missing' }));
    const stored: unknown[] = [];
    world.fate('create', async (perform, [saga]) => {
      stored.push(saga);
      return perform();
    });
    world.fate('create', async (_, [saga]) => {
      stored.push(saga);
      return { kind: 'exists', id: (saga as { id: string }).id };
    });
    const a = await world.coordinator();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const idempotency = { key: 'k', digest: 'd' };
    await a.engine.start({ ...world.request(idempotency), trace: { traceparent } });
    await quiet();
    expect(stored).toMatchObject([
      { trace: traceparent, idempotency },
      { trace: traceparent, idempotency },
    ]);
  });

  it('by hand is told to the audit with who did it and why, and no other beginning is', async () => {
    const world = new World();
    const a = await world.coordinator();
    await world.start(a);
    const act = { by: 'ada', actor: 'user:ada', reason: 'by phone' };
    const started = await a.engine.start({ ...world.request(), act });
    if (started.kind !== 'started') throw new Error(started.kind);
    const { entries } = await a.engine.audit.list({}, null, 10);
    expect(entries).toMatchObject([
      { action: 'start', saga_id: started.id, machine: 'order@1', by: 'ada', reason: 'by phone' },
    ]);
  });

  it('under a key that is known is found, whatever has been begun with it', async () => {
    const world = new World();
    const a = await world.coordinator();
    const key = { key: 'k', digest: 'd' };
    expect(await a.engine.known(key, 1_000)).toBeNull();
    const started = await a.engine.start(world.request(key));
    const id = 'id' in started ? started.id : '';
    expect(await a.engine.known(key, 1_000)).toEqual({ kind: 'joined', id });
    expect(await a.engine.known({ ...key, digest: 'other' }, 1_000)).toEqual({ kind: 'key-reused', id });
    world.fate('known', hanging);
    const late = a.engine.known(key, 1_000);
    await world.clock.pass(1_000);
    expect(await late).toBeNull();
  });

  it('where a bug is met, ends with that and is no fault of the store', async () => {
    const world = new World();
    world.reply('order', 'action', hanging);
    const a = await world.coordinator('a', { inHandMax: 1 });
    const id = await world.start(a);
    const b = await world.coordinator('b');
    world.fate('create', bug);
    await expect(b.engine.start(world.request())).rejects.toThrow('a bug');
    world.fate('known', bug);
    await expect(a.engine.start(world.request({ key: 'k', digest: 'd' }))).rejects.toThrow('a bug');
    world.fate('statuses', bug);
    await expect(b.engine.settled(id, 1_000)).rejects.toThrow('a bug');
    world.fate('release', bug);
    const drained = a.engine.drain(0).catch((error: unknown) => error);
    await world.clock.pass(1);
    expect(await drained).toMatchObject({ message: 'a bug' });
    expect(faults(a)).toEqual([]);
  });
});

describe('whoever waits', () => {
  it('is told by what is at hand, and by the store where the whole history is there alone', async () => {
    const world = new World();
    const gate = new Gate<ReturnType<typeof done>>();
    world.reply('notification', 'action', hanging, gate.pass);
    const a = await world.coordinator('a');
    const id = await world.start(a);
    a.crash();
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
    const elsewhere = b.engine.settled(id, 1_000);
    await quiet();
    gate.open(done({ notification_id: 'n' }));
    await quiet();
    expect((await elsewhere)?.log.map(({ event }) => event)).toContain('takenOver');
    world.reply('order', 'action', async () => {
      await quiet();
      return refused();
    });
    const started = await b.engine.start(world.request());
    world.journal.length = 0;
    const here = await b.engine.settled('id' in started ? started.id : '', 1_000);
    expect(here?.saga.status).toBe('FAILED');
    expect(world.journal).not.toContain('get');
  });

  it('is sent away by a drain, and let in by none', async () => {
    const world = new World();
    world.reply('order', 'action', hanging);
    const a = await world.coordinator();
    const id = await world.start(a);
    const waiting = a.engine.settled(id, 60_000);
    await quiet();
    const drained = a.engine.drain(100);
    expect(await waiting).toBeNull();
    expect(await a.engine.settled(id, 60_000)).toBeNull();
    expect([a.engine.draining, await a.engine.start(world.request())]).toEqual([
      true,
      { kind: 'refused', why: 'draining' },
    ]);
    world.fate('release', notSent);
    await world.clock.pass(100);
    await drained;
    expect(faults(a)).toEqual(['release']);
  });
});

describe('a drain', () => {
  it('is over as soon as nothing is in hand, nor on its way there', async () => {
    const world = new World();
    const [call, create] = [new Gate<ReturnType<typeof done>>(), new Gate()];
    world.reply('order', 'action', call.pass);
    const a = await world.coordinator();
    await world.start(a);
    world.fate('create', async (perform) => {
      await create.pass();
      return perform();
    });
    const starting = a.engine.start(world.request());
    let isOver = false;
    const drained = a.engine.drain(60_000).then(() => {
      isOver = true;
    });
    await quiet();
    call.open(done(answers.order));
    await quiet();
    expect([isOver, a.engine.inHand]).toEqual([false, 0]);
    create.open();
    expect((await starting).kind).toBe('started');
    await drained;
    expect(world.clock.monotonic()).toBe(0);
  });
});

describe('a store that fails in what a saga needs', () => {
  it('is told to be back by the next round that reaches it, and by none where it has not failed', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    await world.start(a);
    await world.clock.pass(3 * SETTINGS.pollMs);
    const backs = () => a.events.filter(({ type }) => type === 'store-back').length;
    expect([backs(), world.journal.includes('tryWrite')]).toEqual([0, false]);
    world.fate('commit', notSent);
    await world.start(a);
    await world.clock.pass(SETTINGS.pollMs);
    expect(backs()).toBe(1);
  });
});

it('the store is not asked about a saga in hand because somebody waits for that', async () => {
  const world = new World();
  world.reply('order', 'action', hanging);
  const a = await world.coordinator('a', { pollMs: 100 });
  a.engine.open();
  const id = await world.start(a);
  void a.engine.settled(id, 1_000);
  await world.clock.pass(1_000);
  expect(world.journal).not.toContain('statuses');
});

describe('what is asked of a saga that somebody has in hand', () => {
  it('is left to that, whether it is possible or not', async () => {
    const world = new World();
    world.reply('order', 'action', hanging);
    const [a, b] = [await world.coordinator('a'), await world.coordinator('b', RARELY)];
    const id = await world.start(a);
    b.engine.open();
    await quiet();
    world.journal.length = 0;
    const asked = { by: 'ada', reason: 'rain', ifSeq: null } as const;
    expect(await b.engine.operate(id, { ...asked, kind: 'retry' })).toMatchObject({ kind: 'impossible' });
    expect(await b.engine.operate(id, { ...asked, kind: 'cancel' })).toEqual({
      kind: 'accepted',
      isFree: false,
    });
    await world.clock.pass(10);
    expect(world.journal).not.toContain('claim');
  });
});

describe('what is asked of a saga that nobody owns', () => {
  it('takes effect at once, and not with the next round', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    world.reply('order', 'action', retryable(60_000));
    const a = await world.coordinator('a', RARELY);
    a.engine.open();
    const id = await world.start(a);
    const asked = { kind: 'cancel', by: 'ada', reason: 'rain', ifSeq: null } as const;
    expect(await a.engine.operate(id, asked)).toEqual({ kind: 'accepted', isFree: true });
    await world.clock.pass(2);
    expect((await world.record(id)).status).toBe('FAILED');
  });
});

describe('of many sagas', () => {
  it('those are found that a retry would set going, on the pages on which they stand', async () => {
    const world = new World();
    world.reply('order', 'action', refused(), refused());
    world.reply('order', 'compensation', refused(), refused());
    const a = await world.coordinator();
    const [first, second] = [await world.start(a), await world.start(a)];
    const ended = await world.start(a);
    const all = await a.engine.retryable({}, null, 10);
    expect(all.sagas.map(({ id }) => id)).toEqual([second, first]);
    const page = await a.engine.retryable({}, null, 1);
    expect(page.sagas).toEqual([]);
    expect(page.cursor).toBe((await a.engine.list({}, null, 1)).cursor);
    // One goes while they are looked at.
    world.fate('get', async () => null);
    expect((await a.engine.retryable({ status: 'ABORTED' }, null, 10)).sagas.map(({ id }) => id)).toEqual([
      first,
    ]);
    const seen = await a.engine.glance([ended, 'nobody']);
    expect(seen).toMatchObject([{ id: ended, status: 'COMPLETED' }, null]);
    expect(seen[0]).not.toHaveProperty('snapshot');
    expect([await a.engine.seqOf(ended), await a.engine.seqOf('nobody')]).toEqual([6, null]);
  });

  it('one that cannot be read here shows nothing but its log', async () => {
    const world = new World();
    const a = await world.coordinator();
    const id = await world.start(a);
    const record = await world.record(id);
    world.fate('get', async () => ({ ...record, snapshot: 'x' }));
    const found = await a.engine.get(id);
    expect(found?.saga.context).toEqual({
      ...{ data: {}, answers: {}, attempt: 1, retryAt: null, failure: null, held: [], undone: [] },
    });
    expect(found?.saga.steps).toHaveLength(5);
    expect(found?.log).toHaveLength(6);
  });

  it('one of an older version is shown as it would be carried on', async () => {
    const world = new World({ saga: () => smallSaga(['a', 'b']) });
    world.reply('a', 'action', hanging);
    const id = await world.start(await world.coordinator('old'));
    const registry = new Registry();
    const withFact = (snapshot: unknown) => {
      const { context, ...rest } = snapshot as { context: { data: object } };
      return { ...rest, context: { ...context, data: { ...context.data, isMoved: true } } };
    };
    const migrations = [{ from: '1', migrate: withFact }];
    registry.register({ ...smallSaga(['a', 'b', 'c']), version: '2', migrations });
    const b = await world.coordinator('b', {}, undefined, registry);
    expect((await b.engine.get(id))?.saga).toMatchObject({
      ...{ machine: { version: '1' }, steps: ['a', 'b', 'c'], context: { data: { isMoved: true } } },
    });
  });
});

it('it answers for what it is made of', async () => {
  const world = new World();
  world.reply('order', 'action', hanging);
  const states = { order: { breaker: 'closed', inFlight: 0, queued: 0 } };
  const real = { states, call: hanging, abortAll: () => {} };
  const a = await world.coordinator('a', {}, real as never);
  await a.engine.declare();
  await world.start(a);
  const { engine } = a;
  expect(engine.machines).toEqual([world.machine]);
  expect(engine.participants).toBe(states);
  expect([engine.inHand, engine.uncounted, engine.draining, engine.writesRefused]).toEqual([
    1,
    0,
    false,
    null,
  ]);
  expect(engine.history).toBe(world.store.history);
  expect(await engine.coordinators()).toMatchObject([{ owner: { name: 'a' }, heardAtMs: at }]);
  expect(await engine.tally()).toEqual(await world.store.tally());
  expect(await engine.backlog()).toEqual(await world.store.backlog(world.registry.takes()));
  expect(await engine.headroom()).toMatchObject(await world.store.memory());
  expect(await engine.position()).toBe((await world.store.changes(null, null, 1)).position);
});
