/** Waiting for replicas: when a write counts as written, when it is repeated, and what it costs. */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore, type RedisStoreOptions } from '../../stores/redis/redis-store.ts';
import { ReplicaWait, type WaitReplicas } from '../../stores/redis/replica-wait.ts';
import type { SagaStore } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { begin, write } from '../stores/sagas.ts';
import { expectAnswer, OPERATIONS, standing } from './operations.ts';
import { openWire, type Wire } from './proxy.ts';
import { served, until } from './until.ts';
import { adminOf } from './weather.ts';

let master: RedisServer;
let replica: RedisServer;
let wire: Wire;
let admin: Redis;
let witness: SagaStore;
let store: SagaStore;

const open = (options: Omit<RedisStoreOptions, 'redis'> = {}) =>
  RedisStore.open({ redis: connect(wire.url), ...options });
const waiting = (count: number) => ({ waitReplicas: { count, timeoutMs: 100 } });
const unconfirmed = (why: RegExp) =>
  expect.objectContaining({
    name: 'StoreUnavailableError',
    notSent: false,
    message: expect.stringMatching(why),
  });
const freeze = () => process.kill(replica.pid, 'SIGSTOP');
const thaw = () => process.kill(replica.pid, 'SIGCONT');
const online = (count: number) =>
  until(async () => (await admin.info('replication')).split('state=online').length === count + 1);

beforeAll(async () => {
  const settings = { 'repl-diskless-sync-delay': '0' };
  [master, replica] = await Promise.all([startRedis({ settings }), startRedis({ settings })]);
  const copy = adminOf(replica);
  await copy.replicaof('127.0.0.1', master.port);
  copy.disconnect();
  wire = await openWire(master.port);
  admin = adminOf(master);
  await online(1);
  witness = await RedisStore.open({ redis: connect(master.url) });
  for (const operation of OPERATIONS) await (await operation.prepare(witness)).attempt(witness);
  // A replica that has just been joined may take a second to speak for the first time.
  await admin.set('first', '');
  await admin.call('WAIT', 1, 0);
});
afterAll(async () => {
  thaw();
  admin.disconnect();
  await witness.close();
  await wire.close();
  await Promise.all([master.stop(), replica.stop()]);
});
beforeEach(async () => {
  store = await open(waiting(1));
  return () => store.close();
});

const WAITED = OPERATIONS.filter(({ name }) => ['create', 'commit', 'claim'].includes(name));

describe.each(WAITED)('$name', (operation) => {
  it('is on the replica when it has been answered', async () => {
    const { id, attempt } = await operation.prepare(store);
    expectAnswer(operation, await attempt(store));
    const copy = adminOf(replica);
    const revision = await copy.hget(`{p${id.slice(0, 2)}}:saga:${id}`, 'revision');
    copy.disconnect();
    expect(Number(revision)).toBe(operation.after.revision);
  });

  it('counts as unanswered without the replica, and once as done when it is back', async () => {
    const { id, attempt } = await operation.prepare(store);
    freeze();
    await expect(attempt(store)).rejects.toEqual(unconfirmed(/0 of 1 replicas had it within 100 ms/));
    // It was applied, and what is repeated recognises itself; but that alone is no confirmation.
    const applied = await standing(witness, id);
    expect(applied.record?.fence.revision).toBe(operation.after.revision);
    await expect(attempt(store)).rejects.toEqual(unconfirmed(/0 of 1/));
    thaw();
    expectAnswer(operation, await served(() => attempt(store)));
    expect(await standing(witness, id)).toEqual(applied);
  });

  it('whose reply was lost is not confirmed by another connection, on which nothing was written', async () => {
    const { id, attempt } = await operation.prepare(store);
    freeze();
    wire.strike('lose-reply');
    await expect(attempt(store)).rejects.toMatchObject({ notSent: false });
    await until(async () => (await witness.get(id))?.fence.revision === operation.after.revision);
    const again = () => attempt(store).catch((error: Error) => error.message);
    await until(async () => /0 of 1 replicas/.test(String(await again())));
    thaw();
    expectAnswer(operation, await served(() => attempt(store)));
  });
});

it('asks for as many replicas as it was told', async () => {
  const two = await open(waiting(2));
  const { attempt } = await (WAITED[0] as (typeof WAITED)[number]).prepare(two);
  await expect(attempt(two)).rejects.toEqual(unconfirmed(/1 of 2 replicas/));
  await two.close();
});

describe('cost', () => {
  async function commandsOf(asked: SagaStore, commits: number): Promise<Record<string, number>> {
    const sagas = await Promise.all(Array.from({ length: commits }, () => begin(asked)));
    await admin.config('RESETSTAT');
    await Promise.all(sagas.map(({ id, fence }) => asked.commit(id, fence, write())));
    const stats = await admin.info('commandstats');
    const counted = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)];
    return Object.fromEntries(counted.map(([, name, count]) => [name, Number(count)]));
  }

  it('is nothing where nobody waits', async () => {
    const plain = await open();
    const { evalsha, ...others } = await commandsOf(plain, 50);
    // The first, which is alone, and the others, of which one call takes 32.
    expect(evalsha).toBe(3);
    expect(others).not.toHaveProperty('wait');
    expect(others).not.toHaveProperty('set');
    await plain.close();
  });

  it('is one WAIT for all that was sent before it, with a write of its own', async () => {
    const counts = await commandsOf(store, 50);
    expect(counts.evalsha).toBe(3);
    expect(counts.wait).toBeLessThanOrEqual(3);
    expect(counts.set).toBe(counts.wait);
    expect(counts.info).toBe(counts.wait);
  });
});

describe('opening', () => {
  const opening = async (waitReplicas: WaitReplicas) => {
    const redis = connect(master.url);
    try {
      return (await RedisStore.open({ redis, waitReplicas })).info.durability;
    } finally {
      redis.disconnect();
    }
  };

  it('says what is waited for, and what is not', async () => {
    expect(await opening({ count: 1, timeoutMs: 250 })).toMatch(
      /1 replica \((Redis|Valkey) [\d.]+\), each write waits up to 250 ms for 1 replica$/,
    );
  });

  it('waits for a master, where it finds a replica', async () => {
    const redis = connect(replica.url);
    await expect(RedisStore.open({ redis, ...waiting(1) })).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      message: expect.stringMatching(/replica for now/),
    });
    redis.disconnect();
  });

  it('refuses what could never be kept', async () => {
    await expect(opening({ count: 1.5, timeoutMs: 100 })).rejects.toThrow(RangeError);
    await expect(opening({ count: 1, timeoutMs: 0 })).rejects.toThrow(RangeError);
    await expect(opening({ count: 1, timeoutMs: 2_500 })).rejects.toThrow(/less than half of 5000 ms/);
    // Without an append-only file there is nothing to wait for, whether the server knows WAITAOF or not.
    await expect(opening({ count: 1, timeoutMs: 100, fsync: true })).rejects.toThrow(
      /REDIS_WAIT_FSYNC.*append-only file/,
    );
  });
});

describe('what it makes of answers (no server needed, and WAITAOF known by none here)', () => {
  /** As much of a client as it uses. */
  function client(answers: Record<string, unknown>, options = {}) {
    const fake = {
      stream: 'first connection',
      options,
      reconnected: false,
      /** Of each question in turn, the last again and again: the replication id and the number of replicas. */
      masters: [['one', 1]] as [string, number][],
      disconnect: (reconnect: boolean) => {
        fake.reconnected = reconnect;
      },
      info: async () => {
        const [id, replicas] = (fake.masters.length > 1 ? fake.masters.shift() : fake.masters[0]) ?? [];
        return `# Replication\r\nrole:master\r\nconnected_slaves:${replicas}\r\nmaster_replid:${id}\r\n`;
      },
      sent: [] as string[],
      set: async () => {
        fake.sent.push('SET');
        return 'OK';
      },
      call: async (command: string, ...args: unknown[]) => {
        fake.sent.push([command, ...args].join(' '));
        const answer = answers[command];
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
    return fake;
  }
  const waitOn = (fake: ReturnType<typeof client>, wanted: WaitReplicas) =>
    new ReplicaWait(fake as unknown as Redis, 'key', wanted);

  it('waits for fsync too, where that is wanted', async () => {
    const synced = client({ WAIT: 1, WAITAOF: [1, 0] });
    const wanted = { count: 1, timeoutMs: 100, fsync: true };
    expect(await waitOn(synced, wanted).after(async () => 'reply')).toBe('reply');
    expect(synced.sent).toEqual(['SET', 'WAIT 1 100', 'WAITAOF 1 0 100']);
    const unsynced = waitOn(client({ WAIT: 1, WAITAOF: [0, 1] }), wanted);
    await expect(unsynced.after(async () => 'reply')).rejects.toEqual(
      unconfirmed(/not on disk within 100 ms/),
    );
  });

  it('does not take the WAIT of another connection for its own', async () => {
    const fake = client({ WAIT: 1 });
    const reconnected = waitOn(fake, { count: 1, timeoutMs: 100 }).after(async () => {
      fake.stream = 'second connection';
      return 'reply';
    });
    await expect(reconnected).rejects.toEqual(unconfirmed(/reconnected before its replicas could be asked/));
  });

  const ONE = { count: 1, timeoutMs: 100 };
  const written = async () => 'reply';

  it('does not count what a replica of another master confirms, and begins anew from there', async () => {
    const fake = client({ WAIT: 1 });
    fake.masters = [
      ['one', 2],
      ['one', 2],
      ['two', 2],
    ];
    const wait = waitOn(fake, ONE);
    expect(await wait.after(written)).toBe('reply');
    await expect(wait.after(written)).rejects.toEqual(unconfirmed(/a replica or a master meanwhile/));
    expect(await wait.after(written)).toBe('reply');
  });

  it('has the sentinels asked when a replica has gone, and only them', async () => {
    for (const [options, isAsked] of [
      [{ sentinels: [] }, true],
      [{}, false],
    ] as const) {
      const fake = client({ WAIT: 1 }, options);
      fake.masters = [
        ['one', 1],
        ['one', 2],
        ['one', 1],
      ];
      const wait = waitOn(fake, ONE);
      expect(await wait.after(written)).toBe('reply');
      const second = wait.after(written);
      if (isAsked) await expect(second).rejects.toEqual(unconfirmed(/a replica has gone/));
      else expect(await second).toBe('reply');
      expect(fake.reconnected).toBe(isAsked);
    }
  });

  it('counts whatever Redis says to WAIT as unanswered, since the script before it was executed', async () => {
    for (const said of ['UNBLOCKED force unblock from blocking operation', 'READONLY You can’t', 'ERR any']) {
      const refused = waitOn(client({ WAIT: new Error(said) }), { count: 1, timeoutMs: 100 });
      await expect(refused.after(async () => 'reply')).rejects.toEqual(unconfirmed(new RegExp(said)));
    }
  });

  it('leaves the error of the script as it is, and sends no WAIT for it', async () => {
    const fake = client({ WAIT: 1 });
    const failed = waitOn(fake, { count: 1, timeoutMs: 100 }).after(() =>
      Promise.reject(new Error('NOSCRIPT')),
    );
    await expect(failed).rejects.toThrow('NOSCRIPT');
    expect(fake.sent).toEqual([]);
  });
});
