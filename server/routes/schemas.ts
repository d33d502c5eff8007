/** The shapes that travel over HTTP. Types, validation and the OpenAPI document all come from here. */
import { z } from '@hono/zod-openapi';
import { orderParts, orderSchema } from '../../machines/order.ts';
import { SAGA_STATUSES } from '../../stores/saga-store.ts';
import { LOG_EVENTS, LOG_OUTCOMES } from '../engine/contract.ts';
import { EXAMPLE_ORDER } from '../example-order.ts';
import { PROBLEMS, type ProblemType } from '../problem.ts';
import { atOnce, count, decimal, orNull, small, time } from './fields.ts';

/** The same schema under a name of its own in the document: a copy, because ours may be older than the document's library. */
function named<T extends z.ZodType>(schema: T, name: string): T {
  return schema.meta(schema.meta() ?? {}).openapi(name);
}

const { item, payment, address } = orderParts;
export const orderRequest = atOnce(
  orderSchema({
    item: named(item, 'OrderItem'),
    payment: named(payment, 'Payment'),
    address: named(address, 'Address'),
  }).openapi('Order', { example: EXAMPLE_ORDER }),
);

export const status = z.enum(SAGA_STATUSES).openapi('SagaStatus');
/**
 * Enums that share a value with another have no name of their own: in a Go client all values of named enums are constants of
 * one package.
 */
export const callKind = z.enum(['action', 'compensation']).openapi('CallKind');
const logEvent = z.enum(LOG_EVENTS).openapi({
  description: 'What happened: the outcome of a call, what an operator asked for, or what a coordinator did.',
});
const logOutcome = z.enum(LOG_OUTCOMES).openapi('LogOutcome', {
  description: 'What came of a call; `ignored` where a request of an operator fitted nowhere any more.',
});

const logEntry = z
  .object({
    seq: count,
    at: time,
    event: logEvent,
    from: z.string().nullable(),
    to: z.string(),
    step: z.string().nullable(),
    kind: orNull(callKind),
    attempt: small.nullable(),
    outcome: orNull(logOutcome),
    duration_ms: decimal.nullable(),
    error: z.string().nullable(),
    answer: z.string().optional().meta({
      description: 'What a compensation has answered: JSON, perhaps cut off at its end, secrets redacted.',
    }),
    replayed: z.literal(true).optional().openapi({
      description: 'The participant says that it answered this before: for this attempt nothing was done.',
    }),
    by: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('LogEntry');

export const held = z
  .object({
    step: z.string(),
    reason: z.string(),
    response: z.unknown(),
    says: z
      .string()
      .optional()
      .meta({ description: 'What is held, in words for a person, where the step has some.' }),
    kind: z.string().optional().meta({ description: 'What kind of thing is held, where the step says so.' }),
    amount: count.optional().meta({ description: 'How much of it, in minor units where it is money.' }),
    unit: z
      .string()
      .optional()
      .meta({ description: 'In what that is counted: an ISO 4217 code, or any other word.' }),
  })
  .openapi('Held', {
    description: 'The effect of a step that could not be undone, with what its action had answered.',
  });

const ofEverySaga = {
  saga_id: z.string(),
  status,
  message: z.string(),
  state: z.string(),
  failed_step: z.string().nullable(),
  reason: z.string().nullable(),
  held: z.array(held),
  execution_log: z.array(logEntry),
  log_dropped: count.meta({
    description: 'How many entries a very long log lacks in its middle, where `seq` leaps.',
  }),
};

/** What every answer about one saga has. Spread and not extended: an `allOf` makes generators lose what may be null. */
const order = {
  order_id: z.string().nullable(),
  inventory_reservations: z.array(z.unknown()).nullable(),
  payment_id: z.string().nullable(),
  tracking_number: z.string().nullable(),
  notification_id: z.string().nullable(),
};

/** Other sagas have no such fields. */
const ofAnOrder = {
  order_id: order.order_id.optional(),
  inventory_reservations: order.inventory_reservations.optional(),
  payment_id: order.payment_id.optional(),
  tracking_number: order.tracking_number.optional(),
  notification_id: order.notification_id.optional(),
};

export const orderAnswer = z.object({ ...ofEverySaga, ...order }).openapi('OrderSaga');

const machineRef = z.object({ id: z.string(), version: z.string() }).openapi('MachineRef');

export const sagaAnswer = z
  .object({
    ...ofEverySaga,
    machine: machineRef,
    context: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The facts of the saga, secrets redacted.' }),
  })
  .openapi('StartedSaga');

export const listing = {
  saga_id: z.string(),
  status,
  order_id: z.string().nullable(),
  steps_completed: small,
  total_steps: small,
  failed_step_index: small.nullable(),
  failed_step: z.string().nullable(),
  label: z.string().nullable().meta({ description: 'What names the saga to a person, as its machine says.' }),
  state: z.string(),
  machine: machineRef,
  created_at: time,
  updated_at: time,
  unreadable: z.string().nullable().meta({
    description:
      'What of its record cannot be read; what is shown instead is not so. Null for a healthy saga.',
  }),
};

export const cursor = z
  .string()
  .nullable()
  .openapi({ description: 'Where the next page begins; null where this is the last.' });

export const sagaPage = z
  .object({
    active_sagas: count.meta({
      description:
        'All sagas that the store holds; with `q` or `label` as they were counted at most a minute ago.',
    }),
    sagas: z.array(z.object(listing).openapi('SagaListing')),
    cursor,
    damage: z.array(z.string()).meta({
      description: 'Indexes of the store that are damaged: sagas may be missing here. Nearly always empty.',
    }),
    looked_at: count.meta({
      description:
        'Sagas that were looked at for this page: where no index has what is filtered by, at most 1,000.',
    }),
    back_to: time.nullable().meta({ description: 'When the last of them began.' }),
    is_indexing: z.boolean().meta({
      description:
        'Whether sagas of an older release may still lack what `q` and `label` find: those are looked through by their label, on the next pages.',
    }),
  })
  .openapi('SagaPage');

const parked = z.object({ reason: z.string(), held: z.array(held) }).openapi('Parked', {
  description: 'Why the saga waits for an operator, and what the world still holds because of it.',
});

export const sagaDetail = z
  .object({
    ...ofEverySaga,
    ...ofAnOrder,
    ...listing,
    order_id: ofAnOrder.order_id,
    context: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The facts of the saga, secrets redacted.' }),
    remaining_steps: z.array(z.string()),
    attempt: small,
    trace_id: z.string().meta({ description: 'W3C trace id of all calls of the saga.' }),
    retry_at: time.nullable(),
    resolved_by: z.string().nullable(),
    parked: orNull(parked),
  })
  .openapi('Saga');

export const statistics = z
  .object({
    total_active_sagas: count,
    status_breakdown: z
      .object({ STARTED: count, COMPLETED: count, FAILED: count, ABORTED: count })
      .openapi('StatusBreakdown'),
    total_steps: count,
    completed_steps: count,
    step_completion_rate: decimal.meta({ description: 'Per cent.' }),
    average_steps_per_saga: decimal,
    in_flight: count,
    parked: count,
    failures_by_step: z.record(z.string(), z.record(z.string(), count)).meta({
      description:
        'How many sagas failed at which step, by machine and step: two machines may have steps of one name.',
    }),
    compensations: z
      .object({ attempted: count, succeeded: count, failed: count, success_rate: decimal })
      .openapi('Compensations'),
    retries: count,
    deferrals: count,
    duration_seconds: z
      .object({ p50: decimal.nullable(), p95: decimal.nullable(), p99: decimal.nullable() })
      .openapi('Percentiles'),
    throughput_per_minute: count.meta({
      description: 'Sagas that ended or were parked within the last minute.',
    }),
    machines: z.record(
      z.string(),
      z
        .object({
          started: count,
          completed: count,
          failed: count,
          parked: count,
          failures_by_step: z.record(z.string(), count),
        })
        .openapi('MachineCounts'),
    ),
  })
  .openapi('Statistics');

/** By the names of the registered sagas' participants. Clients rely on those of the order saga, which has these. */
const services = <T extends z.ZodType>(value: T) =>
  z
    .object({ order: value, inventory: value, payment: value, shipping: value, notification: value })
    .catchall(value);

const url = z.string().openapi({ format: 'uri' });

export const health = z
  .object({
    coordinator_status: z.enum(['healthy', 'degraded', 'draining']),
    version: z.string(),
    active_sagas: count,
    in_flight: count,
    parked: count,
    in_hand: count,
    services_health: services(z.boolean()).openapi('ServicesHealth', {
      description:
        'By participant. The five are those of the order saga: without it, and with other sagas, there are those that they name.',
    }),
    all_services_healthy: z.boolean(),
    service_urls: services(url).openapi('ServiceUrls'),
    breakers: services(z.enum(['closed', 'open', 'half-open']).openapi('Breaker')).openapi('Breakers'),
    tls_faults: z.array(z.string()).meta({
      description: 'What is wrong with the TLS of participants, in words that begin with a name.',
    }),
    store: z
      .object({
        kind: z.enum(['memory', 'redis']),
        durability: z.string(),
        durability_degraded: z
          .boolean()
          .openapi({ description: 'A restart of the store forgets what was acknowledged.' }),
        reachable: z.boolean(),
        writes_refused: z
          .string()
          .nullable()
          .openapi({ description: 'Why the store takes no writes; null while it takes all.' }),
        damage: z.array(z.string()).meta({ description: 'Indexes and counters that cannot be read.' }),
        used_bytes: count,
        max_bytes: count.nullable(),
        full_in_hours: z.number().min(0).openapi({ format: 'double' }).nullable(),
      })
      .openapi('StoreHealth'),
  })
  .openapi('Health');

export const serviceHealth = z
  .object({ service: z.string(), healthy: z.boolean(), url })
  .openapi('ServiceHealth');

export const problem = z
  .object({
    // A format beside the values would say more, and makes of them what no Go compiler reads.
    type: z.enum(Object.keys(PROBLEMS) as [ProblemType, ...ProblemType[]]).openapi('ProblemType', {
      description: 'A URI reference (RFC 9457); each has its section in docs/errors.md.',
    }),
    title: z.string(),
    status: z.int().min(400).max(599).openapi({ format: 'int32' }),
    detail: z.string(),
    errors: z
      .array(
        z
          .object({ pointer: z.string().openapi({ format: 'json-pointer' }), detail: z.string() })
          .openapi('FieldError'),
      )
      .optional(),
    saga_id: z.string().optional(),
    state: z
      .string()
      .nullable()
      .optional()
      .meta({ description: 'Of a forgotten saga: where it stood last.' }),
    held: z
      .array(held)
      .optional()
      .meta({ description: 'Of a forgotten saga: what its steps have left behind.' }),
    violated_policies: z
      .array(z.enum(['caller', 'machine']).openapi({ description: 'As `RateLimit-Policy` names them.' }))
      .optional()
      .meta({ description: 'Of a start that was limited: by what.' }),
    request_id: z.string().optional().meta({
      description: "As in `X-Request-Id`: by this the coordinator's log tells of the request.",
    }),
  })
  .openapi('Problem', { description: 'A request that was refused (RFC 9457).' });
