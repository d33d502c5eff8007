/** A Redis Cluster of three masters, or as many as are asked for, with replicas where they are: real processes, joined by hand. */
import type { Redis } from 'ioredis';
import { type RedisServer, type ServerTls, startRedis } from '../redis-server.ts';
import { until } from './until.ts';
import { adminOf } from './weather.ts';

const SLOTS = 16_384;

export interface RedisCluster {
  readonly url: string;
  /** The masters, and then a replica of each in the same order, where there are replicas. */
  readonly nodes: readonly RedisServer[];
  /** A plain client of each node, which follows no redirection. */
  readonly admins: readonly Redis[];
  /** Which node serves a key's slot now. */
  nodeOf(key: string): Promise<number>;
  /** Until every node that runs sees the Cluster whole. */
  whole(): Promise<void>;
  stop(): Promise<void>;
}

interface ClusterOptions {
  /** One for each master. */
  readonly withReplicas?: boolean;
  /** How long a node may be silent before the others replace it. */
  readonly nodeTimeoutMs?: number;
  /** Nodes and clients reach each other over TLS. */
  readonly tls?: ServerTls;
}

/** Without full coverage: the loss of a master leaves the slots of the others served. */
export async function startCluster(
  appendonly = false,
  masters = 3,
  { withReplicas = false, nodeTimeoutMs = 1_000, tls }: ClusterOptions = {},
): Promise<RedisCluster> {
  const settings = {
    'cluster-require-full-coverage': 'no',
    'cluster-node-timeout': String(nodeTimeoutMs),
    'repl-diskless-sync-delay': '0',
  };
  const nodes = await Promise.all(
    Array.from({ length: masters * (withReplicas ? 2 : 1) }, () =>
      startRedis({ cluster: 'empty', appendonly, settings, ...(tls && { tls }) }),
    ),
  );
  const admins = nodes.map(adminOf);

  const whole = () =>
    until(async () => {
      const infos = await Promise.all(admins.map((admin) => admin.cluster('INFO')));
      return infos.every((info) =>
        ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, `cluster_known_nodes:${nodes.length}`].every(
          (line) => String(info).includes(line),
        ),
      );
    });

  const ids = await Promise.all(admins.map((admin) => admin.cluster('MYID')));
  await Promise.all(
    admins.slice(0, masters).map(async (admin, index) => {
      const first = Math.ceil((SLOTS * index) / masters);
      const last = Math.ceil((SLOTS * (index + 1)) / masters) - 1;
      const slots = Array.from({ length: last - first + 1 }, (_, slot) => first + slot);
      await admin.call('CLUSTER', 'ADDSLOTS', ...slots);
      // Each its own, so that no two of them have to agree on who yields.
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    }),
  );
  const [first] = admins as [Redis];
  const ports = nodes.map(({ port, tlsPort }) => tlsPort ?? port);
  for (const port of ports.slice(1)) await first.call('CLUSTER', 'MEET', '127.0.0.1', port);
  await whole();
  for (const [index, admin] of admins.entries()) {
    if (index < masters) continue;
    await admin.call('CLUSTER', 'REPLICATE', ids[index - masters] ?? '');
    await until(async () => (await admin.info('replication')).includes('master_link_status:up'));
  }
  // A master drops, without a word, what a replica asks of it before it has heard by the bus that it is its replica.
  const replicas = nodes.length - masters;
  await until(async () => {
    const tables = await Promise.all(admins.map((admin) => admin.cluster('NODES')));
    return tables.every((table) => String(table).split(/\bslave\b/).length - 1 === replicas);
  });

  return {
    url: `redis${tls ? 's' : ''}+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
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
      const roles = await Promise.all(admins.map((admin) => admin.info('replication')));
      const masters = admins.filter((_, index) => roles[index]?.includes('role:master'));
      // The new owner first, so that at no time nobody owns it. Replicas learn it of their masters.
      for (const admin of [target, source, ...masters]) {
        await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
      }
    },
  };
}
