/** What is told of an answer that is not as its contract says: which field, what it is and what it should be, and never its value. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parse, stringify } from '../../json/exact.ts';
import { asRead, faultIn, kindOf } from '../../machines/answer.ts';
import type { Answer } from '../../machines/saga.ts';

const contract = z.looseObject({
  id: z.string().min(1).max(4),
  count: z.int(),
  isNew: z.boolean(),
  list: z.array(z.string()),
  place: z.looseObject({ row: z.number() }),
  names: z.record(z.string(), z.string()),
});
const good = { id: 'i-1', count: 2, isNew: true, list: ['a'], place: { row: 1 }, names: { a: 'Ada' } };

it.each<[object, string | null]>([
  [{}, null],
  [{ id: undefined }, '`id` is missing'],
  [{ id: '' }, '`id` is empty'],
  [{ id: null }, '`id` is null, not a text'],
  [{ count: 1.5 }, '`count` is a number, not a whole number'],
  [{ isNew: 'yes' }, '`isNew` is a text, not true or false'],
  [{ list: {} }, '`list` is an object, not an array'],
  [{ list: ['a', true] }, '`list.1` is true or false, not a text'],
  [{ place: [] }, '`place` is an array, not an object'],
  [{ place: {} }, '`place.row` is missing'],
  [{ names: 7 }, '`names` is a number, not an object'],
  // Three of them help as much as all.
  [
    { id: 7, count: 'x', isNew: 0, list: 0 },
    expect.stringMatching(/^`id` [^,]+, not [^,]+, `count` .*, `isNew` [^`]+$/),
  ],
])('with %j: %s', (over, fault) => {
  expect(faultIn(contract, { ...good, ...over } as Answer)).toEqual(fault);
});

it('names no value, and says where the whole is something else', () => {
  const fault = faultIn(contract, { ...good, id: 'secret' });
  expect(fault).toMatch(/^`id` does not fit: /);
  expect(fault).not.toContain('secret');
  expect(faultIn(contract, [] as unknown as Answer)).toBe('it is an array, not an object');
  expect([kindOf('a'), kindOf(null), kindOf([])]).toEqual(['a text', 'null', 'an array']);
  expect(kindOf(parse('9007199254740993'))).toBe('a number that cannot be read exactly');
});

it('finds what a rule of its own is about, wherever that stands', () => {
  const about = (path: PropertyKey[]) =>
    faultIn(
      contract.refine(() => false, { path, error: 'is odd' }),
      good,
    );
  expect(about(['place', 'row'])).toBe('`place.row` does not fit: is odd');
  expect(about(['list', 0])).toBe('`list.0` does not fit: is odd');
  expect(about(['id', 'length'])).toBe('`id.length` does not fit: is odd');
  expect(about(['id', 'last'])).toBe('`id.last` is missing');
  expect(about(['none', 'deep'])).toBe('`none.deep` is missing');
  expect(about(['place', 'toString'])).toBe('`place.toString` is missing');
  expect(about([])).toBe('it does not fit: is odd');
});

describe('an answer with numbers that are written otherwise than they are', () => {
  const priced = z.looseObject({
    fee: z.number(),
    lines: z.array(z.looseObject({ fee: z.number() })).optional(),
  });
  const read = (text: string) => asRead(priced, parse(text) as never);

  it('is read as its contract asks, with what it says beside that as it was', () => {
    const text = '{"fee":1.10,"lines":[{"fee":2.0,"more":3.00}],"more":4.0}';
    expect(stringify(read(text))).toBe('{"fee":1.1,"lines":[{"fee":2,"more":3.00}],"more":4.0}');
  });

  it('stays as it came where nobody asks for a number, and where it is not as its contract says', () => {
    for (const text of ['{"fee":1,"more":1.10}', '{"fee":"1","more":1.10}', '{"fee":1}']) {
      const answer = parse(text) as never;
      expect(asRead(priced, answer)).toBe(answer);
    }
  });
});
