/** A participant that says later what came of its call, and a trip whose coordinator is killed wherever it may be. */
import { expect, it } from 'vitest';
import type { Reply } from '../../server/engine/outcome.ts';
import { killedAtEach } from './kills.ts';
import { APPROVAL, answered, DAY_MS, RARELY, startTrip, tripWorld } from './trip.ts';
import { hanging, retryable, unknown, type World } from './world.ts';

const accepted = (pollAfterMs: number | null = null, location: string | null = '/visas/7'): Reply => ({
  outcome: 'accepted',
  location,
  pollAfterMs,
});
const stateOf = async (world: World, id: string) => (await world.record(id)).summary.state;
const asked = (world: World) => world.calls.filter(({ call }) => call.isFetch);

it('asks where it was told to, and spends no attempt and no call meanwhile', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  world.reply('visa', 'action', accepted(3_600_000), accepted(7_200_000), retryable(), accepted(), answered);
  const id = await startTrip(world, a);
  expect(await stateOf(world, id)).toBe('applyingForVisa.pending');
  const calls = world.calls.length;
  await world.clock.pass(3_590_000);
  expect([world.calls.length, a.engine.inHand]).toEqual([calls, 0]);
  await world.clock.pass(DAY_MS);
  expect(asked(world).map(({ call }) => [call.path, call.attempt])).toEqual(Array(4).fill(['/visas/7', 1]));
  const [first, second] = asked(world).map(({ atMs }) => atMs);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(7_200_000);
  expect(await stateOf(world, id)).toBe('awaitingApproval');
  expect((await a.engine.get(id))?.saga.context.data.visa_no).toBe('v-1');
  expect(await world.counters()).toMatchObject({ 'completed_steps.held': 4 });
});

it('is told by a call-back: once, of the attempt that is under way, and with an answer that fits', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  world.reply('visa', 'action', accepted(null, null));
  const id = await startTrip(world, a);
  const { engine } = a;
  const done = { step: 'visa', attempt: 1, outcome: 'done', answer: { visa_no: 'v-9' } } as const;
  for (const step of ['hotel', 'nonsense'])
    expect(await engine.report(id, { ...done, step })).toEqual({
      kind: 'unknown-step',
      state: 'applyingForVisa.pending',
    });
  expect(await engine.report(id, { ...done, answer: {} })).toMatchObject({ kind: 'invalid' });
  expect(await engine.report(id, done)).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  expect(await engine.report(id, done)).toEqual({ kind: 'repeated' });
  expect(await stateOf(world, id)).toBe('awaitingApproval');
  expect((await world.store.log(id)).find(({ event }) => event === 'outcome')).toMatchObject({
    step: 'visa',
    kind: 'action',
    attempt: 1,
    outcome: 'done',
    duration_ms: null,
  });
  expect(await world.counters()).toMatchObject({ 'completed_steps.held': 4 });
});

it('notes in the log what nobody waits for, and goes on as if it had not come', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  world.reply('visa', 'action', accepted(null, null));
  const id = await startTrip(world, a);
  const done = { step: 'visa', attempt: 2, outcome: 'done', answer: { visa_no: 'v-9' } } as const;
  expect(await a.engine.report(id, done)).toEqual({ kind: 'noted' });
  await world.clock.pass(10);
  expect(await stateOf(world, id)).toBe('applyingForVisa.pending');
  expect(await world.lastEntry(id)).toMatchObject({ event: 'outcome', attempt: 2, outcome: 'ignored' });
  expect(await a.engine.report(id, done)).toEqual({ kind: 'repeated' });
});

it('may be told while the call waits to be repeated whose answer was lost, and ends that', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  world.reply('visa', 'action', unknown());
  const id = await startTrip(world, a);
  expect(await stateOf(world, id)).toBe('applyingForVisa.waiting');
  const done = { step: 'visa', attempt: 1, outcome: 'done', answer: { visa_no: 'v-9' } } as const;
  expect(await a.engine.report(id, done)).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  expect(await stateOf(world, id)).toBe('awaitingApproval');
  await world.clock.pass(10_000);
  expect(world.called(id).filter((call) => call === 'visa action')).toHaveLength(1);
});

it('may be told before its 202 has come, and then what the call itself says is nobody else’s', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  let answer = () => {};
  const soon = new Promise<void>((resolve) => {
    answer = resolve;
  });
  world.reply('visa', 'action', async () => {
    await soon;
    return accepted(1_000);
  });
  const id = await startTrip(world, a);
  const refused = { step: 'visa', attempt: 1, outcome: 'refused', error: 'not with this passport' } as const;
  expect(await a.engine.report(id, refused)).toEqual({ kind: 'accepted' });
  answer();
  await world.clock.pass(10);
  const { saga } = (await a.engine.get(id)) ?? {};
  expect([saga?.status, saga?.context.failure?.reason]).toEqual(['FAILED', 'not with this passport']);
});

it.each(['before', 'after'] as const)('goes on after a kill %s each of its commits', async (when) => {
  const [whole, ...killed] = await killedAtEach(when, {
    world: () => {
      const world = tripWorld();
      world.reply('visa', 'action', accepted(500), answered, accepted(500), answered);
      return world;
    },
    start: startTrip,
    fromOutside: async (engine, id, world) => {
      expect(await stateOf(world, id)).toBe('awaitingApproval');
      await engine.send(id, { ...APPROVAL, id: 'e-1' });
    },
  });
  expect(whole.commits).toBeGreaterThan(8);
  for (const { killedAt, id, world } of [whole, ...killed]) {
    expect([killedAt, (await world.record(id)).status]).toEqual([killedAt, 'COMPLETED']);
    expect(world.called().filter((call) => call.endsWith('compensation'))).toEqual([]);
  }
});

it('makes both calls of a parallel part again where its coordinator is killed in their middle', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a');
  world.reply('flight', 'action', hanging);
  world.reply('hotel', 'action', hanging);
  const id = await startTrip(world, a, { visa: false });
  a.crash();
  const b = await world.coordinator('b');
  b.engine.open();
  await world.clock.pass(10_000);
  expect(world.called(id).slice(0, 4).sort()).toEqual([
    'flight action',
    'flight action',
    'hotel action',
    'hotel action',
  ]);
  expect(world.calls.slice(0, 4).map(({ call }) => call.attempt)).toEqual([1, 1, 1, 1]);
  expect(await stateOf(world, id)).toBe('awaitingApproval');
});
