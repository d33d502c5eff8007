/**
 * `npm run soak -- [--minutes 60] [--rate 6] [--seed 7] [--retention-seconds 300] [--gap-ms 5000]`. A table by minutes, what its
 * figures amount to, and exit code 0 where everything that was promised held, and nothing is seen to grow.
 */
import { parseArgs } from 'node:util';
import { newSeed } from '../chaos/dice.ts';
import { runSoak } from './soak.ts';
import { drawn, heading, line, trends } from './verdict.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(newSeed()) },
    'retention-seconds': { type: 'string', default: '300' },
    'gap-ms': { type: 'string', default: '5000' },
  },
});

function number(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name]);
  if (value >= least && value <= most) return value;
  process.stderr.write(`--${name} must be a number from ${least} to ${most}\n`);
  process.exit(2);
}

const options = {
  minutes: number('minutes', 1, 600),
  ordersASecond: number('rate', 0.1, 1000),
  seed: Math.trunc(number('seed', 0, 0xffff_ffff)),
  // Longer than any client goes on repeating an order: after that its key would begin another saga.
  retentionMs: number('retention-seconds', 240, 3600) * 1000,
  gapMs: number('gap-ms', 100, 600_000),
};
/** The services' journals hold 100,000 calls each. */
if (options.minutes * 60 * options.ordersASecond > 60_000) {
  process.stderr.write('more than 60,000 orders: the services would forget what they did\n');
  process.exit(2);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const out = process.stdout;
out.write(
  `soak: ${options.minutes} minutes, ${options.ordersASecond} orders a second, seed ${options.seed}\n${heading}\n`,
);
const report = await runSoak({
  ...options,
  everyMs: Math.min(60_000, options.minutes * 2_000),
  untilPurged: true,
  onRow: (row) => out.write(`${line(row)}\n`),
});
out.write(drawn(report));
const failed = report.problems.length + trends(report.rows).problems.length > 0;
out.write('', () => process.exit(failed ? 1 : 0));
