/** What a saga is at, in one or two sentences. */
import type { SagaHistory } from '../engine/contract.ts';
import { heldBy } from './held.ts';
import { span, words } from './wording.ts';

export function headlineOf({ saga, log }: SagaHistory, now: number): string {
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
      if (parked?.reason === 'claims-exhausted') {
        return `The coordinator gave the saga up: it was taken up too often without getting any further, in ${words(summary.state)}.`;
      }
      const failed = heldBy(saga)
        .filter((effect) => effect.why !== null)
        .map(({ step }) => step);
      return `Parked: ${listOf(failed)} could not be undone.${why}`;
    }
    default: {
      const doing = words(summary.state);
      if (context.retryAt !== null && summary.state.endsWith('.waiting')) {
        const left = context.retryAt - now;
        const when = left > 0 ? `in ${span(left)}` : 'now';
        const error = log.findLast(({ error: found }) => found !== null)?.error;
        return `${doing}: attempt ${context.attempt + 1} is made ${when}.${error ? ` The last one failed: ${error}` : ''}`;
      }
      return `${doing}${context.attempt > 1 ? `, attempt ${context.attempt}` : ''}.${why}`;
    }
  }
}

function because({ step, reason }: { step: string | null; reason: string }): string {
  return step === null ? words(reason) : `${words(step)} failed: ${reason}`;
}

function listOf(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? 'something';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
