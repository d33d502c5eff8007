import { expect, it } from 'vitest';
import { AuditVerifier } from '../../../stores/audit-verify.ts';
import type { Act, AuditEntry, AuditFilter, SagaStore, Signal } from '../../../stores/saga-store.ts';
import { BadCursorError } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { begin, end, idIn, newSaga, park, write } from '../sagas.ts';

const DAY = 24 * 3600 * 1000;

let asked = 0;
export const actOf = (over: Partial<Signal> = {}, rest: Partial<Act> = {}): Act => {
  asked += 1;
  return {
    signal: { id: `request-${asked}`, kind: 'cancel', atMs: 1, by: 'ada', reason: 'näive\n"', ...over },
    machine: { id: 'order', version: '1' },
    isIgnored: false,
    before: { state: 'processingPayment.calling', status: 'STARTED' },
    after: { state: 'releasingInventory.calling', status: 'STARTED' },
    ...rest,
  };
};

/** Commits that tell of an act each, of a saga of a partition. */
async function told(store: SagaStore, partition: number, acts: readonly Act[]): Promise<string> {
  const { id, fence } = await begin(store, { id: idIn(store, partition) });
  let { revision, writeId } = fence;
  for (const act of acts) {
    const next = write({ acts: [act] });
    expect(await store.commit(id, { revision, writeId }, next)).toMatchObject({ kind: 'committed' });
    revision += 1;
    writeId = next.writeId;
  }
  return id;
}

async function all(store: SagaStore, filter: AuditFilter = {}, limit = 100): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.audit.list(filter, cursor, limit);
    expect(page.damage).toEqual([]);
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    found.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}

/** All chains, as they are exported, each in parts of so many. */
export async function exported(store: SagaStore, part = 2) {
  const lines = [];
  for (let chain = 0; chain < store.info.partitions; chain += 1) {
    for (let from: number | null = 0; from !== null; ) {
      const { lines: some, next } = await store.audit.read(chain, from, part);
      expect(some.length).toBeLessThanOrEqual(part);
      lines.push(...some);
      from = next;
    }
  }
  return lines;
}

export function verified(lines: readonly unknown[]) {
  const verifier = new AuditVerifier(null);
  for (const line of lines) verifier.add(line);
  return verifier.verified();
}

export const audits: Part = (opened) => {
  it('tells of a deed that belongs to no saga, once, and its chain still verifies', async () => {
    const { store } = opened();
    await told(store, 0, [actOf()]);
    const deed = { request: 'deed-1', action: 'kill', actor: 'token:ada', by: 'ada', reason: 'näive\n"' };
    await store.audit.tell(deed);
    await store.audit.tell(deed);
    await told(store, 0, [actOf()]);
    await store.audit.tell({ ...deed, request: 'deed-2' });
    const entries = (await all(store)).filter(({ action }) => action === 'kill');
    expect(entries).toMatchObject([
      { ...deed, request: 'deed-2', seq: 4 },
      { ...deed, saga_id: null, outcome: 'done', before: null, after: null, seq: 2 },
    ]);
    expect(verified(await exported(store)).faults).toEqual([]);
  });

  it('tells what a commit answers, whole, and nothing of one that answers nothing', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const first = write();
    await store.commit(id, fence, first);
    expect(await all(store)).toEqual([]);
    const skip = actOf({ kind: 'skip', step: 'payment', actor: 'user:ada' }, { isIgnored: true });
    const answers = write({ acts: [skip, actOf({ kind: 'resolve', as: 'FAILED' })] });
    const earliest = store.now();
    await store.commit(id, { revision: 2, writeId: first.writeId }, answers);
    const [newest, older] = await all(store);
    expect(older).toEqual({
      chain: id.slice(0, 2),
      seq: 1,
      at: older?.at,
      action: 'skip',
      actor: 'user:ada',
      by: 'ada',
      reason: 'näive\n"',
      saga_id: id,
      machine: 'order@1',
      request: skip.signal.id,
      asked_at: '1970-01-01T00:00:00.001Z',
      step: 'payment',
      as: null,
      event: null,
      outcome: 'ignored',
      before: skip.before,
      after: skip.after,
      revision: 3,
      write_id: answers.writeId,
      dropped: null,
      key_id: null,
      prev: '0'.repeat(64),
      hash: older?.hash,
      mac: null,
    });
    // The estimate of the store's clock may lag by an answer.
    expect(Date.parse(older?.at ?? '')).toBeGreaterThanOrEqual(earliest - 1000);
    expect(newest).toMatchObject({
      seq: 2,
      action: 'resolve',
      as: 'FAILED',
      outcome: 'done',
      prev: older?.hash,
    });
    expect(verified(await exported(store))).toMatchObject({ faults: [], chains: [{ entries: 2, seq: 2 }] });
  });

  it('tells of a saga that is stored anew what was answered with that', async () => {
    const { store } = opened();
    const saga = newSaga(store, { next: park, acts: [actOf()] });
    expect(await store.create(saga)).toMatchObject({ kind: 'created' });
    expect(await store.create(saga)).toMatchObject({ kind: 'created' });
    expect(await all(store)).toMatchObject([{ saga_id: saga.id, revision: 1, write_id: saga.writeId }]);
  });

  it('tells nothing of what was refused, and once of what was repeated', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const acts = [actOf()];
    expect(await store.commit(id, { revision: 7, writeId: 'x' }, write({ acts }))).toEqual({ kind: 'stale' });
    const { signal } = actOf();
    await store.signal(id, signal as Signal, 1);
    expect(await store.commit(id, fence, write({ acts }))).toMatchObject({ kind: 'signalled' });
    expect(await store.commit(store.newId(null), fence, write({ acts }))).toEqual({ kind: 'missing' });
    expect(await all(store)).toEqual([]);
    const answers = write({ acts, signalsSeen: 1 });
    for (let n = 0; n < 3; n += 1)
      expect(await store.commit(id, fence, answers)).toMatchObject({ kind: 'committed' });
    expect(await all(store)).toHaveLength(1);
    // And goes on behind it.
    await told(store, Number.parseInt(id.slice(0, 2), 16), [actOf(), actOf()]);
    expect(verified(await exported(store))).toMatchObject({ faults: [], chains: [{ entries: 3 }] });
  });

  it('lists all chains newest first, in pages, by who, what, which saga, and when', async () => {
    const { store, advance } = opened();
    const ids: string[] = [];
    const times: number[] = [];
    for (const partition of [1, 3, 1, 0]) {
      times.push(store.now());
      ids.push(
        await told(store, partition, [actOf({ actor: 'user:bob' }), actOf({ by: 'eve', kind: 'retry' })]),
      );
      advance(60_000);
    }
    const expected = ids.flatMap((id) => [id, id]).reverse();
    for (const limit of [1, 3, 8, 100]) {
      const found = await all(store, {}, limit);
      expect(found.map(({ saga_id }) => saga_id)).toEqual(expected);
      expect(new Set(found.map(({ hash }) => hash)).size).toBe(8);
    }
    expect((await all(store, { actor: 'user:bob' }, 3)).map(({ saga_id }) => saga_id)).toEqual(
      ids.toReversed(),
    );
    expect(await all(store, { by: 'eve', action: 'cancel' })).toEqual([]);
    expect(await all(store, { by: 'eve', action: 'retry' })).toHaveLength(4);
    expect((await all(store, { saga_id: ids[1] ?? '' }, 1)).map(({ chain }) => chain)).toEqual(['03', '03']);
    expect(await all(store, { saga_id: 'none' })).toEqual([]);
    const between = { sinceMs: (times[1] ?? 0) - 1000, untilMs: (times[3] ?? 0) - 1000 };
    expect((await all(store, between, 1)).map(({ saga_id }) => saga_id)).toEqual(expected.slice(2, 6));
    await expect(store.audit.list({}, 'none', 1)).rejects.toThrow(BadCursorError);
  });

  it('outlives its saga', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store);
    await store.commit(id, fence, write({ acts: [actOf()], next: end('FAILED', 1) }));
    advance(120_000);
    expect(await store.purge(10)).toBe(1);
    expect(await all(store, { saga_id: id })).toHaveLength(1);
  });

  it('drops what is too old, in whole days, and says so in the chain', async () => {
    const { store, advance } = opened();
    const day = () => advance(DAY - (store.now() % DAY));
    day();
    await told(store, 1, [actOf(), actOf()]);
    await told(store, 2, [actOf()]);
    day();
    await told(store, 1, [actOf(), actOf()]);
    expect(await store.audit.trim(DAY, 1_000)).toBe(0);
    day();
    const before = await exported(store);
    expect(await store.audit.trim(DAY, 1_000)).toBe(3);
    expect(await store.audit.trim(DAY, 1_000)).toBe(0);
    const after = await exported(store);
    expect(after).toMatchObject([
      { seq: 3 },
      { seq: 4 },
      { seq: 5, action: 'trimmed', actor: '' },
      { seq: 2 },
    ]);
    expect(after[2]).toMatchObject({ dropped: { seq: 2, hash: (before[1] as AuditEntry).hash } });
    expect(verified(after)).toMatchObject({ faults: [], chains: [{ first: 3 }, { first: 2 }] });
    // Not for ever again, where nothing else happens.
    for (let days = 0; days < 5; days += 1) {
      day();
      await store.audit.trim(DAY, 1_000);
    }
    const later = await exported(store);
    expect(later.map((line) => ('action' in line ? line.action : line))).toEqual(['trimmed', 'trimmed']);
    expect(verified(later).faults).toEqual([]);
    // Where it was dropped without being told, that is seen.
    expect(verified(before.slice(1)).faults).toMatchObject([{ chain: '01', seq: 2 }]);
  });

  it('drops the oldest where there are too many', async () => {
    const { store } = opened();
    await told(
      store,
      1,
      Array.from({ length: 11 }, () => actOf()),
    );
    const each = store.info.partitions;
    expect(await store.audit.trim(DAY, 11 * each)).toBe(0);
    expect(await store.audit.trim(DAY, 10 * each)).toBe(2);
    const left = await exported(store);
    expect(left).toHaveLength(10);
    expect(verified(left).faults).toEqual([]);
    expect(await store.audit.trim(DAY, 10 * each)).toBe(0);
  });
};
