/** The audit in plain words of JavaScript: the reference that other stores are held against. */

import { assertLimit } from './assertions.ts';
import type {
  AuditEntry,
  AuditFilter,
  AuditKey,
  AuditLog,
  AuditPage,
  AuditPart,
  Deed,
  Told,
} from './audit.ts';
import { type Body, bodiesOf, bodyOf, headOf, linked, trimmed } from './audit-chain.ts';
import { isBelow, pageOf, startOf } from './audit-page.ts';
import { cutOf } from './audit-trim.ts';
import { partitionName, partitionOf } from './partition.ts';
import type { Act } from './saga-store.ts';

export class MemoryAudit implements AuditLog {
  readonly #chains: readonly AuditEntry[][];
  readonly #now: () => number;
  readonly #key: AuditKey | null;

  constructor(partitions: number, now: () => number, key: AuditKey | null) {
    this.#chains = Array.from({ length: partitions }, () => []);
    this.#now = now;
    this.#key = key;
  }

  async tell(deed: Deed): Promise<void> {
    const [chain = []] = this.#chains;
    if (chain.at(-1)?.write_id !== deed.request) this.#append(0, [bodyOf(deed)]);
  }

  tellOf(acts: readonly Act[], told: Told): void {
    const partition = partitionOf(told.sagaId, this.#chains.length) ?? 0;
    this.#append(partition, bodiesOf(acts, told));
  }

  async list(filter: AuditFilter, cursor: string | null, limit: number): Promise<AuditPage> {
    assertLimit(limit);
    const place = startOf(filter, cursor);
    const newest = this.#chains.map(async function* (chain) {
      for (const entry of chain.toReversed()) if (isBelow(entry, place)) yield entry;
    });
    return pageOf(newest, filter, limit, new Set());
  }

  async read(chain: number, from: number, limit: number): Promise<AuditPart> {
    assertLimit(limit);
    const entries = this.#chains[chain] ?? [];
    const start = Math.max(0, from - (entries[0]?.seq ?? 0));
    const lines = entries.slice(start, start + limit);
    const last = lines.at(-1);
    const isMore = last !== undefined && last !== entries.at(-1);
    return { lines, next: isMore ? last.seq + 1 : null };
  }

  async trim(keepMs: number, entriesMax: number): Promise<number> {
    let sum = 0;
    for (const [partition, chain] of this.#chains.entries()) {
      const bounds = { nowMs: this.#now(), keepMs, entriesMax, partitions: this.#chains.length };
      const count = await cutOf(chain.length, async (index) => chain[index] ?? null, bounds);
      const last = chain[count - 1];
      if (last === undefined) continue;
      this.#append(partition, [trimmed({ seq: last.seq, hash: last.hash })]);
      chain.splice(0, count);
      sum += count;
    }
    return sum;
  }

  #append(partition: number, bodies: readonly Body[]): void {
    const chain = this.#chains[partition] ?? [];
    const place = { chain: partitionName(partition), nowMs: this.#now(), key: this.#key };
    chain.push(...linked(headOf(chain.slice(-1)), bodies, place));
  }
}
