/** Sentinel and its failovers: a coordinator follows, and a writer whose writes were forgotten is fenced. */
import { describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore, type RedisStoreOptions } from '../../stores/redis/redis-store.ts';
import { ORDER, openWorld, settled, submit } from '../coordinator/world.ts';
import { act, begin, end, MINUTE, newSaga, record, wait, write } from '../stores/sagas.ts';
import { Gates } from './gate.ts';
import { type Sentinels, startSentinels } from './sentinel.ts';
import { answered, served } from './until.ts';

interface Place {
  readonly sentinels: Sentinels;
  open(options?: Omit<RedisStoreOptions, 'redis'>): Promise<RedisStore>;
}

/** Each its own, since most of the time is spent waiting for sentinels: so they run side by side. */
async function inPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const sentinels = await startSentinels({ replicas: 1, appendonly: true });
  const stores: RedisStore[] = [];
  const open = async (options = {}) => {
    const store = await RedisStore.open({ redis: connect(sentinels.url), ...options });
    stores.push(store);
    return store;
  };
  try {
    await work({ sentinels, open });
  } finally {
    await Promise.all(stores.map((store) => store.close()));
    await sentinels.stop();
  }
}

describe.concurrent('Sentinel', () => {
  it.each(['SENTINEL FAILOVER', 'kill -9 of the master'])(
    '%s: a coordinator follows, and its orders end',
    (how) =>
      inPlace(async ({ sentinels }) => {
        const gates = new Gates();
        const world = await openWorld({ clock: gates.clock });
        const { url } = await world.coordinator({ REDIS_URL: sentinels.url, COORDINATOR_ID: 'follows' });
        const gate = gates.shut(8);
        world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 8 }]);
        const accepted = await Promise.all(
          Array.from({ length: 8 }, () => submit(url, ORDER, { prefer: 'respond-async' })),
        );
        await gate.entered;
        await sentinels.replicated();
        const before = await sentinels.master();
        if (how === 'SENTINEL FAILOVER') await sentinels.failOver();
        else await sentinels.killMaster();
        expect(await sentinels.master()).not.toBe(before);
        gate.open();

        for (const { body } of accepted) {
          expect((await settled(url, body.saga_id)).body.status).toBe('COMPLETED');
          expect(world.calls(body.saga_id).filter((call) => call.endsWith('performed'))).toEqual(
            SERVICE_NAMES.map((name) => `${name} action performed`),
          );
        }
        // Impatient sentinels on a busy machine may replace the successor too.
        const last = await answered(() => submit(url, ORDER, { 'idempotency-key': '"last"' }));
        expect(last).toMatchObject({ status: expect.toBeOneOf([200, 201]), body: { status: 'COMPLETED' } });
        await world.close();
      }),
  );

  it('fences a writer whose acknowledged writes were forgotten, though another write reached its revision', () =>
    inPlace(async ({ sentinels, open }) => {
      const [forgotten, other] = [await open(), await open()];
      const { id, fence } = await begin(forgotten, { next: act() });
      await sentinels.replicated();
      await sentinels.cutReplication();
      const lost = write({ next: act() });
      // Acknowledged, and known to nobody but a master that is about to die.
      expect(await forgotten.commit(id, fence, lost)).toMatchObject({ kind: 'committed' });
      const unborn = newSaga(forgotten);
      expect(await forgotten.create(unborn)).toMatchObject({ kind: 'created' });
      await sentinels.killMaster();

      expect((await served(() => record(other, id))).fence).toEqual(fence);
      expect(await served(() => other.get(unborn.id))).toBeNull();
      const theirs = write({ next: wait(5) });
      const committed = await served(() => other.commit(id, fence, theirs));
      expect(committed).toMatchObject({ kind: 'committed', fence: { revision: 2 } });

      const mine = { revision: 2, writeId: lost.writeId };
      expect(await served(() => forgotten.commit(id, mine, write()))).toEqual({ kind: 'stale' });
      // Not even the lost write itself is taken for the one that stands there now.
      expect(await served(() => forgotten.commit(id, fence, lost))).toEqual({ kind: 'stale' });
      await served(() => forgotten.release([{ id, fence: mine }]));
      const now = await served(() => record(other, id));
      expect(now).toMatchObject({ fence: { revision: 2, writeId: theirs.writeId }, seq: 2 });
      const unseen = { revision: 1, writeId: unborn.writeId };
      expect(await served(() => forgotten.commit(unborn.id, unseen, write()))).toEqual({ kind: 'missing' });
    }));

  it('acknowledges nothing that a failover forgets, where replicas are waited for', () =>
    inPlace(async ({ sentinels, open }) => {
      const careful = await open({ waitReplicas: { count: 1, timeoutMs: 1000 } });
      const { id, fence } = await begin(careful, { next: act() });
      await sentinels.cutReplication();
      const mine = write({ next: end() });
      await expect(careful.commit(id, fence, mine)).rejects.toMatchObject({
        name: 'StoreUnavailableError',
        notSent: false,
        message: expect.stringMatching(/0 of 1 replicas/),
      });
      const claim = () => careful.claim([id], { name: 'a:9000', boot: 2 }, MINUTE, 'claim-by-a', 'now');
      await expect(claim()).rejects.toMatchObject({ notSent: false });
      await sentinels.killMaster();

      // What was created before is there; of the rest nobody was told anything.
      expect((await served(() => record(careful, id))).fence).toEqual(fence);
      await sentinels.mend();
      expect(await served(() => careful.commit(id, fence, mine))).toMatchObject({
        kind: 'committed',
        seq: 2,
      });
    }));
});
