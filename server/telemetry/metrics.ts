/** Prometheus metrics of the sagas, fed by engine events. No saga id is ever a label: it would never end. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Observe, ParticipantState, SagaEngine } from '../engine/contract.ts';
import { labelled } from './labelled.ts';

/** Seconds; from well below a local call to well above the longest time-out. */
const CALL_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SAGA_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** The labels stand on every line, and tell the processes of one coordinator apart. */
export function createRegistry(labels: Readonly<Record<string, string>> = {}): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function sagaMetrics(registry: Registry): Observe {
  const registers = [registry];
  const started = new Counter({
    name: 'saga_started_total',
    help: 'Sagas started by this coordinator.',
    labelNames: ['machine'],
    registers,
  });
  const settled = new Counter({
    name: 'saga_settled_total',
    help: 'Sagas that ended or were parked in the hands of this coordinator, by status.',
    labelNames: ['machine', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'saga_duration_seconds',
    help: 'From the start of a saga to its end or parking.',
    labelNames: ['machine', 'status'],
    buckets: SAGA_BUCKETS,
    registers,
  });
  const step = new Histogram({
    name: 'saga_step_duration_seconds',
    help: 'Participant calls, by step, kind and outcome (done, refused, retryable, unknown).',
    labelNames: ['machine', 'step', 'kind', 'outcome'],
    buckets: CALL_BUCKETS,
    registers,
  });
  const compensations = new Counter({
    name: 'saga_compensations_total',
    help: 'Compensations that came to an end, by result (succeeded, failed).',
    labelNames: ['machine', 'step', 'result'],
    registers,
  });
  const retries = new Counter({
    name: 'saga_retries_total',
    help: 'Calls that will be repeated after a back-off.',
    labelNames: ['machine', 'step', 'kind'],
    registers,
  });
  const deferred = new Counter({
    name: 'saga_deferred_total',
    help: 'Calls that were put off and cost no attempt: the breaker was open, or no connection was free.',
    labelNames: ['machine', 'step', 'kind'],
    registers,
  });
  const opened = new Counter({
    name: 'saga_participant_breaker_opened_total',
    help: 'How often the breaker of a participant has opened.',
    labelNames: ['participant'],
    registers,
  });
  const claimed = new Counter({
    name: 'saga_claimed_total',
    help: 'Sagas taken up from the due index: after a wait, or from an owner that is gone.',
    labelNames: ['machine'],
    registers,
  });
  const lost = new Counter({
    name: 'saga_lost_total',
    help: 'Sagas dropped because another coordinator had written, or the lease was over.',
    labelNames: ['why'],
    registers,
  });
  const unreadable = new Counter({
    name: 'saga_unreadable_total',
    help: 'Claims of sagas whose snapshot could not be read: each needs a person.',
    registers,
  });
  const versionUnknown = new Counter({
    name: 'saga_version_unknown_total',
    help: 'Sagas parked because no coordinator runs their version any more: each needs a person.',
    labelNames: ['machine'],
    registers,
  });
  const faults = new Counter({
    name: 'saga_store_faults_total',
    help: 'Store operations of the engine that failed and are repeated or left to recovery.',
    registers,
  });

  // What every saga observes; the rest is rare.
  const startedOf = labelled(started, 'machine');
  const stepOf = labelled(step, 'machine', 'step', 'kind', 'outcome');
  const settledOf = labelled(settled, 'machine', 'status');
  const durationOf = labelled(duration, 'machine', 'status');

  return (event) => {
    switch (event.type) {
      case 'started':
        startedOf(event.machine.id).inc();
        break;
      case 'called':
        stepOf(event.machine.id, event.call.step, event.call.kind, event.outcome).observe(event.ms / 1000);
        break;
      case 'transition': {
        const { step: name, kind, outcome, to } = event.entry;
        if (name === null || kind === null) break;
        const labels = { machine: event.machine.id, step: name };
        if (event.event?.type === 'deferred') deferred.inc({ ...labels, kind });
        if (outcome === null) break;
        if (to.endsWith('.waiting')) retries.inc({ ...labels, kind });
        else if (kind === 'compensation') {
          compensations.inc({ ...labels, result: outcome === 'done' ? 'succeeded' : 'failed' });
        }
        break;
      }
      case 'settled': {
        settledOf(event.machine.id, event.status).inc();
        durationOf(event.machine.id, event.status).observe(event.ms / 1000);
        break;
      }
      case 'claimed':
        claimed.inc({ machine: event.machine.id });
        break;
      case 'lost':
        lost.inc({ why: event.why });
        break;
      case 'breaker-opened':
        opened.inc({ participant: event.participant });
        break;
      case 'unreadable':
        unreadable.inc();
        break;
      case 'version-unknown':
        versionUnknown.inc({ machine: event.machine.id });
        break;
      case 'store-fault':
        faults.inc();
        break;
      case 'migrated':
      case 'breaker-closed':
      case 'store-back':
        break;
      default:
        event satisfies never;
    }
  };
}

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
    'saga_overdue_seconds',
    'How long the saga that is due for longest has waited for a coordinator to take it; 0 where none is due.',
    async () => (await backlog()).overdueMs / 1000,
  );
  stored(
    'saga_oldest_in_flight_seconds',
    'Age of the oldest saga in the store that is neither ended nor parked; 0 where there is none.',
    async () => (await backlog()).oldestMs / 1000,
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
