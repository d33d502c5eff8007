/** What is foreseen of a saga, and where that ends: small machines, driven to some place. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { type Asking, whatIf } from '../../server/engine/what-if.ts';
import type { Signal } from '../../stores/saga-store.ts';
import { Driven, registered } from '../machines/driven.ts';

const at = 1000;
const call = (name: string) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
  undo: { path: `/${name}/undo` },
});
const loose = { input: z.looseObject({}) };
const awaited = { data: z.looseObject({}), late: 'undo' } as const;
const own = registered(
  defineSaga({ id: 'own', version: '1', ...loose })
    .step('a', call('a'))
    .step('later', { ...call('later'), asynchronous: { within: '1 min' } })
    .waitFor('word', { within: '1 h', data: z.looseObject({}), late: 'undo' })
    .step('b', call('b')),
);
const signal = (kind: Signal['kind'], over: Partial<Signal> = {}): Signal => ({
  id: `${kind}-1`,
  kind,
  atMs: at,
  by: 'eve',
  reason: 'why',
  ...over,
});

function foreseen({ machine, snapshot }: Driven, signals: readonly Signal[], over: Partial<Asking> = {}) {
  const from = { snapshot, asks: machine.asks(snapshot) };
  const usual: Asking = { machine, from, status: 'STARTED', signals, createdAtMs: at, at, tell };
  const { path, calls, end, awaits, status, held } = whatIf({ ...usual, ...over });
  return {
    path: path.map(({ event, to, isAssumed }) => `${event} -> ${to}${isAssumed ? '?' : ''}`),
    calls: calls.map(
      ({ kind, address, isUnderWay, isAssumed }) =>
        `${kind} ${address}${isUnderWay ? ' under way' : ''}${isAssumed ? '?' : ''}`,
    ),
    ends: [end, ...awaits],
    status,
    held: held.map(({ step }) => step),
    endsAfterMs: path.length === 0 ? 0 : Date.parse(path.at(-1)?.at ?? '') - at,
  };
}
const tell = () => {
  throw new Error('the table differs');
};

const begun = () => new Driven(own, {});
const called = () => begun().done('action a');
const accepted = () => called().on({ type: 'accepted', at, location: null, pollAfterMs: 5 });
const waiting = () => called().done('action later');
const parked = () => called().refused('action later').done('compensation later').refused('compensation a');
const aside: Partial<Asking> = { status: 'ABORTED' };
const undone = ['compensation later', 'compensation a'];

it.each<[string, Driven, readonly Signal[], object, Partial<Asking>?]>([
  [
    'all is done to where somebody must say something',
    begun(),
    [],
    {
      path: ['done -> doingLater.calling?', 'done -> awaitingWord?'],
      calls: ['action a under way', 'action later?'],
      ends: ['awaits', 'word'],
      status: 'STARTED',
      held: ['a', 'later'],
    },
  ],
  [
    'a cancel leads elsewhere once the call has settled that is under way',
    begun(),
    [signal('cancel')],
    {
      path: ['cancel -> doingA.calling?', 'done -> undoingA.calling?', 'done -> failed?'],
      calls: ['action a under way', 'compensation a?'],
      ends: ['ended'],
      status: 'FAILED',
      held: [],
    },
  ],
  [
    'a cancel has effect at once where nothing is called, and nothing is assumed of what is undone',
    waiting(),
    [signal('cancel')],
    {
      path: ['cancel -> undoingLater.calling', 'done -> undoingA.calling', 'done -> failed'],
      calls: undone,
      ends: ['ended'],
      status: 'FAILED',
    },
  ],
  [
    'also where an outcome is awaited',
    accepted(),
    [signal('cancel')],
    { path: ['cancel -> undoingLater.calling', 'done -> undoingA.calling', 'done -> failed'], calls: undone },
  ],
  [
    'an outcome that is awaited is taken to be done',
    accepted(),
    [],
    { path: ['done -> awaitingWord?'], calls: [], ends: ['awaits', 'word'], endsAfterMs: 0 },
  ],
  [
    'what has come already is known',
    waiting(),
    [signal('event', { name: 'word', payload: '{}' })],
    {
      path: ['event -> doingB.calling', 'done -> completed?'],
      calls: ['action b'],
      ends: ['ended'],
      status: 'COMPLETED',
      // It was meant to stand.
      held: [],
    },
  ],
  ['nothing comes of itself where it waits', waiting(), [], { path: [], ends: ['awaits', 'word'] }],
  [
    'nothing comes of itself where it is parked',
    parked(),
    [],
    { path: [], ends: ['parked'], held: ['a'] },
    aside,
  ],
  [
    'a retry sets it going',
    parked(),
    [signal('retry')],
    {
      path: ['retry -> undoingA.calling', 'done -> failed'],
      calls: ['compensation a'],
      status: 'FAILED',
      held: [],
    },
    aside,
  ],
  [
    'who ends it by hand leaves what is held as it is',
    parked(),
    [signal('resolve', { as: 'FAILED' })],
    { path: ['resolve -> failed'], calls: [], ends: ['ended'], status: 'FAILED', held: ['a'] },
    aside,
  ],
  [
    'also as completed',
    parked(),
    [signal('resolve', { as: 'COMPLETED' })],
    { path: ['resolve -> completed'], status: 'COMPLETED', held: ['a'] },
    aside,
  ],
  [
    'what was set aside in the middle of a call makes it again',
    begun(),
    [signal('retry')],
    {
      path: ['retry -> doingA.calling', 'done -> doingLater.calling?', 'done -> awaitingWord?'],
      calls: ['action a', 'action later?'],
      ends: ['awaits', 'word'],
    },
    aside,
  ],
])('%s', (_, saga, signals, says, over = {}) => {
  expect(foreseen(saga, signals, over)).toMatchObject(says);
});

it('time passes where nothing else is awaited, to the deadline at most', () => {
  const night = (deadline: object) =>
    new Driven(
      registered(
        defineSaga({ id: 'night', version: '1', ...loose, ...deadline })
          .step('a', call('a'))
          .sleep('night', '8 h')
          .step('b', call('b')),
      ),
      {},
    );
  expect(foreseen(night({}), [])).toMatchObject({
    path: ['done -> sleepingNight?', 'due -> doingB.calling?', 'done -> completed?'],
    endsAfterMs: 8 * 3_600_000,
  });
  const short = night({ deadline: '30 min' });
  expect(foreseen(short, [])).toMatchObject({
    path: ['done -> sleepingNight?', 'deadline -> undoingA.calling?', 'done -> failed?'],
    endsAfterMs: 30 * 60_000,
  });
  // It has passed already.
  expect(foreseen(short, [], { createdAtMs: at - 1_800_000 })).toMatchObject({
    path: ['deadline -> doingA.calling?', 'done -> undoingA.calling?', 'done -> failed?'],
    endsAfterMs: 0,
  });
  expect(foreseen(short, [], { createdAtMs: at - 1_799_999 }).endsAfterMs).toBe(1);
});

it('of what waits beside each other that is over first whose time comes first, and nothing of it is assumed', () => {
  const rest = registered(
    defineSaga({ id: 'rest', version: '1', ...loose })
      .parallel('all', { one: (b) => b.sleep('long', '2 h'), other: (b) => b.sleep('short', '1 h') })
      .step('a', call('a')),
  );
  expect(foreseen(new Driven(rest, {}), [])).toMatchObject({
    path: ['due -> all(one.sleepingLong,other.done)', 'due -> doingA.calling', 'done -> completed?'],
    calls: ['action a'],
    endsAfterMs: 2 * 3_600_000,
  });
});

it('calls beside each other are each made once, and all that may be said first is named', () => {
  const saga = registered(
    defineSaga({ id: 'many', version: '1', ...loose }).parallel('all', {
      one: (b) => b.step('c', call('c')).waitFor('later', { ...awaited, within: '2 h' }),
      other: (b) => b.step('d', call('d')).waitFor('sooner', { ...awaited, within: '1 h' }),
    }),
  );
  expect(foreseen(new Driven(saga, {}), [])).toMatchObject({
    calls: ['action c under way', 'action d under way'],
    ends: ['awaits', 'sooner', 'later'],
  });
});

it('a deadline cuts short nothing that it can change no more', () => {
  const saga = registered(
    defineSaga({ id: 'night', version: '1', ...loose, deadline: '30 min' })
      .pivot('a', { at: 'somebody', action: call('a').action })
      .sleep('night', '8 h'),
  );
  expect(foreseen(new Driven(saga, {}), [])).toMatchObject({
    path: ['done -> sleepingNight?', 'due -> completed?'],
    endsAfterMs: 8 * 3_600_000,
  });
});

it('a call beside what is awaited is answered first, and of what waits whatever comes first is named alone', () => {
  const both = registered(
    defineSaga({ id: 'both', version: '1', ...loose }).parallel('all', {
      one: (b) => b.waitFor('word', { within: '1 min', data: z.looseObject({}), late: 'undo' }),
      other: (b) => b.step('c', call('c')).sleep('long', '1 h'),
    }),
  );
  const saga = new Driven(both, {});
  expect(foreseen(saga, [])).toMatchObject({
    path: ['done -> all(one.awaitingWord,other.sleepingLong)?'],
    calls: ['action c under way'],
    ends: ['awaits', 'word'],
    held: ['c'],
  });
});

it('ends where the definition fails: of facts that parks the saga, of what is made up nobody knows', () => {
  const failing = registered(
    defineSaga({ id: 'failing', version: '1', ...loose })
      .waitFor('word', {
        within: '1 h',
        data: z.looseObject({ fails: z.boolean().optional() }),
        refuses: ({ fails }) => {
          if (fails === true) throw new TypeError('no such word');
          return null;
        },
        late: 'undo',
      })
      .step('a', {
        ...call('a'),
        action: {
          ...call('a').action,
          gains: () => {
            throw new TypeError('no gains');
          },
        },
      }),
  );
  const said = (payload: string) => [signal('event', { name: 'word', payload })];
  const saga = new Driven(failing, {});
  expect(foreseen(saga, said('{"fails":true}'))).toMatchObject({
    path: [],
    ends: ['fault', expect.stringContaining('no such word')],
  });
  expect(foreseen(saga, said('{}'))).toMatchObject({
    path: ['event -> doingA.calling'],
    ends: ['answer', expect.stringContaining('no gains')],
  });
});

it('ends where no answer can be made up', () => {
  const odd = registered(
    defineSaga({ id: 'odd', version: '1', ...loose })
      .step('a', {
        ...call('a'),
        action: { ...call('a').action, answer: z.looseObject({ at: z.string().regex(/^x{3}-\d{7}-y$/) }) },
      })
      .waitFor('word', { ...awaited, within: '1 h' }),
  );
  expect(foreseen(new Driven(odd, {}), [])).toMatchObject({ path: [], ends: ['answer', 'action a'] });
  // What undoes it needs none.
  const done = new Driven(odd, {}).done('action a', { at: 'xxx-1234567-y' });
  expect(foreseen(done, [signal('cancel')])).toMatchObject({
    path: ['cancel -> undoingA.calling', 'done -> failed'],
    ends: ['ended'],
  });
});

it('each step is taken to answer as its own contract says, and what undoes it to say nothing', () => {
  const answers = (at: string) => ({
    ...call(at),
    action: {
      ...call(at).action,
      answer: z.object({ at: z.literal(at) }),
      gains: ({ at: gained }: { at: string }) => ({ [`${at}At`]: gained }),
    },
  });
  const machine = registered(
    defineSaga({ id: 'two', version: '1', ...loose })
      .step('a', answers('a'))
      .step('b', answers('b'))
      .step('c', call('c')),
  );
  const { snapshot } = new Driven(machine, {});
  const asking = {
    machine,
    from: { snapshot, asks: machine.asks(snapshot) },
    status: 'STARTED',
    tell,
  } as const;
  const all = whatIf({ ...asking, signals: [], createdAtMs: at, at });
  expect(all.calls.map(({ context }) => context.data)).toEqual([{}, { aAt: 'a' }, { aAt: 'a', bAt: 'b' }]);
  const undone = whatIf({ ...asking, signals: [signal('cancel')], createdAtMs: at, at });
  expect(undone.path.at(-1)).toMatchObject({ kind: 'compensation', step: 'a', answer: '{}' });
});

it('of what stands nothing is told that was never to be undone, and nothing where nothing was done', () => {
  const noted = registered(
    defineSaga({ id: 'noted', version: '1', ...loose })
      .waitFor('first', { ...awaited, within: '1 h' })
      .step('a', call('a'))
      .step('note', { ...call('note'), undo: { unneeded: 'it only asks' } })
      .step('kept', { ...call('kept'), undo: { none: 'it is said' } })
      .waitFor('word', { ...awaited, within: '1 h' }),
  );
  const begun = new Driven(noted, {});
  expect(foreseen(begun, [])).toMatchObject({ ends: ['awaits', 'first'], held: [] });
  const told = begun.comes('first', {});
  expect(foreseen(told, [])).toMatchObject({ ends: ['awaits', 'word'], held: ['a', 'kept'] });
  // What cannot be undone parks it.
  const all = told.done('action a').done('action note').done('action kept');
  expect(foreseen(all, [signal('cancel')])).toMatchObject({
    path: ['cancel -> undoingA.calling', 'done -> parked'],
    status: 'ABORTED',
    ends: ['parked'],
    held: ['kept'],
  });
});

it('ends where it gets too long for anybody to look at', () => {
  const one = { ...call('a'), key: (item: unknown) => String(item), itemsMax: 600 };
  const machine = registered(
    defineSaga({ id: 'long', version: '1', ...loose }).forEach(
      'a',
      () => Array.from({ length: 600 }, (_, item) => item),
      one,
    ),
  );
  const { path, ends } = foreseen(new Driven(machine, {}), []);
  expect([path.length, ends]).toEqual([500, ['cut']]);
});

it('a bug is thrown, and told as nothing that the definition does', () => {
  const asked = () => foreseen(waiting(), [signal('event', { name: 'word', payload: '{' })]);
  expect(asked).toThrow(SyntaxError);
});
