/** A coordinator inside an application: what it is told, what it says where that is wrong, and how it begins and ends. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Hono } from 'hono';
import { pino } from 'pino';
import { afterEach, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import {
  type Coordinator,
  type CoordinatorOptions,
  createCoordinator,
  defineSaga,
  memoryStore,
  ProblemError,
  redisStore,
} from '../../index.ts';
import { createParticipant, done, memoryLedger, nodeHandler } from '../../participant/index.ts';

const text = z.string().min(1);
const visit = defineSaga({
  id: 'visit',
  version: '1',
  input: z.strictObject({ at: z.string().transform((day) => day.toUpperCase()), card: text }),
  secrets: ['card'],
})
  .waitFor('arrival', {
    within: '1 h',
    data: z.object({ by: text }),
    gains: ({ by }) => ({ by }),
    late: 'undo',
  })
  .step('bill', {
    at: 'bank',
    action: { path: '/bill', request: ({ card }) => ({ card }), answer: z.object({}) },
    undo: { path: '/undo' },
  });

/** Nobody is there. */
const NOWHERE = 'http://127.0.0.1:9';
const log = pino({ level: 'silent' });
const opened: Coordinator[] = [];
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

function coordinator(options: Partial<CoordinatorOptions> = {}): Coordinator {
  const one = createCoordinator({
    sagas: [visit],
    store: memoryStore(),
    participants: { bank: NOWHERE },
    log,
    ...options,
  });
  opened.push(one);
  return one;
}

it('begins sagas, tells them of events, and shows them, without a socket', async () => {
  const one = coordinator({
    token: 'a-token-of-16-or-more',
    settings: { BILL_ACTION_ATTEMPTS_MAX: 1, BILL_COMPENSATION_ATTEMPTS_MAX: 1 },
  });
  await one.start();
  const { saga_id: id, state } = await one.begin(visit, { at: 'monday', card: 'tok_secret' });
  expect(state).toBe('awaitingArrival');
  for await (const told of one.client.watch({ saga: id })) {
    if (told.event === 'ready') await one.event(id, { name: 'arrival', data: { by: 'Ada' } });
    if (told.event === 'saga' && told.data.status !== 'STARTED') break;
  }
  const { context, status } = await one.get(id);
  expect({ status, context }).toMatchObject({
    status: 'ABORTED',
    context: { at: 'MONDAY', card: '[redacted]', by: 'Ada' },
  });
  expect((await one.client.list()).sagas.map(({ saga_id }) => saga_id)).toEqual([id]);
  const refused = await one.begin(visit, { at: 'monday' } as never).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ProblemError);
  expect(refused).toMatchObject({ type: 'validation-error' });
  // The token is asked of all others.
  expect((await one.fetch(new Request('http://localhost/api/coordinator/sagas'))).status).toBe(401);
});

it.each([
  ['the key that its participant knows', 'k1:a-secret-of-two,nobody-else', 'COMPLETED'],
  ['another one', 'k1:a-secret-of-somebody-else', 'ABORTED'],
])('signs its calls by %s', async (_, signingKey, ends) => {
  const bank = createParticipant(
    memoryLedger(),
    { perform: () => done({}), undo: () => done() },
    { signingKeys: { k1: 'a-secret-of-two,nobody-else' } },
  );
  const routes = { '/bill': nodeHandler(bank.action), '/undo': nodeHandler(bank.compensation) };
  const server = createServer((req, res) => void routes[req.url as '/bill'](req, res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const one = coordinator({ participants: { bank: { url, signingKey } } });
  await one.start();
  const { saga_id: id } = await one.begin(visit, { at: 'monday', card: 'c' });
  await one.event(id, { name: 'arrival', data: { by: 'Ada' } });
  for await (const told of one.client.watch({ saga: id }))
    if (told.event === 'saga' && told.data.status !== 'STARTED') break;
  expect((await one.get(id)).status).toBe(ends);
});

it('knows by its type what a saga begins with: what a client sends, and not what is made of it', () => {
  const one = coordinator();
  expectTypeOf(one.begin<{ at: string; card: string }>)
    .parameter(1)
    .toEqualTypeOf<{ at: string; card: string }>();
  // @ts-expect-error the card is missing
  const wrong = () => one.begin(visit, { at: 'monday' });
  expect(wrong).toBeTypeOf('function');
});

it.each([
  ['as Hono mounts it, without the path', (app: Hono, one: Coordinator) => app.mount('/saga', one.fetch)],
  [
    'with the path',
    (app: Hono, one: Coordinator) => app.all('/saga/*', (c) => one.fetch(c.req.raw, c.env as object)),
  ],
])('answers under a path, %s', async (_, mount) => {
  const one = coordinator({ path: '/saga', hosts: ['app.example'] });
  await one.start();
  const app = new Hono();
  mount(app, one);
  const ask = (path: string, host = 'app.example') =>
    app.request(`http://${host}${path}`, { headers: { host } });
  expect((await ask('/saga/api/coordinator/health')).status).toBe(200);
  expect(await (await ask('/saga/machines')).text()).toContain('href="/saga/sagas"');
  expect(await (await ask('/saga/openapi.json')).json()).toMatchObject({ servers: [{ url: '/saga' }] });
  expect((await ask('/api/coordinator/health')).status).toBe(404);
  expect((await ask('/saga/api/coordinator/health', 'foreign.example')).status).toBe(421);
});

it('has no pages where they are not wanted', async () => {
  const one = coordinator({ dashboard: false });
  await one.start();
  const status = async (path: string) => (await one.fetch(new Request(`http://localhost${path}`))).status;
  expect(
    await Promise.all(['/', '/assets/dashboard.css', '/login', '/docs', '/metrics'].map(status)),
  ).toEqual([404, 404, 404, 200, 200]);
});

it('says all that is wrong with its options, by their names', async () => {
  const one = coordinator({
    participants: { banc: NOWHERE },
    token: 'short',
    path: 'saga',
    settings: { DRAIN_MS: 'soon', REDIS_URL: 'redis://x', API_TOKEN: 'another-token-here', POLL_MS: true },
  });
  const { name, message } = (await one.start().catch((error: unknown) => error)) as Error;
  expect(name).toBe('ConfigError');
  const lines = message.split('\n').map((line) => line.trim());
  expect(lines).toEqual(
    expect.arrayContaining([
      'settings.REDIS_URL: the store is redisStore(url)',
      'settings.API_TOKEN: token says it',
      'participants.banc: no saga calls it',
      expect.stringMatching(/^participants\.bank: is not set, and saga visit calls bank in its step bill/),
      expect.stringMatching(/^token: at least 16/),
      expect.stringMatching(/^path: must be a path/),
      expect.stringMatching(/^settings\.DRAIN_MS: /),
    ]),
  );
  const taken = coordinator({ path: '/sagas' });
  await expect(taken.start()).rejects.toThrow('path: /sagas is a path of the coordinator itself');
  const none = coordinator({ store: { kind: 'memory' } });
  await expect(none.start()).rejects.toThrow('store: make it with');
  const unread = coordinator({ store: redisStore('redis+sentinel://x') });
  await expect(unread.start()).rejects.toThrow(/^the settings cannot be used:\n {2}store: /);
});

it('names the saga that breaks a rule, and takes several versions of one in any order', async () => {
  const twice = coordinator({ sagas: [visit, visit] });
  await expect(twice.start()).rejects.toThrow('machine visit@1 is registered twice');
  const newer = defineSaga({ id: 'visit', version: '10', input: z.strictObject({}) })
    .waitFor('arrival', { within: '1 h', data: z.object({}), late: 'undo' })
    .step('bill', {
      at: 'bank',
      action: { path: '/bill', request: () => ({}), answer: z.object({}) },
      undo: { path: '/undo' },
    });
  const one = coordinator({ sagas: [newer, visit] });
  await one.start();
  expect((await one.client.begin('visit', {})).machine).toEqual({ id: 'visit', version: '10' });
  expect((await one.begin(visit, { at: 'monday', card: 'c' })).machine.version).toBe('1');
});

it('can be started again where it failed, answers nothing before, and refuses when it is closed', async () => {
  const one = coordinator();
  await expect(one.fetch(new Request('http://localhost/livez'))).rejects.toThrow('was not started');
  await Promise.all([one.start(), one.start()]);
  expect((await one.fetch(new Request('http://localhost/livez'))).status).toBe(200);
  await one.close();
  const answer = await one.fetch(new Request('http://localhost/livez'));
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ type: 'draining' });
  await expect(one.begin(visit, { at: 'monday', card: 'c' })).rejects.toMatchObject({ type: 'draining' });
  await expect(one.start()).rejects.toThrow('create another');
  await one.close();
});

it('ends a start that waits for a store that is away', async () => {
  let warned = () => {};
  const waits = new Promise<void>((resolve) => {
    warned = resolve;
  });
  const one = coordinator({
    store: redisStore('redis://127.0.0.1:9'),
    log: pino({ level: 'warn' }, { write: (line) => void (/waiting for Redis/.test(line) && warned()) }),
  });
  const starting = one.start().catch((error: Error) => error.name);
  await waits;
  await one.close();
  expect(await starting).toBe('StoreUnavailableError');
});
