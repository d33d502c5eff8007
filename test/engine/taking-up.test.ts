/** What a coordinator asks of the store round by round, how much of it at once, and what it makes of what it is given. */
import { describe, expect, it } from 'vitest';
import {
  type Claimed,
  type SagaRecord,
  StoreUnavailableError,
  type Term,
  UNKNOWN_HELD,
} from '../../stores/saga-store.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import { type Fate, FORWARD, LEASE_MS, notSent, retryable, SETTINGS, World } from './world.ts';

const { pollMs, purgeEveryMs } = SETTINGS;

const asked = (world: World, operation: string) =>
  world.journal.filter((entry) => entry === operation).length;

type Operation = Parameters<World['fate']>[0];

/** What the next of an operation are asked with. */
function listening(world: World, operation: Operation, times = 20): (readonly unknown[])[] {
  const heard: (readonly unknown[])[] = [];
  const listen: Fate = (perform, args) => {
    heard.push(args);
    return perform();
  };
  world.fate(operation, ...Array<Fate>(times).fill(listen));
  return heard;
}

/** Nothing is adopted, so that all is found by its due time. */
const adoptsNothing = (world: World) => world.fate('running', async () => ({ ids: [], cursor: null }));

describe('it asks for', () => {
  it.each([
    [100, 10],
    [4, 4],
  ])(
    'no more at once than a batch, and than it has room for: with %i places %i',
    async (inHandMax, limit) => {
      const world = new World();
      const due = listening(world, 'due');
      const running = listening(world, 'running');
      const a = await world.coordinator('a', { inHandMax });
      a.engine.open();
      await quiet();
      expect(due.map(([, most]) => most)).toEqual([limit]);
      expect(running.map(([, , most]) => most)).toEqual([limit]);
    },
  );

  it('more at once where a batch was full, and for no more where it was not', async () => {
    const world = new World();
    const ids = await world.abandoned(await world.coordinator('a'), 25);
    await world.clock.pass(LEASE_MS);
    adoptsNothing(world);
    const b = await world.coordinator('b');
    const before = asked(world, 'due');
    b.engine.open();
    await quiet();
    for (const id of ids) expect((await world.record(id)).status).toBe('COMPLETED');
    expect(asked(world, 'due') - before).toBe(3);
  });

  it('no more at once where others have taken the whole batch', async () => {
    const world = new World();
    await world.abandoned(await world.coordinator('a'), 20);
    await world.clock.pass(LEASE_MS);
    adoptsNothing(world);
    world.fate('claim', ...Array<Fate>(5).fill(async () => []));
    const b = await world.coordinator('b');
    b.engine.open();
    await quiet();
    expect(asked(world, 'due')).toBe(1);
  });

  it('what an older boot held page after page, each behind the last', async () => {
    const world = new World();
    const ids = await world.abandoned(await world.coordinator('a'), 25);
    const pages = listening(world, 'running');
    const again = await world.coordinator('a');
    again.engine.open();
    await quiet();
    expect(world.clock.monotonic()).toBe(0);
    for (const id of ids) expect((await world.record(id)).status).toBe('COMPLETED');
    expect(pages.map(([, cursor]) => cursor)).toEqual([null, ids[9], ids[19]]);
  });

  it('nothing any more that it has taken up once, where the store goes away in between', async () => {
    const world = new World();
    const [first = '', second = ''] = await world.abandoned(await world.coordinator('a'), 2);
    world.fate('running', notSent);
    const again = await world.coordinator('a', { claimBatch: 1 });
    again.engine.open();
    await quiet();
    expect(again.engine.inHand).toBe(0);
    await world.clock.pass(pollMs);
    for (const id of [first, second]) {
      expect((await world.record(id)).status).toBe('COMPLETED');
      expect((await world.store.log(id)).filter(({ event }) => event === 'takenOver')).toHaveLength(1);
    }
    expect(asked(world, 'running')).toBe(3);
  });
});

describe('where it drains', () => {
  it.each(['due', 'running', 'purge', 'tryWrite'] as const)(
    'while it asks for %s, it waits for the answer and for no round more',
    async (operation) => {
      const world = new World();
      const gate = new Gate();
      const a = await world.coordinator('a', { purgeEveryMs: 0 });
      world.fate('due', notSent);
      world.fate(operation, async () => {
        await gate.pass();
        return notSent(async () => {}, []);
      });
      a.engine.open();
      if (operation === 'due') await world.clock.pass(pollMs);
      await gate.arrived;
      const rounds = asked(world, 'due');
      let isOver = false;
      const drained = a.engine.drain(0).then(() => {
        isOver = true;
      });
      await world.clock.pass(1);
      expect(isOver).toBe(false);
      gate.open();
      await quiet();
      expect([isOver, world.clock.pending]).toEqual([true, 0]);
      await drained;
      expect(asked(world, 'due')).toBeLessThanOrEqual(rounds + 1);
    },
  );

  it('what begins to wait meanwhile has no alarm', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    const reply = new Gate<ReturnType<typeof retryable>>();
    world.reply('order', 'action', reply.pass);
    const a = await world.coordinator();
    a.engine.open();
    await world.start(a);
    const drained = a.engine.drain(60_000);
    await quiet();
    reply.open(retryable(500_000));
    await drained;
    await world.clock.pass(LEASE_MS + 60_000);
    expect(world.clock.pending).toBe(0);
  });
});

describe('whether the store takes writes', () => {
  it('is tried now and then while all is well, and each round while it is away', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    await world.clock.pass(19 * pollMs);
    expect(asked(world, 'tryWrite')).toBe(0);
    await world.clock.pass(pollMs);
    expect(asked(world, 'tryWrite')).toBe(1);
    await world.clock.pass(20 * pollMs);
    expect(asked(world, 'tryWrite')).toBe(2);
    world.fate('due', notSent, notSent, notSent);
    await world.clock.pass(3 * pollMs);
    expect(asked(world, 'tryWrite')).toBe(5);
    const types = a.events.map(({ type }) => type);
    expect(types).toEqual(['store-fault', 'store-fault', 'store-fault']);
    // The round in which nothing fails says so, once.
    await world.clock.pass(2 * pollMs);
    expect(a.events.map(({ type }) => type)).toEqual([...types, 'store-back']);
  });

  it('is told by what refuses them, for as long as it does', async () => {
    const world = new World();
    const a = await world.coordinator();
    const error = new StoreUnavailableError('READONLY', true);
    const refused = { error, everywhere: true };
    world.fate('tryWrite', async () => refused);
    expect(a.engine.writesRefused).toBeNull();
    a.engine.open();
    await world.clock.pass(20 * pollMs);
    expect(a.engine.writesRefused).toBe(refused);
    expect(a.events).toEqual([{ type: 'store-fault', doing: 'a write that changes nothing', error }]);
    await world.clock.pass(10 * pollMs);
    expect(a.engine.writesRefused).toBeNull();
    expect(a.events.slice(1)).toEqual([{ type: 'store-back' }]);
  });
});

it('a clock of the store that has jumped is told, once for each jump', async () => {
  const world = new World();
  const jumps = [0, -3_600_000, 0];
  world.store.jumped = () => jumps.shift() ?? 0;
  const a = await world.coordinator();
  a.engine.open();
  await world.clock.pass(4 * pollMs);
  expect(a.events).toEqual([{ type: 'clock-jumped', ms: -3_600_000 }]);
});

describe('what is kept', () => {
  it('is asked how full the store is only where that may matter: where it may go early, and all that should has gone', async () => {
    const world = new World();
    (await world.coordinator('a', { purgeEarlyMs: 0 })).engine.open();
    await world.clock.pass(2 * purgeEveryMs);
    expect([asked(world, 'purge'), asked(world, 'memory')]).toEqual([2, 0]);
    const full = new World();
    full.fate('purge', async () => 500);
    (await full.coordinator('b', { purgeEarlyMs: 1_000 })).engine.open();
    await full.clock.pass(purgeEveryMs);
    expect([asked(full, 'purge'), asked(full, 'memory')]).toEqual([1, 0]);
    await full.clock.pass(pollMs);
    expect([asked(full, 'purge'), asked(full, 'memory')]).toEqual([2, 1]);
  });

  it('goes early by no store that says nothing of its bounds, and tells nothing where none went', async () => {
    const world = new World();
    const a = await world.coordinator('a', { purgeEarlyMs: 1_000 });
    a.engine.open();
    const purges = listening(world, 'purge');
    let maxBytes: number | null = null;
    world.store.memory = async () => ({ usedBytes: 1_000, maxBytes });
    await world.clock.pass(purgeEveryMs);
    expect(purges).toEqual([[500]]);
    maxBytes = 1_000;
    await world.clock.pass(purgeEveryMs);
    expect(purges.slice(1)).toEqual([[500], [500, 1_000]]);
    expect(a.events).toEqual([]);
  });

  it('of the audit is bounded as often as ended sagas go', async () => {
    const world = new World();
    const trims: (readonly number[])[] = [];
    world.store.audit.trim = async (...bounds) => {
      trims.push(bounds);
      return 0;
    };
    const a = await world.coordinator('a', { auditKeepMs: 86_400_000, auditEntriesMax: 77 });
    a.engine.open();
    await world.clock.pass(2 * purgeEveryMs);
    expect(trims).toEqual([
      [86_400_000, 77],
      [86_400_000, 77],
    ]);
  });
});

describe('what an older release has written', () => {
  it('is made found at once, a batch a round, and then now and then', async () => {
    const world = new World();
    const a = await world.coordinator();
    world.fate(
      'index',
      async () => 100,
      async () => 100,
      async () => 99,
    );
    a.engine.open();
    await world.clock.pass(10 * pollMs);
    expect(asked(world, 'index')).toBe(3);
    await world.clock.pass(purgeEveryMs);
    expect(asked(world, 'index')).toBe(4);
  });

  it('is found by its facts, and where they cannot be read by its label', async () => {
    const world = new World();
    const a = await world.coordinator();
    const id = await world.start(a);
    const record = await world.record(id);
    let termsOf: (record: SagaRecord) => readonly Term[] = () => [];
    world.fate('index', async (_, args) => {
      termsOf = args[1] as typeof termsOf;
      return 0;
    });
    a.engine.open();
    await quiet();
    const { context } = world.machine.restore(record.snapshot);
    const terms = world.machine.terms.of(context.data);
    expect(terms.length).toBeGreaterThan(0);
    expect(termsOf(record)).toEqual(terms);
    const labelled = { ...record, summary: { ...record.summary, label: 'o-1' } };
    const label = [{ name: 'label', value: 'o-1' }];
    expect(termsOf({ ...labelled, snapshot: '{"value":"nowhere"}' })).toEqual(label);
    expect(termsOf({ ...labelled, machine: { ...record.machine, version: 'unknown' } })).toEqual(label);
    expect(termsOf({ ...record, snapshot: 'x', summary: { ...record.summary, label: null } })).toEqual([]);
  });
});

describe('of what it is given', () => {
  /** One saga that is due, as the store gives it when it is claimed. */
  async function claiming(change: (record: SagaRecord) => Partial<SagaRecord>) {
    const world = new World();
    const [id = ''] = await world.abandoned(await world.coordinator('gone'));
    await world.clock.pass(LEASE_MS);
    const before = await world.record(id);
    adoptsNothing(world);
    world.fate('claim', async (perform) =>
      ((await perform()) as Claimed[]).map(({ record, ...rest }) => ({
        ...rest,
        record: { ...record, ...change(record) },
      })),
    );
    const b = await world.coordinator('b', { pollMs: 10 * LEASE_MS });
    b.engine.open();
    await quiet();
    return { world, b, id, before, record: await world.record(id) };
  }

  it('what cannot be read is parked with what its listing can show, and nothing of it is called', async () => {
    const unreadable = 'its signals are damaged';
    const { world, b, id, before, record } = await claiming(({ summary }) => ({
      unreadable,
      summary: { ...summary, state: 'lost', label: null },
    }));
    expect(b.events.filter(({ type }) => type !== 'transition')).toMatchObject([
      { type: 'unreadable', id, error: { message: unreadable } },
    ]);
    expect(record).toMatchObject({
      status: 'ABORTED',
      parked: { reason: 'unreadable', held: UNKNOWN_HELD },
      snapshot: before.snapshot,
      summary: before.summary,
    });
    expect(await world.lastEntry(id)).toMatchObject({ event: 'unreadable', error: unreadable });
    expect(world.calls).toHaveLength(1);
  });

  it('what the store itself has set aside is told and not written again', async () => {
    const { b, id, record } = await claiming(() => ({
      unreadable: 'damaged',
      owner: null,
      status: 'ABORTED',
    }));
    expect(b.events).toMatchObject([{ type: 'unreadable', id }]);
    expect((await b.engine.get(id))?.log.map(({ event }) => event)).not.toContain('unreadable');
    expect(record.status).toBe('STARTED');
  });

  it('what is parked already and asked for by a person is carried on as far as it can be read', async () => {
    const { world, id } = await claiming(() => ({ unreadable: 'damaged', status: 'ABORTED' }));
    expect(world.called(id)).toEqual(['order action', ...FORWARD]);
  });

  it('what somebody has moved to a version that is not known here is given back at once', async () => {
    const { world, b, id, record } = await claiming(({ machine }) => ({
      machine: { ...machine, version: '9' },
    }));
    expect(record).toMatchObject({ status: 'STARTED', owner: null, dueAtMs: world.clock.now() });
    expect(b.events).toEqual([]);
    expect(world.called(id)).toEqual(['order action']);
  });

  it('what cannot be read of such a version is parked', async () => {
    const { record } = await claiming(({ machine }) => ({
      machine: { ...machine, version: '9' },
      unreadable: 'damaged',
      status: 'ABORTED',
    }));
    expect(record).toMatchObject({ status: 'ABORTED', parked: { reason: 'unreadable' } });
  });

  it('what the store has parked, because it was claimed too often, is told as settled', async () => {
    const parked = { reason: 'claims-exhausted', held: [] } as const;
    const { b, id } = await claiming(({ createdAtMs }) => ({
      owner: null,
      status: 'ABORTED',
      parked,
      updatedAtMs: createdAtMs + 77,
    }));
    expect(b.events).toMatchObject([
      { type: 'settled', id, status: 'ABORTED', ms: 77, reason: 'claims-exhausted', parked },
    ]);
    expect(b.engine.inHand).toBe(0);
  });
});
