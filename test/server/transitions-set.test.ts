/** What a start says of a machine whose table is found to differ from XState, and how tables are switched off. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { orderSaga } from '../../machines/order.ts';
import { assemble, type Closing, closeAll } from '../../server/assembly.ts';
import { readSettings } from '../../server/config.ts';
import { openMemory } from '../../server/open-store.ts';
import { everywhere } from '../machines/placed-order.ts';

/** The log of a start with an order saga whose states do not do what they were configured to do. */
async function logOf(environment: Readonly<Record<string, string>>): Promise<unknown[]> {
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
  const definition = orderSaga(everywhere());
  const { root } = definition.machine;
  const calling = root.states.creatingOrder?.states.calling as AnyStateNode;
  (calling.transitions.get('done')?.at(-1) as { actions: readonly unknown[] }).actions = [];
  const closing: Closing = [];
  await assemble(
    {
      settings: readSettings(environment),
      logger,
      sagas: () => [definition],
      openStore: async () => openMemory({ partitions: null, auditKey: null, inFlightMax: 1 }),
      interruption: new AbortController().signal,
      siblings: null,
    },
    closing,
  );
  await closeAll(closing);
  return lines.map((line) => JSON.parse(line));
}

it('a table that differs is no reason not to start, and is told as an error', async () => {
  expect(await logOf({})).toMatchObject([
    {
      level: 50,
      machine: 'order',
      version: '1',
      difference: expect.stringContaining('in creatingOrder.calling on done'),
    },
  ]);
});

it('no table is made, and none can differ, where XState is set to make all transitions', async () => {
  expect(await logOf({ TRANSITIONS: 'xstate' })).toEqual([]);
});
