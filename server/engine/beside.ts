/** A saga that asks for several things at once: calls beside each other, and waits beside calls. */
import type { Activity, CallActivity } from '../../machines/index.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import {
  FOR_SIGNALS,
  type Held,
  isAnsweredBy,
  NO_SIGNALS,
  NOBODY_WAITS,
  type Performed,
  type UnderWay,
} from './held.ts';
import type { Surroundings } from './surroundings.ts';

/** How often a saga is looked at that expects something beside a call. */
const LOOK_EVERY_MS = 500;
export class Beside {
  readonly #in: Surroundings;
  readonly #make: (saga: Held, one: CallActivity) => Promise<Performed>;
  readonly #isOver: () => boolean;

  /** @param isOver whether this coordinator has let go of all its sagas */
  constructor(
    surroundings: Surroundings,
    make: (saga: Held, one: CallActivity) => Promise<Performed>,
    isOver: () => boolean,
  ) {
    this.#in = surroundings;
    this.#make = make;
    this.#isOver = isOver;
  }

  /** Several things at once: whatever is new is begun, and whatever ends first is decided first. */
  async perform(saga: Held, activities: readonly Activity[]): Promise<Performed> {
    const { underWay } = saga;
    const names = new Set(activities.map(({ name }) => name));
    for (const [name, { cancel }] of underWay) {
      if (names.has(name)) continue;
      cancel();
      underWay.delete(name);
    }
    for (const one of activities) {
      if (!underWay.has(one.name)) underWay.set(one.name, this.#begin(saga, one));
    }
    const isExpecting = activities.some(({ kind }) => kind === 'expect');
    while (saga.poked.length === 0) {
      const first = await this.#firstOf(saga, isExpecting);
      if (first === null) continue;
      underWay.delete(first.name);
      return first.step;
    }
    saga.signals = saga.poked;
    saga.poked = NO_SIGNALS;
    return FOR_SIGNALS;
  }

  /** What ends first; `null` where something may have come from outside. */
  async #firstOf(saga: Held, isExpecting: boolean): Promise<Awaited<UnderWay['ended']> | null> {
    let cancel = NOBODY_WAITS;
    const woken = new Promise<null>((resolve) => {
      const wake = () => resolve(null);
      saga.wake = wake;
      if (isExpecting)
        cancel = this.#in.clock.after(LOOK_EVERY_MS, () => void this.#lookFor(saga).then(wake));
    });
    const first = await Promise.race([woken, ...[...saga.underWay.values()].map(({ ended }) => ended)]);
    cancel();
    saga.wake = NOBODY_WAITS;
    return first;
  }

  /**
   * What is sent to another coordinator lies in the mailbox, and calls that are under way may keep us from writing for long:
   * so a saga that expects something beside a call is looked at meanwhile.
   */
  async #lookFor(saga: Held): Promise<void> {
    const { store, observe } = this.#in;
    if (this.#isOver()) return;
    try {
      const record = await store.get(saga.id);
      // The answer to this look may have come late.
      if (record === null || isAnsweredBy(saga, record.seq)) return;
      for (const signal of record.signals) {
        if (!saga.poked.some(({ id }) => id === signal.id)) saga.poked = [...saga.poked, signal];
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      observe({ type: 'store-fault', doing: `a look at saga ${saga.id}`, error });
    }
  }

  #begin(saga: Held, one: Activity): UnderWay {
    const { name } = one;
    if (one.kind === 'call') {
      return { ended: this.#make(saga, one).then((step) => ({ name, step })), cancel: () => {} };
    }
    const { clock } = this.#in;
    let cancel = () => {};
    const ended = new Promise<{ name: string; step: Performed }>((resolve) => {
      cancel = clock.after(Math.max(0, one.until - clock.now()), () =>
        resolve({ name, step: over(one, clock.now()) }),
      );
    });
    return { ended, cancel };
  }
}

/** A wait is over: its time has come, or the store has given the saga to be looked at. */
export function over(one: Activity, at: number): Performed {
  return {
    event: one.to === undefined ? { type: 'due', at } : { type: 'due', at, to: one.to },
    callMs: null,
    of: one.name,
  };
}
