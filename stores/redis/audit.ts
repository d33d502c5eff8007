/**
 * The audit in Redis: a list for each partition. Whoever adds to it links its lines to the end that it knows, and the script that
 * writes refuses them where that is the end no more, with the one that there is: then they are linked anew. So what is said in
 * the audit costs no round trip but where two write to the same partition at once, and the key that seals it never
 * leaves the coordinators.
 */
import { assertLimit } from '../assertions.ts';
import type {
  AuditEntry,
  AuditFilter,
  AuditKey,
  AuditLine,
  AuditLog,
  AuditPage,
  AuditPart,
  Deed,
} from '../audit.ts';
import {
  BEGINNING,
  type Body,
  begunAnew,
  bodyOf,
  decodeLine,
  encodeLine,
  type Head,
  headOf,
  isEntry,
  linked,
  trimmed,
} from '../audit-chain.ts';
import { isBelow, type Place, pageOf, startOf } from '../audit-page.ts';
import { cutOf, indexOf, type TrimBounds } from '../audit-trim.ts';
import { partitionName, partitionOf } from '../partition.ts';
import { StoreUnavailableError } from '../saga-store.ts';
import { AuditLines } from './audit-lines.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, reachable } from './faults.ts';
import type { Keyspace } from './keyspace.ts';
import { isDone, otherEnd, run, type WriteReply } from './scripts.ts';
import type { StoreClock } from './store-clock.ts';

/** Each time somebody else has written; so many times in a row means that something is wrong. */
const LINKS_MAX = 100;
/** Entries that are read at once where a list is read backwards. */
const CHUNK = 50;
/** How many lines in a row somebody else may have put at the end of a chain, for its numbers to go on. */
const FOREIGN_MAX = 20;
/** Entries that one call drops of a chain. */
const TRIM_MAX = 10_000;

/** Where a chain ends, and how the scripts know that it does. */
interface Known {
  readonly end: string;
  readonly head: Head;
}
const UNKNOWN: Known = { end: '', head: BEGINNING };

export class RedisAudit implements AuditLog {
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #clock: StoreClock;
  readonly #key: AuditKey | null;
  readonly #known = new Map<string, Known>();
  /** One after the other in each chain: what was sent and is not answered yet would be linked to by nobody. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(redis: Client, keyspace: Keyspace, clock: StoreClock, key: AuditKey | null) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#clock = clock;
    this.#key = key;
  }

  /** By the script that drops lines, of which it drops none here. */
  async tell(deed: Deed): Promise<void> {
    const { audit } = this.#keyspace.at(0);
    await this.tellWith(audit, partitionName(0), [bodyOf(deed)], async ([end = '', , ...lines]) => {
      const reply = await run(this.#redis, 'trim', [audit], [end, '0', ...lines]);
      return reply as unknown as WriteReply;
    });
  }

  /**
   * Sends a write with what it tells in the audit.
   * @param chain name of its partition
   * @param send is given what stands in the script's arguments for the audit, perhaps several times
   */
  async tellWith(
    audit: string,
    chain: string,
    bodies: readonly Body[],
    send: (args: readonly string[]) => Promise<WriteReply>,
  ): Promise<WriteReply> {
    const before = this.#turns.get(audit) ?? Promise.resolve();
    const turn = before.then(() => this.#tell(audit, chain, bodies, send));
    this.#turns.set(
      audit,
      turn.catch(() => {}),
    );
    return turn;
  }

  async #tell(
    audit: string,
    chain: string,
    bodies: readonly Body[],
    send: (args: readonly string[]) => Promise<WriteReply>,
  ): Promise<WriteReply> {
    for (let attempt = 0; attempt < LINKS_MAX; attempt += 1) {
      const { end, head } = this.#known.get(audit) ?? UNKNOWN;
      const entries = isTold(head, bodies) ? [] : this.#linked(chain, end, head, bodies);
      const reply = await send([end, String(entries.length), ...entries.map(encodeLine)]);
      const other = otherEnd(reply);
      if (other === null) {
        const last = entries.at(-1);
        // Where this very write was repeated its lines stood there before; then the next one is told so.
        if (isDone(reply) && last !== undefined)
          this.#known.set(audit, { end: last.hash, head: headOf([last]) });
        return reply;
      }
      this.#known.set(audit, {
        end: other.end,
        head: await this.#headAt(audit, chain, other.end, other.last),
      });
    }
    throw new StoreUnavailableError(`the audit ${audit} never stands still`, true);
  }

  #linked(chain: string, end: string, head: Head, bodies: readonly Body[]): AuditEntry[] {
    const place = { chain, nowMs: this.#clock.now(), key: this.#key };
    return linked(head, end === '!' ? [begunAnew(), ...bodies] : bodies, place);
  }

  async #headAt(audit: string, chain: string, end: string, last: string): Promise<Head> {
    if (end === '' || end === '!') return BEGINNING;
    const line = decodeLine(chain, last);
    if (isEntry(line)) return headOf([line]);
    const lines = await asking(orDamaged(this.#redis.lrange(audit, -FOREIGN_MAX, -1), []));
    return headOf(lines.map((text) => decodeLine(chain, text)));
  }

  async list(filter: AuditFilter, cursor: string | null, limit: number): Promise<AuditPage> {
    assertLimit(limit);
    const place = startOf(filter, cursor);
    const damage = new Set<string>();
    const { saga_id: saga } = filter;
    const own = saga === undefined ? null : partitionOf(saga, this.#keyspace.partitions.length);
    // An id that is none of this store's has no chain.
    if (saga !== undefined && own === null) return { entries: [], cursor: null, damage: [] };
    const chains = [...this.#keyspace.partitions.keys()]
      .filter((partition) => own === null || own === partition)
      .map((partition) => this.#newest(partition, place, damage));
    return asking(pageOf(chains, filter, limit, damage));
  }

  async *#newest(
    partition: number,
    place: Place | null,
    damage: Set<string>,
  ): AsyncGenerator<AuditEntry, undefined> {
    const { audit } = this.#keyspace.at(partition);
    const lines = this.#lines(partition, () => damage.add(`${audit} is no list`));
    let end = await lines.length();
    if (place !== null)
      end = await indexOf(end, async (index) => {
        const line = await lines.at(index);
        return line !== null && (!isEntry(line) || isBelow(line, place));
      });
    for (; end > 0; end -= CHUNK) {
      const chunk = await lines.between(Math.max(0, end - CHUNK), end);
      for (const line of chunk.reverse()) {
        if (isEntry(line)) yield line;
        else damage.add(`${audit} has a line that is no entry`);
      }
    }
  }

  async read(partition: number, from: number, limit: number): Promise<AuditPart> {
    assertLimit(limit);
    const lines = this.#lines(partition);
    return asking(
      (async () => {
        for (;;) {
          const base = numberOf(await lines.at(0));
          const start = Math.max(0, from - base);
          const [found, first] = await Promise.all([lines.between(start, start + limit + 1), lines.at(0)]);
          // Where some were dropped meanwhile, these are others.
          if (numberOf(first) === base)
            return { lines: found.slice(0, limit), next: found.length > limit ? base + start + limit : null };
        }
      })(),
    );
  }

  async trim(keepMs: number, entriesMax: number): Promise<number> {
    const { partitions } = this.#keyspace;
    const bounds = { nowMs: this.#clock.now(), keepMs, entriesMax, partitions: partitions.length };
    const dropped = await reachable(partitions.map((_, partition) => this.#trimOne(partition, bounds)));
    return dropped.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  }

  async #trimOne(partition: number, bounds: TrimBounds): Promise<number> {
    const { audit } = this.#keyspace.at(partition);
    const lines = this.#lines(partition);
    // The end first: whoever else drops some moves it, and then nothing is dropped here.
    const ending = await lines.between(-FOREIGN_MAX, 0);
    const end = ending.at(-1);
    if (end === undefined) return 0;
    const length = await lines.length();
    const count = Math.min(TRIM_MAX, await cutOf(length, (index) => lines.at(index), bounds));
    const going = count === 0 ? [] : await lines.between(Math.max(0, count - FOREIGN_MAX), count);
    if (going.length === 0) return 0;
    const { seq, hash } = headOf(going);
    const mark = isEntry(end) ? end.hash : `?${Buffer.byteLength(end.unreadable)}`;
    const entries = this.#linked(partitionName(partition), mark, headOf(ending), [trimmed({ seq, hash })]);
    const reply = await run(this.#redis, 'trim', [audit], [mark, String(count), ...entries.map(encodeLine)]);
    return isDone(reply as unknown as WriteReply) ? count : 0;
  }

  #lines(partition: number, damaged?: () => void): AuditLines {
    const { audit } = this.#keyspace.at(partition);
    return new AuditLines(this.#redis, audit, partitionName(partition), damaged);
  }
}

/** A write that was sent once more, and of which the audit tells already. */
function isTold({ writeId }: Head, bodies: readonly Body[]): boolean {
  return writeId !== null && bodies.some(({ write_id }) => write_id === writeId);
}

/** Of the first line, by which all others are found. */
function numberOf(line: AuditLine | null): number {
  return line !== null && isEntry(line) ? line.seq : 1;
}
