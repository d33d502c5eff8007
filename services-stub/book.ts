/** A bounded, ordered collection: what a service holds, by id, the oldest forgotten first. */

const ENTRIES_MAX = 100_000;

export interface BookLimits<T> {
  readonly entriesMax?: number;
  /** Entries still in use are kept even when they are the oldest. */
  readonly mayForget?: (entry: T) => boolean;
}

/** What a reader of a book needs; a writer may put in only its own kind of entry. */
export type ReadableBook<T> = Pick<Book<T>, 'size' | 'get' | 'newest'>;

export class Book<T> {
  readonly #entries = new Map<string, T>();
  readonly #entriesMax: number;
  readonly #mayForget: (entry: T) => boolean;
  #forgotten = 0;

  constructor({ entriesMax = ENTRIES_MAX, mayForget = () => true }: BookLimits<T> = {}) {
    this.#entriesMax = entriesMax;
    this.#mayForget = mayForget;
  }

  get size(): number {
    return this.#entries.size;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  get(id: string): T | undefined {
    return this.#entries.get(id);
  }

  put(id: string, entry: T): T {
    if (this.#entries.size >= this.#entriesMax) this.#forgetOldest();
    this.#entries.set(id, entry);
    return entry;
  }

  values(): IterableIterator<T> {
    return this.#entries.values();
  }

  newest(limit: number): T[] {
    return [...this.#entries.values()].slice(-limit).reverse();
  }

  /** Forgets a tenth at once, because a Map that loses its first key at every insertion is walked anew each time. */
  #forgetOldest(): void {
    let toForget = Math.ceil(this.#entriesMax / 10);
    for (const [id, entry] of this.#entries) {
      if (toForget === 0) return;
      if (!this.#mayForget(entry)) continue;
      this.#entries.delete(id);
      this.#forgotten += 1;
      toForget -= 1;
    }
  }
}
