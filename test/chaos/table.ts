/** A report as a table that fits a terminal. */
import type { ChaosReport, Tally } from './chaos.ts';

const PROBLEMS_SHOWN_MAX = 40;

export function drawn(report: ChaosReport): string {
  const { sagas, calls, faults, consequences, problems } = report;
  const count = (status: string) => sagas.filter((saga) => saga.status === status).length;
  const sections: readonly (readonly [string, readonly Tally[]])[] = [
    ['fault that hit', faults],
    ['what came of it', consequences],
    [
      'sagas',
      [
        { name: 'orders acknowledged', hits: report.acknowledged },
        { name: 'sagas (without a key a repeated order is two)', hits: sagas.length },
        { name: 'COMPLETED, all five effects stand once', hits: count('COMPLETED') },
        { name: 'FAILED, nothing held', hits: count('FAILED') },
        { name: 'ABORTED, parked for a stated reason', hits: count('ABORTED') },
        { name: 'steps that parked sagas name as held', hits: report.named },
        { name: '... of which nothing stands, the answers lost', hits: report.namedInVain },
        { name: 'calls that services received', hits: calls },
        { name: 'problems', hits: problems.length },
      ],
    ],
  ];
  const width = Math.max(
    ...sections
      .flatMap(([title, rows]) => [title, ...rows.map(({ name }) => name)])
      .map((text) => text.length),
  );
  const rule = (left: string, middle: string, right: string) =>
    `${left}${'─'.repeat(width + 2)}${middle}${'─'.repeat(9)}${right}\n`;
  const row = (name: string, value: string) => `│ ${name.padEnd(width)} │ ${value.padStart(7)} │\n`;
  const body = sections
    .map(
      ([title, rows]) =>
        row(title.toUpperCase(), '') + rows.map(({ name, hits }) => row(name, String(hits))).join(''),
    )
    .join(rule('├', '┼', '┤'));
  const times = `storm ${report.stormSeconds.toFixed(1)} s, healing ${report.healingSeconds.toFixed(1)} s\n`;
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem) => `  ${problem}\n`);
  const more = problems.length - shown.length;
  return `${rule('┌', '┬', '┐')}${body}${rule('└', '┴', '┘')}${times}${shown.join('')}${more > 0 ? `  and ${more} more\n` : ''}`;
}
