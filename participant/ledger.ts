/** The contract of a ledger: one entry for each step of each saga, kept in the same transaction as the effect. */
import type { Answer } from './answer.ts';

/** Whose entry it is. */
export interface Step {
  readonly sagaId: string;
  readonly step: string;
}

/** What became of a step so far. */
export interface Entry {
  /** Of the body with which the action came; `null` where only a compensation has come. */
  readonly digest: string | null;
  /** What the action was answered: a 2xx or a refusal, nothing else. */
  readonly action: Answer | null;
  /** What the compensation was answered: always a 2xx. Once it is there, the action is never performed any more. */
  readonly compensation: Answer | null;
}

/** What came of one call. */
export interface Settled<T> {
  /** To be kept from now on; `null` leaves everything as it was before the call. */
  readonly entry: Entry | null;
  /** Whether what was done by `tx` shall stand. */
  readonly hasEffect: boolean;
  readonly result: T;
}

/**
 * Tx is what effects are written by: a client in its transaction, a database; `undefined` for a ledger in memory.
 */
export interface Ledger<Tx> {
  /**
   * Gives `settle` the entry of a step and keeps what it gives back, all in one transaction. Calls for one step come one after
   * the other: a second one waits until the first has been committed, and sees what came of it.
   *
   * Where `settle` throws nothing is kept, neither entry nor effect.
   *
   * @throws LedgerBusyError where the wait was too long; `settle` was not called, or what it did is taken back
   */
  settle<T>(step: Step, settle: (entry: Entry | null, tx: Tx) => Promise<Settled<T>>): Promise<T>;
  /**
   * Forgets what was settled before a time. A step that is forgotten would be performed again, so keep entries for longer than any saga
   * may last, parked ones too.
   */
  forget(before: Date): Promise<void>;
}

/** Another call for the same step is under way, for longer than this one waits. Nothing happened. */
export class LedgerBusyError extends Error {
  override readonly name = 'LedgerBusyError';
}
