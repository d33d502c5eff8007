/** Where two sagas part, and where one has waited: told of logs that are written out. */
import { expect, it } from 'vitest';
import { compare } from '../../server/dashboard/comparison.ts';
import type { SagaHistory } from '../../server/engine/contract.ts';

/** Entries as `state after ms [by event] [of step in ms]`. */
function saga(
  status: string,
  ...lines: readonly [to: string, afterMs: number, event: string, call?: [string, number]][]
) {
  let at = 0;
  const log = lines.map(([to, afterMs, event, call], index) => {
    at += afterMs;
    return {
      ...{ seq: index + 1, at: new Date(at).toISOString(), event, to, step: call?.[0] ?? null },
      ...{
        kind: call ? 'action' : null,
        duration_ms: call?.[1] ?? null,
        error: event === 'refused' ? 'no' : null,
      },
    };
  });
  return { saga: { status }, log } as unknown as SagaHistory;
}
const nobodyKnows = () => null;
const paid = saga(
  'COMPLETED',
  ['stock', 0, 'started'],
  ['payment', 20, 'done', ['stock', 15]],
  ['paid', 30, 'done', ['payment', 25]],
);

it('says in which place they part, and by what each had left the one before', () => {
  const declined = saga(
    'FAILED',
    ['stock', 0, 'started'],
    ['payment', 20, 'done', ['stock', 15]],
    ['undoing', 30, 'refused', ['payment', 25]],
    ['undone', 5, 'done', ['stock', 5]],
  );
  const { rows, partsAt } = compare(declined, paid, nobodyKnows, 0);
  expect(partsAt).toBe(2);
  expect(rows).toHaveLength(4);
  expect(rows[1]).toMatchObject({
    own: { left: { event: 'refused', error: 'no' } },
    other: { left: { event: 'done' } },
  });
  expect(rows[3]).toMatchObject({ own: { state: 'undone', left: null, ms: null }, other: null });
  expect(compare(paid, paid, nobodyKnows, 0).partsAt).toBeNull();
  expect(compare(paid, null, nobodyKnows, 0).partsAt).toBeNull();
});

it('marks where one has stood much longer than the other in the same place, and nowhere else', () => {
  const longIn = (own: SagaHistory, other: SagaHistory | null) =>
    compare(own, other, nobodyKnows, 0).rows.map(({ isLong }) => isLong);
  const slow = saga('COMPLETED', ['stock', 0, 'started'], ['payment', 101, 'done'], ['paid', 61, 'done']);
  expect(longIn(slow, paid)).toEqual([true, false, false]);
  expect(longIn(paid, slow)).toEqual([false, false, false]);
  expect(longIn(saga('FAILED', ['elsewhere', 0, 'started'], ['payment', 900, 'done']), paid)).toEqual([
    false,
    false,
    false,
  ]);
  expect(
    longIn(
      saga('FAILED', ['stock', 0, 'started'], ['payment', 200, 'done']),
      saga('FAILED', ['stock', 0, 'started'], ['payment', 100, 'done']),
    ),
  ).toEqual([false, false]);
});

it('holds calls against what is usual for their step, an item against that of its step', () => {
  const usual = (step: string) => (step === 'insurance' ? 50 : null);
  const insured = saga(
    'COMPLETED',
    ['insurance', 0, 'started'],
    ['paid', 400, 'done', ['insurance/ada', 101]],
    ['end', 900, 'done', ['other', 900]],
  );
  expect(compare(insured, null, usual, 0).rows).toMatchObject([
    { usualMs: 50, isLong: true },
    { usualMs: null, isLong: false },
    { usualMs: null, isLong: false },
  ]);
});

it('lets one that has not ended stand where it stands until now', () => {
  const open = saga('STARTED', ['stock', 0, 'started'], ['payment', 20, 'done']);
  expect(compare(open, null, nobodyKnows, 5_020).rows[1]?.own).toMatchObject({ ms: 5_000, left: null });
  // Clocks may differ.
  expect(compare(open, null, nobodyKnows, 0).rows[1]?.own).toMatchObject({ ms: 0 });
});
