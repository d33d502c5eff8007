/** From the engine's views to the bodies of the wire contract. */
import type { z } from '@hono/zod-openapi';
import type { SagaStatus, Statistics } from '../../stores/saga-store.ts';
import {
  DURATION_BUCKETS_MS,
  type SagaHistory,
  type SagaListing,
  type SagaPage,
  type SagaView,
} from '../engine/contract.ts';
import { failuresByStep, failuresIn } from '../failures.ts';
import type { orderAnswer, sagaAnswer, sagaDetail, statistics } from './schemas.ts';

/** Fixed by the wire contract: clients compare these texts. */
export const MESSAGES: Readonly<Record<SagaStatus, string>> = {
  STARTED: 'STARTED: Saga in progress',
  COMPLETED: 'COMPLETED: All steps successful',
  FAILED: 'FAILED: Compensated successfully',
  ABORTED: 'ABORTED: Compensation incomplete',
};

type Logged = z.infer<typeof orderAnswer>['execution_log'][number];

function messageOf({ status, context }: SagaView): string {
  const { resolution } = context;
  return resolution ? `${status}: Resolved by ${resolution.by}: ${resolution.reason}` : MESSAGES[status];
}

/** Where a saga stands, in every answer about it. */
function presentStanding(saga: SagaView) {
  return { status: saga.status, message: messageOf(saga), state: saga.summary.state };
}

/** What went wrong and what was done, in every answer about a saga. */
function presentCourse({ saga, log }: SagaHistory) {
  const { failure } = saga.context;
  return {
    failed_step: failure?.step ?? null,
    reason: failure?.reason ?? null,
    held: [...(saga.parked?.held ?? [])],
    // The store takes any text for an event; what is written is what LOG_EVENTS has.
    execution_log: [...log] as Logged[],
    log_dropped: (log.at(-1)?.seq ?? 0) - log.length,
  };
}

/** The machine whose sagas have the fields of an order. */
export const ORDER = 'order';

/** What names an order; `null` of any other saga. */
function orderIdOf({ machine, summary }: SagaListing): string | null {
  return machine.id === ORDER ? summary.label : null;
}

/** What the answer to an order, and to a question after it, says of the saga: the order of its fields is fixed too. */
export function presentOrder(history: SagaHistory): z.infer<typeof orderAnswer> {
  const { saga } = history;
  const { data } = saga.context;
  const { inventory_reservations: reservations } = data;
  const { status, message, state } = presentStanding(saga);
  const { failed_step, reason, held, execution_log, log_dropped } = presentCourse(history);
  // Written out, because V8 copies a spread beside fields in its slow path.
  return {
    saga_id: saga.id,
    order_id: orderIdOf(saga),
    status,
    message,
    state,
    inventory_reservations: Array.isArray(reservations) ? reservations : null,
    payment_id: textOrNull(data.payment_id),
    tracking_number: textOrNull(data.tracking_number),
    notification_id: textOrNull(data.notification_id),
    failed_step,
    reason,
    held,
    execution_log,
    log_dropped,
  };
}

/** What the answer to the start of any other saga says of it: its own facts in the place of an order's. */
export function presentStart(history: SagaHistory): z.infer<typeof sagaAnswer> {
  const { saga } = history;
  const { id, version } = saga.machine;
  return {
    saga_id: saga.id,
    machine: { id, version },
    ...presentStanding(saga),
    context: { ...saga.context.data },
    ...presentCourse(history),
  };
}

export function presentSaga(history: SagaHistory): z.infer<typeof sagaDetail> {
  const { saga } = history;
  const { context, steps } = saga;
  const { order_id: _, ...listed } = presentListing(saga);
  const own = saga.machine.id === ORDER ? presentOrder(history) : presentStart(history);
  return {
    ...own,
    ...listed,
    context: { ...context.data },
    // What is still to be done while it goes forward; once it is being undone nothing more is.
    remaining_steps: context.failure === null ? steps.filter((step) => !(step in context.answers)) : [],
    attempt: context.attempt,
    trace_id: saga.traceId,
    resolved_by: context.resolution?.by ?? null,
    retry_at: context.retryAt === null ? null : timeOf(context.retryAt),
    parked: saga.parked === null ? null : { reason: saga.parked.reason, held: [...saga.parked.held] },
  };
}

/** How far a page has looked. */
export function presentLook({ looked, backToMs, isIndexing }: SagaPage) {
  return {
    looked_at: looked,
    back_to: backToMs === null ? null : timeOf(backToMs),
    is_indexing: isIndexing,
  };
}

export function presentListing(saga: SagaListing) {
  const { id, status, summary, machine, createdAtMs, updatedAtMs, unreadable } = saga;
  return {
    saga_id: id,
    status,
    order_id: orderIdOf(saga),
    steps_completed: summary.steps_completed,
    total_steps: summary.total_steps,
    failed_step_index: summary.failed_step_index,
    failed_step: summary.failed_step,
    label: summary.label,
    state: summary.state,
    machine: { id: machine.id, version: machine.version },
    created_at: timeOf(createdAtMs),
    updated_at: timeOf(updatedAtMs),
    unreadable,
  };
}

export function totalOf(statuses: Statistics['statuses']): number {
  return Object.values(statuses).reduce((sum, count) => sum + count, 0);
}

export function presentStatistics({
  statuses,
  inFlight,
  settledPerMinute,
  counters,
}: Statistics): z.infer<typeof statistics> {
  const sum = (name: string) =>
    Object.values(counters).reduce((total, counts) => total + (counts[name] ?? 0), 0);
  const total = totalOf(statuses);
  const steps = sum('total_steps.held');
  const completed = sum('completed_steps.held');
  const attempted = sum('compensations.attempted');
  const succeeded = sum('compensations.succeeded');
  const buckets = [...DURATION_BUCKETS_MS, 'inf'].map((bound) => sum(`duration.${bound}`));
  return {
    total_active_sagas: total,
    status_breakdown: { ...statuses },
    total_steps: steps,
    completed_steps: completed,
    step_completion_rate: percentage(completed, steps),
    average_steps_per_saga: total === 0 ? 0 : hundredths(steps / total),
    in_flight: inFlight,
    parked: statuses.ABORTED,
    failures_by_step: failuresByStep(counters),
    compensations: {
      attempted,
      succeeded,
      failed: sum('compensations.failed'),
      success_rate: percentage(succeeded, attempted),
    },
    retries: sum('retries'),
    deferrals: sum('deferrals'),
    duration_seconds: {
      p50: quantile(buckets, 0.5),
      p95: quantile(buckets, 0.95),
      p99: quantile(buckets, 0.99),
    },
    throughput_per_minute: settledPerMinute,
    machines: Object.fromEntries(
      Object.entries(counters).map(([machine, counts]) => [
        machine,
        {
          started: counts.started ?? 0,
          completed: counts['settled.COMPLETED'] ?? 0,
          failed: counts['settled.FAILED'] ?? 0,
          parked: counts['settled.ABORTED'] ?? 0,
          failures_by_step: failuresIn(counts),
        },
      ]),
    ),
  };
}

/**
 * The upper bound of the bucket in which the quantile lies, in seconds: never too small. `null` without any
 * duration, and where it lies beyond the last bound.
 */
function quantile(buckets: readonly number[], q: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [index, count] of buckets.entries()) {
    below += count;
    const bound = DURATION_BUCKETS_MS[index];
    if (count > 0 && below >= q * total) return bound === undefined ? null : bound / 1000;
  }
  return null;
}

function percentage(part: number, whole: number): number {
  return whole === 0 ? 0 : hundredths((100 * part) / whole);
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
