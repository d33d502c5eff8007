/** What is done to a Cluster of three masters with a replica each while sagas run, most of it as operators do it: by redis-cli. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Redis } from 'ioredis';
import { SPREAD_TAGS } from '../../../stores/redis/tags.ts';
import { type RedisServer, startRedis } from '../../redis-server.ts';
import { type RedisCluster, reshard } from '../cluster.ts';
import { until } from '../until.ts';
import { adminOf } from '../weather.ts';
import type { Load } from './load.ts';

export interface ClusterOperation {
  readonly name: string;
  /** Whether nothing may be lost or done twice by it; what a failover had not yet replicated may be. */
  readonly isSafe: boolean;
  /** Whether this server can; all can unless said. */
  readonly can?: (admin: Redis) => Promise<boolean>;
  run(cluster: RedisCluster, load: Load): Promise<void>;
}

/** Slots that are moved: a good third of what a master has, and with it some partitions. */
const SLOTS = 2_000;
/** How long a node may be silent before the others replace it: a busy machine must not be taken for a dead one. */
export const NODE_TIMEOUT_MS = 3_000;

export const cli = async (command: string, { port }: RedisServer, ...args: (string | number)[]) => {
  const all = ['--cluster', command, `127.0.0.1:${port}`, ...args.map(String), '--cluster-yes'];
  try {
    return (await promisify(execFile)('redis-cli', all, { maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (error) {
    const { stdout = '', message } = error as Error & { stdout?: string };
    throw new Error(`${message}\n${stdout.trim()}`, { cause: error });
  }
};
const idOf = (cluster: RedisCluster, index: number) => (cluster.admins[index] as Redis).cluster('MYID');
const first = ({ nodes: [node] }: RedisCluster) => node as RedisServer;
/** All nodes agree, and no slot is open. */
export const sound = (cluster: RedisCluster) =>
  until(async () =>
    cli('check', first(cluster)).then(
      (said) => said.includes('[OK] All 16384 slots covered') && !/\[(ERR|WARNING)\]/.test(said),
      () => false,
    ),
  );
const isMaster = (admin: Redis) =>
  until(async () => (await admin.info('replication')).includes('role:master'));

const move = async (cluster: RedisCluster, from: number, to: number) => {
  const [source, target] = [await idOf(cluster, from), await idOf(cluster, to)];
  const ends = ['--cluster-from', source, '--cluster-to', target];
  await cli('reshard', first(cluster), ...ends, '--cluster-slots', SLOTS);
};

/** A replica gives up a failover that was asked of it after five seconds, and says so to nobody. */
const FAILOVER_GIVEN_UP_MS = 6_000;

/** A replica takes the place of the first master. It is asked again where its master or the voters did not hear it. */
export function failOver({ admins }: RedisCluster, ...how: string[]): Promise<void> {
  return promote(admins[3] as Redis, ...how);
}

/** The same of any replica and its master. */
export async function promote(replica: Redis, ...how: string[]): Promise<void> {
  let askedMs = Number.NEGATIVE_INFINITY;
  await until(async () => {
    if ((await replica.info('replication')).includes('role:master')) return true;
    if (performance.now() - askedMs > FAILOVER_GIVEN_UP_MS) {
      askedMs = performance.now();
      await replica.call('CLUSTER', 'FAILOVER', ...how);
    }
    return false;
  });
}

export const CLUSTER_OPERATIONS: readonly ClusterOperation[] = [
  {
    name: 'reshard',
    isSafe: true,
    async run(cluster) {
      await move(cluster, 0, 1);
      await sound(cluster);
    },
  },
  {
    name: 'reshard, and rebalance',
    isSafe: true,
    async run(cluster) {
      await move(cluster, 0, 1);
      await sound(cluster);
      await cli('rebalance', first(cluster), '--cluster-threshold', 1);
      await sound(cluster);
    },
  },
  {
    name: 'add a master, and remove it',
    isSafe: true,
    async run(cluster) {
      const settings = {
        'cluster-require-full-coverage': 'no',
        'cluster-node-timeout': String(NODE_TIMEOUT_MS),
      };
      const added = await startRedis({ cluster: 'empty', appendonly: true, settings });
      const admin = adminOf(added);
      try {
        await cli('add-node', added, `127.0.0.1:${first(cluster).port}`);
        const everybody = [...cluster.admins, admin];
        const known = `cluster_known_nodes:${everybody.length}`;
        await until(async () => {
          const infos = await Promise.all(everybody.map((each) => each.cluster('INFO')));
          return infos.every((info) => String(info).includes(known));
        });
        await cli('rebalance', first(cluster), '--cluster-use-empty-masters');
        await sound(cluster);
        const id = await admin.cluster('MYID');
        await cli('rebalance', first(cluster), '--cluster-weight', `${id}=0`);
        await sound(cluster);
        await cli('del-node', first(cluster), id);
      } finally {
        admin.disconnect();
        await added.stop();
      }
    },
  },
  {
    name: 'CLUSTER FAILOVER',
    isSafe: true,
    run: (cluster) => failOver(cluster),
  },
  {
    name: 'CLUSTER FAILOVER FORCE',
    isSafe: false,
    run: (cluster) => failOver(cluster, 'FORCE'),
  },
  {
    name: 'kill -9 of a master',
    isSafe: false,
    async run(cluster) {
      await first(cluster).kill();
      await isMaster(cluster.admins[3] as Redis);
      await first(cluster).restart();
      await cluster.whole();
    },
  },
  {
    name: 'a master is frozen until it is replaced',
    isSafe: false,
    async run(cluster) {
      const { pid } = first(cluster);
      process.kill(pid, 'SIGSTOP');
      await isMaster(cluster.admins[3] as Redis);
      process.kill(pid, 'SIGCONT');
      const [old] = cluster.admins as [Redis];
      await until(async () => (await old.info('replication')).includes('role:slave'));
    },
  },
  {
    name: 'an interrupted reshard, and --cluster fix',
    isSafe: true,
    async run(cluster, load) {
      const tag = SPREAD_TAGS[0] ?? '';
      const [source] = cluster.admins as [Redis];
      const moving = await reshard(cluster, `{${tag}}`, 0, 1);
      const slot = await source.cluster('KEYSLOT', `{${tag}}`);
      const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 10_000)) as string[];
      await moving.move(keys.filter((_, index) => index % 2 === 0));
      // Left so: the partition in it waits, the others go on.
      await load.more(60);
      await cli('fix', first(cluster));
      await sound(cluster);
    },
  },
  {
    name: 'atomic slot migration',
    isSafe: true,
    can: async (admin) => String(await admin.call('CLUSTER', 'HELP')).includes('MIGRATESLOTS'),
    async run(cluster) {
      const [source, target] = [cluster.admins[0] as Redis, await idOf(cluster, 1)];
      await source.call('CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', 0, SLOTS - 1, 'NODE', target);
      await until(async () => {
        const jobs = String(await source.call('CLUSTER', 'GETSLOTMIGRATIONS'));
        if (/failed|cancelled/.test(jobs)) throw new Error(`the migration came to nothing: ${jobs}`);
        return jobs.includes('success');
      });
      await sound(cluster);
    },
  },
];
