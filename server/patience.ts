/** What a start does about a store that cannot serve yet: it may have been started beside us, or get what it lacks. */
import type { Logger } from 'pino';
import { StoreUnavailableError } from '../stores/saga-store.ts';
import { STORE_PATIENCE_MS } from './config.ts';
import { systemClock, wait } from './engine/clock.ts';

/** Attempts something until the store serves it. @throws what the store said last, when all patience is spent */
export type Patiently = <T>(attempt: () => Promise<T>) => Promise<T>;

const STORE_RETRY_MS = 500;

/**
 * All that waits by it has STORE_PATIENCE_MS together, from now on.
 * @param interruption ends the wait
 */
export function patience(logger: Logger, interruption: AbortSignal): Patiently {
  const giveUpAt = systemClock.monotonic() + STORE_PATIENCE_MS;
  let told = '';
  return async (attempt) => {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const mayWait = systemClock.monotonic() < giveUpAt && !interruption.aborted;
        if (!(error instanceof StoreUnavailableError) || !mayWait) throw error;
        // Once for each cause: one that goes may leave another.
        if (error.message !== told)
          logger.warn({ error: error.message }, `waiting for Redis, ${STORE_PATIENCE_MS / 1000} s at most`);
        told = error.message;
        await wait(systemClock, STORE_RETRY_MS);
      }
    }
  };
}
