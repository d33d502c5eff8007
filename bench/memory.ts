/**
 * `npm run bench:memory -- --sagas 1000000`: whether a coordinator's heap grows with the sagas that it has run, and what one
 * in its hands takes. `--write` puts the figures into docs/performance.md.
 *
 * Its Redis keeps no append-only file here: it only grows, and is not what is measured. The shortest retention is an
 * hour, so all sagas of the run stay in it: about 5 GiB for a million.
 */
import { parseArgs } from 'node:util';
import { type Heap, heapOf } from './heap.ts';
import { hold, letGo } from './held-back.ts';
import { drive } from './load.ts';
import { endAll, keptRedis, startCoordinator, startStub } from './processes.ts';
import { table } from './report.ts';
import { printed, progress, refuse, runBounded, surroundings, whole, writeDown } from './script.ts';
import { slopeOf } from './slope.ts';

const RUN_MAX_MS = 3 * 3600_000;
const CLIENTS = 64;
const IN_FLIGHT = 10_000;
const SAMPLES = 20;
const HELD = '/api/payments/process';
const HELD_MAX_MS = 120_000;

const { values } = parseArgs({
  options: {
    sagas: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write } = values;
if (quick && write) refuse('--quick measures too little to be written down');
const sagas = whole('sagas', values.sagas, quick ? 4000 : 200_000, 1000, 2_000_000);

type Sample = readonly [sagas: number, used: Awaited<ReturnType<Heap['used']>>];

async function run(): Promise<void> {
  progress('starting');
  const stub = await startStub();
  const redis = await keptRedis({});
  // All of those in flight are to be in hand, each with its call under way or in the queue.
  const settings = {
    SAGAS_IN_HAND_MAX: String(2 * IN_FLIGHT),
    PARTICIPANT_QUEUE_MAX: String(2 * IN_FLIGHT),
    PAYMENT_ACTION_TIMEOUT_MS: String(HELD_MAX_MS),
    RETENTION_HOURS: '1',
  };
  const { url, inspector } = await startCoordinator({ stubUrl: stub.url, redis, settings, inspect: true });
  const heap = await heapOf(inspector ?? '');
  const order = async (orders: number, async = false) => {
    const { statuses } = await drive({ url, clients: CLIENTS, orders, declined: false, async });
    const right = statuses[async ? 202 : 201] ?? 0;
    if (right !== orders) throw new Error(`Not all orders were answered well: ${JSON.stringify(statuses)}`);
  };

  const each = Math.ceil(sagas / SAMPLES);
  // What is compiled, cached and pooled once is there before the first sample.
  progress('warming up');
  await order(Math.max(2000, each));
  const samples: Sample[] = [[0, await heap.used()]];
  for (let done = each; samples.length <= SAMPLES; done += each) {
    await order(each);
    const used = await heap.used();
    samples.push([done, used]);
    progress(`${done} of ${sagas} sagas: ${mib(used.heap)} MiB of heap in use`);
  }

  // Once before it is measured: buffers and maps that grow with the most that was ever in hand stay as large.
  let before = await heap.used();
  let within = before;
  for (const time of ['first', 'second']) {
    progress(`${IN_FLIGHT} sagas in flight, ${time} time`);
    before = await heap.used();
    await hold(stub.url, HELD);
    await order(IN_FLIGHT, true);
    await settledAt(url, IN_FLIGHT);
    within = await heap.used();
    await letGo(stub.url);
    await settledAt(url, 0);
  }
  const after = await heap.used();
  heap.close();
  await endAll();

  const report = reportOf(samples, { before, within, after });
  printed(report);
  if (write) writeDown('npm run bench:memory -- --write', report);
}

/** Waits until so many sagas are in flight, and all of them stand where they are held. */
async function settledAt(url: string, count: number): Promise<void> {
  const until = performance.now() + HELD_MAX_MS;
  while (performance.now() < until) {
    const answer = await fetch(`${url}/metrics`);
    const text = await answer.text();
    const gauge = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
    const waiting = /saga_participant_calls(?:_in_flight|_queued)\{[^}]*payment[^}]*\} (\d+)/g;
    const standing = [...text.matchAll(waiting)].reduce((sum, [, n]) => sum + Number(n), 0);
    if (gauge('saga_in_hand') === count && standing === count) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`There were never ${count} sagas in flight`);
}

interface InFlight {
  readonly before: Sample[1];
  readonly within: Sample[1];
  readonly after: Sample[1];
}

function reportOf(samples: readonly Sample[], { before, within, after }: InFlight): string {
  const at = surroundings();
  const row = (name: string, of: (used: Sample[1]) => number) => {
    const { perUnit, error } = slopeOf(samples.map(([x, used]) => [x, of(used)]));
    return [
      name,
      mib(of(samples[0]?.[1] ?? before)),
      mib(of(samples.at(-1)?.[1] ?? before)),
      `${perUnit.toFixed(2)} ± ${(2 * error).toFixed(2)}`,
      ((of(within) - of(before)) / IN_FLIGHT / 1024).toFixed(2),
      mib(of(after)),
    ];
  };
  return [
    `${at.date}, Node ${at.node}, ${at.machine}. ${sagas} sagas after a warm-up, ${samples.length} samples, each after a forced ` +
      `collection; then ${IN_FLIGHT} in flight, held back at payment.`,
    table(
      ['', 'MiB at first', 'at last', 'bytes per saga run', 'KiB per saga in flight', 'MiB once they ended'],
      [
        row('heap', ({ heap }) => heap),
        row('buffers outside it', ({ outside }) => outside),
        row('process', ({ rss }) => rss),
      ],
    ),
  ].join('\n\n');
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

runBounded(run, RUN_MAX_MS);
