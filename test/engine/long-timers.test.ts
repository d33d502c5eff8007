import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../server/engine/clock.ts';

const DAY_MS = 86_400_000;
afterEach(() => vi.useRealTimers());

it('waits for longer than a timer of Node can, and not a day less', () => {
  vi.useFakeTimers();
  const over = vi.fn();
  systemClock.after(90 * DAY_MS, over);
  vi.advanceTimersByTime(90 * DAY_MS - 1);
  expect(over).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(over).toHaveBeenCalledOnce();
});

it('is called off in the middle of it', () => {
  vi.useFakeTimers();
  const over = vi.fn();
  const cancel = systemClock.after(90 * DAY_MS, over);
  vi.advanceTimersByTime(60 * DAY_MS);
  cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(over).not.toHaveBeenCalled();
});
