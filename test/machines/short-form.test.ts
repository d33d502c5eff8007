/** The short form: the machine that is made of a chain of parts, and how its sagas go. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compile } from '../../machines/compile.ts';
import { defineSaga } from '../../machines/define.ts';
import type { SagaEvent } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { structureOf } from '../../machines/structure.ts';
import { trip } from '../../machines/trip.ts';
import { Driven, registered } from './driven.ts';
import { everywhere } from './placed-order.ts';

const at = 1000;

const wanted = {
  trip: 't-1',
  traveller: { name: 'Ada', passport: 'P-123456' },
  from: 'LON',
  to: 'PAR',
  visa: true,
  insured: [{ name: 'Ada' }, { name: 'Bob B' }],
  card: 'card-123',
};
const flight = { booking: 'f-1', price: 100 };
// Made anew each time: so a fault in what it is made of has a test that comes by it.
const begun = (over: object = {}) => new Driven(registered(trip), { ...wanted, ...over });
const booked = (over: object = {}) =>
  begun(over).done('action flight', flight).done('action hotel', { room: 'r-1' });
const insured = (over: object = {}) =>
  booked(over)
    .done('action insurance/Bob%20B', { policy: 'p-2' })
    .done('action insurance/Ada', { policy: 'p-1' });
const approvable = (over: object = {}) => insured(over).done('action visa', { visa_no: 'v-1' });
const approved = (over: object = {}) => approvable(over).comes('approval', { by: 'eve', approved: true });

it('gives the order saga the very structure that it has when written by its states', () => {
  const id = z.string();
  const call = (path: string, state: string) => ({
    path,
    state,
    request: () => ({}),
    answer: z.looseObject({}),
  });
  const short = defineSaga({ id: 'order', version: '1', input: z.looseObject({ customer_id: id }) })
    .step('order', {
      at: 'order',
      action: call('/api/orders', 'creatingOrder'),
      undo: { path: '/api/orders/cancel', state: 'cancellingOrder' },
    })
    .step('inventory', {
      at: 'inventory',
      action: call('/api/inventory/reserve', 'reservingInventory'),
      undo: { path: '/api/inventory/release', state: 'releasingInventory' },
    })
    .step('payment', {
      at: 'payment',
      action: call('/api/payments/process', 'processingPayment'),
      undo: { path: '/api/payments/refund', state: 'refundingPayment' },
    })
    .step('shipping', {
      at: 'shipping',
      action: call('/api/shipping/schedule', 'schedulingShipping'),
      undo: { path: '/api/shipping/cancel', state: 'cancellingShipping' },
    })
    .step('notification', {
      at: 'notification',
      action: call('/api/notifications/send', 'sendingNotification'),
      undo: { path: '/api/notifications/cancel', state: 'cancellingNotification' },
    });
  const policies = everywhere();
  expect(structureOf(compile('order', short.parts, policies).machine)).toBe(
    structureOf(orderSaga(policies).machine),
  );
});

describe('a trip', () => {
  it('books side by side, insures each traveller, waits for approval, pays, and is completed', () => {
    const saga = begun();
    expect(saga.asked).toEqual(['action flight', 'action hotel']);
    saga.done('action hotel', { room: 'r-1' });
    expect(saga.asked).toEqual(['action flight']);
    saga.done('action flight', flight);
    expect(saga.asked).toEqual(['action insurance/Ada', 'action insurance/Bob%20B']);
    saga.done('action insurance/Bob%20B', { policy: 'p-2' }).done('action insurance/Ada', { policy: 'p-1' });
    // In the order of the list, whichever answered first.
    expect(saga.snapshot.context.data.policies).toEqual(['p-1', 'p-2']);
    saga.done('action visa', { visa_no: 'v-1' });
    expect(saga.asked).toEqual(['event approval']);
    expect(saga.find('event approval')).toMatchObject({ event: 'approval', until: at + 3 * 86_400_000 });
    saga.comes('approval', { by: 'eve', approved: true });
    expect(saga.find('action payment')).toMatchObject({ call: { body: { amount: 1100, card: 'card-123' } } });
    saga.done('action payment', { charge: 'c-1' }).done('action tickets', { tickets: ['k-1'] });
    expect(saga.state).toBe('completed');
    expect(saga.machine.stepsCompleted(saga.snapshot.context)).toBe(saga.machine.steps.length);
  });

  it('passes over what its choice leaves out, on the way there and back', () => {
    const saga = insured({ visa: false });
    expect(saga.asked).toEqual(['event approval']);
    saga.comes('approval', { by: 'eve', approved: false });
    expect(saga.snapshot.context.failure).toEqual({ step: null, reason: 'approval: refused by eve' });
    expect(saga.asked).toEqual(['compensation insurance/Ada', 'compensation insurance/Bob%20B']);
    saga.done('compensation insurance/Ada').done('compensation insurance/Bob%20B');
    saga.done('compensation flight').done('compensation hotel');
    expect(saga.state).toBe('failed');
  });

  it('lets a call beside a failed one settle, announces nothing more, and undoes both', () => {
    const saga = begun().refused('action flight');
    expect(saga.asked).toEqual(['action hotel']);
    saga.done('action hotel', { room: 'r-1' });
    expect(saga.asked).toEqual(['compensation flight', 'compensation hotel']);
    expect(saga.find('compensation hotel')).toMatchObject({
      call: { body: { city: 'PAR', name: 'Ada', original_response: { room: 'r-1' } } },
    });
    saga.done('compensation hotel').done('compensation flight');
    expect(saga.state).toBe('failed');
  });

  it('ends a wait at once where a branch beside it fails', () => {
    const saga = begun().fails('action hotel', 'unknown').refused('action flight');
    expect(saga.asked).toEqual(['compensation flight', 'compensation hotel']);
  });

  it('stops at an item that is refused: only what was called is undone', () => {
    const saga = booked().refused('action insurance/Ada');
    expect(saga.asked).toEqual(['action insurance/Bob%20B']);
    saga.done('action insurance/Bob%20B', { policy: 'p-2' });
    expect(saga.asked).toEqual(['compensation insurance/Ada', 'compensation insurance/Bob%20B']);
    saga.refused('compensation insurance/Bob%20B').done('compensation insurance/Ada');
    saga.done('compensation flight').done('compensation hotel');
    expect([saga.state, saga.held]).toEqual(['parked', ['insurance/Bob%20B']]);
    // A retry undoes what is held, and nothing that was undone.
    saga.on({ type: 'retry', at });
    expect(saga.asked).toEqual(['compensation insurance/Bob%20B']);
    expect(saga.done('compensation insurance/Bob%20B').state).toBe('failed');
  });

  it('says of what cannot be undone that it stands, undoes the rest, and parks', () => {
    const saga = approvable().comes('approval', { by: 'eve', approved: false });
    saga.done('compensation insurance/Ada').done('compensation insurance/Bob%20B');
    saga.done('compensation flight').done('compensation hotel');
    expect(saga.state).toBe('parked');
    expect(saga.snapshot.context.held).toEqual([
      { step: 'visa', reason: 'an embassy does not pay back its fee' },
    ]);
    expect(saga.machine.parked(saga.snapshot.context).held).toEqual([
      {
        step: 'visa',
        reason: 'an embassy does not pay back its fee',
        response: { visa_no: 'v-1' },
        says: 'visa v-1 is paid for',
      },
    ]);
    // Nothing can be tried again; a person settles it.
    expect(saga.machine.accepts(saga.snapshot, { type: 'retry', at })).toBe(false);
    expect(saga.on({ type: 'skip', at, step: 'visa' }).state).toBe('failed');
  });

  it('keeps an event that comes early, and knows a repeat', () => {
    const saga = booked().comes('approval', { by: 'eve', approved: true }, 'e-1');
    const again: SagaEvent = {
      type: 'event',
      at,
      id: 'e-1',
      name: 'approval',
      data: { by: 'x', approved: false },
    };
    expect(saga.machine.nextIfKnown(saga.snapshot, again)).toBeNull();
    saga.done('action insurance/Bob%20B', { policy: 'p-2' }).done('action insurance/Ada', { policy: 'p-1' });
    saga.done('action visa', { visa_no: 'v-1' });
    expect([saga.asked, saga.snapshot.context.data.approved_by]).toEqual([['action payment'], 'eve']);
  });

  it('is undone where nobody approves in time', () => {
    const saga = approvable().due('event approval');
    expect(saga.snapshot.context.failure?.reason).toBe('approval: it did not come in time');
    expect(saga.asked).toEqual(['compensation insurance/Ada', 'compensation insurance/Bob%20B']);
  });

  it('waits for the outcome of an accepted call, asks where it was told to, and takes what it hears', () => {
    const saga = insured().on({ type: 'accepted', at, location: '/api/visas/7', pollAfterMs: 500 });
    expect(saga.find('event visa')).toMatchObject({ event: null, step: 'visa', until: at + 500 });
    saga.due('event visa');
    expect(saga.find('action visa')).toMatchObject({ call: { isFetch: true, path: '/api/visas/7' } });
    saga.fails('action visa', 'unknown');
    expect(saga.asked).toEqual(['event visa']);
    expect(saga.done('event visa', { visa_no: 'v-9' }).snapshot.context.data.visa_no).toBe('v-9');
  });

  it('repeats the pivot while it may have happened, also when somebody cancels, until it knows', () => {
    const saga = approved().fails('action payment', 'unknown').on({ type: 'cancel', at, reason: 'late' });
    expect(saga.asked).toEqual(['wait payment']);
    for (let attempt = 2; attempt < 9; attempt += 1)
      saga.due('wait payment').fails('action payment', 'retryable');
    expect(saga.due('wait payment').done('action payment', { charge: 'c' }).asked).toEqual([
      'action tickets',
    ]);
  });

  it('undoes all before the pivot where that is refused, or was surely never made', () => {
    const undoing = ['compensation insurance/Ada', 'compensation insurance/Bob%20B'];
    expect(approved().refused('action payment').asked).toEqual(undoing);
    const unmade = approved().fails('action payment', 'retryable').due('wait payment');
    expect(unmade.fails('action payment', 'retryable').asked).toEqual(undoing);
  });

  it('undoes nothing behind the pivot: what fails is repeated, what is refused waits for a person', () => {
    const saga = approved().done('action payment', { charge: 'c' });
    expect(saga.machine.accepts(saga.snapshot, { type: 'cancel', at, reason: '' })).toBe(false);
    for (let attempt = 1; attempt < 9; attempt += 1)
      saga.fails('action tickets', 'unknown').due('wait tickets');
    saga.refused('action tickets');
    expect(saga.machine.asks(saga.snapshot)).toEqual({ kind: 'operator' });
    expect(saga.machine.parked(saga.snapshot.context)).toMatchObject({
      reason: 'step-refused',
      held: [{ step: 'tickets' }],
    });
    saga.on({ type: 'retry', at }).done('action tickets', { tickets: [] });
    expect(saga.state).toBe('completed');
  });
});

const plain = (name: string) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
});
const undone = (name: string) => ({ ...plain(name), undo: { path: `/${name}/undo` } });

it('undoes branches of several steps beside each other, whichever was further', () => {
  const saga = defineSaga({ id: 'wide', version: '1', input: z.looseObject({}) }).parallel('both', {
    long: (b) => b.step('a', undone('a')).step('b', undone('b')).step('c', undone('c')),
    short: (b) => b.step('d', undone('d')),
  });
  const driven = new Driven(registered(saga), {});
  driven.done('action d').done('action a').done('action b').refused('action c');
  expect(driven.asked).toEqual(['compensation c', 'compensation d']);
});

it('goes on past undoing in what a condition chose behind the pivot', () => {
  const saga = defineSaga({ id: 'later', version: '1', input: z.looseObject({ gift: z.boolean() }) })
    .step('goods', undone('goods'))
    .pivot('payment', plain('payment'))
    .when(
      'gift',
      ({ gift }) => gift,
      (b) => b.step('card', plain('card')),
    );
  const driven = new Driven(registered(saga), { gift: true });
  driven.done('action goods').done('action payment').refused('action card');
  expect(driven.machine.asks(driven.snapshot)).toEqual({ kind: 'operator' });
  expect(driven.held).toEqual([]);
});

it('refuses a step of many items whose outcomes come later, and says what to write instead', () => {
  const visas = defineSaga({
    id: 'visas',
    version: '1',
    input: z.looseObject({ names: z.array(z.string()) }),
  }).forEach('visa', ({ names }) => names, {
    at: 'embassy',
    key: (name) => name,
    action: { path: '/apply', request: ({ item }) => ({ item }), answer: z.looseObject({}) },
    undo: { unneeded: 'nobody minds' },
    // The types refuse it, and JavaScript has none.
    ...({ asynchronous: { within: '1 day' } } as object),
  });
  expect(() => registered(visas)).toThrow(
    /visa is asynchronous and has many items.*: let its participant answer each item at once/,
  );
});

it('names the part whose own function fails', () => {
  const saga = defineSaga({ id: 'own', version: '1', input: z.looseObject({}) }).step('a', {
    at: 'somebody',
    action: {
      path: '/a',
      request: () => ({}),
      answer: z.looseObject({}),
      gains: () => {
        throw new TypeError('no such field');
      },
    },
    undo: { unneeded: 'it only asks' },
  });
  const driven = new Driven(registered(saga), {});
  expect(() => driven.done('action a')).toThrow('gains of a: TypeError: no such field');
});
