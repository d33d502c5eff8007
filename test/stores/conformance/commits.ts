import { expect, it } from 'vitest';
import { parse, stringify } from '../../../json/exact.ts';
import type { Part } from '../conformance.ts';
import {
  A2,
  act,
  B1,
  begin,
  end,
  entry,
  MINUTE,
  ORDER,
  park,
  record,
  summary,
  view,
  wait,
  write,
} from '../sagas.ts';

export const commits: Part = (opened) => {
  it('replaces what the saga is and appends to its log', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store);
    const created = await record(store, id);
    advance(2 * MINUTE);
    const next = write({
      snapshot: '{"value":"schedulingShipping"}',
      summary: summary({ state: 'schedulingShipping', steps_completed: 3 }),
      entry: entry({ event: 'paid' }),
      owner: A2,
      next: act(7),
    });
    expect(await store.commit(id, fence, next)).toEqual({
      kind: 'committed',
      fence: { revision: 2, writeId: next.writeId },
      seq: 2,
      remainingMs: 7 * MINUTE,
    });
    const found = await record(store, id);
    expect(found).toEqual({
      ...created,
      fence: { revision: 2, writeId: next.writeId },
      snapshot: next.snapshot,
      summary: next.summary,
      seq: 2,
      updatedAtMs: found.updatedAtMs,
      owner: A2,
      dueAtMs: found.updatedAtMs + 7 * MINUTE,
    });
    expect(found.updatedAtMs).toBeGreaterThanOrEqual(created.updatedAtMs + 2 * MINUTE);
    expect((await store.log(id)).map(({ seq, event }) => [seq, event])).toEqual([
      [1, 'stepDone'],
      [2, 'paid'],
    ]);
  });

  it('leads through waiting, parked and back, and to the end', async () => {
    const { store } = opened();
    let { id, fence } = await begin(store);
    const go = async (next = act()) => {
      const result = await store.commit(id, fence, write({ next }));
      if (result.kind !== 'committed') throw new Error(result.kind);
      fence = result.fence;
      return record(store, id);
    };
    expect(await go(wait(5))).toMatchObject({ status: 'STARTED', owner: null, parked: null });
    const parked = await go(park);
    expect(parked).toMatchObject({ status: 'ABORTED', owner: null, dueAtMs: null });
    expect(parked.parked).toEqual(park.kind === 'park' ? park.parked : null);
    expect(await go(act())).toMatchObject({ status: 'STARTED', parked: null });
    expect(await go(end('COMPLETED'))).toMatchObject({ status: 'COMPLETED', owner: null, dueAtMs: null });
    expect((await store.log(id)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect((await store.statistics()).statuses).toEqual({ STARTED: 0, COMPLETED: 1, FAILED: 0, ABORTED: 0 });
  });

  it('keeps what a parked saga holds with its numbers as they were written', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const response = '{"id":9007199254740993,"price":1.10,"limit":1e400,"none":-0,"half":"\\ud800"}';
    const parked = { reason: 'r', held: [{ step: 's', reason: 'r', response: parse(response) }] };
    await store.commit(id, fence, write({ next: { kind: 'park', parked } }));
    const kept = await record(store, id);
    expect(stringify(kept.parked?.held[0]?.response)).toBe(response);
    const listed = await store.list({}, null, 10);
    expect(stringify(listed.sagas[0]?.parked)).toBe(stringify(parked));
  });

  it.each([
    ['goes on', act()],
    ['waits', wait(5)],
    ['parks', park],
    ['ends', end()],
  ])('refuses a stale write that %s', async (_, next) => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const goesOn = write();
    await store.commit(id, fence, goesOn);
    const now = { revision: 2, writeId: goesOn.writeId };
    const before = await view(store, id);
    const stale = [
      fence,
      { ...now, revision: 3 },
      // The same revision, made by another write: by one before a failover.
      { ...now, writeId: 'before the failover' },
    ];
    for (const one of stale)
      expect(await store.commit(id, one, write({ counts: { n: 1 }, next }))).toEqual({ kind: 'stale' });
    expect(await view(store, id)).toEqual(before);
  });

  it('recognises the repetition of a commit, and changes nothing', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { counts: { steps: 1 } });
    const done = write({ counts: { steps: 1, 'sagas.held': 1 }, next: act(10) });
    await store.commit(id, fence, done);
    const before = await view(store, id);
    advance(4 * MINUTE);
    const repeated = await store.commit(id, fence, done);
    expect(repeated).toMatchObject({
      kind: 'committed',
      fence: { revision: 2, writeId: done.writeId },
      seq: 2,
    });
    const remainingMs = repeated.kind === 'committed' ? repeated.remainingMs : 0;
    expect(remainingMs).toBeGreaterThan(5 * MINUTE);
    expect(remainingMs).toBeLessThanOrEqual(6 * MINUTE);
    advance(7 * MINUTE);
    expect(await store.commit(id, fence, done)).toMatchObject({ kind: 'committed', remainingMs: 0 });
    expect(await view(store, id)).toEqual(before);
  });

  it('owes what a saga counts while it is called for, until it waits, parks or ends', async () => {
    const { store } = opened();
    const counters = async () => (await store.statistics()).counters.order;
    const { id, fence } = await begin(store, { counts: { 'sagas.held': 1 } });
    const first = write({ counts: { 'steps.held': 2, 'sagas.held': 3, tries: 4 } });
    await store.commit(id, fence, first);
    const second = write({ counts: { tries: 1, 'steps.held': 3 }, next: wait(1) });
    expect(await counters()).toEqual({ 'sagas.held': 1 });
    await store.commit(id, { revision: 2, writeId: first.writeId }, second);
    expect(await counters()).toEqual({ 'sagas.held': 4, 'steps.held': 5, tries: 5 });
    const parks = write({ counts: { parked: 1 }, next: park });
    await store.commit(id, { revision: 3, writeId: second.writeId }, parks);
    expect(await counters()).toEqual({ 'sagas.held': 4, 'steps.held': 5, tries: 5, parked: 1 });
    const again = write({ counts: { 'steps.held': 1, 'down.held': -1, downs: 1 } });
    await store.commit(id, { revision: 4, writeId: parks.writeId }, again);
    expect(await counters()).toMatchObject({ 'sagas.held': 4, 'steps.held': 5 });
    expect(await counters()).not.toHaveProperty('downs');
    const ends = write({ counts: { 'steps.held': 1, tries: 1 }, next: end() });
    await store.commit(id, { revision: 5, writeId: again.writeId }, ends);
    expect(await counters()).toMatchObject({ 'steps.held': 7, 'down.held': -1, downs: 1, tries: 6 });
  });

  it('is due when the last commit says, earlier or later than the one before', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { next: act(10) });
    const later = write({ next: act(30) });
    await store.commit(id, fence, later);
    advance(20 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect((await store.backlog([ORDER])).overdueMs).toBe(0);
    const earlier = write({ next: wait(1) });
    await store.commit(id, { revision: 2, writeId: later.writeId }, earlier);
    advance(2 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([id]);
    expect((await store.backlog([ORDER])).overdueMs).toBeGreaterThanOrEqual(MINUTE);
    const last = write({ next: act(10) });
    await store.commit(id, { revision: 3, writeId: earlier.writeId }, last);
    advance(5 * MINUTE);
    expect(await store.claim([id], B1, MINUTE, 'claim', 'at')).toEqual([]);
    expect((await store.backlog([ORDER])).overdueMs).toBe(0);
    advance(6 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([id]);
  });

  it('recognises the repetition of a commit that ended the saga', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const last = write({ next: end() });
    const first = await store.commit(id, fence, last);
    expect(await store.commit(id, fence, last)).toEqual(first);
    expect(first).toMatchObject({ kind: 'committed', remainingMs: 0 });
  });

  it('no longer recognises a repetition once somebody else has written', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const done = write();
    await store.commit(id, fence, done);
    await store.commit(id, { revision: 2, writeId: done.writeId }, write());
    expect(await store.commit(id, fence, done)).toEqual({ kind: 'stale' });
  });

  it('is fenced by the write and not by the lease: a late writer that nobody overtook may commit', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store, { next: act(1) });
    advance(5 * MINUTE);
    expect(await store.commit(id, fence, write())).toMatchObject({ kind: 'committed' });
  });

  it('lets one of two writers at the same fence through', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const results = await Promise.all([store.commit(id, fence, write()), store.commit(id, fence, write())]);
    expect(results.map(({ kind }) => kind).sort()).toEqual(['committed', 'stale']);
    expect(await store.log(id)).toHaveLength(2);
  });

  it('takes an ended or parked saga out of what is due', async () => {
    const { store, advance } = opened();
    for (const next of [park, end('COMPLETED', 1000), end('FAILED', 1000)]) {
      const { id, fence } = await begin(store, { next: wait(1) });
      await store.commit(id, fence, write({ next }));
    }
    advance(60 * MINUTE);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect((await store.running([ORDER], null, 10)).ids).toEqual([]);
  });
};
