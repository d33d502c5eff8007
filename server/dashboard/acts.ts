/** What an operator can ask of a saga as it stands, and what will come of it, in words. */
import { addressOf } from '../../machines/parts.ts';
import type { Operation, SagaHistory } from '../engine/contract.ts';
import { heldBy } from './held.ts';
import { type Active, standingIn } from './statechart/active.ts';
import type { Chart } from './statechart/chart.ts';

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
  const standing = standingIn(chart, summary.state);
  if (status === 'ABORTED')
    return actsWhereParked(
      { saga, log: [] },
      standing.some(({ node }) => node.kind === 'parked'),
    );
  const items = standing.flatMap(({ node }) =>
    node.isMany && node.step !== null
      ? (saga.context.items?.[node.step] ?? []).map((item) => ({ ...item, step: node.step, kind: node.kind }))
      : [],
  );
  const waits =
    items.some(({ phase }) => phase === 'waiting') ||
    standing.some(({ inner }) => inner === 'waiting' || inner === 'pending');
  const acts: Act[] = [];
  if (waits)
    acts.push({
      kind: 'retry',
      label: 'Retry now',
      effect: 'The next attempt is made at once.',
      isGrave: false,
    });
  // Behind the pivot nothing is undone.
  const isPast = ({ node: { y } }: Active) => chart.pivots.some((pivot) => pivot.y < y);
  const isForward = standing.some((one) => one.node.lane === 'there' && !isPast(one));
  if (isForward && saga.context.cancelled === undefined)
    acts.push({
      kind: 'cancel',
      label: 'Cancel',
      effect: 'The call in flight settles; then everything that was done is undone, last step first.',
      isGrave: true,
    });
  for (const { node } of standing) {
    if (node.kind === 'compensation' && node.step !== null && !node.isMany) acts.push(skipOf(node.step));
  }
  for (const { kind, phase, step, key } of items) {
    const isOpen = phase === 'calling' || phase === 'waiting';
    if (kind === 'compensation' && isOpen && step !== null) acts.push(skipOf(addressOf(step, key)));
  }
  return acts;
}

function actsWhereParked({ saga }: SagaHistory, isInParkedState: boolean): Act[] {
  const failed = heldBy(saga).filter(({ why }) => why !== null);
  const retry: Act = {
    kind: 'retry',
    label: isInParkedState && failed.length > 1 ? `Retry all ${failed.length}` : 'Retry',
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
        'The saga ends as undone. Nothing is called any more: what is still held stays so unless you undo it by hand.',
      isGrave: true,
    },
    {
      kind: 'resolve',
      as: 'COMPLETED',
      label: 'Resolve as completed',
      effect:
        'The saga ends as completed. Nothing is called any more: make sure that everything is there that it was begun for.',
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
