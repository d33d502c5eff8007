/** The mutations must still be about the code that stands: `npm run mutations` is run by hand, and would say so too late. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { mutations } from './mutation-table.ts';

const root = new URL('../../', import.meta.url);

it.each(mutations)('finds the one place for $name', ({ file, find, tests }) => {
  expect(readFileSync(new URL(file, root), 'utf8').split(find)).toHaveLength(2);
  for (const test of tests) expect(() => readFileSync(new URL(test, root))).not.toThrow();
});
