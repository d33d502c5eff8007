/** What a saga is made of, as it is listed: parts within parts, behind the pivot or before, and the schemas of what comes in. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { jsonSchemaOf, notUndone, outlineOf, partName, wordOf } from '../../machines/outline.ts';
import type { Part, Step } from '../../machines/parts.ts';

const call = (undo: object = { path: '/undo' }) => ({
  at: 'somebody',
  action: { path: '/do', request: () => ({}), answer: z.looseObject({}) },
  undo: undo as { path: string },
});
const of = () => defineSaga({ id: 'own', version: '1', input: z.looseObject({}) });

it('lists every part in the order of doing, by its word, where it stands, and whether that is behind the pivot', () => {
  const { parts } = of()
    .step('a', call())
    .parallel('all', {
      one: (b) =>
        b
          .forEach('b', () => ['x'], { ...call(), key: String })
          .when(
            'fork',
            () => true,
            (then) => then.step('c', call()),
            (otherwise) => otherwise.step('d', call()),
          ),
      two: (b) => b.sleep('nap', '1 min'),
    })
    .pivot('p', call())
    .waitFor('word', { within: '1 h', data: z.looseObject({}), late: () => ({}) })
    .when(
      'spoon',
      () => true,
      (then) => then.step('e', call()),
    );
  const listed = outlineOf(parts).map(({ part, inside, isPast }) => [
    wordOf(part),
    partName(part),
    inside && `${inside.part}: ${inside.branch}`,
    isPast,
  ]);
  expect(listed).toEqual([
    ['step', 'a', null, false],
    ['parallel', 'all', null, false],
    ['for_each', 'b', 'all: one', false],
    ['when', 'fork', 'all: one', false],
    ['step', 'c', 'fork: then', false],
    ['step', 'd', 'fork: otherwise', false],
    ['sleep', 'nap', 'all: two', false],
    ['pivot', 'p', null, false],
    ['wait_for', 'word', null, true],
    ['when', 'spoon', null, true],
    ['step', 'e', 'spoon: then', true],
  ]);
});

it.each([
  [{ path: '/undo' }, null],
  [{ none: 'a fee' }, { reason: 'a fee', stays: true }],
  [{ unneeded: 'it asks' }, { reason: 'it asks', stays: false }],
])('says why %j is not undone', (undo, why) => {
  const [part] = of().step('a', call(undo)).parts;
  expect(notUndone((part as Part & { step: Step }).step)).toEqual(why);
});

describe('a schema', () => {
  it('is that of what is sent, with what it cannot say left open', () => {
    const sent = z.object({
      at: z.date(),
      on: z.string().transform((text) => new Date(text)),
      size: z.int().default(1),
    });
    expect(jsonSchemaOf(sent)).toMatchObject({
      type: 'object',
      properties: { at: {}, on: { type: 'string' }, size: { default: 1, type: 'integer' } },
      required: ['at', 'on'],
    });
  });

  it.each([
    [new Error('a bug'), 'a bug'],
    ['a text', 'a text'],
  ])('that cannot be shown says why: %s', (thrown, why) => {
    const failing = z.lazy(() => {
      throw thrown;
    });
    expect(jsonSchemaOf(failing)).toEqual({ description: `It cannot be shown as JSON Schema: ${why}` });
  });
});
