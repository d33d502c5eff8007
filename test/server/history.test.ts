/** The history over HTTP: points that add up, under the names of the metrics, and where everything stood. */
import { beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../server/engine/clock.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import { appOver } from './fake-app.ts';
import { expectProblem } from './problem.ts';

const NOW = Date.parse('2026-03-04T12:00:30Z');
const MINUTE = Math.floor(NOW / 60_000);
const PAY = 'calls/order/payment/action/payment';

let store: MemoryStore;
let app: ReturnType<typeof appOver>;
beforeEach(() => {
  store = new MemoryStore({ now: () => NOW });
  const clock = { ...systemClock, now: () => NOW };
  const engine = { history: store.history, store: store.info };
  app = appOver(engine, undefined, undefined, undefined, undefined, undefined, clock);
});

async function ask(query = '') {
  const response = await app.request(`/api/coordinator/history${query}`);
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: JSON.parse(await response.text()) };
}

it('tells of the last hour by the minute, and of what happened alone', async () => {
  await store.history.add([
    { minute: MINUTE - 61, counts: { 'machine/order': { started: 100 } } },
    { minute: MINUTE - 59, counts: { 'machine/order': { started: 4, COMPLETED: 1, 'COMPLETED.20': 1 } } },
    {
      minute: MINUTE,
      counts: {
        'machine/order': {
          FAILED: 19,
          'FAILED.50': 19,
          ABORTED: 1,
          'ABORTED.1000': 1,
          COMPLETED: 1,
          'COMPLETED.inf': 1,
        },
        [PAY]: { done: 7, retryable: 3, retries: 2, 100: 9, 200: 1 },
      },
    },
  ]);
  const { status, body } = await ask();
  expect(status).toBe(200);
  expect(body).toEqual({
    since: '2026-03-04T11:00:00.000Z',
    until: '2026-03-04T12:01:00.000Z',
    minutes_per_point: 1,
    machines: [
      {
        machine: 'order',
        points: [
          {
            ...{ at: '2026-03-04T11:01:00.000Z', started: 4, completed: 1, failed: 0, parked: 0, retries: 0 },
            ...{ p50_seconds: 0.02, p95_seconds: 0.02 },
          },
          {
            ...{
              at: '2026-03-04T12:00:00.000Z',
              started: 0,
              completed: 1,
              failed: 19,
              parked: 1,
              retries: 2,
            },
            ...{ p50_seconds: 0.05, p95_seconds: 0.05 },
          },
        ],
      },
    ],
    calls: [
      {
        ...{ machine: 'order', step: 'payment', kind: 'action', participant: 'payment' },
        points: [
          {
            ...{ at: '2026-03-04T12:00:00.000Z', done: 7, accepted: 0, refused: 0, retryable: 3, unknown: 0 },
            ...{ retries: 2, p50_seconds: 0.1, p95_seconds: 0.2 },
          },
        ],
      },
    ],
    standing: null,
  });
});

it('adds up a day to at most 120 points, which begin at round times', async () => {
  const minutes = Array.from({ length: 1_440 }, (_, ago) => MINUTE - ago);
  await store.history.add(minutes.map((minute) => ({ minute, counts: { 'machine/a%2Fb': { started: 1 } } })));
  const { body } = await ask('?since=2026-03-01T00:00:00Z');
  expect(body.minutes_per_point).toBe(15);
  const [{ machine, points }] = body.machines;
  expect(machine).toBe('a/b');
  expect(points.length).toBeLessThanOrEqual(120);
  expect(points.reduce((sum: number, { started }: { started: number }) => sum + started, 0)).toBe(1_440);
  expect(points.slice(1).every(({ at }: { at: string }) => Date.parse(at) % 900_000 === 0)).toBe(true);
  const closer = await ask('?since=2026-03-04T11:50:00Z&until=2026-03-04T12:00:59Z&minutes_per_point=5');
  expect(closer.body.machines[0].points.map(({ started }: { started: number }) => started)).toEqual([
    5, 5, 1,
  ]);
});

it('tells where everything stood when somebody looked last', async () => {
  const counts = {
    all: { in_flight: 1_200, looked_at: 1_000 },
    'standing/order/1': { 'processingPayment.waiting': 990 },
    'standing/order/2': { 'processingPayment.calling': 10 },
    'parked/order': { 'payment/compensation': 17, '/': 1 },
    'held/order': { 'payment/compensation/payment': 17, 'payment/compensation/payment%20EUR': 42_500 },
  };
  const standing = { atMs: NOW - 90_000, counts };
  await store.history.add([
    { minute: MINUTE - 1, counts: {}, standing },
    { minute: MINUTE, counts: {} },
  ]);
  const { body } = await ask();
  expect(body.standing).toEqual({
    at: '2026-03-04T11:59:00.000Z',
    in_flight: 1_200,
    looked_at: 1_000,
    states: [
      { machine: 'order', version: '1', state: 'processingPayment.waiting', count: 990 },
      { machine: 'order', version: '2', state: 'processingPayment.calling', count: 10 },
    ],
    parked: [
      {
        machine: 'order',
        step: 'payment',
        kind: 'compensation',
        count: 17,
        held: { payment: 17, 'payment EUR': 42_500 },
      },
      { machine: 'order', step: null, kind: null, count: 1, held: {} },
    ],
  });
});

it('refuses what is no span of time', async () => {
  for (const query of [
    '?since=2026-03-04T12:00:01Z&until=2026-03-04T12:00:00Z',
    '?since=yesterday',
    '?minutes_per_point=0',
    '?hours=1',
  ])
    expectProblem(await ask(query), 'invalid-query');
});
