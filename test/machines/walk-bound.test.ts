/** How far a machine is walked before it is driven: a start must not wait for all that many branches can do together. */
import { expect, it, vi } from 'vitest';
import { StateMachine } from 'xstate';
import { definitionOf } from '../../machines/definition.ts';
import { walk } from '../../machines/walk.ts';
import { everywhere } from './placed-order.ts';
import { wideSaga } from './wide-saga.ts';

it('is bounded by the transitions that it makes', () => {
  const { machine, steps } = definitionOf(wideSaga(8), everywhere({}));
  const made = vi.spyOn(StateMachine.prototype, 'transition');
  expect(walk(machine, steps)).toBeNull();
  // What was begun at a place is ended.
  expect(made.mock.calls.length).toBeGreaterThan(19_900);
  expect(made.mock.calls.length).toBeLessThan(20_100);
});
