/** Every act of an operator stands in the audit as soon as it has taken effect, with what it led from and to; and nothing else does. */
import { afterEach, expect, it } from 'vitest';
import type { Operation } from '../../server/engine/contract.ts';
import { AuditVerifier } from '../../stores/audit-verify.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import { Gate } from './gate.ts';
import { APPROVAL, RARELY, startTrip, tripWorld } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import { done, refused, replyLost, retryable, World } from './world.ts';

let world: World;

const audit = async (store = world.store) => (await store.audit.list({}, null, 100)).entries.toReversed();
const asked = (over: Partial<Operation> & Pick<Operation, 'kind'>): Operation => {
  return { by: 'ada', actor: 'user:ada', reason: `why ${over.kind}`, ifSeq: null, ...over };
};

afterEach(async () => {
  // As many as the logs tell of, and chained.
  const verifier = new AuditVerifier(null);
  for (const line of (await world.store.audit.read(0, 0, 1_000)).lines) verifier.add(line);
  expect(verifier.verified().faults).toEqual([]);
  const entries = await audit();
  if (entries.some(({ action }) => action === 'trimmed')) return;
  const { sagas } = await world.store.list({}, null, 100);
  const logs = await Promise.all(sagas.map(async ({ id }) => ({ id, log: await world.store.log(id) })));
  const told = logs.flatMap(({ id, log }) =>
    log.filter(({ by }) => by === 'ada').map((one) => [id, one.event]),
  );
  const kept = entries.filter(({ saga_id: id }) => sagas.some((saga) => saga.id === id));
  expect(
    kept
      .filter(({ by }) => by === 'ada')
      .map((one) => [one.saga_id, one.action])
      .sort(),
  ).toEqual(told.sort());
});

/** A saga that is parked because a refund and a release were refused. */
async function parked() {
  world = new World();
  world.reply('shipping', 'action', refused());
  world.reply('payment', 'compensation', refused());
  world.reply('inventory', 'compensation', refused());
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  const settle = async (operation: Operation) => {
    expect((await a.engine.operate(id, operation)).kind).toBe('accepted');
    // Also where a commit is repeated.
    await world.clock.pass(100);
  };
  return { id, settle, ...a };
}

it('tells of a retry, a skip and a resolve with what they led from and to', async () => {
  const { id, settle } = await parked();
  world.reply('payment', 'compensation', refused());
  world.reply('inventory', 'compensation', refused());
  await settle(asked({ kind: 'retry' }));
  await settle(asked({ kind: 'skip', step: 'payment' }));
  await settle(asked({ kind: 'resolve', as: 'FAILED', by: 'bob', actor: 'token:night-shift' }));
  const entries = await audit();
  const where = (state: string, status = 'ABORTED') => ({ state, status });
  expect(entries).toMatchObject([
    {
      action: 'retry',
      by: 'ada',
      actor: 'user:ada',
      reason: 'why retry',
      before: where('parked'),
      outcome: 'done',
    },
    { action: 'skip', step: 'payment', before: where('parked') },
    {
      action: 'resolve',
      as: 'FAILED',
      by: 'bob',
      actor: 'token:night-shift',
      before: where('parked'),
      after: { status: 'FAILED' },
    },
  ]);
  expect(entries[0]?.after).toMatchObject({ status: 'STARTED' });
  for (const { saga_id: saga, machine, write_id: write } of entries) {
    expect([saga, machine]).toEqual([id, 'order@1']);
    expect(write).toMatch(/^a\/1\//);
  }
  expect(new Set(entries.map(({ request }) => request)).size).toBe(3);
});

it('tells of what was asked when it takes effect, and of what comes too late as ignored', async () => {
  world = new World();
  const [notifying, refunding] = [new Gate(), new Gate()];
  world.reply('notification', 'action', async () => {
    await notifying.pass();
    return done({ notification_id: 'n' });
  });
  world.reply('payment', 'compensation', async () => {
    await refunding.pass();
    return done({});
  });
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  await a.engine.operate(id, asked({ kind: 'cancel' }));
  expect(await audit()).toEqual([]);
  notifying.open();
  await quiet();
  expect(await audit()).toMatchObject([{ action: 'cancel', outcome: 'done', before: { status: 'STARTED' } }]);
  expect((await a.engine.operate(id, asked({ kind: 'skip', step: 'payment' }))).kind).toBe('accepted');
  refunding.open();
  await world.clock.pass(1_000);
  const [cancel, skip] = await audit();
  // Where it leads, the outcome that comes with it decides.
  expect(cancel?.after).toEqual({ state: 'sendingNotification.calling', status: 'STARTED' });
  expect(skip).toMatchObject({ action: 'skip', outcome: 'ignored', before: skip?.after });
  expect((await world.record(id)).status).toBe('FAILED');
});

it('tells of nothing that no operator has asked for', async () => {
  world = new World();
  world.reply('payment', 'action', retryable(), refused());
  const a = await world.coordinator();
  a.engine.open();
  await world.start(a);
  await world.clock.pass(5_000);
  const missing = world.store.newId(null);
  expect(await a.engine.operate(missing, asked({ kind: 'cancel' }))).toEqual({ kind: 'missing' });
  expect(await audit()).toEqual([]);
});

it('tells of an event whose sender is named, and of no other', async () => {
  world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const [one, two] = [await startTrip(world, a), await startTrip(world, a)];
  await a.engine.send(one, { ...APPROVAL, id: 'e-1', actor: 'user:eve' });
  await a.engine.send(two, { ...APPROVAL, id: 'e-2' });
  await world.clock.pass(10);
  expect(await audit()).toMatchObject([
    {
      saga_id: one,
      action: 'event',
      event: 'approval',
      actor: 'user:eve',
      reason: '',
      request: 'event/e-1',
      before: { state: 'awaitingApproval', status: 'STARTED' },
    },
  ]);
});

it('tells of a request once where the answer to its commit was lost, and where its coordinator dies before', async () => {
  const { settle, crash, id } = await parked();
  world.fates.set('commit', [replyLost]);
  await settle(asked({ kind: 'skip', step: 'payment' }));
  expect(await audit()).toHaveLength(1);
  world.fates.set('commit', [() => new Promise(() => {})]);
  await settle(asked({ kind: 'resolve', as: 'FAILED' }));
  expect(await audit()).toHaveLength(1);
  crash();
  const b = await world.coordinator('b');
  b.engine.open();
  await world.clock.pass(10_000);
  expect((await world.record(id)).status).toBe('FAILED');
  expect((await audit()).map(({ action, write_id: write }) => [action, write?.slice(0, 2)])).toEqual([
    ['skip', 'a/'],
    ['resolve', 'b/'],
  ]);
});

it('goes with a saga that the store has forgotten, and that is stored anew', async () => {
  world = new World();
  const gate = new Gate();
  world.reply('payment', 'action', async () => {
    await gate.pass();
    return done({ payment_id: 'p' });
  });
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  await a.engine.operate(id, asked({ kind: 'cancel' }));
  const fresh = new MemoryStore({ now: world.clock.now, partitions: 1 });
  // It is forgotten between the commit that meets the request and the one that answers it.
  let commits = 0;
  const { commit, create } = world.store;
  world.store.commit = async (...args) => {
    commits += 1;
    return commits === 1 ? commit.apply(world.store, args) : fresh.commit(...args);
  };
  world.store.create = (...args) => (commits === 0 ? create.apply(world.store, args) : fresh.create(...args));
  gate.open();
  await quiet();
  expect(await fresh.get(id)).toMatchObject({ status: 'ABORTED' });
  expect(await audit(fresh)).toMatchObject([{ action: 'cancel', saga_id: id, revision: 1 }]);
});

it('is trimmed in the rounds that purge', async () => {
  const { settle, crash } = await parked();
  await settle(asked({ kind: 'skip', step: 'payment' }));
  crash();
  const day = 24 * 3_600_000;
  const later = await world.coordinator('later', { ...RARELY, purgeEveryMs: day, auditKeepMs: day });
  later.engine.open();
  await world.clock.pass(4 * day);
  expect((await audit()).map(({ action }) => action)).toEqual(['trimmed']);
});
