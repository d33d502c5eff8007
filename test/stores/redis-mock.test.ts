import RedisMock from 'ioredis-mock';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { describeStore } from './conformance.ts';

describeStore('RedisStore on ioredis-mock', async (options) => {
  const redis = new RedisMock();
  // All mocks of a process share one map.
  await redis.flushall();
  let offsetMs = 0;
  const store = await RedisStore.open({ redis, clockOffsetMs: () => offsetMs, ...options });
  return {
    store,
    advance: (ms) => {
      offsetMs += ms;
    },
  };
});
