/** The inspector: what a developer's page is told of the sagas that run, and who is not told anything. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createMachine } from 'xstate';
import { Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { nodeName, statesIn } from '../../machines/structure.ts';
import { ORDER_OUTLINE, readSettings } from '../../server/config.ts';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { traceOf } from '../../server/engine/trace.ts';
import { type Inspector, startInspector } from '../../server/telemetry/inspector.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, send, settled, submit } from '../coordinator/world.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { exchange, head } from './raw.ts';

const TOKEN = 'tok_visa_very_secret';
const PLACED = { ...ORDER, payment: { method: 'card', token: TOKEN } };

interface Message {
  readonly type: string;
  readonly sessionId: string;
  readonly rootId: string;
  readonly name?: string;
  readonly definition?: string;
  readonly event?: { readonly type: string };
  readonly snapshot: { readonly status: string; readonly value: unknown; readonly context: unknown };
}

let world: HoldingWorld;
let url: string;
let inspectorUrl: string;
const clients: WebSocket[] = [];

beforeAll(async () => {
  world = await openHoldingWorld();
  const coordinator = await world.coordinator({ INSPECT: '1', INSPECT_PORT: '0' });
  url = coordinator.url;
  inspectorUrl = coordinator.inspectorUrl ?? '';
});
afterAll(() => world.close());
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

/** A client with what it was told so far, and a way to wait until it was told something. */
async function listen(at = inspectorUrl, options: object = {}) {
  const client = new WebSocket(at.replace('http', 'ws'), options);
  clients.push(client);
  const told: Message[] = [];
  let tell = () => {};
  client.on('message', (data) => {
    told.push(JSON.parse(String(data)));
    tell();
  });
  const until = async (ready: () => boolean) => {
    while (!ready()) {
      await new Promise<void>((resolve) => {
        tell = resolve;
      });
    }
  };
  await once(client, 'open');
  return { client, told, until };
}

const isEnd = ({ snapshot }: Message) => snapshot?.status === 'done';

it('tells of a saga: itself with its machine, then every event with the snapshot that it led to', async () => {
  const { told, until } = await listen();
  const { body } = await submit(url, PLACED);
  await until(() => told.some(isEnd));

  const transition = ['@xstate.event', '@xstate.snapshot'];
  expect(told.map(({ type }) => type)).toEqual([
    '@xstate.actor',
    '@xstate.snapshot',
    ...Array.from({ length: 5 }, () => transition).flat(),
  ]);
  for (const message of told) {
    expect(message).toMatchObject({ sessionId: body.saga_id, rootId: body.saga_id, _version: '0.7.2' });
  }
  const snapshots = told.filter(({ type }) => type === '@xstate.snapshot').map(({ snapshot }) => snapshot);
  expect(snapshots.map(({ value }) => value)).toEqual([
    { creatingOrder: 'calling' },
    { reservingInventory: 'calling' },
    { processingPayment: 'calling' },
    { schedulingShipping: 'calling' },
    { sendingNotification: 'calling' },
    'completed',
  ]);
  expect(snapshots.map(({ status }) => status)).toEqual([...Array(5).fill('active'), 'done']);
  const events = told.filter(({ type }) => type === '@xstate.event').map(({ event }) => event);
  expect(events).toMatchObject(Array(5).fill({ type: 'done', answer: expect.any(Object) }));
  expect(snapshots.at(-1)?.context).toMatchObject({
    data: { customer_id: 'cust_1', payment: { method: 'card', token: '[redacted]' } },
  });
  expect(JSON.stringify(told)).not.toContain(TOKEN);
});

it('tells no secret that a participant has echoed', async () => {
  const { told, until } = await listen();
  // Inventory answers with the products that it has reserved.
  const [{ product_id: token }] = ORDER.items as [(typeof ORDER.items)[number]];
  const { body } = await submit(url, { ...ORDER, payment: { method: 'card', token } });
  expect(body.status).toBe('COMPLETED');
  await until(() => told.some(isEnd));
  const events = JSON.stringify(told.map(({ event }) => event));
  expect(events).toContain('reservation');
  expect(events).not.toContain(token);
});

it('gives a definition that Stately Studio and XState read, with all states and where they lead', async () => {
  const { told, until } = await listen();
  await submit(url);
  await until(() => told.some(isEnd));
  const { definition = '', name } = told[0] as Message;
  expect(name).toMatch(/^order /);

  const read = createMachine(JSON.parse(definition));
  const { machine } = new Registry().register(orderSaga(readSettings({}).policiesOf(ORDER_OUTLINE)));
  const shapeOf = (of: Parameters<typeof statesIn>[0]) =>
    statesIn(of).map((node) => ({
      name: nodeName(node),
      type: node.type,
      tags: node.tags,
      events: [...node.transitions.keys()],
      targets: [...node.transitions.values()].flat().flatMap(({ target = [] }) => target.map(nodeName)),
    }));
  expect(shapeOf(read)).toEqual(shapeOf(machine));
});

it('tells of the way back, and that a saga is parked without having ended', async () => {
  world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
  const { told, until } = await listen();
  await submit(url, { ...PLACED, customer_id: 'cust_unreachable' });
  await until(() => told.some(({ snapshot }) => snapshot?.value === 'parked'));
  const values = told.filter(({ type }) => type === '@xstate.snapshot').map(({ snapshot }) => snapshot.value);
  expect(values.slice(5)).toEqual([
    { cancellingNotification: 'calling' },
    { cancellingShipping: 'calling' },
    { refundingPayment: 'calling' },
    { releasingInventory: 'calling' },
    { cancellingOrder: 'calling' },
    'parked',
  ]);
  expect(told.at(-1)?.snapshot.status).toBe('active');
  expect(JSON.stringify(told)).not.toContain(TOKEN);
});

it('tells a client that comes late of the sagas that still run, and of no other', async () => {
  await submit(url);
  const gate = world.hold('payment');
  const { body } = await submit(url, PLACED, { prefer: 'respond-async' });
  await gate.arrived;
  const { told, until } = await listen();
  await until(() => told.length > 0);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    type: '@xstate.actor',
    sessionId: body.saga_id,
    definition: expect.stringContaining('processingPayment'),
    snapshot: { status: 'active', value: { processingPayment: 'calling' } },
  });
  gate.open();
  await until(() => told.some(isEnd));
  // It was introduced already: the rest is only what happens from now on.
  expect(told.filter(({ type }) => type === '@xstate.actor')).toHaveLength(1);
  expect(told.slice(1).map(({ sessionId }) => sessionId)).toEqual(Array(6).fill(body.saga_id));
  expect(JSON.stringify(told)).not.toContain(TOKEN);

  const { told: later, until: untilLater } = await listen();
  await submit(url);
  await untilLater(() => later.some(isEnd));
  expect(later.map(({ sessionId }) => sessionId)).not.toContain(body.saga_id);
});

describe('lets in', () => {
  it.each([
    ['a program, which sends no Origin', {}],
    ['its own page', { origin: 'self' }],
    ['its own page by name', { origin: 'localhost' }],
  ] as const)('%s', async (_, { origin }: { origin?: string }) => {
    const { port } = new URL(inspectorUrl);
    const own = origin === 'self' ? inspectorUrl : `http://localhost:${port}`;
    const { client } = await listen(inspectorUrl, origin === undefined ? {} : { origin: own });
    expect(client.readyState).toBe(WebSocket.OPEN);
  });
});

describe('keeps out', () => {
  /** Filled in when the port is known. */
  const port = '{port}';
  it.each([
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['an Origin of another port', { origin: 'http://127.0.0.1:1' }],
    ['an Origin over TLS', { origin: `https://127.0.0.1:${port}` }],
    ['an opaque Origin', { origin: 'null' }],
    ['an Origin that begins like ours', { origin: `http://127.0.0.1:${port}.evil.example` }],
    ['a foreign Host', { headers: { host: 'evil.example' } }],
    ['a foreign name that leads here', { headers: { host: `evil.example:${port}` } }],
    ['a Host without the port', { headers: { host: 'localhost' } }],
    [
      'a foreign Host with our Origin',
      { origin: `http://127.0.0.1:${port}`, headers: { host: 'evil.example' } },
    ],
  ])('%s', async (_, options) => {
    const filled = JSON.parse(JSON.stringify(options).replaceAll('{port}', new URL(inspectorUrl).port));
    const client = new WebSocket(inspectorUrl.replace('http', 'ws'), filled);
    clients.push(client);
    const [error] = await once(client, 'error');
    expect(error.message).toMatch(/401/);
  });
});

it('listens on 127.0.0.1 and nowhere else', async () => {
  const { hostname, port } = new URL(inspectorUrl);
  expect(hostname).toBe('127.0.0.1');
  const others = Object.values(networkInterfaces())
    .flat()
    .flatMap((address) =>
      address === undefined || address.address === '127.0.0.1' ? [] : [address.address],
    );
  for (const address of ['127.0.0.2', ...others.filter((found) => !found.startsWith('fe80'))]) {
    const socket = connect(Number(port), address);
    const [error] = await once(socket, 'error');
    expect(error.code, address).toMatch(/^E/);
  }
});

it('serves its one page and nothing else', async () => {
  const page = await send(inspectorUrl);
  expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
  expect(page.body).toContain('<iframe title="Stately inspector" src="https://stately.ai/inspect">');
  for (const path of ['/sagas', '/..%2fpackage.json', '/?a=b']) {
    expect((await send(`${inspectorUrl}${path}`)).status).toBe(404);
  }
  expect((await exchange(inspectorUrl, head('POST /', ['Content-Length: 0']))).status).toBe(404);
});

/** A client that shakes hands and then reads nothing; what it would be told stays in the sockets. */
async function connectDeaf(at: string) {
  const { hostname, port, host } = new URL(at);
  const socket = connect(Number(port), hostname);
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const [answer] = await once(socket, 'data');
  socket.pause();
  expect(String(answer)).toMatch(/^HTTP\/1\.1 101 /);
  return socket;
}

describe('a client that never reads', () => {
  it('stops no saga, and no other client', async () => {
    const deaf = await connectDeaf(inspectorUrl);
    const { told, until } = await listen();
    const answers = await Promise.all(Array.from({ length: 20 }, () => submit(url)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    await until(() => told.filter(isEnd).length === 20);
    const { body } = await submit(url);
    expect((await settled(url, body.saga_id)).body.status).toBe('COMPLETED');
    deaf.destroy();
  });

  it('is cut off before its backlog fills the memory, and the others are told everything', async () => {
    const inspector: Inspector = await startInspector(0);
    const deaf = await connectDeaf(inspector.url);
    const { told, until } = await listen(inspector.url);
    const machine = new Registry().register(orderSaga(readSettings({}).policiesOf(ORDER_OUTLINE)));
    const data = { note: 'x'.repeat(200_000) };
    const { context } = machine.begin({ data });
    const none = { from: null, step: null, kind: null, attempt: null, outcome: null, duration_ms: null };
    const transition = (seq: number): EngineEvent => ({
      type: 'transition',
      id: 'saga',
      trace: traceOf('saga', null),
      machine,
      event: null,
      entry: { seq, at: '', event: 'started', to: 'creatingOrder.calling', error: null, ...none },
      status: 'STARTED',
      context,
    });
    // Each is given time to be read; only the deaf one takes none of it.
    for (let seq = 1; seq <= 200; seq += 1) {
      inspector.observe(transition(seq));
      await until(() => told.length >= seq + 1);
    }
    expect(told).toHaveLength(201);
    deaf.resume();
    // The server has ended the connection: after what lay in the sockets nothing more comes.
    await once(deaf, 'close');
    await inspector.close();
  });
});
