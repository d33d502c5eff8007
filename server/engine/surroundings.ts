import type { Owner, SagaStore } from '../../stores/saga-store.ts';
import type { Clock } from './clock.ts';
import type { Observe, Tracing } from './contract.ts';
import type { Participants } from './participants.ts';
import type { Rights } from './write.ts';

/** What the engine's parts share: the world as it was handed in by the composition root. */
export interface Surroundings {
  readonly store: SagaStore;
  readonly participants: Participants;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe: Observe;
  readonly owner: Owner;
  readonly rights: Rights;
  readonly tracing: Tracing;
  /** Rises whenever other keys have come by which the store opens records; left out where it opens none. */
  readonly keyGeneration?: () => number;
}
