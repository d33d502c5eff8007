/** Calls that are beside others, on the way back too: how often they are made, and what stands of them. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { Driven, registered } from './driven.ts';

const at = 1000;
const call = (name: string, undo: object = { path: `/${name}/undo` }) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
  undo: undo as { path: string },
});
const of = (id: string) => defineSaga({ id, version: '1', input: z.looseObject({}) });

describe('the undo of a branch', () => {
  // Of its two branches the second is refused, so that the first is undone.
  const undoing = (attemptsMax = 2) =>
    new Driven(
      registered(
        of('branches').parallel('all', {
          one: (b) => b.step('a', call('a')),
          other: (b) => b.step('b', call('b')),
        }),
        attemptsMax,
      ),
      {},
    )
      .done('action a')
      .refused('action b');

  it.each(['retryable', 'unknown'] as const)(
    'that is %s is repeated while it may be, and then held',
    (how) => {
      const saga = undoing().done('compensation b').fails('compensation a', how);
      expect([saga.asked, saga.held]).toEqual([['wait a'], []]);
      saga.due('wait a');
      expect(saga.find('compensation a')).toMatchObject({ attempt: 2 });
      saga.fails('compensation a', how);
      expect([saga.state, saga.asked, saga.held]).toEqual(['parked', [], ['a']]);
    },
  );

  it('is held at once where it is refused, or may be made but once', () => {
    expect(undoing().done('compensation b').refused('compensation a').held).toEqual(['a']);
    expect(undoing(1).done('compensation b').fails('compensation a', 'unknown').held).toEqual(['a']);
  });

  it('that is too large is made again, though its attempts are spent', () => {
    const saga = undoing(1).done('compensation b');
    const { to } = saga.find('compensation a');
    const type = 'retryable';
    saga.on({ type, at, to: to ?? '', error: '413', random: 0, retryAfterMs: 0, tooLarge: 'a' });
    expect([saga.asked, saga.held]).toEqual([['wait a'], []]);
    saga.due('wait a').fails('compensation a', 'retryable');
    expect(saga.held).toEqual(['a']);
  });

  it('is made once more when a person asks for it, beside nothing that was undone', () => {
    const saga = undoing(1).done('compensation b').refused('compensation a').on({ type: 'retry', at });
    expect([saga.asked, saga.held]).toEqual([['compensation a'], []]);
    saga.done('compensation a');
    expect(saga.state).toBe('failed');
  });
});

describe('items that cannot be undone', () => {
  const begun = (names: readonly string[]) =>
    new Driven(
      registered(
        of('kept')
          .step('first', call('first'))
          .forEach('seat', () => names, {
            ...call('seat', { none: 'they stay' }),
            key: (name) => name,
            concurrency: 2,
          })
          .step('bill', call('bill')),
      ),
      {},
    ).done('action first');
  const heldOf = ({ snapshot }: Driven) => snapshot.context.held;
  const stay = (...names: string[]) => names.map((name) => ({ step: `seat/${name}`, reason: 'they stay' }));

  it('stand where they were done, or may have been, and not where no call was made', () => {
    const saga = begun(['a', 'b', 'c']).done('action seat/a').fails('action seat/b', 'unknown');
    saga.due('wait seat/b').fails('action seat/b', 'unknown').done('action seat/c');
    expect(saga.asked).toEqual(['compensation first']);
    expect(heldOf(saga)).toEqual(stay('a', 'b', 'c'));
    expect(heldOf(saga.done('compensation first'))).toEqual(stay('a', 'b', 'c'));
    expect(saga.state).toBe('parked');
    const none = begun(['a', 'b', 'c']).refused('action seat/a').done('action seat/b');
    expect(heldOf(none)).toEqual(stay('b'));
  });

  it('do not stand where a participant said at last that they were not done', () => {
    const saga = begun(['a', 'b']).done('action seat/a').fails('action seat/b', 'unknown');
    saga.due('wait seat/b').refused('action seat/b');
    expect(heldOf(saga)).toEqual(stay('a'));
  });

  it('do not stand where no attempt was ever made', () => {
    const saga = begun(['a', 'b']).done('action seat/a').fails('action seat/b', 'retryable');
    saga.due('wait seat/b').fails('action seat/b', 'retryable');
    expect(heldOf(saga)).toEqual(stay('a'));
    expect(saga.snapshot.context.failure).toMatchObject({ step: 'seat', reason: 'seat/b: away' });
  });

  it('stay held when a person has the rest undone again', () => {
    const saga = begun(['a']).done('action seat/a').refused('action bill').done('compensation bill');
    saga.refused('compensation first');
    expect(heldOf(saga).map(({ step }) => step)).toEqual(['seat/a', 'first']);
    saga.on({ type: 'retry', at });
    expect([saga.asked, saga.held]).toEqual([['compensation first'], ['seat/a']]);
    saga.done('compensation first');
    expect([saga.state, saga.held]).toEqual(['parked', ['seat/a']]);
  });
});

describe('items that are undone', () => {
  const undoing = () =>
    new Driven(
      registered(
        of('seats')
          .forEach('seat', () => ['a', 'b', 'c'], { ...call('seat'), key: (name) => name, concurrency: 2 })
          .step('bill', call('bill', { unneeded: 'nobody pays it' })),
      ),
      {},
    )
      .done('action seat/a')
      .done('action seat/b')
      .done('action seat/c')
      .refused('action bill');

  it('are repeated and held each by itself, and skipped while they wait', () => {
    const saga = undoing();
    expect(saga.asked).toEqual(['compensation seat/a', 'compensation seat/b']);
    saga.fails('compensation seat/a', 'retryable').refused('compensation seat/b');
    expect([saga.asked.toSorted(), saga.held]).toEqual([['compensation seat/c', 'wait seat/a'], ['seat/b']]);
    // One that is called cannot be skipped yet.
    expect(saga.machine.accepts(saga.snapshot, { type: 'skip', at, step: 'seat/c' })).toBe(false);
    saga.on({ type: 'skip', at, step: 'seat/a' }).done('compensation seat/c');
    expect([saga.state, saga.held]).toEqual(['parked', ['seat/b']]);
    expect(saga.snapshot.context.undone).toEqual(['seat/a', 'seat/c']);
    saga.on({ type: 'retry', at });
    expect(saga.asked).toEqual(['compensation seat/b']);
    saga.done('compensation seat/b');
    expect([saga.state, saga.snapshot.context.undone]).toEqual([
      'failed',
      ['seat/a', 'seat/c', 'seat/b', 'seat'],
    ]);
  });
});

it('takes 202 for an answer to the action of an asynchronous step alone', () => {
  const saga = new Driven(
    registered(
      of('later')
        .step('a', { ...call('a'), asynchronous: { within: '1 min' } })
        .forEach('b', () => ['x'], { ...call('b'), key: (name) => name }),
    ),
    {},
  );
  const isAsynchronous = (name: string) => {
    const found = saga.find(name);
    return found.kind === 'call' && found.call.isAsynchronous;
  };
  expect(isAsynchronous('action a')).toBe(true);
  saga.done('action a');
  expect(isAsynchronous('action b/x')).toBe(false);
  saga.refused('action b/x').done('compensation b/x');
  expect(isAsynchronous('compensation a')).toBe(false);
});
