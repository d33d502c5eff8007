import { expect, it } from 'vitest';
import { Book } from '../../services-stub/book.ts';

it('forgets its oldest entries, counts them, and alters what is not forgotten', () => {
  const book = new Book<{ entry: number; isUndone?: boolean }>(10);
  for (let entry = 1; entry <= 12; entry++) book.put(String(entry), { entry });
  expect([...book.values()].map(({ entry }) => entry)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(book.forgotten).toBe(2);
  for (const id of ['1', '12']) book.change(id, { isUndone: true });
  expect(book.newest(2)).toEqual([{ entry: 12, isUndone: true }, { entry: 11 }]);
  expect(book.size).toBe(10);
});
