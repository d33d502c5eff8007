/** What Prometheus reads of a coordinator that has seen a success, a failure, a retry and a parked saga. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { expectProblem } from './problem.ts';
import { type Family, parseMetrics } from './prometheus.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };

let world: World;
let url: string;
let contentType: unknown;
let text: string;
/** Before anything was asked of it. */
let untouched: Map<string, Family>;
let metrics: Map<string, Family>;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
  untouched = parseMetrics((await send(`${url}/metrics`)).body);
  const { shipping, inventory } = world.services;
  const { body: done } = await submit(url);
  await submit(url, DECLINED);
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
  await submit(url);
  inventory.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  await submit(url, DECLINED);
  await submit(url, { ...ORDER, items: [] });
  await send(`${url}/api/coordinator/sagas/${done.saga_id}`);
  await send(`${url}/api/coordinator/sagas/none`);
  await send(`${url}/api/coordinator/sagas/${done.saga_id}`, { method: 'DELETE' });
  await send(`${url}/nothing/${done.saga_id}`);
  await send(`${url}/livez`);
  const { headers, body } = await send(`${url}/metrics`);
  contentType = headers['content-type'];
  text = body;
  metrics = parseMetrics(text);
});
afterAll(() => world.close());

/** The values of a metric by its labels, written as a list. */
function allOf(name: string, suffix = '', from = metrics): Record<string, number> {
  const samples = from.get(name)?.samples ?? [];
  return Object.fromEntries(
    samples
      .filter((sample) => sample.name === name + suffix)
      .map(({ labels, value }) => [Object.values(labels).join(' '), value]),
  );
}

/** Those that were ever raised. */
function valuesOf(name: string, suffix = ''): Record<string, number> {
  return Object.fromEntries(Object.entries(allOf(name, suffix)).filter(([, value]) => value > 0));
}

it('is the text format, with help and type for every metric', () => {
  expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  const ours = [...metrics.keys()].filter((name) => /^(saga|http)_/.test(name));
  expect(ours.sort()).toEqual([
    'http_request_duration_seconds',
    'saga_build_info',
    'saga_claimed_total',
    'saga_compensations_total',
    'saga_deferred_total',
    'saga_definition_errors_total',
    'saga_duration_seconds',
    'saga_forgotten_total',
    'saga_in_flight',
    'saga_in_hand',
    'saga_lost_total',
    'saga_oldest_in_flight_seconds',
    'saga_overdue_seconds',
    'saga_parked',
    'saga_participant_breaker_open',
    'saga_participant_breaker_opened_total',
    'saga_participant_calls_in_flight',
    'saga_participant_calls_queued',
    'saga_purged_early_total',
    'saga_retries_total',
    'saga_settled_total',
    'saga_started_total',
    'saga_starts_refused_total',
    'saga_step_duration_seconds',
    'saga_store_clock_jumps_total',
    'saga_store_damaged',
    'saga_store_faults_total',
    'saga_store_full_in_seconds',
    'saga_store_memory_max_bytes',
    'saga_store_memory_used_bytes',
    'saga_store_operation_duration_seconds',
    'saga_transition_differences_total',
    'saga_unreadable_total',
    'saga_version_unknown_total',
    'saga_waits_refused_total',
    'saga_webhook_messages_total',
  ]);
  expect(metrics.has('process_cpu_seconds_total')).toBe(true);
});

it('has nothing in a label that would never end: no id, no path, no customer', () => {
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}/);
  expect(text).not.toMatch(/ord_|cust_|\/nothing|\/none/);
});

describe('counts', () => {
  it('sagas by how they ended', () => {
    expect(valuesOf('saga_started_total')).toEqual({ order: 4 });
    const settled = { 'order COMPLETED': 2, 'order FAILED': 1, 'order ABORTED': 1 };
    expect(valuesOf('saga_settled_total')).toEqual(settled);
    expect(valuesOf('saga_duration_seconds', '_count')).toEqual(settled);
    expect(allOf('saga_in_hand')).toEqual({ '': 0 });
    expect(allOf('saga_in_flight')).toEqual({ '': 0 });
    // At the first reading: what is parked wakes somebody, and must not wait for the next scrape.
    expect(valuesOf('saga_parked')).toEqual({ '': 1 });
  });

  it('calls by step, kind and outcome', () => {
    expect(valuesOf('saga_step_duration_seconds', '_count')).toEqual({
      'order order action done': 4,
      'order inventory action done': 4,
      'order payment action done': 2,
      'order payment action refused': 2,
      'order shipping action done': 2,
      'order shipping action retryable': 1,
      'order notification action done': 2,
      'order payment compensation done': 2,
      'order inventory compensation done': 1,
      'order inventory compensation refused': 1,
      'order order compensation done': 2,
    });
  });

  it('retries, and the saga that was taken up again after its wait', () => {
    expect(valuesOf('saga_retries_total')).toEqual({ 'order shipping action': 1 });
    expect(valuesOf('saga_claimed_total')).toEqual({ order: 1 });
    expect(valuesOf('saga_lost_total')).toEqual({});
    expect(valuesOf('saga_unreadable_total')).toEqual({});
    expect(valuesOf('saga_version_unknown_total')).toEqual({});
    expect(valuesOf('saga_store_faults_total')).toEqual({});
  });

  it('compensations by result', () => {
    expect(valuesOf('saga_compensations_total')).toEqual({
      'order payment succeeded': 2,
      'order inventory succeeded': 1,
      'order inventory failed': 1,
      'order order succeeded': 2,
    });
  });

  it('operations of the store', () => {
    const operations = valuesOf('saga_store_operation_duration_seconds', '_count');
    expect(operations).toMatchObject({ 'create ok': 4, 'claim ok': expect.any(Number) });
    // A success commits five times, a retry two times more; payment refused three and then thrice undone.
    expect(operations['commit ok']).toBe(5 + 6 + 7 + 6);
  });

  it('the same as the statistics', async () => {
    const { body } = await send(`${url}/api/coordinator/statistics`);
    const sum = (name: string) => Object.values(valuesOf(name)).reduce((total, value) => total + value, 0);
    expect(body.total_active_sagas).toBe(sum('saga_started_total'));
    expect(body.retries).toBe(sum('saga_retries_total'));
    expect(body.compensations.attempted).toBe(sum('saga_compensations_total'));
  });
});

it('says how much memory the store has used, of how much, and when it will be full', () => {
  expect(allOf('saga_store_memory_used_bytes')['']).toBeGreaterThan(500_000);
  expect(allOf('saga_store_memory_max_bytes')).toEqual({ '': 0 });
  expect(allOf('saga_store_full_in_seconds')).toEqual({ '': Number.POSITIVE_INFINITY });
});

it('says what is built in', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const [info] = metrics.get('saga_build_info')?.samples ?? [];
  expect(info).toEqual({
    name: 'saga_build_info',
    labels: { version, node: process.versions.node, machines: 'order@1' },
    value: 1,
  });
});

describe('stands at zero from the start, so that a rate sees the first of', () => {
  const STEPS = ['order', 'inventory', 'payment', 'shipping', 'notification'];
  const crossed = (...sets: readonly (readonly string[])[]) =>
    sets.reduce((all, set) => all.flatMap((one) => set.map((next) => `${one} ${next}`.trim())), ['']);
  const KINDS = ['action', 'compensation'];
  const STATUSES = ['COMPLETED', 'FAILED', 'ABORTED'];

  it.each([
    ['saga_started_total', '', ['order']],
    ['saga_claimed_total', '', ['order']],
    ['saga_version_unknown_total', '', ['order']],
    ['saga_unreadable_total', '', ['']],
    ['saga_store_faults_total', '', ['']],
    ['saga_settled_total', '', crossed(['order'], STATUSES)],
    ['saga_duration_seconds', '_count', crossed(['order'], STATUSES)],
    ['saga_compensations_total', '', crossed(['order'], STEPS, ['succeeded', 'failed'])],
    ['saga_retries_total', '', crossed(['order'], STEPS, KINDS)],
    ['saga_deferred_total', '', crossed(['order'], STEPS, KINDS)],
    [
      'saga_step_duration_seconds',
      '_count',
      crossed(['order'], STEPS, KINDS, ['done', 'refused', 'retryable', 'unknown']),
    ],
    ['saga_participant_breaker_opened_total', '', STEPS],
    ['saga_lost_total', '', ['stale', 'missing', 'lease-over', 'key-missing']],
    [
      'http_request_duration_seconds',
      '_count',
      ['201', '202', '409', '500', '503'].map((status) => `POST /api/coordinator/orders ${status}`),
    ],
  ])('%s%s', (name, suffix, labels) => {
    const zeros = Object.fromEntries(labels.map((label) => [label, 0]));
    expect(allOf(name, suffix, untouched)).toEqual(zeros);
  });

  it('saga_store_operation_duration_seconds, failed or not', () => {
    const operations = allOf('saga_store_operation_duration_seconds', '_count', untouched);
    expect(operations).toMatchObject({
      'create ok': 0,
      'create error': 0,
      'commit ok': 0,
      'commit error': 0,
    });
  });

  it('any counter of ours: none is without a sample', () => {
    const counters = [...untouched].filter(
      ([name, { type }]) => type === 'counter' && name.startsWith('saga_'),
    );
    expect(counters.filter(([, { samples }]) => samples.length === 0).map(([name]) => name)).toEqual([]);
  });
});

it('measures requests by method, route pattern and status', () => {
  expect(valuesOf('http_request_duration_seconds', '_count')).toEqual({
    'POST /api/coordinator/orders 201': 2,
    'POST /api/coordinator/orders 409': 2,
    'POST /api/coordinator/orders 422': 1,
    'GET /api/coordinator/sagas/:id 200': 1,
    'GET /api/coordinator/sagas/:id 404': 1,
    'DELETE /api/coordinator/sagas/:id 405': 1,
    'GET none 404': 1,
    'GET /livez 200': 1,
    'GET /metrics 200': 1,
  });
});

it('has histograms whose buckets only grow and end in all', () => {
  for (const [name, { type, samples }] of metrics) {
    if (type !== 'histogram') continue;
    const series = new Map<string, number[]>();
    for (const { name: sample, labels, value } of samples) {
      const { le, ...rest } = labels;
      const key = JSON.stringify(rest);
      if (sample === `${name}_bucket`) series.set(key, [...(series.get(key) ?? []), value]);
      if (sample === `${name}_count`) expect(series.get(key)?.at(-1), name).toBe(value);
    }
    for (const counts of series.values()) expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  }
});

it('still answers, with its last values, when the store is away', async () => {
  await world.redis.kill();
  while ((await send(`${url}/readyz`)).status === 200);
  expectProblem(await send(`${url}/readyz`), 'store-unavailable');
  const { status, body } = await send(`${url}/metrics`);
  expect(status).toBe(200);
  const away = parseMetrics(body);
  expect(away.get('saga_parked')?.samples[0]?.value).toBe(1);
  // The reading that failed shows in the next one.
  const failed =
    /^saga_store_operation_duration_seconds_count\{operation="statistics",result="error"\} [1-9]/m;
  expect((await send(`${url}/metrics`)).body).toMatch(failed);
});
