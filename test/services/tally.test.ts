import { expect, it } from 'vitest';
import type { JournalEntry } from '../../services-stub/journal.ts';
import { Tally } from '../../services-stub/tally.ts';

const call = (saga_id: string, over: Partial<JournalEntry> = {}): JournalEntry => ({
  seq: 1,
  at: '2026-01-01T00:00:00.000Z',
  service: 'payment',
  kind: 'action',
  saga_id,
  step: 'payment',
  attempt: 1,
  idempotency_key: 'k',
  traceparent: null,
  outcome: 'performed',
  status: 201,
  faults: [],
  ...over,
});

it('counts calls by what came of them, and each effect that happened once more', () => {
  const tally = new Tally(0);
  for (const one of [
    call('a'),
    call('a', { outcome: 'replayed', attempt: 2 }),
    call('a', { kind: 'compensation' }),
    call('a', { step: 'receipt' }),
    call('b', { outcome: 'failed', status: null }),
    call('b', { attempt: 2 }),
  ])
    tally.count(one);
  expect(tally.describe()).toEqual({
    started_at: '1970-01-01T00:00:00.000Z',
    actions: { performed: 3, replayed: 1, failed: 1 },
    compensations: { performed: 1 },
    performed_twice: 0,
    sagas: [],
    forgotten: 0,
  });
  tally.count(call('b', { attempt: 3 }));
  tally.count(call('b', { attempt: 4 }));
  expect(tally.describe()).toMatchObject({ performed_twice: 2, sagas: ['b'] });
});

it('says of how many effects it would not notice a second one any more', () => {
  const tally = new Tally(0, 10);
  for (let n = 0; n < 11; n += 1) tally.count(call(`saga-${n}`));
  expect(tally.describe()).toMatchObject({ performed_twice: 0, forgotten: 1 });
});
