/** Notes in one hash: a field has the mark, a blank and the text. */
import { assertMark, type Note, type Notes } from '../notes.ts';
import type { Client } from './client.ts';
import { asking } from './faults.ts';
import { run } from './scripts.ts';

export class RedisNotes implements Notes {
  readonly #redis: Client;
  readonly #key: string;

  constructor(redis: Client, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  async read(name: string): Promise<Note | null> {
    const found = await asking(this.#redis.hget(this.#key, name));
    if (found === null) return null;
    const blank = found.indexOf(' ');
    return { mark: found.slice(0, Math.max(0, blank)), text: found.slice(blank + 1) };
  }

  async write(name: string, expected: string | null, next: Note | null): Promise<boolean> {
    if (next !== null) assertMark(next);
    const [stands] = await run(
      this.#redis,
      'note',
      [this.#key],
      [name, expected ?? '', next?.mark ?? '', next?.text ?? ''],
    );
    return Number(stands) === 1;
  }
}
