/** What scripted participants do with a call. */
import type { Answer } from '../machines/saga.ts';

/** What becomes of one call: whether its effect happens, and what the saga hears of it. */
export type Reply =
  | { readonly kind: 'done'; readonly answer?: Answer }
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'busy' | 'lost' | 'unreached' | 'accepted' };

/** It happens. Without an answer one is made up that its schema allows. */
export const done = (answer?: Answer): Reply =>
  answer === undefined ? { kind: 'done' } : { kind: 'done', answer };

/** A business answer: it does not happen, and asking again would not help. */
export const refused = (error = 'no'): Reply => ({ kind: 'refused', error });

/** 503: it surely does not happen, and the call is repeated. */
export const busy = (): Reply => ({ kind: 'busy' });

/** It happens, and the answer is lost: the saga does not know, and repeats the call under the same key. */
export const lost = (): Reply => ({ kind: 'lost' });

/** It does not happen, but the saga cannot tell: the connection broke. */
export const unreached = (): Reply => ({ kind: 'unreached' });

/** Of an asynchronous step: 202. What comes of it is the next reply, told later; without one nothing is told. */
export const accepted = (): Reply => ({ kind: 'accepted' });
