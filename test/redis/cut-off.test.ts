/**
 * Scripts are cut off, at each of their commands: Redis undoes nothing of what they had written. Given back what they
 * lacked, every saga goes on and ends right, whether the very same operation is repeated or another coordinator comes,
 * and all that is counted and shown agrees with the records.
 */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { Fence, NewSaga, Next, Write } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { actOf } from '../stores/conformance/audits.ts';
import { parking, payment } from '../stores/conformance/causes.ts';
import {
  A1,
  act,
  B1,
  begin,
  end,
  entry,
  idIn,
  MINUTE,
  newSaga,
  ORDER,
  ORDER_2,
  park,
  record,
  wait,
  write,
  writeId,
} from '../stores/sagas.ts';
import { countOf, expectBooks, LEFT } from './books.ts';

let server: RedisServer;
let admin: Redis;
let store: RedisStore;
let offsetMs = 0;
/** At which of its commands the next scripts are cut off; 0 at none. */
let cutAt = 0;
let wasCut = false;
let keepMs = 600 * MINUTE;

/** In front of a script: its commands are counted, and the one is refused as Redis refuses what a user may not do. */
const cutting = () => `
  local redis, calls, CUT = redis, 0, ${cutAt}
  local function counted(ask)
    return function(...)
      calls = calls + 1
      if calls == CUT then error("The user executing the script can't run this command or subcommand") end
      return ask(...)
    end
  end
  redis = { call = counted(redis.call), pcall = counted(redis.pcall) }
`;

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.port);
  const redis = connect(server.url) as Redis;
  store = await RedisStore.open({ redis, partitions: 4, clockOffsetMs: () => offsetMs, claimsMax: 2 });
  const [send, run] = [redis.sendCommand.bind(redis), redis.eval.bind(redis)];
  // However a script is sent by its hash.
  redis.sendCommand = ((command, stream) =>
    cutAt > 0 && command.name === 'evalsha'
      ? Promise.reject(new Error('NOSCRIPT'))
      : send(command, stream)) as Redis['sendCommand'];
  redis.eval = (async (lua: string, ...rest: [number, string]) => {
    try {
      const reply = await run(cutAt > 0 ? cutting() + lua : lua, ...rest);
      // Of several sagas only that one has failed.
      wasCut ||= JSON.stringify(reply).includes("user executing the script can't");
      return reply;
    } catch (error) {
      wasCut = true;
      throw error;
    }
  }) as Redis['eval'];
});
afterAll(async () => {
  admin.disconnect();
  await store.close();
  await server.stop();
});
beforeEach(() => {
  offsetMs = 0;
  cutAt = 0;
});

interface Attempt {
  readonly id: string;
  /** Those that are written in the same call. */
  readonly others?: readonly string[];
  /** The same each time. */
  attempt(): Promise<unknown>;
}

/** By which a write is found, beside another that all have. */
const termsOf = (id: string) => [
  { name: 'wrote', value: id },
  { name: 'label', value: 'o-1' },
];

/** A write that its log entry and a counter tell of. */
function told(next: Next, over: Partial<Write> = {}): Write {
  const id = writeId();
  const leaves = next.kind === 'end' || next.kind === 'park';
  const counts = { [countOf(id)]: 1, 'steps.held': 2, ...(leaves ? { [LEFT]: 1 } : {}), ...over.counts };
  return write({ next, writeId: id, entry: entry({ error: id }), terms: termsOf(id), ...over, counts });
}

const PARTITION = 3;
const begun = (over: Partial<NewSaga> = {}) =>
  begin(store, { ...told(over.next ?? act()), id: idIn(store, PARTITION), ...over });

async function parked() {
  const { id, fence } = await begun();
  const parks = told(park);
  await store.commit(id, fence, parks);
  return { id, fence: { revision: 2, writeId: parks.writeId } };
}

/** As an older release leaves it, which knows no causes. */
async function uncounted() {
  const { id, fence } = await parked();
  const { cause = '' } = await record(store, id);
  const names = await admin.hkeys('{p03}:counters');
  await admin.hdel('{p03}:counters', ...names.filter((name) => /^(parked|cause|seen):/.test(name)));
  await admin.zrem('{p03}:parked', `${cause} ${id}`);
  await admin.hdel(`{p03}:saga:${id}`, 'cause');
  return { id, fence };
}

const signal = (id: string) => ({ id, kind: 'retry', atMs: 1, by: 'ada', reason: 'r' }) as const;
const commits = (id: string, fence: Fence, next: Next, over: Partial<Write> = {}): Attempt => {
  const write = told(next, over);
  return { id, attempt: () => store.commit(id, fence, write) };
};

/** A write that counts only what the saga holds. */
function owing(next: Next): Write {
  const id = writeId();
  const name = `${id}.held`;
  const terms = termsOf(name);
  return write({ next, writeId: id, entry: entry({ error: name }), terms, counts: { [countOf(name)]: 1 } });
}
const advances = (id: string, fence: Fence, next: Next): Attempt => {
  const written = owing(next);
  return { id, attempt: () => store.commit(id, fence, written) };
};

/** So that they leave in one call: nothing is alone while an answer is awaited. */
function together(attempts: readonly Attempt[]): Attempt {
  const [first, ...others] = attempts;
  return {
    id: first?.id ?? '',
    others: others.map(({ id }) => id),
    attempt: () => Promise.all([store.ping(), ...attempts.map((one) => one.attempt())]),
  };
}

const TOLD = 'commit that ends, told in the audit';
const operations: Record<string, () => Promise<Attempt>> = {
  create: async () => {
    // A key whose partition is the one that is looked at.
    let key = writeId();
    while (!store.newId(key).startsWith('03-')) key = writeId();
    const saga = newSaga(store, { ...told(act()), id: store.newId(key), idempotency: { key, digest: 'd' } });
    return { id: saga.id, attempt: () => store.create(saga) };
  },
  'create of one that is parked': async () => {
    const saga = newSaga(store, { ...told(park), id: idIn(store, PARTITION) });
    return { id: saga.id, attempt: () => store.create(saga) };
  },
  'create of one that waits, with a trace': async () => {
    const saga = newSaga(store, { ...told(wait(1)), id: idIn(store, PARTITION), trace: 'x' });
    return { id: saga.id, attempt: () => store.create(saga) };
  },
  commit: async () => {
    const { id, fence } = await begun();
    return commits(id, fence, act());
  },
  'commit as most are': async () => {
    const { id, fence } = await begun();
    return advances(id, fence, act());
  },
  'commit as most are, due earlier': async () => {
    const { id, fence } = await begun();
    return advances(id, fence, wait(1));
  },
  'commit as most are, after such a one': async () => {
    const { id, fence } = await begun();
    const first = owing(act(20));
    await store.commit(id, fence, first);
    return advances(id, { revision: 2, writeId: first.writeId }, wait(15));
  },
  'commit as most are, behind a line that was left by another': async () => {
    const { id, fence } = await begun();
    await admin.rpush(`{p03}:log:${id}`, JSON.stringify(entry()));
    return advances(id, fence, act());
  },
  'two creates of one turn': async () =>
    together(
      [1, 2].map(() => {
        const saga = newSaga(store, { ...told(act()), id: idIn(store, PARTITION) });
        return { id: saga.id, attempt: () => store.create(saga) };
      }),
    ),
  'two commits of one turn': async () => {
    const sagas = [await begun(), await begun()];
    return together(sagas.map(({ id, fence }) => commits(id, fence, act())));
  },
  'two commits of one turn that end': async () => {
    const sagas = [await begun(), await begun()];
    return together(sagas.map(({ id, fence }) => commits(id, fence, end('COMPLETED', 600))));
  },
  'commit that ends, of a saga that owes': async () => {
    const { id, fence } = await begun();
    const first = told(act());
    await store.commit(id, fence, first);
    return commits(id, { revision: 2, writeId: first.writeId }, end('COMPLETED', 600));
  },
  'commit that ends, behind a line that was left by another': async () => {
    const { id, fence } = await begun();
    await admin.rpush(`{p03}:log:${id}`, JSON.stringify(entry()));
    return commits(id, fence, end('COMPLETED', 600));
  },
  'commit that ends, answering a signal': async () => {
    const { id, fence } = await begun();
    await store.signal(id, signal('s'), 1);
    return commits(id, fence, end('FAILED', 600), { signalsSeen: 1 });
  },
  [TOLD]: async () => {
    const { id, fence } = await begun();
    await store.signal(id, signal('s'), 1);
    return commits(id, fence, end('FAILED', 600), { signalsSeen: 1, acts: [actOf({ id: 's' })] });
  },
  'commit that counts nothing': async () => {
    const { id, fence } = await begun();
    const written = write({ next: wait(1) });
    return { id, attempt: () => store.commit(id, fence, written) };
  },
  'commit that ends': async () => {
    const { id, fence } = await begun();
    return commits(id, fence, end('FAILED', 600));
  },
  'commit that parks': async () => {
    const { id, fence } = await begun();
    return commits(id, fence, park);
  },
  'commit that parks for something else, of two that are parked': async () => {
    await parked();
    const { id } = await parked();
    await store.signal(id, signal('s'), 2);
    const [claimed] = await store.claim([id], A1, 10 * MINUTE, writeId(), 'at');
    const parks = write({ next: parking([payment()]), signalsSeen: 1 });
    const fence = claimed?.record.fence as Fence;
    return { id, attempt: () => store.commit(id, fence, parks) };
  },
  'counting of one that an older release has parked': async () => {
    const { id } = await uncounted();
    const saga = await record(store, id);
    const counting = writeId();
    return { id, attempt: () => store.countParked(saga, counting) };
  },
  'commit that goes on from parked, answering a signal': async () => {
    const { id } = await parked();
    await store.signal(id, signal('s'), 2);
    const [claimed] = await store.claim([id], A1, 10 * MINUTE, writeId(), 'at');
    return commits(id, claimed?.record.fence as Fence, act(), { signalsSeen: 1 });
  },
  claim: async () => {
    const { id } = await begun({ next: act(1) });
    offsetMs += 2 * MINUTE;
    const claim = writeId();
    return { id, attempt: () => store.claim([id], B1, 10 * MINUTE, claim, 'at') };
  },
  'claim that parks': async () => {
    const { id, fence } = await begun();
    await store.commit(id, fence, owing(wait(1)));
    for (let i = 0; i < 2; i += 1) {
      offsetMs += 2 * MINUTE;
      await store.claim([id], { ...B1, boot: i + 2 }, MINUTE, writeId(), 'at');
    }
    offsetMs += 2 * MINUTE;
    const claim = writeId();
    return { id, attempt: () => store.claim([id], B1, MINUTE, claim, 'at') };
  },
  migrate: async () => {
    const { id, fence } = await begun();
    const { owner: _, next: __, ...moved } = told(act());
    return { id, attempt: () => store.migrate(id, fence, { ...moved, machine: ORDER_2 }) };
  },
  'signal to one that is parked': async () => {
    const { id } = await parked();
    return { id, attempt: () => store.signal(id, signal('s'), 2) };
  },
  'signal to one that waits': async () => {
    const { id } = await begun({ next: wait(10) });
    return { id, attempt: () => store.signal(id, signal('s'), 1) };
  },
  renew: async () => {
    const { id, fence } = await begun({ next: act(1) });
    return { id, attempt: () => store.renew([{ id, fence }], 10 * MINUTE) };
  },
  release: async () => {
    const { id, fence } = await begun();
    return { id, attempt: () => store.release([{ id, fence }]) };
  },
  purge: async () => {
    const key = writeId();
    const id = store.newId(key);
    const { fence } = await begun({ id, idempotency: { key, digest: 'd' } });
    await store.commit(id, fence, told(end('COMPLETED', 1), { counts: { 'other.held': 1 } }));
    offsetMs += 2 * MINUTE;
    return { id, attempt: () => store.purge(10) };
  },
  compact: async () => {
    // Another each time, so that it begins anew as the store does.
    keepMs += 1;
    const { id, fence } = await begun({ snapshot: 'x'.repeat(400) });
    const ends = told(end('COMPLETED', 600), { snapshot: 'x'.repeat(400), counts: { 'other.held': 1 } });
    await store.commit(id, fence, ends);
    offsetMs += 2 * MINUTE;
    return { id, attempt: () => store.compact(10, MINUTE, keepMs) };
  },
};

/** Everything that is due is taken up by another coordinator, and ended. */
async function carriedOn(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    offsetMs += 21 * MINUTE;
    const due = await store.due([ORDER, ORDER_2], 100);
    const claimed = await store.claim(due, B1, 10 * MINUTE, writeId(), 'at');
    for (const { record } of claimed) {
      if (record.owner === null) continue;
      const { id, fence, signals } = record;
      const ends = told(end('COMPLETED', 600), { signalsSeen: signals.length });
      expect(await store.commit(id, fence, ends)).toMatchObject({ kind: 'committed' });
    }
  }
  const { sagas } = await store.list({ status: 'ABORTED' }, null, 100);
  for (const saga of sagas) await store.countParked(saga, writeId());
  offsetMs += 1;
  expect(await store.due([ORDER, ORDER_2], 100)).toEqual([]);
}

it('the audit tells of what was done, and once where it is repeated', async () => {
  let ahead = 0;
  for (let at = 1; ; at += 1) {
    await admin.flushall();
    const { id, attempt } = await (operations[TOLD] as () => Promise<Attempt>)();
    const entries = async () => (await store.audit.list({}, null, 10)).entries.length;
    cutAt = at;
    wasCut = false;
    await attempt().catch(() => {});
    cutAt = 0;
    const isDone = (await store.get(id))?.status === 'FAILED';
    // The line comes right before the record, and the one command that follows is refused to nobody who could write so far.
    if ((await entries()) !== Number(isDone)) ahead += 1;
    await attempt();
    expect([await entries(), (await store.get(id))?.status]).toEqual([1, 'FAILED']);
    if (!wasCut) break;
  }
  expect(ahead).toBe(1);
});

it('a saga that comes to rest is led to by its idempotency key, wherever that is cut off', async () => {
  for (let at = 1; ; at += 1) {
    await admin.flushall();
    offsetMs = 0;
    keepMs += 1;
    const idempotency = { key: writeId(), digest: 'd'.repeat(43) };
    const id = store.newId(idempotency.key);
    const { fence } = await begin(store, { id, idempotency });
    await store.commit(id, fence, told(end('COMPLETED', 600), { snapshot: 'x'.repeat(400) }));
    offsetMs += 2 * MINUTE;
    cutAt = at;
    wasCut = false;
    await store.compact(10, MINUTE, keepMs).catch(() => {});
    cutAt = 0;
    expect(await store.known(idempotency)).toEqual({ kind: 'exists', id });
    expect(await store.create(newSaga(store, { id: store.newId(idempotency.key), idempotency }))).toEqual({
      kind: 'exists',
      id,
    });
    if (!wasCut) break;
  }
});

/**
 * After one command the operation is repeated, after the next it is not, and with the next operation the other way round;
 * `ENUMERATE=all` has both after each.
 */
const STEP = process.env.ENUMERATE === 'all' ? 1 : 2;
const each = Object.entries(operations).map(([name, prepare], nth) => ({ name, prepare, nth }));

describe.each(each)('$name, cut off at its commands', ({ name, prepare, nth }) => {
  const purged = name === 'purge';
  // What rests is read as the store reads it, everything else as it lies there; and every write is found that the log tells of.
  const logs = {
    ...(name === 'compact' && { logOf: (id: string) => store.log(id) }),
    findsBy: async (text: string) =>
      (await store.list({ sought: { by: 'wrote', text } }, null, 10)).sagas.map(({ id }) => id),
  };

  /** Calls it with what is cut off further on each time, until nothing is. */
  async function eachCut(turn: number, then: (attempt: Attempt) => Promise<void>): Promise<void> {
    let cuts = 0;
    for (let at = 1 + ((nth + turn) % STEP); ; at += STEP) {
      await admin.flushall();
      offsetMs = 0;
      const prepared = await prepare();
      cutAt = at;
      wasCut = false;
      await prepared.attempt().catch(() => {});
      cutAt = 0;
      await then(prepared);
      if (!wasCut) break;
      cuts += 1;
      // Nothing that somebody asks may fail for it.
      await Promise.all([
        store.list({}, null, 10),
        store.statistics(),
        store.get(prepared.id),
        store.backlog([ORDER]),
      ]);
    }
    expect(cuts).toBeGreaterThan(3 / STEP);
  }

  it('is done once when it is repeated', () =>
    eachCut(0, async ({ attempt, id, others = [] }) => {
      await attempt();
      // Where the index was not brought up to date, the next claim does that.
      await store.claim([id, ...others], B1, MINUTE, writeId(), 'at');
      await expectBooks(admin, id.slice(0, 2), { purged, recent: true, ...logs });
      await carriedOn();
      await expectBooks(admin, id.slice(0, 2), { purged, ...logs });
    }));

  it('harms nothing when it is never repeated, and another coordinator comes', () =>
    eachCut(1, async ({ id, attempt }) => {
      await store.purge(10);
      await carriedOn();
      await store.purge(10);
      await expectBooks(admin, id.slice(0, 2), { purged, ...logs });
      // Whoever comes back late changes nothing of that.
      if (!/^(create|signal)\b/.test(name)) await attempt();
      await carriedOn();
      await store.purge(10);
      await expectBooks(admin, id.slice(0, 2), { purged, ...logs });
    }));
});
