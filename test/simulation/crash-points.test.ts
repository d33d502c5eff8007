/**
 * The coordinator crashes, or sleeps past its lease, right before and right after every write and every call of every
 * scenario. The points are counted by running the scenarios, and what must be among them is read off the machine.
 */
import { expect, it } from 'vitest';
import { enumerate } from './enumerate.ts';
import { type Blow, scenarios, stage, transitionsOfMachine } from './staged.ts';

const crashes: readonly Blow[] = [
  'crash before, restarted',
  'crash before, taken over',
  'crash after, restarted',
  'crash after, taken over',
];

it('survives a crash before and after every write and every call', { timeout: 600_000 }, async () => {
  const { fallen, points, faults, uncovered } = await enumerate(crashes);
  expect(faults.slice(0, 3).join('\n\n')).toBe('');
  expect(uncovered).toEqual([]);
  expect(fallen).toBe(points * crashes.length);
});

it('lets no sleeper do harm that wakes at any write or call', { timeout: 600_000 }, async () => {
  const blows: readonly Blow[] = ['asleep before', 'asleep after'];
  const { fallen, points, faults, uncovered } = await enumerate(blows);
  expect(faults.slice(0, 3).join('\n\n')).toBe('');
  expect(uncovered).toEqual([]);
  expect(fallen).toBe(points * blows.length);
});

it('would notice a transition that no scenario makes', async () => {
  const made = new Set<string>();
  for (const scenario of scenarios()) {
    for (const { about } of (await stage(scenario)).points) made.add(about);
  }
  const transitions = transitionsOfMachine();
  expect(transitions.size).toBeGreaterThan(0);
  expect([...transitions].filter((each) => !made.has(each))).toEqual([]);

  const { uncovered } = await enumerate(['crash before, restarted'], scenarios().slice(0, 1));
  expect(uncovered).toContain(
    'crash before, restarted: processingPayment.calling -refused-> refundingPayment.calling',
  );
});
