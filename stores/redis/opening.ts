/** What is asked of a Redis before sagas are entrusted to it. */
import { randomUUID } from 'node:crypto';
import { Cluster } from 'ioredis';
import { StoreRefusedError } from '../saga-store.ts';
import type { PartitionKeys } from './keys.ts';
import type { Client } from './scripts.ts';

const CONNECT_MAX_MS = 10_000;

/** Waits until the client is connected; a client that is connecting by itself is left to do so. */
export async function connected(client: Client): Promise<void> {
  if (client.status !== 'wait' && client.status !== 'end') return;
  // A Cluster that names unreachable nodes would let us wait for ever.
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no connection within ${CONNECT_MAX_MS} ms`)), CONNECT_MAX_MS);
  });
  try {
    await Promise.race([client.connect(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Marks every partition with the number of partitions and the store's id, and refuses where a mark disagrees:
 * with another number every saga would be looked for in the wrong place.
 */
export async function agreeOnPartitions(client: Client, partitions: readonly PartitionKeys[]): Promise<void> {
  const [first, ...others] = partitions;
  if (!first) return;
  // The first partition's mark decides, so that two coordinators that open an empty Redis at once agree.
  const store = await mark(client, first, partitions.length, randomUUID());
  await Promise.all(
    others.map(async (keys) => {
      const found = await mark(client, keys, partitions.length, store);
      if (found === store) return;
      throw new StoreRefusedError(
        `${keys.meta} belongs to store ${found} and ${first.meta} to store ${store}: ` +
          'a part of this Redis was restored from elsewhere. Restore all of it from one backup.',
      );
    }),
  );
}

/** Marks a partition where it has no mark yet, and answers the store id that stands there. */
async function mark(
  client: Client,
  { meta }: PartitionKeys,
  partitions: number,
  store: string,
): Promise<string> {
  await client.hsetnx(meta, 'partitions', String(partitions));
  await client.hsetnx(meta, 'store', store);
  const found = await client.hgetall(meta);
  if (found.partitions !== String(partitions)) {
    throw new StoreRefusedError(
      `This Redis holds a store of ${found.partitions} partitions (${meta}), and it was opened with ${partitions}. ` +
        'The number cannot change: open it with the old one, or use another key prefix.',
    );
  }
  return found.store ?? '';
}

/** Refuses a Redis that may evict sagas, and says in words what an acknowledged write survives. */
export async function durabilityOf(client: Client): Promise<string> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  const words = await Promise.all(servers.map(inspect));
  return [...new Set(words)].join('; ');
}

type Server = Pick<ReturnType<Cluster['nodes']>[number], 'info' | 'config'>;

async function inspect(server: Server): Promise<string> {
  // INFO and not CONFIG, which managed services forbid.
  const info = await server.info();
  const policy = field(info, 'maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    throw new StoreRefusedError(
      `Redis has maxmemory-policy ${policy} and would evict sagas when memory is short. ` +
        'Set it to noeviction: then writes are refused instead, and nothing is lost.',
    );
  }
  const replicas = field(info, 'connected_slaves') ?? '0';
  const replicated = `${replicas} ${replicas === '1' ? 'replica' : 'replicas'}`;
  if (field(info, 'aof_enabled') !== '1') {
    return `no AOF: acknowledged writes may be lost when Redis restarts, ${replicated}`;
  }
  return `AOF, ${await fsync(server)}, ${replicated}`;
}

async function fsync(server: Server): Promise<string> {
  try {
    const reply = (await server.config('GET', 'appendfsync')) as string[];
    return reply[1] === undefined ? 'fsync unknown' : `fsync ${reply[1]}`;
  } catch {
    return 'fsync unknown';
  }
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
}
