/** What is wrong with an answer, in words that name its fields and never their values: those may be anybody's secrets. */
import type { z } from 'zod';
import { ExactNumber, holdsExact, withDoubles } from '../json/exact.ts';
import type { Answer } from './saga.ts';

/** As many faults as help to mend an answer. */
const FAULTS_NAMED_MAX = 3;

/** ``"`order_id` is a number, not a text"``; `null` where the answer is as the contract says. */
export function faultIn(contract: z.ZodType<Answer>, answer: Answer): string | null {
  const read = readBy(contract, answer);
  return 'fault' in read ? read.fault : null;
}

/**
 * An answer as its contract reads it: a number where it asks for one, and numbers as they were written where it does not look.
 * The answer itself stays as it came, for the compensation.
 */
export function asRead<A extends Answer>(contract: z.ZodType<A>, answer: A): A {
  if (!holdsExact(answer)) return answer;
  const read = readBy(contract, answer);
  return 'fault' in read ? answer : (read.answer as A);
}

function readBy(
  contract: z.ZodType<Answer>,
  answer: Answer,
): { readonly answer: Answer } | { readonly fault: string } {
  const { error } = contract.safeParse(answer);
  if (error === undefined) return { answer };
  // Somebody writes 1.10 where the contract asks for a number, and it is one.
  const reckoned = error.issues.reduce<unknown>(
    (read, { path }) => withDoublesAt(read, path),
    answer,
  ) as Answer;
  if (reckoned !== answer) return readBy(contract, reckoned);
  const faults = error.issues.slice(0, FAULTS_NAMED_MAX).map((issue) => faultOf(issue, answer));
  return { fault: faults.join(', ') };
}

/** The same value, with plain numbers for exact ones at a place in it and below. */
function withDoublesAt(value: unknown, [name, ...rest]: readonly PropertyKey[]): unknown {
  if (name === undefined) return withDoubles(value, () => {});
  const inside = memberOf(value, name);
  const read = withDoublesAt(inside, rest);
  if (read === inside) return value;
  return Array.isArray(value) ? value.with(Number(name), read) : { ...(value as object), [name]: read };
}

function faultOf(issue: z.core.$ZodIssue, answer: Answer): string {
  const field = issue.path.length === 0 ? 'it' : `\`${issue.path.join('.')}\``;
  const found = issue.path.reduce<unknown>(memberOf, answer);
  if (found === undefined) return `${field} is missing`;
  if (issue.code === 'invalid_type') return `${field} is ${kindOf(found)}, not ${nameOf(issue.expected)}`;
  if (found === '') return `${field} is empty`;
  return `${field} does not fit: ${issue.message}`;
}

function memberOf(at: unknown, name: PropertyKey): unknown {
  const whole: Record<PropertyKey, unknown> = Object(at);
  return Object.hasOwn(whole, name) ? whole[name] : undefined;
}

/** ``a text``, ``an array``: what a JSON value is, with its article. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof ExactNumber) return 'a number that cannot be read exactly';
  return nameOf(Array.isArray(value) ? 'array' : typeof value);
}

const NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

function nameOf(type: string): string {
  return NAMES[type] ?? type;
}
