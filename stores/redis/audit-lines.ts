/** The lines of one chain, read by plain commands. Whatever lies there is read, and nothing fails for it. */
import type { AuditLine } from '../audit.ts';
import { decodeLine, isEntry } from '../audit-chain.ts';
import { indexOf } from '../audit-trim.ts';
import type { Client } from './client.ts';
import { orDamaged } from './faults.ts';

export class AuditLines {
  readonly #redis: Client;
  readonly #key: string;
  readonly #chain: string;
  /** Is told where the key is no list. */
  readonly #damaged: () => void;

  constructor(redis: Client, key: string, chain: string, damaged: () => void = () => {}) {
    this.#redis = redis;
    this.#key = key;
    this.#chain = chain;
    this.#damaged = damaged;
  }

  /** `null` where there is none. A negative index counts from the end. */
  async at(index: number): Promise<AuditLine | null> {
    const line = await orDamaged(this.#redis.lindex(this.#key, index), null, this.#damaged);
    return line === null ? null : decodeLine(this.#chain, line);
  }

  /** From one index up to another, that one excluded. */
  async between(from: number, to: number): Promise<AuditLine[]> {
    const lines = await orDamaged(this.#redis.lrange(this.#key, from, to - 1), [], this.#damaged);
    return lines.map((line) => decodeLine(this.#chain, line));
  }

  /** By the numbers of its ends; where these cannot be right, it is looked for. */
  async length(): Promise<number> {
    const [first, last] = await Promise.all([this.at(0), this.at(-1)]);
    if (first === null || last === null) return 0;
    const length = isEntry(first) && isEntry(last) ? Math.max(1, last.seq - first.seq + 1) : 1;
    const [end, beyond] = await Promise.all([this.at(length - 1), this.at(length)]);
    if (end !== null && beyond === null) return length;
    let most = 2;
    while ((await this.at(most - 1)) !== null) most *= 2;
    return indexOf(most, async (index) => (await this.at(index)) !== null);
  }
}
