/** The writes of one turn of the event loop, in one script call: each is answered for itself, whatever becomes of the others. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BATCH_CHARS_MAX, BATCH_SAGAS_MAX } from '../../stores/redis/batches.ts';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { SCRIPTS } from '../../stores/redis/scripts.ts';
import type { CommitResult, Write } from '../../stores/saga-store.ts';
import { openWire, type Wire } from '../redis/proxy.ts';
import { served } from '../redis/until.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { begin, end, idIn, newSaga, record, write } from './sagas.ts';

let server: RedisServer;
let wire: Wire;
let admin: Redis;
let redis: Redis;
let store: RedisStore;
beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
  await admin.call('ACL', 'SETUSER', 'coordinator', 'on', '>secret', '+@all', '~*', '&*');
  wire = await openWire(server.port);
  redis = connect(`redis://coordinator:secret@127.0.0.1:${wire.port}`) as Redis;
  store = await RedisStore.open({ redis });
});
afterAll(async () => {
  await store.close();
  admin.disconnect();
  await wire.close();
  await server.stop();
});
beforeEach(async () => {
  await admin.flushdb();
  await begin(store);
});

/** Does it while an answer is awaited, so that all of it leaves when the event loop turns. */
async function inOneTurn<T>(work: () => readonly Promise<T>[]): Promise<PromiseSettledResult<T>[]> {
  const [, ...settled] = await Promise.allSettled([redis.ping(), ...work()]);
  return settled as PromiseSettledResult<T>[];
}

/** How many sagas each script was called with meanwhile, in the order of the calls. */
async function called(work: () => Promise<unknown>): Promise<Record<string, number[]>> {
  const calls: Record<string, number[]> = {};
  const sent = vi.spyOn(redis, 'sendCommand');
  try {
    await work();
    for (const [{ name: command, args }] of sent.mock.calls) {
      if (command !== 'evalsha') continue;
      const [sha, count, ...all] = args.map(String);
      const [name = ''] = Object.entries(SCRIPTS).find(([, script]) => script.sha === sha) ?? [];
      // Each has one log; how many buckets there are depends on what it is found by.
      const keys = all.slice(0, Number(count));
      calls[name] = [...(calls[name] ?? []), keys.filter((key) => key.includes(':log:')).length];
    }
  } finally {
    sent.mockRestore();
  }
  return calls;
}

const sagas = (count: number, partition?: number) =>
  Promise.all(
    Array.from({ length: count }, () =>
      begin(store, partition === undefined ? {} : { id: idIn(store, partition) }),
    ),
  );
const done = { kind: 'committed', seq: 2 };
const kinds = (settled: readonly PromiseSettledResult<CommitResult>[]) =>
  settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : one.reason));

describe('writes of one turn', () => {
  it('are one call of each script, whatever partitions they are of', async () => {
    const [goOn, endNow] = [await sagas(7), await sagas(5)];
    const calls = await called(async () => {
      const settled = await inOneTurn<{ readonly kind: string }>(() => [
        ...goOn.map(({ id, fence }) => store.commit(id, fence, write())),
        ...endNow.map(({ id, fence }) => store.commit(id, fence, write({ next: end() }))),
        ...Array.from({ length: 3 }, () => store.create(newSaga(store))),
      ]);
      expect(settled).toHaveLength(15);
      for (const { status } of settled) expect(status).toBe('fulfilled');
    });
    expect(calls).toEqual({ advance: [7], finish: [5], begin: [3] });
    for (const { id } of goOn) expect(await record(store, id)).toMatchObject({ seq: 2, status: 'STARTED' });
    for (const { id } of endNow)
      expect(await record(store, id)).toMatchObject({ seq: 2, status: 'COMPLETED' });
  });

  it('lead to each saga by its own terms, however many each has', async () => {
    const terms = (nth: number) =>
      Array.from({ length: nth }, (_, at) => ({ name: `attribute ${at}`, value: `${nth} and ${at}` }));
    const numbers = [3, 0, 1, 2];
    const all = numbers.map((nth) => newSaga(store, { terms: terms(nth) }));
    await inOneTurn(() => all.map((saga) => store.create(saga)));
    const fenceOf = ({ writeId }: Write) => ({ revision: 1, writeId });
    const gained = (nth: number, next: Partial<Write> = {}) =>
      write({ terms: terms(nth).map(({ name, value }) => ({ name, value: `later ${value}` })), ...next });
    const calls = await called(() =>
      inOneTurn(() => [
        ...all.slice(0, 2).map((saga, at) => store.commit(saga.id, fenceOf(saga), gained(2 - at))),
        ...all
          .slice(2)
          .map((saga, at) => store.commit(saga.id, fenceOf(saga), gained(3 - 3 * at, { next: end() }))),
      ]),
    );
    expect(calls).toEqual({ advance: [2], finish: [2] });
    const found = async (text: string) =>
      (await store.list({ sought: { text } }, null, 10)).sagas.map(({ id }) => id);
    for (const [at, nth] of numbers.entries())
      for (const { value } of terms(nth)) expect(await found(value), value).toEqual([all[at]?.id]);
    for (const [at, nth] of [2, 1, 3, 0].entries())
      for (const { value } of terms(nth)) expect(await found(`later ${value}`), value).toEqual([all[at]?.id]);
  });

  it('leave at once where nothing is awaited, and the others in a call of their own', async () => {
    const three = await sagas(3);
    const calls = await called(() =>
      Promise.all(three.map(({ id, fence }) => store.commit(id, fence, write()))),
    );
    expect(calls).toEqual({ advance: [1, 2] });
  });

  it('are so many at most in one call, and so much', async () => {
    const many = await sagas(BATCH_SAGAS_MAX + 3);
    const commits = (snapshot: string) => () =>
      inOneTurn(() => many.map(({ id, fence }) => store.commit(id, fence, write({ snapshot }))));
    expect(await called(commits('{}'))).toEqual({ advance: [BATCH_SAGAS_MAX, 3] });
    const large = await sagas(3);
    const snapshot = JSON.stringify('x'.repeat(BATCH_CHARS_MAX / 2));
    const calls = await called(() =>
      inOneTurn(() => large.map(({ id, fence }) => store.commit(id, fence, write({ snapshot })))),
    );
    expect(calls).toEqual({ advance: [1, 1, 1] });
  });

  it('are answered one by one: done, stale, repeated, missing, signalled', async () => {
    const [one, two, three, four, five] = await sagas(5);
    if (!one || !two || !three || !four || !five) throw new Error('too few');
    await store.commit(two.id, two.fence, write());
    const mine = write();
    await store.commit(three.id, three.fence, mine);
    await admin.del(`{p${four.id.slice(0, 2)}}:saga:${four.id}`);
    await store.signal(five.id, { id: 's', kind: 'cancel', atMs: 1, by: 'ada', reason: 'r' }, 1);
    const settled = await inOneTurn(() => [
      store.commit(one.id, one.fence, write()),
      store.commit(two.id, two.fence, write()),
      store.commit(three.id, three.fence, mine),
      store.commit(four.id, four.fence, write()),
      store.commit(five.id, five.fence, write()),
    ]);
    expect(kinds(settled)).toEqual(['committed', 'stale', 'committed', 'missing', 'signalled']);
    expect(settled[2]).toMatchObject({ value: { seq: 2, fence: { revision: 2, writeId: mine.writeId } } });
  });

  it('of one saga are done in their order, and the second is stale', async () => {
    const [saga] = await sagas(1);
    const { id, fence } = saga ?? (await begin(store));
    const settled = await inOneTurn(() => [
      store.commit(id, fence, write()),
      store.commit(id, fence, write({ next: end() })),
    ]);
    expect(kinds(settled)).toEqual(['committed', 'stale']);
  });

  it('under one idempotency key begin one saga', async () => {
    const idempotency = { key: 'k', digest: 'd' };
    const first = newSaga(store, { idempotency });
    const settled = await inOneTurn(() => [
      store.create(first),
      store.create(newSaga(store, { idempotency })),
    ]);
    expect(settled).toMatchObject([
      { value: { kind: 'created' } },
      { value: { kind: 'exists', id: first.id } },
    ]);
  });
});

describe('one that fails', () => {
  const damaged = expect.objectContaining({ name: 'StoreUnavailableError', notSent: false });

  it.each(['act', 'end'] as const)('for a damaged key leaves the others as they are (%s)', async (kind) => {
    const [three, four] = [await sagas(2, 3), await sagas(2, 4)];
    // Of another type for the first partition alone: whose index of due sagas is written to by both.
    await admin.del('{p03}:due:order@1');
    await admin.set('{p03}:due:order@1', 'x');
    for (const { id } of three) await admin.hdel(`{p03}:saga:${id}`, 'due');
    const next = kind === 'act' ? {} : { next: end() };
    const settled = await inOneTurn(() =>
      [three[0], four[0], three[1], four[1]].map((saga) =>
        store.commit(saga?.id ?? '', saga?.fence ?? { revision: 0, writeId: '' }, write(next)),
      ),
    );
    expect(kinds(settled)).toEqual([damaged, 'committed', damaged, 'committed']);
    const [reason] = kinds(settled);
    expect(String(reason)).toMatch(/A key of the store is damaged in Redis.*WRONGTYPE/);
  });

  it('for a key that Redis does not let its user touch is told so alone', async () => {
    const [three, four] = [await sagas(2, 3), await sagas(2, 4)];
    await admin.call('ACL', 'SETUSER', 'coordinator', 'resetkeys', '~{p04}*', '~{boots}*');
    const settled = await inOneTurn(() =>
      [...three, ...four].map(({ id, fence }) => store.commit(id, fence, write())),
    ).finally(() => admin.call('ACL', 'SETUSER', 'coordinator', '~*'));
    const refused = expect.objectContaining({ notSent: true, message: expect.stringMatching(/NOPERM/) });
    expect(kinds(settled)).toEqual([refused, refused, 'committed', 'committed']);
    for (const { id } of three) expect((await record(store, id)).seq).toBe(1);
  });
});

describe('a call', () => {
  it('whose script Redis does not know is made again with its text, and done once', async () => {
    const many = await sagas(4);
    await admin.script('FLUSH');
    const settled = await inOneTurn(() => many.map(({ id, fence }) => store.commit(id, fence, write())));
    for (const one of settled) expect(one).toMatchObject({ value: done });
    for (const { id } of many) expect(await store.log(id)).toHaveLength(2);
  });

  it('that Redis refuses as a whole is refused to each, as surely not done', async () => {
    const many = await sagas(3);
    await admin.config('SET', 'maxmemory', '1');
    const settled = await inOneTurn(() =>
      many.map(({ id, fence }) => store.commit(id, fence, write({ next: end() }))),
    ).finally(() => admin.config('SET', 'maxmemory', '0'));
    const full = expect.objectContaining({ notSent: true, message: expect.stringMatching(/OOM/) });
    expect(kinds(settled)).toEqual([full, full, full]);
  });

  it.each(['lose-reply', 'cut-request'] as const)('that meets %s leaves it open for each', async (fate) => {
    const many = await sagas(3);
    const commits = many.map(({ id, fence }) => ({ id, fence, write: write({ counts: { n: 1 } }) }));
    // Redis knows the script from here on.
    const [known] = await sagas(1);
    if (known) await store.commit(known.id, known.fence, write());
    const attempt = () => inOneTurn(() => commits.map((one) => store.commit(one.id, one.fence, one.write)));
    wire.strike(fate);
    const lost = expect.objectContaining({ name: 'StoreUnavailableError', notSent: false });
    expect(kinds(await attempt())).toEqual([lost, lost, lost]);
    await served(() => store.ping());
    expect(kinds(await attempt())).toEqual(['committed', 'committed', 'committed']);
    for (const { id } of many) {
      expect(await record(store, id)).toMatchObject({ seq: 2, fence: { revision: 2 } });
      expect(await store.log(id)).toHaveLength(2);
    }
  });
});
