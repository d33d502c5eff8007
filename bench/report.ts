/** What was measured, as Markdown: medians of the rounds, and ratios with their spread. */
import type { Course, Round } from './round.ts';

/** The rounds of each contender by name, in the order in which they took turns; the floor first. */
export type Rounds = ReadonlyMap<string, readonly Round[]>;

export interface Results {
  readonly courses: Readonly<Record<Course, Rounds>>;
  readonly alone: Rounds;
}

export interface Circumstances {
  readonly date: string;
  readonly node: string;
  readonly redis: string;
  readonly machine: string;
  readonly fsync: string;
  readonly clients: number;
  readonly orders: number;
  readonly ordersAlone: number;
  /** Of each start. */
  readonly rounds: number;
  /** How often each contender was started, warmed up and measured anew. */
  readonly starts: number;
  /** How each contender reaches its Redis. */
  readonly transports: string;
  /** Who else took part; null where nobody else was asked for. */
  readonly peers: string | null;
}

const TITLES: Readonly<Record<Course, string>> = {
  success: 'Five steps that succeed',
  compensation: 'Payment declined: three actions, three compensations',
};

/** Those of several starts as one, start after start. */
export function joined(starts: readonly Results[]): Results {
  const together = (roundsOf: (results: Results) => Rounds): Rounds => {
    const all = new Map<string, readonly Round[]>();
    for (const results of starts) {
      for (const [name, rounds] of roundsOf(results)) all.set(name, [...(all.get(name) ?? []), ...rounds]);
    }
    return all;
  };
  return {
    courses: {
      success: together(({ courses }) => courses.success),
      compensation: together(({ courses }) => courses.compensation),
    },
    alone: together(({ alone }) => alone),
  };
}

export function reportOf({ courses, alone }: Results, at: Circumstances): string {
  return [
    `${at.date}, Node ${at.node}, Redis ${at.redis} with \`appendfsync ${at.fsync}\`, ${at.machine}. ` +
      `${at.starts === 1 ? '' : `${at.starts} starts of `}${at.rounds} rounds of ${at.orders} orders from ${at.clients} clients, then of ${at.ordersAlone} from one.` +
      (at.peers === null ? '' : ` ${at.peers}`) +
      ` ${at.transports}`,
    ...(Object.keys(courses) as Course[]).flatMap((course) => [
      `**${TITLES[course]}**`,
      loaded(courses[course]),
    ]),
    '**One client alone, five steps that succeed**',
    lonely(alone),
  ].join('\n\n');
}

function loaded(rounds: Rounds): string {
  const rate = (round: Round) => round.ordersPerSecond;
  return table(
    [
      '',
      'orders/s',
      'p50 ms',
      'p99 ms',
      'CPU µs per saga: itself',
      'its store',
      'stub and load',
      'orders/s to floor',
      'to floor + SET',
    ],
    [...rounds].map(([name, own]) => [
      name,
      median(own.map(rate)).toFixed(0),
      median(own.map((round) => round.p50Ms)).toFixed(1),
      median(own.map((round) => round.p99Ms)).toFixed(1),
      cpu(own, 'self'),
      cpu(own, 'store'),
      cpu(own, 'around'),
      ratio(rounds, name, 'floor', rate),
      ratio(rounds, name, 'floor + SET', rate),
    ]),
  );
}

function lonely(rounds: Rounds): string {
  const p50 = (round: Round) => round.p50Ms;
  return table(
    ['', 'p50 ms', 'p99 ms', 'p50 to floor', 'to floor + SET'],
    [...rounds].map(([name, own]) => [
      name,
      median(own.map(p50)).toFixed(2),
      median(own.map((round) => round.p99Ms)).toFixed(2),
      ratio(rounds, name, 'floor', p50),
      ratio(rounds, name, 'floor + SET', p50),
    ]),
  );
}

function cpu(rounds: readonly Round[], kind: 'self' | 'store' | 'around'): string {
  const all = rounds.flatMap(({ cpuUs }) => (cpuUs === null ? [] : [cpuUs[kind]]));
  return all.length === 0 ? '–' : median(all).toFixed(0);
}

/** Round by round, since whatever else the machine does in a minute falls on neighbours alike. */
function ratio(rounds: Rounds, name: string, base: string, of: (round: Round) => number): string {
  const names = [...rounds.keys()];
  if (names.indexOf(name) <= names.indexOf(base)) return '';
  const bases = rounds.get(base) ?? [];
  const ratios = (rounds.get(name) ?? []).flatMap((round, index) => {
    const other = bases[index];
    return other === undefined ? [] : [of(round) / of(other)];
  });
  return ratioOf(ratios);
}

/** The middle of the rounds, the least and the most. */
export function ratioOf(ratios: readonly number[]): string {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  return `${median(ratios).toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}

export function median(values: readonly number[]): number {
  const ascending = [...values].sort((a, b) => a - b);
  const middle = ascending.length / 2;
  const [low, high] = [ascending[Math.ceil(middle) - 1], ascending[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Padded, so that it is as readable in a terminal as in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(4, cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

const END = '<!-- end of figures -->';

/** The page with these figures between the markers of the command that measures them, and everything else as it was. */
export function withFigures(page: string, command: string, figures: string): string {
  const begin = `<!-- figures: ${command} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(END, from);
  if (from < 0 || to < 0) throw new Error(`The page has no ${begin} before ${END}`);
  return `${page.slice(0, from + begin.length)}\n\n${figures}\n\n${page.slice(to)}`;
}
