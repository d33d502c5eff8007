import { expect, it } from 'vitest';
import { MemoryStore } from '../../stores/memory-store.ts';
import { describeStore } from './conformance.ts';
import { begin } from './sagas.ts';

describeStore('MemoryStore', async (options) => {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const store = new MemoryStore({ now: () => nowMs, ...options });
  return {
    store,
    advance: (ms) => {
      nowMs += ms;
    },
  };
});

it('says that there is a gap where changes were dropped', async () => {
  const store = new MemoryStore({ now: () => 0, partitions: 1, streamMax: 3 });
  const begun = (await store.changes(null, null, 1)).position;
  for (let i = 0; i < 3; i += 1) await begin(store);
  const { changes, gap } = await store.changes(begun, null, 10);
  expect([changes.length, gap]).toEqual([3, false]);
  await begin(store);
  const [first, second] = changes;
  expect((await store.changes(begun, null, 10)).gap).toBe(true);
  // The first is gone, and with it the proof that nothing behind it is.
  expect((await store.changes(first?.position ?? '', null, 10)).gap).toBe(true);
  expect(await store.changes(second?.position ?? '', null, 10)).toMatchObject({ gap: false, more: false });
});
