/** From views to bodies where arithmetic is involved: rates, averages, quantiles; and what is shown of a saga half known. */
import { describe, expect, it } from 'vitest';
import { DURATION_BUCKETS_MS } from '../../server/engine/contract.ts';
import { MESSAGES, presentSaga, presentStatistics, totalOf } from '../../server/routes/present.ts';
import type { Counts, Statistics } from '../../stores/saga-store.ts';

const NONE = { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 };

function of(counters: Readonly<Record<string, Counts>>, more: Partial<Statistics> = {}) {
  return presentStatistics({
    statuses: NONE,
    inFlight: 0,
    settledPerMinute: 0,
    damage: [],
    counters,
    ...more,
  });
}

it('has the messages that clients compare', () => {
  expect(MESSAGES).toEqual({
    STARTED: 'STARTED: Saga in progress',
    COMPLETED: 'COMPLETED: All steps successful',
    FAILED: 'FAILED: Compensated successfully',
    ABORTED: 'ABORTED: Compensation incomplete',
  });
});

describe('rates have two decimals', () => {
  it.each([
    [0, 0, 0],
    [0, 5, 0],
    [5, 5, 100],
    [52, 60, 86.67],
    [1, 3, 33.33],
    [2, 3, 66.67],
    [1, 8, 12.5],
    [1, 16, 6.25],
    [1, 32, 3.13],
    [1, 20_000, 0.01],
    [1, 20_001, 0],
    [999_999, 1_000_000, 100],
    [9_999, 10_001, 99.98],
  ])('%d of %d is %d', (part, whole, rate) => {
    const counts = {
      'completed_steps.held': part,
      'total_steps.held': whole,
      'compensations.succeeded': part,
      'compensations.attempted': whole,
    };
    const { step_completion_rate, compensations } = of({ order: counts });
    expect(step_completion_rate).toBe(rate);
    expect(compensations.success_rate).toBe(rate);
  });

  it.each([
    [0, 0, 0],
    [60, 12, 5],
    [7, 3, 2.33],
    [8, 3, 2.67],
  ])('%d steps in %d sagas are %d a saga', (steps, sagas, average) => {
    const statuses = { ...NONE, COMPLETED: sagas };
    expect(of({ order: { 'total_steps.held': steps } }, { statuses }).average_steps_per_saga).toBe(average);
  });
});

describe('quantiles', () => {
  const durations = (counts: Readonly<Record<string, number>>) => {
    const named = Object.entries(counts).map(([bound, count]) => [`duration.${bound}`, count]);
    return of({ order: Object.fromEntries(named) }).duration_seconds;
  };
  it.each([
    ['of nothing', {}, [null, null, null]],
    ['of one saga', { 5: 1 }, [0.005, 0.005, 0.005]],
    ['in the first bucket', { 1: 3 }, [0.001, 0.001, 0.001]],
    ['in the last bucket that has a bound', { 1000000: 2 }, [1000, 1000, 1000]],
    ['beyond the last bucket', { inf: 4 }, [null, null, null]],
    ['some of them beyond it', { 10: 97, inf: 3 }, [0.01, 0.01, null]],
    ['half and half: the lower half has the median', { 10: 50, 20: 50 }, [0.01, 0.02, 0.02]],
    ['one more above', { 10: 50, 20: 51 }, [0.02, 0.02, 0.02]],
    ['at the edge of 95 and of 99', { 1: 95, 2: 4, 5: 1 }, [0.001, 0.001, 0.002]],
    ['one beyond the edges', { 1: 94, 2: 4, 5: 2 }, [0.001, 0.002, 0.005]],
    ['empty buckets in between', { 1: 1, 500: 1 }, [0.001, 0.5, 0.5]],
  ])('%s', (_, counts, [p50, p95, p99]) => {
    expect(durations(counts)).toEqual({ p50, p95, p99 });
  });

  it('know every bucket that is counted in', () => {
    for (const bound of DURATION_BUCKETS_MS) expect(durations({ [bound]: 1 }).p50).toBe(bound / 1000);
  });
});

it('sums over machines, and names the failures of a step once', () => {
  const statistics = of(
    {
      order: {
        started: 3,
        'settled.COMPLETED': 2,
        'settled.FAILED': 1,
        'failures.payment': 1,
        retries: 2,
        deferrals: 3,
      },
      refund: {
        started: 4,
        'settled.ABORTED': 4,
        'failures.payment': 3,
        'failures.ledger': 1,
        retries: 5,
        deferrals: 1,
      },
      idle: {},
    },
    { statuses: { STARTED: 1, COMPLETED: 2, FAILED: 1, ABORTED: 4 }, inFlight: 1, settledPerMinute: 7 },
  );
  expect(statistics).toMatchObject({
    total_active_sagas: 8,
    in_flight: 1,
    parked: 4,
    // Both have a step payment, and idle has never failed.
    failures_by_step: { order: { payment: 1 }, refund: { payment: 3, ledger: 1 } },
    retries: 7,
    deferrals: 4,
    machines: {
      order: { started: 3, completed: 2, failed: 1, parked: 0, failures_by_step: { payment: 1 } },
      refund: { parked: 4, failures_by_step: { payment: 3, ledger: 1 } },
      idle: { started: 0, completed: 0, failed: 0, parked: 0 },
    },
  });
  expect(totalOf({ STARTED: 1, COMPLETED: 2, FAILED: 3, ABORTED: 4 })).toBe(10);
});

it('shows a saga of a machine that is not known here, with what the store itself says of it', () => {
  const shown = presentSaga({
    saga: {
      id: '07-x',
      machine: { id: 'refund', version: '9', structure: 'x' },
      status: 'STARTED',
      summary: {
        state: 'paying.calling',
        label: 'refund-7',
        steps_completed: 1,
        total_steps: 2,
        failed_step: null,
        failed_step_index: null,
      },
      parked: null,
      seq: 0,
      createdAtMs: 0,
      updatedAtMs: 1000,
      owner: null,
      unreadable: null,
      context: { data: {}, answers: {}, attempt: 3, retryAt: 2000, failure: null, held: [], undone: [] },
      steps: [],
      traceId: '0af7651916cd43dd8448eb211c80319c',
    },
    log: [],
  });
  // It is no order, and so has no fields of one.
  for (const field of ['order_id', 'inventory_reservations', 'payment_id', 'tracking_number'])
    expect(shown).not.toHaveProperty(field);
  expect(shown).toMatchObject({
    label: 'refund-7',
    machine: { id: 'refund', version: '9' },
    steps_completed: 1,
    context: {},
    remaining_steps: [],
    attempt: 3,
    retry_at: '1970-01-01T00:00:02.000Z',
    created_at: '1970-01-01T00:00:00.000Z',
    updated_at: '1970-01-01T00:00:01.000Z',
  });
  expect(shown.machine).not.toHaveProperty('structure');
});
