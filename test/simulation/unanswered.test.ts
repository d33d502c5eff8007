/** Every write and every call is applied and not answered, or lost on the way, or arrives a second time much later. */
import { expect, it } from 'vitest';
import { enumerate } from './enumerate.ts';
import type { Blow } from './staged.ts';

const blows = ['unanswered', 'lost', 'doubled'] as const satisfies readonly Blow[];

it.each(blows)('carries on where a message is %s, whichever it is', { timeout: 600_000 }, async (blow) => {
  const { fallen, points, faults, uncovered } = await enumerate([blow]);
  expect(faults.slice(0, 3).join('\n\n')).toBe('');
  expect(uncovered).toEqual([]);
  expect(fallen).toBe(points);
});
