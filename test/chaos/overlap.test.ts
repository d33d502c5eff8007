/**
 * Calls of one step that meet in a service: a retry and a compensation while the action still runs, and an action that
 * arrives after its compensation. The engine really times out and the service really holds the call; what is awaited
 * is the number of calls in the service, never a time.
 */
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { holdings } from '../coordinator/holdings.ts';
import { ORDER, openWorld, settled, submit, type World } from '../coordinator/world.ts';
import { judge } from './effects.ts';
import { newGate } from './gate.ts';

let gate = newGate();
let world: World;

beforeAll(async () => {
  world = await openWorld({ clock: { now: Date.now, sleep: () => gate.pass() } });
});
afterAll(() => {
  gate.open();
  return world.close();
});
beforeEach(() => {
  gate = newGate();
});

/** Of the step that the test is about; all other calls have time and attempts enough. */
const policyOf = (name: string, attempts: number) => ({
  [`${name.toUpperCase()}_ACTION_TIMEOUT_MS`]: '300',
  [`${name.toUpperCase()}_ACTION_ATTEMPTS_MAX`]: String(attempts),
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}

describe.each(SERVICE_NAMES)('at %s', (name) => {
  const steps = SERVICE_NAMES.slice(0, SERVICE_NAMES.indexOf(name));
  const undone = steps.toReversed().map((step) => `${step} compensation performed`);
  const ofStep = (sagaId: string) => world.calls(sagaId).filter((call) => call.startsWith(`${name} `));

  it('a retry that meets the running action waits for it and repeats its answer', async () => {
    const { url, stop } = await world.coordinator(policyOf(name, 50));
    world.services[name].faults.set([{ endpoint: 'action', kind: 'slow-effect', latency_ms: 1, times: 1 }]);
    const { body: accepted } = await submit(url, ORDER, { prefer: 'respond-async' });
    await until(() => world.services[name].waiting() >= 1);
    gate.open();
    const { body: saga } = await settled(url, accepted.saga_id);

    expect(saga.status).toBe('COMPLETED');
    const [first, ...repeated] = ofStep(accepted.saga_id);
    expect(first).toBe(`${name} action performed`);
    expect(repeated.length).toBeGreaterThan(0);
    expect(new Set(repeated)).toEqual(new Set([`${name} action replayed`]));
    expect(judge(saga, world.journal(accepted.saga_id)).problems).toEqual([]);
    await stop();
  });

  it('a retry and a compensation that meet the running action undo it exactly once', async () => {
    const before = holdings(world.services);
    const { url, stop } = await world.coordinator(policyOf(name, 2));
    world.services[name].faults.set([{ endpoint: 'action', kind: 'slow-effect', latency_ms: 1, times: 1 }]);
    const { body: accepted } = await submit(url, ORDER, { prefer: 'respond-async' });
    await until(() => world.services[name].waiting() >= 2);
    gate.open();
    const { body: saga } = await settled(url, accepted.saga_id);

    expect(saga.status).toBe('FAILED');
    expect(saga.failed_step).toBe(name);
    expect(world.calls(accepted.saga_id)).toEqual([
      ...steps.map((step) => `${step} action performed`),
      `${name} action performed`,
      `${name} action replayed`,
      `${name} compensation performed`,
      ...undone,
    ]);
    expect(holdings(world.services)).toEqual(before);
    await stop();
  });

  it('an action that arrives after its compensation is refused for good', async () => {
    const before = holdings(world.services);
    const { url, stop } = await world.coordinator(policyOf(name, 1));
    world.services[name].faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const { body: accepted } = await submit(url, ORDER, { prefer: 'respond-async' });
    const { body: saga } = await settled(url, accepted.saga_id);
    expect(saga.status).toBe('FAILED');
    const whenEnded = world.calls(accepted.saga_id);
    expect(whenEnded).toEqual([
      ...steps.map((step) => `${step} action performed`),
      `${name} compensation nothing-to-undo`,
      ...undone,
    ]);

    gate.open();
    await until(() => world.calls(accepted.saga_id).length > whenEnded.length);
    expect(world.calls(accepted.saga_id)).toEqual([...whenEnded, `${name} action blocked`]);
    expect(holdings(world.services)).toEqual(before);
    await stop();
  });
});
