/** The stores that an application can choose. Each is opened when the coordinator starts, and loaded only then. */
import type { Logger } from 'pino';
import type { SagaStore } from '../../stores/saga-store.ts';
import type { Settings } from '../config.ts';
import type { Patiently } from '../patience.ts';

/** Where sagas live: made by {@link memoryStore} or {@link redisStore}, and opened by the coordinator that it is handed to. */
export interface Store {
  readonly kind: 'memory' | 'redis';
}

type Open = (settings: Settings, patiently: Patiently, logger: Logger) => Promise<SagaStore>;

/** Apart from what users see: the contract of stores is no promise to them. */
const openers = new WeakMap<Store, Open>();

function store(kind: Store['kind'], open: Open): Store {
  const made = Object.freeze({ kind });
  openers.set(made, open);
  return made;
}

/** How it is opened; `undefined` for what is none. */
export function openerOf(made: Store): Open | undefined {
  return openers.get(made);
}

export interface RedisStoreOptions {
  /** What all keys begin with, inside their hash tag: several stores can share a Redis. Letters, digits and `. : _ -`, at most 64. */
  readonly prefix?: string;
  /** Fixed when a store is first opened; left out, it is what the store has, and of a new one 16, or 48 on a Cluster. */
  readonly partitions?: number;
  /** How many replicas must have a write before it counts, and how long they may take; none unless set. */
  readonly waitReplicas?: { readonly count: number; readonly timeoutMs: number; readonly fsync?: boolean };
}

/** In this process, for as long as it lives: for tests, and where nothing needs to survive a restart. */
export function memoryStore(): Store {
  return store('memory', async (settings) => {
    const { openMemory } = await import('../open-store.ts');
    return openMemory(settings);
  });
}

/**
 * In Redis: what is acknowledged there survives this process, and any number of coordinators share it.
 *
 * @param url `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://`, as docs/settings.md says of `REDIS_URL`.
 *   The server's `maxmemory-policy` must be `noeviction`.
 */
export function redisStore(url: string, options: RedisStoreOptions = {}): Store {
  const { prefix = '', partitions = null, waitReplicas } = options;
  return store('redis', async (settings, patiently, logger) => {
    const { openRedis } = await import('../open-store.ts');
    const own = {
      ...settings,
      redisPrefix: prefix,
      partitions,
      waitReplicas: waitReplicas ? { fsync: false, ...waitReplicas } : null,
    };
    return patiently(() => openRedis(url, own, logger));
  });
}
