/**
 * The vocabulary of every saga: what may happen to it, what it remembers, and what its state asks for.
 *
 * Machines are pure. They read no clock and draw no random number; both arrive in events, so the same
 * snapshot and the same event always lead to the same next snapshot.
 */

import { z } from 'zod';

/** A step's two calls: the action does, the compensation undoes. */
export type Kind = 'action' | 'compensation';

/** What came of a call. */
export type Outcome =
  /** It happened. */
  | 'done'
  /** The participant said no, for a business reason: asking again would not help. */
  | 'refused'
  /** It surely did not happen; asking again may help. */
  | 'retryable'
  /** It may have happened: a time-out, or a connection lost after sending. */
  | 'unknown';

/** Everything that can happen to a saga. `at` is milliseconds since the epoch, `random` is in [0, 1). */
export type SagaEvent =
  | { readonly type: 'done'; readonly at: number; readonly answer: Answer }
  | { readonly type: 'refused'; readonly at: number; readonly error: string }
  | {
      readonly type: 'retryable' | 'unknown';
      readonly at: number;
      readonly error: string;
      readonly random: number;
      /** What the participant asked for with `Retry-After`. */
      readonly retryAfterMs: number | null;
    }
  /** The call was not made, and that costs no attempt: its participant is known to be in trouble. */
  | { readonly type: 'deferred'; readonly at: number; readonly error: string; readonly delayMs: number }
  /** The wait before the next attempt is over. */
  | { readonly type: 'due'; readonly at: number }
  /** The saga has run longer than it may. */
  | { readonly type: 'deadline'; readonly at: number }
  | OperatorEvent;

/** What a person asks for. Each takes effect when the call in flight, if there is one, has settled. */
export type OperatorEvent =
  /** Undo what was done so far. */
  | { readonly type: 'cancel'; readonly at: number; readonly reason: string }
  /** Now: the next attempt of a call that waits, or all compensations that failed for good. */
  | { readonly type: 'retry'; readonly at: number }
  /** Count one compensation as done, because somebody did it by hand or has decided to do without. */
  | { readonly type: 'skip'; readonly at: number; readonly step: string }
  /** End the saga by hand. */
  | {
      readonly type: 'resolve';
      readonly at: number;
      readonly as: Resolution['as'];
      readonly by: string;
      readonly reason: string;
    };

/** How a person ended a saga. */
export interface Resolution {
  readonly as: 'COMPLETED' | 'FAILED';
  readonly by: string;
  readonly reason: string;
}

/** The JSON object with which a participant answered. */
export type Answer = Readonly<Record<string, unknown>>;

/** The business facts of a saga. It begins as the saga's input and gains the ids that the actions give. */
export type SagaData = Readonly<Record<string, unknown>>;

export interface SagaInput {
  readonly data: SagaData;
}

/** What a saga remembers. All of it is JSON, because all of it is persisted. */
export interface SagaContext {
  readonly data: SagaData;
  /** What each action that was done had answered, by step: a compensation receives it back. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Attempt of the call that the state names, counted from 1; 0 while one waits of which none was made yet. */
  readonly attempt: number;
  /** When the next attempt is due, while the saga waits for it. */
  readonly retryAt: number | null;
  /** Why the saga is being undone. No step failed where it was cancelled, or its deadline passed. */
  readonly failure: { readonly step: string | null; readonly reason: string } | null;
  /** Steps whose compensation failed for good: their effects stand. */
  readonly held: readonly { readonly step: string; readonly reason: string }[];
  /** Steps whose compensation was done, or skipped by an operator. */
  readonly undone: readonly string[];
  /** Why the saga is to be undone as soon as the call in flight has settled. */
  readonly cancelled?: string;
  readonly resolution?: Resolution;
}

/** What a restored context must look like: the store gives back text, and text can be anything. */
export const sagaContext = z.object({
  data: z.record(z.string(), z.unknown()),
  answers: z.record(z.string(), z.record(z.string(), z.unknown())),
  attempt: z.int().min(0),
  retryAt: z.number().nullable(),
  failure: z.object({ step: z.string().nullable(), reason: z.string() }).nullable(),
  held: z.array(z.object({ step: z.string(), reason: z.string() })),
  undone: z.array(z.string()),
  cancelled: z.string().exactOptional(),
  resolution: z
    .object({ as: z.enum(['COMPLETED', 'FAILED']), by: z.string(), reason: z.string() })
    .exactOptional(),
}) satisfies z.ZodType<SagaContext>;

/** How one call of one step is made and repeated. Back-off is exponential with full jitter, and capped. */
export interface CallPolicy {
  /** Bounds queueing, connecting, headers and body together. */
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/** The policies of a saga's calls. */
export type Policies = (step: string, kind: Kind) => CallPolicy;

/** What stands in the `meta` of a calling state: which call it announces. */
export interface CallMeta {
  readonly step: string;
  readonly kind: Kind;
  readonly participant: string;
  readonly path: string;
}

/** How the engine recognises what a state asks for. */
export type Tag = 'calling' | 'waiting' | 'parked';

/** The delay before the next attempt, in milliseconds: full jitter, but never less than was asked for. */
export function backoffMs(
  policy: Pick<CallPolicy, 'backoffMs' | 'backoffMaxMs'>,
  attempt: number,
  random: number,
  retryAfterMs: number | null,
): number {
  const ceiling = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** Math.min(attempt - 1, 30));
  return Math.max(Math.round(ceiling * random), Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
}

/** A participant may ask for patience, but not for a saga that never ends. */
export const RETRY_AFTER_MAX_MS = 5 * 60_000;
