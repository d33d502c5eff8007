/** What is done to an export is named. */
import { expect, it } from 'vitest';
import { canonical } from '../../json/canonical.ts';
import type { AuditEntry } from '../../stores/audit.ts';
import { hashOf, macOf } from '../../stores/audit-chain.ts';
import { AuditVerifier, type ChainHead } from '../../stores/audit-verify.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import { actOf, exported } from './conformance/audits.ts';
import { begin, idIn, write } from './sagas.ts';

const KEY = { id: 'k1', secret: 'a secret of the store' };

/** Two chains of five entries each, perhaps sealed. */
async function chains(auditKey?: typeof KEY): Promise<AuditEntry[]> {
  const store = new MemoryStore({ now: () => 1_750_000_000_000, partitions: 2, auditKey });
  for (const partition of [0, 1]) {
    const { id, fence } = await begin(store, { id: idIn(store, partition) });
    let { revision, writeId } = fence;
    for (let n = 0; n < 5; n += 1) {
      const next = write({ acts: [actOf({ reason: `r${n}` })] });
      await store.commit(id, { revision, writeId }, next);
      revision += 1;
      writeId = next.writeId;
    }
  }
  return (await exported(store, 100)) as AuditEntry[];
}

function verify(
  lines: readonly unknown[],
  keys: ReadonlyMap<string, string> | null = null,
  heads: ChainHead[] = [],
) {
  const verifier = new AuditVerifier(keys, heads);
  // As they come out of a file.
  for (const line of lines) verifier.add(JSON.parse(JSON.stringify(line)));
  return verifier.verified();
}
const faultsOf = (...given: Parameters<typeof verify>) =>
  verify(...given).faults.map(({ chain, seq, what }) => `${chain} ${seq}: ${what}`);

/** As a forger would who knows how hashes are made, and has no key. */
const forged = (entry: AuditEntry, over: Partial<AuditEntry>): AuditEntry => {
  const changed = { ...entry, ...over };
  return { ...changed, hash: hashOf(changed) };
};

it('finds nothing wrong with what is whole', async () => {
  const lines = await chains();
  expect(verify(lines)).toEqual({
    faults: [],
    chains: ['00', '01'].map((chain, n) => {
      return { chain, entries: 5, first: 1, seq: 5, hash: lines[5 * n + 4]?.hash, unsealed: 5 };
    }),
  });
});

it.each([
  [
    'changed',
    (all: AuditEntry[]) => all.with(2, { ...(all[2] as AuditEntry), reason: 'another' }),
    ['00 3: entry 3 was changed'],
  ],
  [
    'changed, with its hash',
    (all: AuditEntry[]) => all.with(2, forged(all[2] as AuditEntry, { actor: 'user:eve' })),
    ['00 4: entry 4 does not follow'],
  ],
  ['removed', (all: AuditEntry[]) => all.toSpliced(2, 1), ['00 4: entry 3 is missing']],
  ['removed with others', (all: AuditEntry[]) => all.toSpliced(0, 3), ['00 4: entries 1 to 3 are missing']],
  [
    'swapped with the next',
    (all: AuditEntry[]) => all.with(1, all[2] as AuditEntry).with(2, all[1] as AuditEntry),
    ['00 2: entry 2 stands behind entry 3', '00 3: entry 2 is missing', '00 4: entry 3 is missing'],
  ],
  [
    'inserted',
    (all: AuditEntry[]) =>
      all.toSpliced(2, 0, forged(all[2] as AuditEntry, { reason: 'never', prev: all[1]?.hash ?? '' })),
    ['00 3: entry 3 stands behind entry 3'],
  ],
  [
    'inserted, with all behind it renumbered',
    (all: AuditEntry[]) => [
      ...all.slice(0, 2),
      forged(all[2] as AuditEntry, { reason: 'never' }),
      ...all.slice(2, 5).map((entry) => forged(entry, { seq: entry.seq + 1 })),
      ...all.slice(5),
    ],
    ['00 4: entry 4 does not follow', '00 5: entry 5 does not follow', '00 6: entry 6 does not follow'],
  ],
  [
    'moved to another chain',
    (all: AuditEntry[]) => all.toSpliced(2, 1).toSpliced(6, 0, all[2] as AuditEntry),
    ['00 3: entry 3 stands behind entry 5', '00 4: entry 3 is missing'],
  ],
  [
    'replaced by what is no entry',
    (all: AuditEntry[]) => all.with(2, { chain: '00', unreadable: 'x' } as unknown as AuditEntry),
    ['00 3: what stands behind entry 2 is no entry', '00 4: entry 4 does not follow'],
  ],
])('names an entry that was %s', async (_, spoil, expected) => {
  const found = faultsOf(spoil(await chains()));
  expect(found.map((fault, n) => fault.slice(0, expected[n]?.length))).toEqual(expected);
});

it('sees what is missing at an end that was known', async () => {
  const all = await chains();
  const heads = verify(all).chains;
  expect(faultsOf(all, null, [...heads])).toEqual([]);
  expect(faultsOf(all.slice(0, 9), null, [...heads])).toEqual([
    '01 5: it ends with entry 4, and was seen to go up to 5',
  ]);
  expect(faultsOf(all.slice(0, 5), null, [...heads])).toEqual([
    '01 5: it has no entry, and was seen to go up to 5',
  ]);
  const last = forged(all[9] as AuditEntry, { reason: 'another' });
  expect(faultsOf(all.with(9, last), null, [...heads])).toEqual([
    '01 5: entry 5 is another than the one that was seen there',
  ]);
  // A chain that has gone on since.
  expect(faultsOf(all, null, [{ chain: '01', seq: 3, hash: all[7]?.hash ?? '' }])).toEqual([]);
});

it('knows by a key who has made an entry', async () => {
  const all = await chains(KEY);
  const keys = new Map([[KEY.id, KEY.secret]]);
  expect(verify(all, keys)).toMatchObject({ faults: [], chains: [{ unsealed: 0 }, { unsealed: 0 }] });
  expect(all[0]).toMatchObject({ key_id: 'k1', mac: macOf(all[0]?.hash ?? '', KEY.secret) });
  // A whole chain made anew, which no hash gives away.
  let prev = '0'.repeat(64);
  const anew = (over: Partial<AuditEntry>, mac: (hash: string) => string | null) => (entry: AuditEntry) => {
    const made = forged(entry, { ...over, prev });
    prev = made.hash;
    return { ...made, mac: mac(made.hash) };
  };
  const chain = all.slice(0, 5);
  const guessed = chain.map(anew({ actor: 'user:eve' }, (hash) => macOf(hash, 'a guess')));
  expect(faultsOf(guessed)).toEqual([]);
  expect(faultsOf(guessed, keys)).toHaveLength(5);
  expect(faultsOf(guessed, keys)[0]).toBe('00 1: entry 1 was not made by who has the key k1');
  expect(faultsOf(chain, new Map([['k2', KEY.secret]]))[0]).toMatch('by the key k1, which is not given');
  // Its tail stripped of MACs.
  prev = chain[2]?.hash ?? '';
  const stripped = [...chain.slice(0, 3), ...chain.slice(3).map(anew({ key_id: null }, () => null))];
  expect(faultsOf(stripped, keys)).toEqual(
    [4, 5].map((n) => `00 ${n}: entry ${n} has no MAC, and one before it has`),
  );
  prev = '0'.repeat(64);
  const bare = chain.map(anew({ key_id: null }, () => null));
  expect(verify(bare, keys).chains).toMatchObject([{ entries: 5, unsealed: 5 }]);
});

it('covers by the hash whatever an entry has, also of a newer release', async () => {
  const [first] = await chains();
  const { hash: _, mac: __, ...covered } = { ...(first as AuditEntry), ticket: 'T-1' };
  const newer = forged(first as AuditEntry, { ticket: 'T-1' } as object);
  expect(canonical(covered)).toMatch('"ticket":"T-1"');
  expect(faultsOf([newer])).toEqual([]);
  expect(faultsOf([{ ...newer, ticket: 'T-2' }])).toHaveLength(1);
});
