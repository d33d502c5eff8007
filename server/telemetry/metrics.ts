/** Prometheus metrics of the sagas, fed by engine events. No saga id is ever a label: it would never end. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Kind, Outcome, RegisteredMachine } from '../../machines/index.ts';
import type { SagaStatus } from '../../stores/saga-store.ts';
import type { EngineEvent, Observe } from '../engine/contract.ts';
import { Durations } from './durations.ts';
import { labelled } from './labelled.ts';

/** Seconds; from well below a local call to well above the longest time-out. */
const CALL_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SAGA_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/**
 * How often the event loop is looked at, for its lag: each look wakes a process that has nothing else to do, and was most of what
 * an idle one took. What `nodejs_eventloop_lag_*` tell of a loop that nothing holds up is this span.
 */
const LOOP_LOOKS_MS = 20;

/** The labels stand on every line, and tell the processes of one coordinator apart. */
export function createRegistry(labels: Readonly<Record<string, string>> = {}): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_LOOKS_MS });
  return registry;
}

/** What runs here: its versions are shown, and what may be counted of it stands at zero from the start. */
export interface Build {
  readonly version: string;
  readonly machines: readonly RegisteredMachine[];
  /** Names of the participants. */
  readonly participants: readonly string[];
}

export function buildInfo(registry: Registry, { version, machines }: Build): void {
  const labels = { version, node: process.versions.node, machines: machines.map(nameOf).join(' ') };
  new Gauge({
    name: 'saga_build_info',
    help: 'Always 1: the version of the coordinator and of Node, and all machines that it runs, with their versions.',
    labelNames: Object.keys(labels),
    registers: [registry],
  }).set(labels, 1);
}

function nameOf({ id, version }: RegisteredMachine): string {
  return `${id}@${version}`;
}

const OUTCOMES = ['done', 'refused', 'retryable', 'unknown'] satisfies Outcome[];
const KINDS = ['action', 'compensation'] satisfies Kind[];
const SETTLED = ['COMPLETED', 'FAILED', 'ABORTED'] satisfies SagaStatus[];
const LOST = ['stale', 'missing', 'lease-over', 'key-missing'] satisfies Extract<
  EngineEvent,
  { type: 'lost' }
>['why'][];

export function sagaMetrics(registry: Registry, { machines, participants }: Build): Observe {
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
  const duration = new Durations({
    name: 'saga_duration_seconds',
    help: 'From the start of a saga to its end or parking.',
    labelNames: ['machine', 'status'],
    buckets: SAGA_BUCKETS,
    registers,
  });
  const step = new Durations({
    name: 'saga_step_duration_seconds',
    help: 'Participant calls, by step, kind and outcome (done, accepted, refused, retryable, unknown).',
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
  const definitionErrors = new Counter({
    name: 'saga_definition_errors_total',
    help: 'Sagas parked because a function of their own definition failed.',
    labelNames: ['machine'],
    registers,
  });
  const differences = new Counter({
    name: 'saga_transition_differences_total',
    help: 'Transitions that the table of a machine would have made otherwise than XState, which was believed.',
    labelNames: ['machine'],
    registers,
  });
  const unreadable = new Counter({
    name: 'saga_unreadable_total',
    help: 'Sagas that were set aside because their record or snapshot could not be read: each needs a person.',
    registers,
  });
  const jumps = new Counter({
    name: 'saga_store_clock_jumps_total',
    help: "How often the store's clock was found to be set by a second or more, by direction (back, forward).",
    labelNames: ['direction'],
    registers,
  });
  for (const direction of ['back', 'forward']) jumps.inc({ direction }, 0);
  const purgedEarly = new Counter({
    name: 'saga_purged_early_total',
    help: 'Ended sagas that were purged before their time, because the store was nearly full.',
    registers,
  });
  const forgotten = new Counter({
    name: 'saga_forgotten_total',
    help: 'Sagas in hand that the store did not know any more: acknowledged writes were lost.',
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

  // A rate sees what comes after the first number: without a zero, it would not see the first failure of all.
  for (const { id: machine, steps } of machines) {
    for (const counter of [started, claimed, versionUnknown, definitionErrors, differences])
      counter.inc({ machine }, 0);
    for (const status of SETTLED) {
      settled.inc({ machine, status }, 0);
      duration.labels({ machine, status });
    }
    for (const { name } of steps) {
      for (const result of ['succeeded', 'failed']) compensations.inc({ machine, step: name, result }, 0);
      for (const kind of KINDS) {
        for (const counter of [retries, deferred]) counter.inc({ machine, step: name, kind }, 0);
        for (const outcome of OUTCOMES) step.labels({ machine, step: name, kind, outcome });
      }
    }
  }
  for (const participant of participants) opened.inc({ participant }, 0);
  for (const why of LOST) lost.inc({ why }, 0);

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
      case 'definition-error':
        definitionErrors.inc({ machine: event.machine.id });
        break;
      case 'transition-differs':
        differences.inc({ machine: event.machine.id });
        break;
      case 'clock-jumped':
        jumps.inc({ direction: event.ms < 0 ? 'back' : 'forward' });
        break;
      case 'purged-early':
        purgedEarly.inc(event.count);
        break;
      case 'forgotten':
        forgotten.inc();
        break;
      case 'version-unknown':
        versionUnknown.inc({ machine: event.machine.id });
        break;
      case 'store-fault':
        faults.inc();
        break;
      case 'migrated':
      case 'inquired':
      case 'breaker-closed':
      case 'store-back':
        break;
      default:
        event satisfies never;
    }
  };
}
