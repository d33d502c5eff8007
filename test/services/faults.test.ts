import { describe, expect, it, onTestFinished } from 'vitest';
import { type FaultRule, Faults } from '../../services-stub/faults.ts';

const rule = (given: Partial<FaultRule>): FaultRule => ({ endpoint: 'action', kind: 'hang', ...given });
const withRules = (...rules: FaultRule[]) => {
  const faults = new Faults();
  faults.set(rules);
  return faults;
};
const draws = (faults: Faults, count: number) =>
  Array.from({ length: count }, () => faults.draw('action', '/pay', 'saga-1').struckBy.length);

describe('fault rules', () => {
  it('strike nobody where none stands', () => {
    expect(new Faults().draw('action', '/pay', 'saga-1')).toMatchObject({
      struckBy: [],
      delayMs: 0,
      ending: null,
    });
  });

  it('strike the next N calls', () => {
    expect(draws(withRules(rule({ times: 2 })), 4)).toEqual([1, 1, 0, 0]);
  });

  it('strike always where nothing limits them', () => {
    expect(draws(withRules(rule({})), 3)).toEqual([1, 1, 1]);
  });

  it('strike by chance the same calls for the same seed', () => {
    const run = (seed: number) => draws(withRules(rule({ probability: 0.5, seed })), 200);
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
    const hits = run(7).filter((struck) => struck === 1).length;
    expect(hits).toBeGreaterThan(60);
    expect(hits).toBeLessThan(140);
  });

  it('with probability 0 never strike and with 1 always', () => {
    expect(draws(withRules(rule({ probability: 0 })), 3)).toEqual([0, 0, 0]);
    expect(draws(withRules(rule({ probability: 1 })), 3)).toEqual([1, 1, 1]);
  });

  it('by chance strike at most N times where both are given', () => {
    const hits = draws(withRules(rule({ probability: 0.5, times: 3 })), 100);
    expect(hits.filter((struck) => struck === 1)).toHaveLength(3);
  });

  it('stand together: delays add up, and the answer is lost besides', () => {
    const faults = withRules(
      rule({ kind: 'latency', latency_ms: 10 }),
      rule({ kind: 'latency', latency_ms: 5 }),
      rule({ kind: 'slow-effect', latency_ms: 7 }),
      rule({ kind: 'lose-answer' }),
    );
    expect(faults.draw('action', '/pay', 'saga-1')).toMatchObject({
      struckBy: ['latency', 'latency', 'slow-effect', 'lose-answer'],
      delayMs: 15,
      effectDelayMs: 7,
      loseAnswer: true,
      ending: null,
    });
  });

  it('that end a call leave later rules for later calls', () => {
    const faults = withRules(
      rule({ kind: 'status', status: 503, times: 1 }),
      rule({ kind: 'status', status: 500, times: 1 }),
    );
    const endings = Array.from({ length: 3 }, () => faults.draw('action', '/pay', 'saga-1').ending);
    expect(endings).toMatchObject([{ status: 503 }, { status: 500 }, null]);
  });

  it('hold as many calls as come, without Node taking them for a leak', async () => {
    const warnings: string[] = [];
    const hear = ({ name }: Error) => warnings.push(name);
    process.on('warning', hear);
    onTestFinished(() => void process.off('warning', hear));
    const faults = withRules(rule({}));
    for (let at = 0; at < 20; at += 1) {
      faults.draw('action', '/pay', 'saga-1').lifted.addEventListener('abort', () => {});
    }
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });

  it('are lifted for the calls that they hold, and only by clearing', () => {
    const faults = withRules(rule({}));
    const { lifted } = faults.draw('action', '/pay', 'saga-1');
    faults.set([]);
    expect(lifted.aborted).toBe(false);
    faults.clear();
    expect(lifted.aborted).toBe(true);
    expect(faults.draw('action', '/pay', 'saga-1').lifted.aborted).toBe(false);
  });
});
