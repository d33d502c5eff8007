/** Two of what `npm run operations` does, on one small Cluster, while a coordinator runs orders: nothing is lost or done twice. */
import { expect, it } from 'vitest';
import { SPREAD_TAGS } from '../../stores/redis/tags.ts';
import { reshard, startCluster } from './cluster.ts';
import { failOver } from './upheaval/cluster-operations.ts';
import { under } from './upheaval/upheaval.ts';

it('neither a slot that moves nor a planned failover of a Cluster loses an order, or carries one out twice', async () => {
  const cluster = await startCluster(true, 3, { withReplicas: true, nodeTimeoutMs: 3_000 });
  try {
    const toll = await under(cluster.url, 20, async (load) => {
      // Partition 0 is in the slots of the first master. Half moved it waits, and the others go on.
      const moving = await reshard(cluster, `{${SPREAD_TAGS[0]}}`, 0, 1);
      await moving.move([`{${SPREAD_TAGS[0]}}:meta`]);
      await load.more(10);
      await moving.finish();
      await failOver(cluster);
    });
    expect(toll).toMatchObject({ lost: 0, doubled: 0, stuck: 0, wrong: 0, hollow: 0 });
  } finally {
    await cluster.stop();
  }
});
