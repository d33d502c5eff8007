/** What comes to a saga from outside, as it is taken: what is known already, what nobody expects, and what cannot be taken. */
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import type { SagaDefinition } from '../../machines/index.ts';
import type { OutsideEvent } from '../../server/engine/contract.ts';
import { everywhere } from '../machines/placed-order.ts';
import { RARELY } from './trip.ts';
import { type Coordinator, World } from './world.ts';

const slow = (at: string) => ({
  at,
  asynchronous: { within: '1 day' } as const,
  action: { path: '/do', request: () => ({}), answer: z.looseObject({ no: z.string() }) },
  undo: { path: '/undo' },
});
/** Two calls of which somebody tells later, and an event. */
const told = defineSaga({ id: 'told', version: '1', input: z.looseObject({}) })
  .step('one', slow('one'))
  .step('two', slow('two'))
  .waitFor('word', {
    within: '1 day',
    data: z.looseObject({ fails: z.boolean().optional() }).refine(({ fails }) => {
      if (fails === true) throw new TypeError('no such field');
      return true;
    }),
    late: 'undo',
  });
let definition: SagaDefinition | undefined;

let world: World;
let a: Coordinator;
let id: string;
/** Its first call was taken, and nobody takes it up again unless a test opens the coordinator. */
beforeEach(async () => {
  definition ??= definitionOf(told, everywhere());
  const made = definition;
  world = new World({ saga: () => made });
  world.participants = () => ({ outcome: 'accepted', location: null, pollAfterMs: null });
  a = await world.coordinator('a', RARELY);
  id = await world.start(a);
});

const send = (eventId: string, over: Partial<OutsideEvent> = {}) =>
  a.engine.send(id, { id: eventId, name: 'word', data: {}, ...over });
const report = (step: string, attempt = 1, answer: Record<string, unknown> = { no: 'n-1' }) =>
  a.engine.report(id, { step, attempt, outcome: 'done', answer });
const signals = async () => (await world.record(id)).signals;
/** What was put there takes its effect. */
async function heard(): Promise<void> {
  a.engine.open();
  await world.clock.pass(10);
}

describe('an event', () => {
  it('that lies in the mailbox is taken once more where there is room for no other', async () => {
    let taken = 0;
    while ((await send(`e-${taken}`)).kind === 'accepted') taken += 1;
    expect(taken).toBeGreaterThan(1);
    expect(await send('e-more')).toEqual({ kind: 'full' });
    expect(await send('e-0')).toEqual({ kind: 'accepted' });
    expect(await signals()).toHaveLength(taken);
  });

  it('is kept with who sent it, where that is known', async () => {
    await send('e-1', { by: 'ada', actor: 'user:ada' });
    await send('e-2');
    const [first, second] = await signals();
    expect(first).toMatchObject({
      kind: 'event',
      name: 'word',
      by: 'ada',
      actor: 'user:ada',
      reason: 'word',
    });
    expect(second).toMatchObject({ by: '' });
    expect(second).not.toHaveProperty('actor');
  });

  it('whose data its own definition fails on is an error of that, and nothing is kept', async () => {
    await expect(send('e-1', { data: { fails: true } })).rejects.toThrow(
      'the data of word: TypeError: no such field',
    );
    expect(await signals()).toEqual([]);
  });

  it('comes too late for a saga that has failed', async () => {
    const refused = { step: 'one', attempt: 1, outcome: 'refused', error: 'no' } as const;
    await a.engine.report(id, refused);
    world.participants = () => ({ outcome: 'done', answer: {} });
    await heard();
    expect(await send('e-1')).toEqual({ kind: 'ended', status: 'FAILED' });
    expect(await a.engine.report(id, { ...refused, attempt: 2 })).toEqual({
      kind: 'ended',
      status: 'FAILED',
    });
  });
});

describe('an outcome', () => {
  it('is one of its step and its attempt, in the mailbox and in the log', async () => {
    expect(await report('one')).toEqual({ kind: 'accepted' });
    expect(await report('one')).toEqual({ kind: 'repeated' });
    expect(await report('one', 2)).toEqual({ kind: 'noted' });
    expect(await signals()).toMatchObject([
      { kind: 'outcome', step: 'one', attempt: 1 },
      { step: 'one', attempt: 2 },
    ]);
    await heard();
    expect((await world.record(id)).summary.state).toBe('doingTwo.pending');
    expect(await report('one')).toEqual({ kind: 'repeated' });
    expect(await report('one', 3)).toEqual({ kind: 'noted' });
    expect(await report('two', 2)).toEqual({ kind: 'noted' });
  });

  it('of one step is not that of the next, though both are of a first attempt', async () => {
    await report('one');
    await heard();
    expect(await report('two')).toEqual({ kind: 'accepted' });
    await world.clock.pass(10);
    expect((await world.record(id)).summary.state).toBe('awaitingWord');
  });

  it('must be what the step may answer, and a refusal need not', async () => {
    expect(await report('one', 1, {})).toMatchObject({
      kind: 'invalid',
      fault: expect.stringContaining('`no` is missing'),
    });
    expect(await a.engine.report(id, { step: 'one', attempt: 1, outcome: 'refused', error: 'no' })).toEqual({
      kind: 'accepted',
    });
    expect(await signals()).toMatchObject([{ outcome: 'refused', payload: '{"error":"no"}' }]);
  });

  it('of no step that is told of later is refused, with where the saga stands', async () => {
    expect(await report('three')).toEqual({ kind: 'unknown-step', state: 'doingOne.pending' });
  });
});
