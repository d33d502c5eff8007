/** Idempotency-Key: the same key and body are the same saga, however often, wherever and whenever they come. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type Answer, ORDER, send, submit } from '../coordinator/world.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { expectProblem } from './problem.ts';

const FIVE = SERVICE_NAMES.map((name) => `${name} action performed`);

let world: HoldingWorld;
let url: string;
let other: string;

beforeAll(async () => {
  world = await openHoldingWorld();
  url = (await world.coordinator({ COORDINATOR_ID: 'one' })).url;
  other = (await world.coordinator({ COORDINATOR_ID: 'two' })).url;
});
afterAll(() => world.close());
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

const keyed = (key: string) => ({ 'idempotency-key': key });

/** How many creates a coordinator has asked of its store: each order that it took asks for one. */
async function creates(at: string): Promise<number> {
  const { body } = await send(`${at}/metrics`);
  const line = /^saga_store_operation_duration_seconds_count\{operation="create",result="ok"\} (\d+)$/m.exec(
    body,
  );
  return Number(line?.[1] ?? 0);
}

async function untilCreates(at: string, count: number): Promise<void> {
  while ((await creates(at)) < count);
}

it('a repeat gets the same 201, to the letter, and calls nobody', async () => {
  const first = await submit(url, ORDER, keyed('again'));
  const second = await submit(url, ORDER, keyed('again'));
  expect(first.status).toBe(201);
  expect(second.status).toBe(201);
  expect(second.body).toEqual(first.body);
  expect(second.headers.location).toBe(first.headers.location);
  expect(world.calls(first.body.saga_id)).toEqual(FIVE);
});

it('a repeat after a failure gets the same 409, and no second chance', async () => {
  const order = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
  const first = await submit(url, order, keyed('declined'));
  const calls = world.calls(first.body.saga_id);
  const second = await submit(url, order, keyed('declined'));
  expect(second.status).toBe(409);
  expect(second.headers['content-type']).toBe('application/json');
  expect(second.body).toEqual(first.body);
  expect(world.calls(first.body.saga_id)).toEqual(calls);
});

it('a repeat after parking gets the same 409', async () => {
  world.services.order.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
  const order = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
  const first = await submit(url, order, keyed('parked'));
  expect(first.body.status).toBe('ABORTED');
  const second = await submit(other, order, keyed('parked'));
  expect(second.status).toBe(409);
  expect(second.body).toEqual(first.body);
});

it('twenty at once are one saga and five calls', async () => {
  const urls = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? url : other));
  const answers = await Promise.all(urls.map((at) => submit(at, ORDER, keyed('twenty'))));
  const [first] = answers as [Answer];
  expect(first.status).toBe(201);
  for (const { status, body } of answers) {
    expect(status).toBe(201);
    expect(body).toEqual(first.body);
  }
  expect(world.calls(first.body.saga_id)).toEqual(FIVE);
});

it('a repeat joins the saga that still runs, and waits as the first did', async () => {
  const gate = world.hold('shipping');
  const before = await creates(url);
  const first = submit(url, ORDER, keyed('joined'));
  await gate.arrived;
  const second = submit(url, ORDER, keyed('joined'));
  await untilCreates(url, before + 2);
  gate.open();
  const [a, b] = await Promise.all([first, second]);
  expect([a.status, b.status]).toEqual([201, 201]);
  expect(b.body).toEqual(a.body);
});

it('a repeat at the other coordinator waits there and gets the same 201', async () => {
  const gate = world.hold('shipping');
  const before = await creates(other);
  const first = submit(url, ORDER, keyed('elsewhere'));
  await gate.arrived;
  const early = await submit(other, ORDER, { ...keyed('elsewhere'), prefer: 'wait=0' });
  expect(early.status).toBe(202);
  const second = submit(other, ORDER, keyed('elsewhere'));
  await untilCreates(other, before + 2);
  gate.open();
  const [a, b] = await Promise.all([first, second]);
  expect(early.body.saga_id).toBe(a.body.saga_id);
  expect([a.status, b.status]).toEqual([201, 201]);
  expect(b.body).toEqual(a.body);
  expect(world.calls(a.body.saga_id)).toEqual(FIVE);
});

describe('the same key', () => {
  it.each([
    ['bare and quoted', 'key-1', '"key-1"'],
    ['with blanks around it', 'key-2', '  key-2  '],
    ['with an escaped quote', '"a\\"b"', '"a\\"b"'],
    ['of one character', 'k', '"k"'],
    ['of 255 characters', 'x'.repeat(255), `"${'x'.repeat(255)}"`],
    ['with what separates Redis keys', '{p00}:key:*', '"{p00}:key:*"'],
    ['that looks like a path', '../../etc/passwd', '"../../etc/passwd"'],
  ])('%s', async (_, one, two) => {
    const first = await submit(url, ORDER, keyed(one));
    const second = await submit(other, ORDER, keyed(two));
    expect(first.status).toBe(201);
    expect(second.body.saga_id).toBe(first.body.saga_id);
  });

  it('in other case is another key, and blanks inside quotes count', async () => {
    const keys = ['Key', 'key', '" key"', '"key "'];
    const answers = await Promise.all(keys.map((key) => submit(url, ORDER, keyed(key))));
    expect(new Set(answers.map(({ body }) => body.saga_id)).size).toBe(keys.length);
  });

  it('and no key at all is another saga each time', async () => {
    const [a, b] = [await submit(url), await submit(url)];
    expect(a.body.saga_id).not.toBe(b.body.saga_id);
  });
});

describe('the same body', () => {
  const metadata = { source: 'web', campaign: 'autumn' };
  const order = { ...ORDER, metadata };
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([name, member]) => [name, reversed(member)]),
    );
  };
  it.each([
    ['with its fields in another order', JSON.stringify(reversed(order))],
    ['with blanks', JSON.stringify(order, null, 4)],
    ['with a number written otherwise', JSON.stringify(order).replace('1250', '1.25e3')],
    ['with letters escaped', JSON.stringify(order).replace('"web"', '"\\u0077eb"')],
  ])('%s is the same saga', async (name, text) => {
    const first = await submit(url, order, keyed(`"${name}"`));
    const second = await submit(url, text, keyed(`"${name}"`));
    expect(second.status).toBe(201);
    expect(second.body.saga_id).toBe(first.body.saga_id);
  });
});

describe('the same key with another body is refused, and the saga that has the key stays as it is', () => {
  it.each([
    ['another customer', { ...ORDER, customer_id: 'cust_2' }],
    ['another quantity', { ...ORDER, items: [{ ...ORDER.items[0], quantity: 3 }] }],
    ['another token', { ...ORDER, payment: { method: 'card', token: 'tok_other' } }],
    ['the items twice', { ...ORDER, items: [...ORDER.items, ...ORDER.items] }],
    [
      'one more line of the address',
      { ...ORDER, shipping_address: { ...ORDER.shipping_address, line2: 'x' } },
    ],
    ['metadata', { ...ORDER, metadata: { a: 'b' } }],
  ])('%s', async (name, order) => {
    const first = await submit(url, ORDER, keyed(`"${name}"`));
    const { active_sagas: before } = (await send(`${url}/api/coordinator/health`)).body;
    for (const at of [url, other]) {
      const refused = await submit(at, order, keyed(`"${name}"`));
      expectProblem(refused, 'idempotency-key-reused', new RegExp(first.body.saga_id));
      expect(refused.body.saga_id).toBe(first.body.saga_id);
    }
    expect((await send(`${url}/api/coordinator/health`)).body.active_sagas).toBe(before);
    expect((await submit(url, ORDER, keyed(`"${name}"`))).body).toEqual(first.body);
  });
});
