/** Ended sagas that rest: as small as they can be, and shown, listed, counted and purged as before. */
import { deflateRawSync } from 'node:zlib';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bodyDigestOf } from '../../server/routes/body-digest.ts';
import { digestOf } from '../../stores/partition.ts';
import { connect } from '../../stores/redis/connect.ts';
import { briefOf } from '../../stores/redis/record.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { Fence, Write } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import {
  A1,
  begin,
  end,
  entry,
  idIn,
  MINUTE,
  newSaga,
  park,
  record,
  summary,
  wait,
  write,
} from '../stores/sagas.ts';
import { countOf, expectBooks } from './books.ts';
import { until } from './until.ts';

const KEEP = 60 * MINUTE;
const AFTER = 10 * MINUTE;

let server: RedisServer;
let redis: Redis;
let store: RedisStore;
let offsetMs = 0;

const open = (restsAtOnce = false) =>
  RedisStore.open({ redis: connect(server.url), clockOffsetMs: () => offsetMs, restsAtOnce });

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  offsetMs = 0;
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
  store = await open();
  return () => store.close();
});

/** As an order: two writes, or three, a snapshot of some size, in one partition. */
async function ended(
  nth: number,
  status: 'COMPLETED' | 'FAILED' = 'COMPLETED',
  between: Partial<Write> | null = null,
): Promise<string> {
  const known = {
    order_id: `o-${nth}`,
    customer_id: `customer-${nth * 7919}`,
    lines: [{ sku: `s${nth}`, quantity: nth }],
  };
  const snapshot = (value: string) =>
    JSON.stringify({ status: 'done', value, context: { data: known, id: nth } });
  const { id, fence: begun } = await begin(store, {
    id: idIn(store, 3),
    snapshot: snapshot('a'),
    summary: summary({ label: `o-${nth}` }),
    trace: `00-trace-${nth}`,
    counts: { 'all.held': 5 },
  });
  const fence = between === null ? begun : await wrote(id, begun, between);
  const next = { ...end(status), keepMs: KEEP };
  const last = write({
    next,
    snapshot: snapshot('completed'),
    summary: summary({ label: `o-${nth}`, steps_completed: 2 }),
    entry: entry({ event: 'done', duration_ms: nth, error: `error of ${nth}` }),
    counts: { 'steps.held': 2, [countOf(`error of ${nth}`)]: 1 },
  });
  await store.commit(id, fence, last);
  return id;
}

async function wrote(id: string, fence: Fence, over: Partial<Write>): Promise<Fence> {
  const written = write(over);
  const result = await store.commit(id, fence, written);
  expect(result.kind).toBe('committed');
  return { revision: fence.revision + 1, writeId: written.writeId };
}

const rests = async (id: string) => (await redis.hexists(key('saga', id), 'snapshot')) === 0;
const key = (kind: 'saga' | 'log', id: string) => `{p03}:${kind}:${id}`;
const bytes = async (id: string) =>
  Number(await redis.memory('USAGE', key('saga', id))) + Number(await redis.memory('USAGE', key('log', id)));

/** All that anybody can ask of them. */
async function told(ids: readonly string[]) {
  return {
    records: await Promise.all(ids.map((id) => store.get(id))),
    logs: await Promise.all(ids.map((id) => store.log(id))),
    statuses: await store.statuses(ids),
    listed: await store.list({}, null, 100),
    failed: await store.list({ status: 'FAILED' }, null, 100),
    one: await store.list({ label: 'o-3' }, null, 100),
    counted: (await store.statistics()).counters,
  };
}

const compactAll = async () => {
  let looked = 0;
  for (let more = 1; more > 0; looked += more) more = await store.compact(5, AFTER, KEEP);
  return looked;
};

/** As sagas came to rest while their line stood in the place of their log. */
async function restsAsBefore(id: string, vocabulary: string | null): Promise<void> {
  const { snapshot = '', summary = '', trace = '', ...stays } = await redis.hgetall(key('saga', id));
  const lines = await redis.lrange(key('log', id), 0, -1);
  if (vocabulary !== null) await redis.hset('{p00}:meta', 'vocabulary:order@1', vocabulary);
  const options = vocabulary === null ? {} : { dictionary: Buffer.from(vocabulary) };
  const bytes = deflateRawSync(JSON.stringify([{ snapshot, summary, trace }, lines]), options);
  const name = vocabulary === null ? '-' : 'order@1';
  const kept = Object.entries(stays).filter(([, value]) => value !== '');
  await redis.del(key('saga', id), key('log', id));
  await redis.hset(key('saga', id), { ...Object.fromEntries(kept), brief: briefOf(summary) ?? '' });
  await redis.rpush(key('log', id), Buffer.concat([Buffer.from(`z1 ${name} `), bytes]));
}

describe('an ended saga', () => {
  it('is told as before where its line stands in the place of its log, and cannot be read where that is damaged', async () => {
    const ids: string[] = [];
    for (const nth of [1, 2, 3]) ids.push(await ended(nth, nth === 3 ? 'FAILED' : 'COMPLETED'));
    offsetMs = AFTER + MINUTE;
    const before = await told(ids);
    const [first = '', second = '', third = ''] = ids;
    await restsAsBefore(first, null);
    for (const id of [second, third]) await restsAsBefore(id, '"order_id":"o-","customer_id":"customer-');
    expect(await told(ids)).toEqual(before);
    expect(await compactAll()).toBe(3);
    expect(await told(ids)).toEqual(before);
    await redis.lset(key('log', first), 0, 'z1 - nonsense');
    expect((await store.get(first))?.unreadable).toMatch(/snapshot/);
    expect(await store.log(first)).toMatchObject([{ error: 'what rests of it cannot be read' }]);
    await redis.del(key('log', first));
    expect((await store.get(first))?.unreadable).toMatch(/snapshot/);
    offsetMs = KEEP + MINUTE;
    expect(await store.purge(100)).toBe(3);
    expect(await redis.keys('{p03}:{saga,log}:*')).toEqual([]);
  });

  it('is told as before, in all that is asked of it, and takes less than half of the room', async () => {
    const ids: string[] = [];
    for (let nth = 1; nth <= 12; nth += 1) ids.push(await ended(nth, nth % 3 === 0 ? 'FAILED' : 'COMPLETED'));
    offsetMs = AFTER + MINUTE;
    const before = await told(ids);
    const size = await Promise.all(ids.map(bytes));
    // The first five are too few to know what all have in common.
    expect(await store.compact(12, AFTER, KEEP)).toBe(12);
    expect(await told(ids)).toEqual(before);
    expect(await store.compact(12, AFTER, KEEP)).toBe(0);
    for (const [at, id] of ids.entries()) {
      expect((await bytes(id)) / (size[at] ?? 0), id).toBeLessThan(1 / 2);
      expect(await redis.object('ENCODING', key('saga', id))).toMatch(/listpack|ziplist/);
      expect(await redis.exists(key('log', id))).toBe(0);
    }
    await expectBooks(redis, '03', { logOf: (id) => store.log(id) });
    // Another process, which has learned nothing.
    await store.close();
    store = await open();
    expect(await told(ids)).toEqual(before);
  });

  it('is one of more than are made smaller in one turn, and one that is too long for that', async () => {
    const ids: string[] = [];
    for (let nth = 1; nth <= 90; nth += 1) ids.push(await ended(nth));
    const { id: long, fence } = await begin(store, { id: idIn(store, 3) });
    const snapshot = JSON.stringify({ status: 'done', known: 'of many words '.repeat(5_000) });
    await store.commit(long, fence, write({ next: end('COMPLETED', KEEP / MINUTE), snapshot }));
    offsetMs = AFTER + MINUTE;
    const before = [await told(ids), await store.get(long)];
    expect(await store.compact(200, AFTER, KEEP)).toBe(91);
    for (const id of [...ids, long]) expect(await redis.hexists(key('saga', id), 'snapshot'), id).toBe(0);
    expect([await told(ids), await store.get(long)]).toEqual(before);
  });

  it('is found by the hash of a label that is sealed, as before', async () => {
    const sealed = { label: 's1.of-the-label', hash: 'hash-of-the-label' };
    const { id, fence } = await begin(store, { id: idIn(store, 3) });
    const snapshot = JSON.stringify({ known: 'x'.repeat(500) });
    await store.commit(
      id,
      fence,
      write({ next: end('COMPLETED', KEEP / MINUTE), snapshot, summary: summary({ label: null, sealed }) }),
    );
    offsetMs = AFTER + MINUTE;
    const found = () => store.list({ label: 'o-1', labelHashes: [sealed.hash] }, null, 10);
    const before = [await found(), await store.get(id)];
    expect((await found()).sagas).toHaveLength(1);
    expect(await compactAll()).toBe(1);
    expect(await redis.hexists(key('saga', id), 'snapshot')).toBe(0);
    expect([await found(), await store.get(id)]).toEqual(before);
  });

  it('stays as it is until it has rested long enough', async () => {
    const id = await ended(1);
    offsetMs = AFTER - MINUTE;
    expect(await store.compact(10, AFTER, KEEP)).toBe(0);
    expect(await redis.hexists(key('saga', id), 'snapshot')).toBe(1);
    offsetMs = AFTER + MINUTE;
    expect(await store.compact(10, AFTER, KEEP)).toBe(1);
    expect(await redis.hexists(key('saga', id), 'snapshot')).toBe(0);
  });

  it('is purged with all that is counted of it', async () => {
    for (let nth = 1; nth <= 9; nth += 1) await ended(nth);
    offsetMs = AFTER + MINUTE;
    expect(await compactAll()).toBe(9);
    offsetMs = KEEP + MINUTE;
    expect(await store.purge(100)).toBe(9);
    expect(await redis.keys('*:saga:*')).toEqual([]);
    expect(await redis.keys('*:log:*')).toEqual([]);
    expect((await store.statistics()).counters.order?.['steps.held']).toBe(0);
  });

  it('is one of many that ended in the same millisecond: none is passed over', async () => {
    const ids: string[] = [];
    for (let nth = 1; nth <= 12; nth += 1) ids.push(await ended(nth));
    const [, at = ''] = await redis.zrange('{p03}:ended', 0, 0, 'WITHSCORES');
    for (const id of ids) await redis.zadd('{p03}:ended', at, id);
    offsetMs = AFTER + MINUTE;
    expect(await compactAll()).toBe(12);
    for (const id of ids) expect(await redis.hexists(key('saga', id), 'snapshot'), id).toBe(0);
  });

  it('is not looked at again by a process that another has overtaken', async () => {
    for (let nth = 1; nth <= 12; nth += 1) {
      // No two end in the same millisecond.
      offsetMs += 1;
      await ended(nth);
    }
    offsetMs = AFTER + MINUTE;
    const other = await open();
    expect(await other.compact(2, AFTER, KEEP)).toBe(2);
    // Where the other stopped it looks again: there may be more of that very time.
    expect(await store.compact(8, AFTER, KEEP)).toBe(8);
    expect(await other.compact(100, AFTER, KEEP)).toBe(12 - 9 + 1);
    await other.close();
  });

  it('stays as it was written last, where that was while it was read', async () => {
    const id = await ended(1);
    offsetMs = AFTER + MINUTE;
    const client = connect(server.url) as Redis;
    const other = await RedisStore.open({ redis: client, clockOffsetMs: () => offsetMs });
    const evalsha = client.evalsha.bind(client);
    client.evalsha = (async (...args: Parameters<typeof evalsha>) => {
      // The same revision by another hand, as after a failover.
      if (String(args[2]).includes(':compacted'))
        await redis.hset(key('saga', id), { write_id: 'another', snapshot: 'newer' });
      return evalsha(...args);
    }) as Redis['evalsha'];
    expect(await other.compact(10, AFTER, KEEP)).toBe(1);
    expect(await redis.hmget(key('saga', id), 'write_id', 'snapshot')).toEqual(['another', 'newer']);
    await other.close();
  });

  it('that cannot be read stays as it is', async () => {
    const id = await ended(1);
    await redis.hset(key('saga', id), 'summary', 'nonsense');
    const other = await ended(2);
    await redis.del(key('log', other));
    await redis.set(key('log', other), 'no list');
    const torn = await ended(3);
    await redis.hset(key('saga', torn), 'machine', 'nonsense');
    offsetMs = AFTER + MINUTE;
    expect(await compactAll()).toBe(3);
    expect(await redis.hget(key('saga', torn), 'machine')).toBe('nonsense');
    expect(await redis.hget(key('saga', id), 'summary')).toBe('nonsense');
    expect(await redis.hexists(key('saga', other), 'snapshot')).toBe(1);
  });

  it('becomes smaller also in a Redis that is full', async () => {
    for (let nth = 1; nth <= 9; nth += 1) await ended(nth);
    // What is written beside the sagas is there already.
    offsetMs = AFTER + MINUTE;
    await store.compact(8, AFTER, KEEP);
    const { id } = (await store.list({}, null, 1)).sagas[0] ?? { id: '' };
    await redis.config('SET', 'maxmemory', '1');
    await expect(redis.set('x', 'y')).rejects.toThrow(/OOM/);
    await store.compact(8, AFTER, KEEP).catch(() => {});
    expect(await redis.hexists(key('saga', id), 'snapshot')).toBe(0);
  });
});

describe('a saga that one process has had in hand from its beginning to its end', () => {
  const many = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i);

  beforeEach(async () => {
    await store.close();
    store = await open(true);
  });

  it('rests with others, long before it was to, and is told as before', async () => {
    const ids: string[] = [];
    for (const nth of many(39)) ids.push(await ended(nth, nth % 3 === 0 ? 'FAILED' : 'COMPLETED'));
    expect(await rests(ids[0] ?? '')).toBe(false);
    ids.push(await ended(40, 'COMPLETED', { counts: { 'more.held': 1, 'steps.held': 1 } }));
    const before = await told(ids);
    await until(async () => (await Promise.all(ids.map(rests))).every(Boolean));
    expect(await told(ids)).toEqual(before);
    for (const id of ids) {
      expect(await redis.object('ENCODING', key('saga', id))).toMatch(/listpack|ziplist/);
      expect(await redis.exists(key('log', id))).toBe(0);
    }
    await expectBooks(redis, '03', { logOf: (id) => store.log(id) });
    offsetMs = KEEP + MINUTE;
    expect(await store.purge(100)).toBe(40);
    const { counters } = await store.statistics();
    expect(counters.order).toMatchObject({ 'all.held': 0, 'more.held': 0, 'steps.held': 0 });
    expect(await redis.keys('{p03}:{saga,log,key,find}:*')).toEqual([]);
  });

  it('is led to by its idempotency key, in fewer bytes, and by one whose digest is made by a key as before', async () => {
    const digests = [bodyDigestOf('a body'), 'k1.a-keyed-digest'];
    const sagas = digests.map((digest, nth) => {
      // Of the partition that is looked at.
      let key = `key ${nth}`;
      while (!store.newId(key).startsWith('03-')) key += '.';
      const saga = newSaga(store, { id: store.newId(key), idempotency: { key, digest } });
      return { saga, key, digest, record: `{p03}:key:${digestOf(key)}` };
    });
    for (const { saga } of sagas) {
      await store.create(saga);
      await wrote(saga.id, { revision: 1, writeId: saga.writeId }, { next: end('COMPLETED', KEEP / MINUTE) });
    }
    for (const nth of many(8)) await ended(nth);
    await store.compact(10, AFTER, KEEP);
    expect(await Promise.all(sagas.map(({ saga }) => rests(saga.id)))).toEqual([true, true]);
    expect(await Promise.all(sagas.map(({ record }) => redis.strlen(record)))).toEqual([38, 57]);
    for (const { saga, key, digest } of sagas) {
      const { id } = saga;
      const others = [bodyDigestOf('another'), 'k1.other', `${digest.slice(0, 20)}.`];
      expect(await store.known({ key, digest })).toEqual({ kind: 'exists', id });
      const again = newSaga(store, { id: store.newId(key), idempotency: { key, digest } });
      expect(await store.create(again)).toEqual({ kind: 'exists', id });
      for (const other of others) {
        expect(await store.known({ key, digest: other })).toEqual({ kind: 'key-reused', id });
        const reused = newSaga(store, { id: store.newId(key), idempotency: { key, digest: other } });
        expect(await store.create(reused)).toEqual({ kind: 'key-reused', id });
      }
    }
    // One that leads nowhere is taken.
    const [{ saga, key, digest } = expect.unreachable()] = sagas;
    await redis.del(`{p03}:saga:${saga.id}`);
    const anew = newSaga(store, { id: store.newId(key), idempotency: { key, digest } });
    expect(await store.create(anew)).toMatchObject({ kind: 'created' });
    offsetMs = KEEP + MINUTE;
    await store.purge(100);
    expect(await redis.keys('{p03}:key:*')).toEqual([`{p03}:key:${digestOf(key)}`]);
  });

  it('is one of few: they rest when the next are looked at, as soon as it is known what they have in common', async () => {
    const ids: string[] = [];
    for (const nth of many(7)) ids.push(await ended(nth));
    expect(await store.compact(10, AFTER, KEEP)).toBe(0);
    expect(await Promise.all(ids.map(rests))).not.toContain(true);
    ids.push(await ended(8));
    const before = await told(ids);
    expect(await store.compact(10, AFTER, KEEP)).toBe(0);
    expect(await Promise.all(ids.map(rests))).not.toContain(false);
    expect(await told(ids)).toEqual(before);
    const last = await ended(9);
    await store.compact(10, AFTER, KEEP);
    expect(await rests(last)).toBe(true);
  });

  it('is left for later where others have had it, where it waited, was asked something, or is long', async () => {
    for (const nth of many(8)) await ended(nth);
    await store.compact(10, AFTER, KEEP);
    const left: string[] = [];
    left.push(await ended(10, 'COMPLETED', { next: wait(1) }));
    left.push(await ended(11, 'COMPLETED', { earlier: [entry()] }));
    left.push(await ended(12, 'COMPLETED', { entry: entry({ error: 'x'.repeat(17_000) }) }));
    const other = await open(true);
    const { id, fence } = await begin(store, { id: idIn(store, 3) });
    const theirs = write();
    await other.commit(id, fence, theirs);
    await wrote(id, { revision: 2, writeId: theirs.writeId }, { next: end('COMPLETED', KEEP / MINUTE) });
    left.push(id);
    const long = await begin(store, { id: idIn(store, 3) });
    await wrote(long.id, long.fence, {
      next: end('COMPLETED', KEEP / MINUTE),
      snapshot: JSON.stringify('x'.repeat(17_000)),
    });
    left.push(long.id);
    await store.compact(10, AFTER, KEEP);
    await other.compact(10, AFTER, KEEP);
    for (const one of left) expect(await rests(one), one).toBe(false);
    await other.close();
  });

  it('stays as it is where somebody has written to it since', async () => {
    for (const nth of many(8)) await ended(nth);
    const id = await ended(9);
    await redis.hset(key('saga', id), { write_id: 'another', snapshot: 'newer' });
    await store.compact(10, AFTER, KEEP);
    expect(await redis.hmget(key('saga', id), 'write_id', 'snapshot')).toEqual(['another', 'newer']);
  });

  it('stays as it is where that makes it no smaller, or would not be read back, or hides by which key it is sealed', async () => {
    // Letters of three bytes each, of which none tells of another.
    const random = many(12)
      .flatMap((i) => digestOf(String(i)).match(/.{4}/g) ?? [])
      .map((four) => String.fromCharCode(0x1000 + (Number.parseInt(four, 16) % 0xc000)))
      .join('');
    const one = async (snapshot: string, trace = '') => {
      const { id, fence } = await begin(store, { id: idIn(store, 3), trace });
      await wrote(id, fence, { next: end('COMPLETED', KEEP / MINUTE), snapshot });
      return id;
    };
    const text = 'x'.repeat(900);
    const left = [await one(random), await one(text, 'a\nb'), await one(`s1.k.${text}`)];
    const goes = await one(text);
    for (const nth of many(8)) await ended(nth);
    await store.compact(10, AFTER, KEEP);
    expect(await Promise.all([...left, goes].map(rests))).toEqual([false, false, false, true]);
  });

  it('is left as it is by a store that is away', async () => {
    for (const nth of many(8)) await ended(nth);
    const id = await ended(9);
    await redis.call('ACL', 'SETUSER', 'default', '-rename');
    await store.compact(10, AFTER, KEEP);
    await redis.call('ACL', 'SETUSER', 'default', '+rename');
    expect(await rests(id)).toBe(false);
    offsetMs = AFTER + MINUTE;
    expect(await store.compact(10, AFTER, KEEP)).toBe(9);
    expect(await rests(id)).toBe(true);
  });
});

it('a saga that rests and whose status is lost is set aside with all of its log', async () => {
  const id = await ended(1);
  offsetMs = AFTER + MINUTE;
  await compactAll();
  const before = await store.log(id);
  await redis.hset(key('saga', id), { status: 'nonsense' });
  await redis.zadd('{p03}:due:order@1', 0, id);
  const [claimed] = await store.claim([id], A1, MINUTE, 'claim', 'at');
  await wrote(id, claimed?.record.fence as Fence, { next: park, entry: entry({ event: 'setAside' }) });
  const log = await store.log(id);
  expect(log.slice(0, -1)).toEqual(before);
  expect(log.at(-1)).toMatchObject({ event: 'setAside', seq: before.length + 1 });
});

describe('what rests and is damaged', () => {
  it('is shown as unreadable, and keeps nobody else from being shown', async () => {
    const [id, other] = [await ended(1), await ended(2)];
    offsetMs = AFTER + MINUTE;
    await compactAll();
    await redis.hset(key('saga', id), '0', 'nonsense');
    expect(await record(store, id)).toMatchObject({
      status: 'COMPLETED',
      unreadable: expect.stringContaining('snapshot'),
    });
    expect(await store.log(id)).toMatchObject([
      { event: 'unreadable', error: 'what rests of it cannot be read' },
    ]);
    expect((await store.list({}, null, 10)).sagas).toHaveLength(2);
    expect((await record(store, other)).unreadable).toBeNull();
  });
});

it('remembers nothing of a single saga in what it keeps of all', async () => {
  for (let nth = 1; nth <= 9; nth += 1) await ended(nth);
  offsetMs = AFTER + MINUTE;
  await store.compact(9, AFTER, KEEP);
  const kept = Object.values(await redis.hgetall('{p00}:meta')).join('\n');
  expect(kept).toContain('customer_id');
  expect(kept).not.toMatch(/customer-\d|o-\d|trace-\d|error of/);
});
