/** One coordinator in this process, its services, and a store under it to which something is done while orders run. */
import { type Environment, openWorld } from '../../coordinator/world.ts';
import { startCluster } from '../cluster.ts';
import { type Sentinels, startSentinels, WAYS } from '../sentinel.ts';
import { type ClusterOperation, NODE_TIMEOUT_MS } from './cluster-operations.ts';
import { Load, type Toll } from './load.ts';

/** @param orders that are acknowledged before it begins, and again after it has ended */
export async function under(
  url: string,
  orders: number,
  upheaval: (load: Load) => Promise<void>,
  environment: Environment = {},
): Promise<Toll> {
  const world = await openWorld();
  try {
    const coordinator = await world.coordinator({ ...environment, REDIS_URL: url });
    const load = new Load(world, coordinator.url);
    await load.more(orders);
    await upheaval(load);
    await load.more(orders);
    return await load.toll();
  } finally {
    await world.close();
  }
}

/** Each of these has as many before and after it. */
const ORDERS = 300;

/** `null` where the server cannot do it. */
export async function underCluster({ run, can }: ClusterOperation): Promise<Toll | null> {
  const cluster = await startCluster(true, 3, { withReplicas: true, nodeTimeoutMs: NODE_TIMEOUT_MS });
  try {
    const [admin] = cluster.admins;
    if (admin === undefined || (await can?.(admin)) === false) return null;
    return await under(cluster.url, ORDERS, (load) => run(cluster, load));
  } finally {
    await cluster.stop();
  }
}

/** @param wait for how many replicas each write waits */
export async function underSentinel(how: keyof typeof WAYS, wait: number): Promise<Toll> {
  const sentinels: Sentinels = await startSentinels({
    replicas: 2,
    appendonly: true,
    appendfsync: 'everysec',
    patient: true,
  });
  try {
    const environment: Environment = wait === 0 ? {} : { REDIS_WAIT_REPLICAS: String(wait) };
    return await under(
      sentinels.url,
      ORDERS,
      async () => {
        await WAYS[how](sentinels);
        await sentinels.mend();
      },
      environment,
    );
  } finally {
    await sentinels.stop();
  }
}
