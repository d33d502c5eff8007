/** Moves a saga that was claimed to a newer version of its machine: one fenced move of the store, and then it is carried on. */
import { nameOf, type RegisteredMachine, type SagaSnapshot } from '../../machines/index.ts';
import { type Claimed, type Migration, StoreUnavailableError } from '../../stores/saga-store.ts';
import type { LogEvent } from './contract.ts';
import type { Surroundings } from './surroundings.ts';
import { traceOf } from './trace.ts';
import { summaryOf } from './write.ts';

/** The claim as it stands after the move; `null` where the saga is left alone, because others have it or the store is away. */
export async function migrate(
  { store, clock, observe }: Surroundings,
  { record }: Claimed,
  machine: RegisteredMachine,
  snapshot: SagaSnapshot,
  writeId: string,
): Promise<{ readonly claim: Claimed; readonly sentAt: number } | null> {
  const { id, machine: before, fence } = record;
  const { id: name, version, structure } = machine;
  const summary = summaryOf(machine, snapshot);
  const trace = traceOf(id, record.trace);
  const at = clock.now();
  const migration: Migration = {
    writeId,
    machine: { id: name, version, structure },
    snapshot: machine.persist(snapshot),
    summary,
    terms: machine.terms.of(snapshot.context.data),
    entry: {
      at: new Date(at).toISOString(),
      event: 'migrated' satisfies LogEvent,
      from: record.summary.state,
      to: nameOf(snapshot.value),
      step: null,
      kind: null,
      attempt: null,
      outcome: null,
      duration_ms: null,
      error: null,
      reason: `${name}@${before.version} to ${name}@${version}`,
    },
    // What the store holds is counted anew: versions may differ in their number of steps.
    counts: {
      'total_steps.held': summary.total_steps - record.summary.total_steps,
      'completed_steps.held': summary.steps_completed - record.summary.steps_completed,
    },
  };
  const sentAt = clock.monotonic();
  try {
    const result = await store.migrate(id, fence, migration);
    if (result.kind !== 'committed') {
      observe({ type: 'lost', id, trace, why: result.kind });
      return null;
    }
    observe({ type: 'migrated', id, trace, machine, from: before.version });
    const { seq, remainingMs } = result;
    const moved = { ...record, machine: migration.machine, snapshot: migration.snapshot, summary };
    return {
      claim: { record: { ...moved, fence: result.fence, seq, updatedAtMs: at }, remainingMs },
      sentAt,
    };
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    // It is due again when its lease ends, on whichever version it stands by then.
    observe({ type: 'store-fault', doing: `migration of saga ${id}`, error });
    return null;
  }
}
