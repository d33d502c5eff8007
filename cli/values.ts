/** What values of options mean, each told what is wrong with it before anybody is asked. */
import { UsageError } from './surroundings.ts';

type Value = string | boolean | undefined;

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Seconds, or a span with its unit: `90`, `90s`, `10m`, `2h`, `3d`. */
export function secondsIn(option: string, value: Value, most: number): number {
  const seconds = spanIn(String(value));
  if (seconds !== null && seconds <= most) return seconds;
  throw new UsageError(`${option} is a span such as 90s, 10m, 2h or 3d, of ${most} seconds at most`);
}

/** A time as the API takes it: a span back from now, a day in UTC, or a moment with its zone. */
export function timeIn(option: string, value: string, nowMs: number): string {
  const back = /[smhd]$/.test(value) ? spanIn(value) : null;
  const at =
    back !== null
      ? nowMs - 1000 * back
      : /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(value)
        ? Date.parse(value)
        : Number.NaN;
  if (!Number.isNaN(new Date(at).getTime())) return new Date(at).toISOString();
  throw new UsageError(`${option} is how long ago, such as 2h, or a time, such as 2026-01-31T12:00:00Z`);
}

export function wholeIn(option: string, value: Value, least: number, most: number): number {
  if (/^\d{1,10}$/.test(String(value)) && Number(value) >= least && Number(value) <= most)
    return Number(value);
  throw new UsageError(`${option} is a whole number from ${least} to ${most}`);
}

function spanIn(text: string): number | null {
  const [, digits, unit = 's'] = /^(\d{1,10})([smhd]?)$/.exec(text) ?? [];
  return digits === undefined ? null : Number(digits) * (UNITS[unit as keyof typeof UNITS] ?? 1);
}
