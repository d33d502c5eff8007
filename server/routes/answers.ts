/** What routes share in the OpenAPI document: problem documents, and headers. */
import { PROBLEMS, type ProblemType } from '../problem.ts';
import { problem } from './schemas.ts';

/** Asked before any route. */
const ACCESS = ['unauthorized', 'access-off', 'foreign-origin', 'misdirected-request'] as const;

/** The problem documents that a route may answer with, by status, with those that any route may. */
export function problemAnswers(...types: readonly ProblemType[]) {
  const all = [...types, ...ACCESS, 'internal-error'] as const;
  const statuses = new Set(all.map((type) => PROBLEMS[type][0]));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const here = all.filter((type) => PROBLEMS[type][0] === status);
      const description = here.map((type) => `\`${type}\`: ${PROBLEMS[type][1]}.`).join(' ');
      const headers = status === 503 ? header('Retry-After', 'Seconds after which to ask again.') : {};
      return [status, { description, headers, content: { 'application/problem+json': { schema: problem } } }];
    }),
  );
}

/** One header of a request, which may be left out. */
export function requestHeader(name: string, description: string) {
  return { in: 'header' as const, name, description, schema: { type: 'string' as const } };
}

/** One header of an answer. */
export function header(name: string, description: string) {
  return { [name]: { description, schema: { type: 'string' as const } } };
}
