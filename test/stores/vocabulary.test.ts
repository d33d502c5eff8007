/** What the records of a machine have in common, to the letter: it outlives every saga of which it was made. */
import { expect, it } from 'vitest';
import { type Packed, vocabularyOf } from '../../stores/redis/vocabulary.ts';
import { entry } from './sagas.ts';

const snapshot = (data: unknown, over: object = {}) =>
  JSON.stringify({ status: 'done', value: 'completed', context: { data, attempt: 3 }, ...over });
const sample = (data: unknown, lines: readonly string[] = [], over: object = {}): Packed => ({
  snapshot: snapshot(data, over),
  trace: '',
  lines,
});
/** Words of the log, then shapes of snapshots, each on a line of its own. */
const shapes = (...samples: Packed[]) => vocabularyOf(samples);
const all = (...lines: string[]) => lines.join('\n');
const shape = (data: unknown, over: object = {}) =>
  JSON.stringify({ status: 'done', value: 'completed', context: { data, attempt: 0 }, ...over });

it('is names without what they name, and where a machine stands', () => {
  const data = { card: '4711', n: 7, ok: true, none: null, list: ['a', 'b'], in: { deep: 'secret' } };
  const left = { card: '', n: 0, ok: true, none: null, list: [''], in: { deep: '' } };
  expect(shapes(sample(data), sample({ ...data, card: '4712' }))).toBe(shape(left));
});

it('has no name that is not in all of them', () => {
  const both = { shared: 'a', in: { x: 1, y: 2 }, list: [{ p: 1, q: 1 }] };
  const other = { shared: 'b', in: { x: 1, z: 2 }, list: [{ p: 1, r: 1 }], own: 'c' };
  expect(shapes(sample(both), sample(other))).toBe(shape({ shared: '', in: { x: 0 }, list: [{ p: 0 }] }));
  expect(shapes(sample({ a: { b: 1 } }), sample({ a: null }))).toBe(
    all(shape({ a: {} }), shape({ a: null })),
  );
  expect(shapes(sample({ a: { b: 1 } }), sample({ a: [1] }))).toBe(all(shape({ a: {} }), shape({ a: [0] })));
  // A text and a list have names of their own, which are nobody's.
  for (const other of ['text', ['listed'], null, 7])
    expect(shapes(sample({ a: { length: 1, 0: 2 } }), sample({ a: other }))).toMatch(shape({ a: {} }));
  // What is no list has nothing in it, and takes no name from what is in one.
  expect(shapes(sample({ a: [{ b: 1 }] }), sample({ a: 'x' }))).toBe(
    all(shape({ a: [{ b: 0 }] }), shape({ a: '' })),
  );
  // Where one has a list that is empty, the others tell what is in it.
  expect(shapes(sample({ a: [] }), sample({ a: [{ b: 1 }] }))).toBe(
    all(shape({ a: [] }), shape({ a: [{ b: 0 }] })),
  );
});

it('has each place once in which one of them stands', () => {
  const failed = { status: 'done', value: 'failed' };
  expect(shapes(sample({}), sample({}, [], failed), sample({}))).toBe(all(shape({}), shape({}, failed)));
});

it('has words of the log that more than a quarter of them have, without times and persons', () => {
  const line = JSON.stringify(entry({ at: '2026-01-01T00:00:00.000Z', duration_ms: 12, error: 'card 4711' }));
  const words = JSON.stringify(entry({ at: '', duration_ms: 0, error: '' }));
  const rare = JSON.stringify(entry({ event: 'rare' }));
  const by = JSON.stringify({ ...entry({ event: 'cancel' }), by: 'eve', reason: 'no' });
  const unsaid = JSON.stringify({
    ...entry({ event: 'cancel', at: '', duration_ms: 0 }),
    by: '',
    reason: '',
  });
  const samples = [sample({}, [line, line, rare, by]), sample({}, [line, by]), sample({}), sample({})];
  expect(vocabularyOf(samples)).toBe(all(words, unsaid, shape({})));
  // Twice in one of them is once.
  expect(vocabularyOf([sample({}, [line, line]), ...samples.slice(2), sample({})])).toBe(shape({}));
});

it('is made all the same of what cannot be read', () => {
  const torn: Packed = { snapshot: '', trace: '', lines: ['x', '7', 'null'] };
  expect(vocabularyOf([torn])).toBe(all('', 'null'));
  expect(vocabularyOf([{ ...torn, snapshot: '"text"', lines: [] }])).toBe('""');
  // Nothing is known of the one that is torn: so there is nothing that both know.
  expect(shapes(sample({ a: 1 }), torn)).toBe(all('', '{"status":"done","value":"completed"}', 'null'));
  expect(vocabularyOf([])).toBe('');
});

it('keeps its end where it is longer than what is looked back on', () => {
  const names = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`name-${n}`, n]));
  const text = vocabularyOf([sample(names)]);
  expect([text.length, text.slice(-5)]).toEqual([16_000, '":0}}']);
});
