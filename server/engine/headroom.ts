/**
 * How long the store's memory lasts at the present rate. Whoever reads metrics or health has it asked, at most once in a
 * while, so it costs no order anything; where nobody reads, nobody would be told either.
 */
import type { SagaStore, StoreMemory } from '../../stores/saga-store.ts';
import type { Clock } from './clock.ts';
import type { Headroom } from './contract.ts';

/** Asked again after this. */
const KEPT_MS = 10_000;
/** One sample a minute, over the last hour: a burst is not the rate, and yesterday's is not either. */
const SAMPLE_MS = 60_000;
const SAMPLES_MAX = 60;
/** Less than this says nothing yet. */
const LEAST_MS = 300_000;

interface Sample {
  readonly atMs: number;
  readonly usedBytes: number;
}

export class HeadroomGauge {
  readonly #store: Pick<SagaStore, 'memory'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #samples: Sample[] = [];
  #last: { readonly askedAtMs: number; readonly answer: Promise<Headroom> } | null = null;

  constructor(store: Pick<SagaStore, 'memory'>, clock: Pick<Clock, 'monotonic'>) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws StoreUnavailableError */
  read(): Promise<Headroom> {
    const askedAtMs = this.#clock.monotonic();
    if (this.#last === null || askedAtMs - this.#last.askedAtMs >= KEPT_MS) {
      const answer = this.#ask();
      this.#last = { askedAtMs, answer };
      // A failure is nobody's answer: the next one asks again.
      answer.catch(() => {
        if (this.#last?.answer === answer) this.#last = null;
      });
    }
    return this.#last.answer;
  }

  async #ask(): Promise<Headroom> {
    const memory = await this.#store.memory();
    const now = { atMs: this.#clock.monotonic(), usedBytes: memory.usedBytes };
    const newest = this.#samples.at(-1);
    if (newest === undefined || now.atMs - newest.atMs >= SAMPLE_MS) {
      this.#samples.push(now);
      if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    }
    return { ...memory, fullInMs: this.#fullInMs(memory, now) };
  }

  #fullInMs({ usedBytes, maxBytes }: StoreMemory, now: Sample): number | null {
    const [oldest = now] = this.#samples;
    const overMs = now.atMs - oldest.atMs;
    const grownBytes = usedBytes - oldest.usedBytes;
    if (maxBytes === null || overMs < LEAST_MS || grownBytes <= 0) return null;
    return Math.max(0, maxBytes - usedBytes) / (grownBytes / overMs);
  }
}
