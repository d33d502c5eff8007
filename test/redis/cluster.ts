/** A Redis Cluster of three masters: three real processes, joined by hand. */
import type { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { until } from './until.ts';
import { adminOf } from './weather.ts';

const SLOTS = 16_384;

export interface RedisCluster {
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  /** A plain client of each node, which follows no redirection. */
  readonly admins: readonly Redis[];
  /** Which node serves a key's slot now. */
  nodeOf(key: string): Promise<number>;
  /** Until every node that runs sees the Cluster whole. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

/** Without full coverage: the loss of a master leaves the slots of the others served. */
export async function startCluster(appendonly = false): Promise<RedisCluster> {
  const settings = { 'cluster-require-full-coverage': 'no', 'cluster-node-timeout': '1000' };
  const nodes = await Promise.all(
    [0, 1, 2].map(() => startRedis({ cluster: 'empty', appendonly, settings })),
  );
  const admins = nodes.map(adminOf);

  const whole = () =>
    until(async () => {
      const infos = await Promise.all(admins.map((admin) => admin.cluster('INFO')));
      return infos.every((info) =>
        ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, 'cluster_known_nodes:3'].every((line) =>
          String(info).includes(line),
        ),
      );
    });

  const ids = await Promise.all(admins.map((admin) => admin.cluster('MYID')));
  await Promise.all(
    admins.map(async (admin, index) => {
      const first = Math.ceil((SLOTS * index) / 3);
      const last = Math.ceil((SLOTS * (index + 1)) / 3) - 1;
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
      // Each its own, so that no two of them have to agree on who yields.
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    }),
  );
  const [first] = admins as [Redis];
  for (const { port } of nodes.slice(1)) await first.call('CLUSTER', 'MEET', '127.0.0.1', port);
  await whole();

  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    admins,
    whole,
    async nodeOf(key) {
      const slot = await first.cluster('KEYSLOT', key);
      const table = String(await first.cluster('NODES'));
      const line = table.split('\n').find((text) =>
        text
          .split(' ')
          .slice(8)
          .some((range) => {
            const [from = Number.NaN, to = from] = range.split('-').map(Number);
            return slot >= from && slot <= to;
          }),
      );
      return ids.indexOf(line?.split(' ')[0] ?? '');
    },
    async stop() {
      for (const admin of admins) admin.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

/** Moves a slot as a resharding does, in two halves: what comes between them is the caller's. */
export async function reshard(
  { nodes, admins }: RedisCluster,
  key: string,
  from: number,
  to: number,
): Promise<{ move(keys: readonly string[]): Promise<void>; finish(): Promise<void> }> {
  const [source, target] = [admins[from], admins[to]] as [Redis, Redis];
  const slot = await source.cluster('KEYSLOT', key);
  const [sourceId, targetId] = [await source.cluster('MYID'), await target.cluster('MYID')];
  const move = async (keys: readonly string[]) => {
    const port = nodes[to]?.port ?? 0;
    if (keys.length > 0) await source.call('MIGRATE', '127.0.0.1', port, '', 0, 5_000, 'KEYS', ...keys);
  };
  await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
  await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
  return {
    move,
    async finish() {
      await move((await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 10_000)) as string[]);
      // The new owner first, so that at no time nobody owns it.
      for (const admin of [target, source, ...admins]) {
        await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
      }
    },
  };
}
