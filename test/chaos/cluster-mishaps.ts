/** What befalls a Cluster that keeps its data: slots move, replicas take their masters' places, a master refuses writes. */
import type { Redis } from 'ioredis';
import type { RedisCluster } from '../redis/cluster.ts';
import { until } from '../redis/until.ts';
import { cli, promote, sound } from '../redis/upheaval/cluster-operations.ts';
import { BY_ACL, refusing } from './store-mishaps.ts';
import type { Mishap, Scene } from './storm.ts';

/** Slots that move in one go: some partitions are among them. */
const SLOTS = { least: 200, most: 1500 } as const;

interface Master {
  readonly id: string;
  readonly admin: Redis;
  readonly slots: number;
}

export function ofCluster(cluster: RedisCluster): readonly Mishap[] {
  const onNodes = (name: string, strike: (scene: Scene) => Promise<number>): Mishap => ({
    name,
    victims: (scene) => [{ names: ['Redis'], strike: () => strike(scene) }],
  });
  const refusedBy = (name: string, refusals: readonly string[], begin: Change, end: Change) =>
    onNodes(name, async (scene) => {
      const { admin } = scene.dice.pick(await mastersOf(cluster));
      try {
        return await refusing(admin, refusals, scene, () => begin(admin));
      } finally {
        await end(admin);
      }
    });
  return [
    onNodes('slots moved by redis-cli', async ({ dice }) => {
      // Always from whoever has most, or one would be left with none.
      const [from, ...others] = (await mastersOf(cluster)).sort((a, b) => b.slots - a.slots);
      const to = dice.pick(others);
      const ends = ['--cluster-from', from?.id ?? '', '--cluster-to', to.id];
      const [node] = cluster.nodes;
      if (node === undefined) throw new Error('the Cluster has no nodes');
      await cli('reshard', node, ...ends, '--cluster-slots', dice.whole(SLOTS.least, SLOTS.most));
      await sound(cluster);
      return 1;
    }),
    onNodes('replica promoted (CLUSTER FAILOVER)', async ({ dice }) => {
      await promote(dice.pick(await replicasOf(cluster)));
      await cluster.whole();
      await until(async () => (await replicasOf(cluster)).length === cluster.nodes.length / 2);
      await sound(cluster);
      return 1;
    }),
    refusedBy(
      'master out of memory',
      ['OOM'],
      (admin) => admin.config('SET', 'maxmemory', '1'),
      (admin) => admin.config('SET', 'maxmemory', '0'),
    ),
    refusedBy(
      'master takes a command away (ACL)',
      BY_ACL,
      (admin) => admin.acl('SETUSER', 'default', '-hset'),
      (admin) => admin.acl('SETUSER', 'default', '+hset'),
    ),
  ];
}

type Change = (admin: Redis) => Promise<unknown>;

async function mastersOf({ admins }: RedisCluster): Promise<Master[]> {
  const tables = await Promise.all(admins.map((admin) => admin.cluster('NODES')));
  return tables.flatMap((table, index) => {
    const own = String(table)
      .split('\n')
      .find((line) => line.includes('myself'));
    const [id = '', , flags = '', , , , , , ...ranges] = (own ?? '').split(' ');
    const slots = ranges.reduce((sum, range) => {
      const [first = Number.NaN, last = first] = range.split('-').map(Number);
      return sum + last - first + 1;
    }, 0);
    return flags.includes('master') ? [{ id, admin: admins[index] as Redis, slots }] : [];
  });
}

/** Those that follow their master. */
async function replicasOf({ admins }: RedisCluster): Promise<Redis[]> {
  const infos = await Promise.all(admins.map((admin) => admin.info('replication')));
  return admins.filter((_, index) => infos[index]?.includes('master_link_status:up'));
}
