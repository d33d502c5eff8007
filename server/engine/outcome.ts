/** From a participant's answer, or the lack of one, to what it means for the saga. */
import type { Answer, Call, Outcome } from '../../machines/index.ts';
import { readAnswer, reasonIn } from './answer.ts';
import { type Answered, NeverSentError } from './exchange.ts';
import { tlsFault } from './tls-faults.ts';

/** What came of a call that was made. */
export type Reply =
  | { readonly outcome: 'done'; readonly answer: Answer }
  /** `isTooLarge`: the call was, and can be made with less. */
  | { readonly outcome: 'refused'; readonly error: string; readonly isTooLarge?: true }
  /** Of an asynchronous step: the participant has taken the call, and what came of it is to be asked for, or told by it. */
  | {
      readonly outcome: 'accepted';
      /** Where to ask, as a path at the participant; `null` where it tells by itself. */
      readonly location: string | null;
      /** When to ask first, as the participant wants it. */
      readonly pollAfterMs: number | null;
    }
  | {
      readonly outcome: 'retryable' | 'unknown';
      readonly error: string;
      readonly retryAfterMs: number | null;
    };

/** The call was not made, and is to be tried again after a delay. */
export interface Deferral {
  readonly outcome: 'deferred';
  readonly error: string;
  readonly delayMs: number;
}

/** Statuses with which a participant says that nothing happened and that asking again may help. */
const RETRYABLE = new Set([408, 425, 429, 503]);

/** A participant takes no body of this size. */
const TOO_LARGE = 413;

/** Reasons are kept in the snapshot and the log: bounded. */
const ERROR_LENGTH_MAX = 500;

/**
 * @param now asked only where the answer says when to come again
 * @param placeOf where a `Location` leads, as a path at the participant; `null` where it leads elsewhere
 */
export function replyOf(
  call: Call,
  answered: Answered,
  now: () => number,
  placeOf: (location: string) => string | null = () => null,
): Reply {
  const { status } = answered;
  if (status === 202 && call.isAsynchronous) {
    const [location] = [answered.location ?? []].flat();
    const place = location === undefined ? null : placeOf(location);
    return {
      outcome: 'accepted',
      // Asked again it need not repeat where it is asked.
      location: place ?? (call.isFetch ? call.path : null),
      pollAfterMs: retryAfterMs(answered.retryAfter, now),
    };
  }
  if (status >= 200 && status < 300) {
    const read = readAnswer(call, answered);
    if ('answer' in read) return { outcome: 'done', answer: read.answer };
    const error = bounded(call.redact(`${call.participant} answered ${status}, but ${read.fault}`));
    return { outcome: 'unknown', error, retryAfterMs: null };
  }
  const outcome: Outcome = RETRYABLE.has(status)
    ? 'retryable'
    : status >= 500 || status < 300
      ? 'unknown'
      : 'refused';
  const error = bounded(call.redact(`${status} ${reasonIn(answered)}`.trim()));
  if (status === TOO_LARGE && call.canShrink)
    return {
      outcome: 'refused',
      error: bounded(`${error}: too large, sent again with less`),
      isTooLarge: true,
    };
  return outcome === 'refused'
    ? { outcome, error }
    : { outcome, error, retryAfterMs: retryAfterMs(answered.retryAfter, now) };
}

/** A call without an answer. */
type Failed = Extract<Reply, { readonly outcome: 'retryable' | 'unknown' }>;

export function replyOfFailure(error: unknown): Failed {
  const { code, message } = causeOf(error);
  return {
    // Whatever fails once a byte was written may have come, in part or whole.
    outcome: error instanceof NeverSentError ? 'retryable' : 'unknown',
    error: bounded(code === '' ? message : `${code} ${tlsFault(code) ?? message}`),
    retryAfterMs: null,
  };
}

/** A failure in a word, as OpenTelemetry names those for which nobody has one. */
export function codeOf(error: unknown): string {
  return causeOf(error).code || '_OTHER';
}

/** The innermost error that has a code: on Node several connect attempts are wrapped in an AggregateError. */
function causeOf(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  if (typeof code === 'string') return { code, message: error.message };
  return error.cause === undefined ? { code: '', message: error.message } : causeOf(error.cause);
}

function bounded(text: string): string {
  return text.length > ERROR_LENGTH_MAX ? `${text.slice(0, ERROR_LENGTH_MAX - 1)}…` : text;
}

/** The three forms of an HTTP date (RFC 9110, 5.6.7). `Date.parse` alone would also take "-5" and "soon 3000" for one. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, .+ GMT$/;
/** The one of them that does not say of which zone it is. */
const ASCTIME = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); anything else is as if it were not there. Where a proxy has
 * added one of its own, on a line of its own or behind a comma, the longer one is kept.
 */
function retryAfterMs(header: Answered['retryAfter'], now: () => number): number | null {
  if (header === undefined) return null;
  const nowMs = now();
  const found = [header].flat().flatMap((line) => line.split(/,(?![^,]*GMT)/));
  const waits = found.map((one) => waitMs(one.trim(), nowMs)).filter((ms) => ms !== null);
  return waits.length === 0 ? null : Math.max(...waits);
}

function waitMs(text: string, nowMs: number): number | null {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = ASCTIME.test(text) ? `${text} GMT` : text;
  const at = HTTP_DATE.test(text) || date !== text ? Date.parse(date) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
