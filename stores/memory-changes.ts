/** The feed of changes of the memory store: a bounded stream of entries per partition, numbered as Redis numbers its own. */
import {
  BEFORE_ALL,
  compareIds,
  decodePosition,
  type Entry,
  type EntryId,
  encodePosition,
  foundIn,
  merged,
} from './changes.ts';
import { partitionOf, shareOf } from './partition.ts';
import type { Changes, SagaRecord } from './saga-store.ts';

interface Stream {
  readonly entries: Entry[];
  end: EntryId;
  trimmed: boolean;
}

export class MemoryChanges {
  readonly #streams: readonly Stream[];
  readonly #streamMax: number;
  readonly #now: () => number;

  constructor(partitions: number, streamMax: number, now: () => number) {
    this.#streams = Array.from({ length: partitions }, () => ({
      entries: [],
      end: BEFORE_ALL,
      trimmed: false,
    }));
    this.#streamMax = streamMax;
    this.#now = now;
  }

  announce({ id, seq, status, summary: { state } }: SagaRecord): void {
    const stream = this.#streams[partitionOf(id, this.#streams.length) ?? 0];
    if (stream === undefined) return;
    const { end, entries } = stream;
    const ms = Math.floor(this.#now());
    const at = ms > end.ms ? { ms, n: 0 } : { ms: end.ms, n: end.n + 1 };
    entries.push({ id, seq, state, status, at });
    stream.end = at;
    if (entries.length <= this.#streamMax) return;
    entries.shift();
    stream.trimmed = true;
  }

  async read(after: string | null, until: string | null, limit: number): Promise<Changes> {
    const partitions = this.#streams.length;
    const from = after === null ? null : decodePosition(after, partitions);
    if (from === null) {
      const position = until ?? encodePosition(this.#streams.map(({ end }) => end));
      return { changes: [], position, gap: after !== null, more: false };
    }
    const to = until === null ? null : decodePosition(until, partitions);
    const asked = shareOf(limit, partitions) + 1;
    const found = this.#streams.map(({ entries, end, trimmed }, partition) => {
      const id = from[partition] ?? BEFORE_ALL;
      const held = entries.filter(({ at }) => compareIds(at, id) >= 0).slice(0, asked);
      return foundIn(
        held,
        asked,
        id,
        to?.[partition] ?? null,
        () => trimmed,
        () => end,
      );
    });
    return merged(from, await Promise.all(found), limit);
  }
}
