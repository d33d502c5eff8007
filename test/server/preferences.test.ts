/** The two headers of an order, read: how long to wait, and under which key. */
import { describe, expect, it } from 'vitest';
import { Problem } from '../../server/problem.ts';
import { idempotencyKeyOf, preferenceOf } from '../../server/routes/preferences.ts';

describe('Prefer', () => {
  const unset = { waitMs: 7, applied: null };
  const async = { waitMs: 0, applied: 'respond-async' };
  const wait = (seconds: number) => ({ waitMs: seconds * 1000, applied: `wait=${seconds}` });
  it.each([
    [undefined, unset],
    ['', unset],
    ['respond-async', async],
    ['  RESPOND-ASYNC  ', async],
    ['handling=lenient, respond-async', async],
    ['wait=0', wait(0)],
    ['wait=00', wait(0)],
    ['wait=15', wait(15)],
    ['wait="15"', wait(15)],
    ['wait = 15', wait(15)],
    ['wait=120', wait(120)],
    ['wait=121', wait(120)],
    ['wait=999999999', wait(120)],
    ['respond-async, wait=15', wait(15)],
    ['wait=15, respond-async', wait(15)],
    // The first one counts, as RFC 7240 has it.
    ['wait=1, wait=2', wait(1)],
    ['wait=x, wait=2', wait(2)],
    ['respond-async, wait=-1', async],
    ['wait=1000000000', unset],
    ['wait=1.5', unset],
    ['wait=+1', unset],
    ['wait=', unset],
    ['wait', unset],
    ['wait=1s', unset],
    ['await=1', unset],
    ['respond-async=1', unset],
    // An empty value is none.
    ['respond-async=', async],
    ['respond-async=""', async],
    ['respond-async = ""', async],
    // Parameters, which mean nothing to us.
    ['respond-async; x=y', async],
    ['respond-async;x', async],
    ['respond-async; x="a, b"; y', async],
    ['respond-async; wait=3', async],
    ['x=y; respond-async', unset],
    ['wait=15; x=y', wait(15)],
    ['wait="1\\5";x=", wait=3"', wait(15)],
    ['foo; bar, wait=15, respond-async', wait(15)],
    // What stands in quotes is no preference of its own.
    ['foo="a, respond-async"', unset],
    ['foo="a; b", respond-async', async],
    ['foo="\\", respond-async"', unset],
    ['"respond-async"', unset],
    ['foo="respond-async', unset],
    ['wait="15', unset],
    ['wait=15"', unset],
    [',,,', unset],
  ])('%j', (header, expected) => {
    expect(preferenceOf(header, 7)).toEqual(expected);
  });
});

describe('Idempotency-Key', () => {
  it.each([
    [undefined, null],
    ['a', 'a'],
    ['"a"', 'a'],
    ['  a  ', 'a'],
    [' "a" ', 'a'],
    ['" a "', ' a '],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"\\"\\\\"', '"\\'],
    ["it's;a=b", "it's;a=b"],
    ['"a, b"', 'a, b'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
    [`"${'\\"'.repeat(255)}"`, '"'.repeat(255)],
  ])('%j is the key %j', (header, key) => {
    expect(idempotencyKeyOf(header)).toBe(key);
  });

  it.each([
    '',
    ' ',
    '""',
    '"',
    '"a',
    'a"',
    '"a"b',
    '"a" "b"',
    '"\\"',
    '"\\a"',
    '\\',
    'a\\b',
    // Two headers arrive as one, with a comma between them.
    'a, b',
    'a,b',
    'a b',
    'ä',
    '"\u0001"',
    '"\u007f"',
    'x'.repeat(256),
    `"${'x'.repeat(256)}"`,
  ])('%j is none', (header) => {
    expect(() => idempotencyKeyOf(header)).toThrow(Problem);
    expect(() => idempotencyKeyOf(header)).toThrow(expect.objectContaining({ type: 'invalid-header' }));
  });
});
