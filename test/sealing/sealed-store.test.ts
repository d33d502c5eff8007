/** What is sealed, what opens it, and what becomes of what nothing opens. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../stores/memory-store.ts';
import type { Parked, SagaRecord, Signal } from '../../stores/saga-store.ts';
import { readKeys } from '../../stores/sealing/keys.ts';
import { type SealingOptions, sealedStore } from '../../stores/sealing/sealed-store.ts';
import { actOf, verified } from '../stores/conformance/audits.ts';
import { begin, entry, newSaga, record, summary, write, writeId } from '../stores/sagas.ts';
import { HandKeys, lineOf, ringOf } from './keys.ts';

const SNAPSHOT = '{"card":"4111-secret"}';
const told = entry({ error: 'no such customer Ada', by: 'bob', reason: 'Ada rang', step: 'insure/Ada' });
const event: Signal = {
  id: 'e-1',
  kind: 'event',
  atMs: 1,
  by: 'bob',
  reason: 'Ada came',
  name: 'arrival',
  payload: '{"who":"Ada"}',
};

const NOTHING: Parked = { reason: '', held: [] };

let memory: MemoryStore;
let keys: HandKeys;
const sealed = (depth: SealingOptions['depth'] = 'whole', by = keys) =>
  sealedStore(memory, { keys: by, depth });

beforeEach(() => {
  memory = new MemoryStore({ now: () => 0, partitions: 1 });
  keys = new HandKeys('k1');
});

/** All that the store itself knows, as text. */
async function kept(id: string): Promise<string> {
  return JSON.stringify([await memory.get(id), await memory.log(id), await memory.list({}, null, 10)]);
}

async function parked(store = sealed()): Promise<string> {
  const { id, fence } = await begin(store, {
    snapshot: SNAPSHOT,
    summary: summary({ label: 'Ada-7' }),
    entry: told,
  });
  const held = [{ step: 'pay', reason: 'Ada', response: { iban: 'Ada' } }];
  const next = { kind: 'park', parked: { reason: 'refused', held } } as const;
  expect(
    await store.commit(id, fence, write({ snapshot: SNAPSHOT, summary: summary({ label: 'Ada-7' }), next })),
  ).toMatchObject({ kind: 'committed' });
  expect(await store.signal(id, event, 2)).toEqual({ kind: 'accepted' });
  return id;
}

/** Replaces parts of a record behind everybody's back. */
async function tamper(id: string, change: (record: SagaRecord) => Partial<SagaRecord>): Promise<void> {
  const found = await record(memory, id);
  Object.assign(found, change(found));
}

describe('what a store keeps of a sealed record', () => {
  it('says nothing of the business where whole records are sealed, and all of it to whoever has the key', async () => {
    const id = await parked();
    expect(await kept(id)).not.toMatch(/Ada|bob|4111/);
    const store = sealed();
    const found = await record(store, id);
    expect(found).toMatchObject({
      snapshot: SNAPSHOT,
      summary: { label: 'Ada-7' },
      unreadable: null,
      signals: [event],
    });
    expect(found.parked?.held).toEqual([{ step: 'pay', reason: 'Ada', response: { iban: 'Ada' } }]);
    expect(JSON.stringify([found, await store.log(id)])).not.toContain('s1.');
    expect((await store.log(id))[0]).toEqual({ ...told, seq: 1 });
  });

  it('hides snapshot and payloads where secrets are sealed, and nothing else', async () => {
    const id = await parked(sealed('secrets'));
    const { snapshot, signals, ...rest } = await record(memory, id);
    expect(JSON.stringify([snapshot, signals])).not.toMatch(/4111|who/);
    expect(rest).toMatchObject({ summary: { label: 'Ada-7' }, parked: { held: [{ reason: 'Ada' }] } });
    expect(await record(sealed('secrets'), id)).toMatchObject({ snapshot: SNAPSHOT, signals: [event] });
  });

  it('is never the same twice', async () => {
    const [one, other] = [await begin(sealed()), await begin(sealed())];
    const [first, second] = [await record(memory, one.id), await record(memory, other.id)];
    expect(first.snapshot).not.toBe(second.snapshot);
    expect(first.summary.sealed?.label).not.toBe(second.summary.sealed?.label);
    // By this both are found.
    expect(first.summary.sealed?.hash).toBe(second.summary.sealed?.hash);
  });

  it('is plain again where sealing was switched off, and old records stay readable', async () => {
    const id = await parked();
    const off = sealed('off');
    expect(await record(off, id)).toMatchObject({ snapshot: SNAPSHOT, summary: { label: 'Ada-7' } });
    const plain = await begin(off, { snapshot: SNAPSHOT });
    expect((await record(memory, plain.id)).snapshot).toBe(SNAPSHOT);
    expect(await record(sealed(), plain.id)).toMatchObject({ snapshot: SNAPSHOT, unreadable: null });
  });
});

describe('a listing', () => {
  it('finds a label by its hash, under whichever key it was sealed, and where it was not', async () => {
    const before = await begin(memory, { summary: summary({ label: 'Ada-7' }) });
    const first = await begin(sealed(), { summary: summary({ label: 'Ada-7' }) });
    keys.set('k2', 'k1');
    const second = await begin(sealed(), { summary: summary({ label: 'Ada-7' }) });
    await begin(sealed(), { summary: summary({ label: 'Ada-8' }) });
    const { sagas } = await sealed().list({ label: 'Ada-7' }, null, 10);
    expect(sagas.map(({ id }) => id)).toEqual([second.id, first.id, before.id]);
    expect(sagas.map((saga) => saga.summary)).toEqual(Array(3).fill(summary({ label: 'Ada-7' })));
    keys.set('k2');
    const left = await sealed().list({ label: 'Ada-7' }, null, 10);
    expect(left.sagas.map(({ id }) => id)).toEqual([second.id, before.id]);
  });

  it('finds what is held by its words', async () => {
    const id = await parked();
    const ids = async (error: string) =>
      (await sealed().list({ error }, null, 10)).sagas.map((saga) => saga.id);
    expect([await ids('Ada'), await ids('Eve')]).toEqual([[id], []]);
  });

  it('shows a saga whose key is missing, and says so', async () => {
    const id = await parked();
    keys.set('k2');
    expect((await sealed().list({}, null, 10)).sagas).toMatchObject([
      { id, keyMissing: 'k1', status: 'ABORTED', summary: { label: null, state: 'processingPayment' } },
    ]);
    expect(await record(sealed(), id)).toMatchObject({
      unreadable: expect.stringContaining('"k1", which is not here'),
    });
    expect((await sealed().log(id))[0]).toMatchObject({
      event: 'stepDone',
      error: expect.stringContaining('"k1"'),
    });
  });
});

describe('a sealed text that was changed, or moved', () => {
  const words = /was changed since it was sealed, or belongs elsewhere/;
  const changed: readonly [string, (own: SagaRecord, other: SagaRecord) => Partial<SagaRecord>][] = [
    ['a bit of the snapshot', ({ snapshot }) => ({ snapshot: flipped(snapshot) })],
    ['a snapshot that was cut', ({ snapshot }) => ({ snapshot: snapshot.slice(0, 20) })],
    ['another saga’s snapshot', (_, { snapshot }) => ({ snapshot })],
    ['another field of the same saga', ({ parked: held }) => ({ snapshot: held?.sealed ?? '' })],
    ['another saga’s label', ({ summary: own }, other) => ({ summary: { ...own, ...other.summary } })],
    ['what another saga holds', (_, other) => ({ parked: other.parked })],
  ];

  it.each(changed)('is refused: %s', async (_, change) => {
    const [own, other] = [await parked(), await parked()];
    const from = await record(memory, other);
    expect((await record(sealed(), own)).unreadable).toBeNull();
    await tamper(own, (found) => change(found, from));
    const found = await record(sealed(), own);
    expect(found.unreadable).toMatch(words);
    expect(found.keyMissing).toBeUndefined();
    expect((await record(sealed(), other)).unreadable).toBeNull();
  });

  it('asks for nothing where it is a request', async () => {
    const id = await parked();
    await tamper(id, ({ signals }) => ({ signals: signals.map((one) => ({ ...one, id: 'e-2' })) }));
    expect((await record(sealed(), id)).signals).toMatchObject([{ id: 'e-2', kind: 'unreadable' }]);
  });

  it('says so in its line of the log, and leaves the others', async () => {
    const id = await parked();
    const [first] = await memory.log(id);
    Object.assign(first ?? {}, { event: 'refused' });
    expect((await sealed().log(id))[0]?.error).toMatch(words);
  });

  function flipped(text: string): string {
    const at = text.length - 3;
    return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  }
});

describe('a key', () => {
  it('that comes while it is missed is found at once', async () => {
    const id = await parked();
    keys.set('k2');
    keys.coming = ['k2', 'k1'];
    expect(await record(sealed(), id)).toMatchObject({ snapshot: SNAPSHOT, unreadable: null });
  });

  it('that is missing leaves what it has sealed as it is, also where others write', async () => {
    const id = await parked();
    keys.set('k2');
    const store = sealed();
    const found = await record(store, id);
    const { snapshot, summary: shown, parked: held, signals, fence } = found;
    const next = { kind: 'park', parked: held ?? NOTHING } as const;
    const again = write({ snapshot, summary: shown, next, signalsSeen: 1, signalsLeft: signals });
    expect(await store.commit(id, fence, again)).toMatchObject({ kind: 'committed' });
    keys.set('k1');
    expect(await record(sealed(), id)).toMatchObject({
      snapshot: SNAPSHOT,
      summary: { label: 'Ada-7' },
      parked: { held: [{ reason: 'Ada' }] },
      signals: [event],
      unreadable: null,
    });
  });

  it('is read from lines, and refused by line without a word of it', () => {
    expect(
      readKeys(`# ours\n${lineOf('k2')} # since May\n\n${lineOf('k1')}`).keys?.map(({ id }) => id),
    ).toEqual(['k2', 'k1']);
    expect(readKeys(`${lineOf('a')},${lineOf('b')}`).keys).toHaveLength(2);
    expect(readKeys('').problem).toBe('holds no key');
    expect(readKeys(`${lineOf('a')}\n${lineOf('a')}`).problem).toBe('key a stands there twice');
    for (const bad of ['hunter2', 'k1:hunter2', `k.1:${lineOf('k').slice(2)}`, `${lineOf('k')}AAAA`]) {
      expect(readKeys(bad).problem).toMatch(/^key 1 must be/);
      expect(readKeys(bad).problem).not.toContain('hunter2');
    }
  });
});

describe('an idempotency key', () => {
  const asked = { key: 'once', digest: 'of-the-body' };

  it('leads to its saga whatever was sealed by which key when it was used, and keeps no digest that could be guessed', async () => {
    const ways = [
      ['off', ['k1']],
      ['whole', ['k1']],
      ['whole', ['k2', 'k1']],
      ['secrets', ['k2', 'k1']],
    ] as const;
    for (const [depth, ids] of ways) {
      memory = new MemoryStore({ now: () => 0, partitions: 1 });
      keys.set(...ids);
      const { id } = await begin(sealed(depth), { idempotency: asked });
      for (const [later, others] of ways) {
        // What a key has hashed is found while that key is there.
        if (ids[0] === 'k2' && others[0] === 'k1') continue;
        keys.set(...others);
        const again = newSaga(memory, { idempotency: asked });
        expect(await sealed(later).create(again), `${depth}, then ${later}`).toEqual({ kind: 'exists', id });
        const other = newSaga(memory, { idempotency: { ...asked, digest: 'of-another' } });
        expect(await sealed(later).create(other)).toEqual({ kind: 'key-reused', id });
        expect(await sealed(later).known(asked)).toEqual({ kind: 'exists', id });
      }
    }
    const digests: string[] = [];
    const create = memory.create.bind(memory);
    memory.create = (saga) => {
      digests.push(saga.idempotency?.digest ?? '');
      return create(saga);
    };
    await sealed('whole').create(newSaga(memory, { idempotency: { key: 'new', digest: 'of-the-body' } }));
    expect(digests).toEqual([keys.ring.hash('of-the-body')]);
  });
});

it('a request that comes before a commit is opened for whoever must decide again', async () => {
  const { id, fence } = await begin(sealed());
  await sealed().signal(id, event, 1);
  expect(await sealed().commit(id, fence, write({ writeId: writeId() }))).toEqual({
    kind: 'signalled',
    signals: [event],
  });
  keys.set('k2');
  const closed = await sealed().commit(id, fence, write());
  expect(closed).toMatchObject({
    kind: 'signalled',
    signals: [{ id: 'e-1', sealed: expect.stringMatching(/^s1\.k1\./) }],
  });
});

it('hashes under each key differently', () => {
  const ring = ringOf('k2', 'k1');
  expect(ring.hashes('x')).toEqual([ring.hash('x'), ringOf('k1').hash('x')]);
  expect(new Set([...ring.hashes('x'), ...ring.hashes('y')]).size).toBe(4);
});

describe('what the audit keeps of who asked', () => {
  const told = async (depth: SealingOptions['depth']) => {
    const { id, fence } = await begin(memory);
    const [skip, came] = [
      actOf({ kind: 'skip', by: 'bob', reason: 'Ada rang', step: 'insure/Ada' }),
      actOf(event),
    ];
    const acts = [skip, { ...came, signal: { ...came.signal, actor: 'user:eve' } }];
    expect(await sealed(depth).commit(id, fence, write({ acts }))).toMatchObject({ kind: 'committed' });
    return JSON.stringify(await memory.audit.read(0, 0, 10));
  };
  const shown = async (by = keys) =>
    (await sealed('whole', by).audit.list({}, null, 10)).entries.toReversed();

  it('is sealed with whole records, opened for who reads it, and verified without a key', async () => {
    const lines = await told('whole');
    expect(lines).not.toMatch(/Ada|bob/);
    expect(lines).toMatch('user:eve');
    const entries = await shown();
    expect(entries).toMatchObject([
      { action: 'skip', by: 'bob', reason: 'Ada rang', step: 'insure/Ada' },
      { action: 'event', by: 'bob', event: 'arrival', reason: '', actor: 'user:eve' },
    ]);
    expect(JSON.stringify(entries)).not.toMatch('sealed');
    const store = sealed();
    expect((await store.audit.list({ by: 'eve' }, null, 10)).entries).toEqual([]);
    expect((await store.audit.list({ by: 'bob' }, null, 10)).entries).toHaveLength(2);
    const { lines: exported } = await store.audit.read(0, 0, 10);
    expect(verified(exported)).toMatchObject({ faults: [], chains: [{ entries: 2 }] });
    expect(await shown(new HandKeys('k2'))).toMatchObject([
      { by: '', reason: 'it was sealed with key "k1", which is not here' },
      { event: 'arrival' },
    ]);
  });

  it('is plain where secrets alone are sealed, and never has what an event brings', async () => {
    const lines = await told('secrets');
    expect(lines).toMatch('Ada rang');
    expect(lines).not.toMatch(/who|sealed/);
    expect(await shown()).toMatchObject([{ by: 'bob' }, { by: 'bob' }]);
  });

  it('is sealed of deeds that belong to no saga, too, and opened for who reads it', async () => {
    const deed = { request: 'd-1', action: 'kill', actor: 'user:eve', by: 'bob', reason: 'Ada looks on' };
    await sealed('whole').audit.tell(deed);
    await sealed('secrets').audit.tell({ ...deed, request: 'd-2' });
    const lines = (await memory.audit.read(0, 0, 10)).lines.map((line) => JSON.stringify(line));
    expect(lines[0]).not.toMatch(/Ada|bob/);
    expect(lines[1]).toMatch('Ada looks on');
    expect(await shown()).toMatchObject([deed, { ...deed, request: 'd-2' }]);
  });
});
