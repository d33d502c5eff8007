/**
 * `npm run bench:scale`: what a saga and an idle coordinator cost one server and Clusters of several masters, by counting:
 * scripts, commands, bytes and Redis's own CPU, of each master. How fast this machine is decides none of it but the CPU. `--write`
 * puts the figures into docs/performance.md.
 */
import { parseArgs } from 'node:util';
import type { Redis } from 'ioredis';
import { startCluster } from '../test/redis/cluster.ts';
import { adminOf } from '../test/redis/weather.ts';
import { drive } from './load.ts';
import { endAll, keptRedis, keptServer, startCoordinator, startStub } from './processes.ts';
import { table } from './report.ts';
import { printed, progress, refuse, runBounded, surroundings, whole, writeDown } from './script.ts';

const RUN_MAX_MS = 20 * 60_000;
const CLIENTS = 32;
const WARM_UP = 200;
const FLEET = 20;

const { values } = parseArgs({
  options: {
    orders: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write } = values;
if (quick && write) refuse('--quick measures too little to be written down');
const orders = whole('orders', values.orders, quick ? 400 : 3000, 100, 100_000);
const idleMs = quick ? 3_000 : 20_000;

/** What one master has done since it was started. */
interface Counted {
  readonly scripts: number;
  /** Within scripts, too. */
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly cpuUs: number;
}

/** With the length of the answer that said so, which is in what it sends out by then. */
interface Reading {
  readonly counted: Counted;
  readonly bytes: number;
}

type Name = keyof Counted;
const NAMES: readonly Name[] = ['scripts', 'commands', 'bytesIn', 'bytesOut', 'cpuUs'];

async function countedBy(admin: Redis): Promise<Reading> {
  const info = await admin.info('everything');
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  const calls = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(
    ([, name, count]) => [name ?? '', Number(count)] as const,
  );
  // Our own question and what masters say to one another is none of the store's.
  const counts = calls.filter(([name]) => !/^(info|cluster|config|ping|auth|hello|client)/.test(name));
  const scripts = counts.filter(([name]) => name === 'evalsha' || name === 'eval');
  const sum = (some: readonly (readonly [string, number])[]) =>
    some.reduce((all, [, count]) => all + count, 0);
  const counted = {
    scripts: sum(scripts),
    commands: sum(counts) - sum(scripts),
    bytesIn: field('total_net_input_bytes'),
    bytesOut: field('total_net_output_bytes'),
    cpuUs: (field('used_cpu_user') + field('used_cpu_sys')) * 1e6,
  };
  return { counted, bytes: Buffer.byteLength(info) };
}

/** What each master has done meanwhile, and for how long that was. */
async function during(admins: readonly Redis[], act: () => Promise<unknown>) {
  const before = await Promise.all(admins.map(countedBy));
  const beganAt = performance.now();
  await act();
  const seconds = (performance.now() - beganAt) / 1000;
  const after = await Promise.all(admins.map(countedBy));
  const each = after.map(({ counted: now }, index) =>
    mapped((name) => {
      const { counted, bytes } = before[index] as Reading;
      return now[name] - counted[name] - (name === 'bytesOut' ? bytes : 0);
    }),
  );
  return { each, seconds };
}

function mapped(of: (name: Name) => number): Counted {
  return Object.fromEntries(NAMES.map((name) => [name, of(name)])) as unknown as Counted;
}

interface Case {
  readonly name: string;
  readonly admins: readonly Redis[];
  readonly perSaga: Counted;
  /** What of it the master with the least and the one with the most had, as a part of an even share. */
  readonly shares: readonly [least: number, most: number];
  readonly idlePerSecond: Counted;
}

async function measured(name: string, masters: number | null, stubUrl: string): Promise<Case> {
  progress(`${name}: starting`);
  const cluster = masters === null ? null : keptServer(await startCluster(false, masters));
  const [redis = await keptRedis({})] = cluster?.nodes ?? [];
  const admins = cluster?.admins ?? [adminOf(redis)];
  const settings = cluster === null ? {} : { REDIS_URL: cluster.url };
  const { url } = await startCoordinator({ stubUrl, redis, settings });
  const order = async (count: number) => {
    const { statuses } = await drive({ url, clients: CLIENTS, orders: count, declined: false });
    if (statuses[201] !== count)
      throw new Error(`Not all orders were answered well: ${JSON.stringify(statuses)}`);
  };
  await order(WARM_UP);
  progress(`${name}: idle`);
  const idle = await during(admins, () => new Promise((resolve) => setTimeout(resolve, idleMs)));
  progress(`${name}: ${orders} orders`);
  const busy = await during(admins, () => order(orders));
  const sum = (each: readonly Counted[], of: Name) => each.reduce((all, one) => all + one[of], 0);
  const idlePerSecond = mapped((of) => sum(idle.each, of) / idle.seconds);
  const scripts = busy.each.map((one) => (one.scripts * admins.length) / sum(busy.each, 'scripts'));
  for (const admin of admins) admin.disconnect();
  return {
    name,
    admins,
    // A coordinator polls while it works, too.
    perSaga: mapped((of) => (sum(busy.each, of) - idlePerSecond[of] * busy.seconds) / orders),
    shares: [Math.min(...scripts), Math.max(...scripts)],
    idlePerSecond,
  };
}

async function run(): Promise<void> {
  const stub = await startStub();
  const cases: Case[] = [];
  for (const [name, masters] of [
    ['one server, 16 partitions', null],
    ['Cluster of 1, 48 partitions', 1],
    ['Cluster of 3', 3],
    ['Cluster of 6', 6],
  ] as const) {
    cases.push(await measured(name, masters, stub.url));
  }
  await endAll();
  const report = reportOf(cases);
  printed(report);
  if (write) writeDown('npm run bench:scale -- --write', report);
}

function reportOf(cases: readonly Case[]): string {
  const at = surroundings();
  const kb = (bytes: number) => (bytes / 1000).toFixed(1);
  return [
    `${at.date}, Node ${at.node}, Redis ${at.redis}, ${at.machine}. ${orders} orders by ${CLIENTS} clients, and ${idleMs / 1000} s of one idle coordinator; no append-only file.`,
    table(
      [
        'a saga',
        'scripts',
        'commands in them',
        'bytes to Redis',
        'bytes from it',
        'µs of Redis',
        'least and most of a master',
      ],
      cases.map(({ name, perSaga, shares }) => [
        name,
        perSaga.scripts.toFixed(2),
        perSaga.commands.toFixed(1),
        perSaga.bytesIn.toFixed(0),
        perSaga.bytesOut.toFixed(0),
        perSaga.cpuUs.toFixed(0),
        shares.map((share) => `${(100 * share).toFixed(0)} %`).join(', '),
      ]),
    ),
    table(
      [
        'an idle coordinator, a second',
        'commands',
        'KB to Redis',
        'KB from it',
        'ms of Redis',
        `${FLEET} of them: commands`,
        'ms of Redis',
      ],
      cases.map(({ name, idlePerSecond: idle }) => [
        name,
        (idle.commands + idle.scripts).toFixed(0),
        kb(idle.bytesIn),
        kb(idle.bytesOut),
        (idle.cpuUs / 1000).toFixed(1),
        ((idle.commands + idle.scripts) * FLEET).toFixed(0),
        ((idle.cpuUs * FLEET) / 1000).toFixed(0),
      ]),
    ),
  ].join('\n\n');
}

runBounded(run, RUN_MAX_MS);
