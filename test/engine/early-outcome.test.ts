/** An outcome that is told before its call has answered: what the call says then is not taken for the next step's. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { everywhere } from '../machines/placed-order.ts';
import { done, hanging, World } from './world.ts';

const options = (at: string) => ({
  at,
  asynchronous: { within: '1 day' } as const,
  action: { path: '/do', request: () => ({}), answer: z.looseObject({}) },
  undo: { path: '/undo' },
});
const pair = defineSaga({ id: 'pair', version: '1', input: z.looseObject({}) })
  .step('one', options('one'))
  .step('two', options('two'));

it('ends its own step alone', async () => {
  const world = new World({ saga: () => definitionOf(pair, everywhere()) });
  const a = await world.coordinator('a');
  let answer = () => {};
  const soon = new Promise<void>((resolve) => {
    answer = resolve;
  });
  world.reply('one', 'action', () => soon.then(() => done()));
  world.reply('two', 'action', hanging);
  const id = await world.start(a);
  const told = { step: 'one', attempt: 1, outcome: 'done', answer: {} } as const;
  expect(await a.engine.report(id, told)).toEqual({ kind: 'accepted' });
  answer();
  await world.clock.pass(10);
  expect((await world.record(id)).summary).toMatchObject({ state: 'doingTwo.calling', steps_completed: 1 });
});
