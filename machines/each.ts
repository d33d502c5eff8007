/**
 * States of a step that is done for each item of a list: one on the way there and one on the way back, whose items stand in the
 * context. Every event is addressed to an item.
 */
import { beginningOf, eventsOf, type Onward, type Place, passesOf, type State } from './beside.ts';
import type { Step } from './parts.ts';
import type { Kind, Policies } from './saga.ts';

export function eachStates(policies: Policies, resolve: unknown) {
  /** What becomes of an item's call, on both ways. */
  function itemsCalled(
    { name, participant }: Step,
    kind: Kind,
    path: string,
    {
      mayRepeat,
      done,
      failed,
      again,
    }: Readonly<Record<'mayRepeat' | 'done' | 'failed', string>> & { again: State },
  ) {
    const { attemptsMax, backoffMs, backoffMaxMs } = policies(name, kind);
    const event = eventsOf(name, { isBeside: true });
    const own = { step: name };
    const act = (type: string) => ({ actions: { type, params: own } });
    const repeat = {
      guard: { type: mayRepeat, params: { attemptsMax, each: name } },
      actions: { type: 'itemBacksOff', params: { ...own, backoffMs, backoffMaxMs } },
    };
    const next = { ...again, ...act('itemAgain') };
    return {
      tags: ['calling'],
      meta: { step: name, kind, participant, path, each: true },
      on: {
        [event('done')]: act(done),
        [event('refused')]: act(failed),
        [event('retryable')]: [repeat, act(failed)],
        [event('unknown')]: [repeat, act(failed)],
        [event('deferred')]: act('itemDeferred'),
        [event('due')]: next,
        retry: next,
      },
    };
  }

  return {
    forward(step: Step, { done, failed }: Onward, place: Place): State {
      const own = { step: step.name };
      const noteCancel = { actions: 'noteCancel' };
      const { on, ...calling } = itemsCalled(step, 'action', step.action.path, {
        mayRepeat: 'mayRepeatBeside',
        done: 'itemDone',
        failed: 'itemFailed',
        again: { guard: 'goingOn' },
      });
      return {
        ...calling,
        entry: [...beginningOf(step.name, place), { type: 'beginItems', params: own }],
        always: [
          { guard: { type: 'stoppedItems', params: own }, target: failed, actions: 'noteStopped' },
          {
            guard: { type: 'settled', params: own },
            target: done,
            actions: { type: 'gainItems', params: own },
          },
        ],
        on: { ...on, cancel: noteCancel, deadline: noteCancel, resolve },
      };
    },

    compensating(step: Step, next: string, place: Place): State {
      const { name, compensation } = step;
      const own = { step: name };
      const passes = passesOf(name, next, place);
      if ('none' in compensation) {
        const { none: reason } = compensation;
        const keep = { target: next, actions: { type: 'noteItemsKept', params: { ...own, reason } } };
        return { always: [...passes, keep] };
      }
      if (!('path' in compensation)) throw new Error(`step ${name} has no compensating state`);
      const { on, ...calling } = itemsCalled(step, 'compensation', compensation.path, {
        mayRepeat: 'attemptsLeft',
        done: 'itemUndone',
        failed: 'itemHeld',
        again: {},
      });
      const skip = {
        guard: { type: 'namesItem', params: own },
        actions: { type: 'itemSkipped', params: own },
      };
      return {
        ...calling,
        entry: { type: 'beginItemsBack', params: own },
        always: [
          ...passes,
          {
            guard: { type: 'settled', params: own },
            target: next,
            actions: { type: 'noteItemsUndone', params: own },
          },
        ],
        on: { ...on, skip, resolve },
      };
    },
  };
}
