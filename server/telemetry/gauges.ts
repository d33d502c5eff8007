/** Gauges of the engine and its store. */
import { Gauge, type Registry } from 'prom-client';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import type { ParticipantState, SagaEngine } from '../engine/contract.ts';

/** Gauges that are asked for at each scrape: what is in hand here, and what the store holds for all. */
export function engineGauges(registry: Registry, engine: SagaEngine): void {
  const registers = [registry];
  new Gauge({
    name: 'saga_in_hand',
    help: 'Sagas in the hands of this coordinator.',
    registers,
    collect() {
      this.set(engine.inHand);
    },
  });
  ofEach(
    'saga_participant_breaker_open',
    '1 while calls to a participant are deferred until a probe succeeds, else 0.',
    ({ breaker }) => (breaker === 'closed' ? 0 : 1),
  );
  ofEach(
    'saga_participant_calls_in_flight',
    'Calls to a participant that are under way.',
    ({ inFlight }) => inFlight,
  );
  ofEach(
    'saga_participant_calls_queued',
    'Calls to a participant that wait for a connection.',
    ({ queued }) => queued,
  );
  const statistics = shared(() => engine.statistics());
  const backlog = shared(() => engine.backlog());
  stored('saga_parked', 'Sagas in the store that wait for an operator.', async () => {
    return (await statistics()).statuses.ABORTED;
  });
  stored('saga_in_flight', 'Sagas in the store that are neither ended nor parked.', async () => {
    return (await statistics()).inFlight;
  });
  stored(
    'saga_store_damaged',
    'Indexes and counters of the store that cannot be read; health names them.',
    async () => (await statistics()).damage.length,
  );
  stored(
    'saga_overdue_seconds',
    'How long the saga that is due for longest has waited for a coordinator to take it; 0 where none is due.',
    async () => (await backlog()).overdueMs / 1000,
  );
  stored(
    'saga_oldest_in_flight_seconds',
    'Age of the oldest saga in the store that is neither ended nor parked; 0 where there is none.',
    async () => (await backlog()).oldestMs / 1000,
  );

  stored(
    'saga_store_memory_used_bytes',
    'What the store holds in memory, as far as that counts against its bound; of several servers, the fullest.',
    async () => (await engine.headroom()).usedBytes,
  );
  stored(
    'saga_store_memory_max_bytes',
    'Beyond this the store refuses writes; 0 where it sets itself no bound.',
    async () => (await engine.headroom()).maxBytes ?? 0,
  );
  stored(
    'saga_store_full_in_seconds',
    'When the store will be full at the rate of the last hour; +Inf where it does not grow or has no bound.',
    async () => ((await engine.headroom()).fullInMs ?? Number.POSITIVE_INFINITY) / 1000,
  );

  function ofEach(name: string, help: string, read: (state: ParticipantState) => number): void {
    new Gauge({
      name,
      help,
      labelNames: ['participant'],
      registers,
      collect() {
        for (const [participant, state] of Object.entries(engine.participants)) {
          this.set({ participant }, read(state));
        }
      },
    });
  }

  /** Each gauge asks for itself: prom-client reads all metrics at once, and one set by another's reading is a scrape late. */
  function stored(name: string, help: string, read: () => Promise<number>): void {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        try {
          this.set(await read());
        } catch (error) {
          // A scrape must not fail with the store; the last values stand, and the store's own metrics tell why.
          if (!(error instanceof StoreUnavailableError)) throw error;
        }
      },
    });
  }
}

/** One question for all who ask while it is under way: the gauges of one scrape. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | null = null;
  return () => {
    asked ??= ask().finally(() => {
      asked = null;
    });
    return asked;
  };
}
