/**
 * The bodies of a bulk retry. A request names its sagas by filter or one by one, an answer is a plan or results: the
 * document has `oneOf` of each pair, by name, so that no client sends or reads a mixture.
 */
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { audited, count, etag, etagSent, filters, STUCK_FOR_MAX, text } from './fields.ts';
import { cursor, listing } from './schemas.ts';

/** Sagas of one request. */
export const SAGAS = { unset: 100, most: 500 } as const;

const oneOf = (...names: readonly string[]) => ({
  oneOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` })),
});

export const filter = z
  .strictObject({
    ...filters,
    // Required, so that nobody retries what is on its way already by leaving something out.
    status: z.enum(['ABORTED', 'STARTED']).meta({
      description: '`ABORTED`: what is parked. `STARTED`: what waits for its next attempt.',
    }),
    stuck_for: z
      .int()
      .min(0)
      .max(STUCK_FOR_MAX)
      .openapi({ format: 'int32', description: 'Seconds without a transition.' })
      .optional(),
  })
  .openapi('RetryFilter');

const byFilter = z
  .strictObject({
    ...audited,
    filter,
    dry_run: z
      .boolean()
      .optional()
      .meta({ description: 'Only says which sagas there are, each with its ETag.' }),
    limit: z
      .int()
      .min(1)
      .max(SAGAS.most)
      .openapi({ format: 'int32', description: `${SAGAS.unset} unless set.` })
      .optional(),
    cursor: text(200).optional().meta({ description: 'Where the answer before ended.' }),
  })
  .openapi('RetryByFilter');

export const named = z.strictObject({ saga_id: text(200), etag: etagSent }).openapi('SagaSeen');

const byName = z
  .strictObject({
    ...audited,
    sagas: z
      .array(named)
      .min(1)
      .max(SAGAS.most)
      .openapi({ uniqueItems: true, description: 'As a dry run named them; each saga once only.' }),
  })
  .openapi('RetryByName');

/** One object and not a union, so that each wrong field is named by its pointer. */
const either = z
  .strictObject({
    ...byFilter.shape,
    filter: filter.optional(),
    // A client that knows no absence sends an empty list beside its filter.
    sagas: z
      .array(named)
      .max(SAGAS.most)
      .refine((all) => new Set(all.map(({ saga_id }) => saga_id)).size === all.length, 'each saga once only')
      .transform((all) => (all.length === 0 ? undefined : all))
      .optional(),
  })
  .superRefine((asked, context) => {
    const wrong = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (asked.filter === undefined && asked.sagas === undefined)
      wrong('filter', 'either filter or sagas must be given');
    if (asked.sagas === undefined) return;
    for (const field of ['filter', 'dry_run', 'limit', 'cursor'] as const) {
      if (asked[field] !== undefined) wrong(field, 'must not stand beside sagas');
    }
  });

export const retryMany = z.unknown().pipe(either).openapi('RetryMany', oneOf('RetryByFilter', 'RetryByName'));

/** `const` and not an enum of one: for ogen that would make of both shapes' field two types, which it cannot tell apart. */
const always = <T extends boolean>(value: T) =>
  z.literal(value).openapi({ type: 'boolean', const: value } as object);

const plan = z
  .object({
    dry_run: always(true),
    sagas: z.array(z.object({ ...listing, etag }).openapi('RetryCandidate')),
    cursor,
  })
  .openapi('RetryPlan');

const results = z
  .object({
    dry_run: always(false),
    accepted: count.meta({ description: 'How many sagas are retried.' }),
    results: z.array(
      z
        .object({
          saga_id: z.string(),
          result: z
            .enum(['accepted', 'moved', 'no-such-event', 'missing', 'too-many-requests', 'store-unavailable'])
            .openapi({ description: 'The names of problems say what those do.' }),
          etag: etag.optional().meta({ description: 'Of a saga that moved: its ETag by now.' }),
          state: z.string().optional().meta({ description: 'In which there is no such event.' }),
        })
        .openapi('RetryResult'),
    ),
    cursor,
  })
  .openapi('RetryResults');

// The type is named, or the document would have the union's `anyOf` as well.
export const bulkRetry = z
  .union([plan, results])
  .openapi('BulkRetry', { type: 'object', ...oneOf('RetryPlan', 'RetryResults') });

/** The shapes to which the document only refers. */
export function registerRetryBodies({ openAPIRegistry }: OpenAPIHono): void {
  openAPIRegistry.register('RetryByFilter', byFilter);
  openAPIRegistry.register('RetryByName', byName);
  openAPIRegistry.register('RetryPlan', plan);
  openAPIRegistry.register('RetryResults', results);
}
