/** The small parts that a conformance suite cannot reach from outside. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../stores/memory-store.ts';
import { assertPartitions, idMaker, partitionOf, partitionOfKey } from '../../stores/partition.ts';
import type { Client } from '../../stores/redis/client.ts';
import { asking, reachable, together } from '../../stores/redis/faults.ts';
import { machineName } from '../../stores/redis/keys.ts';
import { Keyspace } from '../../stores/redis/keyspace.ts';
import { newestIds } from '../../stores/redis/listing.ts';
import { StoreClock } from '../../stores/redis/store-clock.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';

describe('ids', () => {
  /** A poor but repeatable randomness. */
  const seeded = (seed: number) => () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const ids = (seed: number) => {
    const store = new MemoryStore({ now: () => 1_767_225_600_000, random: seeded(seed) });
    return Array.from({ length: 20 }, () => store.newId(null));
  };

  it('are the same for the same clock and randomness, and differ for another', () => {
    expect(ids(1)).toEqual(ids(1));
    expect(ids(1)).not.toEqual(ids(2));
  });

  it('grow even where the clock runs backwards', () => {
    let now = 1_000;
    const next = idMaker({ partitions: 1, now: () => (now -= 10) });
    const made = Array.from({ length: 50 }, () => next(null));
    expect([...made].sort()).toEqual(made);
  });

  it('name one partition in one way', () => {
    const uuid = '01a208f6-95e9-749d-a6b9-7e4bc3aca749';
    expect(partitionOf(`0f-${uuid}`, 16)).toBe(15);
    expect(partitionOf(`100-${uuid}`, 300)).toBe(256);
    for (const id of [`10-${uuid}`, `00f-${uuid}`, `0F-${uuid}`, `f-${uuid}`, uuid, `0f-${uuid}x`]) {
      expect(partitionOf(id, 16), id).toBeNull();
    }
  });

  it('spread keys over all partitions', () => {
    const found = Array.from({ length: 500 }, (_, i) => partitionOfKey(`key ${i}`, 16));
    expect(new Set(found).size).toBe(16);
  });

  it('need a sensible number of partitions', () => {
    for (const partitions of [0, -1, 1.5, 16_385])
      expect(() => assertPartitions(partitions)).toThrow(RangeError);
  });
});

it('names no two machine versions alike', () => {
  const names = [
    machineName({ id: 'a@b', version: 'c' }),
    machineName({ id: 'a', version: 'b@c' }),
    machineName({ id: 'a', version: 'b' }),
  ];
  expect(new Set(names).size).toBe(3);
});

describe('the estimate of the store’s clock', () => {
  it('takes the tightest lower bound, and forgets it after a while', () => {
    let [monotonic, offset] = [0, 0];
    const clock = new StoreClock(
      () => offset,
      () => monotonic,
      () => monotonic,
    );
    expect(clock.old).toBe(true);
    monotonic = 100;
    clock.learn(5_000);
    expect(clock.now()).toBe(5_000);
    // A reply that was 30 ms on its way says less.
    monotonic = 200;
    clock.learn(5_070);
    expect(clock.now()).toBe(5_100);
    clock.learn(5_104);
    expect(clock.now()).toBe(5_104);
    offset = 1_000;
    expect(clock.now()).toBe(6_104);
    monotonic = 20_000;
    expect(clock.old).toBe(true);
    expect(clock.now()).toBe(25_904);
  });

  it('doubts a sample that is far off, and believes a tick, which bounds the time from both sides', () => {
    let monotonic = 0;
    const clock = new StoreClock(
      () => 0,
      () => monotonic,
      () => monotonic,
    );
    clock.settle({ redisMs: 1_000_000, addedMs: 0, behindMs: 0 }, 0);
    expect([clock.mustTick, clock.takeJump()]).toEqual([false, 0]);
    // An answer that took two seconds looks like a clock that was set back.
    monotonic = 2_000;
    clock.learnUnmoved(1_000_000);
    expect([clock.mustTick, clock.now()]).toEqual([true, 1_002_000]);
    clock.settle({ redisMs: 1_001_000, addedMs: 0, behindMs: 0 }, 0);
    expect([clock.mustTick, clock.takeJump(), clock.now()]).toEqual([false, 0, 1_002_000]);
    // This time it was.
    clock.learnUnmoved(602_000);
    clock.settle({ redisMs: 602_000, addedMs: 400_000, behindMs: 400_000 }, 2_000);
    expect([clock.takeJump(), clock.offsetMs, clock.now()]).toEqual([-400_000, 400_000, 1_002_000]);
    // A hundredth of what passes is taken off again.
    monotonic = 102_000;
    expect(clock.offsetMs).toBe(399_000);
    expect(clock.now()).toBe(1_101_000);
    // Set forward it is believed.
    clock.settle({ redisMs: 1_702_000, addedMs: 0, behindMs: 0 }, 102_000);
    expect([clock.takeJump(), clock.now()]).toEqual([1_000_000, 1_702_000]);
  });

  describe('where one of the three clocks is wrong', () => {
    const HOUR = 3_600_000;
    let [monotonic, wall, redisMs] = [0, 0, 0];
    let clock: StoreClock;
    const pass = (ms: number) => {
      [monotonic, wall, redisMs] = [monotonic + ms, wall + ms, redisMs + ms];
    };
    /** How late it says that it is, at least, and is told; and by how much Redis's clock is then said to have been set. */
    const tick = () => {
      const told = { leastMs: clock.leastMs - redisMs, aheadMs: clock.now() - redisMs };
      clock.settle({ redisMs, addedMs: 0, behindMs: 0 }, clock.elapsedMs);
      return { ...told, jumpedMs: clock.takeJump() };
    };
    beforeEach(() => {
      [monotonic, wall, redisMs] = [0, 500_000, 1_000_000];
      clock = new StoreClock(
        () => 0,
        () => monotonic,
        () => wall,
      );
      tick();
      pass(5_000);
    });
    const asItIs = { leastMs: 0, aheadMs: 0, jumpedMs: 0 };

    it('a monotonic one that leaps moves nobody’s time', () => {
      monotonic += HOUR;
      expect(tick()).toEqual(asItIs);
      pass(5_000);
      expect(tick()).toEqual(asItIs);
    });

    it.each([HOUR, -HOUR])('a wall clock that is set by %i ms moves nothing', (by) => {
      wall += by;
      expect(tick()).toEqual(asItIs);
    });

    it('a wall clock that is set back by seconds is no clock of Redis that was set forward', () => {
      wall -= 3_000;
      expect(tick()).toEqual({ leastMs: -3_000, aheadMs: -3_000, jumpedMs: 0 });
      pass(5_000);
      expect(tick()).toEqual(asItIs);
    });

    it('Redis’s own is told of, either way', () => {
      redisMs -= HOUR;
      expect(tick()).toEqual({ leastMs: HOUR, aheadMs: HOUR, jumpedMs: -HOUR });
      pass(5_000);
      redisMs += HOUR;
      expect(tick().jumpedMs).toBe(HOUR);
    });
  });
});

it('names a saga once that a listing meets in two indexes', async () => {
  const [older, newer] = [
    '00-01a208f6-88cc-71db-8d02-7308eba5401d',
    '00-01a208f6-95e9-749d-a6b9-7e4bc3aca749',
  ];
  const indexes: Record<string, string[]> = { started: [newer, older], aborted: [newer] };
  const read = (key: string, max: string, _min: string, count: number) =>
    Promise.resolve((indexes[key] ?? []).filter((id) => max === '+' || `(${id}` < max).slice(0, count));
  const sources = Object.keys(indexes).map((key) => ({ key, prefix: '00-' }));
  for (const chunk of [1, 2, 3]) {
    const found: string[] = [];
    for await (const id of newestIds(read, sources, null, chunk)) found.push(id);
    expect(found).toEqual([newer, older]);
  }
});

it('sorts sagas into script calls with work that grows as their number does', async () => {
  const elements = Object.getPrototypeOf([][Symbol.iterator]()) as { next(): unknown };
  const { next } = elements;
  const stepsFor = async (count: number) => {
    const keyspace = new Keyspace(null as unknown as Client, '', {
      partitions: 1,
      isSpread: false,
      before: null,
    });
    const source = idMaker({ partitions: 1, now: () => 1_767_225_600_000 });
    const ids = Array.from({ length: count }, () => source(null));
    for (const id of ids) keyspace.remember(id, 'order@1');
    let steps = 0;
    elements.next = function counted(this: unknown) {
      steps += 1;
      return next.call(this);
    };
    try {
      expect((await keyspace.batches(ids)).map(({ sagas }) => sagas.length)).toEqual(
        Array(count / 100).fill(100),
      );
    } finally {
      elements.next = next;
    }
    return steps;
  };
  const [few, many] = [await stepsFor(400), await stepsFor(800)];
  expect(few).toBeGreaterThan(0);
  expect(many).toBeLessThan(few * 2.2);
});

describe('an operation over several partitions', () => {
  const sent = () => Promise.reject(new StoreUnavailableError('lost', false));
  const unsent = () => Promise.reject(new StoreUnavailableError('refused', true));

  it('surely did not happen only where no part of it was sent', async () => {
    const notSent = (parts: Promise<unknown>[]) =>
      together(parts).catch((error: unknown) => error instanceof StoreUnavailableError && error.notSent);
    expect(await notSent([unsent(), unsent()])).toBe(true);
    expect(await notSent([unsent(), sent()])).toBe(false);
    expect(await notSent([unsent(), Promise.resolve()])).toBe(false);
    expect(await notSent([Promise.resolve()])).toEqual([undefined]);
  });

  it('does not hide a bug behind an outage', async () => {
    await expect(together([unsent(), Promise.reject(new TypeError('bug'))])).rejects.toThrow(TypeError);
    for (const other of [unsent(), Promise.resolve()])
      await expect(reachable([other, Promise.reject(new TypeError('bug'))])).rejects.toThrow(TypeError);
  });

  it('may leave out what cannot be reached, but not everything', async () => {
    expect(await reachable([unsent(), Promise.resolve('here')])).toEqual([null, 'here']);
    expect(await reachable([])).toEqual([]);
    await expect(reachable([unsent(), sent()])).rejects.toMatchObject({ notSent: false });
  });
});

describe('what Redis and ioredis say', () => {
  const meaning = (message: string) =>
    asking(Promise.reject(new Error(message))).catch((error: unknown) =>
      error instanceof StoreUnavailableError ? { notSent: error.notSent } : 'a bug',
    );

  it.each([
    ["Stream isn't writeable and enableOfflineQueue options is false", true],
    ["Cluster isn't ready and enableOfflineQueue options is false", true],
    ['LOADING Redis is loading the dataset in memory', true],
    ['BUSY Redis is busy running a script.', true],
    ["OOM command not allowed when used memory > 'maxmemory'. script: abc, on @user_script:1.", true],
    ['ERR Error running script (call to f_a): @user_script:5: -OOM command not allowed', true],
    ['MISCONF Redis is configured to save RDB snapshots', true],
    ['CLUSTERDOWN Hash slot not served', true],
    ['READONLY You can’t write against a read only replica. script: abc, on @user_script:1.', true],
    ['NOREPLICAS Not enough good replicas to write.', true],
    ['Too many Cluster redirections. Last error: ReplyError: TRYAGAIN Multiple keys request', true],
    ['Too many Cluster redirections. Last error: Error: Connection is closed.', false],
    ['None of startup nodes is available', true],
    ['Cluster is ended.', true],
    ['Connection is closed.', false],
    ['Command timed out', false],
    ['Reached the max retries per request limit (which is 0). Refer to', false],
    ["NOPERM this user has no permissions to run the 'evalsha' command", true],
    ["ERR The user executing the script can't run this command or subcommand script: abc", false],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', false],
  ])('%s', async (message, notSent) => {
    expect(await meaning(message)).toEqual({ notSent });
  });

  it.each(['ERR user_script:3: attempt to index a nil value script: abc', 'x is not a function'])(
    '%s',
    async (message) => {
      expect(await meaning(message)).toBe('a bug');
    },
  );
});
