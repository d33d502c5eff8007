/** Acts on many sagas, over an engine whose sagas do as they are told: who is asked when, what is said of each, and who goes on. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type BulkAct, type Counts, countsOf, nextOf, stateOf } from '../../server/bulk/bulk.ts';
import { Bulks } from '../../server/bulk/bulks.ts';
import type { Inquiry, InquiryResult, Operation, SagaEngine } from '../../server/engine/contract.ts';
import { MemoryNotes } from '../../stores/notes.ts';
import { type SagaListing, StoreUnavailableError } from '../../stores/saga-store.ts';

const HELD = [{ step: 'payment', reason: '503', response: null }];

function saga(id: string, seq = 7): SagaListing {
  return {
    id,
    machine: { id: 'order', version: '1', structure: '' },
    status: 'ABORTED',
    summary: {
      state: 'parked',
      label: id,
      steps_completed: 2,
      total_steps: 5,
      failed_step: 'payment',
      failed_step_index: 2,
    },
    parked: { reason: 'compensation-incomplete', held: HELD },
    seq,
    createdAtMs: 0,
    updatedAtMs: 0,
    owner: null,
    unreadable: null,
  };
}

function said(state: Inquiry['state'], error: string | null = null): InquiryResult {
  const about = {
    step: 'payment',
    participant: 'payment',
    url: 'http://payment/stands',
    askedAtMs: 0,
    ms: 1,
  };
  return {
    kind: 'asked',
    inquiry: { ...about, state, error, status: 200, body: null, digest: 'sha-256=:x:' },
  };
}

/** Coordinators over one store, whose time passes when they wait. */
class Fleet {
  readonly sagas = new Map<string, SagaListing>();
  readonly asked: (Operation & { readonly id: string })[] = [];
  readonly notes = new MemoryNotes();
  /** What becomes of a saga that is asked; it stays as it is unless this says otherwise. */
  onAsked: (saga: SagaListing) => SagaListing = (one) => one;
  readonly inquired: string[] = [];
  /** What comes of asking a participant. */
  stands: (id: string) => InquiryResult = () => said('undone');
  draining = false;
  away = 0;
  nowMs = 0;
  readonly #waiting: { atMs: number; run: () => void }[] = [];

  bulks(): Bulks {
    const fleet = this;
    const engine: Pick<SagaEngine, 'operate' | 'inquire' | 'glance' | 'draining'> = {
      get draining() {
        return fleet.draining;
      },
      async operate(id, operation) {
        if (fleet.away > 0) {
          fleet.away -= 1;
          throw new StoreUnavailableError('away', true);
        }
        const found = fleet.sagas.get(id);
        if (found === undefined) return { kind: 'missing' };
        if (found.seq !== operation.ifSeq) return { kind: 'moved', seq: found.seq };
        fleet.asked.push({ id, ...operation });
        fleet.sagas.set(id, fleet.onAsked(found));
        return { kind: 'accepted', isFree: true };
      },
      inquire: async (id, step) => {
        fleet.inquired.push(`${id} ${step}`);
        return fleet.stands(id);
      },
      glance: async (ids) => ids.map((id) => fleet.sagas.get(id) ?? null),
    };
    const clock = {
      now: () => fleet.nowMs,
      monotonic: () => fleet.nowMs,
      after: (ms: number, run: () => void) => {
        this.#waiting.push({ atMs: fleet.nowMs + ms, run });
        return () => {};
      },
    };
    return new Bulks({ engine, notes: this.notes, clock });
  }

  /** Lets everybody go on who can, and then time pass to what comes next; until nobody waits, or `looks` times. */
  async pass(looks = 1): Promise<void> {
    for (let look = 0; look < looks; look += 1) {
      await new Promise(setImmediate);
      const [next] = this.#waiting.sort((a, b) => a.atMs - b.atMs).splice(0, 1);
      if (next === undefined) return;
      this.nowMs = next.atMs;
      next.run();
    }
    await new Promise(setImmediate);
  }

  ids(): string[] {
    return this.asked.map(({ id }) => id);
  }
}

const WHO = { reason: 'payment is mended', by: 'ada', actor: 'anonymous:anonymous' };
const RETRY: BulkAct = { kind: 'retry' };
const ended = (one: SagaListing): SagaListing => ({
  ...one,
  status: 'FAILED',
  parked: null,
  seq: one.seq + 2,
});
const parkedAgain = (one: SagaListing): SagaListing => ({ ...one, seq: one.seq + 3 });

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
  for (let n = 0; n < 30; n += 1) fleet.sagas.set(`s${n}`, saga(`s${n}`));
});
const all = () => [...fleet.sagas.values()].map(({ id, seq }) => ({ id, seq }));
const begin = (bulks: Bulks, more: object = {}) =>
  bulks.begin({ act: RETRY, ...WHO, isCanary: true, sagas: all(), ...more });
const countsAt = async (bulks: Bulks, id: string) => (await bulks.look(id))?.counts as Counts;

describe('a canary', () => {
  it('is asked alone, then ten, then all others, each only when those before have come through', async () => {
    const bulks = fleet.bulks();
    const id = await begin(bulks);
    await fleet.pass(5);
    expect(fleet.ids()).toEqual(['s0']);
    expect(await countsAt(bulks, id)).toMatchObject({ pending: 1, unasked: 29 });
    fleet.sagas.set('s0', ended(saga('s0')));
    await fleet.pass(5);
    expect(fleet.asked).toHaveLength(11);
    for (let n = 1; n < 11; n += 1) fleet.sagas.set(`s${n}`, ended(saga(`s${n}`)));
    fleet.onAsked = ended;
    await fleet.pass(5);
    expect(new Set(fleet.ids()).size).toBe(30);
    expect(await bulks.look(id)).toMatchObject({
      bulk: { stage: 'asked', runner: null },
      counts: { done: 30 },
      isRunning: false,
      canContinue: false,
    });
    expect(fleet.asked[0]).toEqual({ id: 's0', kind: 'retry', ...WHO, ifSeq: 7 });
  });

  it('that is parked again keeps all others from being asked, until somebody says to go on', async () => {
    const bulks = fleet.bulks();
    fleet.onAsked = parkedAgain;
    const id = await begin(bulks);
    await fleet.pass(10);
    expect(fleet.ids()).toEqual(['s0']);
    expect(await bulks.look(id)).toMatchObject({
      bulk: { stage: 'stopped' },
      counts: { parked: 1, unasked: 29 },
      canContinue: true,
    });
    fleet.onAsked = ended;
    expect(await fleet.bulks().continue(id, { by: 'bob', actor: 'token:bob' })).toBe(true);
    await fleet.pass(10);
    expect(await countsAt(bulks, id)).toMatchObject({ done: 29, parked: 1, unasked: 0 });
    expect(fleet.asked.at(-1)).toMatchObject({ by: 'bob', actor: 'token:bob', reason: WHO.reason });
  });

  it('that has moved on proves nothing: another one is asked', async () => {
    const bulks = fleet.bulks();
    const sagas = all();
    fleet.sagas.set('s0', saga('s0', 9));
    const id = await begin(bulks, { sagas });
    await fleet.pass(5);
    expect(fleet.ids()).toEqual(['s1']);
    expect((await bulks.look(id))?.items[0]).toMatchObject({ result: 'moved', state: 'refused' });
  });

  it('is left out where nobody wants it', async () => {
    const id = await begin(fleet.bulks(), { isCanary: false });
    await fleet.pass(3);
    expect(fleet.asked).toHaveLength(30);
    expect(await countsAt(fleet.bulks(), id)).toMatchObject({ pending: 30 });
  });
});

describe('a skip with proof', () => {
  const skip = { act: { kind: 'skip', step: 'payment', isProven: true } satisfies BulkAct };
  const skipped = (one: SagaListing): SagaListing => ({ ...ended(one), seq: one.seq + 3 });

  it('asks the participant of each first, and each log says what it answered', async () => {
    fleet.onAsked = skipped;
    const id = await begin(fleet.bulks(), skip);
    await fleet.pass(10);
    expect(await countsAt(fleet.bulks(), id)).toMatchObject({ done: 30 });
    expect([...fleet.inquired].sort()).toEqual([...fleet.ids().map((one) => `${one} payment`)].sort());
    expect(fleet.asked[0]).toEqual({
      ...WHO,
      id: 's0',
      kind: 'skip',
      step: 'payment',
      ifSeq: 7,
      reason: `${WHO.reason} (proof: payment answered 200, undone, at 1970-01-01T00:00:00.000Z to GET http://payment/stands; sha-256=:x:)`,
    });
  });

  it('does nothing where there is none, and says why; the next one is tried', async () => {
    const without: Record<string, InquiryResult> = {
      s0: said('done'),
      s1: said('unknown', 'it answers 500'),
      s2: { kind: 'not-askable' },
      s3: { kind: 'missing' },
      s4: { kind: 'unknown-version', machine: { id: 'order', version: '1', structure: '' } },
      s5: { kind: 'unreadable' },
    };
    fleet.stands = (id) => without[id] ?? said('undone');
    fleet.onAsked = skipped;
    const bulks = fleet.bulks();
    const id = await begin(bulks, skip);
    await fleet.pass(30);
    expect(await countsAt(bulks, id)).toMatchObject({ refused: 6, done: 24 });
    expect(fleet.ids()).not.toContain('s0');
    expect((await bulks.look(id))?.items.slice(0, 6).map(({ result }) => result)).toEqual([
      'unproven',
      'unproven',
      'not-askable',
      'missing',
      'no-such-event',
      'not-askable',
    ]);
  });

  it('is no act of a release that would skip without asking', async () => {
    const id = await begin(fleet.bulks(), skip);
    const note = await fleet.notes.read(`bulk:${id}`);
    expect(JSON.parse(note?.text ?? '')).toMatchObject({ v: 2 });
    const plain = await begin(fleet.bulks());
    expect(JSON.parse((await fleet.notes.read(`bulk:${plain}`))?.text ?? '')).toMatchObject({ v: 1 });
  });
});

describe('a coordinator', () => {
  it('that ends in the middle leaves it to any other, which goes on where it was', async () => {
    const id = await begin(fleet.bulks());
    await fleet.pass(2);
    fleet.draining = true;
    await fleet.pass(3);
    const other = fleet.bulks();
    expect(await other.look(id)).toMatchObject({ isRunning: false, canContinue: true });
    fleet.draining = false;
    fleet.onAsked = ended;
    fleet.sagas.set('s0', ended(saga('s0')));
    await other.continue(id, WHO);
    await fleet.pass(10);
    expect(await countsAt(other, id)).toMatchObject({ done: 30 });
    expect(fleet.ids().filter((one) => one === 's0')).toHaveLength(1);
  });

  it('that was killed is not believed for long, and one that lives is', async () => {
    const killed = new Fleet();
    for (const [id, one] of fleet.sagas) killed.sagas.set(id, one);
    const id = await begin(killed.bulks());
    expect(await killed.bulks().look(id)).toMatchObject({ isRunning: true, canContinue: false });
    killed.nowMs += 15_000;
    expect(await killed.bulks().look(id)).toMatchObject({ isRunning: false, canContinue: true });
    // One that waits for its canary says so again and again.
    const alive = await begin(fleet.bulks());
    await fleet.pass(200);
    expect(fleet.nowMs).toBeGreaterThan(30_000);
    expect(await fleet.bulks().look(alive)).toMatchObject({ isRunning: true, canContinue: false });
  });

  it('whose store is away asks again, and nobody twice', async () => {
    fleet.away = 3;
    fleet.onAsked = ended;
    const id = await begin(fleet.bulks(), { isCanary: false });
    await fleet.pass(5);
    expect(await countsAt(fleet.bulks(), id)).toMatchObject({ done: 30 });
    expect(fleet.asked).toHaveLength(30);
  });
});

it('nobody more is asked once it is stopped, and it can go on', async () => {
  const bulks = fleet.bulks();
  const id = await begin(bulks);
  await fleet.pass(2);
  expect(await fleet.bulks().halt(id)).toBe(true);
  fleet.sagas.set('s0', ended(saga('s0')));
  await fleet.pass(5);
  expect(fleet.ids()).toEqual(['s0']);
  expect(await bulks.look(id)).toMatchObject({ bulk: { stage: 'halted' }, canContinue: true });
});

it('a hundred are kept, and no more', async () => {
  const bulks = fleet.bulks();
  const first = await begin(bulks, { sagas: [] });
  for (let n = 0; n < 100; n += 1) await begin(bulks, { sagas: [] });
  expect(await bulks.recent()).toHaveLength(100);
  expect(await bulks.look(first)).toBeNull();
  expect(await bulks.look('none')).toBeNull();
});

describe('a saga that was asked', () => {
  const item = { id: 's0', seq: 7, result: 'accepted' as const };
  it.each([
    ['has not been taken up yet', saga('s0'), RETRY, 'pending'],
    ['is parked once more', saga('s0', 9), RETRY, 'parked'],
    ['has ended', ended(saga('s0')), RETRY, 'done'],
    ['is gone, and had ended', null, RETRY, 'done'],
    ['is under way', { ...saga('s0', 8), status: 'STARTED' }, RETRY, 'pending'],
    [
      'has failed, and waits once more',
      {
        ...saga('s0', 9),
        status: 'STARTED',
        summary: { ...saga('s0').summary, state: 'refundingPayment.waiting' },
      },
      RETRY,
      'again',
    ],
    ['is parked for the step that was skipped', saga('s0', 9), { kind: 'skip', step: 'payment' }, 'parked'],
    ['is parked for another step', saga('s0', 9), { kind: 'skip', step: 'stock' }, 'done'],
  ] as const)('%s', (_, found, act, state) => {
    expect(stateOf(item, act, found as SagaListing | null)).toBe(state);
  });
});

it('asks no more than its canaries allow, whatever has come of those before', () => {
  const none = countsOf([]);
  const next = (counts: Partial<Counts>, forgiven = 0) =>
    nextOf({ isCanary: true, forgiven }, { ...none, unasked: 100, ...counts });
  expect(next({})).toEqual({ ask: 1 });
  expect(next({ refused: 4 })).toEqual({ ask: 1 });
  expect(next({ done: 1 })).toEqual({ ask: 10 });
  expect(next({ done: 4, pending: 5 })).toEqual({ ask: 2 });
  expect(next({ done: 4, pending: 7 })).toBe('wait');
  expect(next({ done: 11, pending: 0 })).toEqual({ ask: 100 });
  expect(next({ done: 10, again: 1 })).toBe('stopped');
  expect(next({ done: 10, parked: 1 }, 1)).toEqual({ ask: 100 });
  expect(next({ unasked: 0, parked: 5 })).toBe('asked');
});
