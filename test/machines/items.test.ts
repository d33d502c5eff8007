/** The items of a step that is done for each of a list, as pure moves: how they begin, who has a place, and when all is settled. */
import { expect, it } from 'vitest';
import {
  areSettled,
  dataWith,
  itemAt,
  itemsAhead,
  itemsBack,
  itemsCalled,
  itemsOf,
  promoted,
  withItem,
} from '../../machines/items.ts';
import type { Each, Step } from '../../machines/parts.ts';
import type { Item, SagaContext } from '../../machines/saga.ts';

const item = (key: string, phase: Item['phase'], more: Partial<Item> = {}): Item => ({
  key,
  value: key,
  phase,
  attempt: 0,
  retryAt: null,
  ...more,
});
const phases = (items: readonly Item[]) => items.map(({ phase }) => phase);
const step = { name: 'seat' } as Step;
const each: Each = {
  items: ({ names }: { names: readonly unknown[] }) => names,
  key: (name: string) => name,
  itemsMax: 3,
  concurrency: 2,
  gains: () => ({}),
};
const bug = (): never => {
  throw new Error('a bug');
};
const context = (items: Record<string, readonly Item[]>) => ({ items }) as unknown as SagaContext;

it('begin with a call for each that has a place', () => {
  expect(itemsAhead(step, each, { names: ['a', 'b', 'c'] })).toStrictEqual([
    item('a', 'calling', { attempt: 1 }),
    item('b', 'calling', { attempt: 1 }),
    item('c', 'ahead'),
  ]);
  expect(itemsAhead(step, { ...each, itemsMax: 1 }, { names: [7] })).toStrictEqual([
    item('7', 'calling', { attempt: 1, value: 7 }),
  ]);
});

it.each<[string, Partial<Each>, string]>([
  ['too many', { itemsMax: 2 }, 'the items of seat: RangeError: 3, and at most 2 may be'],
  ['two of one key', { key: () => 'x' }, 'the key of seat: RangeError: two items have the key x'],
  ['none to be had', { items: bug }, 'the items of seat: Error: a bug'],
  ['no key to be had', { key: bug }, 'the key of seat: Error: a bug'],
])('are refused where there are %s', (_, more, why) => {
  expect(() => itemsAhead(step, { ...each, ...more }, { names: ['a', 'b', 'c'] })).toThrow(why);
});

it('keep their places while they wait, and give them up when they are through', () => {
  const list = (...of: Item['phase'][]) => of.map((phase, index) => item(String(index), phase));
  expect(phases(promoted(list('waiting', 'ahead', 'ahead'), 2))).toEqual(['waiting', 'calling', 'ahead']);
  expect(phases(promoted(list('done', 'failed', 'ahead', 'ahead', 'ahead'), 2))).toEqual([
    'done',
    'failed',
    'calling',
    'calling',
    'ahead',
  ]);
  expect(phases(promoted(list('calling', 'waiting', 'ahead'), 1))).toEqual(['calling', 'waiting', 'ahead']);
});

it('go back over those of which a call may have been made', () => {
  const there = [
    item('a', 'done', { attempt: 2 }),
    item('b', 'failed', { attempt: 5, retryAt: 7 }),
    item('c', 'ahead'),
    item('d', 'never'),
    item('e', 'undone', { attempt: 3 }),
  ];
  expect(itemsBack(there, 1)).toStrictEqual([
    item('a', 'calling', { attempt: 1 }),
    item('b', 'ahead'),
    item('c', 'never'),
    item('d', 'never'),
    item('e', 'undone', { attempt: 3 }),
  ]);
});

it.each<[Item['phase'], boolean, boolean]>([
  // Where it goes on, and where all is to stop.
  ['calling', false, false],
  ['waiting', false, true],
  ['ahead', false, true],
  ['done', true, true],
  ['failed', true, true],
  ['undone', true, true],
  ['never', true, true],
])('%s is settled: %s, and where all is to stop: %s', (phase, goingOn, stopping) => {
  const items = [item('a', 'done'), item('b', phase)];
  expect([areSettled(items, false), areSettled(items, true)]).toEqual([goingOn, stopping]);
});

it('are found by their addresses', () => {
  const seats = [item('a', 'done'), item('b c', 'calling')];
  const own = context({ seat: seats });
  expect(itemsOf(own, 'seat')).toBe(seats);
  expect(itemsOf(own, 'meal')).toEqual([]);
  expect(itemsOf({} as SagaContext, 'seat')).toEqual([]);
  expect(itemAt(own, 'seat', 'seat/b%20c')).toBe(seats[1]);
  expect(itemAt(own, 'seat', 'seat/c')).toBeUndefined();
  expect(itemAt(own, 'seat', undefined)).toBeUndefined();
  expect(withItem(own, 'seat', 'seat/b%20c', { phase: 'done' })).toStrictEqual([
    seats[0],
    item('b c', 'done'),
  ]);
  expect(withItem(own, 'seat', undefined, { phase: 'done' })).toStrictEqual(seats);
});

it('may have been called while that is under way, and where it has failed', () => {
  const every = ['ahead', 'calling', 'waiting', 'done', 'failed', 'never', 'undone'] as const;
  const own = context({ seat: every.map((phase) => item(phase, phase)), meal: [item('x y', 'calling')] });
  expect(itemsCalled(own)).toEqual(['seat/calling', 'seat/waiting', 'seat/failed', 'meal/x%20y']);
  expect(itemsCalled({} as SagaContext)).toEqual([]);
});

it('stand among the data of their own calls', () => {
  const data = { a: 1 };
  expect(dataWith(data, item('x', 'calling'))).toStrictEqual({ a: 1, item: 'x' });
  expect(dataWith(data, undefined)).toBe(data);
});
