/** The Prometheus side of one participant, fed by its journal. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { CallKind, JournalEntry } from './journal.ts';

export function createMeters(
  service: string,
  paths: Readonly<Record<CallKind, string>>,
  waiting: () => number,
) {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const registers = [registry];
  const calls = new Counter({
    name: 'participant_calls_total',
    help: 'Calls settled, by endpoint, kind and outcome.',
    labelNames: ['endpoint', 'kind', 'outcome'],
    registers,
  });
  const replays = new Counter({
    name: 'participant_replays_total',
    help: 'Calls answered from the ledger without a new effect.',
    registers,
  });
  const faults = new Counter({
    name: 'participant_faults_total',
    help: 'Calls struck by an injected fault, by its kind.',
    labelNames: ['fault'],
    registers,
  });
  let standing = 0;
  new Gauge({
    name: 'participant_held',
    help: 'Effects performed and not undone.',
    registers,
    collect() {
      this.set(standing);
    },
  });
  new Gauge({
    name: 'participant_calls_waiting',
    help: 'Calls that wait for another call of their step.',
    registers,
    collect() {
      this.set(waiting());
    },
  });

  return {
    count({ kind, outcome, faults: struckBy }: JournalEntry): void {
      calls.inc({ endpoint: paths[kind], kind, outcome });
      if (outcome === 'replayed') replays.inc();
      if (outcome === 'performed') standing += kind === 'action' ? 1 : -1;
      for (const fault of struckBy) faults.inc({ fault });
    },
    held: () => standing,
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
