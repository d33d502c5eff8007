/** What a client is told when the engine did not start its order, for each reason that the engine can give. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SagaEngine, StartResult } from '../../server/engine/contract.ts';
import type { ProblemType } from '../../server/problem.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { ORDER, send, settled, submit } from '../coordinator/world.ts';
import { appOver } from './fake-app.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';
import { expectProblem } from './problem.ts';

const ID = '07-01a208fa-4b65-759d-877e-0be0ad34792f';
const CASES: readonly (readonly [StartResult, ProblemType, object, string | undefined])[] = [
  [{ kind: 'refused', why: 'draining' }, 'draining', {}, undefined],
  [{ kind: 'refused', why: 'overloaded' }, 'overloaded', {}, undefined],
  [{ kind: 'refused', why: 'store-full' }, 'overloaded', {}, undefined],
  [{ kind: 'refused', why: 'store-unavailable' }, 'store-unavailable', {}, undefined],
  [{ kind: 'key-reused', id: ID }, 'idempotency-key-reused', { saga_id: ID }, undefined],
  // The saga may run: the client must learn under which id to ask for it.
  [{ kind: 'unknown', id: ID }, 'start-unknown', { saga_id: ID }, `/api/coordinator/sagas/${ID}`],
];

/** What an engine does whose store has gone. */
async function away(): Promise<never> {
  throw new StoreUnavailableError('away', true);
}

async function order(engine: Partial<SagaEngine>) {
  const response = await appOver(engine).request('/api/coordinator/orders', {
    method: 'POST',
    body: JSON.stringify(ORDER),
    headers: { 'content-type': 'application/json' },
  });
  const body = await response.json();
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

it.each(CASES)('%j is the problem %s', async (result, type, members, location) => {
  const answer = await order({ start: async () => result });
  expectProblem(answer, type);
  expect(answer.body).toMatchObject(members);
  expect(answer.headers.location).toBe(location);
});

describe('a saga that was stored, and then the store goes away', () => {
  const start = async () => ({ kind: 'started', id: ID }) as const;
  const cases: readonly (readonly [string, Partial<SagaEngine>])[] = [
    ['while it is waited for', { start, settled: away }],
    ['when the wait is over', { start, settled: async () => null, current: away }],
  ];
  it.each(cases)(
    '%s: the client learns its id, and is not told that nothing was stored',
    async (_, engine) => {
      const answer = await order(engine);
      expectProblem(answer, 'start-unknown');
      expect(answer.body).toMatchObject({ saga_id: ID });
      expect(answer.headers.location).toBe(`/api/coordinator/sagas/${ID}`);
    },
  );
});

// An order is repeated within minutes and kept for hours: what is gone meanwhile was not purged.
it('a saga that is gone while a repeat of its order waited is said to be forgotten', async () => {
  const nothing = async () => null;
  const joined = async () => ({ kind: 'joined', id: ID }) as const;
  expectProblem(await order({ start: joined, settled: nothing, current: nothing }), 'saga-forgotten');
});

describe('a coordinator that has all the sagas that it may have', () => {
  let world: HoldingWorld;
  let url: string;
  beforeAll(async () => {
    world = await openHoldingWorld();
    url = (await world.coordinator({ SAGAS_IN_HAND_MAX: '1' })).url;
  });
  afterAll(() => world.close());

  it('refuses one more, stores nothing of it, and takes it when there is room', async () => {
    const gate = world.hold('order');
    const { body: first } = await submit(url, ORDER, { prefer: 'respond-async' });
    expectProblem(await submit(url), 'overloaded');
    expect((await send(`${url}/api/coordinator/health`)).body).toMatchObject({ active_sagas: 1, in_hand: 1 });
    gate.open();
    await settled(url, first.saga_id);
    expect((await submit(url)).status).toBe(201);
  });
});

describe('a store that has all the running sagas that it may have', () => {
  let world: HoldingWorld;
  let url: string;
  beforeAll(async () => {
    world = await openHoldingWorld();
    url = (await world.coordinator({ SAGAS_IN_FLIGHT_MAX: '1', PARTITIONS: '1' })).url;
  });
  afterAll(() => world.close());

  it('refuses one more while all wait for a service, joins a repeat, and takes it when there is room', async () => {
    world.services.order.faults.set([{ endpoint: 'action', kind: 'status', status: 503, retry_after: 300 }]);
    const headers = { prefer: 'respond-async', 'idempotency-key': 'k' };
    const { body: first } = await submit(url, ORDER, headers);
    while ((await send(`${url}/api/coordinator/health`)).body.in_hand > 0);
    const refused = await submit(url);
    expectProblem(refused, 'overloaded');
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    expect(refused.body.detail).toMatch(/^the store/);
    expect(await submit(url, ORDER, headers)).toMatchObject({
      status: 202,
      body: { saga_id: first.saga_id },
    });
    world.services.order.faults.clear();
    const retry = `${url}/api/coordinator/sagas/${first.saga_id}/retry`;
    await send(retry, { method: 'POST', body: { reason: 'the service is back' } });
    await settled(url, first.saga_id);
    expect((await submit(url)).status).toBe(201);
  });
});
