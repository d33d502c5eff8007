/** A breaker that has opened, as health, metrics and a saga's log show it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, submit, type World } from '../coordinator/world.ts';
import { parseMetrics } from './prometheus.ts';

const HEALTH = '/api/coordinator/health';

let world: World;
let url: string;
beforeAll(async () => {
  world = await openWorld();
  // Open for longer than any test runs: nothing here depends on when it closes.
  const open = { BREAKER_FAILURES_MAX: '1', BREAKER_OPEN_MS: '600000', BREAKER_OPEN_MAX_MS: '600000' };
  url = (await world.coordinator({ ...open, ACTION_BACKOFF_MS: '1' })).url;
});
afterAll(() => world.close());

it('is degraded and says which participant is not called, and what was put off for it', async () => {
  expect((await send(`${url}${HEALTH}`)).body.coordinator_status).toBe('healthy');
  world.services.payment.faults.set([{ endpoint: 'action', kind: 'status', status: 503, times: 1 }]);
  const { body: started } = await submit(url, ORDER, { prefer: 'respond-async' });
  const statistics = async () => (await send(`${url}/api/coordinator/statistics`)).body;
  while ((await statistics()).deferrals === 0);

  const closed = Object.fromEntries(SERVICE_NAMES.map((name) => [name, 'closed']));
  expect((await send(`${url}${HEALTH}`)).body).toMatchObject({
    coordinator_status: 'degraded',
    all_services_healthy: true,
    breakers: { ...closed, payment: 'open' },
    in_flight: 1,
    in_hand: 0,
  });
  const metrics = parseMetrics((await send(`${url}/metrics`)).body);
  const valuesOf = (name: string) =>
    Object.fromEntries(
      (metrics.get(name)?.samples ?? []).map(({ labels, value }) => [Object.values(labels).join(' '), value]),
    );
  /** Every label set that there can be stands at zero from the start. */
  const raisedOf = (name: string) =>
    Object.fromEntries(Object.entries(valuesOf(name)).filter(([, n]) => n > 0));
  const none = Object.fromEntries(SERVICE_NAMES.map((name) => [name, 0]));
  expect(raisedOf('saga_deferred_total')).toEqual({ 'order payment action': 1 });
  expect(raisedOf('saga_retries_total')).toEqual({ 'order payment action': 1 });
  expect(raisedOf('saga_participant_breaker_opened_total')).toEqual({ payment: 1 });
  expect(valuesOf('saga_participant_breaker_open')).toEqual({ ...none, payment: 1 });
  expect(valuesOf('saga_participant_calls_in_flight')).toEqual(none);
  expect(valuesOf('saga_participant_calls_queued')).toEqual(none);
  expect(await statistics()).toMatchObject({ retries: 1, deferrals: 1 });

  const { body: saga } = await send(`${url}/api/coordinator/sagas/${started.saga_id}`);
  expect(saga).toMatchObject({ status: 'STARTED', state: 'processingPayment.waiting' });
  expect(saga.execution_log.at(-1)).toMatchObject({
    event: 'deferred',
    step: 'payment',
    kind: 'action',
    attempt: 2,
    outcome: null,
    duration_ms: null,
    error: 'not called: its calls have failed too often in a row',
  });
});
