/** The bodies of acts on many sagas. */
import { z } from '@hono/zod-openapi';
import { BULK_MAX, ITEM_STATES } from '../bulk/bulk.ts';
import { filter, named } from './bulk-retry-schemas.ts';
import { audited, count, etag, orNull, text, time } from './fields.ts';
import { callKind, status } from './schemas.ts';

/** Enums without names: in a Go client all values of named ones are constants of one package. */
const kind = z
  .enum(['cancel', 'retry', 'skip', 'resolve'])
  .openapi({ description: 'What is asked of each.' });
const as = z.enum(['COMPLETED', 'FAILED']);

const which = {
  act: kind,
  step: text(400).optional().meta({ description: 'Of a skip: the step.' }),
  as: as.optional().openapi({ description: 'Of a resolve: how the sagas end.' }),
  with_proof: z.literal(true).optional().openapi({
    description: 'Of a skip: each participant is asked first, as of the skip of one saga.',
  }),
  /** Which sagas, the newest first; or `sagas`. */
  filter: filter.optional(),
  limit: z
    .int()
    .min(1)
    .max(BULK_MAX)
    .openapi({ format: 'int32', description: `How many of what the filter finds; ${BULK_MAX} unless set.` })
    .optional(),
  sagas: z
    .array(named)
    .max(BULK_MAX)
    .refine((all) => new Set(all.map(({ saga_id }) => saga_id)).size === all.length, 'each saga once only')
    .transform((all) => (all.length === 0 ? undefined : all))
    .optional()
    .openapi({ description: 'Each with the ETag at which it was looked at; or `filter`.' }),
};

type Which = z.output<z.ZodObject<typeof which>>;

/** The fields that belong together, each wrong one named by its pointer. */
function checkWhich(
  { act, step, as: end, with_proof: isProven, filter: found, limit, sagas }: Which,
  context: z.RefinementCtx,
): void {
  const wrong = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if ((act === 'skip') !== (step !== undefined)) wrong('step', 'a skip needs one, and nothing else has any');
  if ((act === 'resolve') !== (end !== undefined))
    wrong('as', 'a resolve needs one, and nothing else has any');
  if (isProven && act !== 'skip') wrong('with_proof', 'only a skip rests on one');
  if ((found === undefined) === (sagas === undefined))
    wrong('filter', 'either filter or sagas must be given');
  if (sagas !== undefined && limit !== undefined) wrong('limit', 'must not stand beside sagas');
}

export const bulkPreviewAsked = z.strictObject(which).superRefine(checkWhich).openapi('BulkPreviewRequest');

export const bulkAsked = z
  .strictObject({
    ...audited,
    ...which,
    canary: z.boolean().optional().openapi({
      description:
        'Asks one saga first, then ten, then the others, and stops where those fail again. True unless it is false.',
    }),
  })
  .superRefine(checkWhich)
  .openapi('BulkRequest');

export const continueAsked = z.strictObject({ by: audited.by }).openapi('BulkContinueRequest');

const sums = z.record(z.string(), count).meta({
  description: 'Effects by kind (`payment`), and amounts by kind and currency or unit (`payment EUR`).',
});

export const bulkPreview = z
  .object({
    sagas: count,
    has_more: z.boolean().meta({ description: 'The filter finds more than are taken.' }),
    groups: z.array(
      z
        .object({
          machine: z.string(),
          step: z
            .string()
            .nullable()
            .meta({ description: 'Where they are parked: the step that was the cause.' }),
          kind: orNull(callKind),
          error: z.string().nullable(),
          sagas: count,
          held: sums,
          foreseen: count.meta({ description: 'Of how many of them it was looked what would come of it.' }),
          impossible: count.meta({ description: 'Of those, how many cannot be asked for it as they stand.' }),
          calls: z.array(
            z
              .object({ step: z.string(), kind: callKind, participant: z.string(), count })
              .openapi('BulkPreviewCall'),
          ),
          ends: z.record(z.string(), count).meta({
            description: 'How many paths end how, as of a what-if, where all calls succeed.',
          }),
          left: sums.meta({ description: 'What would still be held then.' }),
        })
        .openapi('BulkPreviewGroup'),
    ),
  })
  .openapi('BulkPreview');

const summary = {
  bulk_id: z.string(),
  act: kind,
  step: z.string().optional(),
  as: as.optional(),
  with_proof: z.literal(true).optional(),
  by: z.string(),
  created_at: time,
};

export const bulk = z
  .object({
    ...summary,
    reason: z.string(),
    stage: z.enum(['asking', 'stopped', 'halted', 'asked']).openapi({
      description:
        '`stopped`: canaries have failed again. `halted`: somebody has stopped it. `asked`: all were, and what comes of them is seen in `counts`.',
    }),
    running: z.boolean().meta({ description: 'Sagas are being asked, or canaries waited for.' }),
    can_continue: z
      .boolean()
      .meta({ description: 'Some were not asked, and nobody is about to: the coordinator has ended, say.' }),
    counts: z
      .object({ unasked: count, pending: count, again: count, parked: count, done: count, refused: count })
      .openapi('BulkCounts', {
        description:
          '`again`: the call has failed once more, and waits for its next attempt. `parked`: the saga is parked again. ' +
          '`refused`: nothing was done.',
      }),
    sagas: z.array(
      z
        .object({
          saga_id: z.string(),
          etag: etag.meta({ description: 'Under which it is asked.' }),
          result: z
            .enum([
              ...(['accepted', 'moved', 'no-such-event', 'missing', 'too-many-requests'] as const),
              ...(['definition-error', 'unproven', 'not-askable'] as const),
            ])
            .optional()
            .openapi({ description: 'Left out until it is asked.' }),
          state: z.enum(ITEM_STATES).openapi({ description: 'As it is counted.' }),
          status: orNull(status),
        })
        .openapi('BulkSaga'),
    ),
  })
  .openapi('Bulk');

export const bulks = z
  .object({ bulks: z.array(z.object({ ...summary, sagas: count }).openapi('BulkSummary')) })
  .openapi('Bulks');
