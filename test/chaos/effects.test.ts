import { expect, it } from 'vitest';
import type { JournalEntry } from '../../services-stub/journal.ts';
import { judge } from './effects.ts';
import type { Saga } from './saga.ts';

const ACTIONS = ['order', 'inventory', 'payment', 'shipping'];

/** What services did: the actions in turn, then the compensations in the order given. */
function calls(compensations: readonly string[]): JournalEntry[] {
  const entry = (service: string, kind: JournalEntry['kind'], seq: number) =>
    ({ service, step: service, kind, seq, outcome: 'performed' }) as JournalEntry;
  return [
    ...ACTIONS.map((service, at) => entry(service, 'action', at)),
    ...compensations.map((service, at) => entry(service, 'compensation', ACTIONS.length + at)),
  ];
}

function parked(held: readonly string[]): Saga {
  return {
    saga_id: 's',
    status: 'ABORTED',
    parked: { reason: 'compensation-incomplete', held: held.map((step) => ({ step })) },
    execution_log: [],
  } as unknown as Saga;
}
const failed = { saga_id: 's', status: 'FAILED', parked: null, execution_log: [] } as unknown as Saga;

it('finds nothing wrong with steps that went back in turn', () => {
  expect(judge(failed, calls(['shipping', 'payment', 'inventory', 'order'])).problems).toEqual([]);
});

it('blames steps that went back out of turn', () => {
  const disordered = calls(['payment', 'inventory', 'order', 'shipping']);
  const blamed = 'it went back payment > inventory > order > shipping';
  expect(judge(failed, disordered).problems).toContain(`saga s (FAILED): ${blamed}`);
  expect(judge(parked(['order']), disordered).problems).toEqual([`saga s (ABORTED): ${blamed}`]);
});

it('lets the undoing of a step that was given up arrive when it will', () => {
  const late = judge(parked(['shipping']), calls(['payment', 'inventory', 'order', 'shipping']));
  expect(late).toEqual({ problems: [], standing: [], namedInVain: ['shipping'] });
});
