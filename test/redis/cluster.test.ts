/** A Redis Cluster of three masters: what moves, what is away, and what goes on meanwhile. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { partitionOfKey } from '../../stores/partition.ts';
import { slotOf } from '../../stores/redis/compute-tags.ts';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { repartition } from '../../stores/redis/repartition.ts';
import { SPREAD_TAGS } from '../../stores/redis/tags.ts';
import { CLAIMS_MAX } from '../../stores/saga-store.ts';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { begin, end, idIn, ORDER as MACHINE, MINUTE, record, wait, write } from '../stores/sagas.ts';
import { type RedisCluster, reshard, startCluster } from './cluster.ts';
import { Gates } from './gate.ts';
import { served, until } from './until.ts';

const PARTITIONS = Array.from({ length: 16 }, (_, partition) => partition);
const tag = (partition: number) => `{p${partition.toString(16).padStart(2, '0')}}`;
const partitionIn = (id: string) => Number.parseInt(id.slice(0, 2), 16);

const gates = new Gates();
let cluster: RedisCluster;
let store: RedisStore;
/** Knows none of the sagas. */
let newcomer: RedisStore;
let world: World;
/** The node of each partition. */
let homes: number[];

beforeAll(async () => {
  cluster = await startCluster(true);
  // As stores of older releases are: what is opened after it follows it.
  store = await RedisStore.open({ redis: connect(cluster.url), partitions: 16 });
  newcomer = await RedisStore.open({ redis: connect(cluster.url) });
  world = await openWorld({ clock: gates.clock });
  homes = await Promise.all(PARTITIONS.map((partition) => cluster.nodeOf(tag(partition))));
});
afterAll(async () => {
  await world.close();
  await newcomer.close();
  await store.close();
  await cluster.stop();
});

const living = (node: number) => PARTITIONS.filter((partition) => homes[partition] === node);

it('spreads the partitions over all masters', async () => {
  for (const partition of PARTITIONS) await begin(store, { id: idIn(store, partition), next: end() });
  for (const [node, admin] of cluster.admins.entries()) {
    expect(living(node).length).toBeGreaterThan(2);
    const sagas = (await admin.keys('*:saga:*')).map((key) => key.slice(0, 5));
    expect(new Set(sagas)).toEqual(new Set(living(node).map(tag)));
  }
});

it('begins a new store with as many partitions on each master, by the slots that Redis gives their tags', async () => {
  const fresh = await RedisStore.open({ redis: connect(cluster.url), prefix: 'fresh' });
  await fresh.close();
  const nodes: number[] = [];
  for (const tag of SPREAD_TAGS) {
    expect(await cluster.admins[0]?.cluster('KEYSLOT', `fresh{${tag}}:meta`)).toBe(slotOf(tag));
    nodes.push(await cluster.nodeOf(`fresh{${tag}}:meta`));
  }
  expect([0, 1, 2].map((node) => nodes.filter((one) => one === node).length)).toEqual([16, 16, 16]);
});

it('is moved to partitions that spread evenly, with all that stands in each', async () => {
  const old = await RedisStore.open({ redis: connect(cluster.url), prefix: 'old', partitions: 16 });
  const sagas = await Promise.all(
    PARTITIONS.map((partition) =>
      begin(old, { id: idIn(old, partition), next: partition % 2 ? wait(0) : end() }),
    ),
  );
  const ids = sagas.map(({ id }) => id);
  const before = await Promise.all(ids.map((id) => record(old, id)));
  await old.close();

  const redis = connect(cluster.url);
  // A Cluster that is away for a moment ends it, and it goes on where it is called again.
  await vi.waitFor(() => repartition({ redis, prefix: 'old' }), { timeout: 20_000, interval: 100 });
  redis.disconnect();
  const moved = await RedisStore.open({ redis: connect(cluster.url), prefix: 'old' });
  expect(moved.info.partitions).toBe(48);
  expect(await Promise.all(ids.map((id) => record(moved, id)))).toEqual(before);
  expect((await moved.statistics()).statuses).toMatchObject({ STARTED: 8, COMPLETED: 8 });
  for (const admin of cluster.admins) {
    const here = (await admin.keys('old{*:saga:*')).length;
    expect(here === 5 || here === 6).toBe(true);
    expect((await admin.keys('{oldp*')).filter((key) => key !== '{oldp00}:meta')).toEqual([]);
  }
  await moved.close();
});

describe('a slot that moves', () => {
  it('is followed: refused while it is halved, and written to where it has gone', async () => {
    const partition = living(0)[0] as number;
    const { id, fence } = await begin(store, { id: idIn(store, partition) });
    const moving = await reshard(cluster, tag(partition), 0, 1);
    const mine = write({ next: end('COMPLETED') });
    // The record is there, its log and indexes are here.
    await moving.move([`${tag(partition)}:saga:${id}`]);
    const error = await store.commit(id, fence, mine).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'StoreUnavailableError', notSent: true });
    // Redis 6.2 leads to the new owner (ASK), which then is not the last to refuse.
    expect((error as Error).message).toMatch(/TRYAGAIN|MOVED|ASK/);
    // What only asks for the record is led to it (ASK).
    expect((await record(store, id)).fence).toEqual(fence);

    await moving.finish();
    homes[partition] = 1;
    expect(await store.commit(id, fence, mine)).toMatchObject({ kind: 'committed', seq: 2 });
    expect(await store.log(id)).toHaveLength(2);
    expect(await cluster.nodeOf(tag(partition))).toBe(1);
  });

  it('that nobody serves is surely not written to, and is again when somebody does', async () => {
    const partition = living(2)[0] as number;
    const { id, fence } = await begin(store, { id: idIn(store, partition) });
    const mine = write({ next: end('COMPLETED') });
    const slot = await cluster.admins[2]?.cluster('KEYSLOT', tag(partition));
    await cluster.admins[2]?.call('CLUSTER', 'DELSLOTS', String(slot));
    const error = await store.commit(id, fence, mine).catch((thrown: unknown) => thrown);
    await cluster.admins[2]?.call('CLUSTER', 'ADDSLOTS', String(slot));
    expect(error).toMatchObject({ name: 'StoreUnavailableError', notSent: true });
    expect((error as Error).message).toMatch(/CLUSTERDOWN|MOVED/);
    expect(await served(() => store.commit(id, fence, mine))).toMatchObject({ kind: 'committed', seq: 2 });
  });
});

it('refuses to be opened as one server, and to wait for replicas', async () => {
  const redis = connect(`redis://127.0.0.1:${cluster.nodes[0]?.port}`);
  await expect(RedisStore.open({ redis })).rejects.toThrow(/one node of a Cluster.*redis\+cluster/);
  redis.disconnect();
  const waiting = connect(cluster.url);
  await expect(
    RedisStore.open({ redis: waiting, waitReplicas: { count: 1, timeoutMs: 100 } }),
  ).rejects.toMatchObject({ name: 'StoreRefusedError' });
  waiting.disconnect();
});

it('parks nothing because one master refuses writes, and takes its sagas when it takes writes again', async () => {
  let offsetMs = 0;
  const shifted = await RedisStore.open({ redis: connect(cluster.url), clockOffsetMs: () => offsetMs });
  const sagas = await Promise.all(
    PARTITIONS.map((partition) => begin(shifted, { id: idIn(shifted, partition), next: wait(0) })),
  );
  const ids = sagas.map(({ id }) => id);
  const claim = (boot: number, attempt: number) => {
    offsetMs += 2 * MINUTE;
    return shifted.claim(ids, { name: 'a', boot }, MINUTE, `claim-${boot}-${attempt}`, 'now');
  };
  const [, refusing] = cluster.admins;
  await refusing?.config('SET', 'min-replicas-to-write', '1');
  // Each claim gets what the others grant, and then comes to nothing: the coordinator lives on, and is restarted once.
  for (let attempt = 0; attempt < 2 * CLAIMS_MAX; attempt += 1) {
    const claimed = await claim(attempt < CLAIMS_MAX ? 1 : 2, attempt);
    expect(new Set(claimed.map(({ record: { id } }) => homes[partitionIn(id)]))).toEqual(new Set([0, 2]));
    expect(claimed.filter(({ record: { owner } }) => owner === null)).toEqual([]);
  }
  await refusing?.config('SET', 'min-replicas-to-write', '0');
  const claimed = await claim(2, 2 * CLAIMS_MAX);
  expect(claimed.map(({ record: { status } }) => status)).toEqual(PARTITIONS.map(() => 'STARTED'));
  for (const { record: taken } of claimed) {
    expect(await shifted.commit(taken.id, taken.fence, write({ next: end() }))).toMatchObject({
      kind: 'committed',
    });
  }
  await shifted.close();
});

describe('one master is killed', () => {
  const LOST = 2;

  it('its partitions are away, the others are worked on, and it comes back with all it had', async () => {
    const sagas = await Promise.all(
      PARTITIONS.map((partition) => begin(store, { id: idIn(store, partition), next: wait(0) })),
    );
    const [here, gone] = [true, false].map((lives) =>
      sagas.filter(({ id }) => (homes[partitionIn(id)] !== LOST) === lives),
    ) as [typeof sagas, typeof sagas];
    await cluster.nodes[LOST]?.kill();

    for (const { id, fence } of gone) {
      await expect(store.commit(id, fence, write())).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    }
    // The sagas of the others are found due, and taken: also by one that must ask first on which machine they run.
    const ids = sagas.map(({ id }) => id);
    const idsHere = new Set(here.map(({ id }) => id));
    expect(new Set(await store.due([MACHINE], 100))).toEqual(idsHere);
    expect(new Set((await newcomer.running([MACHINE], null, 100)).ids)).toEqual(idsHere);
    expect(await newcomer.statuses(ids)).toEqual(ids.map((id) => (idsHere.has(id) ? 'STARTED' : undefined)));
    // Of a machine that nothing waits for: when its first is due, the lost one could say otherwise.
    const idle = { ...MACHINE, id: 'idle' };
    expect(await newcomer.due([idle], 100)).toEqual([]);
    expect(newcomer.dueInMs([idle])).toBe(0);
    const claimed = await newcomer.claim(ids, { name: 'a', boot: 1 }, 600_000, 'claim', 'now');
    expect(new Set(claimed.map(({ record: { id } }) => id))).toEqual(idsHere);
    const held = claimed.map(({ record: { id, fence } }) => ({ id, fence }));
    const away = gone.map(({ id, fence }) => ({ id, fence }));
    const remains = await store.renew([...away, ...held], 600_000);
    expect(remains.filter((ms) => ms !== null)).toHaveLength(held.length);
    await store.release([...away, ...held]);
    expect(new Set(await store.due([MACHINE], 100))).toEqual(idsHere);
    await store.purge(100);
    // What speaks of all partitions does not pass off a part for the whole.
    for (const ask of [() => store.statistics(), () => store.list({}, null, 10)]) {
      await expect(ask()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    }

    await cluster.nodes[LOST]?.restart();
    await cluster.whole();
    for (const { id, fence } of gone) {
      const done = write({ next: end() });
      expect(await served(() => store.commit(id, fence, done))).toMatchObject({ kind: 'committed' });
    }
  });

  it('a coordinator goes on with the orders of the others, and ends those of the lost one when it is back', async () => {
    const { url } = await world.coordinator({ REDIS_URL: cluster.url, COORDINATOR_ID: 'on-a-cluster' });
    const keys = Array.from({ length: 48 }, (_, i) => `order-${i}`);
    const onLost = (key: string) => homes[partitionOfKey(key, 16)] === LOST;
    const inFlight = keys.slice(0, 24);
    const gate = gates.shut(inFlight.length);
    world.services.payment.faults.set([
      { endpoint: 'action', kind: 'latency', latency_ms: 1, times: inFlight.length },
    ]);
    const header = (key: string) => ({ 'idempotency-key': key });
    const ids = await Promise.all(
      inFlight.map(async (key) => {
        const { body } = await submit(url, ORDER, { ...header(key), prefer: 'respond-async' });
        return body.saga_id as string;
      }),
    );
    await gate.entered;
    await cluster.nodes[LOST]?.kill();
    gate.open();

    const isLost = (id: string) => homes[partitionIn(id)] === LOST;
    expect(ids.filter(isLost).length).toBeGreaterThan(2);
    for (const id of ids.filter((each) => !isLost(each))) {
      expect((await settled(url, id)).body.status).toBe('COMPLETED');
    }
    const fresh = keys.slice(24);
    for (const key of fresh.filter((each) => !onLost(each)).slice(0, 4)) {
      expect((await submit(url, ORDER, header(key))).status).toBe(201);
    }
    const [away = ''] = fresh.filter(onLost);
    const refused = await submit(url, ORDER, header(away));
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBeDefined();
    for (const id of ids.filter(isLost).slice(0, 2)) {
      expect((await send(`${url}/api/coordinator/sagas/${id}`)).status).toBe(503);
    }

    await cluster.nodes[LOST]?.restart();
    await cluster.whole();
    for (const id of ids) {
      await until(async () => {
        const { body } = await send(`${url}/api/coordinator/sagas/${id}`);
        return body.status === 'COMPLETED';
      });
      expect(world.calls(id).filter((call) => call.endsWith('performed'))).toEqual(
        SERVICE_NAMES.map((name) => `${name} action performed`),
      );
    }
    expect((await submit(url, ORDER, header(away))).status).toBe(201);
  });
});
