/** How the pages say a moment: how long ago, or when, where the reader is or in UTC. */
import { span } from '../wording.ts';

export const TIMES = ['ago', 'local', 'utc'] as const;
export type Times = (typeof TIMES)[number];

export const TIMES_SAY: Readonly<Record<Times, string>> = { ago: 'ago', local: 'local', utc: 'UTC' };

export function timesIn(text: string | null): Times {
  return TIMES.find((one) => one === text) ?? 'ago';
}

export function agoText(ms: number): string {
  return ms < 1000 ? 'just now' : `${span(ms)} ago`;
}

/** `2026-01-31 09:30:00 UTC`; of this day where the reader is, `09:30:00`. */
export function momentText(atMs: number, times: 'local' | 'utc', nowMs: number): string {
  if (times === 'utc') return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const [day, today] = [localDay(atMs), localDay(nowMs)];
  const clock = localClock(atMs);
  return day === today ? clock : `${day} ${clock}`;
}

/** With milliseconds and without the day, as lines of a log need it. */
export function clockText(atMs: number, times: 'local' | 'utc'): string {
  const millis = String(atMs % 1000).padStart(3, '0');
  return times === 'utc' ? new Date(atMs).toISOString().slice(11, 23) : `${localClock(atMs)}.${millis}`;
}

function localDay(atMs: number): string {
  const date = new Date(atMs);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function localClock(atMs: number): string {
  const date = new Date(atMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
