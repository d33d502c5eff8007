/** A machine drawn, line by line: boxes, choices, arrows where Mermaid finds both ends, notes, and where a saga stands. */
import { expect, it } from 'vitest';
import { type AnyStateMachine, createMachine } from 'xstate';
import { toConfig, toMermaid } from '../../machines/picture.ts';

const config = {
  id: 'own',
  initial: 'row',
  on: { news: { actions: 'note' } },
  states: {
    row: {
      initial: 'first',
      on: { stop: 'over' },
      states: {
        first: {
          on: {
            go: [{ guard: 'may', target: 'second' }, 'third'],
            later: 'third',
            all: { target: '#own.fork', guard: { type: 'chosen', params: {} } },
          },
        },
        second: { meta: { wait: 'nap' } },
        third: { meta: { wait: 'word', event: 'word' } },
      },
    },
    fork: {
      always: [{ guard: { type: 'chosen', params: { part: 'visa' } }, target: 'both' }, { target: 'calls' }],
    },
    both: {
      type: 'parallel',
      onDone: 'calls',
      states: {
        one: { initial: 'a', states: { a: { on: { go: 'b' } }, b: { type: 'final' } } },
        two: { initial: 'a', states: { a: { on: { cross: '#own.both.one.b' } } } },
      },
    },
    calls: { meta: { each: true }, always: { guard: () => true, target: 'pays' } },
    pays: { tags: ['pivot'], on: { done: 'over', fail: 'over' } },
    over: { type: 'final' },
  },
};
const machine = () => createMachine(config as never) as unknown as AnyStateMachine;

const DRAWN = `stateDiagram-v2
  [*] --> row
  state "row" as row {
    [*] --> row_first
    row_first : first
    row_second : second
    row_third : third
    row_first --> row_second : go [may]
    row_first --> row_third : go, later
  }
  state fork <<choice>>
  state "both" as both {
    state "one" as both_one {
      [*] --> both_one_a
      both_one_a : a
      both_one_b : b
      both_one_a --> both_one_b : go
    }
    --
    state "two" as both_two {
      [*] --> both_two_a
      both_two_a : a
    }
    both_two_a --> both_one_b : cross
  }
  calls : calls
  pays : pays
  over : over
  row --> over : stop
  row_first --> fork : all [chosen]
  fork --> both : [visa]
  fork --> calls : [else]
  both --> calls : all done
  calls --> pays
  pays --> over : done, fail
  over --> [*]
  note right of row_second : waits for its time
  note right of row_third : waits for the event word
  note right of calls : one call for each item
  note right of pays : pivot, from here on nothing is undone
`;

it('is drawn', () => {
  expect(toMermaid(machine())).toBe(DRAWN);
});

it('is marked where a saga stands, and nowhere else', () => {
  const marked = (current?: string) =>
    toMermaid(machine(), current).slice(DRAWN.length).trimEnd().split('\n');
  const [style, ...classes] = marked('both(one.a,two.a)');
  expect(style).toMatch(/^ {2}classDef current fill:#[0-9a-f]{6},stroke:/);
  expect(classes).toEqual(['  class both_one_a current', '  class both_two_a current']);
  expect(marked('row.first').slice(1)).toEqual(['  class row_first current']);
  expect([marked(), marked('nowhere')]).toEqual([[''], ['']]);
});

it('is written as it is configured', () => {
  expect(JSON.parse(toConfig(machine()))).toEqual(JSON.parse(JSON.stringify(config)));
  expect(toConfig(machine())).toContain('\n  "initial": "row"');
});
