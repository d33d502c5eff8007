/** The start of a saga where something is in the way: the store, the client's key, or too much to do. */
import { describe, expect, it } from 'vitest';
import { quiet } from './virtual-clock.ts';
import {
  type Fate,
  FORWARD,
  hanging,
  LEASE_MS,
  notApplied,
  notSent,
  replyLost,
  retryable,
  World,
} from './world.ts';

/** Long enough for every repetition of a create. */
const PATIENCE_MS = 10_000;

const sent = (world: World) => world.journal.filter((entry) => entry === 'create').length;

describe('a create', () => {
  it.each([1, 2, 3])('whose reply was lost %i times is recognised as ours', async (times) => {
    const world = new World();
    world.fate('create', ...Array<Fate>(times).fill(replyLost));
    const a = await world.coordinator();
    const starting = a.engine.start(world.request());
    await world.clock.pass(PATIENCE_MS);
    const result = await starting;
    if (result.kind !== 'started') throw new Error(result.kind);
    expect(world.called(result.id)).toEqual(FORWARD);
    expect(await world.counters()).toMatchObject({ started: 1, 'settled.COMPLETED': 1 });
    expect(a.events.filter(({ type }) => type === 'store-fault')).toHaveLength(times);
  });

  it.each([
    ['was stored', replyLost],
    ['was not stored', notApplied],
  ])('whose reply was lost for good is answered as unknown, with its id; here it %s', async (_, fate) => {
    const world = new World();
    world.fate('create', ...Array<Fate>(10).fill(fate));
    const a = await world.coordinator('a');
    const starting = a.engine.start(world.request());
    await world.clock.pass(PATIENCE_MS);
    const result = await starting;
    expect(result.kind).toBe('unknown');
    expect(sent(world)).toBe(4);
    expect(a.engine.inHand).toBe(0);
    expect(world.calls).toEqual([]);

    // What was stored is carried on by whoever finds it due.
    a.engine.open();
    await world.clock.pass(LEASE_MS + 2_000);
    const id = 'id' in result ? result.id : '';
    const record = await world.store.get(id);
    expect(record?.status).toBe(fate === replyLost ? 'COMPLETED' : undefined);
    expect(world.called()).toEqual(fate === replyLost ? FORWARD : []);
  });

  it('that surely was not sent is refused at once: the client knows best whether to try again', async () => {
    const world = new World();
    world.fate('create', notSent);
    const a = await world.coordinator();
    expect(await a.engine.start(world.request())).toEqual({ kind: 'refused', why: 'store-unavailable' });
    expect(sent(world)).toBe(1);
    expect(a.engine.inHand).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it('that was once perhaps stored is never called refused, even where its repetitions were not sent', async () => {
    const world = new World();
    world.fate('create', replyLost, notSent, notSent, notSent);
    const a = await world.coordinator();
    const starting = a.engine.start(world.request());
    await world.clock.pass(PATIENCE_MS);
    expect(await starting).toMatchObject({ kind: 'unknown' });
  });

  it('that outlasts the client’s patience is unknown to it, and runs all the same when the store answers', async () => {
    const world = new World();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world.fate('create', async (perform) => {
      await answered;
      return perform();
    });
    const a = await world.coordinator();
    const starting = a.engine.start({ ...world.request(), patienceMs: 1_000 });
    await world.clock.pass(1_000);
    const result = await starting;
    expect(result.kind).toBe('unknown');
    expect(world.calls).toEqual([]);

    answer();
    await quiet();
    expect(world.called('id' in result ? result.id : '')).toEqual(FORWARD);
    expect(a.events.filter(({ type }) => type === 'started')).toHaveLength(1);
  });

  it('that another coordinator carried on before its repetition is joined, not acted on twice', async () => {
    const world = new World();
    const slow: Fate = async (perform, args) => {
      await replyLost(perform, args).catch(() => undefined);
      await world.clock.pass(LEASE_MS + 2_000);
      return notApplied(perform, args);
    };
    const b = await world.coordinator('b');
    b.engine.open();
    world.fate('create', slow);
    const a = await world.coordinator('a');
    const starting = a.engine.start(world.request());
    await world.clock.pass(PATIENCE_MS);
    const result = await starting;
    expect(result.kind).toBe('joined');
    expect(world.called()).toEqual(FORWARD);
    expect(new Set(world.calls.map(({ by }) => by))).toEqual(new Set(['b']));
  });
});

describe('an idempotency key', () => {
  const first = { key: 'k-1', digest: 'd-1' };

  it('with the same body joins the saga that it started, here and elsewhere, also after its end', async () => {
    const world = new World();
    const a = await world.coordinator('a');
    const started = await a.engine.start(world.request(first));
    const joined = { kind: 'joined', id: 'id' in started ? started.id : '' };
    expect(started.kind).toBe('started');
    for (const name of ['a', 'b']) {
      expect(await (await world.coordinator(name)).engine.start(world.request(first))).toEqual(joined);
    }
    await quiet();
    expect(await a.engine.start(world.request(first))).toEqual(joined);
    expect(world.called()).toEqual(FORWARD);
    expect((await world.counters()).started).toBe(1);
  });

  it('with another body is refused, and names the saga that has it', async () => {
    const world = new World();
    const a = await world.coordinator();
    const started = await a.engine.start(world.request(first));
    const id = 'id' in started ? started.id : '';
    expect(await a.engine.start(world.request({ ...first, digest: 'd-2' }))).toEqual({
      kind: 'key-reused',
      id,
    });
    await quiet();
    expect(world.called()).toEqual(FORWARD);
  });

  it('given twice at once starts one saga', async () => {
    const world = new World();
    const a = await world.coordinator('a');
    const b = await world.coordinator('b');
    const results = await Promise.all([a, b, a].map(({ engine }) => engine.start(world.request(first))));
    await quiet();
    expect(results.map(({ kind }) => kind)).toEqual(['started', 'joined', 'joined']);
    expect(new Set(results.map((result) => ('id' in result ? result.id : ''))).size).toBe(1);
    expect(world.called()).toEqual(FORWARD);
  });

  it('whose reply was lost still starts its saga', async () => {
    const world = new World();
    world.fate('create', replyLost);
    const a = await world.coordinator();
    const starting = a.engine.start(world.request(first));
    await world.clock.pass(PATIENCE_MS);
    expect((await starting).kind).toBe('started');
    expect(world.called()).toEqual(FORWARD);
  });
});

describe('too much to do', () => {
  it('refuses a start beyond inHandMax, and takes one again when there is room', async () => {
    const world = new World();
    const a = await world.coordinator('a', { inHandMax: 2 });
    world.reply('order', 'action', hanging, hanging);
    await world.start(a);
    await world.start(a);
    expect(await a.engine.start(world.request())).toEqual({ kind: 'refused', why: 'overloaded' });
    expect(sent(world)).toBe(2);
    // The calls held end with their time-out; then both sagas are undone, and leave.
    await world.clock.pass(LEASE_MS);
    expect((await a.engine.start(world.request())).kind).toBe('started');
  });

  it('joins a repeat all the same, and says so of a key that was used for something else', async () => {
    const world = new World();
    const a = await world.coordinator('a', { inHandMax: 1 });
    world.reply('order', 'action', hanging);
    const first = await a.engine.start(world.request({ key: 'k', digest: 'd' }));
    expect(await a.engine.start(world.request({ key: 'k', digest: 'd' }))).toEqual({
      ...first,
      kind: 'joined',
    });
    expect(await a.engine.start(world.request({ key: 'k', digest: 'other' }))).toEqual({
      ...first,
      kind: 'key-reused',
    });
    const overloaded = { kind: 'refused', why: 'overloaded' };
    expect(await a.engine.start(world.request({ key: 'another', digest: 'd' }))).toEqual(overloaded);
    world.fate('known', notSent, () => hanging());
    const away = await a.engine.start(world.request({ key: 'k', digest: 'd' }));
    expect(away).toEqual({ kind: 'refused', why: 'store-unavailable' });
    const late = a.engine.start(world.request({ key: 'k', digest: 'd' }));
    await world.clock.pass(world.request().patienceMs);
    expect(await late).toEqual(overloaded);
    expect(sent(world)).toBe(1);
  });

  it('counts creates that the store has not answered yet', async () => {
    const world = new World();
    const a = await world.coordinator('a', { inHandMax: 2 });
    const results = await Promise.all([1, 2, 3].map(() => a.engine.start(world.request())));
    expect(results.map(({ kind }) => kind)).toEqual(['started', 'started', 'refused']);
  });

  it('forgets creates that failed', async () => {
    const world = new World();
    const a = await world.coordinator('a', { inHandMax: 1 });
    world.fate('create', notSent);
    await a.engine.start(world.request());
    expect((await a.engine.start(world.request())).kind).toBe('started');
  });
});

describe('a store that has all the sagas that it may have', () => {
  /** One saga that waits for long, because its participant is down. */
  async function full() {
    const world = new World({ policy: { attemptsMax: 2 }, inFlightMax: 1 });
    world.reply('order', 'action', retryable(60_000));
    const a = await world.coordinator();
    a.engine.open();
    const request = world.request({ key: 'k', digest: 'd' });
    const first = await a.engine.start(request);
    await quiet();
    return { world, a, request, first };
  }

  it('refuses a start though nothing is in hand, joins a repeat, and takes one again when there is room', async () => {
    const { world, a, request, first } = await full();
    expect(a.engine.inHand).toBe(0);
    expect(await a.engine.start(world.request())).toEqual({ kind: 'refused', why: 'store-full' });
    expect(await a.engine.start(request)).toEqual({ ...first, kind: 'joined' });
    expect(world.called()).toEqual(['order action']);
    await world.clock.pass(60_002);
    expect(await a.engine.start(world.request())).toMatchObject({ kind: 'started' });
  });

  it('is not called full where the start was sent before and may still arrive', async () => {
    const { world, a } = await full();
    world.fate('create', notApplied);
    const starting = a.engine.start(world.request());
    await world.clock.pass(PATIENCE_MS);
    expect((await starting).kind).toBe('unknown');
  });
});
