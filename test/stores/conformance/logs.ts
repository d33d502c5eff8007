import { expect, it } from 'vitest';
import {
  LOG_FIRST,
  LOG_MAX,
  LOG_SLACK,
  type LogEntry,
  type SagaStore,
  type Write,
} from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import { A1, B1, begin, entry, MINUTE, record, wait, write } from '../sagas.ts';

/** Entries that tell by their attempt which one they are. */
function entries(from: number, to: number): LogEntry[] {
  return Array.from({ length: to - from + 1 }, (_, n) => entry({ attempt: from + n }));
}

/** A saga whose log has `count` entries, and the way to add more. */
async function long(store: SagaStore, count: number) {
  const writing = (from: number, to: number, over: Partial<Write> = {}) => {
    const [last = entry(), ...earlier] = entries(from, to).reverse();
    return { earlier: earlier.reverse(), entry: last, ...over };
  };
  let { id, fence } = await begin(store, { ...writing(1, count), id: store.newId(null) });
  let seq = count;
  const grow = async (by: number, over: Partial<Write> = {}) => {
    const result = await store.commit(id, fence, write(writing(seq + 1, seq + by, over)));
    if (result.kind !== 'committed') throw new Error(result.kind);
    fence = result.fence;
    seq += by;
    expect(result.seq).toBe(seq);
    return result;
  };
  return { id, grow };
}

/** The numbers of the log; each entry must stand under its own. */
async function seqs(store: SagaStore, id: string): Promise<number[]> {
  const log = await store.log(id);
  for (const { seq, attempt } of log) if (attempt !== null) expect(attempt).toBe(seq);
  return log.map(({ seq }) => seq);
}
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const first = range(1, LOG_FIRST);
/** The newest entries that a cut at this number leaves. */
const newest = (cutAt: number, seq = cutAt) => range(cutAt - (LOG_MAX - LOG_FIRST) + 1, seq);

const CUT_AT = LOG_MAX + LOG_SLACK + 1;

export const logs: Part = (opened) => {
  it('are whole up to their bound', async () => {
    const { store } = opened();
    const { id, grow } = await long(store, LOG_MAX - 1);
    for (const by of [1, 1, LOG_SLACK - 1]) {
      await grow(by);
      const { seq } = await record(store, id);
      expect(await seqs(store, id)).toEqual(range(1, seq));
    }
  });

  it('lose their middle beyond it; the first and the newest stay, and the numbers go on', async () => {
    const { store } = opened();
    const { id, grow } = await long(store, LOG_MAX + LOG_SLACK);
    await grow(1);
    expect(await seqs(store, id)).toEqual([...first, ...newest(CUT_AT)]);
    await grow(LOG_SLACK);
    expect(await seqs(store, id)).toEqual([...first, ...newest(CUT_AT, CUT_AT + LOG_SLACK)]);
    await grow(1);
    expect(await seqs(store, id)).toEqual([...first, ...newest(CUT_AT + LOG_SLACK + 1)]);
    expect((await record(store, id)).seq).toBe(CUT_AT + LOG_SLACK + 1);
  });

  it('are cut in the middle of a long write, and by the very first one', async () => {
    const { store } = opened();
    const { id, grow } = await long(store, 2 * CUT_AT);
    const kept = await seqs(store, id);
    expect(kept.slice(0, LOG_FIRST)).toEqual(first);
    expect(kept.slice(LOG_FIRST)).toEqual(range(kept[LOG_FIRST] ?? 0, 2 * CUT_AT));
    expect(kept.length).toBeGreaterThanOrEqual(LOG_MAX);
    expect(kept.length).toBeLessThanOrEqual(LOG_MAX + LOG_SLACK);
    await grow(3 * CUT_AT);
    expect((await seqs(store, id)).at(-1)).toBe(5 * CUT_AT);
  });

  it('count a take-over like any other entry, and a signal is bound to the number', async () => {
    const { store, advance } = opened();
    const { id, grow } = await long(store, LOG_MAX + LOG_SLACK);
    advance(11 * MINUTE);
    const [taken] = await store.claim([id], B1, 10 * MINUTE, 'claim', 'at');
    expect(taken?.record.seq).toBe(CUT_AT);
    expect(await seqs(store, id)).toEqual([...first, ...newest(CUT_AT)]);
    await expect(grow(1)).rejects.toThrow('stale');
    const signal = { id: 's', kind: 'retry', atMs: 1, by: 'ada', reason: 'r' } as const;
    expect(await store.signal(id, signal, LOG_MAX)).toEqual({ kind: 'moved', seq: CUT_AT });
    expect(await store.signal(id, signal, CUT_AT)).toEqual({ kind: 'accepted' });
  });

  it('of a repeated commit are what the first one made them', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store, { owner: A1, next: wait(1) });
    const long = write({ earlier: entries(2, CUT_AT - 1), entry: entry({ attempt: CUT_AT }) });
    await store.commit(id, fence, long);
    const before = await store.log(id);
    expect(await store.commit(id, fence, long)).toMatchObject({ kind: 'committed', seq: CUT_AT });
    expect(await store.log(id)).toEqual(before);
  });
};
