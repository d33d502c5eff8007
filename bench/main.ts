/**
 * `npm run bench -- --rounds 10 --orders 3000 --fsync everysec`: what a saga costs beside the same calls with nothing
 * kept, and beside one plain SET before each. `--quick` only shows that it runs; `--write` puts the figures into
 * docs/performance.md; `--processes 2` has our coordinator take part a second time, as so many processes. Exit code 1
 * where any contender made a wrong number of calls or gave a wrong answer.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { plotOf } from './plot.ts';
import { type Contender, endAll, startFloor, startFloorWithSet, startOurs, startStub } from './processes.ts';
import { type Circumstances, type Results, type Rounds, reportOf, withFigures } from './report.ts';
import { type Course, measure, type Round } from './round.ts';

const CLIENTS = 64;
/** Nothing that is asked for here takes longer; what does hangs. */
const RUN_MAX_MS = 2 * 3600_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    orders: { type: 'string' },
    fsync: { type: 'string', default: 'everysec' },
    processes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write } = values;
const rounds = whole('rounds', quick ? 2 : 10, 100);
const orders = whole('orders', quick ? 200 : 3000, 30_000);
const processes = whole('processes', 1, 64);
const ordersAlone = quick ? 50 : 400;
const ordersWarm = quick ? 200 : 4000;
const fsync = values.fsync === 'always' || values.fsync === 'everysec' ? values.fsync : null;
if (fsync === null) refuse('--fsync must be everysec or always');
if (processes > 1 && write) refuse('the page and its picture are of one process; leave --processes out');
if (quick && write) refuse('--quick measures too little to be written down');

function whole(name: 'rounds' | 'orders' | 'processes', unset: number, most: number): number {
  const value = Number(values[name] ?? unset);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  return refuse(`--${name} must be a whole number from 1 to ${most}`);
}

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

const out = process.stdout;
function progress(line: string): void {
  out.write(out.isTTY ? `\r\x1b[2K${line}` : `${line}\n`);
}

// Ending takes a moment; a second Ctrl-C does not wait for it.
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    void endAll().finally(() => process.exit(130));
  });
}
setTimeout(() => void fail(new Error('It took too long')), RUN_MAX_MS).unref();

async function fail(error: unknown): Promise<void> {
  // What breaks off because everything is being ended is no failure of its own.
  if (interrupted) return;
  process.stderr.write(`\nFAILED: ${error instanceof Error ? error.message : String(error)}\n`);
  await endAll();
  process.exit(1);
}

async function run(appendfsync: 'everysec' | 'always'): Promise<void> {
  progress('starting');
  const stub = await startStub();
  const contenders: readonly Contender[] = [
    await startFloor(stub.url),
    await startFloorWithSet(stub.url, appendfsync),
    await startOurs(stub.url, appendfsync),
    ...(processes === 1 ? [] : [await startOurs(stub.url, appendfsync, processes)]),
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
      await measure({ contender, stub, course, clients: CLIENTS, orders: ordersWarm });
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

  if (out.isTTY) out.write('\r\x1b[2K');
  const report = reportOf(results, circumstances(appendfsync));
  out.write(`\n${report}\n\n`);
  if (quick) out.write('These rounds are too short for figures to mean anything.\n');
  if (write) writeDown(report, results);
}

function circumstances(appendfsync: string): Circumstances {
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    redis: /v=(\S+)/.exec(redis)?.[1] ?? 'unknown',
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? process.arch}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    fsync: appendfsync,
    clients: CLIENTS,
    orders,
    ordersAlone,
    rounds,
  };
}

function writeDown(report: string, results: Results): void {
  const page = new URL('../docs/performance.md', import.meta.url);
  const picture = new URL('../docs/pictures/performance.svg', import.meta.url);
  const shown = '![Orders per second of each contender](pictures/performance.svg)';
  writeFileSync(page, withFigures(readFileSync(page, 'utf8'), `${shown}\n\n${report}`));
  writeFileSync(picture, plotOf(results));
  out.write('Written to docs/performance.md and docs/pictures/performance.svg\n');
}

run(fsync).catch(fail);
