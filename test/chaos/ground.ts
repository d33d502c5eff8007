/** On what a fleet stands: one Redis with an append-only file, a Cluster, or a master with replicas and sentinels. */
import type { Redis } from 'ioredis';
import type { Environment, World, WorldOptions } from '../coordinator/world.ts';
import { startCluster } from '../redis/cluster.ts';
import { startSentinels } from '../redis/sentinel.ts';
import { adminOf, settings } from '../redis/weather.ts';
import { ofCluster } from './cluster-mishaps.ts';
import { OF_REDIS_WIRES, storeClockSet } from './mishaps.ts';
import { ofSentinels } from './sentinel-mishaps.ts';
import { ofRedis } from './store-mishaps.ts';
import type { Mishap } from './storm.ts';

export interface Ground {
  /** `undefined` for the Redis of the world, to which each coordinator has a wire. */
  readonly storeUrl?: string;
  readonly environment: Environment;
  /**
   * Whether every order has a key: where writes are unconfirmed for long, clients without one would order again and again, all of
   * which happens.
   */
  readonly isKeyed?: boolean;
  readonly mishaps: readonly Mishap[];
  /** A client of each server that has data of its own. */
  masters(): Promise<readonly Redis[]>;
  close(): Promise<void>;
}

/** What the Redis of the world needs so that all can befall it. */
export async function worldFor(name: GroundName): Promise<WorldOptions['redis'] & object> {
  return name === 'one' ? { diskMayFill: true, settings: await settings() } : {};
}

/** A busy machine must not be taken for a dead one. */
const NODE_TIMEOUT_MS = 3_000;

const GROUNDS = {
  async one({ redis }: World): Promise<Ground> {
    const admin = adminOf(redis);
    return {
      environment: {},
      mishaps: [storeClockSet(), ...OF_REDIS_WIRES, ...ofRedis(redis, admin)],
      masters: async () => [admin],
      close: async () => admin.disconnect(),
    };
  },
  async cluster(): Promise<Ground> {
    const cluster = await startCluster(true, 3, { withReplicas: true, nodeTimeoutMs: NODE_TIMEOUT_MS });
    return {
      storeUrl: cluster.url,
      environment: {},
      mishaps: [storeClockSet(), ...ofCluster(cluster)],
      async masters() {
        const roles = await Promise.all(cluster.admins.map((admin) => admin.info('replication')));
        return cluster.admins.filter((_, index) => roles[index]?.includes('role:master'));
      },
      close: () => cluster.stop(),
    };
  },
  /** Every write is on all replicas before it counts: so whichever is promoted has kept it. */
  async sentinel(): Promise<Ground> {
    const replicas = 2;
    const sentinels = await startSentinels({ replicas, appendonly: true, patient: true });
    return {
      storeUrl: sentinels.url,
      environment: { REDIS_WAIT_REPLICAS: String(replicas) },
      isKeyed: true,
      mishaps: [storeClockSet(), ...ofSentinels(sentinels)],
      masters: async () => [(await sentinels.master()).admin],
      close: () => sentinels.stop(),
    };
  },
} as const;

export type GroundName = keyof typeof GROUNDS;
export const GROUND_NAMES = Object.keys(GROUNDS) as readonly GroundName[];

export function openGround(name: GroundName, world: World): Promise<Ground> {
  return GROUNDS[name](world);
}
