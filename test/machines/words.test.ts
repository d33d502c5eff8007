/** The words of every saga's statechart, one by one: what each guard says, and what each action notes. */
import { describe, expect, it } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { z } from 'zod';
import { parse, stringify } from '../../json/exact.ts';
import { defineSaga } from '../../machines/define.ts';
import { allParts } from '../../machines/parts.ts';
import { RETRY_AFTER_MAX_MS, type SagaContext } from '../../machines/saga.ts';
import { EVENT_IDS_MAX, vocabulary } from '../../machines/words.ts';

const at = 1000;
const bug = (): never => {
  throw new Error('a bug');
};
const action = (name: string, gains: (answer: { id?: unknown }) => object = () => ({})) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}), gains },
  undo: { path: `/${name}/undo` } as { path: string },
});
const word = { within: '1 h', data: z.looseObject({}), late: 'undo' } as const;

/** Made anew each time: so a fault in what binds a word to its part has a test that comes by it. */
function words() {
  const plain = action('seat');
  const seat = {
    ...plain,
    action: { ...plain.action, answer: z.looseObject({ id: z.number().optional() }) },
  };
  const input = z.looseObject({ flag: z.unknown(), until: z.string(), names: z.array(z.unknown()) });
  const { parts } = defineSaga({ id: 'own', version: '1', input })
    .step(
      'a',
      action('a', ({ id }) => ({ gained: id })),
    )
    .step('odd', action('odd', bug))
    .step('kept', { ...action('kept'), undo: { none: 'it stays' } })
    .forEach('seat', ({ names }) => names, {
      ...seat,
      key: (name) => String(name),
      itemsMax: 3,
      concurrency: 1,
      gains: (answers) => ({ seats: answers }),
    })
    .forEach('gift', () => bug(), {
      ...action('gift'),
      undo: { none: 'they stay' },
      key: String,
      gains: bug as () => object,
    })
    .when(
      'fork',
      ({ flag }) => flag as boolean,
      (then) => then,
    )
    .when('spoon', bug, (then) => then)
    .sleep('nap', '1 min')
    .sleep('night', ({ until }) => new Date(until))
    .waitFor('word', {
      ...word,
      refuses: ({ no }: { no?: unknown }) => (no === undefined ? null : String(no)),
      gains: ({ by }: { by?: unknown }) => ({ by }),
    })
    .waitFor('news', { ...word, late: ({ flag }) => ({ late: flag }) })
    .waitFor('noise', { ...word, refuses: bug, gains: bug as () => object, late: bug as () => object });
  const all = allParts(parts);
  const steps = all.flatMap((part) => (part.kind === 'step' ? [part.step] : []));
  const { createMachine } = vocabulary(steps, all);
  return (createMachine({} as never) as unknown as AnyStateMachine).implementations as unknown as {
    readonly guards: Readonly<Record<string, (given: object, params: unknown) => boolean>>;
    readonly actions: Readonly<Record<string, { readonly assignment: Assignment }>>;
  };
}
type Assigner = (given: object, params: unknown) => object;
type Assignment = Assigner | Readonly<Record<string, Assigner>>;

type Given = Readonly<Record<string, unknown>>;
const known: Partial<SagaContext> = {
  data: {},
  answers: {},
  attempt: 1,
  retryAt: null,
  failure: null,
  held: [],
  undone: [],
};
const given = (context: Given, event: Given) => ({
  context: { ...known, ...context },
  event: { type: 'due', at, ...event },
});

/** What a guard says, with its params, in a context, of an event. */
const says = (guard: string, params: unknown, context: Given = {}, event: Given = {}) =>
  words().guards[guard]?.(given(context, event), params);

/** What an action changes of the context. */
function does(name: string, params: unknown, context: Given = {}, event: Given = {}): object {
  const assignment = words().actions[name]?.assignment as Assignment;
  if (typeof assignment === 'function') return assignment(given(context, event), params);
  return Object.fromEntries(
    Object.entries(assignment).map(([field, assign]) => [field, assign(given(context, event), params)]),
  );
}

const failure = { step: 'b', reason: 'no' };
const stopped = [{ failure }, { cancelled: 'enough' }] as const;
const item = (key: string, phase: string, more: object = {}) => ({
  key,
  value: key,
  phase,
  attempt: 1,
  retryAt: null,
  ...more,
});
const seats = (...list: object[]) => ({ items: { seat: list } });
const OF_A = { step: 'a' };
const OF_SEAT = { step: 'seat' };
const SEAT_A = { to: 'seat/a' };
const BESIDE = { beside: 'b' };
const kept = (name: string, more: object = {}) => ({
  id: `${name}-1`,
  name,
  data: {},
  refusal: null,
  ...more,
});

describe('the guard', () => {
  const most = { attemptsMax: 3 };
  const large = { type: 'unknown', tooLarge: 'a' };
  const own = (attempt: number) => ({ beside: { b: { attempt, retryAt: null } } });

  it.each<[string, unknown, Given, Given, boolean]>([
    ['mayRepeat', most, { attempt: 2 }, {}, true],
    ['mayRepeat', most, { attempt: 3 }, {}, false],
    ['mayRepeat', most, { attempt: 3 }, large, true],
    ['mayRepeat', most, { attempt: 2, cancelled: 'enough' }, {}, false],
    ['mayRepeat', most, { attempt: 2, cancelled: 'enough', failure }, {}, true],
    ['mayRepeat', most, { attempt: 2, cancelled: 'enough' }, large, true],
    ['mayRepeat', most, { attempt: 2, failure }, {}, true],

    ['mayRepeatBeside', { ...most, ...BESIDE }, own(2), {}, true],
    ['mayRepeatBeside', { ...most, ...BESIDE }, { ...own(2), attempt: 3 }, {}, true],
    ['mayRepeatBeside', { ...most, ...BESIDE }, own(3), {}, false],
    ['mayRepeatBeside', { ...most, ...BESIDE }, {}, {}, true],
    ...stopped.map((why): [string, unknown, Given, Given, boolean] => [
      'mayRepeatBeside',
      { ...most, ...BESIDE },
      { ...own(2), ...why },
      {},
      false,
    ]),
    ['mayRepeatBeside', { ...most, each: 'seat' }, seats(item('a', 'calling', { attempt: 2 })), SEAT_A, true],
    [
      'mayRepeatBeside',
      { ...most, each: 'seat' },
      seats(item('a', 'calling', { attempt: 3 })),
      SEAT_A,
      false,
    ],
    ['mayRepeatBeside', { ...most, each: 'seat' }, { attempt: 3 }, {}, true],

    ['attemptsLeft', most, { attempt: 2, ...stopped[0] }, {}, true],
    ['attemptsLeft', most, { attempt: 3 }, {}, false],
    ['attemptsLeft', most, { attempt: 3 }, large, true],
    ['attemptsLeft', { ...most, ...BESIDE }, { ...own(3), attempt: 1 }, {}, false],

    ['cancelled', undefined, {}, {}, false],
    ['cancelled', undefined, { cancelled: 'enough' }, {}, true],
    ['stopping', undefined, {}, {}, false],
    ['goingOn', undefined, {}, {}, true],
    ...stopped.flatMap((why): [string, unknown, Given, Given, boolean][] => [
      ['stopping', undefined, why, {}, true],
      ['goingOn', undefined, why, {}, false],
    ]),

    ['alreadyUndone', OF_A, { undone: ['b'] }, {}, false],
    ['alreadyUndone', OF_A, { undone: ['b', 'a'] }, {}, true],
    ['nothingHeld', undefined, {}, {}, true],
    ['nothingHeld', undefined, { held: [OF_A] }, {}, false],
    ['isHeld', OF_A, { held: [OF_SEAT, OF_A] }, {}, true],
    ['isHeld', OF_A, { held: [OF_SEAT] }, {}, false],
    ['isHeld', OF_SEAT, { held: [OF_A, { step: 'seat/a' }] }, {}, true],
    ['namesHeld', undefined, { held: [OF_SEAT, OF_A] }, OF_A, true],
    ['namesHeld', undefined, { held: [OF_SEAT] }, OF_A, false],
    ['namesStep', OF_A, {}, OF_A, true],
    ['namesStep', OF_A, {}, OF_SEAT, false],
    ['namesItem', OF_SEAT, seats(item('a', 'waiting')), { step: 'seat/a' }, true],
    ['namesItem', OF_SEAT, seats(item('a', 'calling')), { step: 'seat/a' }, false],
    ['namesItem', OF_SEAT, seats(item('a', 'waiting')), { step: 'seat/b' }, false],
    ['asCompleted', undefined, {}, { as: 'COMPLETED' }, true],
    ['asCompleted', undefined, {}, { as: 'FAILED' }, false],

    ['notBegun', OF_A, {}, {}, true],
    ['notBegun', OF_A, { began: ['b', 'a'] }, {}, false],
    ['surelyNot', OF_A, {}, {}, true],
    ['surelyNot', OF_A, { uncertain: ['b'] }, {}, true],
    ['surelyNot', OF_A, { uncertain: ['b', 'a'] }, {}, false],
    ['cancelledUnmade', OF_A, {}, {}, false],
    ['cancelledUnmade', OF_A, { cancelled: 'enough' }, {}, true],
    ['cancelledUnmade', OF_A, { cancelled: 'enough', uncertain: ['a'] }, {}, false],
    ['stands', OF_A, {}, {}, false],
    ['stands', OF_A, { answers: { a: {} } }, {}, true],
    ['stands', OF_A, { uncertain: ['a'] }, {}, true],
    ['stands', OF_A, { answers: { b: {} }, uncertain: ['b'] }, {}, false],

    ['settled', OF_SEAT, seats(item('a', 'done'), item('b', 'waiting')), {}, false],
    ['settled', OF_SEAT, seats(item('a', 'done'), item('b', 'failed')), {}, true],
    ['stoppedItems', OF_SEAT, { ...seats(item('a', 'waiting')), ...stopped[0] }, {}, true],
    ['stoppedItems', OF_SEAT, { ...seats(item('a', 'calling')), ...stopped[0] }, {}, false],
    ['stoppedItems', OF_SEAT, seats(item('a', 'done')), {}, false],

    ['chosen', { part: 'fork' }, { chosen: { fork: true } }, {}, true],
    ['chosen', { part: 'fork' }, { chosen: { fork: false } }, {}, false],
    ['arrived', { part: 'word' }, {}, {}, false],
    ['arrived', { part: 'word' }, { inbox: [kept('news')] }, {}, false],
    ['arrived', { part: 'word' }, { inbox: [kept('news'), kept('word')] }, {}, true],
    ['refused', { part: 'word' }, {}, {}, false],
    ['refused', { part: 'word' }, { inbox: [kept('word')] }, {}, false],
    ['refused', { part: 'word' }, { inbox: [kept('news', { refusal: 'no' })] }, {}, false],
    ['refused', { part: 'word' }, { inbox: [kept('word', { refusal: '' })] }, {}, true],
    ['isNew', undefined, {}, { id: 'one' }, true],
    ['isNew', undefined, { eventIds: ['two'] }, { id: 'one' }, true],
    ['isNew', undefined, { eventIds: ['two', 'one'] }, { id: 'one' }, false],

    ['inTime', OF_A, {}, {}, false],
    ['inTime', OF_A, { pending: { a: { until: at + 1, location: '/later' } } }, {}, true],
    ['inTime', OF_A, { pending: { a: { until: at, location: '/later' } } }, {}, false],
    ['inTime', OF_A, { pending: { a: { until: at + 1, location: null } } }, {}, false],
    ['inTime', OF_A, { pending: { b: { until: at + 1, location: '/later' } } }, {}, false],
  ])('%s of %j in %j on %j says %s', (guard, params, context, event, said) => {
    expect(says(guard, params, context, event)).toBe(said);
  });
});

describe('the action', () => {
  const backoff = { backoffMs: 100, backoffMaxMs: 1_000 };
  const failed = { type: 'retryable', error: 'away', random: 0.5, retryAfterMs: null };
  const b = (attempt: number, retryAt: number | null = null) => ({ beside: { b: { attempt, retryAt } } });
  const c = { c: { attempt: 7, retryAt: null } };
  const accepted = { type: 'accepted', location: '/later', pollAfterMs: 50 };
  const pending = (until: number, location: string | null = '/later') => ({
    pending: { a: { location, until } },
  });
  const held = (...names: string[]) => ({ held: names.map((step) => ({ step, reason: 'no' })) });

  it.each<[string, unknown, Given, Given, object]>([
    ['firstAttempt', undefined, { attempt: 3, retryAt: 7 }, {}, { attempt: 1, retryAt: null }],
    ['firstAttempt', BESIDE, { beside: c }, {}, { beside: { ...c, ...b(1).beside } }],
    ['nextAttempt', undefined, { attempt: 3, retryAt: 7 }, {}, { attempt: 4, retryAt: null }],
    [
      'nextAttempt',
      BESIDE,
      { beside: { ...c, ...b(2, 7).beside } },
      {},
      { beside: { ...c, ...b(3).beside } },
    ],
    ['nextAttempt', BESIDE, {}, {}, b(1)],

    ['backOff', backoff, { attempt: 1 }, failed, { attempt: 1, retryAt: at + 50 }],
    ['backOff', backoff, { attempt: 3 }, failed, { attempt: 3, retryAt: at + 200 }],
    ['backOff', backoff, { attempt: 9 }, failed, { attempt: 9, retryAt: at + 500 }],
    ['backOff', backoff, { attempt: 1 }, { ...failed, retryAfterMs: 70 }, { attempt: 1, retryAt: at + 70 }],
    ['backOff', backoff, { attempt: 1 }, { ...failed, retryAfterMs: 7 }, { attempt: 1, retryAt: at + 50 }],
    [
      'backOff',
      backoff,
      { attempt: 1 },
      { ...failed, retryAfterMs: RETRY_AFTER_MAX_MS + 1 },
      { attempt: 1, retryAt: at + 300_000 },
    ],
    ['backOff', { ...backoff, ...BESIDE }, b(3), failed, b(3, at + 200)],
    [
      'backOff',
      backoff,
      { attempt: 2 },
      { ...failed, tooLarge: 'a' },
      { attempt: 2, retryAt: at, narrow: ['a'] },
    ],
    [
      'backOff',
      backoff,
      { attempt: 2, narrow: ['b'] },
      { ...failed, tooLarge: 'a' },
      { attempt: 2, retryAt: at, narrow: ['b', 'a'] },
    ],
    ['defer', undefined, { attempt: 3 }, { delayMs: 5 }, { attempt: 2, retryAt: at + 5 }],
    ['defer', BESIDE, b(3), { delayMs: 5 }, b(2, at + 5)],

    [
      'gain',
      OF_A,
      { data: { more: 1 }, answers: { b: {} } },
      { answer: { id: 7, other: 8 } },
      { data: { more: 1, gained: 7 }, answers: { b: {}, a: { id: 7, other: 8 } } },
    ],
    [
      'gainCancelled',
      OF_A,
      { cancelled: 'enough' },
      { answer: { id: 7 } },
      { data: { gained: 7 }, answers: { a: { id: 7 } }, failure: { step: null, reason: 'enough' } },
    ],
    ['noteCancel', undefined, {}, { type: 'cancel', reason: 'enough' }, { cancelled: 'cancelled: enough' }],
    [
      'noteCancel',
      undefined,
      {},
      { type: 'deadline' },
      { cancelled: 'deadline: the saga ran longer than it may' },
    ],
    [
      'noteCancelled',
      undefined,
      {},
      { type: 'cancel', reason: 'enough' },
      { failure: { step: null, reason: 'cancelled: enough' } },
    ],
    [
      'noteCancelledBefore',
      undefined,
      { cancelled: 'enough' },
      {},
      { failure: { step: null, reason: 'enough' } },
    ],
    ['noteFailure', OF_A, { failure }, failed, { failure: { step: 'a', reason: 'away' } }],
    ['noteFirstFailure', OF_A, { failure }, failed, { failure }],
    ['noteFirstFailure', OF_A, {}, failed, { failure: { step: 'a', reason: 'away' } }],
    ['noteStopped', undefined, { failure, cancelled: 'enough' }, {}, { failure }],
    ['noteStopped', undefined, { cancelled: 'enough' }, {}, { failure: { step: null, reason: 'enough' } }],

    ['noteUndone', OF_A, { undone: ['b'] }, {}, { undone: ['b', 'a'] }],
    ['noteHeld', OF_A, held('b'), failed, { held: [...held('b').held, { step: 'a', reason: 'away' }] }],
    [
      'noteKept',
      { step: 'kept', reason: 'it stays' },
      held('b'),
      {},
      { held: [...held('b').held, { step: 'kept', reason: 'it stays' }] },
    ],
    ['noteKept', { step: 'kept', reason: 'it stays' }, held('b', 'kept'), {}, held('b', 'kept')],
    ['forgetHeld', undefined, held('a', 'kept', 'seat/a', 'gift/a', 'unknown'), {}, held('kept', 'gift/a')],
    [
      'noteSkipped',
      undefined,
      { ...held('a', 'b'), undone: ['c'] },
      OF_A,
      { ...held('b'), undone: ['c', 'a'] },
    ],
    [
      'noteResolution',
      undefined,
      {},
      { as: 'FAILED', by: 'eve', reason: 'so', more: 1 },
      { resolution: { as: 'FAILED', by: 'eve', reason: 'so' } },
    ],

    ['begin', OF_A, {}, {}, { began: ['a'] }],
    ['begin', OF_A, { began: ['b'] }, {}, { began: ['b', 'a'] }],
    ['begin', OF_A, { began: ['a', 'b'] }, {}, { began: ['a', 'b'] }],
    ['noteUncertain', OF_A, { uncertain: ['b'] }, {}, { uncertain: ['b', 'a'] }],
    ['noteUncertain', OF_A, { uncertain: ['a'] }, {}, { uncertain: ['a'] }],
    ['noteCertain', OF_A, { uncertain: ['b', 'a'] }, {}, { uncertain: ['b'] }],
    ['noteCertain', OF_A, {}, {}, { uncertain: [] }],
    ['noteStuck', OF_A, {}, failed, { stuck: { step: 'a', reason: 'away' } }],
    ['forgetStuck', undefined, { stuck: failure }, {}, { stuck: undefined }],

    [
      'choose',
      { part: 'fork' },
      { data: { flag: true }, chosen: { spoon: true } },
      {},
      { chosen: { spoon: true, fork: true } },
    ],
    ['choose', { part: 'fork' }, { data: { flag: 'yes' } }, {}, { chosen: { fork: false } }],

    ['startWait', { part: 'nap' }, { at: 5 }, {}, { attempt: 0, retryAt: 60_005 }],
    ['startWait', { part: 'nap' }, {}, {}, { attempt: 0, retryAt: at + 60_000 }],
    [
      'startWait',
      { part: 'nap', beside: 'nap' },
      { at: 5 },
      {},
      { beside: { nap: { attempt: 0, retryAt: 60_005 } } },
    ],
    [
      'startWait',
      { part: 'night' },
      { data: { until: '1970-01-02' } },
      {},
      { attempt: 0, retryAt: 86_400_000 },
    ],
    ['startWait', { part: 'word' }, { at: 5 }, {}, { attempt: 0, retryAt: 3_600_005 }],
    [
      'noteTooLate',
      { part: 'word' },
      {},
      {},
      { failure: { step: null, reason: 'word: it did not come in time' } },
    ],
    ['noteTooLate', { part: 'word' }, { failure }, {}, { failure }],
    ['goOnWithout', { part: 'news' }, { data: { flag: 7 } }, {}, { data: { flag: 7, late: 7 } }],
    ['goOnWithout', { part: 'word' }, { data: { flag: 7 } }, {}, { data: { flag: 7 } }],

    [
      'keepEvent',
      undefined,
      {},
      { id: 'one', name: 'word', data: { no: 'never' } },
      { inbox: [{ id: 'one', name: 'word', data: { no: 'never' }, refusal: 'never' }], eventIds: ['one'] },
    ],
    [
      'keepEvent',
      undefined,
      { inbox: [kept('news')], eventIds: ['two'] },
      { id: 'one', name: 'other', data: {} },
      {
        inbox: [kept('news'), { id: 'one', name: 'other', data: {}, refusal: null }],
        eventIds: ['two', 'one'],
      },
    ],
    [
      'takeEvent',
      { part: 'word' },
      {
        inbox: [kept('news'), kept('word', { data: { by: 'eve' } }), kept('word', { id: 'word-2' })],
        data: { a: 1 },
      },
      {},
      { inbox: [kept('news'), kept('word', { id: 'word-2' })], data: { a: 1, by: 'eve' } },
    ],
    ['takeEvent', { part: 'word' }, { inbox: [kept('news')] }, {}, {}],
    [
      'noteRefusal',
      { part: 'word' },
      { inbox: [kept('news'), kept('word', { refusal: 'never' })] },
      {},
      { inbox: [kept('news')], failure: { step: null, reason: 'word: never' } },
    ],
    ['noteRefusal', { part: 'word' }, { inbox: [kept('word')], failure }, {}, { inbox: [], failure }],

    [
      'notePending',
      { ...OF_A, withinMs: 100 },
      { attempt: 2 },
      accepted,
      { attempt: 2, retryAt: at + 50, ...pending(at + 100) },
    ],
    [
      'notePending',
      { ...OF_A, withinMs: 100 },
      { pending: { b: failure } },
      { ...accepted, pollAfterMs: 500 },
      { attempt: 1, retryAt: at + 100, pending: { b: failure, ...pending(at + 100).pending } },
    ],
    [
      'notePending',
      { ...OF_A, withinMs: 100 },
      {},
      { ...accepted, location: null },
      { attempt: 1, retryAt: at + 100, ...pending(at + 100, null) },
    ],
    // Its time runs from when it was taken first.
    [
      'notePending',
      { ...OF_A, withinMs: 100, ...BESIDE },
      { ...b(3), ...pending(at + 20) },
      accepted,
      { ...b(3, at + 20), ...pending(at + 20) },
    ],
    ['askLater', { ...OF_A, ...backoff }, pending(at + 100), failed, { attempt: 1, retryAt: at + 50 }],
    ['askLater', { ...OF_A, ...backoff }, pending(at + 20), failed, { attempt: 1, retryAt: at + 20 }],
    ['askLater', { ...OF_A, ...backoff }, {}, failed, { attempt: 1, retryAt: at }],
    ['askLater', { ...OF_A, ...backoff }, { pending: { b: failure } }, failed, { attempt: 1, retryAt: at }],
    [
      'askLater',
      { ...OF_A, ...backoff, ...BESIDE },
      { ...pending(at + 100), ...b(3) },
      { type: 'deferred', delayMs: 7 },
      b(3, at + 7),
    ],
    ['noteNoOutcome', OF_A, {}, {}, { failure: { step: 'a', reason: 'its outcome did not come in time' } }],
    ['noteNoOutcome', OF_A, { failure }, {}, { failure }],
  ])('%s of %j in %j on %j changes this', (name, params, context, event, changes) => {
    expect(does(name, params, context, event)).toStrictEqual(changes);
  });

  it('keepEvent remembers so many ids, the last ones', () => {
    const eventIds = Array.from({ length: EVENT_IDS_MAX }, (_, index) => `e${index}`);
    const changed = does('keepEvent', undefined, { eventIds }, { id: 'last', name: 'word', data: {} });
    expect(changed).toMatchObject({ eventIds: [...eventIds.slice(1), 'last'] });
  });

  const calling = { attempt: 1, retryAt: null };
  const two = seats(item('a', 'calling'), item('b', 'ahead', { attempt: 0 }));
  const answers = { answers: { x: {} } };

  it.each<[string, Given, Given, object]>([
    [
      'beginItems',
      { data: { names: ['a', 'b'] }, items: { gift: [] } },
      {},
      { items: { gift: [], ...two.items } },
    ],
    [
      'beginItemsBack',
      { items: { gift: [], seat: [item('a', 'done'), item('b', 'failed'), item('c', 'ahead')] } },
      {},
      {
        items: {
          gift: [],
          seat: [
            item('a', 'calling', calling),
            item('b', 'ahead', { attempt: 0 }),
            item('c', 'never', { attempt: 0 }),
          ],
        },
      },
    ],
    [
      'itemDone',
      { ...two, ...answers },
      { ...SEAT_A, answer: { id: 7 } },
      { answers: { x: {}, 'seat/a': { id: 7 } }, ...seats(item('a', 'done'), item('b', 'calling')) },
    ],
    ...stopped.map((why): [string, Given, Given, object] => [
      'itemDone',
      { ...two, ...why },
      { ...SEAT_A, answer: {} },
      { answers: { 'seat/a': {} }, ...seats(item('a', 'done'), item('b', 'ahead', { attempt: 0 })) },
    ]),
    [
      'itemFailed',
      { ...two, uncertain: ['x', 'seat/a'] },
      { type: 'refused.seat', error: 'no', ...SEAT_A },
      {
        failure: { step: 'seat', reason: 'seat/a: no' },
        ...seats(item('a', 'failed'), item('b', 'ahead', { attempt: 0 })),
        uncertain: ['x'],
      },
    ],
    [
      'itemFailed',
      { ...two, failure, uncertain: ['x'] },
      { type: 'refused.seat', error: 'no', ...SEAT_A },
      { failure, ...seats(item('a', 'failed'), item('b', 'ahead', { attempt: 0 })) },
    ],
    // Its participant is asked, by undoing it.
    [
      'itemFailed',
      { ...two, failure },
      { type: 'unknown.seat', error: 'away', ...SEAT_A },
      { failure, ...seats(item('a', 'failed'), item('b', 'ahead', { attempt: 0 })) },
    ],
    [
      'itemDeferred',
      seats(item('a', 'calling', { attempt: 3 }), item('b', 'calling')),
      { ...SEAT_A, delayMs: 5 },
      seats(item('a', 'waiting', { attempt: 2, retryAt: at + 5 }), item('b', 'calling')),
    ],
    [
      'itemAgain',
      seats(item('a', 'waiting', { attempt: 3, retryAt: 7 }), item('b', 'waiting'), item('c', 'done')),
      SEAT_A,
      seats(item('a', 'calling', { attempt: 4 }), item('b', 'waiting'), item('c', 'done')),
    ],
    [
      'itemAgain',
      seats(item('a', 'waiting', { attempt: 3, retryAt: 7 }), item('b', 'waiting'), item('c', 'done')),
      { type: 'retry' },
      seats(item('a', 'calling', { attempt: 4 }), item('b', 'calling', { attempt: 2 }), item('c', 'done')),
    ],
    [
      'gainItems',
      { ...seats(item('a', 'done'), item('b c', 'done')), data: { a: 1 }, answers: { 'seat/a': { id: 7 } } },
      {},
      { data: { a: 1, seats: [{ id: 7 }, {}] } },
    ],
    [
      'itemUndone',
      { ...two, undone: ['x'] },
      SEAT_A,
      {
        undone: ['x', 'seat/a'],
        ...seats(item('a', 'undone'), item('b', 'calling')),
      },
    ],
    [
      'itemHeld',
      { ...two, ...held('x') },
      { ...SEAT_A, error: 'away' },
      {
        held: [...held('x').held, { step: 'seat/a', reason: 'away' }],
        ...seats(item('a', 'failed'), item('b', 'calling')),
      },
    ],
    [
      'itemSkipped',
      { ...two, undone: ['x'] },
      { step: 'seat/a' },
      { undone: ['x', 'seat/a'], ...seats(item('a', 'undone'), item('b', 'calling')) },
    ],
    [
      'noteItemsUndone',
      { ...seats(item('a', 'undone'), item('b', 'never')), undone: ['x'] },
      {},
      { undone: ['x', 'seat'] },
    ],
    [
      'noteItemsUndone',
      { ...seats(item('a', 'undone'), item('b', 'failed')), undone: ['x'] },
      {},
      { undone: ['x'] },
    ],
  ])('%s of a list in %j on %j changes this', (name, context, event, changes) => {
    expect(does(name, OF_SEAT, context, event)).toStrictEqual(changes);
  });

  it('gainItems reads each answer as its contract asks', () => {
    const exact = { 'seat/a': parse('{"id":7.00,"more":1.10}') };
    const { data } = does('gainItems', OF_SEAT, { ...seats(item('a', 'done')), answers: exact }) as {
      data: object;
    };
    expect(stringify(data)).toBe('{"seats":[{"id":7,"more":1.10}]}');
  });

  it('itemBacksOff waits as long as any call, and notes what was too large', () => {
    const params = { ...OF_SEAT, ...backoff };
    const context = seats(item('a', 'calling', { attempt: 3 }), item('b', 'calling'));
    const event = { ...failed, type: 'unknown.seat', ...SEAT_A };
    const waiting = seats(item('a', 'waiting', { attempt: 3, retryAt: at + 200 }), item('b', 'calling'));
    expect(does('itemBacksOff', params, context, event)).toStrictEqual(waiting);
    const narrow = seats(item('a', 'waiting', { attempt: 3, retryAt: at }), item('b', 'calling'));
    expect(does('itemBacksOff', params, context, { ...event, tooLarge: 'seat/a' })).toStrictEqual({
      ...narrow,
      narrow: ['seat/a'],
    });
  });

  it('notes of items that cannot be undone whether their calls may have been made', () => {
    const context = { items: { gift: [item('a', 'calling')] }, uncertain: ['x'] };
    const event = { ...failed, to: 'gift/a' };
    const noted = { uncertain: ['x', 'gift/a'] };
    const params = { step: 'gift', ...backoff };
    expect(does('itemBacksOff', params, context, { ...event, type: 'unknown.gift' })).toMatchObject(noted);
    expect(does('itemFailed', params, context, { ...event, type: 'unknown' })).toMatchObject(noted);
    expect(does('itemFailed', params, context, { ...event, type: 'retryable.gift' })).not.toHaveProperty(
      'uncertain',
    );
  });

  it('noteItemsKept says of each that may have been made that it stays, once', () => {
    const context = {
      items: { gift: ['a', 'b', 'c', 'd', 'e'].map((key) => item(key, 'failed')) },
      answers: { 'gift/a': {}, 'gift/d': {}, 'gift/e': {} },
      uncertain: ['gift/b'],
      undone: ['gift/d'],
      ...held('gift/e'),
    };
    const own = (step: string) => ({ step, reason: 'they stay' });
    expect(does('noteItemsKept', { step: 'gift', reason: 'they stay' }, context)).toStrictEqual({
      held: [...context.held, own('gift/a'), own('gift/b')],
    });
    expect(
      does('noteItemsKept', { step: 'gift', reason: 'they stay' }, { ...context, uncertain: undefined }),
    ).toStrictEqual({ held: [...context.held, own('gift/a')] });
  });

  it.each<[string, unknown, Given, Given, string]>([
    ['gain', { step: 'odd' }, {}, { answer: {} }, 'gains of odd: Error: a bug'],
    ['gainItems', { step: 'gift' }, {}, {}, 'gains of gift: Error: a bug'],
    ['beginItems', { step: 'gift' }, {}, {}, 'the items of gift: Error: a bug'],
    ['beginItems', OF_A, {}, {}, 'step a has no items'],
    ['choose', { part: 'spoon' }, {}, {}, 'the condition of spoon: Error: a bug'],
    ['startWait', { part: 'night' }, {}, {}, 'until of night: RangeError: it is no moment'],
    ['goOnWithout', { part: 'noise' }, {}, {}, 'late of noise: Error: a bug'],
    ['keepEvent', undefined, {}, { name: 'noise' }, 'refuses of noise: Error: a bug'],
    ['takeEvent', { part: 'noise' }, { inbox: [kept('noise')] }, {}, 'gains of noise: Error: a bug'],
  ])('%s of %j says whose function has failed', (name, params, context, event, why) => {
    expect(() => does(name, params, context, event)).toThrow(why);
  });
});
