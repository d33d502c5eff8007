/** What the states of a saga ask for, complete: with the calls as they are to be made. */
import type { Announced, Expectation, Wait } from './activities.ts';
import type { Answer, CallMeta } from './saga.ts';

/** The participant call that a state announces, complete but for who makes it and when. */
export interface Call extends Omit<CallMeta, 'each' | 'fetch'> {
  /** How its participant knows it: the step, or the item as `step/item`. */
  readonly address: string;
  /** It asks with GET what came of a call that was accepted. */
  readonly isFetch: boolean;
  /** A 202 says that its outcome is to come. */
  readonly isAsynchronous: boolean;
  /** An action that a compensation undoes, whether or not it was done; of any other that must be known. */
  readonly isUndoable: boolean;
  readonly attempt: number;
  readonly timeoutMs: number;
  readonly body: Answer;
  /** Whether it can be made with less, where it is too large for the participant. */
  readonly canShrink: boolean;
  /** What a 2xx answer lacks to be usable, with the fields named; `null` where it is as the contract says. */
  readonly faultIn: (answer: Answer) => string | null;
  /** Takes the saga's secrets out of a text, which a participant may have echoed. */
  readonly redact: (text: string) => string;
}

/** A call to make. */
export type CallActivity = Omit<Announced, 'meta' | 'item'> & { readonly call: Call };

/** One thing that a saga asks for: a call to make, a time to wait for, or something to come from outside. */
export type Activity = CallActivity | Wait | Expectation;

/** What the states of a saga ask for. The engine derives all that it does from this. */
export type Asks =
  /** One at least; more where the saga stands in several states at once. */
  | { readonly kind: 'activities'; readonly activities: readonly Activity[] }
  | { readonly kind: 'operator' }
  | { readonly kind: 'nothing'; readonly succeeded: boolean };

/** All that it asks for: nothing where it has ended, or waits for an operator. */
export function activitiesIn(asks: Asks): readonly Activity[] {
  return asks.kind === 'activities' ? asks.activities : NONE;
}

const NONE: readonly Activity[] = [];

/** The call that a saga asks for, where it asks for nothing else. */
export function onlyCall(asks: Asks): Call | null {
  const [only, more] = activitiesIn(asks);
  return only?.kind === 'call' && more === undefined ? only.call : null;
}

/** The same of a wait. */
export function onlyWait(asks: Asks): Wait | null {
  const [only, more] = activitiesIn(asks);
  return only?.kind === 'wait' && more === undefined ? only : null;
}

export function hasCall(asks: Asks): boolean {
  return activitiesIn(asks).some(({ kind }) => kind === 'call');
}

/** The call to which an event is addressed. */
export function callTo(asks: Asks, to: string | undefined): Call | null {
  for (const one of activitiesIn(asks)) if (one.kind === 'call' && one.to === to) return one.call;
  return null;
}
