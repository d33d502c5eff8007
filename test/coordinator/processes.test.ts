/** One coordinator as several processes: they share the port, and what they hold is never lost with one of them. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type HoldingWorld, openHoldingWorld } from '../server/held.ts';
import { type Family, parseMetrics } from '../server/prometheus.ts';
import { beside, gone, Run } from '../start/processes.ts';
import { type CoordinatorProcess, type Environment, ORDER, send, settled, submit } from './world.ts';

let world: HoldingWorld;

beforeAll(async () => {
  world = await openHoldingWorld();
});
afterAll(() => world.close());

/** Two workers, named `<id>.1` and `<id>.2`. No lease ends within a test: a saga is taken over by name or not at all. */
const two = (id: string, more: Environment = {}) =>
  world.process({
    COORDINATOR_PROCESSES: '2',
    COORDINATOR_ID: id,
    ACTION_TIMEOUT_MS: '3600000',
    LEASE_MAX_MS: '3600000',
    ...more,
  });

async function pidOf({ logged }: CoordinatorProcess, name: string, otherThan = 0): Promise<number> {
  const line = await logged(
    ({ msg, coordinator, pid }) => msg === 'process ready' && coordinator === name && pid !== otherThan,
  );
  return line.pid as number;
}

const pidsOf = (coordinator: CoordinatorProcess, id: string) =>
  Promise.all([pidOf(coordinator, `${id}.1`), pidOf(coordinator, `${id}.2`)]);

async function metricsOf(url: string): Promise<ReadonlyMap<string, Family>> {
  return parseMetrics((await send(`${url}/metrics`)).body);
}

/** A metric's value in each process, by the process's name. */
function byProcess(metrics: ReadonlyMap<string, Family>, name: string): Record<string, number> {
  const samples = metrics.get(name)?.samples ?? [];
  return Object.fromEntries(samples.map(({ labels, value }) => [String(labels.coordinator), value]));
}

/** The process in whose hands the only saga is. */
async function holderOf(url: string): Promise<string> {
  const inHand = Object.entries(byProcess(await metricsOf(url), 'saga_in_hand'));
  const [holder, ...others] = inHand.filter(([, count]) => count > 0);
  if (holder === undefined || others.length > 0) throw new Error(`not one holder: ${inHand.join('; ')}`);
  return holder[0];
}

/** Given back by a drain: a coordinator of another name has it at once, and need not take it over. */
async function endsElsewhere(sagaId: string): Promise<void> {
  const another = await world.coordinator({ COORDINATOR_ID: 'another' });
  const { body } = await settled(another.url, sagaId);
  expect(body.status).toBe('COMPLETED');
  expect(body.execution_log.map(({ event }: { event: string }) => event)).not.toContain('takenOver');
  await another.stop();
}

it('completes orders in both, shows the numbers of both whoever is asked, and joins repeats across them', async () => {
  const coordinator = await two('both', { RETENTION_HOUR: '1' });
  const { url } = coordinator;
  // Once, not by each process.
  const misspelt = 'RETENTION_HOUR is no setting and is ignored; did you mean RETENTION_HOURS?';
  expect(coordinator.log.filter(({ msg }) => msg === misspelt)).toMatchObject([
    { level: 40, coordinator: 'both' },
  ]);
  let orders = 0;
  const started = async () => byProcess(await metricsOf(url), 'saga_started_total');
  // Connections are dealt out in turn, and each request of these has one of its own.
  while (Object.keys(await started()).length < 2) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => submit(url)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    orders += answers.length;
  }

  for (const counts of await Promise.all(Array.from({ length: 8 }, started))) {
    expect(Object.keys(counts).sort()).toEqual(['both.1', 'both.2']);
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(orders);
  }
  const metrics = await metricsOf(url);
  expect(metrics.get('saga_processes')?.samples).toMatchObject([{ value: 2 }]);
  expect(metrics.get('saga_process_restarts_total')?.samples).toMatchObject([{ value: 0 }]);
  const known = byProcess(metrics, 'process_start_time_seconds');
  expect(Object.keys(known).sort()).toEqual(['both.1', 'both.2']);

  const key = { 'idempotency-key': '"the same"' };
  const repeats = await Promise.all(Array.from({ length: 8 }, () => submit(url, ORDER, key)));
  expect(repeats.map(({ status }) => status)).toEqual(Array(8).fill(201));
  expect(new Set(repeats.map(({ body }) => body.saga_id)).size).toBe(1);

  const all = await Promise.all(repeats.map(() => send(`${url}/api/coordinator/statistics`)));
  // Whoever keeps connections for a minute finds them open.
  for (const { headers } of all) expect(headers['keep-alive']).toBe('timeout=75');
  for (const { body } of all) expect(body.status_breakdown.COMPLETED).toBe(orders + 1);
  expect(await coordinator.end('SIGTERM')).toBe(0);
});

it('starts a killed one again under its name, which takes its sagas back at once', async () => {
  const coordinator = await two('struck');
  const { url } = coordinator;
  const gate = world.hold('payment');
  const { body: accepted } = await submit(url, ORDER, { prefer: 'respond-async' });
  await gate.arrived;
  const name = await holderOf(url);
  const pid = await pidOf(coordinator, name);

  process.kill(pid, 'SIGKILL');
  await pidOf(coordinator, name, pid);
  gate.open();
  const { body } = await settled(url, accepted.saga_id);

  expect(body.status).toBe('COMPLETED');
  expect(body.execution_log.map(({ event }: { event: string }) => event)).toContain('takenOver');
  const effects = world.calls(accepted.saga_id).filter((call) => call.endsWith('performed'));
  expect(effects).toEqual(SERVICE_NAMES.map((service) => `${service} action performed`));
  const metrics = await metricsOf(url);
  expect(metrics.get('saga_processes')?.samples).toMatchObject([{ value: 2 }]);
  expect(metrics.get('saga_process_restarts_total')?.samples).toMatchObject([{ value: 1 }]);
  expect(coordinator.log.filter(({ msg }) => String(msg).includes('died'))).toMatchObject([
    { coordinator: 'struck', process: name, ended: 'SIGKILL', level: 50 },
  ]);
  expect(await coordinator.end('SIGTERM')).toBe(0);
});

it.each([
  ['SIGTERM of the primary', 'SIGTERM', false],
  ['Ctrl-C, which all processes of a terminal get', 'SIGINT', true],
] as const)('%s drains all, and the primary ends last, with 0', async (_, signal, isForAll) => {
  const coordinator = await two('leaving');
  const pids = await pidsOf(coordinator, 'leaving');
  const gate = world.hold('payment');
  const waiting = submit(coordinator.url);
  await gate.arrived;

  if (isForAll) for (const pid of pids) process.kill(pid, signal);
  const exit = coordinator.end(signal);
  // Whoever waits is answered by the drain, before the call in flight has settled.
  const { status, body } = await waiting;
  expect(status).toBe(202);
  gate.open();

  expect(await exit).toBe(0);
  await gone(...pids);
  const stopped = coordinator.log.filter(({ msg }) => msg === 'stopped').map((line) => line.coordinator);
  expect(stopped.toSorted()).toEqual(['leaving', 'leaving.1', 'leaving.2']);
  expect(stopped.at(-1)).toBe('leaving');
  await endsElsewhere(body.saga_id);
});

it('a second signal ends all at once', async () => {
  const coordinator = await two('stuck', { DRAIN_MS: '3600000' });
  const pids = await pidsOf(coordinator, 'stuck');
  const gate = world.hold('order');
  await submit(coordinator.url, ORDER, { prefer: 'respond-async' });
  await gate.arrived;
  const exit = coordinator.end('SIGTERM');
  await coordinator.logged(({ msg, coordinator: name }) => msg === 'draining' && name === 'stuck');
  process.kill(coordinator.pid, 'SIGTERM');
  expect(await exit).toBe(130);
  await gone(...pids);
  gate.open();
});

it('leaves no process behind when the primary is killed: they drain', async () => {
  const coordinator = await two('orphaned');
  const pids = await pidsOf(coordinator, 'orphaned');
  const gate = world.hold('payment');
  const { body } = await submit(coordinator.url, ORDER, { prefer: 'respond-async' });
  await gate.arrived;
  expect(await coordinator.end('SIGKILL')).toBeNull();
  for (const name of ['orphaned.1', 'orphaned.2'])
    await coordinator.logged(({ msg, coordinator }) => msg === 'draining' && coordinator === name);
  gate.open();
  await gone(...pids);

  await endsElsewhere(body.saga_id);
});

const MAIN = beside('../../server/main.ts');

it('is refused with the memory store, which cannot be shared', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'processes-'));
  const env = { PATH: folder, DATA_DIR: folder, COORDINATOR_PORT: '0', COORDINATOR_PROCESSES: '2' };
  const run = new Run(MAIN, [], { env });
  expect(await run.ended()).toBe(1);
  expect(run.lines).toEqual([
    'the settings cannot be used:',
    '  COORDINATOR_PROCESSES: processes share their store, and memory cannot be shared; set REDIS_URL, or have redis-server or valkey-server on PATH',
  ]);
  await rm(folder, { recursive: true });
});

it('ends, and does not begin again and again, where no process could ever start', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const run = new Run(MAIN, [], {
    env: { COORDINATOR_PORT: String(port), COORDINATOR_PROCESSES: '2', REDIS_URL: world.redis.url },
  });
  expect(await run.ended()).toBe(1);
  expect(run.text.match(/EADDRINUSE/g)).toHaveLength(1);
  expect(run.text.match(/"msg":"starting"/g)).toHaveLength(1);
  expect(run.text).toContain('a process ended before it was ready');
  taken.close();
});
