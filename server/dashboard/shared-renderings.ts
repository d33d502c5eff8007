/**
 * Pages that are asked for anew whenever something happens, by everybody who looks at them: one rendering serves all who
 * asked before it began, so that a hundred who watch cost as much as one.
 */
import { type Clock, wait } from '../engine/clock.ts';

/** Renderings of one page begin no sooner after each other. */
const APART_MS = 250;
/** Pages that are remembered, of which nothing is kept but when they were rendered last. */
const PAGES_MAX = 1000;

interface Page<T> {
  beganAtMs: number;
  /** The rendering that has yet to begin. */
  next: Promise<T> | null;
}

export class SharedRenderings<T> {
  readonly #clock: Clock;
  readonly #pages = new Map<string, Page<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Answers a rendering that begins from now on, so that what the caller was told of is in it.
   * @param key of all that the rendering depends on
   */
  of(key: string, render: () => Promise<T>): Promise<T> {
    const page = this.#pages.get(key) ?? this.#add(key);
    page.next ??= this.#begin(page, render);
    return page.next;
  }

  async #begin(page: Page<T>, render: () => Promise<T>): Promise<T> {
    await wait(this.#clock, Math.max(0, page.beganAtMs + APART_MS - this.#clock.monotonic()));
    page.next = null;
    page.beganAtMs = this.#clock.monotonic();
    return render();
  }

  #add(key: string): Page<T> {
    for (const [known, { next }] of this.#pages) {
      if (this.#pages.size < PAGES_MAX) break;
      if (next === null) this.#pages.delete(known);
    }
    const page = { beganAtMs: Number.NEGATIVE_INFINITY, next: null };
    this.#pages.set(key, page);
    return page;
  }
}
