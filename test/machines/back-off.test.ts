/** Repeating a call: which outcomes are repeated, how often, and after which delay. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nameOf,
  type Outcome,
  onlyCall,
  onlyWait,
  type SagaContext,
  type SagaSnapshot,
} from '../../machines/index.ts';
import { backoffMs, RETRY_AFTER_MAX_MS } from '../../machines/saga.ts';
import { at, callIn, drive, eventOf, everywhere, orderMachine, stepNames } from './placed-order.ts';

const attemptsMax = 3;
const saga = orderMachine(everywhere({ attemptsMax, backoffMs: 100, backoffMaxMs: 1_000 }));

const done = (count: number): Outcome[] => Array(count).fill('done');
const contextOf = ({ context }: SagaSnapshot): SagaContext => context;

/** All ten calls, as outcomes that lead to them. */
const calls = stepNames.flatMap((step, index) => [
  [`${step} action`, done(index)] as const,
  [`${step} compensation`, [...done(index), 'refused' as const]] as const,
]);
const repeated = calls.flatMap(([name, path]) =>
  (['retryable', 'unknown'] as const).map((outcome) => [name, outcome, path] as const),
);

/** The saga after one more failed attempt. */
function failing(
  snapshot: SagaSnapshot,
  outcome: 'retryable' | 'unknown',
  over: { random?: number; retryAfterMs?: number | null } = {},
): SagaSnapshot {
  return saga.next(snapshot, eventOf(outcome, callIn(saga, snapshot), over));
}

const due = (snapshot: SagaSnapshot) => saga.next(snapshot, { type: 'due', at });

describe.each(repeated)('the %s that ends as %s', (_, outcome, path) => {
  const first = drive(saga, path);
  const [stepState] = nameOf(first.value).split('.');

  it('waits durably, and then is the same call with the next attempt, until none is left', () => {
    let now = first;
    for (let attempt = 1; attempt < attemptsMax; attempt++) {
      expect(callIn(saga, now).attempt).toBe(attempt);
      const waiting = failing(now, outcome);
      expect(nameOf(waiting.value)).toBe(`${stepState}.waiting`);
      expect(onlyWait(saga.asks(waiting))?.until).toBe(contextOf(waiting).retryAt);

      const again = due(waiting);
      expect(contextOf(again)).toEqual({ ...contextOf(first), attempt: attempt + 1 });
      const { faultIn: _a, redact: _ra, ...call } = callIn(saga, again);
      const { faultIn: _b, redact: _rb, ...original } = callIn(saga, first);
      expect(call).toStrictEqual({ ...original, attempt: attempt + 1 });
      now = again;
    }
    const spent = failing(now, outcome);
    expect(nameOf(spent.value).split('.')[0]).not.toBe(stepState);
    // Spent attempts count as refusal does: the saga is where a refused call would have led it, but for the reason.
    const refused = saga.next(first, eventOf('refused', callIn(saga, first)));
    expect(nameOf(spent.value)).toBe(nameOf(refused.value));
    expect(contextOf(spent).held).toHaveLength(contextOf(refused).held.length);
    expect(contextOf(spent).failure).not.toBeNull();
  });

  it('leaves the count of attempts to no other call', () => {
    const waiting = failing(first, outcome);
    const after = drive(saga, ['done'], waiting);
    if (onlyCall(saga.asks(after))) expect(callIn(saga, after).attempt).toBe(1);
    const before = failing(due(failing(first, outcome)), outcome);
    const failed = drive(saga, ['refused'], before);
    if (onlyCall(saga.asks(failed))) expect(callIn(saga, failed).attempt).toBe(1);
    for (const { retryAt } of [after, failed].map(contextOf)) expect(retryAt).toBeNull();
  });

  it('waits as long as chance and the number of attempts say', () => {
    const delay = (snapshot: SagaSnapshot) => (contextOf(snapshot).retryAt ?? 0) - at;
    expect(delay(failing(first, outcome, { random: 0 }))).toBe(0);
    expect(delay(failing(first, outcome, { random: 0.999 }))).toBe(100);
    expect(delay(failing(due(failing(first, outcome)), outcome, { random: 0.999 }))).toBe(200);
    expect(delay(failing(first, outcome, { random: 0, retryAfterMs: 7_000 }))).toBe(7_000);
  });
});

describe.each(calls)('the %s that is refused', (_, path) => {
  it('is never repeated, however many attempts are left', () => {
    const first = drive(saga, path);
    const after = drive(saga, ['refused'], first);
    expect(nameOf(after.value).split('.')[0]).not.toBe(nameOf(first.value).split('.')[0]);
    expect(onlyWait(saga.asks(after))).toBeNull();
  });
});

describe('the number of attempts', () => {
  it('is the one of the step and the kind', () => {
    const machine = orderMachine((step, kind) => ({
      ...everywhere()(step, kind),
      attemptsMax: step === 'payment' ? (kind === 'action' ? 2 : 4) : 1,
    }));
    let now = drive(machine, done(2));
    const made: string[] = [];
    // Bounded, so that a machine that retries for ever fails this test instead of hanging it.
    for (let calls = 0; onlyCall(machine.asks(now)) && calls < 20; calls++) {
      const { step, kind, attempt } = callIn(machine, now);
      made.push(`${step} ${kind} ${attempt}`);
      now = drive(machine, ['retryable'], now);
      if (onlyWait(machine.asks(now))) now = machine.next(now, { type: 'due', at });
    }
    expect(made).toEqual([
      'payment action 1',
      'payment action 2',
      'payment compensation 1',
      'payment compensation 2',
      'payment compensation 3',
      'payment compensation 4',
      'inventory compensation 1',
      'order compensation 1',
    ]);
    expect(nameOf(now.value)).toBe('parked');
  });
});

describe('the delay before an attempt', () => {
  const policy = { backoffMs: 100, backoffMaxMs: 1_000 };

  it.each([
    [1, 0, null, 0],
    [1, 0.5, null, 50],
    [1, 0.999, null, 100],
    [2, 0.999, null, 200],
    [3, 0.999, null, 400],
    [4, 0.999, null, 799],
    [5, 0, null, 0],
    // From here on the cap holds: 1600, 3200, ... would be the next.
    [5, 0.999, null, 999],
    [6, 0.5, null, 500],
    [1_000, 0.999, null, 999],
    [Number.MAX_SAFE_INTEGER, 0.999, null, 999],
    // Never less than was asked for; chance may say more.
    [1, 0, 250, 250],
    [1, 0.999, 30, 100],
    [5, 0.999, 250, 999],
    [1, 0.5, 0, 50],
    // Beyond the cap of the back-off, since the participant knows better, but not beyond all bounds.
    [1, 0.5, 60_000, 60_000],
    [1, 0.5, RETRY_AFTER_MAX_MS, 300_000],
    [1, 0.5, RETRY_AFTER_MAX_MS + 1, 300_000],
    [1, 0.5, Number.POSITIVE_INFINITY, 300_000],
    [1, 0, -5_000, 0],
  ])('of attempt %i with chance %d and Retry-After %s is %i', (attempt, random, retryAfterMs, delay) => {
    expect(backoffMs(policy, attempt, random, retryAfterMs)).toBe(delay);
  });

  it('is whole, not negative, bounded, and grows with chance', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          backoffMs: fc.integer({ min: 0, max: 60_000 }),
          backoffMaxMs: fc.integer({ min: 0, max: 600_000 }),
        }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.tuple(chance, chance),
        fc.option(fc.nat()),
        (bounds, attempt, [a, b], retryAfterMs) => {
          const [lower, upper] = [Math.min(a, b), Math.max(a, b)].map((random) =>
            backoffMs(bounds, attempt, random, retryAfterMs),
          ) as [number, number];
          expect(Number.isSafeInteger(lower)).toBe(true);
          expect(lower).toBeGreaterThanOrEqual(Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
          expect(upper).toBeGreaterThanOrEqual(lower);
          expect(upper).toBeLessThanOrEqual(Math.max(bounds.backoffMaxMs, RETRY_AFTER_MAX_MS));
        },
      ),
    );
  });
});
