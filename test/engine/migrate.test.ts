/** The move of one saga to a newer version, before a store that is told by hand what it answers. */
import { expect, it } from 'vitest';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { migrate } from '../../server/engine/migrate.ts';
import type { Surroundings } from '../../server/engine/surroundings.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import { type Claimed, type SagaRecord, StoreUnavailableError } from '../../stores/saga-store.ts';
import { at, drive, orderMachine } from '../machines/placed-order.ts';
import { newSaga } from '../stores/sagas.ts';
import { VirtualClock } from './virtual-clock.ts';

const machine = orderMachine();
const snapshot = drive(machine, ['done']);
const old = newSaga(new MemoryStore({ now: () => at }));
const record = {
  ...{
    id: '00-0af76519-16cd-43dd-8448-eb211c80319c',
    trace: null,
    seq: 4,
    fence: { revision: 3, writeId: 'a/1/3' },
  },
  ...{ snapshot: '{}', createdAtMs: at - 100, updatedAtMs: at - 50, status: 'STARTED' },
  machine: { id: 'order', version: '0', structure: 'x' },
  summary: { ...old.summary, state: 'doing_a.calling', steps_completed: 3, total_steps: 7 },
} as unknown as SagaRecord;
const claim: Claimed = { record, remainingMs: 1_000 };

async function moved(answer: () => Promise<unknown>) {
  const asked: unknown[][] = [];
  const events: EngineEvent[] = [];
  const clock = new VirtualClock();
  await clock.pass(70);
  const store = {
    migrate: (...args: unknown[]) => {
      asked.push(args);
      return answer();
    },
  };
  const world = { store, clock, observe: (event: EngineEvent) => void events.push(event) };
  const result = await migrate(world as unknown as Surroundings, claim, machine, snapshot, 'b/1/1');
  return { asked, events, result };
}

it('is one fenced write of all that the newer version makes of it, and tells what that was', async () => {
  const fence = { revision: 4, writeId: 'b/1/1' };
  const { asked, events, result } = await moved(async () => ({
    ...{ kind: 'committed', seq: 5, fence, remainingMs: 900 },
  }));
  const to = { id: 'order', version: '1', structure: machine.structure };
  const summary = { state: 'reservingInventory.calling', steps_completed: 1, total_steps: 5 };
  expect(asked).toMatchObject([
    [
      record.id,
      record.fence,
      {
        ...{ writeId: 'b/1/1', machine: to, snapshot: machine.persist(snapshot), summary },
        terms: machine.terms.of(snapshot.context.data),
        counts: { 'total_steps.held': -2, 'completed_steps.held': -2 },
      },
    ],
  ]);
  expect(asked[0]?.[2]).toHaveProperty('entry', {
    ...{ at: new Date(at + 70).toISOString(), event: 'migrated', reason: 'order@0 to order@1' },
    ...{ from: 'doing_a.calling', to: 'reservingInventory.calling', step: null, kind: null, attempt: null },
    ...{ outcome: null, duration_ms: null, error: null },
  });
  expect(events).toMatchObject([{ type: 'migrated', id: record.id, machine: { version: '1' }, from: '0' }]);
  expect(result).toMatchObject({
    sentAt: 70,
    claim: {
      remainingMs: 900,
      record: {
        ...{
          id: record.id,
          machine: to,
          summary,
          fence,
          seq: 5,
          updatedAtMs: at + 70,
          createdAtMs: at - 100,
        },
        snapshot: machine.persist(snapshot),
      },
    },
  });
});

it('leaves the saga alone where others have it, where the store is away, and is no place for bugs', async () => {
  const stale = await moved(async () => ({ kind: 'stale' }));
  expect([stale.result, stale.events]).toMatchObject([null, [{ type: 'lost', id: record.id, why: 'stale' }]]);
  const away = await moved(() => Promise.reject(new StoreUnavailableError('away', true)));
  expect([away.result, away.events]).toMatchObject([
    null,
    [{ type: 'store-fault', doing: `migration of saga ${record.id}` }],
  ]);
  await expect(moved(() => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
});
