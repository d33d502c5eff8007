/** What a coordinator writes to its log at each level, and what it never writes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, submit, type World } from '../coordinator/world.ts';
import { type Observed, startObserved } from './observed.ts';

const TOKEN = 'tok_visa_very_secret';
const PLACED = { ...ORDER, payment: { method: 'card', token: TOKEN } };
const UNREACHABLE = { ...PLACED, customer_id: 'cust_unreachable' };
const [INFO, WARN] = [30, 40];

let world: World;
let coordinator: Observed;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
afterEach(async () => {
  await coordinator.stop();
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

const about = (sagaId: string) => coordinator.entries().filter(({ saga_id }) => saga_id === sagaId);

async function placed(level: string, order: object = PLACED, environment = {}): Promise<string> {
  coordinator = await startObserved(world, level, environment);
  return (await submit(coordinator.url, order)).body.saga_id;
}

describe('at info', () => {
  it('a saga has one line, when it ends', async () => {
    const saga_id = await placed('info');
    expect(about(saga_id)).toEqual([
      expect.objectContaining({
        level: INFO,
        msg: 'saga ended',
        saga_id,
        status: 'COMPLETED',
        ms: expect.any(Number),
      }),
    ]);
    expect(about(saga_id)[0]).not.toHaveProperty('reason');
  });

  it('a saga that failed says why', async () => {
    const saga_id = await placed('info', UNREACHABLE);
    expect(about(saga_id)).toMatchObject([
      {
        level: INFO,
        msg: 'saga ended',
        status: 'FAILED',
        reason: expect.stringMatching(/customer-unreachable/),
      },
    ]);
  });

  it('a saga that is parked is a warning that names what is held', async () => {
    world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 410 }]);
    const saga_id = await placed('info', UNREACHABLE);
    expect(about(saga_id)).toMatchObject([
      {
        level: WARN,
        msg: 'saga parked: an operator must act',
        status: 'ABORTED',
        held: [{ step: 'payment', reason: expect.stringMatching(/^410 /) }],
      },
    ]);
  });

  it('the start tells version, settings and durability, and no password', async () => {
    await placed('info', PLACED, {
      PAYMENT_SERVICE_URL: world.services.payment.url.replace('//', '//me:sesame@'),
    });
    const [starting, open] = coordinator.entries();
    expect(starting).toMatchObject({
      msg: 'starting',
      version: expect.any(String),
      settings: {
        redisUrl: world.redis.url,
        serviceUrls: { payment: world.services.payment.url },
        serviceHeaders: { payment: ['authorization'] },
      },
    });
    expect(open).toMatchObject({ store: { kind: 'redis' }, msg: expect.stringMatching(/^store open: AOF/) });
    expect(coordinator.lines.join('')).not.toContain('sesame');
  });
});

describe('at debug', () => {
  it('every transition and every call has its line, in the order in which they happened', async () => {
    world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
    const saga_id = await placed('debug');
    const lines = about(saga_id).filter(({ msg }) => msg === 'transition' || msg === 'participant called');
    const call = (step: string, attempt: number, outcome: string) => ({
      msg: 'participant called',
      saga_id,
      step,
      kind: 'action',
      attempt,
      outcome,
      ms: expect.any(Number),
    });
    const transition = (seq: number, to: string, outcome: string | null) => ({
      msg: 'transition',
      saga_id,
      seq,
      to,
      outcome,
    });
    expect(lines).toMatchObject([
      transition(1, 'creatingOrder.calling', null),
      call('order', 1, 'done'),
      transition(2, 'reservingInventory.calling', 'done'),
      call('inventory', 1, 'done'),
      transition(3, 'processingPayment.calling', 'done'),
      call('payment', 1, 'done'),
      transition(4, 'schedulingShipping.calling', 'done'),
      { ...call('shipping', 1, 'retryable'), error: expect.stringMatching(/^503 /) },
      transition(5, 'schedulingShipping.waiting', 'retryable'),
      transition(6, 'schedulingShipping.calling', null),
      call('shipping', 2, 'done'),
      transition(7, 'sendingNotification.calling', 'done'),
      call('notification', 1, 'done'),
      transition(8, 'completed', 'done'),
    ]);
    expect(about(saga_id)).toContainEqual(
      expect.objectContaining({ msg: 'saga claimed', state: 'schedulingShipping.waiting' }),
    );
  });

  it('compensations are told as such', async () => {
    const saga_id = await placed('debug', UNREACHABLE);
    const undone = about(saga_id).filter(
      ({ msg, kind }) => msg === 'participant called' && kind === 'compensation',
    );
    expect(undone.map(({ step }) => step)).toEqual(SERVICE_NAMES.toReversed());
  });
});

it('writes the token at no level, however the saga goes', async () => {
  coordinator = await startObserved(world, 'trace');
  await submit(coordinator.url, PLACED);
  await submit(coordinator.url, UNREACHABLE);
  world.services.payment.faults.set([
    { endpoint: 'action', kind: 'lose-answer', times: 1 },
    { endpoint: 'compensation', kind: 'status', status: 409 },
  ]);
  await submit(coordinator.url, UNREACHABLE);
  await submit(coordinator.url, { ...PLACED, items: [] });
  expect(coordinator.lines.length).toBeGreaterThan(50);
  expect(coordinator.lines.join('')).not.toContain(TOKEN);
});

describe('where a level is off', () => {
  it('a whole saga writes nothing at all', async () => {
    await placed('silent');
    await submit(coordinator.url, UNREACHABLE);
    expect(coordinator.lines).toEqual([]);
  });

  it('at warn a success is not told, and at info no call', async () => {
    const saga_id = await placed('warn');
    expect(about(saga_id)).toEqual([]);
  });
});
