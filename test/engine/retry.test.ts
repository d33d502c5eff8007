/** Calls that are repeated: the wait between two attempts is stored, and nobody holds the saga meanwhile. */
import { describe, expect, it } from 'vitest';
import { orderSaga } from '../../machines/order.ts';
import { wait } from '../../server/engine/clock.ts';
import { at, everywhere } from '../machines/placed-order.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { deferred, done, refused, retryable, SETTINGS, unknown, World } from './world.ts';

/** How late a saga is looked at, so that the store's clock finds it due. */
const WAKE_MS = 2;
const patient = { attemptsMax: 5, backoffMs: 100, backoffMaxMs: 1_000 };

/** A saga of one step, of which nothing is lost in the noise of other calls. */
const small = () => new World({ saga: (policies) => smallSaga(['a'], { policies }), policy: patient });

describe.each([
  ['retryable', retryable()],
  ['unknown', unknown()],
] as const)('after an outcome %s', (outcome, reply) => {
  it('the wait is stored with its due time, and nobody holds the saga', async () => {
    const world = small();
    world.reply('a', 'action', reply);
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    expect(await world.record(id)).toMatchObject({
      status: 'STARTED',
      owner: null,
      dueAtMs: at + 50,
      summary: { state: 'doing_a.waiting' },
    });
    expect(a.engine.inHand).toBe(0);
    expect(world.called()).toEqual(['a action']);
  });

  it('the saga is woken as soon as it is due, and the call repeated under the same key', async () => {
    const world = small();
    world.reply('a', 'action', reply);
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    await world.clock.pass(49 + WAKE_MS);
    expect(world.called()).toHaveLength(1);
    await world.clock.pass(1);
    expect(world.calls.map(({ sagaId, call }) => [sagaId, call.step, call.kind, call.attempt])).toEqual([
      [id, 'a', 'action', 1],
      [id, 'a', 'action', 2],
    ]);
    expect(world.calls[1]?.call.body).toEqual(world.calls[0]?.call.body);
    expect(await world.history(id)).toEqual([
      'started  -> doing_a.calling',
      `${outcome} doing_a.calling -> doing_a.waiting`,
      'due doing_a.waiting -> doing_a.calling',
      'done doing_a.calling -> completed',
    ]);
    expect(await world.counters()).toMatchObject({ retries: 1, 'settled.COMPLETED': 1 });
  });

  it('the waits double up to their cap, with chance laid over them, until no attempt is left', async () => {
    const world = small();
    world.reply('a', 'action', reply, reply, reply, reply, reply);
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    await world.clock.pass(60_000);
    const actions = world.calls.filter(({ call }) => call.kind === 'action');
    const gaps = actions.slice(1).map(({ atMs }, index) => atMs - (actions[index]?.atMs ?? 0) - WAKE_MS);
    expect(gaps).toEqual([50, 100, 200, 400]);
    expect(world.called().at(-1)).toBe('a compensation');
    expect((await world.record(id)).status).toBe('FAILED');
  });

  it('a compensation is repeated likewise, and its effect is held only when no attempt is left', async () => {
    const world = small();
    world.reply('a', 'action', refused());
    world.reply('a', 'compensation', reply, reply, reply, reply);
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    await world.clock.pass(60_000);
    expect(world.called()).toEqual(['a action', ...Array(5).fill('a compensation')]);
    expect((await world.record(id)).status).toBe('FAILED');
  });
});

describe('Retry-After', () => {
  it.each([
    ['longer than the back-off is waited for', 9_000, 9_000],
    ['shorter than the back-off changes nothing', 10, 50],
    ['of a day is cut to five minutes: a saga must end', 86_400_000, 300_000],
  ])('%s', async (_, askedMs, waitedMs) => {
    const world = small();
    world.reply('a', 'action', retryable(askedMs));
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    expect((await world.record(id)).dueAtMs).toBe(at + waitedMs);
    await world.clock.pass(waitedMs - 1);
    expect(world.calls).toHaveLength(1);
    await world.clock.pass(1 + WAKE_MS);
    expect(world.calls).toHaveLength(2);
  });
});

it('each call has its own count of attempts', async () => {
  const world = new World({ policy: patient });
  world.reply('order', 'action', retryable(), retryable());
  world.reply('payment', 'action', unknown());
  const a = await world.coordinator();
  a.engine.open();
  await world.start(a);
  await world.clock.pass(60_000);
  expect(world.calls.map(({ call }) => `${call.step} ${call.attempt}`)).toEqual([
    'order 1',
    'order 2',
    'order 3',
    'inventory 1',
    'payment 1',
    'payment 2',
    'shipping 1',
    'notification 1',
  ]);
});

it('attempts and time-outs are those of the step and of the kind of call', async () => {
  const world = new World({
    policies: (step, kind) => ({
      ...everywhere()(step, kind),
      attemptsMax: step === 'inventory' && kind === 'action' ? 3 : 1,
      timeoutMs: kind === 'action' ? 1_500 : 700,
    }),
  });
  world.reply('inventory', 'action', unknown(), unknown(), unknown());
  const a = await world.coordinator();
  a.engine.open();
  await world.start(a);
  await world.clock.pass(10_000);
  expect(world.calls.map(({ call, boundMs }) => `${call.step} ${call.kind} ${boundMs}`)).toEqual([
    'order action 1500',
    'inventory action 1500',
    'inventory action 1500',
    'inventory action 1500',
    'inventory compensation 700',
    'order compensation 700',
  ]);
});

it('a wait outlives the coordinator that began it: any other wakes the saga when it is due', async () => {
  const world = new World({ policy: patient });
  world.reply('payment', 'action', retryable(5_000));
  const a = await world.coordinator('a');
  a.engine.open();
  await world.start(a);
  a.crash();
  const b = await world.coordinator('b');
  b.engine.open();
  await world.clock.pass(4_000);
  expect(world.calls.filter(({ by }) => by === 'b')).toEqual([]);
  await world.clock.pass(1_000 + SETTINGS.pollMs);
  expect(
    world.calls.filter(({ by }) => by === 'b').map(({ call }) => `${call.step} ${call.attempt}`),
  ).toEqual(['payment 2', 'shipping 1', 'notification 1']);
});

it('where too many wait for an alarm each, the rounds find the others', async () => {
  const world = small();
  world.reply('a', 'action', retryable(5_500), retryable(5_500), retryable(5_500));
  const a = await world.coordinator('a', { alarmsMax: 1 });
  a.engine.open();
  const ids = [await world.start(a), await world.start(a), await world.start(a)];
  await world.clock.pass(5_500 + WAKE_MS);
  expect(world.calls.slice(3).map(({ sagaId }) => sagaId)).toEqual(ids.slice(0, 1));
  await world.clock.pass(SETTINGS.pollMs);
  expect(world.calls.slice(3).map(({ sagaId }) => sagaId)).toEqual(ids);
  // The alarm that has rung makes room for another.
  world.reply('a', 'action', retryable(5_500));
  const late = await world.start(a);
  await world.clock.pass(5_500 + WAKE_MS);
  expect(world.called(late)).toHaveLength(2);
});

it('a call that was put off waits for as long as it was told, without an attempt and without being counted as made', async () => {
  const world = small();
  world.reply('a', 'action', retryable(), deferred(700), deferred(300), done());
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  await world.clock.pass(10_000);
  expect(world.calls.map(({ call, atMs }) => [call.attempt, atMs])).toEqual([
    [1, 0],
    [2, 50 + WAKE_MS],
    [2, 750 + 2 * WAKE_MS],
    [2, 1_050 + 3 * WAKE_MS],
  ]);
  expect(a.events.filter(({ type }) => type === 'called')).toHaveLength(2);
  expect(await world.history(id)).toContain('deferred doing_a.calling -> doing_a.waiting');
  expect(await world.counters()).toMatchObject({ retries: 1, deferrals: 2 });
});

it('a deadline that passes while a call is being put off undoes it, and is not waited for again and again', async () => {
  const world = new World({ saga: (policies) => orderSaga(policies, 1_000) });
  world.reply('order', 'action', async () => {
    await wait(world.clock, 1_500);
    return deferred(60_000);
  });
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  await world.clock.pass(1_500);
  expect(world.called()).toEqual(['order action', 'order compensation']);
  expect((await world.record(id)).status).toBe('FAILED');
});

it('a wait of no time at all is a wait all the same', async () => {
  const world = small();
  world.random = () => 0;
  world.reply('a', 'action', unknown(), done());
  const a = await world.coordinator();
  a.engine.open();
  const id = await world.start(a);
  await world.clock.pass(WAKE_MS);
  expect((await world.record(id)).status).toBe('COMPLETED');
  expect(await world.history(id)).toContain('unknown doing_a.calling -> doing_a.waiting');
});
