/** What a process keeps of the sagas that it has in hand: bounded, and given on once. */
import { expect, it } from 'vitest';
import { type Ended, InHand } from '../../stores/redis/in-hand.ts';
import type { NewSaga } from '../../stores/saga-store.ts';
import { act, end, ORDER, summary, wait, write } from './sagas.ts';

function inHand() {
  const ended: Ended[] = [];
  const all = new InHand((saga) => ended.push(saga));
  const begun = (id: string, next = act()) => {
    const saga: NewSaga = { ...write({ next }), id, machine: ORDER, trace: null, idempotency: null };
    all.begun({ ...saga, writeId: `${id} 1` }, 'first', ['a.held', '1'], 'ff00'.repeat(16));
  };
  const ends = (id: string) => {
    const last = write({ writeId: `${id} 2`, next: end(), snapshot: '{}', summary: summary() });
    all.went(id, 'order@1', { revision: 1, writeId: `${id} 1` }, last, 'last', [
      'b.held',
      '1',
      'c',
      '2',
      'a.held',
      '1',
    ]);
  };
  return { all, begun, ends, ended };
}

it('gives on what was written of a saga that ends, once', () => {
  const { begun, ends, ended } = inHand();
  begun('x');
  ends('x');
  ends('x');
  expect(ended).toEqual([
    {
      id: 'x',
      machine: 'order@1',
      revision: '2',
      writeId: 'x 2',
      snapshot: '{}',
      trace: '',
      lines: ['first', 'last'],
      brief: '["o-1",2,5,null,null]',
      ofMachine: '["order","1","abc"]',
      led: '',
      key: '_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wA',
      stays: ['held:a.held', 'held:b.held'],
    },
  ]);
});

it('knows nothing of one that waits from its beginning, or that is to be forgotten', () => {
  const { all, begun, ends, ended } = inHand();
  begun('waits', wait());
  begun('gone');
  all.forget('gone');
  ends('waits');
  ends('gone');
  expect(ended).toEqual([]);
});

it('forgets the oldest of more than ten thousand', () => {
  const { begun, ends, ended } = inHand();
  for (let nth = 0; nth <= 10_000; nth += 1) begun(String(nth));
  for (const id of ['0', '1']) ends(id);
  expect(ended.map(({ id }) => id)).toEqual(['1']);
});
