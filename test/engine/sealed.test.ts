/** Sagas whose records are sealed: keys that change while they run, keys that are missing, and what becomes of both. */
import { expect, it } from 'vitest';
import type { SagaListing } from '../../stores/saga-store.ts';
import { HandKeys } from '../sealing/keys.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import { FORWARD, hanging, LEASE_MS, notSent, retryable, SETTINGS, World } from './world.ts';

/** Each coordinator with keys of its own. */
function sealing(...ids: readonly string[]) {
  const keys = new Map<string, HandKeys>();
  const of = (name: string) => {
    const own = keys.get(name) ?? new HandKeys(...ids);
    keys.set(name, own);
    return own;
  };
  const world = new World({
    policy: { attemptsMax: 3 },
    sealing: (name) => {
      const own = of(name);
      return { keys: own, depth: 'whole', keyGeneration: () => own.generation };
    },
  });
  return { world, keysOf: of };
}

async function opened(world: World, name: string) {
  const coordinator = await world.coordinator(name);
  coordinator.engine.open();
  return coordinator;
}

/** By which key its snapshot is sealed. */
async function keyOf(world: World, id: string): Promise<string | undefined> {
  return /^s1\.([^.]+)\./.exec((await world.record(id)).snapshot)?.[1];
}

it('go on under a key that comes while they run, and the next commit seals by it', async () => {
  const { world, keysOf } = sealing('k1');
  const a = await opened(world, 'a');
  world.reply('inventory', 'action', retryable(1_000));
  const id = await world.start(a);
  expect(await keyOf(world, id)).toBe('k1');
  keysOf('a').set('k2', 'k1');
  await world.clock.pass(LEASE_MS);
  expect(await world.record(id)).toMatchObject({ status: 'COMPLETED' });
  expect(await keyOf(world, id)).toBe('k2');
  expect(world.called(id)).toEqual([FORWARD[0], FORWARD[1], ...FORWARD.slice(1)]);
});

it('are parked under a name of their own where nobody has the key, with nothing lost, and go on when it comes', async () => {
  const { world, keysOf } = sealing('k1');
  const a = await opened(world, 'a');
  world.reply('inventory', 'action', retryable(1_000));
  const id = await world.start(a);
  const before = await world.record(id);
  a.crash();
  keysOf('b').set('k2');
  const b = await opened(world, 'b');
  await world.clock.pass(LEASE_MS);
  const parked = await world.record(id);
  expect(parked).toMatchObject({
    status: 'ABORTED',
    parked: { reason: 'key-missing' },
    snapshot: before.snapshot,
  });
  expect(parked.summary).toEqual(before.summary);
  expect(b.events.find(({ type }) => type === 'unreadable')).toMatchObject({
    id,
    error: { message: expect.stringContaining('"k1"') },
  });
  expect((await b.engine.list({}, null, 10)).sagas).toMatchObject([{ id, keyMissing: 'k1' }]);
  expect((await b.engine.get(id))?.log.map(({ event }) => event)).toContain('keyMissing');
  // What others run is not held up by it.
  const other = await world.start(b);
  expect((await world.record(other)).status).toBe('COMPLETED');
  expect(await b.engine.operate(id, { kind: 'retry', by: 'ada', reason: 'now', ifSeq: null })).toMatchObject({
    kind: 'impossible',
  });

  keysOf('b').set('k2', 'k1');
  await world.clock.pass(2 * SETTINGS.pollMs);
  expect(await world.record(id)).toMatchObject({ status: 'COMPLETED', parked: null });
  expect(world.called(id).slice(2)).toEqual(FORWARD.slice(1));
  const log = (await b.engine.get(id))?.log ?? [];
  expect(log.find(({ event }) => event === 'retry')).toMatchObject({
    by: 'coordinator',
    reason: 'its key is here',
  });
});

/** One that coordinator b has parked, because it has not its key; b is gone, and no time has passed since. */
async function parkedByAnother({ world, keysOf }: ReturnType<typeof sealing>) {
  const a = await opened(world, 'a');
  world.reply('inventory', 'action', retryable(1_000));
  const id = await world.start(a);
  a.crash();
  keysOf('b').set('k2');
  const b = await opened(world, 'b');
  await world.clock.pass(LEASE_MS);
  expect((await world.record(id)).parked?.reason).toBe('key-missing');
  b.crash();
  return id;
}

it('are carried on by a coordinator that had the key all the time', async () => {
  const sealed = sealing('k1');
  const { world } = sealed;
  const id = await parkedByAnother(sealed);
  await opened(world, 'c');
  await world.clock.pass(LEASE_MS);
  expect((await world.record(id)).status).toBe('COMPLETED');
});

it('are looked for again now and then by whoever has the key, and by nobody round by round', async () => {
  const { world, keysOf } = sealing('k1');
  const lists = () => world.journal.filter((line) => line === 'list').length;
  await opened(world, 'c');
  await world.clock.pass(10 * SETTINGS.pollMs);
  expect(lists()).toBe(1);
  const a = await world.coordinator('a');
  world.reply('inventory', 'action', retryable(30_000));
  const id = await world.start(a);
  a.crash();
  keysOf('b').set('k2');
  const b = await opened(world, 'b');
  await world.clock.pass(1);
  // The other asks first, and gets no answer.
  world.fate('claim', notSent);
  await world.clock.pass(30_000 + SETTINGS.pollMs);
  b.crash();
  const parkedAt = world.clock.monotonic();
  expect((await world.record(id)).parked?.reason).toBe('key-missing');
  const before = lists();
  await world.clock.pass(300_000 - parkedAt - 1);
  expect([lists(), (await world.record(id)).status]).toEqual([before, 'ABORTED']);
  await world.clock.pass(2 * SETTINGS.pollMs);
  expect((await world.record(id)).status).toBe('COMPLETED');
});

it('are found a page a round among all that are parked, and the others are left alone', async () => {
  const { world, ...rest } = sealing('k1');
  const id = await parkedByAnother({ world, ...rest });
  const asked: (readonly unknown[])[] = [];
  world.fate(
    'list',
    async (perform, args) => {
      asked.push(args);
      const { sagas } = (await perform()) as { sagas: SagaListing[] };
      const other = { reason: 'compensation-failed', held: [] } as const;
      return { sagas: sagas.map((one) => ({ ...one, parked: other })), cursor: 'next' };
    },
    async (_, args) => {
      asked.push(args);
      const { sagas } = await world.store.list({ status: 'ABORTED' }, null, 10);
      return { sagas, cursor: null };
    },
  );
  await opened(world, 'c');
  expect((await world.record(id)).status).toBe('ABORTED');
  await world.clock.pass(SETTINGS.pollMs + 10);
  expect((await world.record(id)).status).toBe('COMPLETED');
  await world.clock.pass(5 * SETTINGS.pollMs);
  expect(asked).toEqual([
    [{ status: 'ABORTED' }, null, 100],
    [{ status: 'ABORTED' }, 'next', 100],
  ]);
  expect(world.journal.filter((line) => line === 'list')).toHaveLength(4);
});

it('that went meanwhile, or cannot be read here either, are left alone', async () => {
  const { world, ...rest } = sealing('k1');
  const id = await parkedByAnother({ world, ...rest });
  const record = await world.record(id);
  world.fate('get', async () => null);
  await opened(world, 'c');
  rest.keysOf('d').set('k3');
  await opened(world, 'd');
  await world.clock.pass(5 * SETTINGS.pollMs);
  expect(await world.record(id)).toEqual(record);
});

it('are given back with all that was asked of them where one thing cannot be read', async () => {
  const { world, keysOf } = sealing('k1');
  const a = await world.coordinator('a');
  const call = new Gate<ReturnType<typeof retryable>>();
  world.reply('inventory', 'action', call.pass);
  const id = await world.start(a);
  keysOf('b').set('k2', 'k1');
  for (const name of ['c', 'b']) {
    const { engine } = await world.coordinator(name);
    const cancel = { kind: 'cancel', by: name, reason: 'no more', ifSeq: null } as const;
    expect((await engine.operate(id, cancel)).kind).toBe('accepted');
  }
  const before = await world.record(id);
  expect(before.signals).toHaveLength(2);
  call.open(retryable(1_000));
  await quiet();
  expect(a.events.at(-1)).toMatchObject({ type: 'lost', id, why: 'key-missing' });
  expect(await world.record(id)).toMatchObject({ signals: before.signals, seq: before.seq, owner: null });
});

it('keep what was told to them while the key was away', async () => {
  const { world, keysOf } = sealing('k1');
  const a = await opened(world, 'a');
  world.reply('inventory', 'action', hanging);
  const id = await world.start(a);
  // Another coordinator has put a request there under a key that this one has not.
  keysOf('b').set('k2', 'k1');
  const b = await world.coordinator('b');
  expect(
    await b.engine.operate(id, { kind: 'cancel', by: 'ada', reason: 'no more', ifSeq: null }),
  ).toMatchObject({ kind: 'accepted' });
  await world.clock.pass(LEASE_MS / 2);
  expect((await world.record(id)).signals).toHaveLength(1);
  world.reply('inventory', 'action');
  await world.clock.pass(2 * LEASE_MS);
  // The owner cannot read the request, and gives the saga back, or parks it: the request itself stays or is answered.
  keysOf('a').set('k2', 'k1');
  b.engine.open();
  await world.clock.pass(2 * LEASE_MS);
  const record = await world.record(id);
  expect(record.status).not.toBe('STARTED');
  const log = (await b.engine.get(id))?.log ?? [];
  expect(log.filter(({ event }) => event === 'cancel')).toMatchObject([{ by: 'ada', reason: 'no more' }]);
});
