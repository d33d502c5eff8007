/** The saga alone: its participant is a script, and its time passes at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore, refused, run } from 'saga-coordinator/testing';
import { transfer } from './transfer.ts';

const INPUT = { transfer: 't-1', from: 'ada', to: 'bob', cents: 500 };

test('money is taken from one account and put on the other', async () => {
  const end = await run(transfer, INPUT);
  assert.equal(end.status, 'COMPLETED');
  assert.deepEqual(end.calls, ['debit', 'credit']);
});

test('what cannot be put on the other is given back', async () => {
  const end = await run(transfer, INPUT, { credit: [refused('no such account')] });
  assert.equal(end.status, 'FAILED');
  assert.deepEqual(end.stands, []);
});

test('no money is lost, whatever is lost, refused, late or killed', async () => {
  await explore(
    transfer,
    {
      'a transfer that is completed has taken and put': ({ status, stands }) =>
        status !== 'COMPLETED' || (stands.includes('debit') && stands.includes('credit')),
      'money that another has moved is said to be held': ({ status, stands, held }) =>
        status === 'COMPLETED' ||
        ['debit', 'credit'].every((step) => !stands.includes(step) || held.some((one) => one.step === step)),
    },
    { inputs: [INPUT] },
  );
});
