import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { StoreRefusedError, StoreUnavailableError } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import {
  A1,
  act,
  B1,
  begin,
  end,
  idIn,
  MINUTE,
  newSaga,
  ORDER,
  ORDER_2,
  record,
  view,
  wait,
  write,
} from './sagas.ts';

let server: RedisServer;
/** A plain client beside the store, to look and to meddle. */
let redis: Redis;
let store: RedisStore;
let offsetMs = 0;

const open = (options = {}) =>
  RedisStore.open({ redis: connect(server.url), clockOffsetMs: () => offsetMs, ...options });

async function calls(): Promise<Record<string, number>> {
  const stats = await redis.info('commandstats');
  const lines = stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm);
  return Object.fromEntries([...lines].map(([, name, count]) => [name, Number(count)]));
}

/** How often each command was called meanwhile. */
async function counted(work: () => Promise<unknown>): Promise<Record<string, number>> {
  await redis.config('RESETSTAT');
  await work();
  const { config, info, ...others } = await calls();
  return others;
}

const unavailable = (notSent: boolean) => expect.objectContaining({ name: 'StoreUnavailableError', notSent });

/** Unlike `once` of node:events, not ended by the connection errors that are what the test is about. */
const happens = (client: Redis, event: 'close' | 'ready') =>
  new Promise<void>((resolve) => {
    client.once(event, resolve);
  });

beforeAll(async () => {
  server = await startRedis({ appendonly: true });
  redis = new Redis(server.port);
  redis.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  offsetMs = 0;
  await redis.flushall();
  store = await open();
  return () => store.close();
});

describe('cost', () => {
  it('is exactly one EVALSHA for a commit', async () => {
    const { id, fence } = await begin(store);
    const first = write();
    await store.commit(id, fence, first);
    const counts = await counted(() => store.commit(id, { revision: 2, writeId: first.writeId }, write()));
    expect(counts.evalsha).toBe(1);
    expect(counts.eval).toBeUndefined();
    // What the client itself sent, beside what the script called.
    expect(counts).not.toHaveProperty('hgetall');
    // What bounds the log costs nothing while it is short.
    for (const command of ['lindex', 'lrange', 'ltrim', 'lpush', 'zcard']) {
      expect(counts).not.toHaveProperty(command);
    }
  });

  it('is five commands inside the commit that most are, and a due entry that stays where it was', async () => {
    const { id, fence } = await begin(store);
    const dueAt = () => redis.zscore(`{p${id.slice(0, 2)}}:due:order@1`, id);
    const entered = await dueAt();
    const other = await begin(store);
    const goesOn = write();
    await store.commit(other.id, other.fence, goesOn);
    await store.commit(other.id, { revision: 2, writeId: goesOn.writeId }, write({ next: end() }));
    const later = write({ next: act(20), counts: { 'steps.held': 1 } });
    const counts = await counted(() => store.commit(id, fence, later));
    expect(counts).toEqual({ evalsha: 1, time: 1, hmget: 1, rpush: 1, xadd: 1, hset: 1 });
    expect(await dueAt()).toBe(entered);
    // Once that time has come, whoever looks moves it on, and not once more.
    offsetMs = 15 * MINUTE;
    const looked = await counted(() => store.due([ORDER], 10));
    expect(looked).toMatchObject({ evalsha: 2, zadd: 1 });
    expect(Number(await dueAt())).toBe((await record(store, id)).dueAtMs);
    expect(await counted(() => store.due([ORDER], 10))).toMatchObject({ evalsha: 1, zrange: 16 });
  });

  it('is thirteen commands inside a create, one of them for its term, and twelve inside the commit that ends', async () => {
    // A script is known to Redis by its hash from its first run on.
    const first = await begin(store);
    await store.commit(first.id, first.fence, write({ next: end() }));
    const saga = newSaga(store, { counts: { started: 1, 'steps.held': 5 } });
    expect(await counted(() => store.create(saga))).toEqual({
      evalsha: 1,
      time: 1,
      append: 1,
      exists: 1,
      zcard: 1,
      hmget: 1,
      zadd: 3,
      hset: 2,
      rpush: 1,
      xadd: 1,
      hdel: 1,
    });
    const ends = write({ counts: { ended: 1, 'steps.held': 1 }, next: end() });
    const commit = () => store.commit(saga.id, { revision: 1, writeId: saga.writeId }, ends);
    expect(await counted(commit)).toEqual({
      evalsha: 1,
      time: 1,
      hmget: 2,
      hset: 2,
      rpush: 1,
      zadd: 2,
      zrem: 2,
      xadd: 1,
      hdel: 1,
    });
  });

  it('is one call for all due indexes as long as nothing is due, and asked of each while anything is', async () => {
    const others = ['returns', 'trip'].map((name) => ({ ...ORDER, id: name }));
    expect(await store.due([ORDER, ...others], 10)).toEqual([]);
    const idle = await counted(async () => {
      for (let n = 0; n < 5; n += 1) await store.due([ORDER, ...others], 10);
    });
    // What is asked of the indexes is asked within the script: a look of a command each would be 240 sent.
    expect(idle).toEqual({ evalsha: 5, time: 5, zrange: 5 * 3 * 16 });
    const zrangebyscore = vi.spyOn(store['redis' as never] as Redis, 'zrangebyscore');
    await store.due([ORDER, ...others], 10);
    expect(zrangebyscore).not.toHaveBeenCalled();
    const { id } = await begin(store, { next: wait(0) });
    offsetMs = MINUTE;
    expect(await store.due([ORDER], 10)).toEqual([id]);
    // Whoever has much to do does not ask first.
    const busy = await counted(() => store.due([ORDER], 10));
    expect(busy).not.toHaveProperty('evalsha');
    expect(busy.zrangebyscore).toBe(16);
  });

  it('tells of a due index that is damaged until it is one again, also while nothing is due', async () => {
    const index = '{p03}:due:order@1';
    await redis.set(index, 'no index');
    await store.due([ORDER], 10);
    expect((await store.statistics()).damage).toContain(`${index} is no sorted set`);
    await redis.del(index);
    await store.due([ORDER], 10);
    expect((await store.statistics()).damage).toEqual([]);
  });

  it('is no script at all for any question but what is due', async () => {
    const { id } = await begin(store, { next: wait(0) });
    const counts = await counted(async () => {
      await store.running([ORDER], null, 10);
      await store.list({}, null, 10);
      await store.statistics();
      await store.get(id);
      await store.log(id);
    });
    expect(counts).not.toHaveProperty('evalsha');
    expect(counts).not.toHaveProperty('eval');
  });

  it('is one id read for each that is purged, wherever they are', async () => {
    const client = connect(server.url);
    const reads = vi.spyOn(client, 'zrangebyscore');
    const purging = await open({ redis: client });
    const read = async () => {
      const replies = (await Promise.all(reads.mock.results.map(({ value }) => value))) as string[][];
      reads.mockClear();
      return replies.flat().length;
    };
    for (let i = 0; i < 70; i += 1) await begin(store, { next: end('COMPLETED', 1) });
    for (let i = 0; i < 70; i += 1) await begin(store, { id: idIn(store, 3), next: end('COMPLETED', 1) });
    offsetMs = 2 * MINUTE;
    expect([await purging.purge(60), await read()]).toEqual([60, 60]);
    expect([await purging.purge(60), await read()]).toEqual([60, 60]);
    expect([await purging.purge(60), await read()]).toEqual([20, 20]);
    await purging.close();
  });

  it('does not grow with what is stored', async () => {
    const questions = () =>
      counted(async () => {
        await store.statistics();
        await store.list({}, null, 5);
        await store.running([ORDER], null, 5);
        await store.due([ORDER], 5);
      });
    for (let i = 0; i < 100; i += 1) await begin(store);
    // A script is known to Redis by its hash from its first run on.
    await questions();
    const few = await questions();
    for (let i = 0; i < 400; i += 1) await begin(store);
    expect(await questions()).toEqual(few);
  });
});

describe('keys', () => {
  it('carry one hash tag an operation, and no time to live', async () => {
    const idempotency = { key: 'k', digest: 'd' };
    const { id, fence } = await begin(store, { idempotency, counts: { n: 1 } });
    await store.claim([id], { ...A1, boot: 2 }, MINUTE, 'claim', 'now');
    await store.commit(id, { ...fence, revision: 2, writeId: 'claim' }, write({ next: end('FAILED', 10) }));
    await store.boot('a');
    const keys = (await redis.keys('*')).filter(
      (key) => !key.endsWith(':meta') && !key.startsWith('{boots}'),
    );
    expect(new Set(keys.map((key) => key.slice(0, key.indexOf('}') + 1)))).toEqual(
      new Set([`{p${id.slice(0, 2)}}`]),
    );
    for (const key of await redis.keys('*')) expect([key, await redis.ttl(key)]).toEqual([key, -1]);
    offsetMs = 11 * MINUTE;
    await store.purge(10);
    const left = (await redis.keys('*')).filter((key) => key.startsWith(`{p${id.slice(0, 2)}}`));
    expect(left.map((key) => key.split(':')[1]).sort()).toEqual(['counters', 'events', 'meta']);
  });

  it('of two prefixes are two stores', async () => {
    const other = await open({ prefix: 'other.' });
    const { id } = await begin(store);
    expect(await other.get(id)).toBeNull();
    expect(await other.boot('a')).toBe(1);
    expect(await store.boot('a')).toBe(1);
    await other.close();
  });

  it('hold one event for each log entry', async () => {
    const { id, fence } = await begin(store, { next: act() });
    await store.claim([id], { ...A1, boot: 2 }, MINUTE, 'claim', 'now');
    await store.commit(id, fence, write());
    const events = await redis.xrange(`{p${id.slice(0, 2)}}:events`, '-', '+');
    const fields = (seq: number) => [
      'id',
      id,
      'seq',
      `${seq}`,
      'state',
      'processingPayment',
      'status',
      'STARTED',
    ];
    expect(events.map(([, found]) => found)).toEqual([fields(1), fields(2)]);
  });

  it('cap the stream of events', async () => {
    const capped = await open({ streamMax: 10 });
    for (let i = 0; i < 300; i += 1) await begin(capped, { id: idIn(capped, 0) });
    expect(await redis.xlen('{p00}:events')).toBeLessThan(300);
    await redis.del('{p00}:events');
    const { id, fence } = await begin(capped, { id: idIn(capped, 0) });
    let expected = fence;
    for (let i = 0; i < 300; i += 1) {
      const goesOn = write();
      await capped.commit(id, expected, goesOn);
      expected = { revision: expected.revision + 1, writeId: goesOn.writeId };
    }
    expect(await redis.xlen('{p00}:events')).toBeLessThan(300);
    await capped.close();
  });
});

describe('changes', () => {
  const begun = async (from: RedisStore) => (await from.changes(null, null, 1)).position;
  const create = (count: number) =>
    Promise.all(Array.from({ length: count }, () => begin(store, { id: idIn(store, 0) })));

  it('cost one plain command while there are none, and one more for a partition that has some; nothing blocks', async () => {
    const empty = await begun(store);
    expect(await counted(() => store.changes(empty, null, 100))).toEqual({ xread: 1 });
    await create(3);
    const position = await begun(store);
    expect(await counted(() => store.changes(position, null, 100))).toEqual({ xread: 1 });
    expect(await counted(() => store.changes(empty, null, 100))).toEqual({ xread: 1, xrange: 1 });
    await create(1);
    expect(await counted(() => store.changes(position, null, 100))).toEqual({ xread: 1, xrange: 1 });
    expect((await store.changes(position, null, 100)).changes).toHaveLength(1);
  });

  it('are told all the same to a user that may not ask for all partitions at once', async () => {
    await redis.acl('SETUSER', 'saga', 'reset', 'on', '>pw', '~*', '+@all', '-xread');
    const other = await RedisStore.open({ redis: connect(server.url.replace('//', '//saga:pw@')) });
    const position = await begun(other);
    const [saga] = await create(1);
    const { changes, gap } = await other.changes(position, null, 100);
    expect([changes.map(({ id }) => id), gap]).toEqual([[saga?.id], false]);
    await other.close();
    await redis.acl('DELUSER', 'saga');
  });

  it('have a gap where they were trimmed, also from a beginning before the first', async () => {
    const capped = await open({ streamMax: 10 });
    const before = await begun(capped);
    await begin(capped, { id: idIn(capped, 0) });
    const first = await begun(capped);
    for (let i = 0; i < 300; i += 1) await begin(capped, { id: idIn(capped, 0) });
    for (const position of [before, first]) {
      const page = await capped.changes(position, null, 50);
      expect(page).toEqual({ changes: [], position: await begun(capped), gap: true, more: false });
    }
    await capped.close();
  });

  it('have a gap where Redis forgot some, also once it has others', async () => {
    await create(3);
    const position = await begun(store);
    const [last] = await redis.xrevrange('{p00}:events', '+', '-', 'COUNT', 1);
    await redis.xdel('{p00}:events', last?.[0] ?? '');
    expect(await store.changes(position, null, 50)).toMatchObject({ gap: true, changes: [] });
    await create(3);
    expect(await store.changes(position, null, 50)).toMatchObject({ gap: true, changes: [] });
    await redis.flushall();
    expect(await store.changes(position, null, 50)).toMatchObject({ gap: true, changes: [] });
  });

  it('of the other partitions are told where one has a gap', async () => {
    await create(1);
    const position = await begun(store);
    await redis.del('{p00}:events');
    const { id } = await begin(store, { id: idIn(store, 1) });
    const { changes, gap } = await store.changes(position, null, 50);
    expect([changes.map((change) => change.id), gap]).toEqual([[id], true]);
  });

  it('that cannot be read are warned of, and keep no other from being told', async () => {
    const position = await begun(store);
    await redis.xadd('{p00}:events', '*', 'id', 'x', 'seq', '1', 'state', 's', 'status', 'LOST');
    const warned = once(process, 'warning');
    const [saga] = await create(1);
    expect((await store.changes(position, null, 50)).changes.map(({ id }) => id)).toEqual([saga?.id]);
    expect((await warned)[0]).toMatchObject({ name: 'UnreadableEvent' });
  });
});

describe('opening', () => {
  it('refuses another number of partitions', async () => {
    for (const partitions of [8, 32]) {
      await expect(open({ partitions })).rejects.toThrow(StoreRefusedError);
      await expect(open({ partitions })).rejects.toThrow(/16 partitions/);
    }
  });

  it('refuses a partition of another store', async () => {
    await redis.hset('{p03}:meta', 'store', 'another');
    await expect(open()).rejects.toThrow(/\{p03\}:meta belongs to store another/);
  });

  it('lets two coordinators open an empty Redis at once', async () => {
    await redis.flushall();
    const stores = await Promise.all([open(), open()]);
    await Promise.all(stores.map((each) => each.close()));
  });

  it('refuses a Redis that may evict sagas', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(open()).rejects.toThrow(StoreRefusedError);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
  });

  it('says in words what an acknowledged write survives', async () => {
    expect(store.info.durability).toMatch(/^AOF, fsync always, 0 replicas \((Redis|Valkey) \d+\.\d+\.\d+\)$/);
    const words = async () => {
      const other = await open();
      await other.close();
      return other.info.durability;
    };
    await redis.config('SET', 'appendfsync', 'everysec');
    expect(await words()).toMatch(/^AOF, fsync everysec, 0 replicas \(/);
    await redis.config('SET', 'appendonly', 'no');
    expect(await words()).toMatch(/^no AOF: acknowledged writes may be lost/);
    await redis.config('SET', 'appendonly', 'yes');
    // The new file begins with a rewrite in the background: until it ends, a kill would lose everything.
    while ((await redis.info('persistence')).includes('aof_rewrite_in_progress:1'));
    await redis.config('SET', 'appendfsync', 'always');
  });

  it('throws StoreUnavailableError where nobody listens', async () => {
    const client = connect('redis://127.0.0.1:1');
    await expect(RedisStore.open({ redis: client })).rejects.toEqual(unavailable(true));
    client.disconnect();
  });
});

it('keeps through a kill what it acknowledged, and tells sent from unsent', async () => {
  const client = connect(server.url) as Redis;
  const lasting = await open({ redis: client });
  const { id, fence } = await begin(lasting, {
    counts: { 'sagas.held': 1 },
    idempotency: { key: 'k', digest: 'd' },
  });
  await lasting.boot('a');
  const before = await view(lasting, id);

  await redis.client('PAUSE', 600_000, 'WRITE');
  const inFlight = lasting.commit(id, fence, write());
  const closed = happens(client, 'close');
  await Promise.all([expect(inFlight).rejects.toEqual(unavailable(false)), server.kill(), closed]);
  await expect(lasting.commit(id, fence, write())).rejects.toEqual(unavailable(true));
  for (const ask of [lasting.ping(), lasting.get(id), lasting.due([ORDER], 1), lasting.statistics()]) {
    await expect(ask).rejects.toThrow(StoreUnavailableError);
  }

  const ready = [happens(client, 'ready'), happens(redis, 'ready')];
  await server.restart();
  await Promise.all(ready);
  expect(await view(lasting, id)).toEqual(before);
  expect(await lasting.boot('a')).toBe(2);
  expect(await lasting.commit(id, fence, write())).toMatchObject({ kind: 'committed' });
  await lasting.close();
});

it('starves no partition of what is due, however small the limit', async () => {
  for (let partition = 0; partition < 16; partition += 1) {
    await begin(store, { id: idIn(store, partition), next: wait(0) });
  }
  offsetMs = MINUTE;
  const found = new Set<string | undefined>();
  for (let i = 0; i < 16; i += 1) found.add((await store.due([ORDER], 1))[0]);
  expect(found.size).toBe(16);
});

it('purges nothing that was reopened and ended anew since it was looked at', async () => {
  const client = connect(server.url) as Redis;
  const other = await open({ redis: client });
  const { id, fence } = await begin(store, { next: end('FAILED', 1) });
  offsetMs = 2 * MINUTE;
  const hmget = client.hmget.bind(client);
  // Between its look at the index and its script it asks for the idempotency key and terms: there somebody else comes first.
  client.hmget = (async (key: string, ...fields: string[]) => {
    await store.commit(id, fence, write({ next: end('FAILED', 1_000) }));
    return hmget(key, ...fields);
  }) as Redis['hmget'];
  expect(await other.purge(10)).toBe(0);
  expect(await store.get(id)).not.toBeNull();
  await other.close();
});

it('gives no version another structure where somebody has come for the old one since it was looked for', async () => {
  await store.declare([ORDER], A1, 0);
  const client = connect(server.url) as Redis;
  const other = await open({ redis: client });
  const zcard = client.zcard.bind(client);
  // Between its two looks it asks for the sagas of the version: there somebody else comes first.
  client.zcard = (async (key: string) => {
    await store.declare([ORDER], A1, MINUTE);
    return zcard(key);
  }) as Redis['zcard'];
  const changed = { ...ORDER, structure: 'changed' };
  expect(await other.declare([changed], B1, MINUTE)).toEqual([
    { machine: changed, declared: ORDER.structure, liveAt: [A1.name] },
  ]);
  await other.close();
});

it('finds a saga where another coordinator has moved it, though it remembers where it was', async () => {
  const other = await open();
  for (const ask of ['claim', 'signal', 'running'] as const) {
    const { id, fence } = await begin(store, { next: wait(0) });
    offsetMs += 1_000;
    expect(await other.due([ORDER], 10)).toContain(id);
    const { owner: _, next: __, ...moved } = write();
    await store.migrate(id, fence, { ...moved, machine: ORDER_2 });
    if (ask === 'claim') expect(await other.claim([id], B1, MINUTE, 'c', 'at')).toHaveLength(1);
    else if (ask === 'signal') {
      const signal = { id: 's', kind: 'cancel', atMs: 1, by: 'ada', reason: 'r' } as const;
      expect(await other.signal(id, signal, 2)).toEqual({ kind: 'accepted' });
    } else {
      await other.get(id);
      expect((await other.running([ORDER_2], null, 10)).ids).toContain(id);
    }
    expect(await redis.zscore(`{p${id.slice(0, 2)}}:due:order@1`, id)).toBeNull();
    expect(await redis.zscore(`{p${id.slice(0, 2)}}:due:order@2`, id)).not.toBeNull();
  }
  await other.close();
});

it('finds a saga that began anew, though it remembers an older version that it had moved to', async () => {
  const other = await open();
  const saga = newSaga(store, { machine: ORDER_2, next: wait(0) });
  await store.create(saga);
  const { owner: _, next: __, ...moved } = write();
  await other.migrate(saga.id, { revision: 1, writeId: saga.writeId }, { ...moved, machine: ORDER });
  const ended = write({ next: end('COMPLETED', 0) });
  await store.commit(saga.id, { revision: 2, writeId: moved.writeId }, ended);
  offsetMs += 1_000;
  expect(await store.purge(10)).toBe(1);
  await store.create(saga);
  offsetMs += 1_000;
  expect(await other.claim([saga.id], B1, MINUTE, 'c', 'at')).toHaveLength(1);
  expect(await redis.zscore(`{p${saga.id.slice(0, 2)}}:due:order@1`, saga.id)).toBeNull();
  expect(await redis.zscore(`{p${saga.id.slice(0, 2)}}:due:order@2`, saga.id)).not.toBeNull();
  await other.close();
});

it.each(['claim', 'signal'] as const)(
  'takes a %s of a saga whose machine somebody wrote in another way',
  async (ask) => {
    const { id } = await begin(store, { next: wait(0) });
    const partition = id.slice(0, 2);
    const spaced = JSON.stringify(ORDER, null, 1);
    await redis.hset(`{p${partition}}:saga:${id}`, 'machine', spaced);
    offsetMs += 1_000;
    // Bounded here: where it is taken for a saga that has moved, it is looked for again and again.
    let reads = 0;
    const client = connect(server.url) as Redis;
    const other = await open({ redis: client });
    const hget = client.hget.bind(client);
    client.hget = ((key: string, field: string) => {
      reads += 1;
      if (reads > 10) throw new Error('asked for its machine without end');
      return hget(key, field);
    }) as Redis['hget'];
    if (ask === 'claim') expect(await other.claim([id], B1, MINUTE, 'c', 'at')).toHaveLength(1);
    else {
      const signal = { id: 's', kind: 'cancel', atMs: 1, by: 'ada', reason: 'r' } as const;
      expect(await other.signal(id, signal, 1)).toEqual({ kind: 'accepted' });
    }
    expect(await redis.zscore(`{p${partition}}:due:order@1`, id)).not.toBeNull();
    await other.close();
  },
);

it('lets another coordinator carry on what this one began', async () => {
  const other = await open();
  const { id, fence } = await begin(store);
  const done = write({ next: wait(5) });
  expect(await other.commit(id, fence, done)).toMatchObject({ kind: 'committed', seq: 2 });
  expect(await record(store, id)).toMatchObject({ fence: { revision: 2, writeId: done.writeId } });
  await other.close();
});

describe('a listing', () => {
  const MIB = 1024 * 1024;
  const sent = async () => Number(/total_net_output_bytes:(\d+)/.exec(await redis.info('stats'))?.[1]);

  it('reads nothing of what the sagas know', async () => {
    for (let n = 0; n < 5; n += 1) await begin(store, { snapshot: JSON.stringify('x'.repeat(MIB)) });
    const before = await sent();
    expect((await store.list({}, null, 10)).sagas).toHaveLength(5);
    expect((await sent()) - before).toBeLessThan(MIB / 8);
  });

  it('ends a page early where its sagas hold much, and goes on behind them', async () => {
    const parked = { reason: 'r', held: [{ step: 's', reason: 'r', response: 'x'.repeat(MIB) }] };
    for (let n = 0; n < 8; n += 1) await begin(store, { next: { kind: 'park', parked } });
    const first = await store.list({}, null, 10);
    expect(first.sagas.length).toBeLessThan(8);
    const rest = await store.list({}, first.cursor, 10);
    const ids = [...first.sagas, ...rest.sagas].map(({ id }) => id);
    expect(new Set(ids).size).toBe(8);
  });
});
