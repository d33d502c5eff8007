/** Requests that were refused, as RFC 9457 problem documents. Each type has its page in docs/errors.md. */
import type { Context } from 'hono';
import { answer } from './answer.ts';

/** Every type of problem with its status and title. A type never changes its meaning. */
export const PROBLEMS = {
  'malformed-json': [400, 'The body is not JSON'],
  'malformed-form': [400, 'The form cannot be read'],
  'invalid-header': [400, 'A request header cannot be read'],
  'invalid-query': [400, 'A query parameter cannot be used'],
  'validation-error': [422, 'The body is not as the contract says'],
  'idempotency-key-reused': [422, 'The idempotency key was used before with another body'],
  'unsupported-media-type': [415, 'The body is of a kind that is not read'],
  'body-too-large': [413, 'The body is too large'],
  unauthorized: [401, 'The request needs the right token'],
  'callback-unauthorized': [401, 'The call-back needs the token of its call'],
  forbidden: [403, 'The request needs another role'],
  'login-failed': [400, 'The login cannot be completed'],
  'identity-unavailable': [503, 'Nobody can tell who asks'],
  'access-off': [403, 'Reads and commands are switched off'],
  'foreign-origin': [403, 'The request comes from a page of another server'],
  'misdirected-request': [421, 'The request is for another server'],
  'not-found': [404, 'There is nothing at this path'],
  'saga-not-found': [404, 'There is no such saga'],
  'machine-not-found': [404, 'There is no such machine here'],
  'service-not-found': [404, 'There is no such service'],
  'no-such-event': [409, 'The saga knows no such event in the state in which it stands'],
  'not-askable': [409, 'The participant cannot be asked about that'],
  unproven: [409, 'The participant does not say that it is undone'],
  'saga-ended': [409, 'The saga has ended'],
  'saga-moved': [412, 'The saga has moved on since it was looked at'],
  'precondition-required': [428, 'The request must say which version of the saga it is about'],
  'rate-limited': [429, 'Sagas are started faster than they may be'],
  'too-many-requests': [503, 'Too many requests for this saga wait already'],
  'too-many-events': [429, 'Too many events wait for this saga already'],
  'too-many-watchers': [503, 'Too many watch already'],
  'method-not-allowed': [405, 'This path does not know the method'],
  draining: [503, 'The coordinator is stopping'],
  overloaded: [503, 'There are all the running sagas that there may be'],
  'store-unavailable': [503, 'The store cannot be reached'],
  'saga-forgotten': [500, 'The store has forgotten the saga'],
  'start-unknown': [503, 'The saga may have started'],
  'definition-error': [500, 'The definition of the saga has a fault'],
  'internal-error': [500, 'The coordinator has a fault'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemType = keyof typeof PROBLEMS;

/** Members of the document beside type, title, status and detail. */
type Members = Readonly<Record<string, unknown>>;

/** Thrown by a route, answered by the app's one error handler. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly type: ProblemType;
  readonly members: Members;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    type: ProblemType,
    detail: string,
    members: Members = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.type = type;
    this.members = members;
    this.headers = headers;
  }
}

/** A store that is away comes back in seconds: a client should ask again soon. */
export const RETRY_AFTER_SECONDS = '2';

export function answerProblem(c: Context, { type, message, members, headers }: Problem): Response {
  const [status, title] = PROBLEMS[type];
  const retry = status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {};
  const request_id = c.get('requestId');
  return answer(c, JSON.stringify({ type, title, status, detail: message, request_id, ...members }), status, {
    'content-type': 'application/problem+json',
    ...retry,
    ...headers,
  });
}

/** What is wrong with one place of a body. */
export interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code?: string | undefined;
  readonly keys?: readonly string[];
}

/** A field that is wrong, by a JSON pointer (RFC 6901). */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** What zod found, each with the field that is wrong. */
function errorsOf(issues: readonly Issue[]): FieldError[] {
  const errors = issues.slice(0, ERRORS_MAX).flatMap(({ path, message, code, keys }) => {
    if (code !== 'unrecognized_keys' || keys === undefined)
      return [{ pointer: pointerTo(path), detail: message }];
    // zod points at the object; the client wants to know which of its fields is too many.
    return keys
      .slice(0, ERRORS_MAX)
      .map((key) => ({ pointer: pointerTo([...path, key]), detail: 'unknown field' }));
  });
  return errors.slice(0, ERRORS_MAX);
}

/** A body of which these places are wrong. */
export function invalid(issues: readonly Issue[]): Problem {
  return new Problem('validation-error', 'see errors for each bad field', { errors: errorsOf(issues) });
}

/** Of a body that was `invalid`; of any other problem none. */
export function errorsIn({ members }: Problem): readonly FieldError[] {
  return (members.errors ?? []) as readonly FieldError[];
}

/** Enough to mend a body by; a body of a thousand wrong items does not get a thousand lines. */
const ERRORS_MAX = 50;

function pointerTo(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1').slice(0, 100)}`)
    .join('');
}
