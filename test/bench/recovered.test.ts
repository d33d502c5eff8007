import { expect, it } from 'vitest';
import { recoveredOf, type Tale } from '../../bench/recovered.ts';
import type { NumberedEntry } from '../../stores/saga-store.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const [killedAtMs, readyAtMs] = [START + 1000, START + 2000];
const left = ['/pay', '/ship'];

const entry = (seq: number, afterMs: number, event: string, to: string): NumberedEntry => ({
  seq,
  at: new Date(START + afterMs).toISOString(),
  event,
  from: null,
  to,
  step: null,
  kind: null,
  attempt: null,
  outcome: null,
  duration_ms: null,
  error: null,
});

/** Claimed at 2.1 s, called at 2.5 s, committed at 3 s, ended at 4 s. */
const carriedOn: Tale = {
  id: 'a',
  log: [
    entry(1, 0, 'started', 'paying.calling'),
    entry(2, 2100, 'takenOver', 'paying.calling'),
    entry(3, 3000, 'done', 'shipping.calling'),
    entry(4, 4000, 'done', 'completed'),
  ],
  calls: { '/pay': 1, '/ship': 1 },
  firstCallAtMs: START + 2500,
};
const recovered = (...tales: Tale[]) => recoveredOf(tales, { killedAtMs, readyAtMs, left });

it('counts a saga as moving from its first call or commit, and not from its claim', () => {
  expect(recovered(carriedOn).movingMs.all).toBe(500);
  const putOff = {
    ...carriedOn,
    log: carriedOn.log.toSpliced(2, 0, entry(3, 2200, 'deferred', 'paying.waiting')),
  };
  expect(recovered(putOff).movingMs.all).toBe(200);
  expect(recovered(putOff, carriedOn)).toMatchObject({
    movingMs: { half: 500, all: 500 },
    takenOverMs: 100,
    deferrals: 0.5,
    takeovers: 1,
    endedPerSecond: 1,
  });
});

it('finds nothing wrong where each was called and ended, and says how often one was called again', () => {
  expect(recovered(carriedOn)).toMatchObject({ wrong: [], calls: { repeated: 0 } });
  expect(recovered({ ...carriedOn, calls: { '/pay': 2, '/ship': 1 } })).toMatchObject({
    wrong: [],
    calls: { repeated: 1 },
  });
});

it.each([
  ['a call that was never made', { ...carriedOn, calls: { '/pay': 1 } }, 'a never called /ship'],
  ['a call of what was done', { ...carriedOn, calls: { ...carriedOn.calls, '/order': 1 } }, 'which was done'],
  ['another end', { ...carriedOn, log: carriedOn.log.slice(0, 3) }, 'a ended in shipping.calling'],
])('notices %s', (_, tale, what) => {
  expect(recovered(tale).wrong.join()).toContain(what);
});
