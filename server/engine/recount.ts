/**
 * Counts the parked sagas that no cause is known of, because an older release has parked them: its own, at the start and now and
 * then, because older releases may run beside this one.
 */
import type { Surroundings } from './surroundings.ts';

const EVERY_MS = 600_000;
/** Sagas that are counted in one round, at most, so that nobody waits for it. */
const BATCH = 100;

export class Recount {
  readonly #in: Surroundings;
  readonly #nextWriteId: () => string;
  #lookedAt: number | null = null;
  /** Where the next round goes on; `null` where there is nothing to do. */
  #cursor: { readonly at: string | null } | null = null;
  #left = 0;

  constructor(surroundings: Surroundings, nextWriteId: () => string) {
    this.#in = surroundings;
    this.#nextWriteId = nextWriteId;
  }

  /** Parked sagas that were counted under no cause when they were looked for last. */
  get left(): number {
    return this.#left;
  }

  async round(): Promise<void> {
    const { store, clock } = this.#in;
    if (this.#cursor === null) {
      const now = clock.monotonic();
      if (this.#lookedAt !== null && now - this.#lookedAt < EVERY_MS) return;
      await this.#look();
      this.#lookedAt = now;
      if (this.#left === 0) return;
      this.#cursor = { at: null };
    }
    const page = await store.list({ cause: '' }, this.#cursor.at, BATCH);
    for (const saga of page.sagas) {
      // Of one whose key is not here nobody can tell; it is counted when it is next looked for.
      if (saga.keyMissing === undefined) await store.countParked(saga, this.#nextWriteId());
    }
    this.#cursor = page.cursor === null ? null : { at: page.cursor };
    if (this.#cursor === null) await this.#look();
  }

  async #look(): Promise<void> {
    const { store } = this.#in;
    const [{ statuses }, { causes }] = await Promise.all([store.statistics(), store.tally()]);
    this.#left = Math.max(0, statuses.ABORTED - causes.reduce((sum, { n }) => sum + n, 0));
  }
}
