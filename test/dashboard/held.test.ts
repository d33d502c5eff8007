import { expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { RegisteredMachine } from '../../machines/index.ts';
import { returns } from '../../machines/returns.ts';
import { whoToAsk } from '../../server/dashboard/asking.tsx';
import { heldBy } from '../../server/dashboard/held.ts';
import { UNKNOWN_HELD } from '../../stores/saga-store.ts';
import { everywhere } from '../machines/placed-order.ts';

it('says what is held in the words of the saga, where it has some', () => {
  const context = {
    data: {},
    answers: { seat: { booking: 'b-1' }, meal: {} },
    attempt: 0,
    retryAt: null,
    failure: null,
    held: [],
    undone: [],
  };
  const held = ['seat', 'meal'].map((step) => ({ step, reason: 'too late', response: {} }));
  const parked = {
    reason: 'r',
    held: held.map((one) => (one.step === 'seat' ? { ...one, says: 'b-1 is booked' } : one)),
  };
  const summary = { state: 'parked' };
  const effects = heldBy({ status: 'ABORTED', steps: ['seat', 'meal'], context, parked, summary });
  expect(effects.map(({ what }) => what)).toEqual(['b-1 is booked', 'The effect of step meal stands']);
  const unknown = { reason: 'version-unknown', held: UNKNOWN_HELD };
  const said = heldBy({ status: 'ABORTED', steps: ['seat', 'meal'], context, parked: unknown, summary });
  expect(said.map(({ what, why }) => [what, why]).at(-1)).toEqual([UNKNOWN_HELD[0]?.reason, null]);
});

it('offers to ask only whom the definition names, where that is known', () => {
  const machine = new RegisteredMachine(definitionOf(returns, everywhere({})));
  expect(['return', 'return/item', 'courier', 'none'].map((step) => whoToAsk(machine, step))).toEqual([
    'warehouse',
    'warehouse',
    null,
    null,
  ]);
  expect(whoToAsk(null, 'return')).toBeNull();
});
