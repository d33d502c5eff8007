/**
 * `npm run bench -- --rounds 10 --orders 3000 --fsync everysec`: what a saga costs beside the same calls with nothing
 * kept, and beside one plain SET before each. `--quick` only shows that it runs; `--write` puts the figures into
 * docs/performance.md; `--processes 2` has our coordinator take part a second time, as so many processes; `--peers` has
 * BullMQ, Restate and DBOS take part, `--against ../before` the coordinator of another checkout, as it is built there. Exit
 * code 1 where any contender made a wrong number of calls or gave a wrong answer.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startPeers } from './peers.ts';
import { plotOf } from './plot.ts';
import { type Contender, endAll, startFloor, startFloorWithSet, startOurs, startStub } from './processes.ts';
import { type Results, type Rounds, reportOf } from './report.ts';
import { type Course, measure, type Round } from './round.ts';
import { printed, progress, refuse, runBounded, surroundings, whole, writeDown } from './script.ts';

const CLIENTS = 64;
/** Nothing that is asked for here takes longer; what does hangs. */
const RUN_MAX_MS = 2 * 3600_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    orders: { type: 'string' },
    fsync: { type: 'string', default: 'everysec' },
    processes: { type: 'string' },
    peers: { type: 'boolean', default: false },
    against: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write } = values;
const rounds = whole('rounds', values.rounds, quick ? 2 : 10, 1, 100);
const orders = whole('orders', values.orders, quick ? 200 : 3000, 1, 30_000);
const processes = whole('processes', values.processes, 1, 1, 64);
const ordersAlone = quick ? 50 : 400;
const ordersWarm = quick ? 200 : 4000;
const fsync = values.fsync === 'always' || values.fsync === 'everysec' ? values.fsync : null;
if (fsync === null) refuse('--fsync must be everysec or always');
if (processes > 1 && write) refuse('the page and its picture are of one process; leave --processes out');
if (write && !values.peers) refuse('the page compares with the peers; add --peers');
if (quick && write) refuse('--quick measures too little to be written down');

async function run(appendfsync: 'everysec' | 'always'): Promise<void> {
  progress('starting');
  const stub = await startStub();
  const peers = values.peers ? await startPeers(stub.url, appendfsync, progress) : null;
  const several = processes === 1 ? null : await startOurs(stub.url, appendfsync, { processes });
  const contenders: readonly Contender[] = [
    await startFloor(stub.url),
    await startFloorWithSet(stub.url, appendfsync),
    await startOurs(stub.url, appendfsync),
    ...(several === null ? [] : [several]),
    ...(values.against === undefined
      ? []
      : [await startOurs(stub.url, appendfsync, { checkout: resolve(values.against) })]),
    ...(peers?.contenders ?? []),
  ];

  /** A B C A B C, so that a slow minute of the machine falls on all alike. */
  async function inTurn(what: string, course: Course, clients: number, count: number): Promise<Rounds> {
    const all = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const contender of contenders) {
        progress(`${what}, round ${round} of ${rounds}: ${contender.name}`);
        all.get(contender.name)?.push(await measure({ contender, stub, course, clients, orders: count }));
      }
    }
    return all;
  }

  for (const course of ['success', 'compensation'] as const) {
    for (const contender of contenders) {
      progress(`warming up, ${course}: ${contender.name}`);
      // Each process is to have run as many as one alone: what V8 has compiled of it is a part of what it costs.
      const orders = contender === several ? ordersWarm * processes : ordersWarm;
      await measure({ contender, stub, course, clients: CLIENTS, orders });
    }
  }
  const results: Results = {
    courses: {
      success: await inTurn('success', 'success', CLIENTS, orders),
      compensation: await inTurn('compensation', 'compensation', CLIENTS, orders),
    },
    alone: await inTurn('one client alone', 'success', 1, ordersAlone),
  };
  await endAll();

  const at = {
    ...surroundings(),
    fsync: appendfsync,
    clients: CLIENTS,
    orders,
    ordersAlone,
    rounds,
    peers: peers?.line ?? null,
  };
  const report = reportOf(results, at);
  printed(report);
  if (quick) process.stdout.write('These rounds are too short for figures to mean anything.\n');
  if (!write) return;
  if (appendfsync === 'always') return writeDown('npm run bench -- --peers --fsync always --write', report);
  writeFileSync(new URL('../docs/pictures/performance.svg', import.meta.url), plotOf(results));
  const shown = '![Orders per second of each contender](pictures/performance.svg)';
  writeDown('npm run bench -- --peers --write', `${shown}\n\n${report}`);
}

runBounded(() => run(fsync), RUN_MAX_MS);
