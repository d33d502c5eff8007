/** How long the store's memory lasts, from what it says of itself now and then. */
import { describe, expect, it } from 'vitest';
import { HeadroomGauge } from '../../server/engine/headroom.ts';
import { type StoreMemory, StoreUnavailableError } from '../../stores/saga-store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function watched(memory: () => StoreMemory) {
  let nowMs = 0;
  let asked = 0;
  const store = {
    memory: async () => {
      asked += 1;
      return memory();
    },
  };
  const gauge = new HeadroomGauge(store, { monotonic: () => nowMs });
  return {
    read: () => gauge.read(),
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** Reads once a minute, as a Prometheus would. */
    async over(ms: number) {
      for (let passed = 0; passed < ms; passed += MINUTE) {
        await gauge.read();
        nowMs += MINUTE;
      }
      return gauge.read();
    },
    get now() {
      return nowMs;
    },
    get asked() {
      return asked;
    },
  };
}

describe('the time until the store is full', () => {
  it('is what is left by the rate at which it grows', async () => {
    const store = watched(() => ({ usedBytes: 100 + (10 * store.now) / HOUR, maxBytes: 200 }));
    const { usedBytes, maxBytes, fullInMs } = await store.over(HOUR / 2);
    expect({ usedBytes, maxBytes }).toEqual({ usedBytes: 105, maxBytes: 200 });
    expect(fullInMs).toBeCloseTo(9.5 * HOUR, 0);
  });

  it('follows the last hour, and not what was before', async () => {
    let usedBytes = 0;
    const store = watched(() => ({ usedBytes, maxBytes: 1000 }));
    await store.over(HOUR);
    for (let minute = 0; minute < 61; minute += 1) {
      usedBytes += 1;
      await store.over(MINUTE);
    }
    expect((await store.read()).fullInMs).toBeCloseTo((1000 - 61) * MINUTE, -5);
  });

  it('follows as much where it is read more often', async () => {
    const store = watched(() => ({ usedBytes: Math.min(60, store.now / MINUTE), maxBytes: 1_000 }));
    for (let times = 0; times < 6 * 90; times += 1) {
      await store.read();
      store.pass(MINUTE / 6);
    }
    // It grew for half of that hour alone.
    const { fullInMs } = await store.read();
    expect((fullInMs ?? 0) / MINUTE).toBeCloseTo(940 / (30 / 60), -2);
  });

  it.each<[string, (hours: number) => StoreMemory]>([
    ['it has no bound', (hours) => ({ usedBytes: 100 * hours, maxBytes: null })],
    ['it does not grow', () => ({ usedBytes: 100, maxBytes: 200 })],
    ['it shrinks', (hours) => ({ usedBytes: 100 - hours, maxBytes: 200 })],
  ])('is not known where %s', async (_, memory) => {
    const store = watched(() => memory(store.now / HOUR));
    expect((await store.over(HOUR)).fullInMs).toBeNull();
  });

  it('is not known before it was watched for some minutes, and 0 where it is full', async () => {
    const store = watched(() => ({ usedBytes: 100 + store.now, maxBytes: 100 + 6 * MINUTE }));
    expect((await store.over(4 * MINUTE)).fullInMs).toBeNull();
    expect((await store.over(MINUTE)).fullInMs).toBe(MINUTE);
    expect((await store.over(10 * MINUTE)).fullInMs).toBe(0);
  });
});

it('is asked for now and then, however often it is read, and again at once where it failed', async () => {
  let isAway = false;
  const store = watched(() => {
    if (isAway) throw new StoreUnavailableError('away', true);
    return { usedBytes: 1, maxBytes: null };
  });
  for (let times = 0; times < 20; times += 1) {
    await store.read();
    store.pass(1000);
  }
  expect(store.asked).toBe(2);
  isAway = true;
  for (const asked of [3, 4]) {
    await expect(store.read()).rejects.toThrow(StoreUnavailableError);
    expect(store.asked).toBe(asked);
  }
  isAway = false;
  expect(await store.read()).toEqual({ usedBytes: 1, maxBytes: null, fullInMs: null });
});
