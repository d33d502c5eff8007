/** A soak as a table by intervals, with what its figures amount to. */
import { findingOf, type Trend, trendOf } from './flat.ts';
import type { Row, SoakReport } from './soak.ts';

/** While all is compiled, pooled and cached for the first time, nothing is flat. */
const WARMING = 0.2;
const MIB = 2 ** 20;

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly of: (row: Row) => number;
  /** What an hour may add: so much, or such a share of it. */
  readonly perHourMax: number | { readonly share: number };
}

const FIGURES: readonly Figure[] = [
  { name: 'heap', unit: 'MiB', of: ({ heap }) => heap / MIB, perHourMax: { share: 0.1 } },
  { name: 'buffers', unit: 'MiB', of: ({ outside }) => outside / MIB, perHourMax: { share: 0.1 } },
  { name: 'handles', unit: '', of: ({ handles }) => handles, perHourMax: { share: 0.1 } },
  { name: 'sockets', unit: '', of: ({ sockets }) => sockets, perHourMax: { share: 0.1 } },
  { name: 'Redis per saga', unit: 'KiB', of: ({ perSaga }) => perSaga / 1024, perHourMax: { share: 0.1 } },
  { name: 'other keys', unit: '', of: ({ otherKeys }) => otherKeys, perHourMax: { share: 0.1 } },
];

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['minute', ({ atMs }) => (atMs / 60_000).toFixed(1)],
  ['started', ({ started }) => String(started)],
  ['ended', ({ ended }) => String(ended)],
  ['running', ({ running }) => String(running)],
  ['parked', ({ parked }) => String(parked)],
  ['held', ({ held }) => String(held)],
  ['mishaps', ({ mishaps }) => String(mishaps)],
  ['release', ({ release }) => String(release)],
  ...FIGURES.map(
    ({ name, of }) =>
      [name, (row: Row) => of(row).toFixed(/keys|handles|sockets/.test(name) ? 0 : 1)] as const,
  ),
  ['RSS', ({ rss }) => (rss / MIB).toFixed(0)],
  ['Redis MiB', ({ redis }) => (redis / MIB).toFixed(1)],
];

export const heading = COLUMNS.map(([name]) => name.padStart(Math.max(8, name.length))).join(' ');

export function line(row: Row): string {
  return COLUMNS.map(([name, of]) => of(row).padStart(Math.max(8, name.length))).join(' ');
}

/** What grows, and how sure that is; too few readings tell nothing. */
export function trends(rows: readonly Row[]): { readonly words: string[]; readonly problems: string[] } {
  const warm = rows.slice(Math.ceil(rows.length * WARMING));
  if (warm.length < 4) return { words: ['too few readings to tell what grows'], problems: [] };
  const words: string[] = [];
  const problems: string[] = [];
  for (const { name, unit, of, perHourMax } of FIGURES) {
    const readings = warm.map((row) => [row.atMs / 3_600_000, of(row)] as const);
    if (!readings.every(([, value]) => Number.isFinite(value))) continue;
    const trend = trendOf(readings);
    const most = typeof perHourMax === 'number' ? perHourMax : perHourMax.share * Math.abs(trend.median);
    const finding = findingOf(trend, most);
    const said = `${name}: ${finding}; ${inWords(trend, unit)}, ${most.toFixed(2)} let pass`;
    words.push(said);
    if (finding === 'grows') problems.push(said);
  }
  return { words, problems };
}

function inWords({ perHour, least, most, median }: Trend, unit: string): string {
  return `median ${median.toFixed(1)}${unit && ` ${unit}`}, ${perHour.toFixed(2)} an hour (95 %: ${least.toFixed(2)} to ${most.toFixed(2)})`;
}

export function drawn({ hits, tallies, problems, rows }: SoakReport): string {
  const found = trends(rows);
  const all = [...problems, ...found.problems];
  const list = (pairs: Iterable<readonly [string, number]>) =>
    [...pairs].map(([name, times]) => `${String(times).padStart(8)}  ${name}\n`).join('');
  return [
    `\n${list(Object.entries(tallies))}\n${list(hits)}\n`,
    ...found.words.map((said) => `${said}\n`),
    ...all.slice(0, 40).map((problem) => `PROBLEM: ${problem}\n`),
    all.length === 0
      ? 'All counts are exact, nothing was lost or done twice, and nothing is seen to grow.\n'
      : `FAILED: ${all.length} problems\n`,
  ].join('');
}
