/** The order saga against the wire contract: its states, what it sends, what it takes from answers. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { faultIn } from '../../machines/answer.ts';
import { nameOf, type Outcome } from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import { jsonSchemaOf } from '../../machines/outline.ts';
import { nodeName, statesIn } from '../../machines/structure.ts';
import {
  answers,
  begun,
  callIn,
  drive,
  everywhere,
  orderMachine,
  outcomes,
  placed,
  stepNames,
} from './placed-order.ts';

const saga = orderMachine();
const { customer_id, items, currency, payment, shipping_address } = placed;
const amount = 2 * 1250 + 4999;

const done = (count: number): Outcome[] => Array(count).fill('done');

/** The whole contract of the calls: written out, because clients and participants rely on every word. */
const actions = [
  ['creatingOrder', 'order', '/api/orders', { customer_id, items, currency, amount }],
  ['reservingInventory', 'inventory', '/api/inventory/reserve', { order_id: 'ord-1', items }],
  ['processingPayment', 'payment', '/api/payments/process', { order_id: 'ord-1', amount, currency, payment }],
  [
    'schedulingShipping',
    'shipping',
    '/api/shipping/schedule',
    { order_id: 'ord-1', items, shipping_address },
  ],
  [
    'sendingNotification',
    'notification',
    '/api/notifications/send',
    { order_id: 'ord-1', customer_id, tracking_number: 'trk-1' },
  ],
] as const;

const compensations = [
  ['cancellingOrder', 'order', '/api/orders/cancel'],
  ['releasingInventory', 'inventory', '/api/inventory/release'],
  ['refundingPayment', 'payment', '/api/payments/refund'],
  ['cancellingShipping', 'shipping', '/api/shipping/cancel'],
  ['cancellingNotification', 'notification', '/api/notifications/cancel'],
] as const;

/** What each step adds to the facts. */
const gains = [
  { order_id: 'ord-1' },
  { inventory_reservations: [{ reservation_id: 'res-1' }, { reservation_id: 'res-2' }] },
  { payment_id: 'pay-1' },
  { tracking_number: 'trk-1' },
  { notification_id: 'ntf-1' },
] as const;

/** All facts after so many steps. */
const factsAfter = (count: number) =>
  Object.assign({ ...placed, amount }, ...gains.slice(0, count)) as Record<string, unknown>;

/** What of them a compensation is told: nothing that is another step's secret. */
const toldAfter = (count: number, step: string) =>
  step === 'payment' ? factsAfter(count) : { ...factsAfter(count), payment: { method: 'card' } };

describe('the order saga', () => {
  it('has these states, and no others', () => {
    const inner = (name: string) => [name, `${name}.calling`, `${name}.waiting`];
    const names = [...actions, ...compensations].flatMap(([state]) => inner(state));
    const ends = ['completed', 'failed', 'parked', 'undone'];
    expect(statesIn(saga.machine).map(nodeName).sort()).toEqual([...names, ...ends].sort());
  });

  it('goes by the name and version under which sagas are stored', () => {
    expect([saga.id, saga.version]).toEqual(['order', '1']);
  });

  it('declares its steps in the order in which they are done', () => {
    expect(saga.steps.map(({ name }) => name)).toEqual(stepNames);
  });

  it('has the deadline that it is given, or none', () => {
    expect(orderSaga(everywhere(), 5_000).deadlineMs).toBe(5_000);
    expect(orderSaga(everywhere())).not.toHaveProperty('deadlineMs');
  });

  it('shows the payment token to nobody', () => {
    const { context } = begun(saga);
    const payment = { method: 'card', token: '[redacted]' };
    expect(saga.redacted(context)).toStrictEqual({ ...context, data: { ...context.data, payment } });
    // What is shown must not be what is sent.
    expect(context.data).toHaveProperty('payment.token', placed.payment.token);
  });

  it('hides the token also where a participant has echoed it', () => {
    const { token } = placed.payment;
    const { context } = begun(saga);
    const echoing = { ...context, answers: { payment: { payment_id: 'p-1', used: [`card ${token}`] } } };
    expect(saga.redacted(echoing).answers).toEqual({
      payment: { payment_id: 'p-1', used: ['card [redacted]'] },
    });
    expect(saga.hide({ error: `${token} was declined` }, context)).toEqual({
      error: '[redacted] was declined',
    });
    const parked = { ...echoing, held: [{ step: 'payment', reason: `${token} is unknown` }] };
    expect(saga.parked(parked).held).toMatchObject([
      {
        step: 'payment',
        reason: '[redacted] is unknown',
        response: { payment_id: 'p-1', used: ['card [redacted]'] },
      },
    ]);
    expect(callIn(saga, begun(saga)).redact(`no ${token}`)).toBe('no [redacted]');
    // A value of a few letters stands everywhere by chance.
    expect(saga.hide('art', { data: { payment: { token: 'a' } } })).toBe('art');
  });

  it('begins with the order and what it costs, and with nothing else', () => {
    const begin = begun(saga);
    expect(nameOf(begin.value)).toBe('creatingOrder.calling');
    const data = { ...placed, amount };
    expect(begin.context).toStrictEqual({
      data,
      answers: {},
      attempt: 1,
      retryAt: null,
      failure: null,
      held: [],
      undone: [],
    });
  });

  it.each([
    [[], 0],
    [[[3, 100]], 300],
    [[[1, 0]], 0],
    [
      [
        [2, 1250],
        [1, 4999],
        [10, 1],
      ],
      7509,
    ],
  ] as [number[][], number][])('costs the sum of its items: %j is %i', (lines, total) => {
    const bought = lines.map(([quantity = 0, unit_price = 0]) => ({
      product_id: 'sku',
      quantity,
      unit_price,
    }));
    expect(orderInput({ ...placed, items: bought }).data.amount).toBe(total);
  });

  it('keeps what else a client sent', () => {
    const metadata = { channel: 'web' };
    expect(orderInput({ ...placed, metadata }).data).toStrictEqual({ ...placed, metadata, amount });
  });
});

describe('an order as it is sent', () => {
  const faults = (change: object) =>
    saga.input
      ?.safeParse({ ...placed, ...change })
      .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  const paid = (change: object) => ({ payment: { ...payment, ...change } });
  const entries = (count: number) => ({
    metadata: Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, ''])),
  });
  const dear = (count: number) => ({
    items: Array(count).fill({ product_id: 'sku-yacht', quantity: 1_000_000, unit_price: 1_000_000_000 }),
  });
  const card = 'must be a token, not a card number';

  it.each([
    ['a token that is a card number', paid({ token: '4111 1111-1111.1111' }), `payment.token: ${card}`],
    ['a method that is a card number', paid({ method: '5500005555555559' }), `payment.method: ${card}`],
    ['a card number of twelve digits', paid({ token: '0'.repeat(12) }), `payment.token: ${card}`],
    ['a card number of nineteen digits', paid({ token: '0'.repeat(19) }), `payment.token: ${card}`],
    ['a remark that is a card number', { metadata: { note: '4111111111111111' } }, `metadata.note: ${card}`],
    ['too many remarks', entries(51), 'metadata: at most 50 entries'],
    ['a small currency', { currency: 'eur' }, 'currency: must be an ISO 4217 code such as EUR'],
    ['a long currency', { currency: 'EURO' }, 'currency: must be an ISO 4217 code such as EUR'],
    ['a currency behind something', { currency: 'XEUR' }, 'currency: must be an ISO 4217 code such as EUR'],
    [
      'a total that no integer holds',
      dear(10),
      'items: the total is beyond what an integer can hold exactly',
    ],
    ['too long a text', { customer_id: 'a'.repeat(201) }, 'customer_id: Too big: at most 200 characters'],
    [
      'too many wide signs',
      { customer_id: '😀'.repeat(201) },
      'customer_id: Too big: at most 200 characters',
    ],
    [
      'too many signs, some wide',
      { customer_id: `${'😀'.repeat(199)}aa` },
      'customer_id: Too big: at most 200 characters',
    ],
  ])('is refused for %s', (_, change, says) => {
    expect(faults(change)).toEqual([says]);
  });

  it.each([
    ['digits that only look like a card number', paid({ token: '4111111111111112' })],
    ['eleven digits', paid({ token: '0'.repeat(11) })],
    ['twenty digits', paid({ token: '0'.repeat(20) })],
    ['as many remarks as may be', entries(50)],
    ['as much as an integer holds', dear(9)],
    ['as many wide signs as may be', { customer_id: '😀'.repeat(200) }],
  ])('is taken with %s', (_, change) => {
    expect(faults(change)).toBeUndefined();
  });
});

describe('what stands of an order', () => {
  const said = (step: string, more: object) =>
    saga.steps
      .find(({ name }) => name === step)
      ?.held?.({ ...placed, amount, ...more } as never, {} as never);
  const lines = (...quantities: number[]) => ({
    items: quantities.map((quantity, index) => ({ product_id: `p${index}`, quantity, unit_price: 1 })),
  });

  it.each([
    [lines(1), '1 × p0 is reserved in stock', 1],
    [lines(2), '2 × p0 are reserved in stock', 2],
    [lines(1, 1), '1 × p0, 1 × p1 are reserved in stock', 2],
    [lines(1, 2, 3), '1 × p0, 2 × p1, 3 × p2 are reserved in stock', 6],
    [lines(1, 2, 3, 4), '1 × p0, 2 × p1, 3 × p2 and 1 more are reserved in stock', 10],
    [lines(1, 2, 3, 4, 5), '1 × p0, 2 × p1, 3 × p2 and 2 more are reserved in stock', 15],
  ])('of stock is said as a person would: %j', (items, says, sum) => {
    expect(said('inventory', items)).toEqual({ says, kind: 'stock', amount: sum, unit: 'items' });
  });

  it.each([
    ['EUR', 7499, 'EUR\u00a074.99'],
    ['JPY', 7499, 'JPY\u00a07,499'],
    ['KWD', 7499, 'KWD\u00a07.499'],
    ['EUR', 5, 'EUR\u00a00.05'],
  ])('of money is said in its own notation: %s', (currency, amount, text) => {
    const says = `${text} was taken from the customer`;
    expect(said('payment', { amount, currency })).toEqual({ says, amount, currency });
  });
});

describe('each part of an order that is sent', () => {
  const text = (length: number) => 'a'.repeat(length);
  const most = {
    customer_id: text(200),
    items: Array(500).fill({ product_id: text(200), quantity: 1_000_000, unit_price: 0 }),
    currency: 'EUR',
    payment: { method: text(100), token: text(500) },
    shipping_address: {
      name: text(200),
      line1: text(200),
      line2: text(200),
      city: text(200),
      region: text(200),
      postal_code: text(40),
      country: text(100),
    },
    metadata: { [text(100)]: text(500) },
  };
  const dearest = { product_id: 'a', quantity: 1, unit_price: 1_000_000_000 };
  const takes = (order: object) => saga.input?.safeParse(order).success;

  it('may be as long as it says', () => {
    expect(takes(most)).toBe(true);
    expect(takes({ ...most, items: [dearest] })).toBe(true);
    const { line2: _, region: _r, ...short } = most.shipping_address;
    expect(takes({ ...most, shipping_address: short, metadata: { a: '' } })).toBe(true);
    const { metadata: _m, ...without } = most;
    expect(takes(without)).toBe(true);
  });

  it.each([
    ...['customer_id', 'items', 'currency', 'payment', 'shipping_address'].map((name) => ({
      [name]: undefined,
    })),
    ...['', text(201), 7].map((customer_id) => ({ customer_id })),
    ...[[], Array(501).fill(dearest)].map((items) => ({ items })),
    ...(
      [
        { product_id: '' },
        { product_id: text(201) },
        { quantity: 0 },
        { quantity: 1_000_001 },
        { quantity: 1.5 },
        { unit_price: -1 },
        { unit_price: 1_000_000_001 },
        { unit_price: 0.5 },
        { more: 1 },
      ] as const
    ).map((line) => ({ items: [{ ...dearest, ...line }] })),
    ...['EU', 'EURO', 'eUR', ' EUR'].map((currency) => ({ currency })),
    ...[{ method: '' }, { method: text(101) }, { token: '' }, { token: text(501) }, { more: 1 }].map(
      (one) => ({
        payment: { ...most.payment, ...one },
      }),
    ),
    ...Object.entries(most.shipping_address).flatMap(([name, value]) =>
      ['', `${value}a`].map((wrong) => ({ shipping_address: { ...most.shipping_address, [name]: wrong } })),
    ),
    ...['name', 'line1', 'city', 'postal_code', 'country'].map((name) => ({
      shipping_address: { ...most.shipping_address, [name]: undefined },
    })),
    { shipping_address: { ...most.shipping_address, more: 1 } },
    ...[{ '': 'a' }, { [text(101)]: 'a' }, { a: text(501) }, { a: 7 }].map((metadata) => ({ metadata })),
    { more: 1 },
  ])('is refused where it is not: %#', (wrong) => {
    expect(takes({ ...most, ...wrong })).toBe(false);
  });

  it('is shown with all its bounds to whoever is to send one', () => {
    const shown = (maxLength: number, minLength = 1) => ({ type: 'string', minLength, maxLength });
    const part = (properties: object, ...optional: string[]) => ({
      type: 'object',
      properties,
      required: Object.keys(properties).filter((name) => !optional.includes(name)),
      additionalProperties: false,
    });
    const { $schema: _, ...schema } = jsonSchemaOf(saga.input as z.ZodType);
    expect(schema).toEqual(
      part(
        {
          customer_id: shown(200),
          items: {
            type: 'array',
            minItems: 1,
            maxItems: 500,
            items: part({
              product_id: shown(200),
              quantity: { type: 'integer', minimum: 1, maximum: 1_000_000, format: 'int32' },
              unit_price: {
                type: 'integer',
                minimum: 0,
                maximum: 1_000_000_000,
                format: 'int64',
                description: 'Minor units of the currency.',
              },
            }),
          },
          currency: { ...shown(3, 3), pattern: '^[A-Z]{3}$' },
          payment: part({
            method: shown(100),
            token: { ...shown(500), description: 'Of a payment provider, never a card number.' },
          }),
          shipping_address: part(
            {
              name: shown(200),
              line1: shown(200),
              line2: shown(200),
              city: shown(200),
              region: shown(200),
              postal_code: shown(40),
              country: shown(100),
            },
            'line2',
            'region',
          ),
          metadata: {
            type: 'object',
            propertyNames: { minLength: 1, maxLength: 100 },
            additionalProperties: shown(500, 0),
            maxProperties: 50,
          },
        },
        'metadata',
      ),
    );
  });
});

describe.each(actions.map((each, index) => [...each, index] as const))(
  'the action in %s',
  (state, step, path, body, index) => {
    const before = drive(saga, done(index));

    it('calls this participant at this path, with exactly what the step needs', () => {
      const { faultIn: _, redact: _r, ...call } = callIn(saga, before);
      expect(nameOf(before.value)).toBe(`${state}.calling`);
      expect(call).toStrictEqual({
        step,
        address: step,
        isFetch: false,
        isAsynchronous: false,
        isUndoable: true,
        kind: 'action',
        participant: step,
        path,
        attempt: 1,
        timeoutMs: 2_000,
        body,
        canShrink: false,
      });
    });

    it('gains what the contract says, and keeps the whole answer for the compensation', () => {
      const after = drive(saga, ['done'], before);
      expect(after.context.data).toStrictEqual(factsAfter(index + 1));
      expect(after.context.answers).toStrictEqual({ ...before.context.answers, [step]: answers[step] });
      expect(after.context.failure).toBeNull();
      expect(saga.stepsCompleted(after.context)).toBe(index + 1);
    });

    it.each(outcomes.filter((outcome) => outcome !== 'done'))(
      'gains nothing when it ends as %s',
      (outcome) => {
        const after = drive(saga, [outcome], before);
        expect(after.context.data).toStrictEqual(before.context.data);
        expect(after.context.answers).toStrictEqual(before.context.answers);
        expect(after.context.failure).toEqual({ step, reason: `${step} action ${outcome}` });
      },
    );
  },
);

describe.each(compensations.map((each, index) => [...each, index] as const))(
  'the compensation in %s',
  (state, step, path, index) => {
    const call = {
      step,
      address: step,
      isFetch: false,
      isAsynchronous: false,
      isUndoable: true,
      kind: 'compensation',
      participant: step,
      path,
      attempt: 1,
      timeoutMs: 2_000,
    };

    it('receives all facts that stand, and no original_response, when its own action gave no answer', () => {
      const after = drive(saga, [...done(index), 'unknown']);
      const { faultIn: _, redact: _r, ...found } = callIn(saga, after);
      expect(nameOf(after.value)).toBe(`${state}.calling`);
      expect(found).toStrictEqual({ ...call, body: toldAfter(index, step), canShrink: true });
    });

    it('gains nothing from its answer', () => {
      const before = drive(saga, [...done(index), 'refused']);
      const after = drive(saga, ['done'], before);
      expect(after.context.data).toStrictEqual(before.context.data);
      expect(after.context.answers).toStrictEqual(before.context.answers);
    });
  },
);

// The last step is missing: it is undone only when it failed itself, so no answer of its can ever come back.
it.each(compensations.slice(0, -1).map((each, index) => [...each, index] as const))(
  'the compensation in %s of %s receives the answer of its action as it came, whichever later step failed',
  (_state, step, path, index) => {
    for (let failed = index + 1; failed < stepNames.length; failed++) {
      const after = drive(saga, [...done(failed), 'refused', ...done(failed - index)]);
      const { kind, path: found, body } = callIn(saga, after);
      expect([kind, found]).toEqual(['compensation', path]);
      expect(saga.stepsCompleted(after.context), 'undoing does not lower it').toBe(failed);
      expect(body).toStrictEqual({ ...toldAfter(failed, step), original_response: answers[step] });
    }
  },
);

describe('the time-out of a call', () => {
  it('is the one of its step and kind', () => {
    const machine = orderMachine((step, kind) => {
      const timeoutMs = (stepNames as readonly string[]).indexOf(step) * 10 + (kind === 'action' ? 1 : 2);
      return { ...everywhere()(step, kind), timeoutMs };
    });
    const timeouts = stepNames.flatMap((_, index) => [
      callIn(machine, drive(machine, done(index))).timeoutMs,
      callIn(machine, drive(machine, [...done(index), 'refused'])).timeoutMs,
    ]);
    expect(timeouts).toEqual(stepNames.flatMap((_, index) => [index * 10 + 1, index * 10 + 2]));
  });
});

describe('an answer to an action', () => {
  const ids = ['order_id', 'reservations', 'payment_id', 'tracking_number', 'notification_id'];
  const list = (field: string) => field === 'reservations';
  const cases = stepNames.map((step, index) => [step, ids[index] ?? '', index] as const);

  it.each(cases)('of %s will do with %s, and with more beside it', (step, field, index) => {
    const { faultIn } = callIn(saga, drive(saga, done(index)));
    const good = answers[step]?.[field];
    expect(faultIn({ [field]: good })).toBeNull();
    expect(faultIn({ [field]: good, more: { nested: [1] }, at: null })).toBeNull();
  });

  it.each(cases)('of %s will not do without a good %s, and says which field it is', (step, field, index) => {
    const { faultIn } = callIn(saga, drive(saga, done(index)));
    const kind = list(field) ? 'an array' : 'a text';
    const wrong: [unknown, string][] = [
      [7, 'is a number'],
      [null, 'is null'],
      [true, 'is true or false'],
      [{}, 'is an object'],
      list(field) ? ['res-1', 'is a text'] : [['id'], 'is an array'],
    ];
    for (const [value, is] of wrong)
      expect(faultIn({ [field]: value })).toBe(`\`${field}\` ${is}, not ${kind}`);
    const size = list(field) ? Array(1001).fill('res') : 'x'.repeat(201);
    expect(faultIn({ [field]: size })).toMatch(`\`${field}\` does not fit: Too big: expected`);
    if (!list(field)) expect(faultIn({ [field]: '' })).toBe(`\`${field}\` is empty`);
    for (const other of [{}, { [`${field}s`]: answers[step]?.[field] }])
      expect(faultIn(other)).toBe(`\`${field}\` is missing`);
  });

  it('that lacks several fields names three of them, nested ones by their path', () => {
    const contract = z.looseObject({
      a: z.string(),
      b: z.looseObject({ c: z.int() }),
      d: z.int(),
      e: z.int(),
    });
    expect(faultIn(contract, { b: { c: 'secret' } })).toBe(
      '`a` is missing, `b.c` is a text, not a number, `d` is missing',
    );
  });

  it('never has its values told, nor what it took from its prototype', () => {
    const contract = z.looseObject({ toString: z.string(), colour: z.enum(['red', 'blue']), n: z.int() });
    const fault = faultIn(contract, { colour: 'secret', n: 1.5 });
    expect(fault).not.toMatch(/secret|1\.5/);
    expect(fault).toMatch('`toString` is missing');
  });

  it.each(cases)('to the compensation of %s may be any object', (_, __, index) => {
    const { faultIn } = callIn(saga, drive(saga, [...done(index), 'refused']));
    for (const value of [{}, { anything: 1 }]) expect(faultIn(value)).toBeNull();
  });
});
