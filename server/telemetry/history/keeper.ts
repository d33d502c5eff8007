/** Adds what this process has counted to the history of all, and sees to it that somebody looks where everything stands. */
import {
  type History,
  type Minute,
  minuteAt,
  type SeriesCounts,
  StoreUnavailableError,
} from '../../../stores/saga-store.ts';
import type { Clock } from '../../engine/clock.ts';
import type { SagaEngine } from '../../engine/contract.ts';
import type { Counting } from './counting.ts';
import { standingNow } from './standing.ts';

const EVERY_MS = 10_000;
/** A standing of this age is taken anew by whoever comes first. A little less than a round: it comes a little early at times. */
const OLD_MS = 9_000;

type Engine = Pick<SagaEngine, 'list' | 'tally' | 'position'>;

export class Keeper {
  readonly #history: History;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #counting: Counting;
  /** What stood where the feed stood at this position. */
  #last: { readonly position: string; readonly counts: SeriesCounts } | null = null;
  #cancel: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(history: History, engine: Engine, clock: Clock, counting: Counting) {
    this.#history = history;
    this.#engine = engine;
    this.#clock = clock;
    this.#counting = counting;
  }

  open(): void {
    this.#cancel = this.#clock.after(EVERY_MS, () => {
      this.#running = this.round().then(() => {
        if (!this.#isClosed) this.open();
      });
    });
  }

  /** Adds what is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#running;
    await this.#add(this.#counting.take());
  }

  /** A store that is away is asked again by the next round. */
  async round(): Promise<void> {
    const newestMs = await this.#add(this.#counting.take());
    if (newestMs === undefined || (newestMs !== null && this.#clock.now() - newestMs < OLD_MS)) return;
    try {
      const atMs = this.#clock.now();
      const standing = { atMs, counts: await this.#standing() };
      if (!this.#isClosed) await this.#history.add([{ minute: minuteAt(atMs), counts: {}, standing }]);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  async #standing(): Promise<SeriesCounts> {
    // Before it is looked at: what comes behind it is looked at the next time.
    const position = await this.#engine.position();
    if (this.#last?.position === position) return this.#last.counts;
    const counts = await standingNow(this.#engine);
    this.#last = { position, counts };
    return counts;
  }

  /** When the last standing was taken; `undefined` where nobody answers. Sent again would be added again, so only what surely was not is kept. */
  async #add(minutes: readonly Minute[]): Promise<number | null | undefined> {
    try {
      return await this.#history.add(minutes);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      if (error.notSent) this.#counting.giveBack(minutes);
      return undefined;
    }
  }
}
