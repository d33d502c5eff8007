/**
 * Whether the chains of an audit are whole, told from an export alone: what was changed, removed, swapped or inserted is named. What
 * is missing at the end of a chain nobody can see but who knows how far it went: heads that were noted before are held against it.
 */
import type { AuditEntry } from './audit.ts';
import { asEntry, hashOf, hashOfUnreadable, macOf, ZEROS } from './audit-chain.ts';

/** Where a chain was seen to end. */
export interface ChainHead {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
}

export interface VerifiedChain extends ChainHead {
  readonly entries: number;
  /** Number of the first entry that is there. */
  readonly first: number;
  /** Entries without a MAC: whoever can write to the store can have made them. */
  readonly unsealed: number;
}

export interface Fault {
  readonly chain: string;
  /** The entry at which it is seen. */
  readonly seq: number;
  readonly what: string;
}

export interface Verified {
  readonly chains: readonly VerifiedChain[];
  readonly faults: readonly Fault[];
}

/** Entries that are missing, and may have been dropped when they were too old: the last of them, as the next one names it. */
interface Gap {
  readonly from: number;
  readonly to: number;
  readonly hash: string;
}

interface Chain {
  entries: number;
  first: number;
  seq: number;
  hash: string;
  unsealed: number;
  readonly gaps: Gap[];
  /** What was said to be dropped: numbers with hashes. */
  readonly dropped: Set<string>;
  /** Hashes of the entries whose numbers were seen before. */
  readonly seen: Map<number, string>;
}

export class AuditVerifier {
  readonly #keys: ReadonlyMap<string, string> | null;
  readonly #heads: ReadonlyMap<string, ChainHead>;
  readonly #chains = new Map<string, Chain>();
  readonly #faults: Fault[] = [];

  /**
   * @param keys secrets by id; `null` leaves MACs as they are
   * @param heads how far chains were seen to go
   */
  constructor(keys: ReadonlyMap<string, string> | null, heads: readonly ChainHead[] = []) {
    this.#keys = keys;
    this.#heads = new Map(heads.map((head) => [head.chain, head]));
  }

  /** The next line of an export. Each chain's lines come in their order. */
  add(line: unknown): void {
    const entry = asEntry(line);
    if (entry !== null) this.#entry(entry);
    else this.#unreadable(line);
  }

  verified(): Verified {
    const faults = [...this.#faults];
    for (const [chain, { gaps, dropped }] of this.#chains) {
      for (const { from, to, hash } of gaps) {
        if (dropped.has(`${to} ${hash}`)) continue;
        const missing = from === to ? `entry ${to} is missing` : `entries ${from} to ${to} are missing`;
        faults.push({ chain, seq: to + 1, what: `${missing}, and none says that they were dropped` });
      }
    }
    for (const head of this.#heads.values()) faults.push(...this.#sinceFaults(head));
    const chains = [...this.#chains].map(([chain, { entries, first, seq, hash, unsealed }]) => {
      return { chain, entries, first, seq, hash, unsealed };
    });
    return { chains, faults };
  }

  #sinceFaults({ chain, seq, hash }: ChainHead): Fault[] {
    const found = this.#chains.get(chain);
    const fault = (what: string): Fault[] => [{ chain, seq, what }];
    if (found === undefined) return fault(`it has no entry, and was seen to go up to ${seq}`);
    if (found.seq < seq) return fault(`it ends with entry ${found.seq}, and was seen to go up to ${seq}`);
    const seen = found.seen.get(seq);
    // Dropped since: whether rightly so, its gap tells.
    if (seen === undefined || seen === hash) return [];
    return fault(`entry ${seq} is another than the one that was seen there`);
  }

  #entry(entry: AuditEntry): void {
    const { chain: name, seq, prev, hash, dropped } = entry;
    const chain = this.#chain(name, seq);
    const fault = (what: string) => this.#faults.push({ chain: name, seq, what });
    if (hashOf(entry) !== hash) fault(`entry ${seq} was changed: it does not have the hash that it says`);
    else this.#seal(entry, chain, fault);
    if (seq <= chain.seq) fault(`entry ${seq} stands behind entry ${chain.seq}`);
    else if (seq > chain.seq + 1) chain.gaps.push({ from: chain.seq + 1, to: seq - 1, hash: prev });
    else if (prev !== chain.hash)
      fault(`entry ${seq} does not follow the one before it: one of the two is another than it was`);
    if (entry.action === 'begun-anew') fault('the chain begins anew here: what stood there before is lost');
    if (dropped !== null) chain.dropped.add(`${dropped.seq} ${dropped.hash}`);
    this.#take(chain, name, seq, hash);
  }

  #seal(entry: AuditEntry, chain: Chain, fault: (what: string) => void): void {
    const { seq, hash, mac, key_id: id } = entry;
    const sealedBefore = chain.entries > chain.unsealed;
    if (mac === null) chain.unsealed += 1;
    if (this.#keys === null) return;
    if (mac === null) {
      if (sealedBefore) fault(`entry ${seq} has no MAC, and one before it has`);
      return;
    }
    const secret = this.#keys.get(id ?? '');
    if (secret === undefined) fault(`entry ${seq} has its MAC by the key ${id}, which is not given`);
    else if (macOf(hash, secret) !== mac) fault(`entry ${seq} was not made by who has the key ${id}`);
  }

  #unreadable(line: unknown): void {
    const { chain: name = '?', unreadable } = (line ?? {}) as { chain?: unknown; unreadable?: unknown };
    const chain = this.#chain(String(name), 1);
    const seq = chain.seq + 1;
    this.#faults.push({ chain: String(name), seq, what: `what stands behind entry ${seq - 1} is no entry` });
    const text = typeof unreadable === 'string' ? unreadable : JSON.stringify(line);
    this.#take(chain, String(name), seq, hashOfUnreadable({ unreadable: text ?? '' }));
  }

  #take(chain: Chain, name: string, seq: number, hash: string): void {
    chain.entries += 1;
    chain.seq = seq;
    chain.hash = hash;
    // Only what is asked for later is kept: an export may be of any length.
    if (this.#heads.get(name)?.seq === seq) chain.seen.set(seq, hash);
  }

  #chain(name: string, first: number): Chain {
    const known = this.#chains.get(name);
    if (known !== undefined) return known;
    const chain = {
      entries: 0,
      first,
      seq: 0,
      hash: ZEROS,
      unsealed: 0,
      gaps: [],
      dropped: new Set<string>(),
      seen: new Map<number, string>(),
    };
    this.#chains.set(name, chain);
    return chain;
  }
}
