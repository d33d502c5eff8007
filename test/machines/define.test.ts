/** The short form of a saga: what its parts are called, how long they take, and what they are where nothing is said. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import type { EventPart, ForwardPart, Part, Undo } from '../../machines/parts.ts';

const action = { path: '/do', request: () => ({}), answer: z.looseObject({}) };
const step = { at: 'airline', action, undo: { path: '/undo' } };
const start = () => defineSaga({ id: 'own', version: '1', input: z.looseObject({}) });
const first = ({ parts: [part] }: { readonly parts: readonly Part[] }) => part;
const stepIn = (saga: { readonly parts: readonly Part[] }) => (first(saga) as ForwardPart).step;

describe('a name', () => {
  const within = { within: '1 day', data: z.looseObject({}), late: 'undo' } as const;

  it.each([
    ['a step', (name: string) => start().step(name, step)],
    ['a step', (name: string) => start().pivot(name, step)],
    ['a participant', (name: string) => start().step('seat', { ...step, at: name })],
    ['a parallel part', (name: string) => start().parallel(name, { one: (from) => from })],
    ['a branch', (name: string) => start().parallel('both', { [name]: (from) => from })],
    [
      'a choice',
      (name: string) =>
        start().when(
          name,
          () => true,
          (from) => from,
        ),
    ],
    ['an event', (name: string) => start().waitFor(name, within)],
    ['a sleep', (name: string) => start().sleep(name, '1 day')],
  ])('of %s begins with a small letter, and has no other signs than - and _', (what, named) => {
    for (const good of ['a', 'seat2', 'seat-upper_deckB', 'a'.repeat(60)]) expect(named(good)).toBeDefined();
    for (const bad of ['', 'Seat', '2seats', 'a seat', 'seat-', 'seat--b', '-seat', 'a'.repeat(61)])
      expect(() => named(bad), bad).toThrow(
        `the name of own: RangeError: ${what} cannot be called ${JSON.stringify(bad)}: it begins with`,
      );
  });
});

describe('what a step says of its calls', () => {
  it('is counted in milliseconds, each of the four, for the action and the undo apart', () => {
    const all = { timeout: '2 s', attempts: 3, backoff: '50 ms', backoffMax: '1 min' } as const;
    const undo = { path: '/undo' };
    const own = (over: object, back: object = {}) =>
      start().step('seat', { at: 'airline', action: { ...action, ...over }, undo: { ...undo, ...back } })
        .parts[0];
    const counted = { timeoutMs: 2_000, attemptsMax: 3, backoffMs: 50, backoffMaxMs: 60_000 };
    expect(own(all)).toMatchObject({ step: { policies: { action: counted } } });
    expect(own({}, all)).toMatchObject({ step: { policies: { compensation: counted } } });
    for (const one of ['timeout', 'attempts', 'backoff', 'backoffMax'] as const) {
      const { step } = own({ [one]: all[one] }) as unknown as { step: { policies: object } };
      const key = one === 'attempts' ? 'attemptsMax' : `${one}Ms`;
      expect(step.policies).toEqual({ action: { [key]: counted[key as keyof typeof counted] } });
    }
    expect((own({}) as unknown as { step: object }).step).not.toHaveProperty('policies');
  });

  it('is refused where it is no span', () => {
    expect(() => start().sleep('night', '8 hours' as never)).toThrow(
      'a span of own: RangeError: "8 hours" is no span: write a number, a blank and one of ms, s, min, h, day, days',
    );
  });
});

it('takes a sleep by its span or by what says when it is over', () => {
  const until = () => new Date(5_000);
  expect(start().sleep('night', '8 h').sleep('day', until).parts).toEqual([
    { kind: 'sleep', name: 'night', until: 28_800_000 },
    { kind: 'sleep', name: 'day', until },
  ]);
});

describe('what nobody says', () => {
  it('of a saga is none', () => {
    const { about } = start();
    expect(about).toMatchObject({
      id: 'own',
      version: '1',
      label: null,
      search: {},
      secrets: [],
      deadlineMs: null,
    });
    expect(about.origin.message).toBe('saga own is defined here');
    const all = { label: 'a', search: { b: 'b' }, secrets: ['c'], deadline: '1 s' } as const;
    const said = defineSaga({ id: 'own', version: '1', input: z.looseObject({}), ...all }).about;
    expect(said).toMatchObject({ label: 'a', search: { b: 'b' }, secrets: ['c'], deadlineMs: 1_000 });
  });

  it('of a step is left out, and it gains nothing', () => {
    const { action: own, compensation, ...more } = stepIn(start().step('seat', step));
    expect(more).toEqual({ name: 'seat', participant: 'airline' });
    expect([Object.keys(own), compensation]).toEqual([['path', 'request', 'answer', 'gains'], step.undo]);
    expect(own.gains({} as never)).toEqual({});
    const asks = {
      ask: { path: '/stands' },
      held: () => 'it stands',
      asynchronous: { within: '1 s' },
    } as const;
    const said = stepIn(start().step('seat', { ...step, action: { ...action, state: 'seating' }, ...asks }));
    expect(said).toMatchObject({ ask: asks.ask, held: asks.held, asynchronous: { withinMs: 1_000 } });
    expect(said.action.state).toBe('seating');
  });

  it('of an undo at the pivot and behind it is why there is none', () => {
    const { parts } = start().pivot('pay', { at: 'bank', action }).step('print', { at: 'airline', action });
    const why: Undo = { unneeded: 'it is never undone' };
    expect(parts).toMatchObject([
      { isPivot: true, step: { compensation: why } },
      { isPivot: false, step: { compensation: why } },
    ]);
  });

  it('of many items is that they are a hundred at most, ten at once, and gain nothing', () => {
    const { each } = stepIn(start().forEach('seat', () => ['a'], { ...step, key: String }));
    expect(each).toMatchObject({ itemsMax: 100, concurrency: 10 });
    expect(each?.gains([])).toEqual({});
    const few = { itemsMax: 1, concurrency: 2 };
    expect(stepIn(start().forEach('seat', () => ['a'], { ...step, key: String, ...few })).each).toMatchObject(
      few,
    );
  });

  it('of an event is that it refuses nothing, and gains nothing', () => {
    const event = first(
      start().waitFor('word', { within: '1 s', data: z.looseObject({}), late: 'undo' }),
    ) as EventPart;
    expect(event).toMatchObject({ kind: 'event', name: 'word', withinMs: 1_000, late: 'undo' });
    expect([event.refuses({} as never), event.gains({} as never)]).toEqual([null, {}]);
  });

  it('of a choice is what is done otherwise', () => {
    const alone = first(
      start().when(
        'fork',
        () => true,
        (b) => b.step('seat', step),
      ),
    );
    expect(alone).toMatchObject({ kind: 'choice', name: 'fork', taken: [{ kind: 'step' }], otherwise: [] });
  });
});
