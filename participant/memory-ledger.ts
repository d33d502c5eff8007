/** A ledger for tests, and for services whose effects are in memory too. */
import type { Entry, Ledger } from './ledger.ts';
import { type LedgerOptions, LOCK_MS, Turns } from './turns.ts';

export interface MemoryLedger extends Ledger<undefined> {
  /** Calls that wait for another call of their step. */
  waiting(): number;
}

/**
 * It forgets with its process, and takes no effect back: what `perform` did before it refused or threw stands.
 *
 * @param options `entriesMax` (100 000): the oldest are forgotten first
 */
export function memoryLedger({
  lockMs = LOCK_MS,
  entriesMax = 100_000,
}: LedgerOptions & { readonly entriesMax?: number } = {}): MemoryLedger {
  const entries = new Map<string, { readonly entry: Entry; readonly at: number }>();
  const turns = new Turns(lockMs);
  return {
    settle: ({ sagaId, step }, settle) => {
      // A header cannot contain a line break, so no two steps share a key.
      const key = `${sagaId}\n${step}`;
      return turns.take(key, async () => {
        const { entry, result } = await settle(entries.get(key)?.entry ?? null, undefined);
        if (entry !== null) {
          if (!entries.has(key) && entries.size >= entriesMax) forgetOldest(entries, entriesMax);
          entries.set(key, { entry, at: Date.now() });
        }
        return result;
      });
    },
    waiting: () => turns.waiting,
    async forget(before) {
      for (const [key, { at }] of entries) if (at < before.getTime()) entries.delete(key);
    },
  };
}

/** A tenth at once, because a Map that loses its first key at every insertion is walked anew each time. */
function forgetOldest(entries: Map<string, unknown>, entriesMax: number): void {
  let toForget = Math.ceil(entriesMax / 10);
  for (const key of entries.keys()) {
    if (toForget === 0) return;
    entries.delete(key);
    toForget -= 1;
  }
}
