/** How far a machine is walked before it is driven: a start must not wait for all that many branches can do together. */
import { expect, it, vi } from 'vitest';
import { StateMachine } from 'xstate';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { walk } from '../../machines/walk.ts';
import { everywhere } from './placed-order.ts';

/** Eight branches of a step each. */
function wide() {
  const names = Array.from({ length: 8 }, (_, index) => `s${index}`);
  // biome-ignore lint/suspicious/noExplicitAny: the chain's types want each branch by its name
  const begun: any = defineSaga({ id: 'wide', version: '1', input: z.looseObject({}) });
  const branchOf = (name: string) => [
    `b-${name}`,
    (from: typeof begun) =>
      from.step(name, {
        at: 'somebody',
        action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({}) },
        undo: { path: `/${name}/undo` },
      }),
  ];
  return definitionOf(begun.parallel('all', Object.fromEntries(names.map(branchOf))), everywhere({}));
}

it('is bounded by the transitions that it makes', () => {
  const { machine, steps } = wide();
  const made = vi.spyOn(StateMachine.prototype, 'transition');
  expect(walk(machine, steps)).toBeNull();
  // What was begun at a place is ended.
  expect(made.mock.calls.length).toBeGreaterThan(19_900);
  expect(made.mock.calls.length).toBeLessThan(20_100);
});
