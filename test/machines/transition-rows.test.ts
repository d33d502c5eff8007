/** How the rows of a table are read off a machine's states: what is asked where, in which order, what is left, and what is entered. */
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, assign, setup } from 'xstate';
import { differenceIn } from '../../machines/table-check.ts';
import { type Row, rowsOf } from '../../machines/transition-rows.ts';

const note = { type: 'note', params: { of: 1 } };
const machine = setup({ guards: { may: () => true }, actions: { note: assign({}) } }).createMachine({
  id: 'own',
  context: () => ({}),
  initial: 'row',
  on: { stop: '.end' },
  states: {
    row: {
      initial: 'first',
      entry: note,
      onDone: 'both',
      always: { guard: 'may', target: 'end' },
      on: {
        go: { actions: 'note' },
        anew: { target: 'row', reenter: true },
        back: 'row',
        deep: { target: '.last', reenter: true },
      },
      states: {
        first: {
          on: {
            go: [{ guard: { type: 'may', params: { of: 2 } }, target: 'last', actions: [note, 'note'] }],
            same: 'first',
            leap: '#own.both.two.b',
          },
        },
        last: { type: 'final' },
      },
    },
    both: {
      type: 'parallel',
      onDone: 'end',
      on: { all: { actions: 'note' } },
      states: {
        one: {
          initial: 'a',
          states: {
            a: {
              on: {
                go: 'b',
                cross: '#own.both.two.b',
                out: { target: 'a', actions: 'note' },
                leave: '#own.row',
              },
            },
            b: { type: 'final' },
          },
        },
        two: {
          initial: 'a',
          states: {
            a: { on: { go: 'b', out: '#own.end', leave: { target: '#own.end', actions: 'note' } } },
            b: { type: 'final' },
          },
        },
      },
    },
    end: { type: 'final' },
  },
} as never) as unknown as AnyStateMachine;
type Written = readonly [on: string, does: string, from: string, within: string, enters: string];
/** A way in words: what is asked and done, and where it leads. */
function written({ on, always }: Row): Written[] {
  const all = [...on].flatMap(([type, ways]) => ways.map((way) => [type, way] as const));
  return [...all, ...always.map((way) => ['always', way] as const)].map(
    ([type, { guard, actions, move }]) => {
      const [may, ...does] = [guard, ...actions].map(
        (word) => word && word.type + (JSON.stringify(word.params) ?? ''),
      );
      const words = [...(may ? [`${may}?`] : []), ...does].join(' ');
      if (move === null) return [type, words, '', '', ''];
      return [type, words, move.source, move.domain, move.entered.join(' ')];
    },
  );
}

const LEFT: Written[] = [
  ['anew', '', 'row', '', 'row row.first'],
  ['back', '', 'row', 'row', 'row.first'],
  ['deep', '', 'row', '', 'row row.last'],
  ['xstate.done.state.own.row', '', 'row', '', 'both both.one both.one.a both.two both.two.a'],
];
const STOP: Written = ['stop', '', '', '', 'end'];
const ALWAYS: Written = ['always', 'may?', 'row', '', 'end'];

describe('of', () => {
  it.each<[string, Written[]]>([
    [
      'row.first',
      [
        ['go', 'may{"of":2}? note{"of":1} note', 'row.first', 'row', 'row.last'],
        ['go', 'note', '', '', ''],
        ['same', '', 'row.first', 'row.first', ''],
        ['leap', '', 'row.first', '', 'both both.one both.one.a both.two both.two.b'],
        ...LEFT,
        STOP,
        ALWAYS,
      ],
    ],
    ['row.last', [['go', 'note', '', '', ''], ...LEFT, STOP, ALWAYS]],
    ['both', [['all', 'note', '', '', ''], ['xstate.done.state.own.both', '', 'both', '', 'end'], STOP]],
    [
      'both.one.a',
      [
        ['go', '', 'both.one.a', 'both.one', 'both.one.b'],
        // Who enters one branch enters all of them.
        ['cross', '', 'both.one.a', 'both', 'both.one both.one.a both.two both.two.b'],
        // It leaves nothing, and so is not in the way of what the other branch does.
        ['out', 'note', 'both.one.a', 'both.one.a', ''],
        // Both lead out of all branches: the first is gone.
        ['leave', '', 'both.one.a', '', 'row row.first'],
      ],
    ],
    ['both.one.b', []],
    [
      'both.two.a',
      [
        ['go', '', 'both.two.a', 'both.two', 'both.two.b'],
        ['out', '', 'both.two.a', '', 'end'],
        ['leave', 'note', 'both.two.a', '', 'end'],
      ],
    ],
    ['both.two.b', []],
    ['end', [STOP]],
  ])('%s are these, and there are no others', (name, ways) => {
    // Read anew each time: so a fault in what reads them has a test that comes by it.
    const { rows } = rowsOf(machine);
    expect(written(rows.get(name) as Row)).toEqual(ways);
    expect([...rows.keys()].sort()).toEqual([
      'both',
      'both.one.a',
      'both.one.b',
      'both.two.a',
      'both.two.b',
      'end',
      'row.first',
      'row.last',
    ]);
  });
});

it('say where a saga begins, what is done as states are entered, and what any of them knows', () => {
  const { first, entries, types } = rowsOf(machine);
  expect(first).toEqual(['', 'row', 'row.first']);
  expect([...entries].filter(([, words]) => words.length > 0)).toEqual([['row', [note]]]);
  expect([...types].sort()).toEqual([
    ...['all', 'anew', 'back', 'cross', 'deep', 'go', 'leap', 'leave', 'out', 'same', 'stop'],
    ...['xstate.done.state.own.both', 'xstate.done.state.own.row'],
  ]);
});

it('are what XState does', () => expect(differenceIn(machine, rowsOf(machine))).toBeNull());
