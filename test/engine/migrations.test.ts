/** Sagas that are moved to a newer version of their machine while they run. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Migration, Registry, type SagaDefinition } from '../../machines/index.ts';
import { everywhere } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Coordinator,
  hanging,
  LEASE_MS,
  notSent,
  refused,
  replyLost,
  retryable,
  SETTINGS,
  World,
} from './world.ts';

const policies = everywhere({ attemptsMax: 3 });
const one = (): SagaDefinition => smallSaga(['a', 'b'], { policies });
/** One step more, and a fact of which version 1 knows nothing. */
const two = (migrate: Migration['migrate'] = withFact('two')): SagaDefinition => ({
  ...smallSaga(['a', 'b', 'c'], { policies }),
  version: '2',
  migrations: [{ from: '1', migrate }],
});

interface Persisted {
  readonly context: { readonly data: object };
}

function withFact(name: string): Migration['migrate'] {
  return (snapshot) => {
    const { context, ...rest } = snapshot as Persisted;
    return { ...rest, context: { ...context, data: { ...context.data, [name]: true } } };
  };
}

let world: World;
beforeEach(() => {
  world = new World({ saga: one });
});

async function opened(name: string, ...definitions: SagaDefinition[]): Promise<Coordinator> {
  const registry = new Registry();
  for (const definition of definitions) registry.register(definition);
  const coordinator = await world.coordinator(name, {}, undefined, registry);
  coordinator.engine.open();
  await quiet();
  return coordinator;
}

/** A saga of version 1 whose coordinator is gone, in its second step. */
async function left(script: Parameters<World['reply']>[2] = hanging): Promise<string> {
  world.reply('b', 'action', script);
  const old = await world.coordinator('old');
  const id = await world.start(old);
  old.crash();
  return id;
}

const TAKEN_MS = LEASE_MS + 2 * SETTINGS.pollMs;

describe('a coordinator with a migration', () => {
  it.each([
    ['in the middle of a call', hanging],
    ['that waits', retryable(LEASE_MS)],
  ])('moves a saga %s when it takes it up, and ends it on the new version', async (_, script) => {
    const id = await left(script);
    const before = await world.record(id);
    const { events } = await opened('new', two());
    await world.clock.pass(TAKEN_MS);
    const record = await world.record(id);
    expect(record).toMatchObject({
      status: 'COMPLETED',
      machine: { id: 'small', version: '2' },
      summary: { total_steps: 3, steps_completed: 3 },
    });
    expect(record.machine.structure).not.toBe(before.machine.structure);
    // The pending call is repeated under the same key.
    expect(world.called(id)).toEqual(['a action', 'b action', 'b action', 'c action']);
    expect(world.calls.at(-1)?.call.body).toMatchObject({ by: 'c' });
    const { state } = before.summary;
    const entry = (await world.store.log(id)).find(({ event }) => event === 'migrated');
    expect(entry).toMatchObject({ from: state, to: state, reason: 'small@1 to small@2' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'migrated', id, from: '1' }));
    expect((await world.store.get(id))?.snapshot).toContain('"two":true');
    expect(await world.counters()).toMatchObject({ 'total_steps.held': 3, 'completed_steps.held': 3 });
  });

  it('undoes it on the new version, too', async () => {
    const id = await left();
    world.reply('c', 'action', refused());
    await opened('new', two());
    await world.clock.pass(TAKEN_MS);
    expect((await world.record(id)).status).toBe('FAILED');
    expect(world.called(id).slice(3)).toEqual([
      'c action',
      'c compensation',
      'b compensation',
      'a compensation',
    ]);
  });

  it('moves it also where it has the old version itself', async () => {
    const id = await left();
    await opened('new', one(), two());
    await world.clock.pass(TAKEN_MS);
    expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', machine: { version: '2' } });
  });

  it('moves it over several versions at once', async () => {
    const id = await left();
    const three = {
      ...smallSaga(['a', 'b', 'c'], { policies }),
      version: '3',
      migrations: [{ from: '2', migrate: withFact('three') }],
    };
    await opened('new', two(), three);
    await world.clock.pass(TAKEN_MS);
    const { machine, snapshot } = await world.record(id);
    expect(machine.version).toBe('3');
    expect(JSON.parse(snapshot).context.data).toMatchObject({ two: true, three: true });
    expect((await world.history(id)).filter((line) => line.startsWith('migrated'))).toHaveLength(1);
  });

  it('keeps what operators have asked for, and takes requests for sagas of the old version', async () => {
    const id = await left(retryable(10 * LEASE_MS));
    const { engine } = await opened('new', two());
    const asked = { kind: 'cancel', by: 'ada', reason: 'a test', ifSeq: null } as const;
    expect(await engine.operate(id, asked)).toEqual({ kind: 'accepted', isFree: true });
    await world.clock.pass(TAKEN_MS);
    expect(await world.record(id)).toMatchObject({ status: 'FAILED', machine: { version: '2' } });
    expect(world.called(id).slice(2)).toEqual(['b compensation', 'a compensation']);
  });

  it('shows a saga of the old version as it would carry it on', async () => {
    const id = await left(retryable(10 * LEASE_MS));
    const { engine } = await opened('new', two());
    expect(await engine.get(id)).toMatchObject({
      saga: { machine: { version: '1' }, steps: ['a', 'b', 'c'], context: { data: { two: true } } },
    });
  });

  it('and an older one that meanwhile waits for the same saga: that one gives it back', async () => {
    world.reply('b', 'action', retryable(30_000), retryable(25_000));
    const old = await opened('old', one());
    const id = await world.start(old);
    await world.clock.pass(5_000);
    const new2 = await opened('new', two());
    await new2.engine.operate(id, { kind: 'retry', by: 'ada', reason: 'now', ifSeq: null });
    await world.clock.pass(3);
    expect(await world.record(id)).toMatchObject({ machine: { version: '2' }, owner: null });
    new2.crash();
    // The old one wakes for it when it had to wait until, and it is due: but it is no more of its version.
    await world.clock.pass(30_000);
    expect(world.journal).toContain('release');
    expect(await world.record(id)).toMatchObject({ status: 'STARTED', owner: null });
    expect(world.calls.filter(({ by }) => by === 'old')).toHaveLength(2);
    await opened('newer', two());
    await world.clock.pass(SETTINGS.pollMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('leaves alone what its owner holds', async () => {
    world.reply('b', 'action', hanging);
    const old = await world.coordinator('old');
    const id = await world.start(old);
    await opened('new', two());
    await world.clock.pass(LEASE_MS - SETTINGS.pollMs);
    expect((await world.record(id)).machine.version).toBe('1');
  });
});

describe('a migration', () => {
  const fails = () => {
    throw new Error('no such field');
  };

  it.each<[string, Migration['migrate']]>([
    ['throws', fails],
    ['gives nothing', () => undefined],
    ['gives a state that is none', (snapshot) => ({ ...(snapshot as object), value: 'nowhere' })],
    ['gives a context that is none', (snapshot) => ({ ...(snapshot as object), context: {} })],
    ['ends what runs', (snapshot) => ({ ...(snapshot as object), value: 'parked' })],
  ])('that %s parks the saga as unreadable, as it was, and harms no other', async (_, migrate) => {
    const id = await left();
    const other = await left();
    const { snapshot } = await world.record(id);
    let failures = 0;
    const once: Migration['migrate'] = (found) => {
      failures += 1;
      return failures === 1 ? migrate(found) : withFact('two')(found);
    };
    const { events, engine } = await opened('new', two(once));
    await world.clock.pass(TAKEN_MS);
    expect(events.find(({ type }) => type === 'unreadable')).toMatchObject({ id });
    expect(await world.record(id)).toMatchObject({
      status: 'ABORTED',
      machine: { version: '1' },
      snapshot,
      parked: { reason: 'unreadable' },
    });
    expect((await world.record(other)).status).toBe('COMPLETED');
    expect((await world.counters())['settled.ABORTED']).toBe(1);

    // By now it has been mended: a retry carries the saga on.
    const retry = { kind: 'retry', by: 'ada', reason: 'mended', ifSeq: null } as const;
    expect((await engine.operate(id, retry)).kind).toBe('accepted');
    await world.clock.pass(TAKEN_MS);
    expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', machine: { version: '2' } });
  });

  it('that still fails lets nobody ask anything of the saga', async () => {
    const id = await left();
    const { engine } = await opened('new', two(fails));
    await world.clock.pass(TAKEN_MS);
    const retry = { kind: 'retry', by: 'ada', reason: 'hope', ifSeq: null } as const;
    expect((await engine.operate(id, retry)).kind).toBe('impossible');
    expect((await engine.get(id))?.saga.context.data).toEqual({});
  });

  it.each([
    ['did not reach the store', notSent],
    ['was stored, and its answer was lost', replyLost],
  ])('that %s costs one lease, not the saga', async (_, fate) => {
    const id = await left();
    const { events } = await opened('new', two());
    world.fate('migrate', fate);
    await world.clock.pass(TAKEN_MS);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'store-fault', doing: `migration of saga ${id}` }),
    );
    await world.clock.pass(TAKEN_MS);
    expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', machine: { version: '2' } });
    expect(world.called(id)).toEqual(['a action', 'b action', 'b action', 'c action']);
  });

  it('comes too late where somebody else has written since', async () => {
    const id = await left();
    const { events } = await opened('new', two());
    world.fate('migrate', async () => ({ kind: 'stale' }));
    await world.clock.pass(TAKEN_MS);
    expect(events).toContainEqual(expect.objectContaining({ type: 'lost', id, why: 'stale' }));
    expect(world.called(id)).toEqual(['a action', 'b action']);
  });
});
