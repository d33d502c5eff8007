/**
 * From moments to places. Time is linear, but for long stretches in which no call was under way: each of them is as wide as
 * any other, and marked as a break that says its true length.
 */
import { type Bar, UNDER_WAY } from './bars.ts';
import { span } from './wording.ts';

export interface TimeScale {
  readonly place: (ms: number) => number;
  /** Pixels of a millisecond where time is linear. */
  readonly rate: number;
  readonly ticks: readonly { readonly x: number; readonly text: string; readonly ms: number }[];
  readonly breaks: readonly { readonly x: number; readonly width: number; readonly ms: number }[];
}

const BREAK = 64;
/** A stretch without a call is broken where it is longer than so many times all calls together. */
const QUIET_SHARE_MAX = 0.6;
const TICKS_APART = 72;

interface Segment {
  readonly from: number;
  readonly to: number;
  readonly isBroken: boolean;
}

/** @param until the end of what is shown, where that is behind the last bar: there is room for what goes on */
export function timeScale(bars: readonly Bar[], until: number, left: number, width: number): TimeScale {
  const marks = [...new Set([...bars.flatMap(({ fromMs, toMs }) => [fromMs, toMs]), until])].sort(
    (a, b) => a - b,
  );
  const calls = bars.filter(({ kind }) => kind === 'call');
  const growing = calls.filter(({ outcome }) => outcome === UNDER_WAY);
  const stretches = marks.slice(1).map((to, index) => {
    const from = marks[index] ?? to;
    const isGrowing = to === until && growing.some(({ toMs }) => toMs === from);
    const isBusy = isGrowing || calls.some(({ fromMs, toMs }) => fromMs <= from && toMs >= to);
    return { from, to, isBusy };
  });
  const busyMs = stretches.reduce((sum, { from, to, isBusy }) => sum + (isBusy ? to - from : 0), 0);
  const isLong = (ms: number) => busyMs > 0 && ms > busyMs * QUIET_SHARE_MAX;
  const segments = joined(stretches).map(({ from, to, isBusy }): Segment => {
    return { from, to, isBroken: !isBusy && isLong(to - from) };
  });
  const broken = segments.filter(({ isBroken }) => isBroken).length;
  const breakWidth = Math.min(BREAK, width / 2 / Math.max(1, broken));
  const linearMs = segments.reduce((sum, { from, to, isBroken }) => sum + (isBroken ? 0 : to - from), 0);
  const rate = (width - broken * breakWidth) / Math.max(1, linearMs);
  const starts: number[] = [];
  let x = left;
  for (const { from, to, isBroken } of segments) {
    starts.push(x);
    x += isBroken ? breakWidth : (to - from) * rate;
  }
  const place = (ms: number) => {
    const index = segments.findIndex(({ to }) => ms <= to);
    const segment = segments[index];
    if (segment === undefined) return x;
    const { from, to, isBroken } = segment;
    const share = Math.max(0, ms - from) * (isBroken ? breakWidth / (to - from) : rate);
    return (starts[index] ?? left) + share;
  };
  const breaks = segments.flatMap(({ from, to, isBroken }, index) =>
    isBroken ? [{ x: starts[index] ?? left, width: breakWidth, ms: to - from }] : [],
  );
  return { place, rate, ticks: ticksOf(segments, place, rate, marks[0] ?? 0), breaks };
}

/** Stretches without a call that follow each other are one. */
function joined(stretches: readonly { from: number; to: number; isBusy: boolean }[]) {
  const all: { from: number; to: number; isBusy: boolean }[] = [];
  for (const one of stretches) {
    const last = all.at(-1);
    if (last !== undefined && last.isBusy === one.isBusy) all[all.length - 1] = { ...last, to: one.to };
    else all.push(one);
  }
  return all;
}

function ticksOf(segments: readonly Segment[], place: (ms: number) => number, rate: number, origin: number) {
  const step = niceAbove(TICKS_APART / rate);
  const ticks: { x: number; text: string; ms: number }[] = [];
  for (const { from, to, isBroken } of segments) {
    if (isBroken) continue;
    for (let at = Math.ceil((from - origin) / step) * step; at <= to - origin; at += step) {
      const x = place(origin + at);
      if (x - (ticks.at(-1)?.x ?? Number.NEGATIVE_INFINITY) < TICKS_APART * 0.8) continue;
      ticks.push({ x, ms: origin + at, text: at === 0 ? '0' : span(at) });
    }
  }
  return ticks;
}

const ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400].map((s) => s * 1000),
);

/** A round span of time that is no less, in milliseconds. */
export function niceAbove(ms: number): number {
  const days = 86_400_000;
  return ROUND.find((one) => one >= ms) ?? Math.ceil(ms / days) * days;
}
