/**
 * Those who wait for a saga to settle. A saga in this coordinator's hands tells them itself; any other is watched in
 * the store, because any coordinator may end it.
 */
import type { SagaStore } from '../../stores/saga-store.ts';
import type { Clock } from './clock.ts';
import { type Forgotten, forgottenElsewhere, type SagaHistory } from './contract.ts';

/**
 * How waiting ended: with the saga itself, with the news that it settled elsewhere or that the store has forgotten it, or with
 * the time being over.
 */
export type Waited = SagaHistory | Forgotten | 'elsewhere' | null;
type Tell = (waited: Waited) => void;

export class Waiters {
  readonly #store: SagaStore;
  readonly #clock: Clock;
  readonly #waitersMax: number;
  readonly #waiting = new Map<string, Set<Tell>>();
  /** Of all sagas together. */
  #count = 0;

  constructor(store: SagaStore, clock: Clock, waitersMax: number) {
    this.#store = store;
    this.#clock = clock;
    this.#waitersMax = waitersMax;
  }

  /** Beyond `waitersMax` nobody is kept waiting: the time is over at once. */
  wait(id: string, waitMs: number): Promise<Waited> {
    if (this.#count >= this.#waitersMax) return Promise.resolve(null);
    this.#count += 1;
    return new Promise((resolve) => {
      const tells = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, tells);
      const tell: Tell = (waited) => {
        cancel();
        this.#count -= 1;
        tells.delete(tell);
        if (tells.size === 0) this.#waiting.delete(id);
        resolve(waited);
      };
      const cancel = this.#clock.after(waitMs, () => tell(null));
      tells.add(tell);
    });
  }

  settled(id: string, waited: Waited): void {
    for (const tell of [...(this.#waiting.get(id) ?? [])]) tell(waited);
  }

  /** Sends everybody away: the coordinator drains. */
  dismissAll(): void {
    for (const id of [...this.#waiting.keys()]) this.settled(id, null);
  }

  /** Looks in the store for the sagas that are waited for and that `isHere` does not know. */
  async look(isHere: (id: string) => boolean): Promise<void> {
    const ids = [...this.#waiting.keys()].filter((id) => !isHere(id));
    if (ids.length === 0) return;
    const statuses = await this.#store.statuses(ids);
    ids.forEach((id, index) => {
      const status = statuses[index];
      // None is purged while somebody waits for it: ended sagas are kept for an hour at least.
      if (status === null) this.settled(id, forgottenElsewhere(id));
      else if (status !== undefined && status !== 'STARTED') this.settled(id, 'elsewhere');
    });
  }
}
