/** Several indexes read as one, over indexes that a test makes up. */
import { expect, it } from 'vitest';
import { newestIds, type Source } from '../../stores/redis/listing.ts';

const uuid = (n: number) => `01a208f6-95e9-749d-a6b9-0000000000${String(n).padStart(2, '0')}`;

/** As ZREVRANGEBYLEX reads; what was asked is noted. */
function reader(indexes: Readonly<Record<string, readonly string[]>>) {
  const asked: string[][] = [];
  const read = async (key: string, max: string, min: string, count: number) => {
    asked.push([key, max, min]);
    const isBelow = (member: string) => max === '+' || `(${member}` < max;
    const isAbove = (member: string) => min === '-' || `[${member}` >= min;
    const all = [...(indexes[key] ?? [])].sort().reverse();
    return all.filter((member) => isBelow(member) && isAbove(member)).slice(0, count);
  };
  return { read, asked };
}

async function found(
  indexes: Readonly<Record<string, readonly string[]>>,
  sources: readonly Source[],
  below: string | null = null,
  chunk = 2,
) {
  const { read, asked } = reader(indexes);
  const ids: string[] = [];
  for await (const id of newestIds(read, sources, below, chunk)) ids.push(id);
  return { ids, asked };
}

const A: Source = { key: 'a', prefix: '00-' };
const B: Source = { key: 'b', prefix: '01-' };
const indexes = {
  a: [1, 4, 5, 6, 9].map((n) => `00-${uuid(n)}`),
  b: [2, 3, 7, 8].map((n) => `01-${uuid(n)}`),
};
const newest = [...indexes.a, ...indexes.b].sort((a, b) => (a.slice(3) < b.slice(3) ? 1 : -1));

it.each([1, 2, 3, 4, 5, 20])('is newest first, whatever is read at once: %i', async (chunk) => {
  expect((await found(indexes, [A, B], null, chunk)).ids).toEqual(newest);
  expect((await found(indexes, [B, A], null, chunk)).ids).toEqual(newest);
  expect((await found(indexes, [A, B], uuid(7), chunk)).ids).toEqual(newest.slice(3));
  expect((await found({}, [A, B], null, chunk)).ids).toEqual([]);
});

it('reads on only where it has told all that it read, and ends where less came than was asked for', async () => {
  const { asked } = await found(indexes, [A, B], null, 3);
  expect(asked).toEqual([
    ['a', '+', '-'],
    ['b', '+', '-'],
    ['a', `(00-${uuid(5)}`, '-'],
    ['b', `(01-${uuid(3)}`, '-'],
  ]);
  expect((await found(indexes, [A], uuid(5), 3)).asked).toEqual([['a', `(00-${uuid(5)}`, '-']]);
});

it('goes on behind what is no saga of the partition', async () => {
  const strange = ['00-none', `01-${uuid(5)}`, 'zzz', '', `x${uuid(4)}`];
  const spoilt = { ...indexes, a: [...indexes.a, ...strange] };
  for (const chunk of [1, 2, 20]) expect((await found(spoilt, [A, B], null, chunk)).ids).toEqual(newest);
});

it('has of members that begin with something those alone, without it', async () => {
  const members = indexes.a.map((id) => `k ${id}`);
  const mixed = { a: [...members, `j ${indexes.a[0]}`, `l ${indexes.a[1]}`] };
  const source = { ...A, begins: 'k ' };
  const all = [...indexes.a].reverse();
  const { ids, asked } = await found(mixed, [source], null, 20);
  expect([ids, asked]).toEqual([all, [['a', '(k ~', '[k ']]]);
  const below = await found(mixed, [source], uuid(5), 20);
  expect([below.ids, below.asked]).toEqual([all.slice(3), [['a', `(k 00-${uuid(5)}`, '[k ']]]);
});

it('has of ids those that are not below the least', async () => {
  const least = `00-${uuid(5)}`;
  const { ids, asked } = await found(indexes, [{ ...A, least }], null, 20);
  expect([ids, asked]).toEqual([[...indexes.a].reverse().slice(0, 3), [['a', '+', `[${least}`]]]);
});
