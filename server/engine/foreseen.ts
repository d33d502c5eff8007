/** What a saga would do: a path that nobody has gone. */
import type { Kind, SagaContext } from '../../machines/index.ts';
import type { Held, LogEntry, SagaStatus } from '../../stores/saga-store.ts';

/**
 * How a path ends that is foreseen. `awaits`: an event from outside decides. `answer`: what a participant answers does, and none can be
 * made up. `fault`: the saga's own definition fails, which parks it. `cut`: it is longer than is looked.
 */
export type ForeseenEnd = 'ended' | 'parked' | 'awaits' | 'answer' | 'fault' | 'cut';

/** A call that would be made, with the facts of which its machine would make it. */
export interface ForeseenCall {
  readonly address: string;
  readonly step: string;
  readonly kind: Kind;
  readonly attempt: number;
  readonly isFetch: boolean;
  readonly path: string;
  /** Secrets redacted. */
  readonly context: SagaContext;
  /** It is being made already. */
  readonly isUnderWay: boolean;
  /** Some of those facts come from answers that are not there yet, and are made up. */
  readonly isAssumed: boolean;
}

/** What a saga would do if it were asked something now. */
export interface Foreseen {
  /** As its log would have it, where all calls are done; `isAssumed` behind the first answer that was made up. */
  readonly path: readonly (LogEntry & { readonly isAssumed: boolean })[];
  readonly calls: readonly ForeseenCall[];
  readonly end: ForeseenEnd;
  /** Names of the events for which it waits, or what decides. */
  readonly awaits: readonly string[];
  readonly status: SagaStatus;
  readonly state: string;
  /** What would still be held then. */
  readonly held: readonly Held[];
}
