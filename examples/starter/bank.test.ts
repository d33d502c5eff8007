/** Whether the bank keeps what a participant promises: `saga verify` asks the same of one that runs. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { verifyParticipant } from 'saga-coordinator/participant';
import { openBank } from './bank.ts';

const bank = openBank(0);
before(() => bank.listening || once(bank, 'listening'));
after(() => bank.close());

const read = (name: string) => readFile(new URL(name, import.meta.url), 'utf8');

for (const kind of ['debits', 'credits']) {
  test(`each of the ${kind} happens once, and is undone once`, async () => {
    const { verdicts } = await verifyParticipant({
      url: `http://127.0.0.1:${(bank.address() as AddressInfo).port}`,
      action: `/${kind}`,
      undo: `/${kind}/undo`,
      body: await read('order.json'),
      refused: await read('refused.json'),
      probe: '/accounts',
      ask: `/${kind}/stands`,
    });
    assert.deepEqual(
      verdicts.filter(({ holds }) => holds !== true),
      [],
    );
  });
}
