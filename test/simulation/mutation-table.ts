import { ofDoors } from './mutations-of-doors.ts';
import { ofParts } from './mutations-of-parts.ts';
import { ofWrites } from './mutations-of-writes.ts';
import type { SagaName } from './sagas.ts';

/** What is taken out or turned round, one at a time, and the tests of which one must notice. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Fast tests, run in this order until one fails. */
  readonly tests: readonly string[];
  /** Which alone is simulated and enumerated; the order unless it is said. */
  readonly saga?: SagaName;
}

const SIMULATION = ['test/simulation/simulation.test.ts'];
const CRASHES = ['test/simulation/crash-points.test.ts'];
const UNANSWERED = ['test/simulation/unanswered.test.ts'];
const STORE = ['test/stores/memory.test.ts'];
const TABLES = ['test/machines/transition-table.test.ts'];

const store = 'stores/memory-store.ts';
const runner = 'server/engine/runner.ts';
const breaker = 'server/engine/breaker.ts';
const participants = 'test/simulation/participants.ts';
const table = 'machines/transition-table.ts';
const transitions = 'machines/transitions.ts';

export const mutations: readonly Mutation[] = [
  ...ofParts,
  ...ofDoors,
  ...ofWrites,
  {
    name: 'commit asks for no fence',
    file: store,
    find: 'if (sameFence(saga.record.fence, expected)) {',
    replace: 'if (saga) {',
    tests: SIMULATION,
  },
  {
    name: 'the fence has no revision',
    file: store,
    find: 'return a.revision === b.revision && a.writeId === b.writeId;',
    replace: 'return a.writeId === b.writeId;',
    tests: STORE,
  },
  {
    name: 'the fence has no write id',
    file: store,
    find: 'return a.revision === b.revision && a.writeId === b.writeId;',
    replace: 'return a.revision === b.revision;',
    tests: SIMULATION,
  },
  {
    name: 'a commit is not known for its own',
    file: store,
    find: '} else if (!sameFence(saga.record.fence, { revision, writeId: write.writeId })) {',
    replace: '} else {',
    tests: SIMULATION,
  },
  {
    name: 'a create is not known for its own',
    file: store,
    find: 'return sameFence(existing.record.fence, { revision: 1, writeId: saga.writeId })',
    replace: 'return existing === undefined',
    tests: SIMULATION,
  },
  {
    name: 'a repeated commit is another write',
    file: runner,
    find: 'this.#in.store.commit(saga.id, saga.fence, write))',
    replace: 'this.#in.store.commit(saga.id, saga.fence, { ...write, writeId: this.nextWriteId() }))',
    tests: UNANSWERED,
  },
  {
    name: 'claim takes what is not due',
    file: store,
    find: 'const isDue = dueAtMs !== null && dueAtMs <= this.#now();',
    replace: 'const isDue = dueAtMs !== null;',
    tests: SIMULATION,
  },
  {
    name: 'claim takes from a boot as young',
    file: store,
    find: 'owner.boot < by.boot',
    replace: 'owner.boot <= by.boot',
    tests: [...STORE, ...SIMULATION],
  },
  {
    name: 'claim raises no revision',
    file: store,
    find: 'leaseMs, at);\n        const fence = { revision: saga.record.fence.revision + 1, writeId',
    replace: 'leaseMs, at);\n        const fence = { revision: saga.record.fence.revision, writeId',
    tests: SIMULATION,
  },
  {
    name: 'release asks for no fence',
    file: store,
    find: 'if (!saga?.record.owner || !sameFence(saga.record.fence, fence)) continue;',
    replace: 'if (!saga?.record.owner) continue;',
    tests: [...STORE, ...SIMULATION],
  },
  {
    name: 'an owned saga has no due time',
    file: store,
    find: 'dueAtMs: running ? endsAtMs : null,',
    replace: "dueAtMs: next.kind === 'wait' ? endsAtMs : null,",
    tests: SIMULATION,
  },
  {
    name: 'more of the lease is said to remain',
    file: store,
    find: 'Math.max(0, dueAtMs - this.#now())',
    replace: 'Math.max(0, dueAtMs - this.#now()) + 1_000',
    tests: SIMULATION,
  },
  {
    name: 'a call may outlast its lease',
    file: runner,
    find: 'const endsAt = () => Math.min(timesOutAt, saga.rightUntil);',
    replace: 'const endsAt = () => timesOutAt;',
    tests: SIMULATION,
  },
  {
    name: 'a long call is not renewed',
    file: runner,
    find: 'if (saga.rightUntil < timesOutAt) this.#renewals.add(saga);',
    replace: '',
    tests: ['test/engine/renewals.test.ts'],
  },
  {
    name: 'a renewal asks for no fence',
    file: store,
    find: 'if (!saga?.record.owner || !sameFence(saga.record.fence, fence)) return null;',
    replace: 'if (!saga?.record.owner) return null;',
    tests: [...STORE, ...SIMULATION],
  },
  {
    name: 'a renewed right runs from the answer on',
    file: 'server/engine/renewals.ts',
    find: 'sentAt + remainingMs - leaseMarginMs',
    replace: 'this.#clock.monotonic() + remainingMs',
    tests: SIMULATION,
  },
  {
    name: 'the right runs from the answer on',
    file: runner,
    find: 'saga.rightUntil = sentAt + remainingMs',
    replace: 'saga.rightUntil = Math.max(sentAt, this.#in.clock.monotonic()) + remainingMs',
    tests: SIMULATION,
  },
  {
    name: 'the call comes before the write',
    file: runner,
    find: 'const committed = await this.#commit(saga, write);\n    if',
    replace:
      "for (const one of activitiesIn(lastOf(hops).after.asks)) {\n      if (one.kind === 'call') void this.#in.participants.call(saga.id, one.call, {}, () => 0);\n    }\n    const committed = await this.#commit(saga, write);\n    if",
    tests: CRASHES,
  },
  {
    name: 'a stale writer goes on',
    file: runner,
    find: "if (result.kind !== 'committed') {\n      this.#in",
    replace: "if (result.kind === 'missing') {\n      this.#in",
    tests: SIMULATION,
  },
  {
    name: 'an unanswered commit is given up',
    file: runner,
    find: 'await wait(clock, Math.min(delayMs, COMMIT_RETRY_MS.most));',
    replace: 'return null;',
    tests: UNANSWERED,
  },
  {
    name: 'a retry is counted twice',
    file: 'server/engine/write.ts',
    find: "count('retries');",
    replace: "count('retries', 2);",
    tests: CRASHES,
  },
  {
    name: 'what an older boot held is not adopted',
    file: 'server/engine/recovery.ts',
    find: 'Promise.all([this.#adopt(), this.#poll(), this.#compact()]);',
    replace: 'Promise.all([this.#poll(), this.#compact()]);',
    tests: ['test/engine/recovery.test.ts'],
  },
  {
    name: 'it is looked rarely for what is due while others have sagas in hand',
    file: 'server/engine/recovery.ts',
    find: 'Math.max(claimLeaseMs, rights.leaseMaxMs) + restMs',
    replace: '0',
    tests: ['test/engine/rounds.test.ts'],
  },
  {
    name: 'a deferred call costs an attempt',
    file: 'machines/words.ts',
    find: 'counted, { attempt: attempt - 1, retryAt: at + delayMs',
    replace: 'counted, { attempt, retryAt: at + delayMs',
    tests: ['test/engine/outage.test.ts'],
  },
  {
    name: 'a deferred call forgets that its saga was cancelled',
    file: 'machines/step.ts',
    find: "{ guard: 'cancelled', target: to(on.failed), actions: 'noteCancelledBefore' },",
    replace: '',
    tests: ['test/engine/retry.test.ts'],
  },
  {
    name: 'a breaker that never opens',
    file: breaker,
    find: "return this.#turn('opened');",
    replace: 'this.#open = null;\n    return null;',
    tests: ['test/engine/outage.test.ts'],
  },
  {
    name: 'a breaker that never closes',
    file: breaker,
    find: "return this.#open === null ? null : this.#turn('closed');",
    replace: 'return null;',
    tests: ['test/engine/outage.test.ts'],
  },
  {
    name: 'a breaker that lets all probe at once',
    file: breaker,
    find: 'this.#open = { untilMs: this.#clock.monotonic() + spanMs,',
    replace: 'this.#open = { untilMs: this.#open.untilMs,',
    tests: ['test/engine/breaker.test.ts'],
  },
  {
    name: 'a breaker that counts calls from before it turned',
    file: breaker,
    find: 'if (era !== this.#era) return null;',
    replace: '',
    tests: ['test/engine/breaker.test.ts'],
  },
  {
    name: 'a gate that keeps the places of those who gave up',
    file: 'server/engine/gate.ts',
    find: "this.#remove(machine, told);\n        resolve('late');",
    replace: "resolve('late');",
    tests: ['test/engine/gate.test.ts'],
  },
  {
    name: 'a gate whose places go to whoever has waited longest, of whatever machine',
    file: 'server/engine/gate.ts',
    find: 'if (this.#queues.delete(machine)) this.#queues.set(machine, queue);',
    replace: '',
    tests: ['test/engine/gate.test.ts'],
  },
  {
    name: 'places that are kept for no machine',
    file: 'server/engine/places.ts',
    find: 'machines.size > 1 ? Math.floor((max * keptPercent) / 100 / machines.size) : 0;',
    replace: '0;',
    tests: ['test/engine/fairness.test.ts'],
  },
  {
    name: 'starts that leave no place to what is due',
    file: 'server/engine/places.ts',
    find: 'this.#forDue = Math.floor(max / 10);',
    replace: 'this.#forDue = 0;',
    tests: ['test/engine/fairness.test.ts'],
  },
  {
    name: 'a start that began nothing counts against its limit',
    file: 'server/routes/starting.ts',
    find: 'admission.giveBack();',
    replace: ';',
    tests: ['test/server/limits.test.ts'],
  },
  {
    name: 'a repeat is refused where a limit is spent',
    file: 'server/routes/starting.ts',
    find: '? idempotency && (await engine.known(idempotency, patienceMs))',
    replace: '? null',
    tests: ['test/server/limits.test.ts'],
  },
  {
    name: 'a gate that is not left',
    file: 'server/engine/participants.ts',
    find: 'return reply;\n    } finally {\n      gate.leave();',
    replace: 'return reply;\n    } finally {',
    tests: ['test/engine/participants-bounds.test.ts'],
  },
  {
    name: 'a breaker that is not asked after the queue',
    file: 'server/engine/participants.ts',
    find: "if (pass === null) return this.#deferral(breaker, 'open');",
    replace: 'if (pass === null) return this.#send(to, sagaId, call, trace, cutoff);',
    tests: ['test/engine/participants-bounds.test.ts'],
  },
  {
    name: 'an alarm for every saga that waits',
    file: 'server/engine/recovery.ts',
    find: 'this.#alarms.size >= this.#settings.alarmsMax',
    replace: 'this.#settings.alarmsMax < 0',
    tests: ['test/engine/retry.test.ts'],
  },
  {
    name: 'the engine goes by its own wall clock',
    file: 'server/engine/engine.ts',
    find: 'clock: timeOf(given.store, given.clock),',
    replace: '',
    tests: ['test/engine/clocks.test.ts'],
  },
  {
    name: 'a forgotten saga counts as purged',
    file: runner,
    find: "if (result.kind === 'missing' && this.#isForgotten(saga)) {",
    replace: "if (result.kind === 'missing' && saga === null) {",
    tests: ['test/engine/forgotten.test.ts'],
  },
  {
    name: 'what is unreadable is carried on',
    file: 'server/engine/recovery.ts',
    find: "if (unreadable !== null && (status === 'STARTED' || machine === undefined || record.owner === null)) {",
    replace: 'if (unreadable !== null && machine === undefined) {',
    tests: ['test/redis/blast.test.ts'],
  },
  {
    name: 'the ledger replays no action',
    file: participants,
    find: 'if (account.action === null) {',
    replace: "if (account.action !== 'refused') {",
    tests: SIMULATION,
  },
  {
    name: 'the ledger replays no compensation',
    file: participants,
    find: 'if (!account.compensated) {',
    replace: 'if (account !== null) {',
    tests: SIMULATION,
  },
  {
    name: 'the ledger lets an overtaken action in',
    file: participants,
    find: 'if (account.compensated) return BLOCKED;',
    replace: '',
    tests: SIMULATION,
  },
  {
    name: 'a call-back needs no token',
    file: 'server/callbacks.ts',
    find: 'return timingSafeEqual(Buffer.from(signature), expected) ? attempt : null;',
    replace: 'return timingSafeEqual(Buffer.from(signature), expected) ? attempt : attempt;',
    tests: ['test/server/call-backs.test.ts'],
  },
  {
    name: 'a call-back of one attempt proves another',
    file: 'server/callbacks.ts',
    find: 'Buffer.from(this.#sign(sagaId, step, attempt))',
    replace: 'Buffer.from(this.#sign(sagaId, step, 1))',
    tests: ['test/server/call-backs.test.ts'],
  },
  {
    name: 'a repeated outcome is a new one',
    file: 'server/engine/incoming.ts',
    find: 'if (record.signals.some((one) => one.id === signalId) || (await store.log(id)).some(isTold))',
    replace: 'if (record.signals.some((one) => one.id === signalId))',
    tests: ['test/server/call-backs.test.ts'],
  },
  {
    name: 'an event is thrown away with a definition that fails on it',
    file: 'server/engine/set-aside.ts',
    find: "({ kind, sealed }) => kind === 'event' || kind === 'outcome' || sealed !== undefined,",
    replace: '() => false,',
    tests: ['test/engine/set-aside.test.ts'],
  },
  {
    name: 'what expects an event is not retried',
    file: 'server/engine/decide.ts',
    find: "return kind === 'retry' && status === 'ABORTED' && asks.kind === 'activities';",
    replace:
      "return kind === 'retry' && status === 'ABORTED' && activitiesIn(asks).some((one) => one.kind === 'call');",
    tests: ['test/engine/set-aside.test.ts'],
  },
  {
    name: 'beside a call nobody looks for what came to others',
    file: 'server/engine/beside.ts',
    find: 'if (isExpecting)',
    replace: 'if (isExpecting && saga === null)',
    tests: ['test/engine/set-aside.test.ts'],
  },
  {
    name: 'a table skips a guard',
    file: table,
    find: 'may === null || may({ context, event }, params)',
    replace: 'may === null || params !== null',
    tests: TABLES,
  },
  {
    name: 'a table forgets what is done where a state is entered',
    file: table,
    find: 'const acts = entered.flatMap((node) => this.#entries.get(nodeName(node)) ?? []);',
    replace: 'const acts: readonly Act[] = [];',
    tests: TABLES,
  },
  {
    name: 'of two branches that lead out of their parallel state both are left by the table',
    file: table,
    find: 'if (!gone.some((one) => this.#isAgainst(way, one))) gone.push(way);',
    replace: 'gone.push(way);',
    tests: TABLES,
  },
  {
    name: 'a table does not say that all branches have ended',
    file: table,
    find: 'ended.push(endOf(around));',
    replace: '',
    tests: TABLES,
  },
  {
    name: 'a table goes on in the order of the machine, and not in the one in which branches were entered',
    file: table,
    find: 'innermost: nodes.filter(isInnermost)',
    replace: 'innermost: [...nodes].sort((one, other) => one.order - other.order).filter(isInnermost)',
    tests: TABLES,
  },
  {
    name: 'a table that differs is used all the same',
    file: transitions,
    find: "if (difference !== null) return notLookedUp('difference', difference);",
    replace: '',
    tests: TABLES,
  },
  {
    name: 'the sample believes the table',
    file: transitions,
    find: 'this.#judge(found, next, about, tell);\n    return next;',
    replace: 'this.#judge(found, next, about, tell);\n    return (found ?? next) as never;',
    tests: ['test/engine/table-differs.test.ts'],
  },
  {
    name: 'a table that was found to differ is used again',
    file: transitions,
    find: 'this.#table = null;',
    replace: '',
    tests: ['test/engine/table-differs.test.ts'],
  },
  {
    name: 'no transition is made both ways',
    file: transitions,
    find: 'return this.#count % SAMPLED_EVERY === 1;',
    replace: 'return false;',
    tests: ['test/engine/table-differs.test.ts'],
  },
];
