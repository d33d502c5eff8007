/** When a breaker lets calls through, on virtual time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker, type Pass, type Verdict } from '../../server/engine/breaker.ts';
import { VirtualClock } from './virtual-clock.ts';

const SETTINGS = { failuresMax: 3, openMs: 1_000, openMaxMs: 5_000 };
const [done, refused, retryable, unknown] = (['done', 'refused', 'retryable', 'unknown'] as const).map(
  (outcome): Verdict => ({ outcome }),
) as [Verdict, Verdict, Verdict, Verdict];

function closed(): { clock: VirtualClock; breaker: Breaker } {
  const clock = new VirtualClock();
  return { clock, breaker: new Breaker(SETTINGS, clock) };
}

function through(breaker: Breaker): Pass {
  const pass = breaker.pass();
  if (pass === null) throw new Error(`nothing is let through for ${breaker.leftMs} ms`);
  return pass;
}

/** Makes calls one after the other; answers what the last of them turned the breaker into. */
function call(breaker: Breaker, ...verdicts: Verdict[]): ReturnType<Breaker['settled']> {
  return verdicts.map((verdict) => breaker.settled(through(breaker), verdict)).at(-1) ?? null;
}

function opened() {
  const world = closed();
  call(world.breaker, retryable, retryable, retryable);
  return world;
}

describe('closed', () => {
  it.each([
    ['retryable', retryable],
    ['unknown', unknown],
  ])('opens at so many outcomes %s in a row, and says so once', (_, failure) => {
    const { breaker } = closed();
    const late = through(breaker);
    expect(call(breaker, failure, failure)).toBeNull();
    expect(breaker.state).toBe('closed');
    expect(call(breaker, failure)).toBe('opened');
    expect([breaker.state, breaker.leftMs, breaker.pass()]).toEqual(['open', 1_000, null]);
    expect(breaker.settled(late, failure)).toBeNull();
  });

  it.each([
    ['done', done],
    ['refused', refused],
  ])('an outcome %s begins the count anew: one saga that always fails never opens it alone', (_, success) => {
    const { breaker } = closed();
    for (let round = 0; round < 10; round++) expect(call(breaker, unknown, unknown, success)).toBeNull();
    expect(breaker.state).toBe('closed');
  });
});

describe('open', () => {
  it('lets one call through when its time is over, and the next only when that one may hang', async () => {
    const { clock, breaker } = opened();
    await clock.pass(999);
    expect(breaker.pass()).toBeNull();
    await clock.pass(1);
    expect([breaker.state, breaker.leftMs]).toEqual(['half-open', 0]);
    expect(breaker.pass()).not.toBeNull();
    expect([breaker.state, breaker.pass()]).toEqual(['half-open', null]);
    await clock.pass(1_999);
    expect(breaker.pass()).toBeNull();
    await clock.pass(1);
    expect(breaker.pass()).not.toBeNull();
  });

  it.each([
    ['done', done],
    ['refused', refused],
  ])('closes at a probe that is %s, and says so once', async (_, success) => {
    const { clock, breaker } = opened();
    await clock.pass(1_000);
    const probe = through(breaker);
    await clock.pass(2_000);
    const second = through(breaker);
    expect(breaker.settled(probe, success)).toBe('closed');
    expect(breaker.settled(second, success)).toBeNull();
    expect(breaker.state).toBe('closed');
    // As patient as it was at first, in its failures and in its time.
    expect(call(breaker, unknown, unknown)).toBeNull();
    expect(call(breaker, unknown)).toBe('opened');
    expect(breaker.leftMs).toBe(1_000);
  });

  it('is open twice as long after each probe that failed, up to its bound, and says nothing', async () => {
    const { clock, breaker } = opened();
    for (const openMs of [2_000, 4_000, 5_000, 5_000]) {
      await clock.pass(breaker.leftMs);
      const probe = through(breaker);
      await clock.pass(300);
      expect(breaker.settled(probe, unknown)).toBeNull();
      expect([breaker.state, breaker.leftMs]).toEqual(['open', openMs]);
    }
  });

  it('takes nothing from calls that were made before it opened or closed', async () => {
    const { clock, breaker } = closed();
    const early = [through(breaker), through(breaker), through(breaker), through(breaker)];
    call(breaker, unknown, unknown, unknown);
    // What was sent before the fall says nothing about now, for better or worse.
    expect(early.slice(0, 1).map((pass) => breaker.settled(pass, done))).toEqual([null]);
    expect(breaker.state).toBe('open');
    await clock.pass(1_000);
    call(breaker, done);
    expect(early.slice(1).map((pass) => breaker.settled(pass, unknown))).toEqual([null, null, null]);
    expect(breaker.state).toBe('closed');
  });

  it.each([
    ['longer than its time is waited for', 3_000, 3_000],
    ['shorter than its time changes nothing', 10, 1_000],
    ['beyond its bound is cut: others may be served sooner', 86_400_000, 5_000],
  ])('Retry-After %s', (_, retryAfterMs, leftMs) => {
    const { breaker } = closed();
    call(breaker, retryable, retryable, { outcome: 'retryable', retryAfterMs });
    expect(breaker.leftMs).toBe(leftMs);
  });
});

it('whatever happens, a call is let through within the bound, and successes close it', async () => {
  const verdict = fc.constantFrom(done, refused, retryable, unknown, {
    outcome: 'retryable',
    retryAfterMs: 1e9,
  } as const);
  const move = fc.oneof(
    fc.record({ waitMs: fc.nat(6_000) }),
    fc.record({ settles: fc.nat(5), as: verdict }),
    fc.constant({ calls: true } as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 60 }), async (moves) => {
      const { clock, breaker } = closed();
      const flying: Pass[] = [];
      for (const one of moves) {
        if ('waitMs' in one) await clock.pass(one.waitMs);
        else if ('calls' in one) flying.push(...[breaker.pass() ?? []].flat());
        else {
          const [pass] = flying.splice(one.settles % (flying.length || 1), 1);
          if (pass !== undefined) breaker.settled(pass, one.as);
        }
        expect(breaker.leftMs).toBeLessThanOrEqual(SETTINGS.openMaxMs);
      }
      // Those that are still under way never come back.
      await clock.pass(breaker.leftMs);
      breaker.settled(through(breaker), done);
      expect(breaker.state).toBe('closed');
    }),
  );
});
