/** What a coordinator keeps of a saga while it is in its hands. */
import type { Asks, RegisteredMachine, SagaEvent, SagaSnapshot } from '../../machines/index.ts';
import type { Fence, NewSaga, NumberedEntry, Signal } from '../../stores/saga-store.ts';
import type { SagaHistory, SagaListing, Trace } from './contract.ts';

/** A saga in this coordinator's hands. */
export interface Held {
  readonly id: string;
  readonly machine: RegisteredMachine;
  readonly trace: Trace;
  /** What was stored with it at the start, as far as it is known here. */
  readonly stored: Pick<NewSaga, 'trace' | 'idempotency'>;
  /** The saga as listings show it, as of the last commit. */
  listing: SagaListing;
  snapshot: SagaSnapshot;
  asks: Asks;
  fence: Fence;
  /**
   * The whole history where the saga began here; a saga taken over has its history in the store alone, and so has one that
   * has waited: this one is as long as a saga that never had to, with what operators asked meanwhile.
   */
  readonly log: NumberedEntry[] | null;
  /** What has come from outside and no commit has answered yet. */
  signals: readonly Signal[];
  /** What has come to this coordinator while several things were under way, and how they are told. */
  poked: readonly Signal[];
  wake: () => void;
  /** Until when this coordinator may call participants for the saga, on the monotonic clock. */
  rightUntil: number;
  /** What is under way for it, by name, where that is more than one thing: else it is awaited as it stands. */
  readonly underWay: Map<string, UnderWay>;
  /** What was under way when it was taken over, by name: whoever had it before may have made the calls among it. */
  readonly inherited: Set<string>;
}

/** A call that is being made, or a wait that is timed here because calls beside it are under way. */
export interface UnderWay {
  readonly ended: Promise<{ readonly name: string; readonly step: Performed }>;
  /** Lets go of a wait; a call ends by itself, and what comes of it then is told to nobody. */
  readonly cancel: () => void;
}

/** What came of an activity; `null` where the right to act is over. */
export type Performed = {
  readonly event: SagaEvent | null;
  readonly callMs: number | null;
  /** Name of the activity. */
  readonly of: string | null;
} | null;

/** Nothing has ended: what came from outside is to be decided. */
export const FOR_SIGNALS: Performed = { event: null, callMs: null, of: null };
export const NOBODY_WAITS = () => {};
export const NO_SIGNALS: readonly Signal[] = [];

/**
 * Whether what lay in the mailbox at that entry is answered: each commit since has had to count it. To answer it again would be to
 * count it in place of what has come meanwhile, which would be lost.
 */
export function isAnsweredBy({ listing }: Held, seq: number): boolean {
  return seq < listing.seq;
}

/** As its owner has it; `null` where the whole history is in the store alone. */
export function historyOf({ machine, trace, listing, snapshot, log }: Held): SagaHistory | null {
  if (log === null) return null;
  const steps = machine.steps.map(({ name }) => name);
  const context = machine.redacted(snapshot.context);
  return { saga: { ...listing, context, steps, traceId: trace.traceId }, log: [...log] };
}
