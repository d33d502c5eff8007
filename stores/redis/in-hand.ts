/**
 * What this process has written of the sagas that it has in hand. Those of which that is all come to rest right after they have
 * ended, some together, and nobody reads them back for that later on.
 */
import type { Fence, NewSaga, Write } from '../saga-store.ts';
import { heldField, isHeld, type MachineName } from './keys.ts';
import { LETTERS_HERE_MAX } from './packing.ts';
import { encodeBrief, encodeLed, encodeRestingKey, encodeRestingMachine } from './record.ts';
import type { Packed } from './vocabulary.ts';

/** A saga that is to rest: its fence at its end, what goes into its line, and what its record keeps. */
export interface Ended extends Packed {
  readonly id: string;
  readonly machine: MachineName;
  readonly revision: string;
  readonly writeId: string;
  readonly brief: string;
  /** Machine, and SHA-256 of the idempotency key or empty, as they are at rest. */
  readonly ofMachine: string;
  readonly key: string;
  /** The record of that key at rest; empty where it stays as it is, or there is none. */
  readonly led: Buffer | '';
  /** Names of fields, but for those that each has (lua/compact.lua). */
  readonly stays: readonly string[];
}

/** Sagas of which it is kept what was written; the oldest of more are left to whoever reads them back. */
const SAGAS_MAX = 10_000;

interface Kept extends Pick<NewSaga, 'machine' | 'trace' | 'idempotency'> {
  /** SHA-256 of the idempotency key; empty without one. */
  readonly digest: string;
  /** Counters of what it holds, by their names in Redis. */
  readonly held: string[];
  /** Of the log. */
  readonly lines: string[];
  /** Of the last write: where another has written since, it is not what was expected. */
  writeId: string;
  letters: number;
}

export class InHand {
  readonly #onEnded: (saga: Ended) => void;
  readonly #kept = new Map<string, Kept>();

  constructor(onEnded: (saga: Ended) => void) {
    this.#onEnded = onEnded;
  }

  /**
   * A saga was begun.
   * @param line of its log
   * @param counted what it counts, as names in Redis and numbers
   * @param digest SHA-256 of its idempotency key; empty without one
   */
  begun(saga: NewSaga, line: string, counted: readonly string[], digest: string): void {
    const { id, writeId, machine, trace, idempotency, next } = saga;
    if (next.kind !== 'act') return;
    const letters = line.length;
    const kept: Kept = { machine, trace, idempotency, digest, held: [], lines: [line], writeId, letters };
    addHeld(kept.held, counted);
    this.#kept.set(id, kept);
    if (this.#kept.size <= SAGAS_MAX) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  /** It has gone on, or ended. */
  went(
    id: string,
    machine: MachineName,
    expected: Fence,
    write: Write,
    line: string,
    counted: readonly string[],
  ): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    const { writeId, next, snapshot, summary } = write;
    const isMine = kept.writeId === expected.writeId;
    kept.writeId = writeId;
    kept.letters += line.length;
    kept.lines.push(line);
    addHeld(kept.held, counted);
    const isShort = kept.letters + snapshot.length <= LETTERS_HERE_MAX;
    if (next.kind !== 'act' || !isMine || !isShort) this.forget(id);
    if (next.kind !== 'end' || !isMine || !isShort) return;
    const { lines, held } = kept;
    this.#onEnded({
      id,
      machine,
      revision: String(expected.revision + 1),
      writeId,
      snapshot,
      trace: kept.trace ?? '',
      lines,
      brief: encodeBrief(summary),
      ofMachine: encodeRestingMachine(kept.machine),
      key: encodeRestingKey(kept.digest),
      led: encodeLed(id, kept.idempotency?.digest ?? ''),
      stays: held.map(heldField),
    });
  }

  /** Something else has come of it. */
  forget(id: string): void {
    this.#kept.delete(id);
  }
}

function addHeld(held: string[], counted: readonly string[]): void {
  for (let i = 0; i < counted.length; i += 2) {
    const name = counted[i] ?? '';
    if (isHeld(name) && !held.includes(name)) held.push(name);
  }
}
