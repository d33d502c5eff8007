/**
 * The coordinator crashes, or sleeps past its lease, right before and right after every kind of write and call. They are
 * found by running the scenarios, and what must be among them is read off the machine.
 */
import { expect, it } from 'vitest';
import { enumerate, undisturbed } from './enumerate.ts';
import { chosenBy, type SagaName } from './sagas.ts';
import { scenarios } from './scenarios.ts';
import type { Blow } from './staged.ts';
import { transitionsOf } from './walked.ts';

const crashes: readonly Blow[] = [
  'crash before, restarted',
  'crash before, taken over',
  'crash after, restarted',
  'crash after, taken over',
];
const { ENUMERATE, SAGA } = process.env;
const sagas = chosenBy(SAGA);
/** Who carries on after a crash makes no difference to a machine: in the suite the order saga has both. */
const crashesOf = (saga: SagaName) =>
  saga === 'order' || ENUMERATE === 'all' ? crashes : crashes.filter((blow) => blow.endsWith('taken over'));

it.each(sagas)(
  'survives a crash before and after every kind of write and call: %s',
  { timeout: 1_200_000 },
  async (saga) => {
    const { fallen, dealt, faults, uncovered } = await enumerate(saga, crashesOf(saga));
    expect(faults.slice(0, 3).join('\n\n')).toBe('');
    expect(uncovered).toEqual([]);
    expect(fallen).toBe(dealt);
  },
);

it.each(sagas)(
  'lets no sleeper do harm that wakes at any kind of write or call: %s',
  { timeout: 1_200_000 },
  async (saga) => {
    const blows: readonly Blow[] = ['asleep before', 'asleep after'];
    const { fallen, dealt, faults, uncovered } = await enumerate(saga, blows);
    expect(faults.slice(0, 3).join('\n\n')).toBe('');
    expect(uncovered).toEqual([]);
    expect(fallen).toBe(dealt);
  },
);

it.each(sagas)('would notice a transition that no scenario makes: %s', async (saga) => {
  const made = new Set<string>();
  for (const scenario of scenarios[saga]())
    for (const { about } of (await undisturbed(scenario)).points) made.add(about);
  const transitions = transitionsOf(saga);
  expect(transitions.size).toBeGreaterThan(0);
  expect([...transitions].filter((each) => !made.has(each))).toEqual([]);
});

it('tells of what no blow has hit', async () => {
  const { uncovered } = await enumerate('order', ['crash before, restarted'], scenarios.order().slice(0, 1));
  expect(uncovered).toContain(
    'crash before, restarted: processingPayment.calling -refused-> refundingPayment.calling',
  );
});
