/** How a label lies in a record: records that are older than labels have none. */
import { expect, it } from 'vitest';
import { decodeRecord, encodeMachine, encodeWrite } from '../../stores/redis/record.ts';
import type { SagaSummary } from '../../stores/saga-store.ts';
import { ORDER_2, summary, write } from './sagas.ts';

/** The summary as text, and as it is read back from there. */
function kept(over: Partial<SagaSummary>, change: (text: string) => string = (text) => text) {
  const text = encodeWrite('order@2', write({ summary: summary(over) }))[2] ?? '';
  const hash = {
    machine: encodeMachine(ORDER_2),
    revision: '1',
    write_id: 'w',
    snapshot: '{}',
    summary: change(text),
    state: 's',
    status: 'STARTED',
    parked: '',
    seq: '1',
    created: '1',
    updated: '1',
    owner: '',
    due: '',
  };
  const { summary: read, unreadable } = decodeRecord('07-x', hash);
  return { text, label: read.label, unreadable };
}

it.each(['b-1', null])('is read back: %s', (label) => {
  expect(kept({ label })).toMatchObject({ label, unreadable: null });
});

it('is the order id in a record that is older than labels, and one of its own where both were kept', () => {
  const old = (id: string, label?: string) => (text: string) =>
    JSON.stringify({ ...JSON.parse(text), order_id: id, ...(label === undefined ? {} : { label }) });
  expect(kept({}, old('o-7'))).toMatchObject({ label: 'o-7', unreadable: null });
  expect(kept({}, old('o-7', 'b-7'))).toMatchObject({ label: 'b-7', unreadable: null });
});

it('is what an older release reads as the order id, and so as its label', () => {
  expect(JSON.parse(kept({ label: 'b-1' }).text)).toMatchObject({ order_id: 'b-1' });
});
