import { expect, it } from 'vitest';
import {
  CLAIMS_MAX,
  EXHAUSTED,
  type SagaStore,
  SIGNALS_MAX,
  type Signal,
} from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';
import {
  A1,
  act,
  B1,
  begin,
  end,
  MINUTE,
  ORDER,
  park,
  record,
  view,
  wait,
  write,
  writeId,
} from '../sagas.ts';

const AT = '2026-01-02T00:00:00.000Z';
const claim = (store: SagaStore, id: string, owner = B1) =>
  store.claim([id], owner, 10 * MINUTE, writeId(), AT);

let sent = 0;
const signal = (over: Partial<Signal> = {}): Signal => {
  sent += 1;
  return { id: `signal-${sent}`, kind: 'cancel', atMs: 1, by: 'ada "the" first\n', reason: 'näive', ...over };
};

export const signals: Part = (opened) => {
  it('waits in the mailbox, in order, and raises no revision', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const first = signal();
    const second = signal({ kind: 'skip', step: 'payment' });
    expect(await store.signal(id, first, 1)).toEqual({ kind: 'accepted' });
    expect(await store.signal(id, second, 1)).toEqual({ kind: 'accepted' });
    expect(await record(store, id)).toMatchObject({ fence, seq: 1, signals: [first, second], owner: A1 });
  });

  it('is refused where the log has another length, where the saga has ended, and where there is none', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    expect(await store.signal(id, signal(), 2)).toEqual({ kind: 'moved', seq: 1 });
    await store.commit(id, fence, write({ next: end() }));
    const before = await view(store, id);
    expect(await store.signal(id, signal(), 2)).toEqual({ kind: 'ended' });
    expect(await view(store, id)).toEqual(before);
    expect(await store.signal(store.newId(null), signal(), 1)).toEqual({ kind: 'missing' });
  });

  it('brings an event or an outcome whole, and what is in it is never taken for another', async () => {
    const { store } = opened();
    const { id } = await begin(store);
    const payload = '{"id":"event/2","kind":"event","text":"\\u0000 line\\nbreak"}';
    const event = signal({ id: 'event/1', kind: 'event', by: '', name: 'approval', payload });
    const outcome = signal({
      kind: 'outcome',
      by: '',
      step: 'visa',
      attempt: 3,
      outcome: 'refused',
      payload,
    });
    const other = signal({ id: 'event/2', kind: 'event', by: '', name: 'approval', payload: '{}' });
    for (const one of [event, outcome, other])
      expect(await store.signal(id, one, 1)).toEqual({ kind: 'accepted' });
    expect((await record(store, id)).signals).toEqual([event, outcome, other]);
  });

  it('is accepted once however often it is repeated', async () => {
    const { store } = opened();
    const { id } = await begin(store);
    const one = signal();
    await store.signal(id, one, 1);
    const before = await view(store, id);
    expect(await store.signal(id, one, 1)).toEqual({ kind: 'accepted' });
    expect(await view(store, id)).toEqual(before);
  });

  it('finds a mailbox full that nobody empties', async () => {
    const { store } = opened();
    const { id } = await begin(store);
    for (let i = 0; i < SIGNALS_MAX; i += 1) await store.signal(id, signal(), 1);
    expect(await store.signal(id, signal(), 1)).toEqual({ kind: 'full' });
  });

  it('stops a commit that has not seen it, and is answered by one that has', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const one = signal();
    await store.signal(id, one, 1);
    const before = await view(store, id);
    expect(await store.commit(id, fence, write())).toEqual({ kind: 'signalled', signals: [one] });
    expect(await view(store, id)).toEqual(before);
    expect(await store.commit(id, fence, write({ signalsSeen: 2 }))).toMatchObject({ kind: 'signalled' });

    const seen = write({ signalsSeen: 1 });
    const committed = await store.commit(id, fence, seen);
    expect(committed).toMatchObject({ kind: 'committed', fence: { revision: 2 } });
    expect((await record(store, id)).signals).toEqual([]);
    // A repetition whose reply was lost is ours, though another signal has come since.
    await store.signal(id, signal(), 2);
    expect(await store.commit(id, fence, seen)).toMatchObject({ kind: 'committed', fence: { revision: 2 } });
  });

  it('keeps what a commit that parks the saga leaves there, until somebody asks for more', async () => {
    const { store, advance } = opened();
    const { id, fence } = await begin(store);
    const [left, answered, more] = [signal(), signal(), signal()];
    for (const one of [left, answered]) await store.signal(id, one, 1);
    const parking = write({ next: park, signalsSeen: 2, signalsLeft: [left] });
    for (let n = 0; n < 2; n += 1) await store.commit(id, fence, parking);
    expect(await record(store, id)).toMatchObject({ status: 'ABORTED', signals: [left] });
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([]);
    await store.signal(id, left, 1);
    await store.signal(id, more, 2);
    expect(await claim(store, id)).toMatchObject([{ record: { signals: [left, more] } }]);
  });

  it('lets a stale writer be stale, whatever the mailbox holds', async () => {
    const { store } = opened();
    const { id } = await begin(store);
    await store.signal(id, signal(), 1);
    expect(await store.commit(id, { revision: 7, writeId: 'x' }, write())).toEqual({ kind: 'stale' });
  });

  it.each([
    ['waits', wait(60)],
    ['is parked', park],
  ])('makes a saga due that %s, and can be claimed with it', async (_, next) => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next });
    const one = signal();
    expect(await claim(store, id)).toEqual([]);
    await store.signal(id, one, 1);
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([id]);
    expect(await claim(store, id)).toMatchObject([{ record: { id, owner: B1, signals: [one] } }]);
    expect(await store.due([ORDER], 10)).toEqual([]);
  });

  it('leaves an owner its lease', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store);
    await store.signal(id, signal(), 1);
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect(await claim(store, id)).toEqual([]);
  });

  it('brings a parked saga back, or leaves it parked and not due', async () => {
    const { store, advance } = opened();
    for (const next of [act(), park]) {
      const { id } = await begin(store, { next: park });
      await store.signal(id, signal(), 1);
      const [claimed] = await claim(store, id);
      const fence = claimed?.record.fence ?? { revision: 0, writeId: '' };
      await store.commit(id, fence, write({ next, signalsSeen: 1 }));
      const status = next.kind === 'act' ? 'STARTED' : 'ABORTED';
      expect(await record(store, id)).toMatchObject({ status, signals: [] });
    }
    advance(1_000);
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect((await store.statistics()).statuses).toMatchObject({ STARTED: 1, ABORTED: 1 });
  });

  it('is told in the log before what it led to', async () => {
    const { store } = opened();
    const { id, fence } = await begin(store);
    const { entry } = write();
    const asked = { ...entry, event: 'cancel', by: 'ada', reason: 'two\nlines' };
    await store.commit(id, fence, write({ earlier: [asked, asked], entry }));
    const log = await store.log(id);
    expect(log.slice(1)).toEqual([
      { ...asked, seq: 2 },
      { ...asked, seq: 3 },
      { ...entry, seq: 4 },
    ]);
    expect((await record(store, id)).seq).toBe(4);
  });

  it('a saga that too many coordinators have claimed without a commit between is parked by the claim', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(0) });
    for (let i = 0; i < CLAIMS_MAX; i += 1) {
      advance(11 * MINUTE);
      const killed = { name: 'killed', boot: i };
      expect(await claim(store, id, killed)).toMatchObject([{ record: { status: 'STARTED' } }]);
    }
    advance(11 * MINUTE);
    const [parked] = await claim(store, id);
    expect(parked).toMatchObject({
      remainingMs: 0,
      record: { status: 'ABORTED', owner: null, dueAtMs: null },
    });
    // The store cannot read what stands: it never says that nothing does.
    expect(parked?.record.parked).toEqual(EXHAUSTED);
    expect(EXHAUSTED.held).toHaveLength(1);
    expect((await store.log(id)).at(-1)).toMatchObject({ event: 'claimsExhausted', to: 'processingPayment' });
    const { statuses, counters } = await store.statistics();
    expect(statuses).toMatchObject({ STARTED: 0, ABORTED: 1 });
    expect(counters.order).toMatchObject({ 'settled.ABORTED': 1 });
    expect(await store.due([ORDER], 10)).toEqual([]);
    expect(await claim(store, id)).toEqual([]);
  });

  it('a commit between two claims starts their count again', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(0) });
    for (let i = 0; i < CLAIMS_MAX + 5; i += 1) {
      advance(11 * MINUTE);
      const [claimed] = await claim(store, id, { name: 'killed', boot: i });
      expect(claimed?.record.status).toBe('STARTED');
      await store.commit(id, claimed?.record.fence ?? { revision: 0, writeId: '' }, write({ next: wait(0) }));
    }
  });

  it('is not parked where coordinators that live claim it again and again, and what they write is lost', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(0) });
    for (let i = 0; i < 2 * CLAIMS_MAX; i += 1) {
      advance(11 * MINUTE);
      const [claimed] = await claim(store, id, i % 3 === 0 ? A1 : B1);
      expect(claimed?.record.status).toBe('STARTED');
    }
    // Of those that are gone, as many as before are too many, beside the two that live.
    for (let boot = 2; boot < CLAIMS_MAX; boot += 1) {
      advance(11 * MINUTE);
      expect((await claim(store, id, { name: 'killed', boot }))[0]?.record.status).toBe('STARTED');
    }
    advance(11 * MINUTE);
    expect((await claim(store, id, A1))[0]?.record.status).toBe('STARTED');
    advance(11 * MINUTE);
    expect((await claim(store, id, { name: 'killed', boot: 99 }))[0]?.record.status).toBe('ABORTED');
  });

  it('is not parked where each coordinator that claims it gives it back', async () => {
    const { store, advance } = opened();
    const { id } = await begin(store, { next: wait(0) });
    for (let boot = 1; boot < 2 * CLAIMS_MAX; boot += 1) {
      advance(11 * MINUTE);
      const [claimed] = await claim(store, id, { name: 'drained', boot });
      expect(claimed?.record.status).toBe('STARTED');
      await store.release([{ id, fence: claimed?.record.fence ?? { revision: 0, writeId: '' } }]);
    }
  });
};
