/** Which store a coordinator has: the one place where concrete stores are named. */
import type { Logger } from 'pino';
import { MemoryStore } from '../stores/memory-store.ts';
import { type ConnectOptions, connect } from '../stores/redis/connect.ts';
import { RedisStore } from '../stores/redis/redis-store.ts';
import type { SagaStore } from '../stores/saga-store.ts';
import type { Closing } from './assembly.ts';
import { ConfigError, type Settings } from './config.ts';
import { steady, systemClock } from './engine/clock.ts';
import type { Patiently } from './patience.ts';
import { privateRedis } from './start/private-redis.ts';
import { WatchedTls } from './tls-files.ts';

/** REDIS_URL, else a private Redis, else memory. A Redis server that was started for this is stopped with it. */
export async function openStore(
  settings: Settings,
  logger: Logger,
  patiently: Patiently,
  closing: Closing,
): Promise<SagaStore> {
  const { redisUrl, partitions, inFlightMax, auditKey, dataDir } = settings;
  if (redisUrl !== null) return patiently(() => openRedis(redisUrl, settings, logger));
  const server = await privateRedis(dataDir);
  if (server === null) {
    logger.warn(
      'no REDIS_URL and no redis-server or valkey-server on PATH: sagas are kept in memory, and nothing survives a restart',
    );
    return openMemory({ partitions, inFlightMax, auditKey });
  }
  closing.push(async () => {
    const left = await server.stop();
    if (left !== null) logger.info(`Redis ${left}`);
  });
  const { pid, socketPath, adopted } = server;
  logger.info({ pid, socketPath, adopted }, adopted ? 'private Redis found' : 'private Redis started');
  return patiently(() => openRedis(`unix://${socketPath}`, settings, logger));
}

/** For as long as the process lives. */
export function openMemory({ partitions, inFlightMax, auditKey }: Bounds): SagaStore {
  return new MemoryStore({
    now: steady(systemClock),
    inFlightMax,
    auditKey: auditKey ?? undefined,
    ...(partitions !== null && { partitions }),
  });
}

type Bounds = Pick<Settings, 'partitions' | 'inFlightMax' | 'auditKey'>;

/** @throws StoreRefusedError, StoreUnavailableError, ConfigError for a URL that cannot be used */
export async function openRedis(
  url: string,
  {
    partitions,
    inFlightMax,
    auditKey,
    waitReplicas,
    redisPrefix: prefix,
    redisTls,
    compactAfterMs,
  }: Bounds & Pick<Settings, 'waitReplicas' | 'redisPrefix' | 'redisTls' | 'compactAfterMs'>,
  logger: Logger,
): Promise<SagaStore> {
  const watched = redisTls && new WatchedTls(redisTls, 'Redis', logger);
  const redis = connectTo(url, watched ? () => watched.now : undefined);
  try {
    return await RedisStore.open({
      redis,
      prefix,
      partitions: partitions ?? undefined,
      inFlightMax,
      auditKey: auditKey ?? undefined,
      ...(waitReplicas && { waitReplicas }),
      restsAtOnce: compactAfterMs > 0,
    });
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

/** What the URL lacks is a setting to mend. */
function connectTo(url: string, tls: ConnectOptions['tls']) {
  try {
    return connect(url, { tls });
  } catch (error) {
    throw new ConfigError([`REDIS_URL: ${(error as Error).message}`]);
  }
}
