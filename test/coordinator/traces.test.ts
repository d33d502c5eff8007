/** One trace from the client through the coordinators to the five services, as an OpenTelemetry collector receives it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Coordinator } from '../../server/coordinator.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { startObserved } from '../server/observed.ts';
import { type Collector, type Span, startCollector } from './collector.ts';
import {
  type CoordinatorProcess,
  type Environment,
  ORDER,
  openWorld,
  send,
  settled,
  submit,
  type World,
} from './world.ts';

const CLIENT = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' };
const TRACEPARENT = `00-${CLIENT.trace}-${CLIENT.span}-01`;
const [SERVER, CLIENT_KIND] = [2, 3];
const ERROR = 2;

let world: World;
let collector: Collector;
/** Opened by the test that holds a service. */
let pass = (): Promise<void> => Promise.resolve();

beforeAll(async () => {
  world = await openWorld({ clock: { now: Date.now, sleep: () => pass() } });
});
beforeEach(async () => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
  collector = await startCollector();
  return () => collector.close();
});
afterAll(() => world.close());

/** Ended with its test, or it would take the next one's sagas over. */
async function start(environment: Environment): Promise<CoordinatorProcess> {
  const coordinator = await world.process(environment);
  onTestFinished(async () => void (await coordinator.end()));
  return coordinator;
}

/** In this process: what is seen of it is what its collector gets. */
async function open(environment: Environment): Promise<Coordinator> {
  const coordinator = await world.coordinator(environment);
  onTestFinished(() => coordinator.stop());
  return coordinator;
}

const environment = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_BSP_SCHEDULE_DELAY: '10',
});
const named = (name: string) => (span: Span) => span.name === name;
const instancesOf = (spans: readonly Span[]) => spans.map(({ resource }) => resource['service.instance.id']);

describe('a saga that outlives its coordinator', () => {
  it('is one trace: the same before and after kill -9, with the spans of both', async () => {
    let entered = () => {};
    let open = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    pass = () => {
      entered();
      return opened;
    };
    world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const traced = { ...environment(), COORDINATOR_ID: 'traced', LOG_LEVEL: 'debug' };

    const first = await start(traced);
    const prefer = { prefer: 'respond-async', traceparent: TRACEPARENT, tracestate: 'vendor=1' };
    const { saga_id } = (await submit(first.url, ORDER, prefer)).body;
    await inside;
    await collector.until((spans) => spans.length === 2);
    // Lines leave a moment late, and those that have not left die with the process.
    while (!first.log.some((line) => line.saga_id === saga_id)) await send(`${first.url}/livez`);
    await first.end('SIGKILL');
    const second = await start(traced);
    open();
    const { body } = await settled(second.url, saga_id);
    await collector.until((spans) => spans.some(named('saga order')));

    expect(body).toMatchObject({ status: 'COMPLETED', trace_id: CLIENT.trace });
    const { spans } = collector;
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([CLIENT.trace]));
    expect(spans.map(({ name }) => name)).toEqual([
      ...SERVICE_NAMES.map((name) => `${name} action`),
      'saga order',
    ]);
    const { 4: last, 5: saga, ...before } = spans;
    expect(saga).toMatchObject({ kind: SERVER, parentSpanId: CLIENT.span });
    expect(instancesOf(spans)).toEqual([...Array(2).fill('traced/1'), ...Array(4).fill('traced/2')]);
    // The saga's span begins with the saga, in the life of the first coordinator, and ends after its last call.
    expect(BigInt(saga?.startTimeUnixNano ?? 0)).toBeLessThan(BigInt(before[0]?.endTimeUnixNano ?? 0));
    expect(BigInt(saga?.endTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(BigInt(last?.endTimeUnixNano ?? 0));

    // What a service was told is the very span of the attempt. The attempt that died with its coordinator has none.
    const told = world.journal(saga_id).map(({ service, traceparent }) => `${service} ${traceparent}`);
    for (const { name, spanId, parentSpanId, kind, attributes } of spans.slice(0, 5)) {
      const service = attributes['peer.service'];
      expect(told).toContain(`${service} 00-${CLIENT.trace}-${spanId}-01`);
      expect({ name, kind, parentSpanId }).toEqual({
        name: `${service} action`,
        kind: CLIENT_KIND,
        parentSpanId: saga?.spanId,
      });
      expect(attributes).toMatchObject({ 'saga.id': saga_id, 'saga.attempt': 1, 'saga.outcome': 'done' });
    }
    await second.end('SIGTERM');
    for (const { log } of [first, second]) {
      const lines = log.filter((line) => line.saga_id === saga_id);
      expect(lines.length).toBeGreaterThan(0);
      expect(new Set(lines.map(({ trace_id }) => trace_id))).toEqual(new Set([CLIENT.trace]));
    }
  });
});

describe('spans', () => {
  it('are one for each attempt, with what came of it, and tell no secret', async () => {
    const { shipping } = world.services;
    shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
    const coordinator = await open(environment());
    const token = 'tok_declined';
    const { body: done } = await submit(coordinator.url);
    const { body: failed } = await submit(coordinator.url, { ...ORDER, payment: { method: 'card', token } });
    await coordinator.stop();

    const of = (id: string) =>
      collector.spans
        .filter(({ attributes }) => attributes['saga.id'] === id)
        .map(({ name, attributes, status }) => {
          const { 'saga.attempt': attempt, 'saga.outcome': outcome } = attributes;
          return [name, attempt, outcome, status.code === ERROR].filter((one) => one !== undefined).join(' ');
        });
    expect(of(done.saga_id)).toEqual([
      'order action 1 done false',
      'inventory action 1 done false',
      'payment action 1 done false',
      'shipping action 1 retryable true',
      'shipping action 2 done false',
      'notification action 1 done false',
      'saga order false',
    ]);
    expect(of(failed.saga_id)).toEqual([
      'order action 1 done false',
      'inventory action 1 done false',
      'payment action 1 refused true',
      'payment compensation 1 done false',
      'inventory compensation 1 done false',
      'order compensation 1 done false',
      'saga order true',
    ]);
    // Without a traceparent the saga is the root of a trace that its own UUID names.
    const root = collector.spans.find(named('saga order'));
    expect(root).not.toHaveProperty('parentSpanId');
    expect(root?.traceId).toBe(done.saga_id.slice(done.saga_id.indexOf('-') + 1).replaceAll('-', ''));
    expect(JSON.stringify(collector.spans)).not.toContain(token);
  });

  it('tell of a saga that is parked, and its own span comes when an operator has ended it', async () => {
    world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
    const coordinator = await open(environment());
    const declined = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
    const { body } = await submit(coordinator.url, declined);
    await collector.until((spans) => spans.some(named('parked order')));
    expect(collector.spans.some(named('saga order'))).toBe(false);

    const detail = await send(`${coordinator.url}/api/coordinator/sagas/${body.saga_id}`);
    const resolved = await send(`${coordinator.url}/api/coordinator/sagas/${body.saga_id}/resolve`, {
      method: 'POST',
      headers: { 'if-match': String(detail.headers.etag) },
      body: { reason: 'put back by hand', by: 'ada', as: 'FAILED' },
    });
    expect(resolved.status).toBeLessThan(300);
    await collector.until((spans) => spans.some(named('saga order')));
    const [parked, saga] = ['parked order', 'saga order'].map((name) => collector.spans.find(named(name)));
    expect(parked?.parentSpanId).toBe(saga?.spanId);
    expect(parked?.attributes['saga.held']).toEqual({ values: [{ stringValue: 'inventory' }] });
    await coordinator.stop();
  });

  it('are named by the conventions for HTTP, and none begins before its parent', async () => {
    const { shipping } = world.services;
    shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
    const unreachable = { INVENTORY_SERVICE_URL: 'http://127.0.0.1:1/base' };
    const [reached, alone] = [await open(environment()), await open({ ...environment(), ...unreachable })];
    const headers = { traceparent: TRACEPARENT, tracestate: 'vendor=1' };
    const token = 'tok_declined';
    const declined = { ...ORDER, payment: { method: 'card', token } };
    const orders = Array.from({ length: 20 }, (_, index) =>
      submit(reached.url, index % 2 === 0 ? ORDER : declined, index % 3 === 0 ? headers : {}),
    );
    await Promise.all([...orders, submit(alone.url)]);
    await Promise.all([reached.stop(), alone.stop()]);

    const { spans } = collector;
    const sagas = new Map(spans.filter(named('saga order')).map((span) => [span.spanId, span]));
    // The one that reached no inventory is parked, and has no span of its own yet.
    expect(sagas.size).toBe(20);
    const children = spans.filter(({ parentSpanId = '' }) => sagas.has(parentSpanId));
    expect(children.length).toBeGreaterThanOrEqual(10 * 5 + 10 * 6);
    for (const { parentSpanId = '', startTimeUnixNano, name } of children) {
      const parent = sagas.get(parentSpanId);
      expect(BigInt(startTimeUnixNano), name).toBeGreaterThanOrEqual(BigInt(parent?.startTimeUnixNano ?? 0));
    }

    const { port } = new URL(shipping.url);
    const call = { 'http.request.method': 'POST', 'peer.service': 'shipping' };
    const at = {
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'url.full': `${shipping.url}/api/shipping/schedule`,
    };
    const again = { 'saga.outcome': 'done', 'http.request.resend_count': 1 };
    const attributes = spans.map((span) => span.attributes);
    expect(attributes).toContainEqual(expect.objectContaining({ ...call, ...at, 'error.type': '503' }));
    expect(attributes).toContainEqual(expect.objectContaining({ ...call, ...at, ...again }));
    expect(attributes).toContainEqual(
      expect.objectContaining({ 'http.response.status_code': 402, 'error.type': '402' }),
    );
    const gone = {
      'error.type': 'ECONNREFUSED',
      'url.full': 'http://127.0.0.1:1/base/api/inventory/reserve',
    };
    expect(attributes).toContainEqual(expect.objectContaining(gone));
    expect(attributes.filter((one) => 'error.type' in one && one['saga.outcome'] === 'done')).toEqual([]);

    for (const { traceId, traceState, parentSpanId, flags, schemaUrls } of spans) {
      expect(traceState).toBe(traceId === CLIENT.trace ? 'vendor=1' : undefined);
      expect(flags).toBe(parentSpanId === CLIENT.span ? 0x301 : 0x101);
      expect(schemaUrls).toEqual(
        Array(2).fill(expect.stringMatching(/^https:\/\/opentelemetry\.io\/schemas\//)),
      );
    }
  });

  it('are made or not as was decided when the saga began, also by who takes it over', async () => {
    world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 2 }]);
    const never = { ...environment(), OTEL_TRACES_SAMPLER: 'always_off', COORDINATOR_ID: 'never' };
    const always = { ...environment(), OTEL_TRACES_SAMPLER: 'always_on', COORDINATOR_ID: 'always' };
    // It waits long for its next attempt, in which the other coordinator takes it up.
    const first = await open({ ...never, ACTION_BACKOFF_MS: '86400000', ACTION_BACKOFF_MAX_MS: '86400000' });
    const prefer = { prefer: 'respond-async', traceparent: TRACEPARENT };
    const { saga_id } = (await submit(first.url, ORDER, prefer)).body;
    const path = `/api/coordinator/sagas/${saga_id}`;
    while ((await send(first.url + path)).body.state !== 'schedulingShipping.waiting');
    await first.stop();
    const second = await open({ ...always, ACTION_ATTEMPTS_MAX: '5' });
    await send(`${second.url}${path}/retry`, { method: 'POST', body: { reason: 'now', by: 'ada' } });
    await settled(second.url, saga_id);
    const { body: seen } = await submit(second.url, ORDER, { traceparent: TRACEPARENT.replace(/01$/, '00') });
    await second.stop();
    expect(new Set(collector.spans.map(({ attributes }) => attributes['saga.id']))).toEqual(
      new Set([seen.saga_id]),
    );
    const flagsOf = (id: string) =>
      new Set(world.journal(id).map(({ traceparent }) => traceparent?.slice(-3)));
    expect([flagsOf(saga_id), flagsOf(seen.saga_id)]).toEqual([new Set(['-00']), new Set(['-01'])]);
  });

  it('go out, and orders through, whatever platforms have put into the environment', async () => {
    const { port } = new URL(collector.url);
    const coordinator = await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_TRACES_EXPORTER: 'console,otlp',
      OTEL_SDK_DISABLED: 'FALSE',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
      OTEL_PROPAGATORS: 'b3,tracecontext',
      OTEL_EXPORTER_OTLP_HEADERS: 'x=a%0Ab,=,%E0%A4%A=1,alone',
      OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'brotli',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/none',
      OTEL_RESOURCE_ATTRIBUTES: 'bad,=,a=%',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0',
      OTEL_BSP_SCHEDULE_DELAY: 'never',
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_LOGS_EXPORTER: 'console',
    });
    expect((await submit(coordinator.url)).status).toBe(201);
    expect(await coordinator.end('SIGTERM')).toBe(0);
    const said = coordinator.log.filter(({ level }) => level === 40).map(({ msg }) => String(msg));
    for (const variable of [
      'TRACES_EXPORTER',
      'TRACES_SAMPLER',
      'PROPAGATORS',
      'OTLP_TIMEOUT',
      'OTLP_COMPRESSION',
    ])
      expect(said).toContainEqual(expect.stringContaining(variable));
    expect(said).toContainEqual(expect.stringMatching(/gRPC .* http\/protobuf to/));
  });

  it('are not made where the caller does not sample', async () => {
    const coordinator = await open(environment());
    const { body: unseen } = await submit(coordinator.url, ORDER, {
      traceparent: TRACEPARENT.replace(/01$/, '00'),
    });
    const { body: seen } = await submit(coordinator.url);
    await coordinator.stop();
    const ids = new Set(collector.spans.map(({ attributes }) => attributes['saga.id']));
    expect(ids).toEqual(new Set([seen.saga_id]));
    const flags = world.journal(unseen.saga_id).map(({ traceparent }) => traceparent?.slice(-3));
    expect(new Set(flags)).toEqual(new Set(['-00']));
  });

  it('go out as protobuf unless asked otherwise', async () => {
    const { OTEL_EXPORTER_OTLP_PROTOCOL: _, ...unset } = environment();
    const coordinator = await open(unset);
    await submit(coordinator.url);
    await coordinator.stop();
    expect([...collector.mediaTypes]).toEqual(['application/x-protobuf']);
  });

  it('that no collector takes cost one line in the log, and no order', async () => {
    collector.answer(400);
    const coordinator = await startObserved(world, 'info', environment());
    expect((await submit(coordinator.url)).status).toBe(201);
    expect((await submit(coordinator.url)).status).toBe(201);
    await coordinator.stop();
    const lost = coordinator.entries().filter(({ msg }) => /takes no spans/.test(String(msg)));
    expect(lost).toEqual([expect.objectContaining({ level: 40 })]);
  });
});

it('load nothing of OpenTelemetry where none are asked for', async () => {
  const loaded = `
    import { createRequire } from 'node:module';
    await import('./server/coordinator.ts');
    process.stdout.write(Object.keys(createRequire(import.meta.url).cache).join('\\n'));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--import', 'tsx', '--input-type=module', '--eval', loaded],
  ]);
  expect(stdout).toMatch(/node_modules.ioredis/);
  // The API, which is empty without an SDK, is loaded by prom-client.
  expect(stdout).not.toMatch(/@opentelemetry.(?!api\b)/);
});
