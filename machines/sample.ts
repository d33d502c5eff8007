/** Made-up values that a schema allows: what participants answer and clients send where a test does not say. */
import { z } from 'zod';

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** A value could not be made up; the message says what to give instead. */
export class SampleError extends Error {
  override readonly name = 'SampleError';
}

/**
 * The plainest value that the schema takes: the first of several, the shortest, the smallest.
 * @param what it is and `instead` how to give one, for the error
 * @throws SampleError where none was found
 */
export function sampleOf(
  schema: z.ZodType,
  what: string,
  instead: string,
): Readonly<Record<string, unknown>> {
  const sample = plainest(schema);
  const { success, error } = schema.safeParse(sample);
  if (success) return sample as Readonly<Record<string, unknown>>;
  const issue = error.issues[0];
  throw new SampleError(
    `${what} cannot be made up (${issue?.path.join('.') || 'it'}: ${issue?.message}); give one: ${instead}`,
  );
}

function plainest(schema: z.ZodType): unknown {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return plainestOf(json, json.$defs ?? {});
}

/** @param name of the member, which a text is made of: so that two of them differ */
function plainestOf(
  schema: JsonSchema,
  defs: Readonly<Record<string, JsonSchema>>,
  name = 'sample',
): unknown {
  if (schema.$ref !== undefined) return plainestOf(defs[schema.$ref.split('/').at(-1) ?? ''] ?? {}, defs);
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum !== undefined) return schema.enum[0];
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) return plainestOf(first as JsonSchema, defs);
  if (schema.allOf !== undefined)
    return Object.assign({}, ...schema.allOf.map((part) => plainestOf(part as JsonSchema, defs)));
  // Of several, as of a text that may be null, JSON Schema has a list, which its types do not know.
  switch ([schema.type].flat()[0]) {
    case 'string':
      return textOf(schema, name);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return listOf(schema, defs);
    default:
      return objectOf(schema, defs);
  }
}

/** Of each format that zod checks one that it takes. */
const FORMATS: Readonly<Record<string, string>> = {
  email: 'ada@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
  'date-time': '2026-01-01T00:00:00Z',
  date: '2026-01-01',
  duration: 'P1D',
  ipv4: '127.0.0.1',
  ipv6: '::1',
};

function textOf(
  { format = '', minLength = 0, maxLength = Number.POSITIVE_INFINITY }: JsonSchema,
  name: string,
): string {
  return FORMATS[format] ?? name.padEnd(minLength, '-').slice(0, maxLength);
}

function numberOf({
  minimum,
  exclusiveMinimum,
  maximum,
  exclusiveMaximum,
  multipleOf = 1,
}: JsonSchema): number {
  const least = typeof exclusiveMinimum === 'number' ? exclusiveMinimum + multipleOf : (minimum ?? -Infinity);
  const most = typeof exclusiveMaximum === 'number' ? exclusiveMaximum - multipleOf : (maximum ?? Infinity);
  const wanted = Math.min(Math.max(multipleOf, least), most);
  return Math.ceil(wanted / multipleOf) * multipleOf;
}

function listOf(
  { minItems = 0, items = {}, prefixItems }: JsonSchema,
  defs: Readonly<Record<string, JsonSchema>>,
): unknown[] {
  if (prefixItems !== undefined) return prefixItems.map((item) => plainestOf(item as JsonSchema, defs));
  // One where none need be: what is done for each would be done for none.
  return Array.from({ length: Math.max(1, minItems) }, () => plainestOf(items as JsonSchema, defs));
}

function objectOf(
  { properties = {}, required = [] }: JsonSchema,
  defs: Readonly<Record<string, JsonSchema>>,
): object {
  return Object.fromEntries(
    required.map((name) => [name, plainestOf((properties[name] ?? {}) as JsonSchema, defs, name)]),
  );
}
