/** What must be true when all is over: statuses against the participants' books, counters against the logs. */
import type { NumberedEntry, SagaRecord } from '../../stores/saga-store.ts';
import { ATTEMPTS_MAX, type Deployment } from './deployment.ts';

/** @param refusedForGood steps whose compensation the participant has answered with a final no */
export async function recount(
  world: Deployment,
  refusedForGood: (sagaId: string, step: string) => boolean,
): Promise<void> {
  const counted: Record<string, number> = {};
  const count = (name: string, n = 1) => {
    counted[name] = (counted[name] ?? 0) + n;
  };
  for (const [id, record] of world.watch.records) {
    if ((await world.store.get(id)) !== record) world.break(`${id} was written by nobody who was seen`);
    againstBooks(world, record, refusedForGood);
    const log = await world.store.log(id);
    log.forEach(({ seq }, index) => {
      if (seq !== index + 1) world.break(`${id}: entry ${index + 1} of its log has number ${seq}`);
    });
    if (record.seq !== log.length) world.break(`${id}: ${record.seq} entries, ${log.length} in its log`);
    countSaga(world, record, log, count);
  }
  const statistics = await world.store.statistics();
  const counters = statistics.counters[world.machine.id] ?? {};
  for (const name of new Set([...Object.keys(counted), ...Object.keys(counters)])) {
    if (name.startsWith('duration.')) continue;
    const [says, is] = [counters[name] ?? 0, counted[name] ?? 0];
    if (says !== is) world.break(`counter ${name} says ${says}, a recount ${is}`);
  }
  const durations = Object.entries(counters).filter(([name]) => name.startsWith('duration.'));
  const timed = durations.reduce((sum, [, n]) => sum + n, 0);
  if (timed !== world.watch.records.size) world.break(`${timed} durations counted`);
}

function againstBooks(
  world: Deployment,
  { id, status, parked, snapshot, summary }: SagaRecord,
  refusedForGood: (sagaId: string, step: string) => boolean,
): void {
  const held = new Set(parked?.held.map(({ step }) => step) ?? []);
  const { answers } = world.machine.restore(snapshot).context;
  if (status === 'STARTED') world.break(`${id} has not ended: ${summary.state}`);
  if (status === 'ABORTED' && held.size === 0) world.break(`${id} is parked and holds nothing`);
  for (const { name: step } of world.machine.steps) {
    const row = world.participants.row(id, step);
    const stands = world.participants.stands(id, step);
    const should = status === 'COMPLETED' || (held.has(step) && step in answers && !row.compensated);
    // An action that nobody heard of may stand, but only where its compensation is known to have failed.
    if (stands && !should && !held.has(step)) world.break(`${id} ${status}: ${step} stands in the books`);
    if (!stands && should) world.break(`${id} ${status}: ${step} does not stand in the books`);
    if (held.has(step) && !refusedForGood(id, step)) {
      const attempts = world.watch.undoAttempts.get(`${id} ${step}`) ?? 0;
      if (attempts < ATTEMPTS_MAX) world.break(`${id}: ${step} was given up after ${attempts} attempts`);
    }
    if (status === 'COMPLETED' && row.compensated) world.break(`${id} COMPLETED: ${step} was compensated`);
    if (status === 'FAILED' && row.performed > row.undone)
      world.break(`${id} FAILED: ${step} was not undone`);
  }
}

/** The rules of docs/protocol.md once more, counted from the log instead of from transitions. */
function countSaga(
  world: Deployment,
  { id, status, summary }: SagaRecord,
  log: readonly NumberedEntry[],
  count: (name: string, n?: number) => void,
): void {
  count('started');
  count('total_steps.held', world.machine.steps.length);
  count(`settled.${status}`);
  let done = 0;
  for (const { event, from, to, step, kind, outcome } of log) {
    if (event === 'deferred') count('deferrals');
    if (outcome === null) continue;
    if (from === to) world.break(`${id}: an entry from ${from} to itself`);
    if (to.endsWith('.waiting')) count('retries');
    else if (kind === 'compensation') {
      count('compensations.attempted');
      count(`compensations.${event === 'done' ? 'succeeded' : 'failed'}`);
    } else if (event === 'done') {
      done += 1;
      count('completed_steps.held');
    } else count(`failures.${step}`);
  }
  if (done !== summary.steps_completed) {
    world.break(`${id}: ${summary.steps_completed} steps completed, ${done} by its log`);
  }
}
