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
  | (Addressed & { readonly type: 'done'; readonly at: number; readonly answer: Answer })
  | (Addressed & { readonly type: 'refused'; readonly at: number; readonly error: string })
  | (Addressed & {
      readonly type: 'retryable' | 'unknown';
      readonly at: number;
      readonly error: string;
      readonly random: number;
      /** What the participant asked for with `Retry-After`. */
      readonly retryAfterMs: number | null;
      /** The step whose compensation was too large for its participant: it is made again at once, and with less. */
      readonly tooLarge?: string;
    })
  /** An asynchronous step's participant has taken the call, and will say later what came of it. */
  | (Addressed & {
      readonly type: 'accepted';
      readonly at: number;
      /** Where its outcome can be asked for: a path at the participant, `null` where it calls back. */
      readonly location: string | null;
      /** When it is to be asked for first. */
      readonly pollAfterMs: number;
    })
  /** The call was not made, and that costs no attempt: its participant is known to be in trouble. */
  | (Addressed & {
      readonly type: 'deferred';
      readonly at: number;
      readonly error: string;
      readonly delayMs: number;
    })
  /** A wait is over: the one before the next attempt, a sleep, or the time that an expected event had. */
  | (Addressed & { readonly type: 'due'; readonly at: number })
  /** Something from outside, by name. One that comes early is kept until a state consumes it. */
  | {
      readonly type: 'event';
      readonly at: number;
      /** Its own: a repeat is the same event. */
      readonly id: string;
      readonly name: string;
      readonly data: Answer;
    }
  /** The saga has run longer than it may. */
  | { readonly type: 'deadline'; readonly at: number }
  | OperatorEvent;

/**
 * Whom an event concerns, by the name of the activity that it ends: a step, an item of a step as `step/item`, or a wait.
 * Left out, it concerns the only one that there is.
 */
export interface Addressed {
  readonly to?: string;
  /** Its participant says that it answered this before, and did nothing this time. Changes nothing: the log tells of it. */
  readonly replayed?: true;
}

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
  /** When it begins; machines that begin with a wait need it. */
  readonly at?: number;
}

/** How a call stands that is made beside others, or may have to be repeated for ever. */
export interface Attempts {
  /** Counted from 1; 0 while one waits of which none was made yet. */
  readonly attempt: number;
  /** When the next is due, while it waits for it. */
  readonly retryAt: number | null;
}

/** One item of a step that is done for each item of a list. */
export interface Item extends Attempts {
  /** Its own among those of the step: what its call, its compensation and its idempotency key are known by. */
  readonly key: string;
  readonly value: unknown;
  readonly phase: /** Its call is still to be announced. */
    | 'ahead'
    | 'calling'
    | 'waiting'
    | 'done'
    /** Its call was refused, or its attempts are spent, or it was stopped between two of them. */
    | 'failed'
    /** Its action was never announced, and so there is nothing to undo. */
    | 'never'
    | 'undone';
}

/** An event from outside that no state has consumed yet. */
export interface Kept {
  readonly id: string;
  readonly name: string;
  readonly data: Answer;
  /** Why it has the saga undone; `null` where it lets it go on. */
  readonly refusal: string | null;
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
  /** Steps whose compensation is sent with less, because all of it was too large for their participant. */
  readonly narrow?: readonly string[];
  readonly resolution?: Resolution;
  // What follows is there only where a machine has parts that need it.
  /** When the last event was: for machines with waits, because what a join enters sees no event. */
  readonly at?: number;
  /** Steps that may be passed over whose action was announced: the others need no undoing. */
  readonly began?: readonly string[];
  /** How calls and waits stand that are beside others, by name. */
  readonly beside?: Readonly<Record<string, Attempts>>;
  readonly items?: Readonly<Record<string, readonly Item[]>>;
  /** What conditions said, by the name of their part, when they were asked: never again. */
  readonly chosen?: Readonly<Record<string, boolean>>;
  readonly inbox?: readonly Kept[];
  /** Ids of the events that were taken in, so that a repeat is known. */
  readonly eventIds?: readonly string[];
  /** Steps of which a call was made whose outcome nobody knows. */
  readonly uncertain?: readonly string[];
  /** What asynchronous participants have accepted, by step. */
  readonly pending?: Readonly<Record<string, Pending>>;
  /** A step behind the pivot that was refused: nothing is undone, a person must look. */
  readonly stuck?: { readonly step: string; readonly reason: string };
}

/** A call that was accepted, and whose outcome is to come. */
export interface Pending {
  readonly location: string | null;
  /** Until when it may come. */
  readonly until: number;
}

const attempts = { attempt: z.int().min(0), retryAt: z.number().nullable() };

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
  narrow: z.array(z.string()).exactOptional(),
  resolution: z
    .object({ as: z.enum(['COMPLETED', 'FAILED']), by: z.string(), reason: z.string() })
    .exactOptional(),
  at: z.number().exactOptional(),
  began: z.array(z.string()).exactOptional(),
  beside: z.record(z.string(), z.object(attempts)).exactOptional(),
  items: z
    .record(
      z.string(),
      z.array(
        z.object({
          ...attempts,
          key: z.string(),
          value: z.unknown(),
          phase: z.enum(['ahead', 'calling', 'waiting', 'done', 'failed', 'never', 'undone']),
        }),
      ),
    )
    .exactOptional(),
  chosen: z.record(z.string(), z.boolean()).exactOptional(),
  inbox: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        data: z.record(z.string(), z.unknown()),
        refusal: z.string().nullable(),
      }),
    )
    .exactOptional(),
  eventIds: z.array(z.string()).exactOptional(),
  uncertain: z.array(z.string()).exactOptional(),
  pending: z
    .record(z.string(), z.object({ location: z.string().nullable(), until: z.number() }))
    .exactOptional(),
  stuck: z.object({ step: z.string(), reason: z.string() }).exactOptional(),
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
  /** It announces one call for each item. */
  readonly each?: true;
  /** It announces the question for the outcome of a call that was accepted. */
  readonly fetch?: true;
}

/** What stands in the `meta` of a state that waits for something other than the next attempt of its step. */
export interface WaitMeta {
  /** Its name. */
  readonly wait: string;
  /** The event that it waits for; without one it waits for time alone. */
  readonly event?: string;
}

/** What stands in the `meta` of a state in which an asynchronous participant's outcome is expected. */
export interface PendingMeta {
  readonly pending: string;
  readonly kind: Kind;
}

/** How the engine recognises what a state asks for. */
export type Tag =
  | 'calling'
  | 'waiting'
  /** An event from outside, or the outcome of an asynchronous call, is waited for. */
  | 'expecting'
  | 'parked'
  /** From here on nothing is undone. */
  | 'pivot';

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
