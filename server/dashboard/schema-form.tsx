/** A form made of a JSON Schema, and what was typed into it read back as JSON. Of nested values the JSON itself is asked for. */
import type { z } from 'zod';
import { jsonSchemaOf } from '../../machines/outline.ts';
import { SampleError, sampleOf } from '../../machines/sample.ts';
import { type Form, valueIn } from '../body.ts';
import { Problem } from '../problem.ts';
import { words } from './wording.ts';

/** Names of fields, apart from the form's own. */
const PREFIX = 'input.';
/** What is typed of one field, at most. */
const FIELD_LENGTH_MAX = 100_000;

interface Property {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly [name: string]: unknown;
}

interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'choice' | 'json';
  /** Of a choice: by what they are shown as. */
  readonly options: ReadonlyMap<string, unknown>;
  readonly isRequired: boolean;
  readonly says: string | null;
}

/** The members of an object, as a form has them; one field for the whole where it is no plain object. */
function fieldsOf(schema: z.ZodType): readonly Field[] | null {
  const { properties, required = [] } = jsonSchemaOf(schema) as {
    readonly properties?: Readonly<Record<string, Property>>;
    readonly required?: readonly string[];
  };
  if (properties === undefined) return null;
  return Object.entries(properties).map(([name, property]): Field => {
    const says = property.description ?? null;
    const isRequired = required.includes(name);
    const choices = property.type === 'boolean' ? [true, false] : property.enum;
    if (choices?.every((one) => typeof one !== 'object'))
      return { name, kind: 'choice', options: optionsOf(choices), isRequired, says };
    const isNumber = property.type === 'integer' || property.type === 'number';
    const kind = property.type === 'string' ? 'text' : isNumber ? 'number' : 'json';
    return { name, kind, options: optionsOf([]), isRequired, says };
  });
}

function optionsOf(choices: readonly unknown[]): ReadonlyMap<string, unknown> {
  return new Map(choices.map((one) => [String(one), one]));
}

/** What is proposed of nested values: the plainest that the schema takes. */
function proposals(schema: z.ZodType): Readonly<Record<string, unknown>> {
  try {
    return sampleOf(schema, '', '');
  } catch (error) {
    if (!(error instanceof SampleError)) throw error;
    return {};
  }
}

export function SchemaFields({ schema }: { schema: z.ZodType }) {
  const fields = fieldsOf(schema);
  const proposed = proposals(schema);
  if (fields === null)
    return <JsonField name="" label="JSON" value={proposed} isRequired={true} says={null} />;
  return (
    <>
      {fields.map(({ name, kind, options, isRequired, says }) => {
        if (kind === 'json')
          return (
            <JsonField
              name={name}
              label={words(name)}
              value={isRequired ? proposed[name] : undefined}
              isRequired={isRequired}
              says={says}
            />
          );
        if (kind === 'choice')
          return (
            <label>
              {words(name)}
              <select name={PREFIX + name} required={isRequired}>
                {/* Nothing is chosen that nobody chose. */}
                <option value="">{isRequired ? 'choose' : 'none'}</option>
                {[...options.keys()].map((option) => (
                  <option value={option}>{option}</option>
                ))}
              </select>
              {says !== null && <small>{says}</small>}
            </label>
          );
        return (
          <label>
            {words(name)}
            <input
              name={PREFIX + name}
              required={isRequired}
              maxlength={FIELD_LENGTH_MAX}
              inputmode={kind === 'number' ? 'decimal' : undefined}
              autocomplete="off"
            />
            {says !== null && <small>{says}</small>}
          </label>
        );
      })}
    </>
  );
}

interface JsonFieldProps {
  readonly name: string;
  readonly label: string;
  readonly value: unknown;
  readonly isRequired: boolean;
  readonly says: string | null;
}

function JsonField({ name, label, value, isRequired, says }: JsonFieldProps) {
  return (
    <label>
      {label}
      <textarea
        name={PREFIX + name}
        required={isRequired}
        rows={4}
        maxlength={FIELD_LENGTH_MAX}
        class="json"
        autocomplete="off"
      >
        {value === undefined ? '' : JSON.stringify(value, null, 2)}
      </textarea>
      <small>As JSON.{says !== null && ` ${says}`}</small>
    </label>
  );
}

/**
 * What the form said. Empty fields that need not be there are not.
 * @throws Problem that names what is no JSON
 */
export function readFields(schema: z.ZodType, form: Form): Readonly<Record<string, unknown>> {
  const fields = fieldsOf(schema);
  const typed = (name: string) => {
    const value = form[PREFIX + name];
    return typeof value === 'string' ? value : '';
  };
  if (fields === null) {
    const whole = jsonIn('the input', typed(''));
    if (typeof whole !== 'object' || whole === null || Array.isArray(whole))
      throw new Problem('validation-error', 'it must be a JSON object');
    return whole as Readonly<Record<string, unknown>>;
  }
  return Object.fromEntries(
    fields.flatMap((field) => {
      const text = typed(field.name);
      return text === '' && !field.isRequired ? [] : [[field.name, meantBy(field, text)]];
    }),
  );
}

/** What cannot be read stays a text, and the schema says what is wrong with it. */
function meantBy({ name, kind, options }: Field, text: string): unknown {
  switch (kind) {
    case 'text':
      return text;
    case 'choice':
      return options.has(text) ? options.get(text) : text;
    case 'number':
      return numberIn(text);
    case 'json':
      return jsonIn(name, text);
    default:
      return kind satisfies never;
  }
}

/** @throws Problem also where a number in it cannot be kept as it is */
function jsonIn(name: string, text: string): unknown {
  try {
    return valueIn(text);
  } catch (error) {
    if (!(error instanceof Problem) || error.type !== 'malformed-json') throw error;
    throw new Problem('validation-error', `${name}: it is no JSON`);
  }
}

function numberIn(text: string): unknown {
  try {
    return valueIn(text);
  } catch (error) {
    if (!(error instanceof Problem) || error.type !== 'malformed-json') throw error;
    return text;
  }
}
