/** What a commit costs a server, as it counts it itself: without the way there and back. */
import { connect } from '../../../stores/redis/connect.ts';
import { RedisStore } from '../../../stores/redis/redis-store.ts';
import { inWords, serverIn } from '../../../stores/redis/server.ts';
import { startRedis } from '../../redis-server.ts';
import { begin, write } from '../../stores/sagas.ts';
import { adminOf } from '../weather.ts';

const COMMITS = 2_000;
const ROUNDS = 8;
/** About as long as an order's. */
const SNAPSHOT = JSON.stringify({ context: 'x'.repeat(1_000) });

/** Of the best of some rounds, since anything else that runs only ever adds to it. */
export async function commitCost(): Promise<{ readonly server: string; readonly commitUs: number }> {
  const server = await startRedis();
  const admin = adminOf(server);
  const store = await RedisStore.open({ redis: connect(server.url), inFlightMax: 10 * COMMITS * ROUNDS });
  try {
    // A script is known to the server by its hash from its first run on.
    const { id, fence } = await begin(store);
    await store.commit(id, fence, write());
    let commitUs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round += 1) {
      const sagas = await Promise.all(Array.from({ length: COMMITS }, () => begin(store)));
      await admin.config('RESETSTAT');
      const counts = { 'completed_steps.held': 1 };
      await Promise.all(
        sagas.map((saga) => store.commit(saga.id, saga.fence, write({ snapshot: SNAPSHOT, counts }))),
      );
      const stats = await admin.info('commandstats');
      const [, calls, spent] =
        /^cmdstat_evalsha:calls=(\d+),usec=\d+,usec_per_call=([\d.]+)/m.exec(stats) ?? [];
      if (Number(calls) !== COMMITS) throw new Error(`${calls} scripts for ${COMMITS} commits`);
      commitUs = Math.min(commitUs, Number(spent));
    }
    return { server: inWords(serverIn(await admin.info())), commitUs };
  } finally {
    await store.close();
    admin.disconnect();
    await server.stop();
  }
}
