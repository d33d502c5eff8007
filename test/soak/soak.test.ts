/** A soak of seconds, in which the next release is deployed; `npm run soak` is an hour with everything that can befall it. */
import { expect, it } from 'vitest';
import { newSeed } from '../chaos/dice.ts';
import { findingOf, trendOf } from './flat.ts';
import { runSoak } from './soak.ts';
import { drawn } from './verdict.ts';

it('counts exactly what runs, ends and is migrated while coordinators are replaced and people look on', async () => {
  const seed = newSeed();
  const report = await runSoak({
    minutes: 0.03,
    ordersASecond: 5,
    seed,
    gapMs: 200,
    retentionMs: 300_000,
    everyMs: 1_000,
    untilPurged: false,
    only: /next release/,
  });
  expect(report.problems, `seed ${seed}\n${drawn(report)}`).toEqual([]);
  expect(report.hits.get('next release deployed, one coordinator after the other')).toBeGreaterThan(0);
  expect(report.rows.at(-1)).toMatchObject({ running: 0, parked: 0, heap: expect.any(Number) });
}, 400_000);

/** Readings of an hour, one a minute, with what is added in the hour, and noise from one to the next. */
const readings = (perHour: number, noise: number) =>
  Array.from(
    { length: 60 },
    (_, minute) => [minute / 60, 100 + (perHour * minute) / 60 + noise * Math.sin(minute * 12.9898)] as const,
  );

it('tells what grows from what is only uneasy, whatever single readings say', () => {
  expect(findingOf(trendOf(readings(20, 3)), 5)).toBe('grows');
  expect(findingOf(trendOf(readings(0, 3)), 5)).toBe('flat');
  expect(findingOf(trendOf(readings(0, 40)), 5)).toBe('unsure');
  const [first = [0, 0] as const, ...others] = readings(0, 3);
  const { perHour, least, most } = trendOf([first, ...others.slice(0, -1), [1, 10_000]]);
  expect(Math.abs(perHour)).toBeLessThan(5);
  expect(least).toBeLessThan(0);
  expect(most).toBeGreaterThan(0);
});
