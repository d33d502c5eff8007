/** What is told of an answer that is not as its contract says: which field, what it is and what it should be, and never its value. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { faultIn, kindOf } from '../../machines/answer.ts';
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
});
