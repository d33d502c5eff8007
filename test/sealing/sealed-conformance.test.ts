import { MemoryStore } from '../../stores/memory-store.ts';
import { sealedStore } from '../../stores/sealing/sealed-store.ts';
import { describeStore } from '../stores/conformance.ts';
import { HandKeys } from './keys.ts';

describeStore('a store that seals whole records', async (options) => {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const store = new MemoryStore({ now: () => nowMs, ...options });
  return {
    store: sealedStore(store, { keys: new HandKeys('k1'), depth: 'whole' }),
    sealsAll: true,
    advance: (ms) => {
      nowMs += ms;
    },
  };
});
