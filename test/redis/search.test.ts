/** The index by which sagas are found: what it costs, what it weighs, and what becomes of it where it is not as it should be. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { Sought } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { begin, end, MINUTE, summary } from '../stores/sagas.ts';
import { expectBooks } from './books.ts';

/** What a search by a person may cost. */
const COMMANDS_MAX = 10;
const KEEP = 60 * MINUTE;

let server: RedisServer;
let redis: Redis;
let store: RedisStore;
let offsetMs = 0;

const open = () => RedisStore.open({ redis: connect(server.url), clockOffsetMs: () => offsetMs });

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
  await redis.flushall();
  store = await open();
  return () => store.close();
});

const termsOf = (nth: number) => [
  { name: 'label', value: `o-${nth}` },
  { name: 'customer', value: `cust-${nth}` },
  { name: 'payment', value: `pay-${nth}` },
];
const ordered = (nth: number, minutes = 60) =>
  begin(store, {
    next: end('COMPLETED', minutes),
    summary: summary({ label: `o-${nth}` }),
    terms: termsOf(nth),
  });
const some = (from: number, count: number) =>
  Promise.all(Array.from({ length: count }, (_, at) => ordered(from + at)));
const foundBy = async (sought: Sought) => {
  const { sagas, cursor, isIndexing } = await store.list({ sought }, null, 10);
  return { ids: sagas.map(({ id }) => id), cursor, isIndexing };
};
const buckets = () => redis.keys('*:find:*');

/** Commands that Redis runs for it, those within scripts included. */
async function commands(work: () => Promise<unknown>): Promise<number> {
  await redis.config('RESETSTAT');
  await work();
  const stats = await redis.info('commandstats');
  const found = [...stats.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)];
  return found.reduce(
    (sum, [, name, calls]) => sum + (/config|info/.test(name ?? '') ? 0 : Number(calls)),
    0,
  );
}

it('costs as few commands for an exact hit among 2,000 sagas as among 50', async () => {
  await some(0, 49);
  const { id } = await ordered(49);
  const sought: Sought[] = [
    { text: 'o-49' },
    { by: 'customer', text: 'cust-49' },
    { text: 'pay-49' },
    { text: id },
    { text: id.slice(0, -4) },
  ];
  const ask = async () => {
    const counts: number[] = [];
    for (const one of sought) {
      expect(await foundBy(one)).toEqual({ ids: [id], cursor: null, isIndexing: false });
      counts.push(await commands(() => foundBy(one)));
    }
    return counts;
  };
  await foundBy({ text: 'once, so that it is known that all are indexed' });
  const few = await ask();
  for (let from = 50; from < 2_000; from += 390) await some(from, 390);
  expect(await ask()).toEqual(few);
  expect(Math.max(...few)).toBeLessThanOrEqual(COMMANDS_MAX);
  expect(await commands(() => store.list({ label: 'o-49' }, null, 50))).toBeLessThanOrEqual(COMMANDS_MAX);
});

it('weighs 20 letters a term, and nothing once the sagas are purged', async () => {
  const sagas = await Promise.all([ordered(1, 1), ordered(2, 1), ordered(3, 1)]);
  const strings = await redis.mget(await buckets());
  expect(strings.join('')).toHaveLength(sagas.length * 3 * 11);
  for (const { id } of sagas)
    expect(await redis.hstrlen(`{p${id.slice(0, 2)}}:saga:${id}`, 'find')).toBe(3 * 9);
  offsetMs = 2 * MINUTE;
  expect(await store.purge(10)).toBe(3);
  expect(await buckets()).toEqual([]);
});

it('writes no more for a value that very many sagas have', async () => {
  const ids: string[] = [];
  const terms = [{ name: 'customer', value: 'all of them' }];
  const one = async (minutes: number) =>
    (await begin(store, { next: end('COMPLETED', minutes), summary: summary({ label: null }), terms })).id;
  const written = async (work: () => Promise<unknown>) => {
    await redis.config('RESETSTAT');
    await work();
    const stats = await redis.info('commandstats');
    return [...stats.matchAll(/^cmdstat_(get|set|append|setrange|del):/gm)].map(([, name]) => name).sort();
  };
  // Whole blocks, so that each partition's bucket is long.
  while (ids.length < 16 * 130) ids.push(...(await Promise.all(Array.from({ length: 260 }, () => one(1)))));
  const last = await one(60);
  expect(await written(() => one(1))).toEqual(['append']);

  offsetMs = 2 * MINUTE;
  expect(await written(() => store.purge(1))).toEqual(['del', 'get', 'setrange']);
  expect((await foundBy({ text: 'all of them' })).ids).toContain(last);
  const blanks = async () => (await redis.mget(await buckets())).join('').match(/ {11}/g)?.length;
  expect(await blanks()).toBe(1);
  while ((await store.purge(400)) > 0);
  // What blanks stood for has gone with them, but for what may stay of half a long bucket.
  expect(await foundBy({ text: 'all of them' })).toEqual({ ids: [last], cursor: null, isIndexing: false });
  offsetMs = 61 * MINUTE;
  await store.purge(1);
  expect(await buckets()).toEqual([]);
});

it('takes out what leads nowhere as soon as it is met, and nothing else', async () => {
  const { id } = await ordered(1);
  const bucketsOf = async () =>
    Promise.all((await buckets()).sort().map(async (key) => [key, await redis.get(key)]));
  const before = await bucketsOf();
  const partition = id.slice(0, 2);
  // As a create leaves it that was cut off before its record.
  for (const [key, text] of before) await redis.set(key ?? '', `${text}${text?.slice(0, 3)}AAAAAAAA`);
  for (const { name: by, value: text } of termsOf(1)) expect((await foundBy({ by, text })).ids).toEqual([id]);
  expect(await bucketsOf()).toEqual(before);
  await expectBooks(redis, partition);
});

it('compaction keeps what a saga is found by', async () => {
  const all = await some(0, 12);
  offsetMs = 11 * MINUTE;
  expect(await store.compact(100, 10 * MINUTE, KEEP)).toBe(12);
  for (const [nth, { id }] of all.entries()) {
    for (const { value } of termsOf(nth)) expect((await foundBy({ text: value })).ids).toEqual([id]);
  }
  offsetMs = 61 * MINUTE;
  await store.purge(100);
  expect(await buckets()).toEqual([]);
});

/** As an older release has left them: sagas without terms, and nothing that leads to them. */
async function forget(ids: readonly string[]): Promise<void> {
  for (const id of ids) await redis.hdel(`{p${id.slice(0, 2)}}:saga:${id}`, 'find');
  for (const key of await buckets()) await redis.del(key);
  await redis.hdel('{p00}:meta', 'indexed');
  await store.close();
  store = await open();
}

it('indexes what an older release has written, once that can have gone, and says until then that it has not all', async () => {
  const all = await some(0, 40);
  await forget(all.map(({ id }) => id));
  const known = new Map(all.map(({ id }, nth) => [id, termsOf(nth)]));
  const index = (limit: number) => store.index(limit, ({ id }) => known.get(id) ?? []);
  const newer = await ordered(40);

  // Those that are not there yet are looked through: first comes what is.
  const first = await foundBy({ text: 'o-7' });
  expect(first).toMatchObject({ ids: [], isIndexing: true });
  const walk = await store.list({ sought: { text: 'o-7' } }, first.cursor, 50);
  expect(walk).toMatchObject({ sagas: [{ id: all[7]?.id }], cursor: null, looked: 41 });
  const both = await foundBy({ text: 'o-40' });
  expect(both.ids).toEqual([newer.id]);
  expect((await store.list({ sought: { text: 'o-40' } }, both.cursor, 50)).sagas).toEqual([]);

  expect(await index(100)).toBe(0);
  offsetMs = 16 * MINUTE;
  expect(await index(15)).toBe(15);
  // Another process goes on where this one ended.
  await store.close();
  store = await open();
  expect(await index(100)).toBe(26);
  expect(await foundBy({ text: 'cust-7' })).toEqual({ ids: [all[7]?.id], cursor: null, isIndexing: false });
  expect(await foundBy({ text: 'o-40' })).toMatchObject({ ids: [newer.id], isIndexing: false });
  expect(await commands(() => index(100))).toBe(0);
  for (let partition = 0; partition < 16; partition += 1)
    await expectBooks(redis, partition.toString(16).padStart(2, '0'));
  // In a store that was empty when it was opened nothing is to be indexed.
  await redis.flushall();
  await store.close();
  store = await open();
  expect(await foundBy({ text: 'o-7' })).toEqual({ ids: [], cursor: null, isIndexing: false });
});
