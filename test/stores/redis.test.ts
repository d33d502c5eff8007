import { afterAll } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { startCluster } from '../redis/cluster.ts';
import { startRedis } from '../redis-server.ts';
import { onPath } from '../setup.ts';
import { describeStore, type OpenOptions } from './conformance.ts';

const kinds = [
  ['Redis', await startRedis(), 16],
  ['a Redis Cluster of three masters', await startCluster(), 48],
  // Where it is installed: `npm run stores` fetches it, and others.
  ...(onPath('valkey-server')
    ? ([['Valkey', await startRedis({ program: 'valkey-server' }), 16]] as const)
    : []),
] as const;
for (const [kind, server, partitions] of kinds) {
  afterAll(() => server.stop());
  let stores = 0;

  const open = async (options?: OpenOptions) => {
    stores += 1;
    let offsetMs = 0;
    const redis = connect(server.url);
    const prefix = `${stores}.`;
    const store = await RedisStore.open({ redis, prefix, clockOffsetMs: () => offsetMs, ...options });
    return {
      store,
      advance: (ms: number) => {
        offsetMs += ms;
      },
    };
  };
  describeStore(`RedisStore on ${kind}`, open, { partitions });
}
