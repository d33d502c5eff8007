/**
 * Many seeds on all cores: `node --import tsx test/simulation/simulate.ts [--seeds N] [--from S]
 * [--saga order|returns|trip] [--sealed]`. Each seed has one of the sagas in turn, unless one is chosen. Ends with 1 at the first seed that
 * breaks a promise, and shows it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chosenBy } from './sagas.ts';
import { type Run, sagaOf, simulate, told } from './simulation.ts';

/** What a child process says after each batch of seeds. */
interface Batch {
  readonly done: number;
  readonly steps: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly failed: Run | null;
}

const BATCH = 50;
const PROGRESS_EVERY_MS = 10_000;

/** One batch of every `stride` seeds. */
async function batch(from: number, until: number, stride: number): Promise<Batch> {
  const statuses: Record<string, number> = {};
  let [done, steps] = [0, 0];
  for (let seed = from; seed < until && done < BATCH; seed += stride) {
    const run = await simulate(seed, sagaOf(seed, sagas), values.sealed === true);
    done += 1;
    steps += run.steps;
    for (const [status, n] of Object.entries(run.statuses)) statuses[status] = (statuses[status] ?? 0) + n;
    if (run.broken.length > 0) return { done, steps, statuses, failed: run };
  }
  return { done, steps, statuses, failed: null };
}

async function child([from = 0, until = 0, stride = 1]: readonly number[]): Promise<void> {
  for (let seed = from; seed < until; seed += BATCH * stride) {
    const done = await batch(seed, until, stride);
    process.send?.(done);
    if (done.failed !== null) return;
  }
}

async function parent(from: number, seeds: number): Promise<number> {
  const workers = Math.min(availableParallelism(), seeds);
  const began = performance.now();
  const total = { done: 0, steps: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 };
  let failed: Run | null = null;
  const shown = () => {
    const seconds = (performance.now() - began) / 1_000;
    const rate = total.done / seconds;
    return (
      `${total.done} of ${seeds} seeds in ${seconds.toFixed(0)} s (${rate.toFixed(0)} a second, 100,000 in ` +
      `${(100_000 / rate / 60).toFixed(0)} min), ${total.steps} steps; sagas: ${total.COMPLETED} completed, ` +
      `${total.FAILED} failed, ${total.ABORTED} parked\n`
    );
  };
  const progress = setInterval(() => process.stdout.write(shown()), PROGRESS_EVERY_MS);
  const children: ChildProcess[] = [];
  const codes = await Promise.all(
    Array.from({ length: workers }, (_, n) => {
      const worker = fork(fileURLToPath(import.meta.url), [
        '--child',
        [from + n, from + seeds, workers].join(),
        ...(values.sealed === true ? ['--sealed'] : []),
        ...(values.saga === undefined ? [] : ['--saga', values.saga]),
      ]);
      children.push(worker);
      worker.on('message', (message: Batch) => {
        total.done += message.done;
        total.steps += message.steps;
        for (const status of ['COMPLETED', 'FAILED', 'ABORTED'] as const) {
          total[status] += message.statuses[status] ?? 0;
        }
        if (message.failed === null || failed !== null) return;
        failed = message.failed;
        for (const other of children) other.kill();
      });
      return new Promise<number | null>((resolve) => worker.on('close', resolve));
    }),
  );
  clearInterval(progress);
  process.stdout.write(failed === null ? shown() : `${told(failed, 1_000)}\n`);
  return failed === null && codes.every((code) => code === 0) && total.done === seeds ? 0 : 1;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100000' },
    from: { type: 'string', default: '1' },
    saga: { type: 'string' },
    sealed: { type: 'boolean' },
    child: { type: 'string' },
  },
});
const sagas = chosenBy(values.saga);
if (values.child !== undefined) await child(values.child.split(',').map(Number));
else process.exitCode = await parent(Number(values.from), Number(values.seeds));
