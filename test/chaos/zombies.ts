/** `npm run zombies -- --rounds 50`: as many zombies, in every place where a call can be held. */
import { parseArgs } from 'node:util';
import { openZombieWorld, ROUNDS } from './zombie.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' } } });
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000)) {
  process.stderr.write('--rounds must be a whole number from 1 to 1000\n');
  process.exit(2);
}
const ROUND_MS_MAX = 30_000;

const out = process.stdout;
const beganAt = performance.now();
const world = await openZombieWorld();
const dropped = new Map<string, number>();
let failed = 0;
for (let at = 0; at < rounds; at += 1) {
  const round = ROUNDS[at % ROUNDS.length];
  if (round === undefined) break;
  const name = `round ${at + 1}: ${round.kind} of ${round.name}, ${round.held}, awake ${round.wakes}`;
  // A round that hangs has failed: nothing after it would tell more.
  const overdue = setTimeout(() => {
    out.write(`\n${name}: not over after ${ROUND_MS_MAX / 1000} s\n`);
    process.exit(1);
  }, ROUND_MS_MAX);
  const result = await world.play(round);
  clearTimeout(overdue);
  dropped.set(result.dropped, (dropped.get(result.dropped) ?? 0) + 1);
  if (result.problems.length > 0) failed += 1;
  for (const problem of result.problems) out.write(`\n${name}: ${problem}\n`);
  if (out.isTTY) out.write(`\r\x1b[2K${at + 1} of ${rounds} rounds`);
}
await world.close();
const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
const whys = [...dropped].map(([why, times]) => `${times} as ${why}`).join(', ');
out.write(
  `${out.isTTY ? '\r\x1b[2K' : ''}${rounds} zombies in ${seconds} s; sagas dropped: ${whys}; ${failed} rounds failed\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
