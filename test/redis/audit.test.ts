/** The audit where several write to it, and where somebody else has. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { AuditEntry, SagaStore } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { actOf, exported, verified } from '../stores/conformance/audits.ts';
import { begin, idIn, write } from '../stores/sagas.ts';

const PARTITIONS = 2;
const AUDIT = '{p01}:audit';

let server: RedisServer;
let admin: Redis;
let one: RedisStore;
let other: RedisStore;
beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await admin.flushall();
  one = await open();
  other = await open();
  return () => Promise.all([one.close(), other.close()]);
});

const open = () => RedisStore.open({ redis: connect(server.url), partitions: PARTITIONS });

async function act(store: SagaStore, count = 1): Promise<string> {
  const { id, fence } = await begin(store, { id: idIn(store, 1) });
  const acts = Array.from({ length: count }, () => actOf());
  expect(await store.commit(id, fence, write({ acts }))).toMatchObject({ kind: 'committed' });
  return id;
}

it('is one chain, whoever writes to it at once', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, n) => act(n % 2 === 0 ? one : other, 1 + (n % 3))));
  const count = Array.from({ length: 40 }, (_, n) => 1 + (n % 3)).reduce((sum, n) => sum + n, 0);
  expect(verified(await exported(one, 50))).toMatchObject({
    faults: [],
    chains: [{ chain: '01', entries: count, seq: count }],
  });
});

it('takes one command for what is told with a commit, and one more only where another has written', async () => {
  const scripts = async () =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
  const taken = async (store: SagaStore) => {
    const before = await scripts();
    await act(store);
    // One of them begins the saga.
    return (await scripts()) - before - 1;
  };
  await taken(one);
  await admin.config('RESETSTAT');
  expect([await taken(one), await taken(one)]).toEqual([1, 1]);
  expect([await taken(other), await taken(other)]).toEqual([2, 1]);
  expect(await admin.info('commandstats')).not.toContain('cmdstat_lrange');
});

it('takes four looks and a read of each chain that has lines for what is newest, and two of one that has none', async () => {
  const ask = async (cursor: string | null) => {
    await admin.config('RESETSTAT');
    const page = await one.audit.list({}, cursor, 2);
    const stats = [...(await admin.info('commandstats')).matchAll(/^cmdstat_(l\w+):calls=(\d+)/gm)];
    return { page, cost: Object.fromEntries(stats.map(([, name, calls]) => [name, Number(calls)])) };
  };
  for (let n = 0; n < 4; n += 1) await act(one);
  const { page, cost } = await ask(null);
  expect(page.entries.map(({ seq }) => seq)).toEqual([4, 3]);
  expect(cost).toEqual({ lindex: 4 + 2, lrange: 1 });
  const next = await ask(page.cursor);
  expect(next.page.entries.map(({ seq }) => seq)).toEqual([2, 1]);
  expect(next.cost.lindex).toBeGreaterThan(4 + 2);
});

it('is asked of the chain of a saga alone, and of none for an id that is no saga of the store', async () => {
  const id = await act(one);
  await admin.config('RESETSTAT');
  expect((await one.audit.list({ saga_id: id }, null, 2)).entries).toMatchObject([{ saga_id: id }]);
  expect(await one.audit.list({ saga_id: 'x' }, null, 2)).toEqual({ entries: [], cursor: null, damage: [] });
  expect(await admin.info('commandstats')).toContain('cmdstat_lindex:calls=4,');
});

it('is shown whole, and in its order, where it is longer than what is read at once', async () => {
  for (const count of [49, 1, 1, 60]) await act(one, count);
  const { entries } = await one.audit.list({}, null, 200);
  expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 111 }, (_, n) => 111 - n));
});

it('goes on behind twenty lines of somebody else as if they had numbers, and behind more with those alone', async () => {
  await act(one);
  for (const [count, seq] of [
    [19, 21],
    [20, 21],
  ] as const) {
    await admin.rpush(AUDIT, ...Array.from({ length: count }, () => 'none'));
    await act(one);
    expect((await exported(one, 200)).at(-1)).toMatchObject({ seq });
  }
});

it('goes on behind what somebody else has put there, and names it', async () => {
  await act(one);
  await admin.rpush(AUDIT, 'ä'.repeat(70), 'also none');
  await act(one, 2);
  await act(other);
  const lines = await exported(one);
  const { faults } = verified(lines);
  expect(faults).toMatchObject([{ seq: 2 }, { seq: 3 }]);
  expect(lines.slice(3)).toMatchObject([{ seq: 4 }, { seq: 5 }, { seq: 6 }]);
  const page = await one.audit.list({}, null, 10);
  expect(page.entries.map(({ seq }) => seq)).toEqual([6, 5, 4, 1]);
  expect(page.damage).toEqual([`${AUDIT} has a line that is no entry`]);
});

it('begins anew where its key holds something else, and says so', async () => {
  await act(one);
  await admin.set(AUDIT, 'mine');
  expect(await one.audit.list({}, null, 10)).toMatchObject({ entries: [], damage: [`${AUDIT} is no list`] });
  expect(await exported(one)).toEqual([]);
  expect(await one.audit.trim(0, 1)).toBe(0);
  const id = await act(one);
  const lines = await exported(one);
  expect(lines).toMatchObject([
    { seq: 1, action: 'begun-anew' },
    { seq: 2, saga_id: id },
  ]);
  expect(verified(lines).faults).toMatchObject([{ seq: 1 }]);
});

it('has each line told of where it drops some behind a line that is no entry, and drops nothing where that has moved', async () => {
  for (let n = 0; n < 5; n += 1) await act(one);
  await admin.rpush(AUDIT, 'ä none');
  expect(await one.audit.trim(1e12, 2)).toBe(6);
  expect(await exported(one)).toMatchObject([{ seq: 7, action: 'trimmed', dropped: { seq: 6 } }]);
  for (let n = 0; n < 5; n += 1) await act(one);
  const client = connect(server.url) as Redis;
  const third = await RedisStore.open({ redis: client, partitions: PARTITIONS });
  const send = client.sendCommand.bind(client);
  client.sendCommand = (async (command, stream) => {
    if (command.name === 'evalsha') await admin.rpush(AUDIT, 'another');
    return send(command, stream);
  }) as Redis['sendCommand'];
  expect(await third.audit.trim(1e12, 2)).toBe(0);
  expect(await exported(one)).toHaveLength(7);
  await third.close();
});

it('says nothing where it has nothing to drop, and is read on where some were dropped meanwhile', async () => {
  await act(one, 6);
  expect(await one.audit.trim(1e12, 1_000)).toBe(0);
  expect((await one.audit.read(1, 0, 6)).next).toBeNull();
  const first = await one.audit.read(1, 0, 2);
  expect(first).toMatchObject({ lines: [{ seq: 1 }, { seq: 2 }], next: 3 });
  expect(await one.audit.trim(1e12, 6)).toBe(4);
  expect(await one.audit.read(1, first.next ?? 0, 9)).toMatchObject({
    lines: [{ seq: 5 }, { seq: 6 }, { seq: 7, action: 'trimmed' }],
    next: null,
  });
});

it('is read anew where some were dropped between two looks at it', async () => {
  await act(one, 6);
  const client = connect(server.url) as Redis;
  const third = await RedisStore.open({ redis: client, partitions: PARTITIONS });
  const lindex = client.lindex.bind(client);
  client.lindex = (async (...args: Parameters<typeof lindex>) => {
    const line = await lindex(...args);
    // The second time there is nothing to drop any more.
    await one.audit.trim(1e12, 6);
    return line;
  }) as Redis['lindex'];
  expect((await third.audit.read(1, 3, 9)).lines).toMatchObject([{ seq: 5 }, { seq: 6 }, { seq: 7 }]);
  await third.close();
});

it('tells a deed once, though it is told again by who knows its end, and once more by another', async () => {
  const deed = (request: string) => ({ request, action: 'kill', actor: 'token:ada', by: 'ada', reason: 'r' });
  for (const store of [one, one, other]) await store.audit.tell(deed('deed-1'));
  expect(await exported(one)).toMatchObject([{ write_id: 'deed-1' }]);
  await one.audit.tell(deed('deed-2'));
  expect(await exported(one)).toMatchObject([{ write_id: 'deed-1' }, { write_id: 'deed-2' }]);
});

it('shows all that is there, where an entry in the midst was removed or added', async () => {
  for (let n = 0; n < 5; n += 1) await act(one);
  const third = (await admin.lindex(AUDIT, 2)) ?? '';
  await admin.lrem(AUDIT, 1, third);
  const shown = async () => (await one.audit.list({}, null, 10)).entries.map(({ seq }) => seq);
  expect(await shown()).toEqual([5, 4, 2, 1]);
  expect(verified(await exported(one)).faults).toMatchObject([{ seq: 4 }]);
  await admin.linsert(AUDIT, 'AFTER', third, third);
  for (const _ of [1, 2, 3])
    await admin.linsert(AUDIT, 'BEFORE', (await admin.lindex(AUDIT, 0)) ?? '', third);
  expect(await shown()).toEqual([5, 4, 2, 1, 3, 3, 3]);
});

it('drops nothing that it has not looked at, where two drop at once', async () => {
  for (let n = 0; n < 30; n += 1) await act(n % 2 === 0 ? one : other);
  const dropped = await Promise.all([one, other, one, other].map((store) => store.audit.trim(1e12, 40)));
  expect(dropped.reduce((sum, n) => sum + n, 0)).toBeLessThan(16);
  const lines = (await exported(other)) as AuditEntry[];
  expect(verified(lines).faults).toEqual([]);
  expect(lines.at(-1)).toMatchObject({ action: 'trimmed' });
});

it('goes with its partition when a server forgets what it had, and is linked to what is left', async () => {
  await act(one);
  const kept = await admin.lrange(AUDIT, 0, -1);
  await act(one);
  await admin.ltrim(AUDIT, 0, kept.length - 1);
  await act(one);
  expect(verified(await exported(one))).toMatchObject({ faults: [], chains: [{ seq: 2 }] });
});
