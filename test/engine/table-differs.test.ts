/** A table that makes a transition otherwise than XState: the saga goes on with XState's answer, and it is told. */

import { expect, it } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { SAMPLED_EVERY } from '../../machines/transitions.ts';
import { begun, stepNames } from '../machines/placed-order.ts';
import { World } from './world.ts';

it('is told once, with the saga and its machine, and what is stored is what XState made', async () => {
  const world = new World();
  const coordinator = await world.coordinator();
  const { machine } = world;
  // XState alone forgets the last answer from now on: the table was made before.
  const sending = machine.machine.root.states.sendingNotification?.states.calling as AnyStateNode;
  (sending.transitions.get('done')?.at(-1) as { actions: readonly unknown[] }).actions = [];
  // As many transitions as bring the one that differs to be made both ways.
  for (let made = stepNames.length; made < SAMPLED_EVERY; made += 1) begun(machine);

  const ids = [await world.start(coordinator), await world.start(coordinator)];
  const told = coordinator.events.filter(({ type }) => type === 'transition-differs');
  expect(told).toMatchObject([
    {
      id: ids[0],
      machine: { id: 'order' },
      difference: { state: 'sendingNotification.calling', event: 'done' },
    },
  ]);
  for (const id of ids) {
    const { status, snapshot } = await world.record(id);
    expect(status).toBe('COMPLETED');
    expect(Object.keys(machine.restore(snapshot).context.answers)).toEqual(stepNames.slice(0, -1));
  }
});
