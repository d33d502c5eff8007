/**
 * The sagas that are here, and shapes of others, as they are written: machines by their config, calls by what they send, gain and hold.
 * A change of any of it concerns sagas that are stored: with it goes a new version.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { orderSaga } from '../../machines/order.ts';
import type { EventPart, Step } from '../../machines/parts.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import { returns } from '../../machines/returns.ts';
import type { Policies } from '../../machines/saga.ts';
import { structureOf } from '../../machines/structure.ts';
import { trip } from '../../machines/trip.ts';
import { placed } from './placed-order.ts';

/** As the settings have them where nothing is set. */
const usualPolicies: Policies = (_, kind) => ({
  timeoutMs: 5_000,
  backoffMs: 200,
  ...{
    action: { attemptsMax: 5, backoffMaxMs: 10_000 },
    compensation: { attemptsMax: 10, backoffMaxMs: 30_000 },
  }[kind],
});
const LONGEST = 'x'.repeat(200);
const definitions = {
  order: () => orderSaga(usualPolicies),
  returns: () => definitionOf(returns, usualPolicies),
  trip: () => definitionOf(trip, usualPolicies),
};
const names = ['order', 'returns', 'trip'] as const;
const shown = (file: string) => readFileSync(new URL(`../../docs/machines/${file}`, import.meta.url), 'utf8');

it.each(names)('makes the machine of %s that is shown', (name) => {
  const { machine } = definitions[name]();
  expect(`${toConfig(machine)}\n`).toBe(shown(`${name}.json`));
  expect(shown(`${name}.md`)).toContain(`\n${toMermaid(machine)}\`\`\``);
  expect(shown(`${name}.md`)).toContain(structureOf(machine));
});

const call = (name: string, undo: object = { path: `/${name}/undo` }) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
  undo: undo as { unneeded: '' },
});
const each = () => ({ ...call('each'), key: (item: number) => String(item) });
const wait = { within: '1 h', data: z.looseObject({}), late: () => ({}) } as const;
const of = (id: string) => defineSaga({ id, version: '1', input: z.looseObject({}) });

it.each([
  [
    'everything in branches',
    '2bb2d20b22c13b39',
    () =>
      of('branches').parallel('all', {
        one: (b) =>
          b
            .step('a', call('a'))
            .step('b', { ...call('b', { none: 'it stays' }), asynchronous: { within: '1 min' } })
            .sleep('nap', '1 min')
            .waitFor('word', { ...wait, late: 'undo' }),
        other: (b) =>
          b
            .forEach('c', () => [1], each())
            .waitFor('news', wait)
            .when(
              'fork',
              () => true,
              (then) => then.step('d', call('d', { unneeded: 'it asks' })),
              (otherwise) => otherwise.forEach('e', () => [1], { ...each(), undo: { none: 'they stay' } }),
            ),
      }),
  ],
  [
    'everything behind a pivot',
    'd2fa45860c8daaaa',
    () =>
      of('behind')
        .step('a', { ...call('a'), asynchronous: { within: '1 min' } })
        .pivot('b', call('b'))
        .step('c', { ...call('c'), asynchronous: { within: '1 min' } })
        .sleep('nap', '1 min')
        .waitFor('word', wait)
        .when(
          'fork',
          () => true,
          (then) => then.step('e', call('e')),
        ),
  ],
  [
    'a row that waits first',
    'f23b03274bd32cbd',
    () =>
      of('waits')
        .sleep('nap', '1 min')
        .waitFor('word', { ...wait, late: 'undo' })
        .step('a', call('a', { unneeded: 'it asks' }))
        .step('b', call('b', { none: 'it stays' }))
        .step('c', call('c'))
        .parallel('all', { one: (b) => b.step('d', call('d')), other: (b) => b.step('e', call('e')) }),
  ],
])('makes a machine of %s under which sagas are stored', (_, structure, saga) => {
  expect(structureOf(definitionOf(saga(), usualPolicies).machine)).toBe(structure);
});

/** Facts of each, as they stand when all is done but this step. */
const facts = {
  order: {
    ...placed,
    amount: 7499,
    order_id: 'ord-1',
    tracking_number: 'trk-1',
  },
  returns: {
    order_id: 'ord-1',
    customer: 'cus-7',
    items: [{ product_id: 'sku-tea', quantity: 2 }],
    amount: 2500,
    card: 'card-1',
    return_id: 'ret-1',
    refund: 'ref-1',
  },
  trip: {
    trip: 't-1',
    traveller: { name: 'Ada', passport: 'P-1' },
    from: 'LON',
    to: 'PAR',
    card: 'card-1',
    fare: 100,
    policies: ['p-1', 'p-2'],
    flight: 'f-1',
    charge: 'c-1',
    item: { name: 'Bob' },
  },
};

/** What one answers who says all that any step asks for, and more. */
const said = {
  order_id: 'ord-2',
  reservations: [1],
  payment_id: 'pay-2',
  tracking_number: 'trk-2',
  notification_id: 'ntf-2',
  return_id: 'ret-2',
  parcel: 'par-2',
  refund: 'ref-2',
  receipt: 'rec-2',
  booking: 'f-2',
  price: 200,
  room: 'r-2',
  policy: 'p-3',
  visa_no: 'v-2',
  charge: 'c-2',
  tickets: ['k-2'],
  more: true,
};

/** What a step sends, what it gains, and what is said to stand of it. */
function told({ action, held, each, compensation }: Step, given: object) {
  const gains = each ? each.gains([said, said] as never) : action.gains(said as never);
  const none = 'none' in compensation ? { none: compensation.none } : {};
  return [action.request(given as never), gains, held?.(given as never, said as never) ?? null, none];
}

const { items, payment, shipping_address } = placed;
const LINES = { order_id: 'ord-1', items };

it.each([
  [
    'order',
    'order',
    { customer_id: 'cus-7', items, currency: 'EUR', amount: 7499 },
    { order_id: 'ord-2' },
    'The order ord-2 is open',
  ],
  [
    'order',
    'inventory',
    LINES,
    { inventory_reservations: [1] },
    { says: '2 × sku-tea, 1 × sku-pot are reserved in stock', kind: 'stock', amount: 3, unit: 'items' },
  ],
  [
    'order',
    'payment',
    { order_id: 'ord-1', amount: 7499, currency: 'EUR', payment },
    { payment_id: 'pay-2' },
    { says: 'EUR\u00a074.99 was taken from the customer', amount: 7499, currency: 'EUR' },
  ],
  [
    'order',
    'shipping',
    { ...LINES, shipping_address },
    { tracking_number: 'trk-2' },
    'A shipment is booked, tracking number trk-2',
  ],
  [
    'order',
    'notification',
    { order_id: 'ord-1', customer_id: 'cus-7', tracking_number: 'trk-1' },
    { notification_id: 'ntf-2' },
    'The customer was notified',
  ],
  [
    'returns',
    'return',
    { order_id: 'ord-1', items: facts.returns.items },
    { return_id: 'ret-2' },
    'return ret-2 is open',
  ],
  [
    'returns',
    'courier',
    { return_id: 'ret-1', customer: 'cus-7' },
    { parcel: 'par-2' },
    'the courier for parcel par-2 is paid',
    { none: 'a courier is paid also where nobody opens the door' },
  ],
  [
    'returns',
    'refund',
    { return_id: 'ret-1', amount: 2500, card: 'card-1' },
    { refund: 'ref-2' },
    '2500 was paid back as ref-2',
  ],
  ['returns', 'restock', { return_id: 'ret-1', items: facts.returns.items }, {}, null],
  ['returns', 'receipt', { refund: 'ref-1', customer: 'cus-7' }, { receipt: 'rec-2' }, null],
  [
    'trip',
    'flight',
    { from: 'LON', to: 'PAR', name: 'Ada' },
    { flight: 'f-2', fare: 200 },
    'flight f-2 is booked',
  ],
  ['trip', 'hotel', { city: 'PAR', name: 'Ada' }, { room: 'r-2' }, 'room r-2 is reserved'],
  ['trip', 'insurance', { name: 'Bob', trip: 't-1' }, { policies: ['p-3', 'p-3'] }, 'Bob is insured by p-3'],
  [
    'trip',
    'visa',
    { passport: 'P-1' },
    { visa_no: 'v-2' },
    'visa v-2 is paid for',
    { none: 'an embassy does not pay back its fee' },
  ],
  ['trip', 'payment', { amount: 1100, card: 'card-1' }, { charge: 'c-2' }, null],
  ['trip', 'tickets', { flight: 'f-1', charge: 'c-1', visa_no: null }, { tickets: ['k-2'] }, null],
] as const)('%s: %s sends, gains and holds this', (name, step, sent, gained, held, none: object = {}) => {
  const found = definitions[name]().steps.find((one) => one.name === step);
  expect(found && told(found, facts[name])).toEqual([sent, gained, held, none]);
  // It asks for all that it gains, and takes what is said beside it.
  const { answer } = (found as Step).action;
  expect(answer.safeParse(said).success).toBe(true);
  expect(answer.safeParse({}).success).toBe(Object.keys(gained).length === 0 && step !== 'insurance');
});

it.each([
  ['order', ['order', 'inventory', 'payment', 'shipping', 'notification']],
  ['returns', ['return']],
  ['trip', ['flight', 'hotel', 'insurance']],
] as const)('%s asks what stands of %j at one place, and of nothing else', (name, asked) => {
  const asks = definitions[name]().steps.flatMap(({ name, ask }) => (ask ? [[name, ask]] : []));
  expect(asks).toEqual(asked.map((step) => [step, { path: '/api/stands' }]));
});

it('asks for a visa that may take two weeks, and for policies of those who are insured', () => {
  const { steps } = definitions.trip();
  const waits = steps.flatMap(({ name, asynchronous }) =>
    asynchronous ? [[name, asynchronous.withinMs]] : [],
  );
  expect(waits).toEqual([['visa', 14 * 86_400_000]]);
  const insured = [{ name: 'Ada' }, { name: 'Bob' }];
  const each = steps.find(({ name }) => name === 'insurance')?.each;
  expect(each?.items({ insured } as never)).toBe(insured);
  expect([each?.key({ name: 'Ada' } as never), each?.itemsMax, each?.concurrency]).toEqual(['Ada', 100, 10]);
});

it.each([
  [
    'returns',
    'arrival',
    30,
    { parcel: 'p', intact: true },
    {},
    { parcel: 'p', intact: false },
    'the parcel is broken',
  ],
  [
    'trip',
    'approval',
    3,
    { by: 'eve', approved: true },
    { approved_by: 'eve' },
    { by: 'eve', approved: false },
    'refused by eve',
  ],
] as const)('%s waits for %s', (name, event, days, good, gained, bad, why) => {
  const found = definitions[name]().events?.get(event) as EventPart;
  expect([found.withinMs, found.late]).toEqual([days * 86_400_000, 'undo']);
  expect([found.refuses(good as never), found.gains(good as never)]).toEqual([null, gained]);
  expect(found.refuses(bad as never)).toBe(why);
  expect(found.data.safeParse({ ...good, more: 1 }).success).toBe(false);
  for (const key of Object.keys(good))
    expect(found.data.safeParse({ ...good, [key]: '' }).success).toBe(false);
});

/** The least and the most that clients may send. */
const inputs = {
  returns: [
    { order_id: 'o', customer: 'c', items: [{ product_id: 'p', quantity: 1 }], amount: 0, card: 'c' },
    {
      order_id: LONGEST,
      customer: LONGEST,
      items: Array(100).fill({ product_id: LONGEST, quantity: 1_000 }),
      amount: 1_000_000_000,
      card: LONGEST,
    },
  ],
  trip: [
    {
      trip: 't',
      traveller: { name: 'n', passport: 'p' },
      from: 'f',
      to: 't',
      visa: false,
      insured: [],
      card: 'c',
    },
    {
      trip: LONGEST,
      traveller: { name: LONGEST, passport: LONGEST },
      from: LONGEST,
      to: LONGEST,
      visa: true,
      insured: Array(20).fill({ name: LONGEST }),
      card: LONGEST,
    },
  ],
} as const;
const inputOf = (name: 'returns' | 'trip') => definitions[name]().input as z.ZodType;
const item = { product_id: 'p', quantity: 1 };
const traveller = { name: 'n', passport: 'p' };

it.each(['returns', 'trip'] as const)(
  '%s takes the least and the most, and nothing empty, too long or more',
  (name) => {
    const [least, most] = inputs[name];
    const input = inputOf(name);
    for (const sent of inputs[name]) expect(input.parse(sent)).toEqual(sent);
    for (const [key, value] of Object.entries(least)) {
      const wrong = typeof value === 'string' ? ['', `${LONGEST}x`] : [undefined, 'x'];
      for (const one of wrong)
        expect(input.safeParse({ ...least, [key]: one }).success, `${key} ${one}`).toBe(false);
    }
    expect(input.safeParse({ ...most, more: 1 }).success).toBe(false);
  },
);

it.each([
  ['returns', { items: [] }],
  ['returns', { items: Array(101).fill(item) }],
  ['returns', { items: [{ ...item, product_id: '' }] }],
  ['returns', { items: [{ ...item, quantity: 0 }] }],
  ['returns', { items: [{ ...item, quantity: 1_001 }] }],
  ['returns', { items: [{ ...item, quantity: 1.5 }] }],
  ['returns', { items: [{ ...item, more: 1 }] }],
  ['returns', { amount: -1 }],
  ['returns', { amount: 1_000_000_001 }],
  ['returns', { amount: 0.5 }],
  ['trip', { traveller: { ...traveller, name: '' } }],
  ['trip', { traveller: { ...traveller, passport: '' } }],
  ['trip', { traveller: { ...traveller, more: 1 } }],
  ['trip', { insured: Array(21).fill({ name: 'n' }) }],
  ['trip', { insured: [{ name: '' }] }],
  ['trip', { insured: [{ name: 'n', more: 1 }] }],
] as const)('%s does not take %j', (name, wrong) => {
  expect(inputOf(name).safeParse({ ...inputs[name][0], ...wrong }).success).toBe(false);
});

it.each([
  ['order', undefined, 'order_id', { customer: 'customer_id', payment: 'payment_id' }, ['payment.token']],
  ['returns', 60, 'order_id', { customer: 'customer', return: 'return_id', refund: 'refund' }, ['card']],
  ['trip', 30, 'trip', {}, ['card', 'traveller.passport']],
] as const)('%s is found, ends and keeps secrets so', (name, days, label, search, secrets) => {
  const about = definitions[name]();
  expect([about.id, about.version, about.label]).toEqual([name, '1', label]);
  expect(about.deadlineMs).toBe(days && days * 86_400_000);
  expect(about.search).toEqual(search);
  expect(about.secrets).toEqual(secrets);
});
