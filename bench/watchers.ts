/**
 * `npm run watchers -- --watchers 1000 --events 200 --rounds 5`: what an order waits while so many watch all that happens, beside
 * what it waits while nobody does, in turn, in one run. Orders come at an even rate, whether those before are answered or not, at
 * which they make so many events a second. Exit code 1 where the median order waits more than 1.3 times as long, where an
 * order is answered otherwise than 201, or where a watcher is sent away or told of less. `--write` puts the figures into
 * docs/performance.md.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { cpuWithChildrenUs } from './cpu.ts';
import { ORDER_PATH, orderBody } from './load.ts';
import { endAll, redisOf, startCoordinator, startForked, startStub } from './processes.ts';
import { median, ratioOf, table } from './report.ts';
import { printed, progress, runBounded, surroundings, whole, writeDown } from './script.ts';
import type { Heard } from './watching.ts';

const RATIO_MAX = 1.3;
/** Writes of an order that succeeds, each of which is an event. */
const EVENTS_OF_AN_ORDER = 6;
const CONNECTIONS = 256;
const RUN_MAX_MS = 30 * 60_000;
/** Of a share of those that a watcher was told, less is owed to what two chunks share. */
const TOLD_LEAST = 0.98;

const { values } = parseArgs({
  options: {
    watchers: { type: 'string' },
    events: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const watchers = whole('watchers', values.watchers, 1000, 1, 10_000);
const eventsPerSecond = whole('events', values.events, 200, EVENTS_OF_AN_ORDER, 6000);
const rounds = whole('rounds', values.rounds, 5, 1, 100);
const seconds = whole('seconds', values.seconds, 10, 1, 600);

interface Measured {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of one processor, per cent. */
  readonly cpuPercent: number;
}

async function run(): Promise<void> {
  progress('starting');
  const stub = await startStub();
  const redis = await redisOf('everysec');
  const settings = { WATCHERS_MAX: String(watchers) };
  const { url, pid } = await startCoordinator({ stubUrl: stub.url, redis, settings });
  const watching = await startForked('watching.ts', [url, String(watchers)]);
  const asked = async (what: 'open' | 'close') => {
    const answer = once(watching, 'message');
    watching.send(what);
    return (await answer)[0] as Heard;
  };
  const pool = new Pool(url, { connections: CONNECTIONS });
  const perSecond = eventsPerSecond / EVENTS_OF_AN_ORDER;

  const measure = async (length: number): Promise<Measured> => {
    const before = cpuWithChildrenUs(pid) ?? Number.NaN;
    const beganAt = performance.now();
    const latenciesMs = await ordersAt(pool, perSecond, length);
    const us = 1000 * (performance.now() - beganAt);
    latenciesMs.sort((a, b) => a - b);
    const at = (q: number) => latenciesMs[Math.floor(q * latenciesMs.length)] ?? Number.NaN;
    const cpu = (cpuWithChildrenUs(pid) ?? Number.NaN) - before;
    return { p50Ms: at(0.5), p99Ms: at(0.99), cpuPercent: (100 * cpu) / us };
  };

  progress('warming up');
  await measure(seconds);
  const without: Measured[] = [];
  const beside: Measured[] = [];
  let megabytes = 0;
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}: nobody watches`);
    without.push(await measure(seconds));
    progress(`round ${round} of ${rounds}: ${watchers} watch`);
    await asked('open');
    const measured = await measure(seconds);
    // The last events are told within a poll and a half.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { bytes, events, lost } = await asked('close');
    const due = Math.floor(perSecond * seconds) * EVENTS_OF_AN_ORDER;
    if (lost > 0) throw new Error(`${lost} of ${watchers} watchers were sent away`);
    if (events < TOLD_LEAST * due) throw new Error(`a watcher was told of ${events} of ${due} events`);
    megabytes += bytes / 2 ** 20 / rounds / seconds;
    beside.push(measured);
  }
  await pool.destroy();

  await endAll();
  const ratios = beside.map(({ p50Ms }, round) => p50Ms / (without[round]?.p50Ms ?? Number.NaN));
  const { date, node, redis: version, machine } = surroundings();
  const row = (name: string, some: readonly Measured[]) => [
    name,
    ...[(one: Measured) => one.p50Ms, (one: Measured) => one.p99Ms].map((of) =>
      median(some.map(of)).toFixed(1),
    ),
    median(some.map(({ cpuPercent }) => cpuPercent)).toFixed(0),
  ];
  const report = [
    `${date}, Node ${node}, Redis ${version}, ${machine}. ${rounds} rounds of ${seconds} s with and without in turn, ` +
      `${perSecond.toFixed(0)} orders a second, which are ${eventsPerSecond} events; ${megabytes.toFixed(0)} MiB a second to all watchers.`,
    table(
      ['', 'order p50 ms', 'p99 ms', 'CPU of the coordinator, % of one'],
      [row('nobody watches', without), row(`${watchers} watch`, beside)],
    ),
    `The median order beside ${watchers} watchers waits ${ratioOf(ratios)} times as long; ${RATIO_MAX} is the most that it may.`,
  ].join('\n\n');
  printed(report);
  if (values.write) writeDown('npm run watchers -- --write', report);
  if (median(ratios) > RATIO_MAX) process.exitCode = 1;
}

/** An open loop: nobody waits for an answer before the next is sent. Answers milliseconds from sending to the answer. */
async function ordersAt(pool: Pool, perSecond: number, length: number): Promise<number[]> {
  const sent: Promise<number>[] = [];
  const beganAt = performance.now();
  const many = Math.floor(perSecond * length);
  for (let at = 0; at < many; at += 1) {
    const dueMs = beganAt + (1000 * at) / perSecond - performance.now();
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    sent.push(order(pool));
  }
  return Promise.all(sent);
}

async function order(pool: Pool): Promise<number> {
  const sentAt = performance.now();
  const headers = { 'content-type': 'application/json' };
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: ORDER_PATH,
    headers,
    body: orderBody(false),
  });
  await body.dump();
  if (statusCode !== 201) throw new Error(`an order was answered ${statusCode}`);
  return performance.now() - sentAt;
}

runBounded(run, RUN_MAX_MS);
