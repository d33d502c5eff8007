/**
 * Orders that are refused: each with the status and the problem document that the contract promises, and each without a
 * trace in Redis or at a service.
 */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { changed, orderWith } from './order.ts';
import { expectProblem, pointers, traces } from './problem.ts';
import { exchange, head } from './raw.ts';

const ORDERS = '/api/coordinator/orders';
const MIB = 1024 * 1024;

let world: World;
let redis: Redis;
let url: string;
let before: Awaited<ReturnType<typeof traces>>;
const now = () => traces(world, () => redis.keys('*'));

beforeAll(async () => {
  world = await openWorld();
  redis = new Redis(world.redis.url);
  url = (await world.coordinator()).url;
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

beforeEach(async () => {
  before = await now();
});
afterEach(async () => {
  expect(await now()).toEqual(before);
});

const post = (body: string, headers: Record<string, string> = {}) =>
  send(`${url}${ORDERS}`, { method: 'POST', body, headers });

describe('a body that is no JSON', () => {
  it.each([
    ['nothing', ''],
    ['blanks', ' \n'],
    ['a fragment', '{"customer_id":'],
    ['two values', '{}{}'],
    ['a comment', '{/* */}'],
    ['a trailing comma', '{"a":1,}'],
    ['a number that JSON lacks', '{"a":NaN}'],
    ['a byte order mark in the middle', '{\uFEFF"a":\uFEFF1'],
    ['100,000 levels that never close', '['.repeat(100_000)],
  ])('%s', async (_, body) => {
    expectProblem(await post(body), 'malformed-json');
  });
});

describe('a body that is no order', () => {
  it.each(['null', '5', 'true', '"order"', '[]', `[${JSON.stringify(ORDER)}]`])('%s', async (body) => {
    const answer = await post(body);
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual(['']);
  });

  it.each([
    ['array', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['object', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['metadata', orderWith(`"metadata":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
  ])('100,000 levels of %s', async (_, body) => {
    expectProblem(await post(body), 'validation-error');
  });
});

describe('another media type', () => {
  it.each([
    'text/plain',
    'application/xml',
    'application/jsonp',
    'application/json-patch+json',
    'application/problem+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/html, application/json',
    '*/*',
    'json',
    // Neither parameter can be read.
    'application/json;',
    'application/json; charset',
  ])('%s', async (type) => {
    expectProblem(await post(JSON.stringify(ORDER), { 'content-type': type }), 'unsupported-media-type');
  });

  it('none at all', async () => {
    const body = JSON.stringify(ORDER);
    const request = head(`POST ${ORDERS}`, [`Content-Length: ${body.length}`]);
    expectProblem(await exchange(url, request, body), 'unsupported-media-type');
  });
});

describe('a body over 1 MiB', () => {
  const json = 'Content-Type: application/json';
  const large = Buffer.alloc(MIB + 1, ' ');

  it('that says so is refused before it is sent', async () => {
    const request = head(`POST ${ORDERS}`, [json, `Content-Length: ${MIB + 1}`]);
    expectProblem(await exchange(url, request), 'body-too-large');
  });

  it('that is sent whole', async () => {
    const request = head(`POST ${ORDERS}`, [json, `Content-Length: ${MIB + 1}`]);
    expectProblem(await exchange(url, request, large), 'body-too-large');
  });

  it('in chunks, with no word of its length', async () => {
    const request = head(`POST ${ORDERS}`, [json, 'Transfer-Encoding: chunked']);
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, ' '), Buffer.from('\r\n')]);
    const chunks = Array.from({ length: 17 }, () => chunk);
    expectProblem(await exchange(url, request, ...chunks, '0\r\n\r\n'), 'body-too-large');
  });

  it('closes the connection and says so, so that no client sends its next order into it', async () => {
    const answer = await post(' '.repeat(MIB + 1));
    expectProblem(answer, 'body-too-large');
    expect(answer.headers.connection).toBe('close');
    expectProblem(await post('null'), 'validation-error');
  });

  it('but one byte less is read', async () => {
    const body = JSON.stringify(changed('/customer_id', undefined));
    const answer = await post(body + ' '.repeat(MIB - body.length));
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual(['/customer_id']);
  });
});

describe('a field that is missing', () => {
  it.each([
    '/customer_id',
    '/items',
    '/items/0/product_id',
    '/items/0/quantity',
    '/items/0/unit_price',
    '/currency',
    '/payment',
    '/payment/method',
    '/payment/token',
    '/shipping_address',
    '/shipping_address/name',
    '/shipping_address/line1',
    '/shipping_address/city',
    '/shipping_address/postal_code',
    '/shipping_address/country',
  ])('%s', async (pointer) => {
    const answer = await submit(url, changed(pointer, undefined));
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual([pointer]);
  });
});

describe('a field that nobody knows', () => {
  it.each([
    '/more',
    '/amount',
    '/order_id',
    '/items/0/more',
    '/payment/number',
    '/shipping_address/line3',
    '/constructor',
    '/toString',
    '/hasOwnProperty',
    '/',
  ])('%s', async (pointer) => {
    const answer = await submit(url, changed(pointer, 1));
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual([pointer]);
  });

  it.each([
    ['a/b', '/a~1b'],
    ['a~b', '/a~0b'],
    ['~1', '/~01'],
    ['/~/', '/~1~0~1'],
    ['ä "quoted"\n', '/ä "quoted"\n'],
  ])('%j is pointed at as %j', async (name, pointer) => {
    const answer = await submit(url, { ...ORDER, [name]: 1 });
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual([pointer]);
  });

  it.each([
    ['order', orderWith('"__proto__":{"customer_id":"x"}'), '/__proto__'],
    [
      'address',
      JSON.stringify(ORDER).replace('"name":', '"__proto__":{"line2":"x"},"name":'),
      '/shipping_address/__proto__',
    ],
    [
      'item',
      JSON.stringify(ORDER).replace('"quantity":', '"__proto__":{"quantity":1},"quantity":'),
      '/items/0/__proto__',
    ],
  ])('__proto__ in the %s', async (_, body, pointer) => {
    const answer = await post(body);
    expectProblem(answer, 'validation-error');
    expect(pointers(answer)).toEqual([pointer]);
  });

  it('a thousand of them are not all told of', async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field${index}`, 1]));
    const answer = await submit(url, { ...ORDER, ...many });
    expectProblem(answer, 'validation-error');
    expect(answer.body.errors).toHaveLength(50);
    const item = { ...ORDER.items[0], ...many };
    const items = await submit(url, { ...ORDER, items: Array.from({ length: 20 }, () => item) });
    expectProblem(items, 'validation-error');
    expect(items.body.errors).toHaveLength(50);
  });

  it('a name without end is cut', async () => {
    const answer = await submit(url, { ...ORDER, ['x'.repeat(100_000)]: 1 });
    expectProblem(answer, 'validation-error');
    expect(JSON.stringify(answer.body).length).toBeLessThan(1000);
  });
});
