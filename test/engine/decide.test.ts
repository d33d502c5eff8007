/** What a saga makes of several things at once: in which turn they are heard, and which are noted as ignored. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { activitiesIn, nameOf, type SagaEvent } from '../../machines/index.ts';
import { type Deciding, decide, isPossible, type Standing } from '../../server/engine/decide.ts';
import type { SagaStatus, Signal } from '../../stores/saga-store.ts';
import { Driven, registered } from '../machines/driven.ts';

const at = 1000;
const call = (name: string) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
  undo: { path: `/${name}/undo` },
});
const machine = registered(
  defineSaga({ id: 'own', version: '1', input: z.looseObject({}) })
    .step('a', call('a'))
    .step('later', { ...call('later'), asynchronous: { within: '1 min' } })
    .waitFor('word', { within: '1 h', data: z.looseObject({}), late: 'undo' })
    .parallel('all', { one: (b) => b.step('b', call('b')), other: (b) => b.step('c', call('c')) }),
);
const begun = () => new Driven(machine, {});
const called = () => begun().done('action a');
const accepted = () => called().on({ type: 'accepted', at, location: null, pollAfterMs: 0 } as SagaEvent);
const undoing = () => called().refused('action later');
const parked = () => undoing().done('compensation later').refused('compensation a');
const inBranches = () => called().done('action later').comes('word', {});

const standing = ({ snapshot }: Driven): Standing => ({ snapshot, asks: machine.asks(snapshot) });
const signal = (kind: Signal['kind'], over: Partial<Signal> = {}): Signal => ({
  id: `${kind}-1`,
  kind,
  atMs: 5,
  by: 'eve',
  reason: 'why',
  ...over,
});
const tell = () => {
  throw new Error('the table differs');
};

/** What was heard, in turn, and where it led; what was ignored in brackets. */
function heard(saga: Driven, over: Partial<Deciding>): string[] {
  const from = standing(saga);
  const of = activitiesIn(from.asks)[0]?.name ?? null;
  const usual = {
    machine,
    from,
    status: 'STARTED',
    signals: [],
    event: null,
    of,
    at,
    overdue: false,
    tell,
  } as const;
  const hops = decide({ ...usual, ...over });
  let last: unknown = from;
  for (const hop of hops) {
    expect(hop.before).toBe(last);
    last = hop.after;
  }
  return hops.map(({ event, after, signal: by, ignored }) => {
    const where = nameOf(after.snapshot.value);
    if (event === null) return ignored ? `(${by?.kind})` : `${by?.kind} as it stands`;
    return `${event.type}${by ? ' asked' : ''} -> ${where}`;
  });
}
const done: SagaEvent = { type: 'done', at, answer: {} };
const refused: SagaEvent = { type: 'refused', at, error: 'no' };

it.each<[string, Driven, Partial<Deciding>, string[]]>([
  ['nothing', begun(), {}, []],
  ['an outcome', begun(), { event: done }, ['done -> later.calling']],
  [
    'a cancel before the outcome of a call',
    begun(),
    { event: done, signals: [signal('cancel')] },
    ['cancel asked -> a.calling', 'done -> undoingA.calling'],
  ],
  [
    'a deadline before all else',
    begun(),
    { event: done, overdue: true },
    ['deadline -> a.calling', 'done -> undoingA.calling'],
  ],
  [
    'no deadline where it is cancelled',
    begun().on({ type: 'cancel', at, reason: '' }),
    { event: done, overdue: true },
    ['done -> undoingA.calling'],
  ],
  [
    'a skip when its call has settled',
    undoing().done('compensation later'),
    { event: refused, signals: [signal('skip', { step: 'a' })] },
    ['refused -> parked', 'skip asked -> failed'],
  ],
  [
    'a skip of nothing that is held',
    begun(),
    { event: done, signals: [signal('skip', { step: 'a' })] },
    ['done -> later.calling', '(skip)'],
  ],
  [
    'whoever ends it first of all',
    parked(),
    { status: 'ABORTED', signals: [signal('retry'), signal('resolve', { as: 'COMPLETED' })] },
    ['resolve asked -> completed', '(retry)'],
  ],
  [
    'whoever ends it before what came first, and that in its turn',
    parked(),
    {
      status: 'ABORTED',
      signals: [signal('skip', { step: 'a' }), signal('resolve'), signal('retry'), signal('resolve')],
    },
    ['resolve asked -> failed', '(resolve)', '(skip)', '(retry)'],
  ],
  [
    'nothing that its machine would still know, once it has ended',
    parked(),
    { status: 'ABORTED', signals: [signal('resolve'), signal('event', { name: 'word', payload: '{}' })] },
    ['resolve asked -> failed', '(event)'],
  ],
  [
    'the outcome of one call behind what came to the saga, also where others are called beside it',
    inBranches(),
    { event: { ...done, to: 'b' }, of: 'action b', signals: [signal('cancel')] },
    [
      'cancel asked -> all(one.doingB.calling,other.doingC.calling)',
      'done -> all(one.stopped,other.doingC.calling)',
    ],
  ],
  [
    'two in their turn',
    parked(),
    { status: 'ABORTED', signals: [signal('retry'), signal('skip', { step: 'a' })] },
    ['retry asked -> undoingA.calling', '(skip)'],
  ],
  [
    'a retry of what was set aside on its way',
    begun(),
    { status: 'ABORTED', signals: [signal('retry')] },
    ['retry as it stands'],
  ],
  ['a retry of what runs', begun(), { signals: [signal('retry')] }, ['(retry)']],
  ['what nobody can read', begun(), { signals: [signal('unreadable')] }, ['(unreadable)']],
  [
    'anything of one that has ended',
    parked().on({ type: 'skip', at, step: 'a' }),
    { event: done, signals: [signal('cancel')] },
    ['(cancel)'],
  ],
  [
    'an outcome from outside before one that was waited for',
    accepted(),
    {
      event: { type: 'due', at },
      signals: [signal('outcome', { step: 'later', attempt: 1, outcome: 'done' })],
    },
    ['done asked -> awaitingWord'],
  ],
])('hears %s', (_, saga, over, says) => {
  const named = says.map((one) =>
    one.replace(
      /\b(a|later)\.calling/,
      (_all, step: string) => `doing${step[0]?.toUpperCase()}${step.slice(1)}.calling`,
    ),
  );
  expect(heard(saga, over)).toEqual(named);
});

describe('an outcome from outside', () => {
  const both = registered(
    defineSaga({ id: 'both', version: '1', input: z.looseObject({}) }).parallel('all', {
      one: (b) => b.step('a', call('a')),
      other: (b) => b.step('later', { ...call('later'), asynchronous: { within: '1 min' } }),
    }),
  );
  const outcome = (over: Partial<Signal> = {}) =>
    signal('outcome', { step: 'later', attempt: 1, outcome: 'done', ...over });
  const first = (saga: Driven, by: Signal) => {
    const from = standing(saga);
    const usual = {
      machine,
      from,
      status: 'STARTED',
      event: null,
      of: null,
      at,
      overdue: false,
      tell,
    } as const;
    return decide({ ...usual, signals: [by] })[0]?.event ?? null;
  };

  it('says what was answered, or why not', () => {
    expect(first(accepted(), outcome({ payload: '{"n":1}' }))).toEqual({
      type: 'done',
      at,
      answer: { n: 1 },
    });
    const no = outcome({ outcome: 'refused', payload: '{"error":"full"}' });
    expect(first(accepted(), no)).toEqual({ type: 'refused', at, error: 'full' });
  });

  it('is taken while the call is under way, or to be repeated, of this attempt or an earlier one', () => {
    expect(first(called(), outcome())).not.toBeNull();
    expect(first(called(), outcome({ attempt: 2 }))).toBeNull();
    const waiting = called().fails('action later', 'unknown');
    expect(first(waiting, outcome())).not.toBeNull();
    expect(first(waiting, outcome({ attempt: 2 }))).toBeNull();
    expect(first(waiting.due('wait later'), outcome())).not.toBeNull();
  });

  it('is told to the branch that awaits it, where there are several', () => {
    const saga = new Driven(both, {});
    const from = { snapshot: saga.snapshot, asks: both.asks(saga.snapshot) };
    const told = signal('outcome', { step: 'later', attempt: 1, outcome: 'done', payload: '{}' });
    const asked = {
      machine: both,
      from,
      status: 'STARTED',
      event: null,
      of: null,
      at,
      overdue: false,
    } as const;
    const [hop] = decide({ ...asked, signals: [told], tell });
    expect(nameOf(hop?.after.snapshot.value ?? '')).toBe('all(one.doingA.calling,other.done)');
  });

  it('is none of a step whose call is being undone', () => {
    const told = signal('outcome', { step: 'later', attempt: 1, outcome: 'done', payload: '{}' });
    expect(isPossible(machine, standing(undoing()), 'STARTED', told)).toBe(false);
    expect(isPossible(machine, standing(undoing()), 'STARTED', signal('skip', { step: 'later' }))).toBe(true);
    expect(isPossible(machine, standing(called()), 'STARTED', signal('skip', { step: 'later' }))).toBe(false);
  });

  it('is none of another step, of a call that is answered at once, or of an event', () => {
    expect(first(accepted(), outcome({ step: 'a' }))).toBeNull();
    expect(first(begun(), outcome({ step: 'a' }))).toBeNull();
    expect(first(called(), outcome({ step: 'a' }))).toBeNull();
    expect(first(called().done('action later'), outcome())).toBeNull();
    expect(first(undoing(), outcome())).toBeNull();
  });
});

describe('what is asked', () => {
  it('reaches the machine whole', () => {
    const events = (saga: Driven, status: SagaStatus, by: Signal) =>
      decide({
        machine,
        from: standing(saga),
        status,
        signals: [by],
        event: null,
        of: null,
        at,
        overdue: false,
        tell,
      })[0]?.event;
    const resolve = signal('resolve', { as: 'COMPLETED' });
    expect(events(parked(), 'ABORTED', resolve)).toEqual({
      type: 'resolve',
      at,
      as: 'COMPLETED',
      by: 'eve',
      reason: 'why',
    });
    expect(events(parked(), 'ABORTED', signal('resolve'))).toMatchObject({ as: 'FAILED' });
    expect(events(begun(), 'STARTED', signal('cancel'))).toEqual({ type: 'cancel', at, reason: 'why' });
    expect(events(parked(), 'ABORTED', signal('skip', { step: 'a' }))).toEqual({
      type: 'skip',
      at,
      step: 'a',
    });
    const word = signal('event', { name: 'word', payload: '{"n":1}' });
    expect(events(begun(), 'STARTED', word)).toEqual({
      type: 'event',
      at,
      id: 'event-1',
      name: 'word',
      data: { n: 1 },
    });
  });

  it.each<[string, boolean, Driven, SagaStatus, Signal]>([
    ['a cancel on the way', true, begun(), 'STARTED', signal('cancel')],
    ['a cancel on the way back', false, undoing(), 'STARTED', signal('cancel')],
    ['a resolve of what is parked', true, parked(), 'ABORTED', signal('resolve')],
    ['a resolve of what runs', false, begun(), 'STARTED', signal('resolve')],
    ['a retry of what is parked', true, parked(), 'ABORTED', signal('retry')],
    ['a retry of what was set aside', true, begun(), 'ABORTED', signal('retry')],
    ['a retry of a call under way', false, begun(), 'STARTED', signal('retry')],
    ['a skip of an undo under way', true, undoing(), 'STARTED', signal('skip', { step: 'later' })],
    ['a skip of another undo', false, undoing(), 'STARTED', signal('skip', { step: 'a' })],
    ['a skip of an action under way', false, begun(), 'STARTED', signal('skip', { step: 'a' })],
    ['a skip of what is held', true, parked(), 'ABORTED', signal('skip', { step: 'a' })],
    [
      'an outcome that is waited for',
      true,
      accepted(),
      'STARTED',
      signal('outcome', { step: 'later', attempt: 1 }),
    ],
    [
      'an outcome that nobody waits for',
      false,
      begun(),
      'STARTED',
      signal('outcome', { step: 'later', attempt: 1 }),
    ],
    ['what cannot be read', false, begun(), 'STARTED', signal('unreadable')],
    ['a skip of an action in branches', false, inBranches(), 'STARTED', signal('skip', { step: 'b' })],
  ])('%s is possible: %s', (_, possible, saga, status, by) => {
    expect(isPossible(machine, standing(saga), status, by)).toBe(possible);
  });
});
