/** Transitions that are looked up in a table: the same as XState's, for every machine that a table can hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, assign, setup } from 'xstate';
import { z } from 'zod';
import { defineSaga, type Saga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { Registry, type SagaEvent } from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import { returns } from '../../machines/returns.ts';
import { inertScope } from '../../machines/scope.ts';
import { leavesOf, nodeName, statesIn } from '../../machines/structure.ts';
import { differenceIn } from '../../machines/table-check.ts';
import { rowsOf, unfitIn } from '../../machines/transition-rows.ts';
import { TransitionTable } from '../../machines/transition-table.ts';
import { trip } from '../../machines/trip.ts';
import { type BothWays, Twins } from './both-ways.ts';
import { answers, everywhere, placed } from './placed-order.ts';

const attemptsMax = 2;
const policies = everywhere({ attemptsMax });
const order = () => orderSaga(policies);
const travelling = () => definitionOf(trip, policies);
const returning = () => definitionOf(returns, policies);
const parcel = {
  order_id: 'o-1',
  customer: 'cus-1',
  items: [{ product_id: 'tea', quantity: 1 }],
  amount: 100,
  card: 'card-1',
};
const journey = {
  trip: 't-1',
  traveller: { name: 'Ada', passport: 'p-1' },
  from: 'London',
  to: 'Turin',
  visa: true,
  insured: [{ name: 'Ada' }],
  card: 'card-1',
};
const answer = Object.assign(
  { return_id: 'r-1', parcel: 'p-1', refund: 'f-1', receipt: 'q-1' },
  { booking: 'b-1', price: 100, room: 'r-1', policy: 'p-1', visa_no: 'v-1', charge: 'c-1', tickets: ['t-1'] },
  ...Object.values(answers),
);

const walked = [
  ['order', order, orderInput(placed).data, fine],
  ['returns', returning, parcel, fine],
  // With branches beside each other all of that would be too much.
  ['trip', travelling, journey, coarse],
] as const;

/** What tells two places apart as far as transitions go; a call that is repeated for ever is repeated once. */
function fine({ xstate: { value, context } }: BothWays): string {
  const { attempt, failure, cancelled, held, undone, uncertain, inbox, pending } = context;
  const named = [held.length > 0, undone.length > 0, uncertain, inbox?.map(({ id }) => id).slice(0, 1)];
  const flags = [failure !== null, cancelled !== undefined, pending !== undefined];
  return JSON.stringify([value, Math.min(attempt, 2), named, flags]);
}

function coarse({ xstate: { value, context } }: BothWays): string {
  const { attempt, failure, cancelled, held, inbox, pending } = context;
  const flags = [
    failure !== null,
    cancelled !== undefined,
    held.length > 0,
    attempt > 1,
    inbox?.length,
    pending,
  ];
  return JSON.stringify([value, flags]);
}

describe.each(walked)('the table of %s', (_, define, data, keyOf) => {
  it('makes its transitions', () => {
    expect(new Registry().register(define()).madeBy).toEqual({ by: 'table' });
  });

  it('gives the snapshots of XState on the way there, and on the way back from each of its places', () => {
    const twins = new Twins(define);
    for (let turn = 0; turn < 10; turn += 1) {
      let place = twins.begin({ ...data });
      for (let made = 0; made < 30; made += 1) {
        const [done, refused] = twins.eventsAt(place, answer);
        const next = twins.next(place, (made === turn ? refused : done) as SagaEvent);
        if (next === null) break;
        place = twins.restored(next);
      }
    }
  });

  it('gives the snapshots of XState in every state, whatever comes', () => {
    const twins = new Twins(define);
    const seen = new Set<string>();
    const reached = new Set<string>();
    const left: BothWays[] = [twins.begin({ ...data })];
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      const key = keyOf(place);
      if (seen.has(key)) continue;
      seen.add(key);
      for (const name of leavesOf(place.xstate.value)) reached.add(name);
      for (const event of twins.eventsAt(place, answer)) {
        const next = twins.next(place, event);
        if (next !== null) left.push(next);
      }
    }
    const resting = statesIn(twins.judge.machine).filter(
      ({ states, always = [] }) =>
        Object.keys(states).length === 0 && !always.some(({ guard }) => guard === undefined),
    );
    expect(resting.map(nodeName).filter((name) => !reached.has(name))).toEqual([]);
  });
});

describe('sagas of any shape', () => {
  const step = (name: string, more: object) => ({
    at: 'somebody',
    action: {
      path: `/${name}`,
      request: (data: object) => ({ ...data }),
      answer: z.looseObject({}),
      gains: (answer: object) => ({ [name]: answer }),
    },
    ...more,
  });
  const kinds = ['undone', 'kept', 'unneeded', 'later', 'each', 'wait', 'sleep', 'when', 'beside'] as const;
  type Kind = (typeof kinds)[number];
  const row = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 4 });
  const behind = fc.array(fc.constantFrom<Kind[]>('unneeded', 'later', 'sleep'), { maxLength: 2 });

  /** The chain's types say what each part knows; these parts are drawn. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  function chained(from: any, parts: readonly Kind[], inner: readonly Kind[], named: string): any {
    return parts.reduce((chain, kind, index) => {
      const name = `${named}${index}`;
      switch (kind) {
        case 'undone':
          return chain.step(name, step(name, { undo: { path: `/${name}/undo` } }));
        case 'kept':
          return chain.step(name, step(name, { undo: { none: 'it stays' } }));
        case 'unneeded':
          return chain.step(name, step(name, {}));
        case 'later':
          return chain.step(name, step(name, { asynchronous: { within: '1 min' } }));
        case 'each': {
          const { action, ...rest } = step(name, { undo: { path: `/${name}/undo` } });
          const { gains: _, ...own } = action;
          const key = (item: string) => item;
          return chain.forEach(name, () => ['x', 'y'], { ...rest, action: own, key, concurrency: 1 });
        }
        case 'wait': {
          const data = z.looseObject({ ok: z.boolean() });
          const refuses = ({ ok }: { ok: boolean }) => (ok ? null : 'no');
          return chain.waitFor(name, {
            within: '1 h',
            data,
            refuses,
            late: index % 2 ? 'undo' : () => ({}),
          });
        }
        case 'sleep':
          return chain.sleep(name, '1 min');
        case 'beside': {
          const [one = 'undone', ...others] = inner;
          const flat = inner.filter((part) => part !== 'when' && part !== 'beside');
          const branch = (parts: readonly Kind[], at: string) => (from: unknown) =>
            chained(from, parts, flat, name + at);
          return chain.parallel(name, {
            [`${name}one`]: branch([one], 'x'),
            [`${name}two`]: branch(others.length > 0 ? others : ['later'], 'y'),
          });
        }
        default: {
          const flat = inner.filter((one) => one !== 'when');
          return chain.when(
            name,
            ({ flag }: { flag: boolean }) => flag,
            (then: unknown) => chained(then, flat.length > 0 ? flat : ['undone'], [], `${name}t`),
          );
        }
      }
    }, from);
  }

  const saga = fc
    .record({ parts: row, inner: row, isCommitted: fc.boolean(), after: behind })
    .map(({ parts, inner, isCommitted, after }): Saga => {
      const about = { id: 'drawn', version: '1', input: z.looseObject({}) };
      const before = chained(defineSaga(about), [...parts, 'undone'], inner, 'p');
      return isCommitted ? chained(before.pivot('pivot', step('pivot', {})), after, [], 'q') : before;
    });

  it('go by their table as they go by XState', () => {
    fc.assert(
      fc.property(
        saga,
        fc.boolean(),
        fc.array(fc.nat(), { minLength: 5, maxLength: 40 }),
        (drawn, flag, picks) => {
          const twins = new Twins(() => definitionOf(drawn, policies));
          expect(twins.tabled.madeBy).toEqual({ by: 'table' });
          let now = twins.begin({ flag });
          for (const [index, pick] of picks.entries()) {
            const events = twins.eventsAt(now, { ok: true });
            // What is likely comes first, and half of all events are of that.
            const likely = pick % 2 === 0 ? 1 : events.length;
            const event = events[(pick >> 1) % likely];
            now = (event && twins.next(now, event)) ?? now;
            if (index % 5 === 4) now = twins.restored(now);
          }
        },
      ),
      { numRuns: Number(process.env.RUNS ?? 40) },
    );
  });
});

it('branches that go on at the same moment do so in the order of XState: those that were entered last come last', () => {
  const branch = (name: string, initial: string) => ({
    initial,
    states: {
      draft: { on: { prepare: 'ready' } },
      ready: { always: { guard: 'open', target: 'served', actions: { type: 'serve', params: { name } } } },
      served: { entry: { type: 'serve', params: { name: `${name} again` } } },
    },
  });
  const machine = setup({
    guards: { open: ({ context }) => context.isOpen },
    actions: {
      open: assign({ isOpen: true }),
      serve: assign(({ context }, { name }: { name: string }) => ({ got: [...context.got, name] })),
    },
    types: { context: {} as { isOpen: boolean; got: readonly string[] } },
  }).createMachine({
    context: () => ({ isOpen: false, got: [] }),
    initial: 'house',
    on: { open: { actions: 'open' } },
    states: {
      house: {
        type: 'parallel',
        states: { kitchen: branch('kitchen', 'draft'), bar: branch('bar', 'ready') },
      },
    },
  } as never) as unknown as AnyStateMachine;
  expect(unfitIn(machine)).toBeNull();
  const scope = inertScope(machine);
  const table = new TransitionTable(machine, rowsOf(machine));
  let [looked, judged] = [table.begin({}), machine.getInitialSnapshot(scope, {})];
  for (const type of ['prepare', 'open']) {
    looked = table.next(looked, looked.context, { type }) ?? looked;
    judged = machine.transition(judged, { type } as never, scope);
  }
  // What states do that are entered comes behind, in the order in which they are written.
  expect(judged.context.got).toEqual(['bar', 'kitchen', 'kitchen again', 'bar again']);
  expect(looked.context.got).toEqual(judged.context.got);
});

it('begins with the event of XState, and forgets nothing of what it is begun with', () => {
  const machine = setup({
    actions: { note: assign(({ event }) => ({ begun: event })) },
    types: { context: {} as { begun: unknown; input: unknown } },
  }).createMachine({
    context: ({ input }: { input: unknown }) => ({ begun: null, input }),
    initial: 'first',
    states: { first: { entry: 'note', always: 'last' }, last: { entry: 'note', type: 'final' } },
  } as never) as unknown as AnyStateMachine;
  const looked = new TransitionTable(machine, rowsOf(machine)).begin({ data: 7 });
  const judged = machine.getInitialSnapshot(inertScope(machine), { data: 7 });
  expect(judged.context.begun).toEqual({ type: 'xstate.init', input: { data: 7 } });
  expect(looked.context).toEqual(judged.context);
  expect([looked.value, looked.status]).toEqual(['last', 'done']);
});

it('tells what has ended as XState does, the inner before what is around it, and stays where nothing is changed', () => {
  const ends = (on: string) => ({ initial: 'a', states: { a: { on: { [on]: 'b' } }, b: { type: 'final' } } });
  const note = (name: string) => ({ actions: { type: 'note', params: { name } } });
  const machine = setup({
    guards: { may: () => true },
    actions: {
      note: assign(({ context, event }, { name }: { name: string }) => ({
        got: [...context.got, `${name} on ${event.type}`],
      })),
    },
    types: { context: {} as { got: readonly string[] } },
  }).createMachine({
    id: 'own',
    context: () => ({ got: [] }),
    initial: 'outer',
    states: {
      outer: {
        type: 'parallel',
        onDone: { target: 'row', ...note('outer') },
        states: {
          one: ends('first'),
          two: {
            initial: 'inner',
            onDone: note('two'),
            states: {
              inner: {
                type: 'parallel',
                onDone: { target: 'done', ...note('inner') },
                states: { x: ends('first'), y: { ...ends('second'), onDone: note('y') } },
              },
              done: { type: 'final' },
            },
          },
        },
      },
      // What it goes on to of itself leads nowhere.
      row: {
        initial: 'rests',
        onDone: 'over',
        states: { rests: { always: { guard: 'may' }, on: { third: 'ends' } }, ends: { type: 'final' } },
      },
      over: { entry: note('over').actions, type: 'final' },
    },
  } as never) as unknown as AnyStateMachine;
  expect([unfitIn(machine), differenceIn(machine, rowsOf(machine))]).toEqual([null, null]);
  const scope = inertScope(machine);
  const table = new TransitionTable(machine, rowsOf(machine));
  let [looked, judged] = [table.begin({}), machine.getInitialSnapshot(scope, {})];
  for (const type of ['first', 'second', 'third']) {
    looked = table.next(looked, looked.context, { type }) ?? looked;
    judged = machine.transition(judged, { type } as never, scope);
    expect([looked.value, looked.status, looked.context]).toEqual([
      judged.value,
      judged.status,
      judged.context,
    ]);
  }
  expect(judged.status).toBe('done');
  expect(judged.context.got).toEqual([
    'y on xstate.done.state.own.outer.two.inner.y',
    'inner on xstate.done.state.own.outer.two.inner',
    'two on xstate.done.state.own.outer.two',
    'outer on xstate.done.state.own.outer',
    'over on xstate.done.state.own.row',
  ]);
});

it('tells again what has ended where a way leads back to it, and changes nothing else', () => {
  const machine = setup({
    actions: { count: assign(({ context }) => ({ times: context.times + 1 })) },
    types: { context: {} as { times: number } },
  }).createMachine({
    context: () => ({ times: 0 }),
    initial: 'both',
    states: {
      both: {
        type: 'parallel',
        states: {
          one: { initial: 'a', states: { a: { on: { cross: '#last' } } } },
          two: {
            initial: 'a',
            onDone: { actions: 'count' },
            states: { a: { on: { go: 'last' } }, last: { id: 'last', type: 'final' } },
          },
        },
      },
    },
  } as never) as unknown as AnyStateMachine;
  const scope = inertScope(machine);
  const table = new TransitionTable(machine, rowsOf(machine));
  let [looked, judged] = [table.begin({}), machine.getInitialSnapshot(scope, {})];
  for (const [index, type] of ['go', 'cross', 'cross'].entries()) {
    looked = table.next(looked, looked.context, { type }) ?? looked;
    judged = machine.transition(judged, { type } as never, scope);
    expect([looked.context, judged.context]).toEqual([{ times: index + 1 }, { times: index + 1 }]);
    expect(looked.value).toEqual(judged.value);
  }
});
