/** The statistics as the wire contract gives them for an example: twelve real orders of five steps, 52 steps done. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const UNDELIVERABLE = { ...ORDER, shipping_address: { ...ORDER.shipping_address, country: 'XX' } };

let world: World;
let urls: readonly string[];

beforeAll(async () => {
  world = await openWorld();
  const coordinators = await Promise.all([
    world.coordinator({ COORDINATOR_ID: 'one' }),
    world.coordinator({ COORDINATOR_ID: 'two' }),
  ]);
  urls = coordinators.map(({ url }) => url);
});
afterAll(() => world.close());

const statistics = async (url = '') => (await send(`${url}/api/coordinator/statistics`)).body;

it('of an empty store are zeros, and nothing is divided by zero', async () => {
  expect(await statistics(urls[0])).toEqual({
    total_active_sagas: 0,
    status_breakdown: { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 },
    total_steps: 0,
    completed_steps: 0,
    step_completion_rate: 0,
    average_steps_per_saga: 0,
    in_flight: 0,
    parked: 0,
    failures_by_step: {},
    compensations: { attempted: 0, succeeded: 0, failed: 0, success_rate: 0 },
    retries: 0,
    deferrals: 0,
    duration_seconds: { p50: null, p95: null, p99: null },
    throughput_per_minute: 0,
    machines: {},
  });
});

it('of twelve sagas with 52 of 60 steps done are the same at every coordinator', async () => {
  for (const name of ['inventory', 'shipping'] as const) {
    world.services[name].faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
  }
  world.services.order.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410, times: 1 }]);
  // 9 x 5 and 2 x 2 and 1 x 3 are 52.
  const orders = [...Array.from({ length: 9 }, () => ORDER), DECLINED, DECLINED, UNDELIVERABLE];
  for (const [index, order] of orders.entries()) await submit(urls[index % 2] ?? '', order);

  const [first, second] = [await statistics(urls[0]), await statistics(urls[1])];
  expect(second).toEqual(first);
  expect(first).toEqual({
    total_active_sagas: 12,
    status_breakdown: { STARTED: 0, COMPLETED: 9, FAILED: 2, ABORTED: 1 },
    total_steps: 60,
    completed_steps: 52,
    step_completion_rate: 86.67,
    average_steps_per_saga: 5,
    in_flight: 0,
    parked: 1,
    failures_by_step: { order: { payment: 2, shipping: 1 } },
    // Undone are the failed step itself and all before it: 3 + 3 + 4.
    compensations: { attempted: 10, succeeded: 9, failed: 1, success_rate: 90 },
    retries: 2,
    deferrals: 0,
    duration_seconds: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
    throughput_per_minute: 12,
    machines: {
      order: {
        started: 12,
        completed: 9,
        failed: 2,
        parked: 1,
        failures_by_step: { payment: 2, shipping: 1 },
      },
    },
  });
  const { p50, p95, p99 } = first.duration_seconds;
  expect([p50, p95, p99]).toEqual([p50, p95, p99].toSorted((a, b) => a - b));
});

it('are what a coordinator says that starts only now', async () => {
  const before = await statistics(urls[0]);
  const { url } = await world.coordinator({ COORDINATOR_ID: 'three' });
  expect(await statistics(url)).toEqual(before);
});
