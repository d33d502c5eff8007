import { afterAll } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { startRedis } from '../redis-server.ts';
import { describeStore } from './conformance.ts';

for (const cluster of [false, true]) {
  const server = await startRedis({ cluster });
  afterAll(() => server.stop());
  let stores = 0;

  describeStore(`RedisStore on Redis${cluster ? ' Cluster' : ''}`, async () => {
    stores += 1;
    let offsetMs = 0;
    const redis = connect(server.url);
    const store = await RedisStore.open({ redis, prefix: `${stores}.`, clockOffsetMs: () => offsetMs });
    return {
      store,
      advance: (ms) => {
        offsetMs += ms;
      },
    };
  });
}
