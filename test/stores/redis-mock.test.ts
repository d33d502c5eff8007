import RedisMock from 'ioredis-mock';
import { afterAll, beforeAll, vi } from 'vitest';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { describeStore } from './conformance.ts';

// Its TIME puts rounded seconds together with the microseconds of another clock, and so goes back now and then.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date', 'hrtime'] }));
afterAll(() => void vi.useRealTimers());

const open: Parameters<typeof describeStore>[1] = async (options) => {
  const redis = new RedisMock();
  // All mocks of a process share one map.
  await redis.flushall();
  // Its XREAD tells each entry to one reader only; where a user may not ask for it, each stream is asked by itself.
  redis.xread = () =>
    Promise.reject(new Error("NOPERM this user has no permissions to run the 'xread' command"));
  let offsetMs = 0;
  const store = await RedisStore.open({ redis, partitions: 4, clockOffsetMs: () => offsetMs, ...options });
  return {
    store,
    advance: (ms) => {
      offsetMs += ms;
    },
  };
};

// It makes a Lua of its own for every script that runs, and reads the script anew: fewer partitions, fewer scripts.
describeStore('RedisStore on ioredis-mock', open, { isQuick: false, partitions: 4 });
