/** Carries on what was parked because a record's key was missing, once that key is here. */
import type { Registry } from '../../machines/index.ts';
import { operate } from './operate.ts';
import type { Surroundings } from './surroundings.ts';

/** Another coordinator may have parked what this one could have opened all the time. */
const LOOK_EVERY_MS = 300_000;
/** Parked sagas that one round looks at. */
const PAGE = 100;

export class Unlocking {
  readonly #in: Surroundings;
  readonly #registry: Registry;
  readonly #nextId: () => string;
  #seen: number | null = null;
  #lookedAt = 0;
  #looking = false;
  #cursor: string | null = null;

  constructor(surroundings: Surroundings, registry: Registry, nextId: () => string) {
    this.#in = surroundings;
    this.#registry = registry;
    this.#nextId = nextId;
  }

  /** Once a round of recovery; does something where keys have come, and now and then. */
  async round(): Promise<void> {
    const { store, clock, keyGeneration } = this.#in;
    if (keyGeneration === undefined) return;
    const generation = keyGeneration();
    const now = clock.monotonic();
    if (generation !== this.#seen || now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#seen = generation;
      this.#lookedAt = now;
      this.#looking = true;
      this.#cursor = null;
    }
    if (!this.#looking) return;
    const { sagas, cursor } = await store.list({ status: 'ABORTED' }, this.#cursor, PAGE);
    for (const { id, parked } of sagas) if (parked?.reason === KEY_MISSING) await this.#carryOn(id);
    this.#cursor = cursor;
    this.#looking = cursor !== null;
  }

  async #carryOn(id: string): Promise<void> {
    const { store, clock } = this.#in;
    const record = await store.get(id);
    if (record === null || record.unreadable !== null) return;
    const asked = { kind: 'retry', by: 'coordinator', reason: 'its key is here', ifSeq: record.seq } as const;
    const mark = { id: this.#nextId(), atMs: clock.now() };
    // The same round finds it due.
    await operate(store, this.#registry, id, asked, mark);
  }
}

/** Why a saga is parked of whose record nobody here has the key. */
export const KEY_MISSING = 'key-missing';
