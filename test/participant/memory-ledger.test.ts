import { expect, it } from 'vitest';
import { memoryLedger } from '../../participant/index.ts';
import { holdsTheTable } from './ledger-suite.ts';

holdsTheTable(
  async (options) => {
    let count = 0;
    const happens = () => {
      count += 1;
    };
    return { ledger: memoryLedger(options), happens, effects: () => count };
  },
  { takesBack: false },
);

it('says how many calls wait for another one of their step, and lets those of other steps by', async () => {
  const ledger = memoryLedger();
  let leave = () => {};
  const gate = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const nothing = { entry: null, hasEffect: false, result: null };
  const settle = (step: string, until: Promise<void> | null) =>
    ledger.settle({ sagaId: 's', step }, async () => {
      await until;
      return nothing;
    });
  const slow = [settle('slow', gate), settle('slow', null), settle('slow', null)];
  await settle('quick', null);
  expect(ledger.waiting()).toBe(2);
  leave();
  await Promise.all(slow);
  expect(ledger.waiting()).toBe(0);
});

it('forgets the oldest where it has no more room', async () => {
  const ledger = memoryLedger({ entriesMax: 10 });
  const entry = { digest: null, action: null, compensation: { status: 204, body: null } };
  const known: boolean[] = [];
  const settle = (sagaId: string) =>
    ledger.settle({ sagaId, step: 'a' }, async (found) => ({
      entry,
      hasEffect: true,
      result: found !== null,
    }));
  for (let saga = 0; saga < 11; saga += 1) await settle(`s${saga}`);
  for (const saga of [10, 1]) known.push(await settle(`s${saga}`));
  known.push(await settle('s0'));
  expect(known).toEqual([true, true, false]);
});
