/** The statistics as anybody would count them who has all sagas before him. */
import type { Saga } from './saga.ts';

export function recount(sagas: readonly Saga[]) {
  const count = (of: (saga: Saga) => boolean) => sagas.filter(of).length;
  const sum = (of: (saga: Saga) => number) => sagas.reduce((total, saga) => total + of(saga), 0);
  const entries = sagas.flatMap(({ execution_log }) => execution_log);
  const compensations = entries.filter(
    ({ kind, outcome, to }) => kind === 'compensation' && outcome !== null && !to.endsWith('.waiting'),
  );
  const succeeded = compensations.filter(({ outcome }) => outcome === 'done').length;
  const failures: Record<string, number> = {};
  for (const { failed_step } of sagas) {
    if (failed_step !== null) failures[failed_step] = (failures[failed_step] ?? 0) + 1;
  }
  const status = (wanted: Saga['status']) => count((saga) => saga.status === wanted);
  return {
    total_active_sagas: sagas.length,
    status_breakdown: {
      STARTED: status('STARTED'),
      COMPLETED: status('COMPLETED'),
      FAILED: status('FAILED'),
      ABORTED: status('ABORTED'),
    },
    in_flight: status('STARTED'),
    parked: status('ABORTED'),
    total_steps: sum(({ total_steps }) => total_steps),
    completed_steps: sum(({ steps_completed }) => steps_completed),
    failures_by_step: Object.keys(failures).length > 0 ? { order: failures } : {},
    compensations: {
      attempted: compensations.length,
      succeeded,
      failed: compensations.length - succeeded,
    },
    retries: entries.filter(({ outcome, to }) => outcome !== null && to.endsWith('.waiting')).length,
    machines: {
      order: {
        started: sagas.length,
        completed: status('COMPLETED'),
        failed: status('FAILED'),
        parked: status('ABORTED'),
      },
    },
  };
}

/** One line for each figure that differs; what only `said` has is not compared. */
export function differences(said: unknown, counted: unknown, path = 'statistics'): string[] {
  if (typeof counted !== 'object' || counted === null) {
    return Object.is(said, counted) ? [] : [`${path}: said ${String(said)}, counted ${String(counted)}`];
  }
  const inside = (said ?? {}) as Record<string, unknown>;
  return Object.entries(counted).flatMap(([name, value]) =>
    differences(inside[name], value, `${path}.${name}`),
  );
}
