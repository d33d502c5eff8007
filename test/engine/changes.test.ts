/** Watching what all coordinators write: one poll for everybody, on a clock that stands still until it is moved. */
import { describe, expect, it } from 'vitest';
import { ChangeFeed, QUEUE_MAX, TOLD_IN_A_TURN } from '../../server/engine/changes.ts';
import type { EngineEvent, Notice, Watch, WatchRequest } from '../../server/engine/contract.ts';
import { type Changes, type SagaStore, StoreUnavailableError } from '../../stores/saga-store.ts';
import { Gate } from './gate.ts';
import { quiet, VirtualClock } from './virtual-clock.ts';
import { type Coordinator, notSent, SETTINGS, World } from './world.ts';

const POLL_MS = SETTINGS.watchPollMs;
const WAIT_MS = 15_000;
const SEVEN = ['1', '2', '3', '4', '5', '6'].map((seq) => `saga ${seq}`);

function watch({ engine }: Coordinator, request: Partial<WatchRequest> = {}): Watch {
  const found = engine.watch({ after: null, sagaId: null, ...request });
  if (typeof found === 'string') throw new Error(`the watch was answered ${found}`);
  return found;
}

const title = (notice: Notice) => (notice.kind === 'saga' ? `saga ${notice.seq}` : notice.kind);

/** Everything that a watch has to tell of the feed within a poll. */
async function told(world: World, watch: Watch) {
  const notices = await heard(world, watch);
  return notices.flatMap((notice) => (notice.kind === 'store' ? [] : [notice]));
}

/** The same, and what it tells of the store. */
async function heard(world: World, watch: Watch): Promise<Notice[]> {
  const notices: Notice[] = [];
  for (;;) {
    const next = watch.next(POLL_MS);
    await world.clock.pass(POLL_MS);
    const found = await next;
    if (found === 'nothing' || found === null) return notices;
    if (found === 'late') throw new Error('the watch was sent away');
    notices.push(...found);
  }
}

const titles = async (world: World, from: Watch) => (await told(world, from)).map(title);
const asked = (world: World) => world.journal.filter((entry) => entry === 'changes').length;

describe('whoever watches', () => {
  it('is told that it may look now, and then of every write, whoever made it', async () => {
    const world = new World();
    const [a, b] = [await world.coordinator('a'), await world.coordinator('b')];
    await world.start(a);
    const watching = watch(b);
    expect(await titles(world, watching)).toEqual(['ready']);
    const id = await world.start(a);
    const notices = await told(world, watching);
    expect(notices.map(title)).toEqual(SEVEN);
    expect(notices.at(-1)).toEqual({
      kind: 'saga',
      id,
      seq: 6,
      state: 'completed',
      status: 'COMPLETED',
      position: watching.position,
    });
  });

  it('may watch one saga, and its position goes on with all of them', async () => {
    const world = new World();
    const a = await world.coordinator();
    const gone = await world.start(a);
    const watching = watch(a, { sagaId: gone });
    const everything = watch(a);
    await titles(world, watching);
    await world.start(a);
    expect(await titles(world, watching)).toEqual([]);
    expect(await titles(world, everything)).toEqual(['ready', ...SEVEN]);
    expect(watching.position).toBe(everything.position);
  });

  it('waits no longer than it wants to, and leaves no timer behind', async () => {
    const world = new World();
    const a = await world.coordinator();
    const watching = watch(a);
    await titles(world, watching);
    const next = watching.next(WAIT_MS);
    await world.clock.pass(WAIT_MS);
    expect(await next).toBe('nothing');
    watching.close();
    await quiet();
    expect(world.clock.pending).toBe(0);
  });

  it('is told at once of what comes while it waits', async () => {
    const world = new World();
    const a = await world.coordinator();
    const watching = watch(a);
    await titles(world, watching);
    const next = watching.next(WAIT_MS);
    await world.start(a);
    await world.clock.pass(POLL_MS);
    expect(await next).toMatchObject([{ kind: 'saga', seq: 1 }, ...SEVEN.slice(1).map(() => ({}))]);
  });

  it('is given the very same list as all who watch the same', async () => {
    const world = new World();
    const a = await world.coordinator();
    const watching = [watch(a), watch(a)];
    for (const each of watching) await titles(world, each);
    const [id, other] = [await world.start(a), await world.start(a)];
    const ofOne = [id, id, other].map((sagaId) => watch(a, { sagaId }));
    for (const each of ofOne) await titles(world, each);
    await world.clock.pass(POLL_MS);
    const [first, second] = await Promise.all(watching.map((each) => each.next(0)));
    expect(first).toHaveLength(2 * SEVEN.length);
    expect(second).toBe(first);
  });
});

describe('the poll', () => {
  it('is not made while nobody watches, and ends with the last watcher', async () => {
    const world = new World();
    const a = await world.coordinator();
    await world.clock.pass(10 * POLL_MS);
    expect(asked(world)).toBe(0);
    const watching = [watch(a), watch(a)];
    await world.clock.pass(POLL_MS);
    expect(asked(world)).toBeGreaterThan(0);
    for (const each of watching) each.close();
    await quiet();
    const before = asked(world);
    await world.clock.pass(10 * POLL_MS);
    expect(asked(world)).toBe(before);
    expect(world.clock.pending).toBe(0);
  });

  it('is one, however many watch, and begins anew for those who come after all have gone', async () => {
    const world = new World();
    const a = await world.coordinator();
    for (let round = 0; round < 2; round += 1) {
      const watching = Array.from({ length: SETTINGS.watchersMax }, () => watch(a));
      await world.clock.pass(POLL_MS);
      const before = asked(world);
      await world.start(a);
      await world.clock.pass(5 * POLL_MS);
      expect(asked(world) - before).toBe(5);
      for (const each of watching) expect(await titles(world, each)).toEqual(['ready', ...SEVEN]);
      for (const each of watching) each.close();
      await quiet();
    }
  });

  it('goes on when the store is back, and nothing is left out', async () => {
    const world = new World();
    const a = await world.coordinator();
    const watching = watch(a);
    await titles(world, watching);
    world.fate('changes', notSent, notSent, notSent);
    await world.start(a);
    await world.clock.pass(3 * POLL_MS);
    expect(a.events.filter(({ type }) => type === 'store-fault')).toHaveLength(3);
    expect(await titles(world, watching)).toEqual(SEVEN);
  });
});

it('tells everybody that the store is away and that it is back, also who comes meanwhile, and each once', async () => {
  const world = new World();
  const a = await world.coordinator();
  const first = watch(a);
  await titles(world, first);
  for (let times = 0; times < 3; times += 1) world.fate('changes', notSent);
  await world.clock.pass(POLL_MS);
  expect(await first.next(0)).toEqual([{ kind: 'store', isReachable: false }]);
  // Whoever comes has the store asked at once, and it is away still.
  const late = watch(a);
  expect(await late.next(0)).toEqual([{ kind: 'store', isReachable: false }]);
  await quiet();
  expect(await first.next(0)).toBe('nothing');
  await world.clock.pass(2 * POLL_MS);
  expect(await heard(world, first)).toEqual([{ kind: 'store', isReachable: true }]);
  expect((await heard(world, late)).map(title)).toEqual(['store', 'ready']);
});

it('whoever comes first hears nothing of the store while it is well, and when all had gone not how it was', async () => {
  const world = new World();
  const a = await world.coordinator();
  const first = watch(a);
  expect((await heard(world, first)).map(title)).toEqual(['ready']);
  world.fate('changes', notSent);
  await world.clock.pass(POLL_MS);
  expect(await first.next(0)).toEqual([{ kind: 'store', isReachable: false }]);
  first.close();
  await quiet();
  const second = watch(a);
  expect((await heard(world, second)).map(title)).toEqual(['ready']);
});

it('many are told a few at a time, and whatever else has come goes in between', async () => {
  const world = new World();
  const many = 3 * TOLD_IN_A_TURN;
  const a = await world.coordinator('a', { watchersMax: many });
  const watching = Array.from({ length: many }, () => watch(a));
  await world.clock.pass(POLL_MS);
  for (const each of watching) expect(await each.next(0)).toMatchObject([{ kind: 'ready' }]);
  for (const cause of [() => world.start(a), () => world.fate('changes', notSent)]) {
    await cause();
    let turn = 0;
    const told = new Map<number, number>();
    const heard = watching.map(async (each) => {
      await each.next(WAIT_MS);
      told.set(turn, (told.get(turn) ?? 0) + 1);
    });
    let isOver = false;
    const count = () => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    count();
    await world.clock.pass(POLL_MS);
    await Promise.all(heard);
    isOver = true;
    expect([...told.values()]).toEqual([TOLD_IN_A_TURN, TOLD_IN_A_TURN, TOLD_IN_A_TURN]);
  }
});

it('the position of who comes now is the poll’s, and the store’s where nobody watches or it was away', async () => {
  const world = new World();
  const a = await world.coordinator();
  await world.start(a);
  const { position } = await world.store.changes(null, null, 1);
  expect(await a.engine.position()).toBe(position);
  expect(asked(world)).toBe(1);
  const watching = watch(a);
  await world.clock.pass(POLL_MS);
  const before = asked(world);
  expect(await a.engine.position()).toBe(position);
  expect(asked(world)).toBe(before);
  world.fate('changes', notSent);
  await world.clock.pass(POLL_MS);
  await a.engine.position();
  expect(asked(world)).toBe(before + 2);
  watching.close();
  await quiet();
  await a.engine.position();
  expect(asked(world)).toBe(before + 3);
});

it('a bug in what reads what somebody has missed is that one’s, who is told of it', async () => {
  const world = new World();
  const a = await world.coordinator();
  const first = watch(a);
  const ready = (await told(world, first)).at(0);
  await world.start(a);
  await titles(world, first);
  const back = watch(a, { after: ready?.position ?? null });
  await quiet();
  expect(await back.next(0)).toMatchObject([{ kind: 'ready' }]);
  world.fate('changes', () => Promise.reject(new TypeError('a bug')));
  await expect(back.next(WAIT_MS)).rejects.toThrow('a bug');
  expect(await first.next(0)).toBe('nothing');
});

describe('a feed before a store that is told by hand what it answers', () => {
  /** Pages are given one after the other; then there is nothing new. */
  function feeding(...pages: (Partial<Changes> | (() => Promise<Partial<Changes>>))[]) {
    const clock = new VirtualClock();
    const asked: (readonly unknown[])[] = [];
    const events: EngineEvent[] = [];
    let at = 'p0';
    const changes: SagaStore['changes'] = async (...args) => {
      asked.push(args);
      const page = pages.shift() ?? {};
      const given = typeof page === 'function' ? await page() : page;
      at = given.position ?? at;
      return { changes: [], gap: false, more: false, position: at, ...given };
    };
    const means = {
      store: { changes } as SagaStore,
      clock,
      observe: (event: EngineEvent) => void events.push(event),
    };
    const feed = new ChangeFeed(means, { watchPollMs: POLL_MS, watchersMax: 1_000 });
    const watch = (request: Partial<WatchRequest> = {}) => {
      const found = feed.watch({ after: null, sagaId: null, ...request });
      if (found === null) throw new Error('the feed is full');
      return found;
    };
    return { clock, feed, watch, asked, events, pages };
  }

  const changed = (count: number, position: string, id = 's'): Partial<Changes> => ({
    position,
    changes: Array.from({ length: count }, (_, n) => {
      return { id, seq: n + 1, state: 'x', status: 'STARTED', position: `${position}-${n}` } as const;
    }),
  });

  it('keeps as much for a watcher as may wait, and not one more', async () => {
    for (const more of [0, 1]) {
      const { clock, watch, pages } = feeding();
      const [slow, quick] = [watch(), watch()];
      await quiet();
      expect(await slow.next(0)).toMatchObject([{ kind: 'ready' }]);
      pages.push(changed(QUEUE_MAX - 5, 'p1'), changed(5 + more, 'p2'));
      await clock.pass(POLL_MS);
      expect(await quick.next(0)).toHaveLength(1);
      // What was told waits no longer.
      expect(await quick.next(0)).toHaveLength(QUEUE_MAX - 5);
      await clock.pass(POLL_MS);
      const told = await slow.next(0);
      expect(more === 0 ? told?.length : told).toBe(more === 0 ? QUEUE_MAX - 5 : 'late');
      // It comes again from where it was told.
      expect(slow.position).toBe(more === 0 ? `p1-${QUEUE_MAX - 6}` : 'p0');
      expect(await quick.next(0)).toHaveLength(5 + more);
    }
  });

  it('reads on at once while there is more, and only then lets in who came', async () => {
    const { clock, watch, asked } = feeding({ ...changed(1, 'p1'), more: true }, changed(1, 'p2'));
    const first = watch();
    await quiet();
    expect(asked.map(([after]) => after)).toEqual([null, 'p1']);
    expect(await first.next(0)).toEqual([{ kind: 'ready', position: 'p2' }]);
    await clock.pass(POLL_MS);
    expect(asked).toHaveLength(3);
    // Whoever comes has it asked at once, and again where that was under way already.
    watch();
    await quiet();
    expect(asked).toHaveLength(4);
    watch().close();
    await quiet();
    expect(asked).toHaveLength(5);
  });

  it('asks once more for who came while it asked, and not for who goes while others stay', async () => {
    const { watch, asked, pages } = feeding();
    const gate = new Gate();
    pages.push(async () => {
      await gate.pass();
      return { position: 'p1' };
    });
    const first = watch();
    await gate.arrived;
    const second = watch();
    gate.open();
    await quiet();
    expect(asked).toHaveLength(2);
    for (const each of [first, second])
      expect(await each.next(0)).toEqual([{ kind: 'ready', position: 'p1' }]);
    first.close();
    await quiet();
    expect(asked).toHaveLength(2);
  });

  it('says where who comes would begin also before its first answer has come, and begins anew when all have gone', async () => {
    const { feed, watch, asked, pages } = feeding();
    const gate = new Gate();
    pages.push(async () => {
      await gate.pass();
      return { position: 'p7' };
    });
    const first = watch();
    await gate.arrived;
    expect(await feed.position()).toBe('p0');
    gate.open();
    await quiet();
    expect(await feed.position()).toBe('p7');
    expect(asked).toEqual([
      [null, null, 800],
      [null, null, 1],
    ]);
    first.close();
    await quiet();
    watch();
    await quiet();
    expect(asked.slice(2)).toEqual([[null, null, 800]]);
  });

  it('those whom a change does not concern cost no turn', async () => {
    const { clock, watch, pages } = feeding();
    const others = Array.from({ length: 3 * TOLD_IN_A_TURN }, () => watch({ sagaId: 'other' }));
    const watching = Array.from({ length: TOLD_IN_A_TURN - 1 }, () => watch());
    await quiet();
    for (const each of [...others, ...watching]) await each.next(0);
    pages.push(changed(1, 'p1'));
    let turns = 0;
    const heard = Promise.all(watching.map((each) => each.next(WAIT_MS))).then(() => turns);
    const count = () => {
      turns += 1;
      if (turns < 10) setImmediate(count);
    };
    clock.after(POLL_MS, () => setImmediate(count));
    await clock.pass(POLL_MS);
    expect(await heard).toBeLessThanOrEqual(1);
  });

  it('reads what one has missed page by page, each from where the last ended, and asks anew where it was away', async () => {
    const { clock, watch, asked, events, pages } = feeding({ position: 'p9' });
    const back = watch({ after: 'p3', sagaId: 's' });
    await quiet();
    expect([back.position, await back.next(0)]).toEqual(['p3', [{ kind: 'ready', position: 'p3' }]]);
    pages.push(
      { ...changed(1, 'p4', 'other'), more: true },
      () => Promise.reject(new StoreUnavailableError('away', true)),
      changed(2, 'p9'),
    );
    const next = back.next(WAIT_MS);
    await quiet();
    expect(await back.next(0)).toBe('nothing');
    expect(events).toMatchObject([{ type: 'store-fault', doing: 'changes' }]);
    expect(asked.slice(1)).toEqual([
      ['p3', 'p9', 800],
      ['p4', 'p9', 800],
    ]);
    await clock.pass(POLL_MS - 1);
    expect(asked).toHaveLength(3);
    await clock.pass(1);
    expect(((await next) as Notice[]).map(title)).toEqual(['saga 1', 'saga 2']);
    expect(asked.filter(([, until]) => until !== null)).toHaveLength(3);
    expect(back.position).toBe('p9');
  });
});

describe('whoever comes back', () => {
  it('is told what it missed and then what comes, each once, from any position, at any coordinator', async () => {
    const world = new World();
    const [a, b] = [await world.coordinator('a'), await world.coordinator('b')];
    const first = watch(a);
    await titles(world, first);
    await world.start(a);
    const seen = await told(world, first);
    await world.start(b);
    for (const [index, { position }] of seen.entries()) {
      const back = watch(index % 2 ? a : b, { after: position });
      const missed = ['ready', ...SEVEN.slice(index + 1), ...SEVEN];
      expect(await titles(world, back)).toEqual(missed);
      back.close();
    }
  });

  it('is told in order although the poll finds more while it reads what it missed', async () => {
    const world = new World();
    const a = await world.coordinator();
    const first = watch(a);
    const ready = (await told(world, first)).at(0);
    const missed = await world.start(a);
    const back = watch(a, { after: ready?.position ?? null });
    await world.clock.pass(POLL_MS);
    const live = await world.start(a);
    await world.clock.pass(POLL_MS);
    const ids = (await told(world, back)).flatMap((notice) => (notice.kind === 'saga' ? [notice.id] : []));
    expect(ids).toEqual([...SEVEN.map(() => missed), ...SEVEN.map(() => live)]);
  });

  it('with a position that the poll has yet to reach, is not told again of what it knows', async () => {
    const world = new World();
    const a = await world.coordinator();
    const first = watch(a);
    const ready = (await told(world, first)).at(0);
    await world.start(a);
    const { position } = await world.store.changes(null, null, 1);
    const behind = { changes: [], position: ready?.position, gap: false, more: true };
    world.fate('changes', async () => behind);
    const back = watch(a, { after: position });
    expect(await titles(world, back)).toEqual(['ready']);
    expect(await titles(world, first)).toEqual(SEVEN);
  });

  it('where the store is away while it reads what it missed, reads it later', async () => {
    const world = new World();
    const a = await world.coordinator();
    const first = watch(a);
    const ready = (await told(world, first)).at(0);
    first.close();
    await world.start(a);
    const back = watch(a, { after: ready?.position ?? null });
    await quiet();
    world.fate('changes', notSent);
    expect(await back.next(0)).toMatchObject([{ kind: 'ready' }]);
    const next = back.next(WAIT_MS);
    await world.clock.pass(POLL_MS);
    expect(((await next) as Notice[]).map(title)).toEqual(SEVEN);
  });

  it('waits for its turn to read, and has nothing read any more once it has gone', async () => {
    const world = new World();
    const a = await world.coordinator();
    const first = watch(a);
    const ready = (await told(world, first)).at(0);
    await world.start(a);
    await titles(world, first);
    const [one, two] = [
      watch(a, { after: ready?.position ?? null }),
      watch(a, { after: ready?.position ?? null }),
    ];
    await quiet();
    for (const each of [one, two]) expect(await each.next(0)).toMatchObject([{ kind: 'ready' }]);
    const gate = new Gate();
    world.fate('changes', async (perform) => {
      await gate.pass();
      return perform();
    });
    const [missed, nothing] = [one.next(WAIT_MS), two.next(WAIT_MS)];
    await gate.arrived;
    const before = asked(world);
    two.close();
    gate.open();
    expect(((await missed) as Notice[]).map(title)).toEqual(SEVEN);
    expect([await nothing, await two.next(0), asked(world)]).toEqual([null, null, before]);
  });

  it('stands where it stood until it is told of more', async () => {
    const world = new World();
    const a = await world.coordinator();
    await world.start(a);
    const { position } = await world.store.changes(null, null, 1);
    const back = watch(a, { after: position });
    expect(back.position).toBe(position);
    expect(watch(a).position).toBe('');
  });

  it('is told of a gap behind a position that is not known any more', async () => {
    const world = new World();
    const a = await world.coordinator();
    await world.start(a);
    const back = watch(a, { after: 'nonsense' });
    expect(await titles(world, back)).toEqual(['ready', 'gap']);
    await world.start(a);
    expect(await titles(world, back)).toEqual(SEVEN);
  });
});

it('whoever is too slow is sent away, keeps nothing and no place, and misses nothing when it comes again', async () => {
  const world = new World({ streamMax: 2 * QUEUE_MAX });
  const a = await world.coordinator();
  const slow = watch(a);
  const quick = watch(a);
  await titles(world, slow);
  await titles(world, quick);
  await world.start(a);
  const first = await told(world, quick);
  await slow.next(0);
  let seen = first.length;
  for (let n = 0; n * SEVEN.length <= QUEUE_MAX; n += 1) {
    await world.start(a);
    if (n % 100 === 0) seen += (await titles(world, quick)).length;
  }
  seen += (await titles(world, quick)).length;
  expect(seen).toBeGreaterThan(QUEUE_MAX);
  const { position } = slow;
  expect(position).toBe(first.at(-1)?.position);
  expect(await slow.next(WAIT_MS)).toBe('late');
  expect(await slow.next(WAIT_MS)).toBeNull();
  const back = watch(a, { after: position });
  expect(await titles(world, back)).toEqual([
    'ready',
    ...Array(seen / SEVEN.length - 1)
      .fill(SEVEN)
      .flat(),
  ]);
});

it('more than may watch are refused, until one has gone', async () => {
  const a = await new World().coordinator();
  const watching = Array.from({ length: SETTINGS.watchersMax }, () => watch(a));
  const request = { after: null, sagaId: null };
  expect(a.engine.watch(request)).toBe('full');
  watching[0]?.close();
  watching[0]?.close();
  expect(typeof a.engine.watch(request)).toBe('object');
  expect(a.engine.watch(request)).toBe('full');
});

it('a coordinator that drains sends everybody away, and lets nobody in', async () => {
  const world = new World();
  const a = await world.coordinator();
  const watching = watch(a);
  await titles(world, watching);
  const next = watching.next(WAIT_MS);
  const drained = a.engine.drain(0);
  expect(await next).toBeNull();
  expect(await watching.next(WAIT_MS)).toBeNull();
  expect(a.engine.watch({ after: null, sagaId: null })).toBe('draining');
  await world.clock.pass(1);
  await drained;
  expect(world.clock.pending).toBe(0);
});
