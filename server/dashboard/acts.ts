/** What an operator can ask of a saga as it stands, and what will come of it, in words. */
import type { Operation, SagaHistory } from '../engine/contract.ts';
import { heldBy } from './held.ts';
import type { Chart } from './statechart/layout.ts';
import { topOf } from './statechart/marks.ts';

export interface Act {
  readonly kind: Operation['kind'];
  readonly label: string;
  /** What will happen. */
  readonly effect: string;
  readonly step?: string;
  readonly as?: 'COMPLETED' | 'FAILED';
  /** It gives something up for good. */
  readonly isGrave: boolean;
}

export const ACT_KINDS = ['retry', 'skip', 'cancel', 'resolve'] as const;

/** The engine decides again when it is asked; this only spares the operator what would be refused. */
export function actsFor({ saga }: SagaHistory, chart: Chart | null): Act[] {
  const { status, summary } = saga;
  if (chart === null || status === 'COMPLETED' || status === 'FAILED') return [];
  const node = chart.nodes.find(({ id }) => id === topOf(summary.state));
  const waits = summary.state.endsWith('.waiting');
  const cancel: Act = {
    kind: 'cancel',
    label: 'Cancel',
    effect: 'The call in flight settles; then everything that was done is undone, last step first.',
    isGrave: true,
  };
  if (status === 'ABORTED') return actsWhereParked({ saga, log: [] }, node?.kind === 'parked');
  const acts: Act[] = [];
  if (waits)
    acts.push({
      kind: 'retry',
      label: 'Retry now',
      effect: 'The next attempt is made at once.',
      isGrave: false,
    });
  if (node?.kind === 'action' && saga.context.cancelled === undefined) acts.push(cancel);
  if (node?.kind === 'compensation' && node.step !== null) acts.push(skipOf(node.step));
  return acts;
}

function actsWhereParked({ saga }: SagaHistory, isInParkedState: boolean): Act[] {
  const failed = heldBy(saga).filter(({ why }) => why !== null);
  const retry: Act = {
    kind: 'retry',
    label: failed.length > 1 ? `Retry all ${failed.length}` : 'Retry',
    effect: isInParkedState
      ? 'Each compensation that failed is called again, under the same idempotency key. What was undone stays undone.'
      : 'The saga is taken up again where it stands.',
    isGrave: false,
  };
  return [
    retry,
    ...(isInParkedState ? failed.map(({ step }) => skipOf(step)) : []),
    {
      kind: 'resolve',
      as: 'FAILED',
      label: 'Resolve as undone',
      effect:
        'The saga ends as FAILED. Nothing is called any more: what is still held stays so unless you undo it by hand.',
      isGrave: true,
    },
    {
      kind: 'resolve',
      as: 'COMPLETED',
      label: 'Resolve as completed',
      effect:
        'The saga ends as COMPLETED. Nothing is called any more: make sure that the customer got what was ordered.',
      isGrave: true,
    },
  ];
}

function skipOf(step: string): Act {
  return {
    kind: 'skip',
    step,
    label: `Skip undoing ${step}`,
    effect: `The ${step} step counts as undone, and its service is not asked again. Do this once you have undone it by hand, or can do without.`,
    isGrave: true,
  };
}

export function hrefOf(sagaPath: string, { kind, step, as }: Act): string {
  const query = new URLSearchParams({ ...(step !== undefined && { step }), ...(as !== undefined && { as }) });
  return `${sagaPath}/${kind}${query.size === 0 ? '' : `?${query}`}`;
}
