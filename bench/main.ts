/**
 * `npm run bench -- --rounds 10 --orders 3000 --fsync everysec`: what a saga costs beside the same calls with nothing
 * kept, and beside one plain SET before each. `--quick` only shows that it runs; `--write` puts the figures into
 * docs/performance.md; `--processes 2` has our coordinator take part a second time, as so many processes; `--peers` has
 * BullMQ, Restate, DBOS and DTM take part, `--against ../before` the coordinator of another checkout, as it is built there.
 * `--starts 3` does all of it so many times, each time with every process started anew; `--only dtm --only 'saga
 * coordinator'` has nobody else take part but the floors. Exit code 1 where any contender made a wrong number of calls or
 * gave a wrong answer.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chosenBy } from './only.ts';
import { PEER_NAMES, startPeers } from './peers.ts';
import { plotOf } from './plot.ts';
import {
  type Contender,
  endAll,
  type Fsync,
  nameOfOurs,
  type OursStart,
  startFloor,
  startFloorWithSet,
  startOurs,
  startStub,
} from './processes.ts';
import { joined, type Results, type Rounds, reportOf } from './report.ts';
import { type Course, measure, type Round } from './round.ts';
import { printed, progress, refuse, runBounded, surroundings, whole, writeDown } from './script.ts';
import { transportsLine, transportsOf } from './transport.ts';

const CLIENTS = 64;
/** No start that is asked for here takes longer; what does hangs. */
const START_MAX_MS = 2 * 3600_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    orders: { type: 'string' },
    starts: { type: 'string' },
    fsync: { type: 'string', default: 'everysec' },
    processes: { type: 'string' },
    peers: { type: 'boolean', default: false },
    against: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write, only } = values;
const rounds = whole('rounds', values.rounds, quick ? 2 : 10, 1, 100);
const orders = whole('orders', values.orders, quick ? 200 : 3000, 1, 30_000);
const starts = whole('starts', values.starts, 1, 1, 20);
const processes = whole('processes', values.processes, 1, 1, 64);
const ordersAlone = quick ? 50 : 400;
const ordersWarm = quick ? 200 : 4000;
const fsync = values.fsync === 'always' || values.fsync === 'everysec' ? values.fsync : null;
if (fsync === null) refuse('--fsync must be everysec or always');
if (processes > 1 && write) refuse('the page and its picture are of one process; leave --processes out');
if (write && !values.peers) refuse('the page compares with the peers; add --peers');
if (quick && write) refuse('--quick measures too little to be written down');
if (only.length > 0 && write) refuse('the page compares with all; leave --only out');
const wanted = wantedOf();

function wantedOf(): (name: string) => boolean {
  const names = [
    nameOfOurs(),
    ...(processes === 1 ? [] : [nameOfOurs({ processes })]),
    ...(values.against === undefined ? [] : [nameOfOurs({ checkout: values.against })]),
    ...(values.peers ? PEER_NAMES : []),
  ];
  try {
    return chosenBy(only, names);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

interface Started {
  readonly results: Results;
  readonly transports: string;
  readonly peers: string | null;
}

/** Everyone started anew, warmed up, measured, and ended. */
async function measured(appendfsync: Fsync, nth: string): Promise<Started> {
  const say = (what: string) => progress(`${nth}${what}`);
  say('starting');
  const stub = await startStub();
  const ours = async (start: OursStart = {}) =>
    wanted(nameOfOurs(start)) ? [await startOurs(stub.url, appendfsync, start)] : [];
  const peers = values.peers ? await startPeers(stub.url, appendfsync, wanted, say) : null;
  const several = processes === 1 ? [] : await ours({ processes });
  const contenders: readonly Contender[] = [
    await startFloor(stub.url),
    await startFloorWithSet(stub.url, appendfsync),
    ...(await ours()),
    ...several,
    ...(values.against === undefined ? [] : await ours({ checkout: resolve(values.against) })),
    ...(peers?.contenders ?? []),
  ];

  /** A B C A B C, so that a slow minute of the machine falls on all alike. */
  async function inTurn(what: string, course: Course, clients: number, count: number): Promise<Rounds> {
    const all = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const contender of contenders) {
        say(`${what}, round ${round} of ${rounds}: ${contender.name}`);
        all.get(contender.name)?.push(await measure({ contender, stub, course, clients, orders: count }));
      }
    }
    return all;
  }

  for (const course of ['success', 'compensation'] as const) {
    for (const contender of contenders) {
      say(`warming up, ${course}: ${contender.name}`);
      // Each process is to have run as many as one alone: what V8 has compiled of it is a part of what it costs.
      const count = several.includes(contender) ? ordersWarm * processes : ordersWarm;
      await measure({ contender, stub, course, clients: CLIENTS, orders: count });
    }
  }
  const transports = transportsLine(await transportsOf(contenders));
  const results: Results = {
    courses: {
      success: await inTurn('success', 'success', CLIENTS, orders),
      compensation: await inTurn('compensation', 'compensation', CLIENTS, orders),
    },
    alone: await inTurn('one client alone', 'success', 1, ordersAlone),
  };
  await endAll();
  return { results, transports, peers: peers?.line ?? null };
}

async function run(appendfsync: Fsync): Promise<void> {
  const all: Started[] = [];
  for (let start = 1; start <= starts; start += 1) {
    all.push(await measured(appendfsync, starts === 1 ? '' : `start ${start} of ${starts}: `));
  }
  const results = joined(all.map((start) => start.results));
  // Each start has the same to say of itself.
  const [{ transports, peers } = { transports: '', peers: null }] = all;
  const at = {
    ...surroundings(),
    fsync: appendfsync,
    clients: CLIENTS,
    orders,
    ordersAlone,
    rounds,
    starts,
    transports,
    peers,
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

runBounded(() => run(fsync), starts * START_MAX_MS);
