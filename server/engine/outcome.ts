/** From a participant's answer, or the lack of one, to what it means for the saga. */
import type { Answer, Call, Outcome } from '../../machines/index.ts';

/** What came of a call that was made. */
export type Reply =
  | { readonly outcome: 'done'; readonly answer: Answer }
  | { readonly outcome: 'refused'; readonly error: string }
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

/** Reasons are kept in the snapshot and the log: bounded. */
const ERROR_LENGTH_MAX = 500;

/** An answer is written as JSON with each commit, which fails on one that is nested some thousand levels deep. */
const DEPTH_MAX = 64;

/** @param body `null` where it is larger than may be read */
export function replyOf(
  call: Call,
  status: number,
  retryAfter: string | undefined,
  body: string | null,
  nowMs: number,
): Reply {
  if (status >= 200 && status < 300) {
    if (body === null) {
      const error = `${status} with an answer of more bytes than ANSWER_BYTES_MAX`;
      return { outcome: 'unknown', error, retryAfterMs: null };
    }
    const answer = status === 204 || body === '' ? {} : parsed(body);
    return answer !== undefined && !isDeeper(answer, DEPTH_MAX) && call.accepts(answer)
      ? { outcome: 'done', answer }
      : { outcome: 'unknown', error: `${status} with an unreadable answer`, retryAfterMs: null };
  }
  const outcome: Outcome = RETRYABLE.has(status)
    ? 'retryable'
    : status >= 500 || status < 300
      ? 'unknown'
      : 'refused';
  const error = bounded(call.redact(`${status} ${reasonIn(body ?? '')}`.trim()));
  return outcome === 'refused'
    ? { outcome, error }
    : { outcome, error, retryAfterMs: retryAfterMs(retryAfter, nowMs) };
}

/**
 * Codes of failures before the request was written: it surely did not happen. Whatever fails otherwise may have
 * been written, in part or whole.
 */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_UNTRUSTED',
  'CERT_REVOKED',
  'HOSTNAME_MISMATCH',
  'EPROTO',
]);

export function replyOfFailure(error: unknown): Reply {
  const { code, message } = causeOf(error);
  const neverSent = NEVER_SENT.has(code) || code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_');
  return {
    outcome: neverSent ? 'retryable' : 'unknown',
    error: bounded(code === '' ? message : `${code} ${message}`),
    retryAfterMs: null,
  };
}

/** The innermost error that has a code: on Node several connect attempts are wrapped in an AggregateError. */
function causeOf(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  if (typeof code === 'string') return { code, message: error.message };
  return error.cause === undefined ? { code: '', message: error.message } : causeOf(error.cause);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** What a problem document says of itself. Of any other body nothing is kept: it may echo what it was sent. */
function reasonIn(body: string): string {
  const problem = parsed(body);
  if (typeof problem !== 'object' || problem === null) return '';
  const { type, title, detail, error, message } = problem as Record<string, unknown>;
  const says = [type, detail ?? message ?? error ?? title].filter((part) => typeof part === 'string');
  return says.join(': ');
}

function bounded(text: string): string {
  return text.length > ERROR_LENGTH_MAX ? `${text.slice(0, ERROR_LENGTH_MAX - 1)}…` : text;
}

/** An HTTP date. `Date.parse` alone would also take "-5" and "soon 3000" for one. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, .+ GMT$/;

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); anything else is as if it were not there. */
function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = HTTP_DATE.test(header.trim()) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
