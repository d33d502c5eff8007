/** What is held, added up from what is counted by cause. */
import { expect, it } from 'vitest';
import type { RegisteredMachine } from '../../machines/index.ts';
import { ledgerOf } from '../../server/ledger.ts';
import type { CauseCount } from '../../stores/saga-store.ts';

const machine = {
  id: 'order',
  steps: [
    { name: 'payment', participant: 'bank' },
    { name: 'inventory', participant: 'stock' },
  ],
} as unknown as RegisteredMachine;

const cause = (key: string, step: string | null, n: number, sums: CauseCount['sums']): CauseCount => ({
  key,
  machine: 'order',
  step,
  kind: step === null ? null : 'compensation',
  error: key,
  n,
  sums,
  firstMs: 0,
  lastMs: 0,
});
const CAUSES = [
  cause('locked', 'inventory', 110, { stock: 110, 'stock items': 220 }),
  cause('declined', 'payment', 3, { payment: 3, 'payment EUR': 7500, stock: 2, 'stock items': 4 }),
  cause('late', 'payment', 2, { payment: 2, 'payment USD': 9900, 'payment EUR': 100 }),
  cause('claims-exhausted', null, 1, {}),
];

it('sums up each kind in each unit, money before all else, and tells whose failures it is held for', () => {
  const { sagas, totals, causes, participants } = ledgerOf(CAUSES, [machine]);
  expect(sagas).toBe(116);
  expect(totals).toEqual([
    { kind: 'payment', unit: 'USD', amount: 9900 },
    { kind: 'payment', unit: 'EUR', amount: 7600 },
    { kind: 'stock', unit: 'items', amount: 224 },
    { kind: 'stock', unit: null, amount: 112 },
    { kind: 'payment', unit: null, amount: 5 },
  ]);
  expect(causes.map(({ key, participant }) => [key, participant])).toEqual([
    ['declined', 'bank'],
    ['late', 'bank'],
    ['locked', 'stock'],
    ['claims-exhausted', null],
  ]);
  expect(participants).toEqual([
    { name: 'stock', sagas: 110, sums: { stock: 110, 'stock items': 220 } },
    {
      name: 'bank',
      sagas: 5,
      sums: { payment: 5, 'payment EUR': 7600, 'payment USD': 9900, stock: 2, 'stock items': 4 },
    },
    { name: null, sagas: 1, sums: {} },
  ]);
});

it('is narrowed to causes that hold something, or to one participant', () => {
  const keys = (filter: object) => ledgerOf(CAUSES, [machine], filter).causes.map(({ key }) => key);
  expect(keys({ kind: 'stock' })).toEqual(['declined', 'locked']);
  expect(keys({ participant: 'bank' })).toEqual(['declined', 'late']);
  expect(keys({ kind: 'stock', participant: 'bank' })).toEqual(['declined']);
  expect(ledgerOf(CAUSES, [machine], { kind: 'ship' })).toEqual({
    sagas: 0,
    totals: [],
    causes: [],
    participants: [],
  });
});
