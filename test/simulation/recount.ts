/** What must be true when all is over: statuses against the participants' books, counters against the logs. */

import { stepIn } from '../../machines/parts.ts';
import type { NumberedEntry, SagaRecord } from '../../stores/saga-store.ts';
import type { Deployment } from './deployment.ts';
import { ATTEMPTS_MAX, addressesOf } from './sagas.ts';

/** @param refusedForGood calls whose compensation the participant has answered with a final no */
export async function recount(
  world: Deployment,
  refusedForGood: (sagaId: string, address: string) => boolean,
): Promise<void> {
  const counted: Record<string, number> = {};
  const count = (name: string, n = 1) => {
    counted[name] = (counted[name] ?? 0) + n;
  };
  for (const [id, stored] of world.watch.records) {
    const record = world.opened(id).record(stored);
    if ((await world.store.get(id)) !== stored) world.break(`${id} was written by nobody who was seen`);
    againstBooks(world, record, refusedForGood);
    const log = (await world.store.log(id)).map((entry) => world.opened(id).entry(entry));
    log.forEach(({ seq }, index) => {
      if (seq !== index + 1) world.break(`${id}: entry ${index + 1} of its log has number ${seq}`);
    });
    if (record.seq !== log.length) world.break(`${id}: ${record.seq} entries, ${log.length} in its log`);
    againstLetters(world, record, log);
    await againstAudit(world, id, log);
    countSaga(world, record, log, count);
  }
  const statistics = await world.store.statistics();
  const counters = statistics.counters[world.saga.machine.id] ?? {};
  for (const name of new Set([...Object.keys(counted), ...Object.keys(counters)])) {
    if (name.startsWith('duration.')) continue;
    const [says, is] = [counters[name] ?? 0, counted[name] ?? 0];
    if (says !== is) world.break(`counter ${name} says ${says}, a recount ${is}`);
  }
  const durations = Object.entries(counters).filter(([name]) => name.startsWith('duration.'));
  const timed = durations.reduce((sum, [, n]) => sum + n, 0);
  if (timed !== world.watch.records.size) world.break(`${timed} durations counted`);
}

/** Of every request of an operator that its log tells of, the audit does, once, and of no other. */
async function againstAudit(world: Deployment, id: string, log: readonly NumberedEntry[]): Promise<void> {
  const { entries } = await world.store.audit.list({ saga_id: id }, null, 1_000);
  const told = entries.map(({ action, outcome }) => `${action} ${outcome === 'ignored'}`);
  // Of a take-over the log names coordinators, who ask nobody.
  const asked = log.filter(({ event, by }) => by !== undefined && event !== 'takenOver');
  const logged = asked.map(({ event, outcome }) => `${event} ${outcome === 'ignored'}`);
  if (told.sort().join() !== logged.sort().join())
    world.break(`${id}: the audit says ${told}, its log ${logged}`);
  const requests = new Set(entries.map(({ request }) => request));
  if (requests.size !== entries.length) world.break(`${id}: the audit tells of a request twice`);
}

/** Why a saga is parked that cannot go on behind its pivot: then nothing is undone. */
const STUCK = 'step-refused';

function againstBooks(
  world: Deployment,
  { id, status, parked, snapshot, summary }: SagaRecord,
  refusedForGood: (sagaId: string, address: string) => boolean,
): void {
  const { saga, watch, participants } = world;
  const { answers, data, failure } = saga.machine.restore(snapshot).context;
  const held = new Set(parked?.held.map(({ step }) => step) ?? []);
  const isStuck = parked?.reason === STUCK;
  const announced = watch.announced.get(id) ?? new Set();
  if (status === 'STARTED') world.break(`${id} has not ended: ${summary.state}`);
  if (status === 'ABORTED' && held.size === 0) world.break(`${id} is parked and holds nothing`);
  if (status === 'COMPLETED' && failure !== null) world.break(`${id} is completed, and was to be undone`);
  const isPast = saga.pivot !== null && saga.pivot in answers;
  if (isPast && status !== 'COMPLETED' && !isStuck) world.break(`${id} ${status} behind its pivot`);
  const calls = addressesOf(saga, data);
  for (const { address, isUndoable, isDone } of calls) {
    const row = participants.row(id, address);
    const stands = participants.stands(id, address);
    const should =
      (status === 'COMPLETED' && isDone) ||
      (isStuck && address in answers) ||
      (held.has(address) && address in answers && !row.compensated);
    // An action that nobody heard of may stand, but only where its compensation is known to have failed, or there is none.
    if (stands && !should && !held.has(address))
      world.break(`${id} ${status}: ${address} stands in the books`);
    if (!stands && should) world.break(`${id} ${status}: ${address} does not stand in the books`);
    if (status === 'FAILED' && stands) world.break(`${id} FAILED: ${address} was not undone`);
    const attempts = watch.undoAttempts.get(`${id} ${address}`) ?? 0;
    if ((status === 'COMPLETED' || isStuck) && (row.compensated || attempts > 0))
      world.break(`${id} ${status}: ${address} was compensated`);
    if (status === 'COMPLETED' || isStuck) continue;
    const mayBe = isUndoable && announced.has(address);
    if (mayBe !== attempts > 0)
      world.break(
        `${id} ${status}: ${address} ${mayBe ? 'may have been sent' : 'was never sent'}, undone ${attempts} times`,
      );
    if (isUndoable && held.has(address) && !refusedForGood(id, address) && attempts < ATTEMPTS_MAX)
      world.break(`${id}: ${address} was given up after ${attempts} attempts`);
  }
  for (const address of isStuck ? [] : held)
    if (!announced.has(address)) world.break(`${id} holds ${address}, which was never announced`);
  for (const address of held)
    if (!calls.some((one) => one.address === address))
      world.break(`${id} holds ${address}, which is no call`);
}

/** What came from outside is told once in the log, and decides what the saga waits for: the first that came does. */
function againstLetters(
  world: Deployment,
  { id, status, snapshot }: SagaRecord,
  log: readonly NumberedEntry[],
): void {
  const letters = [...(world.watch.letters.get(id)?.values() ?? [])];
  for (const kind of ['event', 'outcome', 'cancel'] as const) {
    const came = letters.filter((one) => one.kind === kind).length;
    const told = log.filter(({ event }) => event === kind).length;
    if (came !== told) world.break(`${id}: ${came} of ${kind} were taken in, ${told} are in its log`);
  }
  const { event } = world.saga;
  if (event === null) return;
  const first = letters.find(({ kind }) => kind === 'event');
  const goesOn = first?.payload === JSON.stringify(event.goesOn);
  const { failure } = world.saga.machine.restore(snapshot).context;
  if (status === 'COMPLETED' && !goesOn) world.break(`${id} is completed without its ${event.name}`);
  const says = failure?.reason ?? '';
  if (says.startsWith(`${event.name}: `) && !says.endsWith('in time') && (first === undefined || goesOn))
    world.break(`${id} is undone for "${says}", which nobody said first`);
}

/** The rules of docs/protocol.md once more, counted from the log instead of from transitions. */
function countSaga(
  world: Deployment,
  { id, status, summary, snapshot }: SagaRecord,
  log: readonly NumberedEntry[],
  count: (name: string, n?: number) => void,
): void {
  const { saga, watch } = world;
  const { data, failure, items = {} } = saga.machine.restore(snapshot).context;
  count('started');
  count('total_steps.held', saga.machine.steps.length);
  count(`settled.${status}`);
  if (failure !== null) count(failure.step === null ? 'cancelled' : `failures.${failure.step}`);
  const done = new Set<string>();
  for (const { seq, event, from, to, step, kind, outcome } of log) {
    if (event === 'deferred') count('deferrals');
    if (event === 'cancel' && outcome !== 'ignored') count('operator.cancel');
    if (outcome === null || outcome === 'ignored') continue;
    const isItem = step?.includes('/') === true;
    if (from === to && !isItem) world.break(`${id}: an entry from ${from} to itself`);
    if (watch.retried.has(`${id} ${seq}`)) count('retries');
    else if (kind === 'compensation') {
      count('compensations.attempted');
      count(`compensations.${event === 'done' ? 'succeeded' : 'failed'}`);
    } else if (outcome === 'done' && step !== null) done.add(step);
  }
  const steps = saga.machine.steps.filter(({ name, each }) => {
    const own = addressesOf(saga, data).filter(({ address }) => stepIn(address) === name);
    // A list of nothing is done when its turn has come.
    return (each === undefined || name in items) && own.every(({ address }) => done.has(address));
  });
  count('completed_steps.held', steps.length);
  if (steps.length !== summary.steps_completed)
    world.break(`${id}: ${summary.steps_completed} steps completed, ${steps.length} by its log`);
}
