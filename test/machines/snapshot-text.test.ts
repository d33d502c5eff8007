/** The text of a snapshot is gone on with from one to the next: it must be the text that is written anew, whatever a step has changed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExactNumber } from '../../json/exact.ts';
import { SnapshotTexts, textOf } from '../../machines/snapshot-text.ts';

const name = fc.constantFrom('b', 'a', '7', 'constructor', 'Straße "zu"');
const value = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, 1.5, -0, [], {}, new ExactNumber('1.10')),
  fc.jsonValue({ maxDepth: 2 }),
);
const members = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });
const step = fc.record({
  to: fc.constantFrom('data', 'answers', 'more'),
  gained: members,
  isAnew: fc.boolean(),
});

it('is the same text, step by step', () => {
  fc.assert(
    fc.property(members, fc.array(step, { maxLength: 8 }), (first, steps) => {
      const texts = new SnapshotTexts();
      const usual = { status: 'active' as const, output: undefined, error: undefined };
      let before = {
        ...usual,
        value: 'a',
        context: { data: first, answers: {}, attempt: 1, retryAt: null, more: {} },
      };
      expect(texts.textOf(before, null)).toBe(textOf(before));
      for (const { to, gained, isAnew } of steps) {
        const known = isAnew ? {} : before.context[to as 'data'];
        const context = { ...before.context, [to]: { ...known, ...gained } };
        const next = { ...before, context };
        expect(texts.textOf(next, before)).toBe(textOf(next));
        before = next;
      }
    }),
  );
});

it('has what a saga gave at its end, and how it failed', () => {
  for (const more of [
    { output: { a: 1 }, error: undefined },
    { output: undefined, error: { a: 1 } },
  ]) {
    const ended = { status: 'done' as const, value: 'a', context: { data: {}, answers: {} }, ...more };
    expect(new SnapshotTexts().textOf(ended, null)).toBe(textOf(ended));
  }
});
