/** How moments are said, as the reader wants it. */
import { expect, it } from 'vitest';
import { agoText, clockText, momentText, timesIn } from '../../server/dashboard/client/time-words.ts';

const AT = Date.UTC(2026, 0, 31, 9, 30, 0, 250);
const LOCAL = new Date(AT);
const two = (n: number) => String(n).padStart(2, '0');
const CLOCK = [LOCAL.getHours(), LOCAL.getMinutes(), LOCAL.getSeconds()].map(two).join(':');
const DAY = `${LOCAL.getFullYear()}-${two(LOCAL.getMonth() + 1)}-${two(LOCAL.getDate())}`;

it('says how long ago, or when: with the day but for today', () => {
  expect([agoText(999), agoText(61_000)]).toEqual(['just now', '1 min 1 s ago']);
  expect(momentText(AT, 'utc', AT)).toBe('2026-01-31 09:30:00 UTC');
  expect(momentText(AT, 'local', AT + 1)).toBe(CLOCK);
  expect(momentText(AT, 'local', AT + 3 * 86_400_000)).toBe(`${DAY} ${CLOCK}`);
  expect(clockText(AT, 'utc')).toBe('09:30:00.250');
  expect(clockText(AT, 'local')).toBe(`${CLOCK}.250`);
});

it('says how long ago unless something else was chosen', () => {
  expect([timesIn(null), timesIn('utc'), timesIn('local'), timesIn('<script>')]).toEqual([
    'ago',
    'utc',
    'local',
    'ago',
  ]);
});
