/** What a worker and the primary say to each other over the channel that node:cluster gives them. */
import type { CastAnswer, CastQuestion } from '../cast.ts';

export type ToPrimary =
  /** It listens and takes orders. */
  | { readonly type: 'ready'; readonly url: string }
  /** Somebody asked this worker for `/metrics`. */
  | { readonly type: 'gather'; readonly id: number }
  /** Its own metrics; `null` where they could not be read. */
  | { readonly type: 'page'; readonly text: string | null }
  | CastQuestion;

export type ToWorker =
  | { readonly type: 'drain' }
  | { readonly type: 'show' }
  | { readonly type: 'gathered'; readonly id: number; readonly text: string }
  | CastAnswer;
