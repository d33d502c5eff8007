/** The answers that routes share in the OpenAPI document. */
import { PROBLEMS } from '../problem.ts';
import { problem } from './schemas.ts';

type ProblemStatus = (typeof PROBLEMS)[keyof typeof PROBLEMS][0];

/** The problem documents that a route may answer with, by status. */
export function problemAnswers(...statuses: readonly ProblemStatus[]) {
  return Object.fromEntries(
    statuses.map((status) => {
      const types = Object.entries(PROBLEMS).filter(([, [found]]) => found === status);
      const description = types.map(([type, [, title]]) => `\`${type}\`: ${title}.`).join(' ');
      return [status, { description, content: { 'application/problem+json': { schema: problem } } }];
    }),
  );
}
