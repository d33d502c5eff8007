import { afterAll } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { startCluster } from '../redis/cluster.ts';
import { startRedis } from '../redis-server.ts';
import { describeStore } from './conformance.ts';

const kinds = [
  ['Redis', await startRedis()],
  ['a Redis Cluster of three masters', await startCluster()],
] as const;
for (const [kind, server] of kinds) {
  afterAll(() => server.stop());
  let stores = 0;

  describeStore(`RedisStore on ${kind}`, async (options) => {
    stores += 1;
    let offsetMs = 0;
    const redis = connect(server.url);
    const prefix = `${stores}.`;
    const store = await RedisStore.open({ redis, prefix, clockOffsetMs: () => offsetMs, ...options });
    return {
      store,
      advance: (ms) => {
        offsetMs += ms;
      },
    };
  });
}
