import { MemoryStore } from '../../stores/memory-store.ts';
import { describeStore } from './conformance.ts';

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
