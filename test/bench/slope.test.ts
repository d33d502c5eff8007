import { expect, it } from 'vitest';
import { slopeOf } from '../../bench/slope.ts';

it('finds a line, and that nothing lies beside it', () => {
  const { perUnit, error } = slopeOf([0, 1, 2, 5].map((x) => [x, 7 + 3 * x]));
  expect(perUnit).toBeCloseTo(3, 12);
  expect(error).toBeCloseTo(0, 12);
});

it('weighs what lies beside it, as textbooks do', () => {
  const { perUnit, error } = slopeOf([
    [1, 2],
    [2, 1],
    [3, 4],
    [4, 3],
  ]);
  expect(perUnit).toBeCloseTo(0.6, 12);
  // Residuals -0.6, 1.4 .. squared sum 3.2 over 2 degrees of freedom, over a spread of 5.
  expect(error).toBeCloseTo(Math.sqrt(3.2 / 2 / 5), 12);
});

it('does not make one up', () => {
  expect(() => slopeOf([[1, 2]])).toThrow('three points');
  expect(() =>
    slopeOf([
      [1, 2],
      [1, 3],
      [1, 4],
    ]),
  ).toThrow('above each other');
});
