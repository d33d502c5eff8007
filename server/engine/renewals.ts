/**
 * Renews the leases of calls that may outlast them. A lease is as long as its call may last, but never longer than
 * `leaseMaxMs`, so that nobody waits for a dead owner longer than that; whoever lives asks for more in time. All of
 * them are asked for together, and no timer runs where no call is long.
 */
import { type Fence, type SagaStore, StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Clock } from './clock.ts';
import type { Observe } from './contract.ts';
import type { Rights } from './write.ts';

/** A saga in hand, as far as its right goes. */
export interface Leased {
  readonly id: string;
  readonly fence: Fence;
  /** Until when its owner may call participants for it, on the monotonic clock. */
  rightUntil: number;
}

/** Asked for this often within the longest lease, so that two answers in a row may be lost before a right ends. */
const ASKS_A_LEASE = 4;

export class Renewals {
  readonly #store: SagaStore;
  readonly #clock: Clock;
  readonly #observe: Observe;
  readonly #rights: Rights;
  readonly #leased = new Set<Leased>();
  #askAt = Number.POSITIVE_INFINITY;
  #cancel = () => {};

  constructor(given: {
    readonly store: SagaStore;
    readonly clock: Clock;
    readonly observe: Observe;
    readonly rights: Rights;
  }) {
    this.#store = given.store;
    this.#clock = given.clock;
    this.#observe = given.observe;
    this.#rights = given.rights;
  }

  /** Keeps a saga's right alive until {@link remove}. */
  add(saga: Leased): void {
    this.#leased.add(saga);
    this.#askBy(saga.rightUntil - (ASKS_A_LEASE - 1) * this.#everyMs);
  }

  remove(saga: Leased): void {
    if (!this.#leased.delete(saga) || this.#leased.size > 0) return;
    this.#cancel();
    this.#askAt = Number.POSITIVE_INFINITY;
  }

  get #everyMs(): number {
    return this.#rights.leaseMaxMs / ASKS_A_LEASE;
  }

  #askBy(at: number): void {
    if (at >= this.#askAt) return;
    this.#cancel();
    this.#askAt = at;
    this.#cancel = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => {
      this.#askAt = Number.POSITIVE_INFINITY;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const { leaseMarginMs, leaseMaxMs } = this.#rights;
    const asked = [...this.#leased].map((saga) => ({ saga, id: saga.id, fence: saga.fence }));
    const sentAt = this.#clock.monotonic();
    // Not behind the answer: one that is lost must not keep the next question from being asked.
    this.#askBy(sentAt + this.#everyMs);
    try {
      const remains = await this.#store.renew(asked, leaseMaxMs);
      for (const [index, { saga, fence }] of asked.entries()) {
        const remainingMs = remains[index] ?? null;
        // Whoever has lost a saga learns it from its commit; until its right ends it may still call, as before.
        if (remainingMs === null || saga.fence !== fence) continue;
        saga.rightUntil = Math.max(saga.rightUntil, sentAt + remainingMs - leaseMarginMs);
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.#observe({ type: 'store-fault', doing: `renewal of ${asked.length} leases`, error });
    }
  }
}
