/** One source for all times of a saga: the store's clock. A coordinator's own may be wrong by hours, and may jump. */
import { describe, expect, it } from 'vitest';
import { orderSaga } from '../../machines/order.ts';
import type { SagaHistory } from '../../server/engine/contract.ts';
import { everywhere } from '../machines/placed-order.ts';
import { type Coordinator, FORWARD, retryable, unknown, World } from './world.ts';

const HOUR = 3_600_000;
const DEADLINE_MS = 60_000;

const timed = (policy = {}) =>
  new World({ saga: (policies) => orderSaga(policies, DEADLINE_MS), policies: everywhere(policy) });

async function found(id: string, { engine }: Coordinator): Promise<SagaHistory> {
  const history = await engine.get(id);
  if (history === null) throw new Error(`no saga ${id}`);
  return history;
}

describe.each([2 * HOUR, -2 * HOUR])("where a coordinator's wall clock is wrong by %i ms", (wrongMs) => {
  it('a healthy order is carried through, and its times and spans are right', async () => {
    const world = timed();
    world.wrongMs = wrongMs;
    const coordinator = await world.coordinator();
    const id = await world.start(coordinator);
    expect(world.called(id)).toEqual(FORWARD);
    const { saga, log } = await found(id, coordinator);
    expect(saga.status).toBe('COMPLETED');
    const now = new Date(world.clock.now()).toISOString();
    expect(new Set(log.map(({ at }) => at))).toEqual(new Set([now]));
    expect(coordinator.events.find(({ type }) => type === 'settled')).toMatchObject({ ms: 0 });
    expect(await world.counters()).toMatchObject({ 'duration.1': 1 });
  });

  it('a wait ends when it should, at any coordinator', async () => {
    const world = timed({ attemptsMax: 2, backoffMs: 10_000, backoffMaxMs: 10_000 });
    world.reply('payment', 'action', retryable());
    const first = await world.coordinator('a');
    const id = await world.start(first);
    first.crash();
    world.wrongMs = wrongMs;
    const second = await world.coordinator('b');
    second.engine.open();
    await world.clock.pass(4_000);
    expect((await world.record(id)).status).toBe('STARTED');
    await world.clock.pass(3_000);
    const { saga } = await found(id, second);
    expect(saga.status).toBe('COMPLETED');
  });

  it('the deadline is kept, neither sooner nor later', async () => {
    const world = timed({ attemptsMax: 100, backoffMs: 10_000, backoffMaxMs: 10_000 });
    world.reply('payment', 'action', ...Array(100).fill(unknown()));
    const first = await world.coordinator('a');
    first.engine.open();
    const id = await world.start(first);
    world.wrongMs = wrongMs;
    const second = await world.coordinator('b');
    first.crash();
    second.engine.open();
    await world.clock.pass(DEADLINE_MS - 1_000);
    expect((await world.record(id)).summary.failed_step).toBeNull();
    expect((await world.record(id)).status).toBe('STARTED');
    await world.clock.pass(10_000);
    const { saga } = await found(id, second);
    expect(saga).toMatchObject({ status: 'FAILED', context: { failure: { step: null } } });
  });
});

it('a wall clock that steps while sagas run spoils none of their spans', async () => {
  const world = timed({ attemptsMax: 5, backoffMs: 10_000, backoffMaxMs: 10_000 });
  world.reply('payment', 'action', retryable(), retryable());
  const coordinator = await world.coordinator();
  coordinator.engine.open();
  const id = await world.start(coordinator);
  for (const wrongMs of [HOUR, -HOUR]) {
    world.wrongMs = wrongMs;
    await world.clock.pass(6_000);
  }
  const settled = coordinator.events.find(({ type }) => type === 'settled');
  expect(settled).toMatchObject({ id, status: 'COMPLETED' });
  // Two waits of half of ten seconds, and what the rounds add to them.
  const { ms } = settled as { ms: number };
  expect(ms).toBeGreaterThanOrEqual(10_000);
  expect(ms).toBeLessThan(12_000);
});
