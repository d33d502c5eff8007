/** A saga whose states are too many to be looked at one by one: branches of a step each, `all.b-s0.doingS0` and so on. */
import { z } from 'zod';
import { defineSaga, type Saga } from '../../machines/define.ts';

export function wideSaga(branches: number): Saga {
  const names = Array.from({ length: branches }, (_, index) => `s${index}`);
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
  return begun.parallel('all', Object.fromEntries(names.map(branchOf)));
}
