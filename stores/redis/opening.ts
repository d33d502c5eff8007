/** What is asked of a Redis before sagas are entrusted to it. */
import { randomUUID } from 'node:crypto';
import { Cluster } from 'ioredis';
import { StoreRefusedError } from '../saga-store.ts';
import type { PartitionKeys } from './keys.ts';
import { ReplicaWait, type WaitReplicas } from './replica-wait.ts';
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
  try {
    await client.hsetnx(meta, 'partitions', String(partitions));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('MOVED '))) throw error;
    throw new StoreRefusedError(
      'This Redis is one node of a Cluster, and was opened as one server: use redis+cluster:// in its URL.',
      { cause: error },
    );
  }
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
  if (field(info, 'redis_mode') === 'sentinel') {
    throw new StoreRefusedError('This is a Sentinel, and not Redis: use redis+sentinel:// in its URL.');
  }
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

/**
 * What waits for replicas, and how the store says so. Refused is what could never be kept: then every write would be
 * repeated for ever.
 */
export async function replicaWait(
  client: Client,
  key: string,
  wanted: WaitReplicas,
): Promise<{ readonly replicas: ReplicaWait; readonly words: string }> {
  const { count, timeoutMs, fsync: wantsFsync = false } = wanted;
  if (!Number.isInteger(count) || count < 0 || !Number.isInteger(timeoutMs) || timeoutMs < 1) {
    throw new RangeError('waitReplicas needs a whole count, and a time-out in whole milliseconds');
  }
  if (client instanceof Cluster) {
    throw new StoreRefusedError(
      'Waiting for replicas (REDIS_WAIT_REPLICAS) is not supported on a Redis Cluster: ioredis cannot send WAIT on the ' +
        'connection that served a script. Use Sentinel, or leave it off.',
    );
  }
  const { commandTimeout } = client.options;
  // A command may stand behind one WAIT and then wait itself.
  if (commandTimeout !== undefined && timeoutMs * 2 >= commandTimeout) {
    throw new RangeError(`waitReplicas.timeoutMs must be less than half of ${commandTimeout} ms`);
  }
  const info = await client.info();
  const knowsWaitaof = await knows(client, 'WAITAOF');
  if (wantsFsync && (!knowsWaitaof || field(info, 'aof_enabled') !== '1')) {
    throw new StoreRefusedError(
      'Waiting for fsync needs WAITAOF, which Redis has since 7.2, and appendonly yes; ' +
        `this is Redis ${field(info, 'redis_version')}.`,
    );
  }
  // A user who may not call it should learn that now.
  await client.call('WAIT', 0, 1);
  const who = `${count} ${count === 1 ? 'replica' : 'replicas'}`;
  const disk = wantsFsync
    ? ' and for fsync (WAITAOF)'
    : knowsWaitaof
      ? ''
      : ' (not for fsync: WAITAOF needs Redis 7.2, and is untested)';
  return {
    replicas: new ReplicaWait(client, key, wanted),
    words: `, each write waits up to ${timeoutMs} ms for ${who}${disk}`,
  };
}

async function knows(client: Client, command: string): Promise<boolean> {
  try {
    const [about] = (await client.command('INFO', command)) as unknown[];
    return about !== null && about !== undefined;
  } catch {
    return false;
  }
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
