/** The bounds of an order's fields, from both sides: what lies beyond is refused without a trace, what lies on them is not. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { changed } from './order.ts';
import { expectProblem, pointers, traces } from './problem.ts';
import { exchange, head } from './raw.ts';

const [ITEM] = ORDER.items;
const text = (length: number) => 'x'.repeat(length);
const items = (count: number, more: object = {}) =>
  Array.from({ length: count }, () => ({ ...ITEM, ...more }));
const entries = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'value']));

let world: World;
let redis: Redis;
let url: string;

beforeAll(async () => {
  world = await openWorld();
  redis = new Redis(world.redis.url);
  url = (await world.coordinator()).url;
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

describe('refused', () => {
  const now = () => traces(world, () => redis.keys('*'));
  let before: Awaited<ReturnType<typeof traces>>;
  beforeEach(async () => {
    before = await now();
  });
  afterEach(async () => {
    expect(await now()).toEqual(before);
  });

  const texts = [
    ['/customer_id', 200],
    ['/items/0/product_id', 200],
    ['/payment/method', 100],
    ['/payment/token', 500],
    ['/shipping_address/name', 200],
    ['/shipping_address/line1', 200],
    ['/shipping_address/line2', 200],
    ['/shipping_address/city', 200],
    ['/shipping_address/region', 200],
    ['/shipping_address/postal_code', 40],
    ['/shipping_address/country', 100],
  ] as const;
  it.each(texts)('%s that is no text, empty, or longer than %d', async (pointer, most) => {
    for (const wrong of [null, 5, true, [], {}, [text(1)], '', text(most + 1), '😀'.repeat(most + 1)]) {
      const answer = await submit(url, changed(pointer, wrong));
      expectProblem(answer, 'validation-error');
      // An array is no text, and may be too short for one as well.
      expect(new Set(pointers(answer))).toEqual(new Set([pointer]));
    }
  });

  it.each([
    ['/items/0/quantity', [0, -1, 1.5, 1_000_001, 1e300, 2 ** 53, '2', null, true, [2]]],
    ['/items/0/unit_price', [-1, 0.5, 1_000_000_001, 1e300, '1250', null, false, {}]],
  ])('%s', async (pointer, wrongs) => {
    for (const wrong of wrongs) {
      const answer = await submit(url, changed(pointer, wrong));
      expectProblem(answer, 'validation-error');
      // A number beyond all bounds has a total beyond them too.
      expect(pointers(answer)[0]).toBe(pointer);
    }
  });

  it.each([
    ['1e999 pieces', JSON.stringify(ORDER).replace('"quantity":2', '"quantity":1e999'), '/items/0/quantity'],
    ['no items', changed('/items', []), '/items'],
    ['501 items', changed('/items', items(501)), '/items'],
    ['items by name', changed('/items', { 0: ITEM }), '/items'],
    ['an item that is null', changed('/items', [null]), '/items/0'],
    [
      'a wrong item after a right one',
      changed('/items', [ITEM, { ...ITEM, quantity: 0 }]),
      '/items/1/quantity',
    ],
    ['a currency in lower case', changed('/currency', 'eur'), '/currency'],
    ['a currency of two letters', changed('/currency', 'EU'), '/currency'],
    ['a currency with a line break', changed('/currency', 'EUR\n'), '/currency'],
    ['a currency that is a symbol', changed('/currency', '€'), '/currency'],
    ['a payment that is a token', changed('/payment', 'tok_visa'), '/payment'],
    ['an address that is a list', changed('/shipping_address', []), '/shipping_address'],
    ['metadata that is a list', changed('/metadata', ['a']), '/metadata'],
    ['metadata that is null', changed('/metadata', null), '/metadata'],
    ['a number in metadata', changed('/metadata', { retries: 3 }), '/metadata/retries'],
    ['an object in metadata', changed('/metadata', { 'a/b': { c: 'd' } }), '/metadata/a~1b'],
    ['51 entries of metadata', changed('/metadata', entries(51)), '/metadata'],
    ['a long text in metadata', changed('/metadata', { note: text(501) }), '/metadata/note'],
    ['an empty name in metadata', changed('/metadata', { '': 'x' }), '/metadata/'],
    // 500 items of a million pieces at a thousand million each: no integer that JSON carries holds their price.
    [
      'a total beyond exact integers',
      changed('/items', items(500, { quantity: 1_000_000, unit_price: 1_000_000_000 })),
      '/items',
    ],
    [
      'a total one beyond',
      // 9,007,199,254,740,991 is the last; the second item makes it 9,007,200,000,000,000.
      changed('/items', [
        { ...ITEM, quantity: 1_000_000, unit_price: 1_000_000_000 },
        ...items(8, { quantity: 1_000_000, unit_price: 1_000_000_000 }),
        { ...ITEM, quantity: 7_200, unit_price: 1_000_000_000 },
      ]),
      '/items',
    ],
  ])('%s', async (_, order, pointer) => {
    const answer = await submit(url, order);
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual([pointer]);
  });

  it('tells of several faults at once', async () => {
    const answer = await submit(url, { ...ORDER, customer_id: '', currency: 'euro', more: 1 });
    expect(pointers(answer)).toEqual(['/customer_id', '/currency', '/more']);
  });

  it.each([
    '4111111111111111',
    '4111 1111 1111 1111',
    '4111-1111-1111-1111',
    ' 4111 1111-11111111 ',
    '4111.1111.1111.1111',
    '4111_1111/1111 1111',
    '378282246310005',
    '6011000990139424',
    '3530111333300000',
    '6304000000000000000',
  ])('a card number, wherever a text about money is told: %j', async (number) => {
    for (const pointer of ['/payment/token', '/payment/method', '/metadata']) {
      const isMetadata = pointer === '/metadata';
      const answer = await submit(url, changed(pointer, isMetadata ? { note: number } : number));
      expectProblem(answer, 'validation-error');
      expect(pointers(answer)).toEqual([isMetadata ? '/metadata/note' : pointer]);
      expect(JSON.stringify(answer.body)).not.toContain(number.trim());
    }
  });

  const hostile: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['blanks', '   '],
    ['an empty string', '""'],
    ['256 characters', text(256)],
    ['256 quoted characters', `"${text(256)}"`],
    ['letters beyond ASCII', 'clé'],
    ['UTF-8', Buffer.from('"ключ"').toString('latin1')],
    ['a tab', '"a\tb"'],
    ['a quote that does not close', '"abc'],
    ['a quote that does not open', 'abc"'],
    ['a quote inside', '"a"b"'],
    ['an escape that escapes nothing', '"a\\b"'],
    ['an escaped last quote', '"abc\\"'],
    ['a bare backslash', 'a\\b'],
    ['a list of strings', '"a", "b"'],
    ['a string with parameters', '"a";b=c'],
  ];
  it.each(hostile)('Idempotency-Key of %s', async (_, key) => {
    const body = JSON.stringify(ORDER);
    const request = head('POST /api/coordinator/orders', [
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      `Idempotency-Key: ${key}`,
    ]);
    const answer = await exchange(url, Buffer.from(request, 'latin1'), body);
    expectProblem(answer, 'invalid-header', /Idempotency-Key/);
  });

  it.each([
    ['"a"', '"b"'],
    ['a', 'b'],
    ['a', 'a'],
  ])('Idempotency-Key given twice: %s and %s', async (one, two) => {
    const body = JSON.stringify(ORDER);
    const request = head('POST /api/coordinator/orders', [
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      `Idempotency-Key: ${one}`,
      `Idempotency-Key: ${two}`,
    ]);
    expectProblem(await exchange(url, request, body), 'invalid-header', /Idempotency-Key/);
  });
});

describe('accepted', () => {
  it.each([
    ['texts of one character', { ...ORDER, customer_id: 'c', payment: { method: 'm', token: 't' } }],
    [
      'texts as long as may be',
      { ...ORDER, customer_id: text(200), payment: { method: text(100), token: text(500) } },
    ],
    // Counted as JSON Schema counts them, in code points; in JavaScript each is two.
    ['as many emoji as letters', changed('/shipping_address/name', '😀'.repeat(200))],
    ['the least quantity and no price', changed('/items', items(1, { quantity: 1, unit_price: 0 }))],
    ['the largest quantity', changed('/items/0/quantity', 1_000_000)],
    ['the highest price', changed('/items/0/unit_price', 1_000_000_000)],
    ['500 items', changed('/items', items(500))],
    ['50 entries of metadata', changed('/metadata', entries(50))],
    ['metadata without entries', changed('/metadata', {})],
    [
      'metadata with names of Object',
      changed('/metadata', { constructor: 'a', toString: 'b', valueOf: 'c' }),
    ],
    [
      'all of the address',
      { ...ORDER, shipping_address: { ...ORDER.shipping_address, line2: 'x', region: 'y' } },
    ],
    ['a number that fails the check of cards', changed('/payment/token', '4111111111111112')],
    ['a card number with a prefix', changed('/payment/token', 'tok_4111111111111111')],
    ['too few digits for a card', changed('/payment/token', '18')],
    ['eleven digits that pass the check', changed('/payment/token', '79927398713')],
    ['twenty digits that pass the check', changed('/payment/token', '00000000000000000000')],
  ])('%s', async (_, order) => {
    const { status, body } = await submit(url, order, { prefer: 'respond-async' });
    expect(status).toBe(202);
    await settled(url, body.saga_id);
  });

  it('the largest total that is exact, to the last unit', async () => {
    const most = [
      ...items(9, { quantity: 1_000_000, unit_price: 1_000_000_000 }),
      { ...ITEM, quantity: 7_199, unit_price: 1_000_000_000 },
      { ...ITEM, quantity: 1, unit_price: 254_740_991 },
    ];
    const { status, body } = await submit(url, changed('/items', most), { prefer: 'respond-async' });
    expect(status).toBe(202);
    const { body: ended } = await settled(url, body.saga_id);
    expect(ended.context.amount).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('names in metadata that every object has', async () => {
    const metadata = { constructor: 'a', toString: 'b', prototype: 'c' };
    const { status, body: saga } = await submit(url, { ...ORDER, metadata });
    expect(status).toBe(201);
    const shown = await send(`${url}/api/coordinator/sagas/${saga.saga_id}`);
    expect(shown.body.context.metadata).toEqual(metadata);
  });
});
