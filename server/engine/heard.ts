/** From what came of a call to what it means for its saga, and what observers are told of it. */
import type { Call, Outcome, SagaEvent } from '../../machines/index.ts';
import type { Deferral, Reply } from './outcome.ts';

/** A reply with what only observers want to know of it. */
type Made = Reply & { readonly status?: number | null; readonly failure?: string | null };

export interface Heard {
  readonly call: Call;
  /** Whom its event is addressed to; nobody where it is the saga's only activity. */
  readonly to: string | undefined;
  readonly at: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** An earlier coordinator may have made the call, and nothing would undo it. */
  readonly isPerhapsDone: boolean;
  /** When an asynchronous participant is asked that has not said when. */
  readonly pollAfterMs: number;
}

/** The event that a reply is for the saga. A call that was put off is no call: it leads to a wait alone. */
export function eventOf(
  reply: (Reply & { readonly isReplayed?: true }) | Deferral,
  { call, to, at, random, isPerhapsDone, pollAfterMs }: Heard,
): SagaEvent {
  const addressed = to === undefined ? { at } : { at, to };
  const isReplayed = reply.outcome !== 'deferred' && reply.isReplayed;
  const about = isReplayed ? { ...addressed, replayed: true as const } : addressed;
  switch (reply.outcome) {
    case 'done':
      return { type: 'done', ...about, answer: reply.answer };
    case 'accepted':
      return {
        type: 'accepted',
        ...about,
        location: reply.location,
        pollAfterMs: reply.pollAfterMs ?? pollAfterMs,
      };
    case 'deferred': {
      const { error, delayMs } = reply;
      return isPerhapsDone
        ? { type: 'unknown', ...about, error, random: 0, retryAfterMs: delayMs }
        : { type: 'deferred', ...about, error, delayMs };
    }
    case 'refused': {
      const { error } = reply;
      return isTooLarge(reply)
        ? { type: 'retryable', ...about, error, random: 0, retryAfterMs: null, tooLarge: call.address }
        : { type: 'refused', ...about, error };
    }
    default: {
      const { error, retryAfterMs } = reply;
      const type = isPerhapsDone ? 'unknown' : reply.outcome;
      return { type, ...about, error, random: random(), retryAfterMs };
    }
  }
}

/** What observers are told of a call that was made. */
export function toldOf(reply: Made): {
  readonly outcome: Outcome | 'accepted';
  readonly error: string | null;
  readonly status: number | null;
  readonly failure: string | null;
} {
  const { status = null, failure = null } = reply;
  const error = 'error' in reply ? reply.error : null;
  return { outcome: isTooLarge(reply) ? 'retryable' : reply.outcome, error, status, failure };
}

/** A refusal to the breaker, since the participant is well; to the saga a call that surely did not happen. */
function isTooLarge(reply: Reply): boolean {
  return reply.outcome === 'refused' && reply.isTooLarge === true;
}
