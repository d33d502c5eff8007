/** Six calls, in a row and beside each other: sagas that differ in nothing else. A built coordinator loads no TypeScript. */
import { defineSaga } from 'saga-coordinator';
import { z } from 'zod';

const id = z.string().min(1).max(200);
const input = z.strictObject({ what: id });
const calls = ['a', 'b', 'c', 'd', 'e', 'f'];

const begin = (name) => defineSaga({ id: name, version: '1', input, label: 'what' });
const then = (chain, name) =>
  chain.step(name, {
    at: 'somebody',
    action: {
      path: `/${name}`,
      request: ({ what }) => ({ what }),
      answer: z.looseObject({ ref: id }),
      gains: ({ ref }) => ({ [name]: ref }),
    },
    undo: { path: `/${name}/undo` },
  });
const branch =
  (...names) =>
  (from) =>
    names.reduce(then, from);

export const row = calls.reduce(then, begin('row'));

export const twoBeside = ['c', 'd', 'e', 'f'].reduce(
  then,
  begin('two-beside').parallel('both', { one: branch('a'), other: branch('b') }),
);

export const threeOfTwo = begin('three-of-two').parallel('all', {
  one: branch('a', 'b'),
  two: branch('c', 'd'),
  three: branch('e', 'f'),
});

export const forEach = begin('for-each').forEach('items', () => calls, {
  key: (item) => item,
  at: 'somebody',
  action: {
    path: '/item',
    request: ({ item, what }) => ({ item, what }),
    answer: z.looseObject({ ref: id }),
    gains: (answers) => ({ refs: answers.map(({ ref }) => ref) }),
  },
  undo: { path: '/item/undo' },
});
