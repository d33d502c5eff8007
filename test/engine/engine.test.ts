/** A saga from its start to its end, where everything goes well. */
import { describe, expect, it } from 'vitest';
import { sagaContext } from '../../machines/saga.ts';
import { answers, at, placed } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { newSaga } from '../stores/sagas.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import { done, FORWARD, hanging, LEASE_MS, World } from './world.ts';

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
