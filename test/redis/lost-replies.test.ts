/**
 * A write was applied, and its answer was lost. Repeated with the same write id it is recognised, and changes nothing;
 * where somebody else has written since, the repetition is refused.
 */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { SagaStore } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { begin, end, MINUTE, newSaga, wait, write, writeId } from '../stores/sagas.ts';
import { expectAnswer, OPERATIONS, standing } from './operations.ts';
import { openWire, type Wire } from './proxy.ts';
import { served, until } from './until.ts';
import { adminOf } from './weather.ts';

let server: RedisServer;
let wire: Wire;
/** Behind the wire. */
let store: SagaStore;
/** Beside it. */
let witness: SagaStore;

beforeAll(async () => {
  server = await startRedis();
  wire = await openWire(server.port);
  store = await RedisStore.open({ redis: connect(wire.url) });
  witness = await RedisStore.open({ redis: connect(server.url) });
  // From here on Redis knows the scripts: the reply that gets lost must not be the one that asks for their text.
  for (const operation of OPERATIONS) await (await operation.prepare(witness)).attempt(witness);
});
afterAll(async () => {
  await Promise.all([store.close(), witness.close()]);
  await wire.close();
  await server.stop();
});

const lost = expect.objectContaining({ name: 'StoreUnavailableError', notSent: false });
const WRITES = OPERATIONS.filter(({ writes }) => writes);

describe.each([
  { fate: 'lose-reply', applied: true },
  { fate: 'cut-reply', applied: true },
  { fate: 'cut-request', applied: false },
] as const)('$fate', ({ fate, applied }) => {
  it.each(WRITES)('$name is done once, however often it is repeated', async (operation) => {
    await served(() => store.ping());
    const { id, attempt } = await operation.prepare(store);
    const before = await standing(witness, id);
    wire.strike(fate);
    await expect(attempt(store)).rejects.toEqual(lost);

    const { revision, seq } = operation.after;
    if (applied) {
      // The connection closed on us; Redis may still be about to execute what it had received.
      await until(async () => {
        const now = await standing(witness, id);
        return JSON.stringify(now) !== JSON.stringify(before);
      });
    } else expect(await standing(witness, id)).toEqual(before);
    const met = await standing(witness, id);

    expectAnswer(operation, await served(() => attempt(store)));
    const after = await standing(witness, id);
    expect(after.record).toMatchObject({ fence: { revision }, seq });
    if (applied) expect(after).toEqual(met);
    await attempt(store);
    expect(await standing(witness, id)).toEqual(after);
  });
});

describe('somebody else has written since', () => {
  const loseReplyTo = async (attempt: () => Promise<unknown>, id: string, revision: number) => {
    await served(() => store.ping());
    wire.strike('lose-reply');
    await expect(attempt()).rejects.toEqual(lost);
    await until(async () => (await witness.get(id))?.fence.revision === revision);
  };

  it('a repeated create answers that the saga exists', async () => {
    const saga = newSaga(store);
    await loseReplyTo(() => store.create(saga), saga.id, 1);
    await witness.commit(saga.id, { revision: 1, writeId: saga.writeId }, write());
    expect(await served(() => store.create(saga))).toEqual({ kind: 'exists', id: saga.id });
    expect(await witness.log(saga.id)).toHaveLength(2);
  });

  it('a repeated commit is stale', async () => {
    const { id, fence } = await begin(store);
    const mine = write({ next: wait(0) });
    await loseReplyTo(() => store.commit(id, fence, mine), id, 2);
    const others = write({ next: end('COMPLETED') });
    await witness.commit(id, { revision: 2, writeId: mine.writeId }, others);
    expect(await served(() => store.commit(id, fence, mine))).toEqual({ kind: 'stale' });
    expect((await witness.get(id))?.fence).toEqual({ revision: 3, writeId: others.writeId });
  });

  it('a repeated claim takes nothing', async () => {
    const { id } = await begin(store, { next: wait(0) });
    const claim = writeId();
    const owner = { name: 'c', boot: 1 };
    await loseReplyTo(() => store.claim([id], owner, MINUTE, claim, 'now'), id, 2);
    const others = write({ next: end('COMPLETED') });
    await witness.commit(id, { revision: 2, writeId: claim }, others);
    expect(await served(() => store.claim([id], owner, MINUTE, claim, 'now'))).toEqual([]);
  });
});

it('a connection that was cut while it owed an answer does not cut the one after it', async () => {
  const client = connect(wire.url) as Redis;
  const patient = await RedisStore.open({ redis: client, prefix: 'patient.' });
  wire.strike('lose-reply');
  const ready = new Promise((resolve) => client.once('ready', resolve));
  await expect(patient.create(newSaga(patient))).rejects.toEqual(lost);
  await ready;
  // The timer of the old connection would end the new one; it can only be seen here, or waited for.
  const { socketTimeoutTimer } = client as unknown as { socketTimeoutTimer: unknown };
  expect(socketTimeoutTimer).toBeUndefined();
  await patient.close();
});

it('gives a connection up on which nothing comes back', async () => {
  const client = connect(server.url, { commandTimeoutMs: 200 }) as Redis;
  const impatient = await RedisStore.open({ redis: client, prefix: 'impatient.' });
  process.kill(server.pid, 'SIGSTOP');
  // Not `once` of node:events: it would be ended by the very error that the test is about.
  const closed = new Promise((resolve) => client.once('close', resolve));
  await expect(impatient.ping()).rejects.toEqual(lost);
  await closed;
  // From now on nobody waits: there is no connection that could be asked.
  await expect(impatient.ping()).rejects.toMatchObject({ notSent: true });
  process.kill(server.pid, 'SIGCONT');
  const admin = adminOf(server);
  await admin.ping();
  admin.disconnect();
  await served(() => impatient.ping());
  await impatient.close();
});

it('leaves a master that has become a replica, and goes where its name leads now', async () => {
  const [old, successor] = await Promise.all([startRedis(), startRedis()]);
  const name = await openWire(old.port);
  const follower = await RedisStore.open({ redis: connect(name.url) });
  const admin = adminOf(old);
  // Its connection stands, as it does behind the address of a managed Redis; only its role has changed.
  await admin.replicaof('127.0.0.1', successor.port);
  name.leadTo(successor.port);
  const saga = newSaga(follower);
  await expect(follower.create(saga)).rejects.toMatchObject({ notSent: true });
  expect(await served(() => follower.create(saga))).toMatchObject({ kind: 'created' });
  admin.disconnect();
  await follower.close();
  await name.close();
  await Promise.all([old.stop(), successor.stop()]);
});
