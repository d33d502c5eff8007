/**
 * `npm run chaos -- --orders 4000 --seconds 60 --seed 7 --store one|cluster|sentinel`. Exit code 0 where everything that was promised held, and
 * every fault really hit.
 */
import { parseArgs } from 'node:util';
import { type Progress, runChaos } from './chaos.ts';
import { newSeed } from './dice.ts';
import { GROUND_NAMES } from './ground.ts';
import { drawn } from './table.ts';

const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: '4000' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(newSeed()) },
    store: { type: 'string', default: 'one' },
    'gap-ms': { type: 'string', default: '700' },
  },
});

function whole(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`--${name} must be a whole number from ${least} to ${most}\n`);
  process.exit(2);
}

/** The services' journals hold 100,000 calls each; more orders than this, and half as many again until all has hit, would make them forget. */
const orders = whole('orders', 1, 20_000);
const seconds = whole('seconds', 1, 3600);
const seed = whole('seed', 0, 0xffff_ffff);
const gapMs = whole('gap-ms', 20, 60_000);
const ground = GROUND_NAMES.find((name) => name === values.store);
if (ground === undefined) {
  process.stderr.write(`--store must be one of ${GROUND_NAMES.join(', ')}\n`);
  process.exit(2);
}

const out = process.stdout;
let saidAt = 0;
function onProgress({ phase, seconds: now, acknowledged, mishaps }: Progress): void {
  const line = `${phase.padEnd(7)} ${now.toFixed(0).padStart(4)} s   ${acknowledged} of ${orders} orders acknowledged   ${mishaps} mishaps`;
  if (out.isTTY) out.write(`\r\x1b[2K${line}`);
  else if (now - saidAt >= 5) {
    saidAt = now;
    out.write(`${line}\n`);
  }
}

// Coordinators are processes of their own: they are ended on exit, so an interruption must be an exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

out.write(`chaos on ${ground}: ${orders} orders in ${seconds} s, seed ${seed}\n`);
const report = await runChaos({ orders, seconds, seed, gapMs, ground, onProgress });
if (out.isTTY) out.write('\r\x1b[2K');
out.write(drawn(report));
out.write(
  report.problems.length === 0
    ? 'Nothing was lost, nothing happened twice.\n'
    : `FAILED: ${report.problems.length} problems; again with --orders ${orders} --seconds ${seconds} --seed ${seed} --store ${ground}\n`,
);
// Not left to the end of the event loop: with sockets that were cut in the middle of a write Node now and then never comes
// to it (it spins in CleanupHandles).
out.write('', () => process.exit(report.problems.length === 0 ? 0 : 1));
