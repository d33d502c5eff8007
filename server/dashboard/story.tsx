/** What a saga is at, in one or two sentences. */
import type { Child } from 'hono/jsx';
import type { SagaHistory } from '../engine/contract.ts';
import { heldBy } from './held.ts';
import { isWaiting, stateWords } from './state-words.ts';
import { listOf, span, words } from './wording.ts';

export function headlineOf({ saga, log }: SagaHistory, now: number): Child {
  const { status, summary, context, parked } = saga;
  const why = context.failure === null ? '' : ` ${because(context.failure)}`;
  switch (status) {
    case 'COMPLETED':
      return context.resolution
        ? `Resolved as completed by ${context.resolution.by}: ${context.resolution.reason}`
        : 'All steps were done.';
    case 'FAILED':
      return context.resolution
        ? `Resolved as undone by ${context.resolution.by}: ${context.resolution.reason}`
        : `Everything that had been done was undone.${why}`;
    case 'ABORTED': {
      const given = GIVEN_UP[parked?.reason ?? ''];
      if (given !== undefined)
        return `The coordinator gave the saga up, in ${stateWords(summary.state)}: ${given}.`;
      const failed = heldBy(saga)
        .filter((effect) => effect.why !== null)
        .map(({ step }) => step);
      return `Parked: ${listOf(failed) || 'something'} could not be undone.${why}`;
    }
    default: {
      const doing = stateWords(summary.state);
      if (context.retryAt !== null && isWaiting(summary.state)) {
        const left = context.retryAt - now;
        const error = log.findLast(({ error: found }) => found !== null)?.error;
        return (
          <>
            {doing}: attempt {context.attempt + 1} is made{' '}
            <span data-until={context.retryAt}>{left > 0 ? `in ${span(left)}` : 'now'}</span>.
            {error ? ` The last one failed: ${error}` : ''}
          </>
        );
      }
      return `${doing}${context.attempt > 1 ? `, attempt ${context.attempt}` : ''}.${why}`;
    }
  }
}

/** Why a saga was parked without its statechart, by the reason. */
const GIVEN_UP: Readonly<Record<string, string>> = {
  'claims-exhausted': 'it was taken up too often without getting any further',
  unreadable: 'its record cannot be read',
  'key-missing': 'the key of its record is not here',
  'version-unknown': 'no coordinator runs its version any more',
  'definition-error': 'a function of its own definition failed',
  forgotten: 'the store had forgotten it, so it was stored anew as it was known',
};

function because({ step, reason }: { step: string | null; reason: string }): string {
  return step === null ? words(reason) : `${words(step)} failed: ${reason}`;
}
