/** What the doors have in common by which a saga is told of something: its events, and outcomes of its calls. */
import type { NotSent } from '../engine/contract.ts';
import { Problem, RETRY_AFTER_SECONDS } from '../problem.ts';

/** What may be wrong with what is told, beside whoever tells it. */
export const TELLING_PROBLEMS = [
  'malformed-json',
  'saga-not-found',
  'saga-ended',
  'no-such-event',
  'body-too-large',
  'unsupported-media-type',
  'validation-error',
  'too-many-events',
  'store-unavailable',
] as const;

/** @param what was told, as a person calls it: `event` */
export function notSent(id: string, what: string, result: NotSent): Problem {
  switch (result.kind) {
    case 'missing':
      return new Problem('saga-not-found', `no saga ${id} is stored`);
    case 'ended':
      return new Problem('saga-ended', `it ended as ${result.status}: no ${what} reaches it any more`);
    case 'unknown-version': {
      const { id: machine, version } = result.machine;
      const detail = `this coordinator does not run ${machine}@${version}, on which the saga began: ask one that does`;
      return new Problem('no-such-event', detail);
    }
    case 'unreadable': {
      const detail = `the saga cannot be read, and so takes no ${what}: an operator must look`;
      return new Problem('no-such-event', detail);
    }
    case 'full':
    case 'busy':
      return new Problem(
        'too-many-events',
        'send it again when the saga has taken what came before',
        {},
        { 'retry-after': RETRY_AFTER_SECONDS },
      );
    default:
      return result satisfies never;
  }
}
