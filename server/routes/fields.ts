/** Fields that many bodies have: texts with their bounds, counts, times. What a bound says is what the document says. */
import { z } from '@hono/zod-openapi';

/**
 * A text of at most so many characters. JSON Schema counts code points, and JavaScript halves of them: a name in emoji
 * is as long for us as for whoever reads the document.
 */
export function text(most: number, least = 1) {
  return z
    .string()
    .min(least)
    .refine((value) => isWithin(value, most), `Too big: at most ${most} characters`)
    .openapi({ maxLength: most });
}

/** What a person says: it must say something, and the space around it is dropped. */
export function words(most: number) {
  return text(most).regex(/\S/, 'must not be blank').trim();
}

function isWithin(value: string, most: number): boolean {
  return value.length <= most || (value.length <= 2 * most && [...value].length <= most);
}

/**
 * A schema in which nothing waits, as in none of ours. Whatever validates for Hono asks with promises, and by what zod compiles of a
 * schema it goes only where it is asked without.
 */
export function atOnce<T extends z.ZodType>(schema: T): T {
  schema.safeParseAsync = async (value, how) => schema.safeParse(value, how);
  return schema;
}

/** May grow beyond 32 bits; said aloud, because some generators take an integer for one of 32 otherwise. */
export const count = z.int().min(0).openapi({ format: 'int64' });
/** Stays small: an attempt, an index, a number of steps. */
export const small = z.int().min(0).openapi({ format: 'int32' });
export const decimal = z.number().openapi({ format: 'double' });
export const time = z.iso.datetime();

/** What a query and a body filter by alike. */
export const filters = {
  state: text(200, 0).optional().meta({ description: 'A state, with all states nested in it.' }),
  order_id: text(200, 0).optional().meta({ description: 'The label of an order; other sagas have none.' }),
  label: text(200, 0).optional().meta({ description: 'What names a saga to a person, to the letter.' }),
  machine: text(200, 0).optional().meta({ description: 'Id of the machine, in any version.' }),
  failed_step: text(200, 0).optional(),
  error: text(200)
    .optional()
    .meta({ description: 'A text in the reason why something is still held; parked sagas only.' }),
  cause: text(200).optional().meta({
    description: 'Key of the cause for which they are parked, as the ledger of what is held has it.',
  }),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
};
export const STUCK_FOR_MAX = 1e9;

/** What the log says of whoever asked. */
export const audited = {
  reason: words(500).openapi({ description: 'Why; it stands in the log of the saga.' }),
  // Not said as a default: openapi-typescript would make every client send it.
  by: words(100).optional().openapi({
    description:
      'Who asks; `operator` unless set. Of callers that are known by name it says for whom they ask.',
  }),
};

const tag = { description: 'For If-Match, quotes included.', example: '"7"' };

/**
 * An ETag in an answer. Without the pattern of one that is sent: openapi-generator doubles backslashes on the way into
 * a Go client, which holds what it reads against patterns.
 */
export const etag = z.string().openapi(tag);

export const etagSent = z
  .string()
  .regex(/^(W\/)?"\d{1,9}"$/, 'must be the ETag of the saga, such as "7" with its quotes')
  // The same without a quote or a comma: in a Go client the pattern stands in a tag, which both would end.
  .openapi({ ...tag, pattern: String.raw`^(W/)?\x22[0-9]${'[0-9]?'.repeat(8)}\x22$` });

/** A named schema, or null. Under `anyOf` and by name, because generators lose an object that is nullable in its place. */
export function orNull<T extends z.ZodType>(named: T) {
  return z.union([named, z.null()]);
}

/** How a client addresses one saga. */
export const sagaPath = z.object({
  id: z.string().min(1).openapi({
    description: 'The saga_id of an answer.',
    example: '07-01890a5d-ac96-774b-bcce-b302099a8057',
  }),
});
