/** A world in which a test can hold a call inside a service for as long as it likes. */
import { openWorld, type World } from '../coordinator/world.ts';
import { Gate } from '../engine/gate.ts';

export interface HoldingWorld extends World {
  /** Holds the next call of a service before its ledger; the gate tells that it came, and lets it go on. */
  hold(name: keyof World['services'], endpoint?: 'action' | 'compensation'): Gate;
}

export async function openHoldingWorld(): Promise<HoldingWorld> {
  let gate = new Gate();
  gate.open();
  // A latency is slept on the services' clock, which is the way in.
  const world = await openWorld({ clock: { now: Date.now, sleep: () => gate.pass() } });
  return {
    ...world,
    hold(name, endpoint = 'action') {
      gate = new Gate();
      world.services[name].faults.set([{ endpoint, kind: 'latency', latency_ms: 1, times: 1 }]);
      return gate;
    },
    async close() {
      gate.open();
      await world.close();
    },
  };
}
