/** What routes share in the OpenAPI document: problem documents, headers, and links from an answer to what comes next. */
import { PROBLEMS, type ProblemType } from '../problem.ts';
import { problem } from './schemas.ts';

/** Asked before any route, also before those that are open to everybody. */
const HOST = ['foreign-origin', 'misdirected-request'] as const;
const IDENTITY = ['unauthorized', 'forbidden', 'access-off', 'identity-unavailable'] as const;

/** The problem documents that a route may answer with, by status, with those that any route may. */
export function problemAnswers(...types: readonly ProblemType[]) {
  return openProblemAnswers(...types, ...IDENTITY);
}

/** As `problemAnswers`, of a route that never asks for the token. */
export function openProblemAnswers(...types: readonly ProblemType[]) {
  const all = [...types, ...HOST, 'internal-error'] as const;
  const statuses = new Set(all.map((type) => PROBLEMS[type][0]));
  return Object.fromEntries(
    [...statuses].sort().map((status) => {
      const here = all.filter((type) => PROBLEMS[type][0] === status);
      const description = here.map((type) => `\`${type}\`: ${PROBLEMS[type][1]}.`).join(' ');
      const limits = here.includes('rate-limited') ? RATE_LIMIT : {};
      const headers = status === 503 || status === 429 ? { ...RETRY_AFTER, ...limits } : {};
      return [status, { description, headers, content: { 'application/problem+json': { schema: problem } } }];
    }),
  );
}

export interface HeaderSchema {
  readonly type: 'string' | 'integer';
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maxLength?: number;
}

/** One header of a request, named for the document alone: the handler reads it, and says itself what is wrong with it. */
export function requestHeader(
  name: string,
  description: string,
  { required = false, example, ...schema }: HeaderBounds = {},
) {
  const shown = example === undefined ? {} : { example };
  return { in: 'header' as const, name, description, required, ...shown, schema: { ...TEXT, ...schema } };
}

interface HeaderBounds extends Partial<HeaderSchema> {
  readonly required?: boolean;
  readonly example?: string;
}

const TEXT = { type: 'string' } as const;

/** One header of an answer. */
export function header(name: string, description: string, schema: HeaderSchema = TEXT) {
  return { [name]: { description, schema } };
}

export const RETRY_AFTER = header('Retry-After', 'Seconds after which to ask again.', {
  type: 'integer',
  format: 'int32',
  minimum: 0,
});

/** Of draft-ietf-httpapi-ratelimit-headers-10: there where something is limited. */
export const RATE_LIMIT = {
  ...header(
    'RateLimit-Policy',
    'What is limited, where anything is: `q` starts in `w` seconds, for each `caller` and of each `machine`.',
  ),
  ...header('RateLimit', 'What is left of that: `r` starts, and one more in `t` seconds.'),
};

export const LOCATION = header('Location', 'Where the saga can be read.', {
  type: 'string',
  format: 'uri-reference',
});

/** How this coordinator writes the ETag of a saga. */
const ETAG_PATTERN = '^"\\d{1,9}"$';
/** What `If-Match` takes of a client: tags, also in their weak form. */
export const TAGS_PATTERN = '(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*';
export const ETAG = header('ETag', 'The number of its newest log entry, for `If-Match`.', {
  type: 'string',
  pattern: ETAG_PATTERN,
});

/** From an answer that has a `saga_id` to the saga, and to what it does next. */
export const SAGA_LINKS = {
  saga: linkTo('getSaga', 'The saga as it stands.'),
  events: linkTo('watchSaga', 'What it does next, as it happens.'),
};

/** From a saga that was looked at to what can be asked of it, under the ETag at which it was looked at. */
export const OPERATION_LINKS = Object.fromEntries(
  ['cancelSaga', 'retrySaga', 'skipSaga', 'resolveSaga'].map((operation) => [
    operation,
    linkTo(operation, 'Asked of the saga as it was looked at.', {
      'header.If-Match': '$response.header.ETag',
    }),
  ]),
);

function linkTo(operationId: string, description: string, parameters: Readonly<Record<string, string>> = {}) {
  return { operationId, description, parameters: { id: '$response.body#/saga_id', ...parameters } };
}
