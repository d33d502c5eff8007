/**
 * Texts that coordinators share and that belong to no saga: some at once may want to write the same one, so each write says which text it
 * replaces, and of two that say the same one is refused.
 */

export interface Note {
  /** Names this very text, and no other that ever stood there. */
  readonly mark: string;
  readonly text: string;
}

export interface Notes {
  /** `null` where there is none. Throws StoreUnavailableError. */
  read(name: string): Promise<Note | null>;

  /**
   * Puts `next` in the place of the note whose mark is `expected`, `null` where there is to be none; without `next`, removes it.
   * Answers whether it stands so now. A repetition finds what it has written, and answers as it did. Throws StoreUnavailableError.
   * @param next its mark is unique to this write: letters, digits, `-`, `_` and `.`
   */
  write(name: string, expected: string | null, next: Note | null): Promise<boolean>;
}

const MARK = /^[\w.-]{1,200}$/;

/** @throws RangeError */
export function assertMark({ mark }: Note): void {
  if (!MARK.test(mark)) throw new RangeError(`A note's mark must be letters, digits, -, _ and .: ${mark}`);
}

/** The reference that other stores are held against. */
export class MemoryNotes implements Notes {
  readonly #notes = new Map<string, Note>();

  async read(name: string): Promise<Note | null> {
    return this.#notes.get(name) ?? null;
  }

  async write(name: string, expected: string | null, next: Note | null): Promise<boolean> {
    if (next !== null) assertMark(next);
    const found = this.#notes.get(name)?.mark ?? null;
    if (found === (next?.mark ?? null)) return true;
    if (found !== expected) return false;
    if (next === null) this.#notes.delete(name);
    else this.#notes.set(name, next);
    return true;
  }
}
