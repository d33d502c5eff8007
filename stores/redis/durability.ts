/** What kind of server it is, what an acknowledged write survives there, and what may be waited for. */
import { Cluster, type Redis } from 'ioredis';
import { type StoreInfo, StoreRefusedError, StoreUnavailableError } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking } from './faults.ts';
import { mastersOf } from './masters.ts';
import { isRefusal } from './permissions.ts';
import { ReplicaWait, type WaitReplicas } from './replica-wait.ts';
import { inWords, serverIn } from './server.ts';

type Server = Pick<ReturnType<Cluster['nodes']>[number], 'info' | 'config'>;

/**
 * Refuses a server that may lose sagas by itself, and says in words what an acknowledged write survives.
 * @throws StoreUnavailableError where it is a replica for now, or a master of a Cluster is away
 */
export async function durabilityOf(
  client: Client,
): Promise<Pick<StoreInfo, 'durability' | 'survivesRestart'>> {
  const servers = await mastersOf(client);
  const words = await Promise.all(
    servers.map((server) => (client instanceof Cluster ? named(server, inspect(server)) : inspect(server))),
  );
  const survivesRestart = !words.some((one) => one.startsWith(NO_AOF));
  return { durability: [...new Set(words)].join('; '), survivesRestart };
}

/** Of many servers an outage says of which it is. */
async function named<T>({ options: { host, port } }: Redis, asked: Promise<T>): Promise<T> {
  try {
    return await asking(asked);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    const words = `The master ${host}:${port} of the Cluster is away: ${error.message}`;
    throw new StoreUnavailableError(words, error.notSent, { cause: error });
  }
}

const NO_AOF = 'no AOF';

async function inspect(server: Server): Promise<string> {
  // INFO and not CONFIG, which managed services forbid.
  const info = serverIn(await server.info());
  const { mode, role, policy, replicas, aof } = info;
  if (mode === 'sentinel') {
    throw new StoreRefusedError('This is a Sentinel, and not Redis: use redis+sentinel:// in its URL.');
  }
  if (
    role === 'active-replica' ||
    (info.name === 'KeyDB' && (await setting(server, 'active-replica')) === 'yes')
  ) {
    throw new StoreRefusedError(
      'This KeyDB is an active replica: two of them take writes of one saga, and each forgets what the other took. ' +
        'Set active-replica to no.',
    );
  }
  if (policy !== '' && policy !== 'noeviction') {
    throw new StoreRefusedError(
      `Redis has maxmemory-policy ${policy} and would evict sagas when memory is short. ` +
        'Set it to noeviction: then writes are refused instead, and nothing is lost.',
    );
  }
  if (role === 'slave') {
    throw new StoreUnavailableError('Redis is a replica for now, and refuses writes', true);
  }
  const which = info.version === '' ? '' : ` (${inWords(info)})`;
  const replicated = `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}${which}`;
  if (!aof) return `${NO_AOF}: acknowledged writes may be lost when Redis restarts, ${replicated}`;
  return `AOF, fsync ${(await setting(server, 'appendfsync')) ?? 'unknown'}, ${replicated}`;
}

/** `null` where it may not be asked for, or is not known there. */
async function setting(server: Server, name: string): Promise<string | null> {
  try {
    const reply = (await server.config('GET', name)) as string[];
    return reply[1] ?? null;
  } catch {
    return null;
  }
}

/** What syncing once a second takes, and a disk that is busy. */
const EVERYSEC_MS = 1_500;

/**
 * What waits for replicas and for fsync, and how the store says so. Refused is what could never be kept: then every write
 * would be repeated for ever.
 */
export async function replicaWait(
  client: Client,
  key: string,
  wanted: WaitReplicas,
): Promise<{ readonly replicas: ReplicaWait; readonly words: string }> {
  const { count, timeoutMs, fsync = false } = wanted;
  if (!Number.isInteger(count) || count < 0 || !Number.isInteger(timeoutMs) || timeoutMs < 1) {
    throw new RangeError('waitReplicas needs a whole count, and a time-out in whole milliseconds');
  }
  if (client instanceof Cluster) {
    throw new StoreRefusedError(
      'Waiting for replicas or fsync (REDIS_WAIT_REPLICAS, REDIS_WAIT_FSYNC) is not supported on a Redis Cluster: ioredis ' +
        'cannot send WAIT on the connection that served a script. Use Sentinel, or leave it off.',
    );
  }
  const { commandTimeout } = client.options;
  // A command may stand behind one WAIT and then wait itself.
  if (commandTimeout !== undefined && timeoutMs * 2 >= commandTimeout) {
    throw new RangeError(`waitReplicas.timeoutMs must be less than half of ${commandTimeout} ms`);
  }
  if (fsync) await assertSyncs(client, timeoutMs);
  // A user who may not call it should learn that now.
  if (count > 0) await client.call('WAIT', 0, 1);
  const awaited = [
    ...(count > 0 ? [`${count} ${count === 1 ? 'replica' : 'replicas'}`] : []),
    ...(fsync ? ['fsync (WAITAOF)'] : []),
  ];
  return {
    replicas: new ReplicaWait(client, key, wanted),
    words: `, each write waits up to ${timeoutMs} ms for ${awaited.join(' and for ')}`,
  };
}

/**
 * WAITAOF is believed where it answers, and where it is known to answer after the sync. Under `always` a write is synced
 * before anybody is answered. Under `everysec` Redis 7.2 and 7.4 and every Valkey up to 9.1.2 answer at once (measured);
 * Redis has waited for its second since 8.0.
 */
async function assertSyncs(client: Exclude<Client, Cluster>, timeoutMs: number): Promise<void> {
  const info = serverIn(await client.info());
  const refuse = (why: string) => {
    throw new StoreRefusedError(`Waiting for fsync (REDIS_WAIT_FSYNC) ${why}; this is ${inWords(info)}.`);
  };
  if (!info.aof) refuse('needs an append-only file (appendonly yes)');
  const answer = await client.call('WAITAOF', 1, 0, 1).catch((error: Error) => {
    if (isRefusal(error) && !/unknown command/i.test(error.message)) throw error;
    return error;
  });
  if (!Array.isArray(answer))
    refuse('needs WAITAOF, which Redis has since 7.2 and Valkey from the beginning');
  const policy = await setting(client, 'appendfsync');
  if (policy === 'always') return;
  if (policy === null) refuse('needs to know appendfsync, and CONFIG GET is not allowed (+config|get)');
  const isKnown = info.name === 'Redis' && Number(info.version.split('.')[0]) >= 8;
  if (policy !== 'everysec' || !isKnown)
    refuse(`needs appendfsync always: under ${policy} WAITAOF answers there before anything is on disk`);
  if (timeoutMs < EVERYSEC_MS)
    refuse(
      `under appendfsync everysec takes a second and more: set REDIS_WAIT_TIMEOUT_MS to ${EVERYSEC_MS} or more`,
    );
}
