/** What can come in place of an answer. */
import type { components } from './schema.ts';

export type Problem = components['schemas']['Problem'];
export type ProblemType = components['schemas']['ProblemType'];

/** Nobody answered, or not to the end. What was sent may have been received. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The coordinator refused the request and said why (RFC 9457); docs/errors.md has a section on each type. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong, in a word that never changes; `null` where what answered is no coordinator. */
  readonly type: ProblemType | null;
  /** The whole document: `detail`, and `errors` with a JSON pointer to each bad field; `null` as above. */
  readonly problem: Problem | null;
  /** How long to wait before asking again, in milliseconds, as `Retry-After` says; `null` where nothing does. */
  readonly retryAfterMs: number | null;

  constructor(message: string, status: number, problem: Problem | null, retryAfterMs: number | null = null) {
    super(message);
    this.status = status;
    this.type = problem?.type ?? null;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Too many just now, and nobody who can. */
const PASSING = new Set([429, 503]);

/** Whether the same question may be answered later, here or by another coordinator. */
export function isPassing(error: unknown): error is UnreachableError | ProblemError {
  return error instanceof UnreachableError || (error instanceof ProblemError && PASSING.has(error.status));
}
