/** The OpenAPI document: what it describes is there, and what is answered is as it says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import * as schemas from '../../server/routes/schemas.ts';
import { type Answer, ORDER, send, submit } from '../coordinator/world.ts';
import { wrongIn } from './described.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const API = '/api/coordinator';

/** What is not JSON alone, by path. */
const OTHER: Readonly<Record<string, readonly string[]>> = {
  [`${API}/events`]: ['text/event-stream'],
  [`${API}/sagas/{id}/events`]: ['text/event-stream'],
  [`${API}/sagas/{id}/diagram`]: ['text/plain'],
  [`${API}/machines/{id}/mermaid`]: ['text/plain'],
  [`${API}/sagas.ndjson`]: ['text/x-ndjson'],
  [`${API}/sagas.csv`]: ['text/csv'],
  [`${API}/audit.ndjson`]: ['text/x-ndjson'],
  [`${API}/audit.csv`]: ['text/csv'],
};

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Record<string, { schema?: object }>;
  };
  readonly responses: Record<
    string,
    { readonly description?: string; readonly content?: Record<string, { schema?: object }> }
  >;
}

let world: HoldingWorld;
let url: string;
// biome-ignore lint/suspicious/noExplicitAny: the document is what is under test.
let document: any;

beforeAll(async () => {
  world = await openHoldingWorld();
  url = (await world.coordinator()).url;
  const answer = await send(`${url}/openapi.json`);
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
  document = answer.body;
});
afterAll(() => world.close());

const operations = (): [string, string, Operation][] =>
  Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      path,
      method,
      operation,
    ]),
  );

/** Every `$ref` below a node. */
function refsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === '$ref' && typeof value === 'string' ? [value] : refsIn(value),
  );
}

describe('the document', () => {
  it('is OpenAPI 3.1 of this version', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({
      title: expect.any(String),
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
  });

  it.each([
    ['post', `${API}/orders`],
    ['get', `${API}/health`],
    ['get', `${API}/health/{service}`],
    ['get', `${API}/statistics`],
    ['get', `${API}/sagas`],
    ['get', `${API}/sagas/{id}`],
  ])('has %s %s', (method, path) => {
    expect(document.paths[path]).toHaveProperty(method);
  });

  it('has for each operation a summary, described answers, and the parameters of its path', () => {
    for (const [path, method, { summary, parameters = [], responses }] of operations()) {
      const where = `${method} ${path}`;
      expect(summary, where).toMatch(/\.$/);
      expect(Object.keys(responses).length, where).toBeGreaterThan(0);
      for (const [status, { description, content = {} }] of Object.entries(responses)) {
        expect(status, where).toMatch(/^[1-5]\d\d$/);
        expect(description, where).toMatch(/./);
        for (const { schema } of Object.values(content)) expect(schema, where).toBeTypeOf('object');
      }
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = parameters.filter((parameter) => parameter.in === 'path');
      expect(
        declared.map(({ name }) => name),
        where,
      ).toEqual(inPath);
      expect(
        declared.every(({ required }) => required),
        where,
      ).toBe(true);
    }
  });

  it('answers refusals with problem documents, and sagas with JSON', () => {
    for (const [path, method, { responses }] of operations()) {
      for (const [status, { content = {} }] of Object.entries(responses)) {
        // A start's 409 is the saga's own answer; an operator's is a refusal.
        const isSagas =
          Number(status) < 400 || (status === '409' && (path.endsWith('/orders') || path.endsWith('/sagas')));
        const own = isSagas
          ? ((method === 'get' ? OTHER[path] : undefined) ?? ['application/json'])
          : ['application/problem+json'];
        // Says only that nothing has changed.
        const types = status === '304' ? [] : own;
        expect(Object.keys(content), `${method} ${path} ${status}`).toEqual(types);
      }
    }
  });

  it('refers to nothing that it does not have', () => {
    const refs = new Set(refsIn(document));
    expect(refs.size).toBeGreaterThan(5);
    for (const ref of refs) {
      const [, name = ''] = /^#\/components\/schemas\/(\w+)$/.exec(ref) ?? [];
      expect(document.components.schemas, ref).toHaveProperty(name);
    }
  });

  it('describes the order with its bounds, and says that nothing else may be in it', () => {
    const { Order } = document.components.schemas;
    expect(Order).toMatchObject({ type: 'object', additionalProperties: false });
    expect(Order.required).toEqual(['customer_id', 'items', 'currency', 'payment', 'shipping_address']);
    expect(Order.properties.items).toMatchObject({ type: 'array', minItems: 1, maxItems: 500 });
    const { OrderItem } = document.components.schemas;
    expect(Order.properties.items.items).toEqual({ $ref: '#/components/schemas/OrderItem' });
    expect(OrderItem.properties.quantity).toMatchObject({ type: 'integer', minimum: 1, maximum: 1_000_000 });
    expect(Order.properties.metadata).toMatchObject({
      maxProperties: 50,
      propertyNames: { minLength: 1, maxLength: 100 },
    });
    const { requestBody } = document.paths[`${API}/orders`].post;
    expect(requestBody).toMatchObject({ required: true });
  });

  it('describes the numbers of a query as numbers', () => {
    const { parameters } = document.paths[`${API}/sagas`].get;
    const schemaOf = (name: string) =>
      parameters.find((found: { name: string }) => found.name === name).schema;
    const limit = { type: 'integer', format: 'int32', minimum: 1, maximum: 500, default: 50 };
    expect(schemaOf('limit')).toEqual(limit);
    expect(schemaOf('stuck_for')).toMatchObject({ type: 'integer', minimum: 0 });
  });

  it('has an example of an order that is accepted', async () => {
    const { status } = await submit(url, document.components.schemas.Order.example);
    expect(status).toBe(201);
  });
});

/** What a schema knows of a body is the whole body: a field that it does not know would be missing. */
function expectAsDescribed(body: unknown, schema: z.ZodType): void {
  expect(schema.parse(body)).toEqual(body);
}

describe('what the wire contract fixes', () => {
  const SERVICES = ['order', 'inventory', 'payment', 'shipping', 'notification'];
  const LISTED = ['saga_id', 'status', 'order_id', 'steps_completed', 'total_steps', 'failed_step_index'];
  const LOGGED = 'seq at event from to step kind attempt outcome duration_ms error'.split(' ');
  const STATUSES = ['STARTED', 'COMPLETED', 'FAILED', 'ABORTED'];
  const GAINED = ['inventory_reservations', 'payment_id', 'tracking_number', 'notification_id'];
  const OF_ALL = LISTED.filter((name) => name !== 'order_id');

  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['health', `${API}/health`, ['coordinator_status', 'active_sagas', 'services_health']],
    ['health', `${API}/health`, ['all_services_healthy', 'service_urls']],
    ['its services', `${API}/health services_health`, SERVICES],
    ['their URLs', `${API}/health service_urls`, SERVICES],
    ['statistics', `${API}/statistics`, ['total_active_sagas', 'status_breakdown', 'total_steps']],
    ['statistics', `${API}/statistics`, ['completed_steps', 'step_completion_rate']],
    ['statistics', `${API}/statistics`, ['average_steps_per_saga', 'throughput_per_minute']],
    ['statistics', `${API}/statistics`, ['in_flight', 'parked', 'failures_by_step', 'compensations']],
    ['their breakdown', `${API}/statistics status_breakdown`, STATUSES],
    ['their percentiles', `${API}/statistics duration_seconds`, ['p50', 'p95', 'p99']],
    ['the listing', `${API}/sagas`, ['active_sagas', 'sagas']],
    ['each saga in it', `${API}/sagas sagas 0`, LISTED],
    ['a saga', `${API}/sagas/:id`, [...OF_ALL, 'message', 'state', 'reason', 'execution_log']],
    ['each entry of its log', `${API}/sagas/:id execution_log 0`, LOGGED],
  ];

  it.each(cases)('%s (%s) has %j, and loses none of them unnoticed', async (_, where, fields) => {
    const [path = '', ...into] = where.split(' ');
    const { body: saga } = await submit(url);
    const asked = `${url}${path.replace(':id', saga.saga_id)}`;
    const { status, body } = await send(asked);
    const received = { method: 'GET', url: asked, status, contentType: 'application/json' };
    expect(await wrongIn({ ...received, body })).toEqual([]);
    for (const field of fields) {
      const without = structuredClone(body);
      // biome-ignore lint/suspicious/noExplicitAny: it walks whatever the wire gave.
      const holder = into.reduce<any>((node, name) => node[name], without);
      expect(holder, field).toHaveProperty(field);
      delete holder[field];
      const wrong = await wrongIn({ ...received, body: without });
      expect(wrong.join(), field).toContain(`'${field}'`);
    }
  });

  it('a saga of an order has the fields of an order beside those of all', async () => {
    const { body } = await submit(url);
    const { body: shown } = await send(`${url}${API}/sagas/${body.saga_id}`);
    for (const field of ['order_id', ...GAINED]) expect(shown[field], field).toEqual(body[field]);
  });

  it.each([
    [201, ORDER],
    [409, DECLINED],
  ])('the answer %i to an order has its fields', async (status, order) => {
    const { body } = await submit(url, order);
    const received = { method: 'POST', url: `${url}${API}/orders`, status, contentType: 'application/json' };
    for (const field of ['saga_id', 'order_id', 'status', 'message', 'execution_log']) {
      const { [field]: _, ...without } = body;
      expect((await wrongIn({ ...received, body: without })).join(), field).toContain(`'${field}'`);
    }
  });

  it('an answer of another status, media type or problem is noticed', async () => {
    const saga = { method: 'GET', url: `${url}${API}/sagas/x`, contentType: 'application/problem+json' };
    const found = { type: 'saga-not-found', title: 'There is no such saga', status: 404, detail: 'no' };
    const right = { ...saga, status: 404, body: found };
    expect(await wrongIn(right)).toEqual([]);
    for (const wrong of [
      { ...right, status: 418 },
      { ...right, contentType: 'text/html' },
      { ...right, body: { ...found, type: 'draining' } },
      { ...right, body: { ...found, title: 'No' } },
      { ...right, body: { ...found, detail: 7 } },
      { ...right, status: 200, url: `${url}${API}/none` },
      { ...right, body: {}, url: `${url}${API}/none` },
    ]) {
      expect(await wrongIn(wrong), JSON.stringify(wrong)).not.toEqual([]);
    }
  });
});

describe('answers are as described', () => {
  const { orderAnswer, sagaPage, sagaDetail, statistics, health, serviceHealth, problem } = schemas;
  const cases: readonly (readonly [string, number, z.ZodType, () => Promise<Answer>])[] = [
    ['an order that is done', 201, orderAnswer, () => submit(url)],
    ['an order that failed', 409, orderAnswer, () => submit(url, DECLINED)],
    [
      'an order that is parked',
      409,
      orderAnswer,
      async () => {
        world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
        const answer = await submit(url, DECLINED);
        world.services.inventory.faults.clear();
        expect(answer.body.status).toBe('ABORTED');
        return answer;
      },
    ],
    [
      'an order that runs',
      202,
      orderAnswer,
      async () => {
        const gate = world.hold('order');
        const answer = await submit(url, ORDER, { prefer: 'respond-async' });
        gate.open();
        return answer;
      },
    ],
    ['the listing', 200, sagaPage, () => send(`${url}${API}/sagas`)],
    ['a page of it', 200, sagaPage, () => send(`${url}${API}/sagas?limit=1`)],
    ['statistics', 200, statistics, () => send(`${url}${API}/statistics`)],
    ['health', 200, health, () => send(`${url}${API}/health`)],
    ['the health of a service', 200, serviceHealth, () => send(`${url}${API}/health/order`)],
    ['a bad body', 422, problem, () => submit(url, { ...ORDER, items: [] })],
    ['a bad query', 400, problem, () => send(`${url}${API}/sagas?limit=0`)],
    ['no such saga', 404, problem, () => send(`${url}${API}/sagas/none`)],
    ['a method that is not known', 405, problem, () => send(`${url}${API}/sagas`, { method: 'DELETE' })],
    [
      'a key used twice',
      422,
      problem,
      async () => {
        const key = { 'idempotency-key': 'twice' };
        await submit(url, ORDER, key);
        return submit(url, DECLINED, key);
      },
    ],
  ];
  it.each(cases)('%s', async (_, status, schema, ask) => {
    const answer = await ask();
    expect(answer.status).toBe(status);
    expectAsDescribed(answer.body, schema);
  });

  it('every saga, however it stands', async () => {
    const { body } = await send(`${url}${API}/sagas`);
    expect(new Set(body.sagas.map(({ status }: { status: string }) => status)).size).toBeGreaterThanOrEqual(
      3,
    );
    for (const { saga_id } of body.sagas) {
      expectAsDescribed((await send(`${url}${API}/sagas/${saga_id}`)).body, sagaDetail);
    }
  });

  it('and the check notices a field too many, and one too few', () => {
    const right = { service: 'order', healthy: true, url: 'http://order' };
    expectAsDescribed(right, serviceHealth);
    expect(() => expectAsDescribed({ ...right, more: 1 }, serviceHealth)).toThrow();
    expect(() => expectAsDescribed({ service: 'order', healthy: true }, serviceHealth)).toThrow();
  });
});
