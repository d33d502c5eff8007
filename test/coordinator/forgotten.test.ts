/** Redis is emptied under an order that waits: nobody is told that it was purged, and what is known of it is kept. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ORDER, openWorld, send, submit, type World } from './world.ts';

/** What happens to Redis while payment has its call and has not answered it. */
let inside: () => Promise<unknown> = async () => {};
let world: World;
let redis: Redis;

beforeAll(async () => {
  world = await openWorld({ clock: { now: Date.now, sleep: async () => void (await inside()) } });
  redis = new Redis(world.redis.url);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

it('a FLUSHALL under a waiting order is answered as what it is, and an operator can carry it on', async () => {
  const { url, stop } = await world.coordinator();
  world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1 }]);
  inside = () => redis.flushall();
  const { status, headers, body } = await submit(url, ORDER);
  world.services.payment.faults.clear();
  expect([status, body.type]).toEqual([500, 'saga-forgotten']);
  const id = String(body.saga_id);
  expect(headers.location).toBe(`/api/coordinator/sagas/${id}`);
  expect(body.held).toMatchObject([{ step: 'order' }, { step: 'inventory' }, { step: 'payment' }]);
  const shown = await send(`${url}/api/coordinator/sagas/${id}`);
  expect(shown.body).toMatchObject({ status: 'ABORTED', parked: { reason: 'forgotten' } });
  const retried = await send(`${url}/api/coordinator/sagas/${id}/retry`, {
    method: 'POST',
    body: { reason: 'the participants say the same', by: 'ada' },
  });
  expect(retried.status).toBe(202);
  for (;;) {
    const { body: now } = await send(`${url}/api/coordinator/sagas/${id}`);
    if (now.status === 'COMPLETED') break;
  }
  await stop();
});
