/** Throughput and latency as they are now: what was counted between two looks at the sums. */
import { ownUrl } from './own-url.ts';

const EVERY_MS = 2000;
const POINTS = 30;

interface Pulse {
  readonly at_ms: number;
  readonly settled: number;
  readonly durations: readonly number[];
  readonly bounds_ms: readonly number[];
}

export function plotPulse(): void {
  const [throughput, latency] = ['throughput', 'latency'].map((id) => document.getElementById(id));
  if (!throughput || !latency) return;
  const rates: number[] = [];
  const medians: number[] = [];
  let last: Pulse | null = null;

  const look = async () => {
    if (document.visibilityState !== 'visible') return;
    const response = await fetch(ownUrl('pulse')).catch(() => null);
    if (response?.ok !== true) return;
    const pulse = (await response.json()) as Pulse;
    const before = last;
    if (before !== null && pulse.at_ms <= before.at_ms) return;
    last = pulse;
    if (before === null) return;
    // After Redis was emptied the sums are smaller than they were.
    const settled = Math.max(0, pulse.settled - before.settled);
    const rate = (1000 * settled) / (pulse.at_ms - before.at_ms);
    const counts = pulse.durations.map((n, index) => Math.max(0, n - (before.durations[index] ?? 0)));
    const median = quantile(counts, pulse.bounds_ms, 0.5);
    draw(throughput, rates, rate, rate >= 10 ? Math.round(rate).toLocaleString('en') : rate.toFixed(1));
    // A quiet moment has no latency: the line stays where it was.
    draw(latency, medians, median ?? medians.at(-1) ?? 0, median === null ? '–' : shown(median));
  };
  void look();
  setInterval(look, EVERY_MS);
}

function quantile(counts: readonly number[], bounds: readonly number[], q: number): number | null {
  const total = counts.reduce((sum, n) => sum + n, 0);
  let below = 0;
  for (const [index, n] of counts.entries()) {
    below += n;
    if (n > 0 && below >= q * total) return bounds[index] ?? Number.POSITIVE_INFINITY;
  }
  return null;
}

function shown(ms: number): string {
  if (!Number.isFinite(ms)) return '> 16 min';
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}

function draw(tile: Element, values: number[], value: number, text: string): void {
  values.push(Number.isFinite(value) ? value : 1_000_000);
  if (values.length > POINTS) values.shift();
  const figure = tile.querySelector('.figure');
  if (figure !== null) figure.textContent = text;
  const most = Math.max(...values, 1e-9);
  const points = values.map((one, index) => {
    const x = 120 - (values.length - 1 - index) * (120 / (POINTS - 1));
    return `${x.toFixed(1)} ${(30 - (26 * one) / most).toFixed(1)}`;
  });
  const first = points[0]?.split(' ')[0] ?? '0';
  tile.querySelector('.line')?.setAttribute('d', `M${points.join('L')}`);
  tile.querySelector('.area')?.setAttribute('d', `M${first} 32L${points.join('L')}L120 32Z`);
}
