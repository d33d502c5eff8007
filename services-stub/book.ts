/** A bounded, ordered collection: what a service holds, by id, the oldest forgotten first. */

const ENTRIES_MAX = 100_000;

/** What a reader of a book needs; a writer may put in only its own kind of entry. */
export type ReadableBook<T extends object> = Pick<Book<T>, 'size' | 'get' | 'newest'>;

export class Book<T extends object> {
  readonly #entries = new Map<string, T>();
  readonly #entriesMax: number;
  #forgotten = 0;

  constructor(entriesMax = ENTRIES_MAX) {
    this.#entriesMax = entriesMax;
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

  /** Alters what is not forgotten yet. */
  change(id: string, changes: Partial<T>): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) Object.assign(entry, changes);
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
    for (const id of this.#entries.keys()) {
      if (toForget === 0) return;
      this.#entries.delete(id);
      this.#forgotten += 1;
      toForget -= 1;
    }
  }
}
