/** A coordinator that is told to stop: it takes nothing new, loses nothing, and leaves its sagas to others at once. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type CoordinatorProcess, ORDER, send, settled, submit } from '../coordinator/world.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { expectProblem } from './problem.ts';

let world: HoldingWorld;

beforeAll(async () => {
  world = await openHoldingWorld();
});
afterAll(() => world.close());
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

const said = ({ log }: CoordinatorProcess) => log.map(({ msg }) => msg);

async function untilDraining(url: string): Promise<void> {
  // A connection that was kept ends with the drain, perhaps under this very question: then it is asked on another.
  const ready = () =>
    send(`${url}/readyz`).then(
      ({ status }) => status === 200,
      () => true,
    );
  while (await ready());
}

it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  '%s: nothing new, an answer for whoever waits, and the saga is ended by another',
  async (signal) => {
    const leaving = await world.process({ COORDINATOR_ID: 'leaving' });
    const gate = world.hold('payment');
    const waiting = submit(leaving.url);
    await gate.arrived;
    const [{ saga_id }] = (await send(`${leaving.url}/api/coordinator/sagas?status=STARTED`)).body.sagas;

    const idle = connect(Number(new URL(leaving.url).port), '127.0.0.1');
    idle.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');
    const idleClosed = once(idle, 'close');

    const exit = leaving.end(signal);
    await untilDraining(leaving.url);
    // The call is still held: only what is idle is closed.
    await idleClosed;

    const refused = await send(`${leaving.url}/readyz`);
    expectProblem(refused, 'draining');
    expect(refused.headers.connection).toBe('close');
    expect((await send(`${leaving.url}/livez`)).status).toBe(200);
    expectProblem(await submit(leaving.url), 'draining');
    const health = await send(`${leaving.url}/api/coordinator/health`);
    expect(health).toMatchObject({ status: 200, body: { coordinator_status: 'draining', in_hand: 1 } });
    const { status, headers, body } = await waiting;
    expect(status).toBe(202);
    expect(headers).toMatchObject({
      connection: 'close',
      location: `/api/coordinator/sagas/${saga_id}`,
      'retry-after': '2',
    });
    expect(body).toMatchObject({ saga_id, status: 'STARTED', state: 'processingPayment.calling' });

    // The call in flight settles here, and its outcome is the last thing that this coordinator writes.
    gate.open();
    expect(await exit).toBe(0);
    expect(said(leaving).slice(-2)).toEqual(['draining', 'stopped']);

    const staying = await world.coordinator({ COORDINATOR_ID: 'staying' });
    const { body: ended } = await settled(staying.url, saga_id);
    await staying.stop();
    expect(ended.status).toBe('COMPLETED');
    expect(world.calls(saga_id)).toEqual(SERVICE_NAMES.map((name) => `${name} action performed`));
    // Given back, not taken away: nobody had to wait for a lease to end.
    const events = ended.execution_log.map(({ event }: { event: string }) => event);
    expect(events).toEqual(['started', 'done', 'done', 'done', 'done', 'done']);
  },
);

it('gives up a call that outlasts the drain, and another takes the saga up at once', async () => {
  const leaving = await world.process({
    COORDINATOR_ID: 'leaving',
    DRAIN_MS: '1',
    ACTION_TIMEOUT_MS: '600000',
  });
  world.services.payment.faults.set([{ endpoint: 'action', kind: 'hang', times: 1 }]);
  const { body } = await submit(leaving.url, ORDER, { prefer: 'respond-async' });
  // Asking lets the services, which live in this process, go on.
  while (world.calls(body.saga_id).length < 3) await send(`${leaving.url}/livez`);
  expect(await leaving.end('SIGTERM')).toBe(0);

  const staying = await world.coordinator({ COORDINATOR_ID: 'staying' });
  const { body: ended } = await settled(staying.url, body.saga_id);
  await staying.stop();
  expect(ended.status).toBe('COMPLETED');
  expect(world.calls(body.saga_id).filter((call) => call.endsWith('performed'))).toHaveLength(5);
});

it.each([
  ['keeps its connection after an answer', 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['connects and never says a word', ''],
  ['stops in the middle of its request', 'GET /livez HTTP/1.1\r\nHost: loc'],
])('ends although a client %s', async (_, request) => {
  const idle = await world.process();
  const { hostname, port } = new URL(idle.url);
  const client = connect(Number(port), hostname);
  client.on('error', () => {});
  await once(client, 'connect');
  client.write(request);
  if (request.endsWith('\r\n\r\n')) await once(client, 'data');
  const closed = once(client, 'close');
  expect(await idle.end('SIGTERM')).toBe(0);
  await closed;
  expect(said(idle).slice(-2)).toEqual(['draining', 'stopped']);
});

it('ends although a module of somebody else has left a timer running', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'drain-'));
  const module = join(folder, 'ticking.mjs');
  const machines = JSON.stringify(pathToFileURL(join(process.cwd(), 'machines/order.ts')));
  await writeFile(module, `export { orderSaga } from ${machines};\nsetInterval(() => {}, 1000);`);
  try {
    const ticking = await world.process({
      SAGAS: module,
      NODE_OPTIONS: `--import ${import.meta.resolve('tsx')}`,
    });
    expect(await ticking.end('SIGTERM')).toBe(0);
    expect(said(ticking).slice(-2)).toEqual(['draining', 'stopped']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('a second signal ends it at once', async () => {
  const stuck = await world.process({ COORDINATOR_ID: 'stuck', DRAIN_MS: '600000' });
  const gate = world.hold('order');
  const { body } = await submit(stuck.url, ORDER, { prefer: 'respond-async' });
  await gate.arrived;
  const exit = stuck.end('SIGTERM');
  await untilDraining(stuck.url);
  process.kill(stuck.pid, 'SIGINT');
  expect(await exit).toBe(130);
  expect(said(stuck).at(-1)).toBe('draining');
  gate.open();

  // It had no time to give the saga back; its next boot takes it over without waiting for the lease.
  const again = await world.process({ COORDINATOR_ID: 'stuck' });
  expect((await settled(again.url, body.saga_id)).body.status).toBe('COMPLETED');
  expect(await again.end('SIGTERM')).toBe(0);
});
