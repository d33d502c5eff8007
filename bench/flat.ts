/**
 * `npm run bench:flat -- --finished 1000000 --unfinished 50000 --rounds 8`: whether a saga, and a look at the sagas, costs the
 * same beside a million others as beside none, and what each of them takes of Redis's memory. `--write` puts the figures
 * into docs/performance.md.
 *
 * Two coordinators, each with a Redis of its own, take turns. Neither Redis keeps an append-only file, which would cost
 * both the same and so bring the two closer together.
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { request } from 'undici';
import { connect } from '../stores/redis/connect.ts';
import { RedisStore } from '../stores/redis/redis-store.ts';
import type { Counts, MachineRef } from '../stores/saga-store.ts';
import { eventBytes, type Share, sharesOf, usedMemory } from './bytes.ts';
import { cpuUs } from './cpu.ts';
import { fill, KEEP_MS, type Model, modelOf } from './fill.ts';
import { hold, letGo } from './held-back.ts';
import { drive } from './load.ts';
import { type Coordinator, endAll, keptRedis, startCoordinator, startStub } from './processes.ts';
import { median, ratioOf, table } from './report.ts';
import { printed, progress, refuse, runBounded, surroundings, whole, writeDown } from './script.ts';

const RUN_MAX_MS = 2 * 3600_000;
const CLIENTS = 32;
const PORTION = 100_000;
const RATIO_MAX = 1.2;
const HELD = '/api/payments/process';
/** As the coordinator does, by its defaults; an hour later. */
const COMPACTED_AT_ONCE = 200;
const REST_MS = 3600_000;

const { values } = parseArgs({
  options: {
    finished: { type: 'string' },
    unfinished: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write } = values;
if (quick && write) refuse('--quick measures too little to be written down');
const finished = whole('finished', values.finished, quick ? 20_000 : 1_000_000, 1000, 2_000_000);
const unfinished = whole('unfinished', values.unfinished, quick ? 1000 : 50_000, 0, 90_000);
const rounds = whole('rounds', values.rounds, quick ? 3 : 8, 1, 100);
const orders = quick ? 300 : 1500;
const looks = quick ? 40 : 200;

/** One of the two: a coordinator, and its Redis from behind. */
interface Side {
  readonly name: 'empty' | 'full';
  readonly coordinator: Coordinator;
  readonly redisPid: number;
  readonly redis: Redis;
  readonly store: RedisStore;
}

const MEASURES = {
  coordinatorUs: 'CPU of the coordinator per saga, µs',
  redisUs: 'CPU of its Redis per saga, µs',
  scriptUs: 'a write (EVALSHA), µs in Redis',
  listMs: 'a page of 50 sagas, ms',
  overviewMs: 'the overview of the dashboard, ms',
  statisticsMs: 'statistics, ms',
  dueMs: 'asking for what is due, ms',
} as const;
type Measure = keyof typeof MEASURES;
type Round = Readonly<Record<Measure, number>>;

async function run(): Promise<void> {
  progress('starting');
  const stub = await startStub();
  const side = async (name: Side['name']): Promise<Side> => {
    const server = await keptRedis({});
    const coordinator = await startCoordinator({ stubUrl: stub.url, redis: server });
    const redis = new Redis(server.socketPath);
    const store = await RedisStore.open({ redis: connect(`unix://${server.socketPath}`) });
    return { name, coordinator, redisPid: server.pid, redis, store };
  };
  const [empty, full] = [await side('empty'), await side('full')];

  const models = await modelsOf(full, stub.url);
  const memory = await filled(full, models);
  for (const one of [empty, full]) {
    progress(`warming up: ${one.name}`);
    await ordered(one, quick ? 300 : 4000);
  }
  const all: Record<Side['name'], Round[]> = { empty: [], full: [] };
  for (let round = 1; round <= rounds; round += 1) {
    for (const one of [empty, full]) {
      progress(`round ${round} of ${rounds}: ${one.name}`);
      all[one.name].push(await measured(one, models.finished.record.machine));
    }
  }
  for (const { redis, store } of [empty, full]) {
    redis.disconnect();
    await store.close();
  }
  await endAll();

  const report = reportOf(all, memory);
  printed(report);
  for (const line of notFlat(all)) process.stdout.write(`NOT FLAT: ${line}\n`);
  if (write) writeDown('npm run bench:flat -- --write', report);
}

/** One saga that has ended, and one in the midst of its run, both by the coordinator itself. */
async function modelsOf(
  { coordinator, store }: Side,
  stubUrl: string,
): Promise<{ readonly finished: Model; readonly running: Model }> {
  await drive({ url: coordinator.url, clients: 1, orders: 1, declined: false });
  const counts = (await store.statistics()).counters.order ?? {};
  const [ended] = (await store.list({}, null, 1)).sagas;
  await hold(stubUrl, HELD);
  await drive({ url: coordinator.url, clients: 1, orders: 1, declined: false, async: true });
  let running = null;
  for (let asked = 0; running === null && asked < 1000; asked += 1) {
    const { sagas } = await store.list({ state: 'processingPayment' }, null, 1);
    running = sagas[0] ?? null;
  }
  if (ended === undefined || running === null) throw new Error('There are no sagas to be models');
  const begun: Counts = { started: 1, 'total_steps.held': 5, 'completed_steps.held': 2 };
  const models = {
    finished: await modelOf(store, ended.id, counts),
    running: await modelOf(store, running.id, begun),
  };
  await letGo(stubUrl);
  return models;
}

interface Memory {
  readonly perSaga: number;
  /** Of the portions in which they were stored, the least and the most. */
  readonly between: readonly [number, number];
  readonly shares: readonly Share[];
  readonly eventBytes: number;
  readonly total: number;
  readonly resting: Resting;
}

/** What comes of the finished ones when all of them are made smaller, in one go and by one process. */
interface Resting {
  readonly perSaga: number;
  readonly total: number;
  readonly perSecond: number;
  /** CPU for one, of the process and of its Redis. */
  readonly ownUs: number;
  readonly redisUs: number;
}

async function filled(
  { redis, redisPid, store }: Side,
  models: { finished: Model; running: Model },
): Promise<Memory> {
  progress(`${unfinished} unfinished sagas`);
  await fill(store, models.running, unfinished);
  const perSaga: number[] = [];
  const ids: string[] = [];
  const before = await usedMemory(redis);
  let last = before;
  for (let done = 0; done < finished; done += PORTION) {
    const count = Math.min(PORTION, finished - done);
    ids.push(...(await fill(store, models.finished, count)));
    const now = await usedMemory(redis);
    perSaga.push((now - last) / count);
    last = now;
    progress(`${done + count} of ${finished} finished sagas, ${(now / 2 ** 30).toFixed(2)} GiB`);
  }
  const each = (last - before) / finished;
  const shares = await sharesOf(redis, ids.reverse(), each, finished);
  return {
    perSaga: each,
    between: [Math.min(...perSaga), Math.max(...perSaga)],
    shares,
    eventBytes: await eventBytes(redis),
    total: last,
    resting: await rested(redis, redisPid, before),
  };
}

/** @param before bytes without the finished ones */
async function rested(redis: Redis, redisPid: number, before: number): Promise<Resting> {
  const { path } = redis.options;
  const store = await RedisStore.open({ redis: connect(`unix://${path}`), clockOffsetMs: () => REST_MS });
  const [own, theirs, from] = [process.cpuUsage(), cpuUs(redisPid) ?? Number.NaN, performance.now()];
  let looked = 0;
  for (let more = COMPACTED_AT_ONCE; more === COMPACTED_AT_ONCE; looked += more) {
    more = await store.compact(COMPACTED_AT_ONCE, REST_MS / 2, KEEP_MS);
    if (looked % PORTION === 0) progress(`${looked} of ${finished} made smaller`);
  }
  const { user, system } = process.cpuUsage(own);
  const seconds = (performance.now() - from) / 1000;
  const redisUs = ((cpuUs(redisPid) ?? Number.NaN) - theirs) / looked;
  await store.close();
  const total = await usedMemory(redis);
  return {
    perSaga: (total - before) / finished,
    total,
    perSecond: looked / seconds,
    ownUs: (user + system) / looked,
    redisUs,
  };
}

async function ordered({ name, coordinator: { url } }: Side, count: number): Promise<void> {
  const { statuses } = await drive({ url, clients: CLIENTS, orders: count, declined: false });
  if (statuses[201] !== count) throw new Error(`${name}: ${JSON.stringify(statuses)}`);
}

async function measured(side: Side, machine: MachineRef): Promise<Round> {
  const { coordinator, redis, redisPid, store } = side;
  const cpu = () => [cpuUs(coordinator.pid) ?? Number.NaN, cpuUs(redisPid) ?? Number.NaN] as const;
  const [cpuBefore, scriptsBefore] = [cpu(), await scripts(redis)];
  await ordered(side, orders);
  const [cpuAfter, scriptsAfter] = [cpu(), await scripts(redis)];
  const get = (path: string) => async () => {
    const { statusCode, body } = await request(`${coordinator.url}${path}`);
    await body.dump();
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
  };
  return {
    coordinatorUs: (cpuAfter[0] - cpuBefore[0]) / orders,
    redisUs: (cpuAfter[1] - cpuBefore[1]) / orders,
    scriptUs: (scriptsAfter.us - scriptsBefore.us) / (scriptsAfter.calls - scriptsBefore.calls),
    listMs: await timed(get('/api/coordinator/sagas?limit=50')),
    overviewMs: await timed(get('/')),
    statisticsMs: await timed(get('/api/coordinator/statistics')),
    dueMs: await timed(() => store.due([machine], 500)),
  };
}

/** The median of many, one after the other. */
async function timed(look: () => Promise<unknown>): Promise<number> {
  const all: number[] = [];
  for (let n = 0; n < looks; n += 1) {
    const from = performance.now();
    await look();
    all.push(performance.now() - from);
  }
  return median(all);
}

async function scripts(redis: Redis): Promise<{ readonly calls: number; readonly us: number }> {
  const info = await redis.info('commandstats');
  const [, calls, us] = /^cmdstat_evalsha:calls=(\d+),usec=(\d+)/m.exec(info) ?? [];
  return { calls: Number(calls), us: Number(us) };
}

const measures = Object.keys(MEASURES) as Measure[];

function ratiosOf(
  { empty, full }: Readonly<Record<Side['name'], readonly Round[]>>,
  measure: Measure,
): number[] {
  return full.map((round, index) => round[measure] / (empty[index]?.[measure] ?? Number.NaN));
}

function notFlat(all: Readonly<Record<Side['name'], readonly Round[]>>): string[] {
  return measures
    .map((measure) => [measure, median(ratiosOf(all, measure))] as const)
    .filter(([, ratio]) => !(ratio <= RATIO_MAX))
    .map(([measure, ratio]) => `${MEASURES[measure]}: ${ratio.toFixed(2)} times`);
}

function reportOf(all: Readonly<Record<Side['name'], readonly Round[]>>, memory: Memory): string {
  const at = surroundings();
  const digits = (measure: Measure) => (measure.endsWith('Ms') ? 2 : measure === 'scriptUs' ? 1 : 0);
  const middle = (side: Side['name'], measure: Measure) =>
    median(all[side].map((round) => round[measure])).toFixed(digits(measure));
  const { perSaga, between, shares, eventBytes: events, total, resting } = memory;
  const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(2);
  const counts = `${finished.toLocaleString('en')} finished and ${unfinished.toLocaleString('en')} unfinished sagas`;
  return [
    `${at.date}, Node ${at.node}, Redis ${at.redis}, ${at.machine}. ${counts} against none but those of the rounds; ` +
      `${rounds} rounds of ${orders} orders and ${looks} looks of each kind.`,
    table(
      ['', 'beside none', 'beside all', 'ratio'],
      measures.map((measure) => [
        MEASURES[measure],
        middle('empty', measure),
        middle('full', measure),
        ratioOf(ratiosOf(all, measure)),
      ]),
    ),
    `A finished saga takes ${perSaga.toFixed(0)} bytes of Redis's memory (${between[0].toFixed(0)}–${between[1].toFixed(0)} ` +
      `by portions of ${PORTION.toLocaleString('en')}); all of them and the unfinished ones took ${gib(total)} GiB. ` +
      `The event streams, which are capped, took ${(events / 2 ** 20).toFixed(0)} MiB of that.`,
    `Once all have rested one takes ${resting.perSaga.toFixed(0)} bytes (${(resting.perSaga / perSaga).toFixed(2)}), and all of them ` +
      `with the unfinished ones ${gib(resting.total)} GiB. One process that did nothing else made ${resting.perSecond.toFixed(0)} a second ` +
      `smaller, at ${resting.ownUs.toFixed(0)} µs of its CPU and ${resting.redisUs.toFixed(0)} µs of Redis's each. The rounds above came after that.`,
    table(
      ['of a finished saga', 'bytes', 'share'],
      [...shares]
        .sort((a, b) => b.bytes - a.bytes)
        .map(({ name, bytes }) => [name, bytes.toFixed(0), `${((100 * bytes) / perSaga).toFixed(1)} %`]),
    ),
  ].join('\n\n');
}

runBounded(run, RUN_MAX_MS);
