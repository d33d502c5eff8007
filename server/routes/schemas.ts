/** The shapes that travel over HTTP. Types, validation and the OpenAPI document all come from here. */
import { z } from '@hono/zod-openapi';
import { SAGA_STATUSES } from '../../stores/saga-store.ts';

const text = (most: number) => z.string().min(1).max(most);

/** Digits that pass the Luhn check and are as long as a card number: a token must never be the number itself. */
function looksLikeCardNumber(token: string): boolean {
  const digits = token.replace(/[\s._/-]/g, '');
  if (!/^\d{12,19}$/.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function noCardNumber(value: z.ZodString) {
  return value.refine((found) => !looksLikeCardNumber(found), 'must be a token, not a card number');
}

export const orderRequest = z
  .strictObject({
    customer_id: text(200),
    items: z
      .array(
        z.strictObject({
          product_id: text(200),
          quantity: z.int().min(1).max(1_000_000),
          unit_price: z.int().min(0).max(1_000_000_000).meta({ description: 'Minor units of the currency.' }),
        }),
      )
      .min(1)
      .max(500),
    currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR'),
    payment: z.strictObject({
      method: noCardNumber(text(100)),
      token: noCardNumber(text(500)),
    }),
    shipping_address: z.strictObject({
      name: text(200),
      line1: text(200),
      line2: text(200).optional(),
      city: text(200),
      region: text(200).optional(),
      postal_code: text(40),
      country: text(100),
    }),
    metadata: z
      .record(text(100), noCardNumber(z.string().max(500)))
      .refine((entries) => Object.keys(entries).length <= 50, 'at most 50 entries')
      .optional(),
  })
  .refine(
    ({ items }) =>
      items.reduce((sum, { quantity, unit_price }) => sum + quantity * unit_price, 0) <=
      Number.MAX_SAFE_INTEGER,
    { path: ['items'], error: 'the total is beyond what an integer can hold exactly' },
  )
  .openapi('Order', {
    example: {
      customer_id: 'cust_42',
      items: [{ product_id: 'widget', quantity: 2, unit_price: 1999 }],
      currency: 'EUR',
      payment: { method: 'card', token: 'tok_visa' },
      shipping_address: {
        name: 'Ada Lovelace',
        line1: '12 St James Square',
        city: 'London',
        postal_code: 'SW1Y 4JH',
        country: 'GB',
      },
    },
  });

const status = z.enum(SAGA_STATUSES).openapi('SagaStatus');
const time = z.iso.datetime();

const logEntry = z
  .object({
    seq: z.int(),
    at: time,
    event: z.string(),
    from: z.string().nullable(),
    to: z.string(),
    step: z.string().nullable(),
    kind: z.enum(['action', 'compensation']).nullable(),
    attempt: z.int().nullable(),
    outcome: z.string().nullable(),
    duration_ms: z.number().nullable(),
    error: z.string().nullable(),
    by: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('LogEntry');

const held = z.object({ step: z.string(), reason: z.string(), response: z.unknown() }).openapi('Held', {
  description: 'The effect of a step that could not be undone, with what its action had answered.',
});

export const orderAnswer = z
  .object({
    saga_id: z.string(),
    order_id: z.string().nullable(),
    status,
    message: z.string(),
    state: z.string(),
    inventory_reservations: z.array(z.unknown()).nullable(),
    payment_id: z.string().nullable(),
    tracking_number: z.string().nullable(),
    notification_id: z.string().nullable(),
    failed_step: z.string().nullable(),
    reason: z.string().nullable(),
    held: z.array(held),
    execution_log: z.array(logEntry),
    log_dropped: z.int().meta({
      description: 'How many entries a very long log lacks in its middle, where `seq` leaps.',
    }),
  })
  .openapi('OrderSaga');

const listing = {
  saga_id: z.string(),
  status,
  order_id: z.string().nullable(),
  steps_completed: z.int(),
  total_steps: z.int(),
  failed_step_index: z.int().nullable(),
  failed_step: z.string().nullable(),
  state: z.string(),
  machine: z.object({ id: z.string(), version: z.string() }),
  created_at: time,
  updated_at: time,
};

export const sagaPage = z
  .object({
    active_sagas: z.int().meta({ description: 'All sagas that the store holds.' }),
    sagas: z.array(z.object(listing).openapi('SagaListing')),
    cursor: z.string().nullable(),
  })
  .openapi('SagaPage');

const etag = z.string().meta({ description: 'For If-Match, quotes included.', example: '"7"' });

export const bulkRetry = z
  .union([
    z
      .object({
        dry_run: z.literal(true),
        sagas: z.array(z.object({ ...listing, etag })),
        cursor: z.string().nullable(),
      })
      .openapi('RetryPlan'),
    z
      .object({
        dry_run: z.literal(false),
        accepted: z.int().meta({ description: 'How many sagas are retried.' }),
        results: z.array(
          z.object({
            saga_id: z.string(),
            result: z
              .enum([
                'accepted',
                'moved',
                'no-such-event',
                'missing',
                'too-many-requests',
                'store-unavailable',
              ])
              .meta({ description: 'The names of problems say what those do.' }),
            etag: etag.optional().meta({ description: 'Of a saga that moved: its ETag by now.' }),
            state: z.string().optional().meta({ description: 'In which there is no such event.' }),
          }),
        ),
        cursor: z.string().nullable(),
      })
      .openapi('RetryResults'),
  ])
  .openapi('BulkRetry');

export const sagaDetail = orderAnswer
  .extend({
    ...listing,
    context: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The facts of the saga, secrets redacted.' }),
    remaining_steps: z.array(z.string()),
    attempt: z.int(),
    trace_id: z.string().meta({ description: 'W3C trace id of all calls of the saga.' }),
    retry_at: time.nullable(),
    resolved_by: z.string().nullable(),
    parked: z.object({ reason: z.string(), held: z.array(held) }).nullable(),
  })
  .openapi('Saga');

export const statistics = z
  .object({
    total_active_sagas: z.int(),
    status_breakdown: z.object({ STARTED: z.int(), COMPLETED: z.int(), FAILED: z.int(), ABORTED: z.int() }),
    total_steps: z.int(),
    completed_steps: z.int(),
    step_completion_rate: z.number(),
    average_steps_per_saga: z.number(),
    in_flight: z.int(),
    parked: z.int(),
    failures_by_step: z.record(z.string(), z.int()),
    compensations: z.object({
      attempted: z.int(),
      succeeded: z.int(),
      failed: z.int(),
      success_rate: z.number(),
    }),
    retries: z.int(),
    deferrals: z.int(),
    duration_seconds: z.object({
      p50: z.number().nullable(),
      p95: z.number().nullable(),
      p99: z.number().nullable(),
    }),
    throughput_per_minute: z
      .int()
      .meta({ description: 'Sagas that ended or were parked within the last minute.' }),
    machines: z.record(
      z.string(),
      z.object({ started: z.int(), completed: z.int(), failed: z.int(), parked: z.int() }),
    ),
  })
  .openapi('Statistics');

export const machineList = z
  .object({
    machines: z.array(
      z.object({
        id: z.string(),
        versions: z.array(z.string()).meta({ description: 'Oldest first.' }),
        steps: z.array(z.string()).meta({ description: 'Of the newest version.' }),
      }),
    ),
  })
  .openapi('MachineList');

export const machineDetail = z
  .object({
    id: z.string(),
    version: z.string(),
    versions: z.array(z.string()),
    structure: z.string().meta({ description: 'Hash of states, transitions and announced calls.' }),
    deadline_ms: z.int().nullable(),
    steps: z.array(
      z.object({ name: z.string(), participant: z.string(), action: z.string(), compensation: z.string() }),
    ),
    config: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The XState config, as Stately Studio imports it.' }),
    mermaid: z.string(),
  })
  .openapi('Machine');

const services = <T extends z.ZodType>(value: T) =>
  z.object({ order: value, inventory: value, payment: value, shipping: value, notification: value });

export const health = z
  .object({
    coordinator_status: z.enum(['healthy', 'degraded', 'draining']),
    version: z.string(),
    active_sagas: z.int(),
    in_flight: z.int(),
    parked: z.int(),
    in_hand: z.int(),
    services_health: services(z.boolean()),
    all_services_healthy: z.boolean(),
    service_urls: services(z.string()),
    breakers: services(z.enum(['closed', 'open', 'half-open'])),
    store: z.object({ kind: z.enum(['memory', 'redis']), durability: z.string(), reachable: z.boolean() }),
  })
  .openapi('Health');

export const serviceHealth = z
  .object({ service: z.string(), healthy: z.boolean(), url: z.string() })
  .openapi('ServiceHealth');

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    saga_id: z.string().optional(),
  })
  .openapi('Problem');
