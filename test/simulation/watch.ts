/**
 * Holds the invariants against every operation of the store, and against every call at the moment at which a
 * coordinator decides to make it. It keeps its own account of who wrote what, and asks no coordinator.
 */
import { type Asks, activitiesIn, type Call, type SagaSnapshot } from '../../machines/index.ts';
import { isUndoable, stepIn } from '../../machines/parts.ts';
import type { MemoryStore } from '../../stores/memory-store.ts';
import type {
  Claimed,
  CommitResult,
  CreateResult,
  Fence,
  NewSaga,
  Owner,
  SagaRecord,
  SagaStore,
  Signal,
  SignalResult,
  Write,
} from '../../stores/saga-store.ts';
import type { Opener } from '../../stores/sealing/open.ts';
import type { Process } from './process.ts';
import { type Simulated, turnOf } from './sagas.ts';

export type Operation = Exclude<
  keyof SagaStore,
  'info' | 'audit' | 'history' | 'newId' | 'now' | 'jumped' | 'dueInMs'
>;

/** A saga as it is stored, read. */
interface Standing {
  readonly text: string;
  readonly snapshot: SagaSnapshot;
  readonly asks: Asks;
}

export class Watch {
  /** Every saga as the store holds it. */
  readonly records = new Map<string, SagaRecord>();
  /** Attempts of compensations that were made, by saga and address. */
  readonly undoAttempts = new Map<string, number>();
  /** Addresses of the actions that were announced, by saga: what may have been sent. */
  readonly announced = new Map<string, Set<string>>();
  /** What the mailbox of a saga has taken in, in its order and each once. */
  readonly letters = new Map<string, Map<string, Signal>>();
  /** Log entries of calls that were to be repeated, as `saga number`. */
  readonly retried = new Set<string>();
  /** Transitions that were committed, as the machine's graph has them. */
  readonly transitions = new Set<string>();
  readonly #store: MemoryStore;
  readonly #storeNow: () => number;
  readonly #saga: Simulated;
  readonly #marginMs: number;
  readonly #broken: (what: string) => void;
  readonly #opened: (id: string) => Opener;
  readonly #writes = new Map<string, Set<string>>();
  /** By saga, as read last: most of what befalls a record leaves its snapshot as it is. */
  readonly #read = new Map<string, Standing>();

  constructor(given: {
    readonly store: MemoryStore;
    readonly storeNow: () => number;
    readonly saga: Simulated;
    readonly marginMs: number;
    readonly broken: (what: string) => void;
    /** Opens what a saga keeps sealed. */
    readonly opened: (id: string) => Opener;
  }) {
    this.#store = given.store;
    this.#storeNow = given.storeNow;
    this.#saga = given.saga;
    this.#marginMs = given.marginMs;
    this.#broken = given.broken;
    this.#opened = given.opened;
  }

  /** Performs an operation and looks at what it did. */
  async perform(name: Operation, args: readonly unknown[]): Promise<unknown> {
    // The operation itself has happened when the call returns its promise: nothing can come in between.
    const operation = this.#store[name] as (...args: unknown[]) => Promise<unknown>;
    const result = await operation.apply(this.#store, [...args]);
    switch (name) {
      case 'create':
        await this.#created(args[0] as NewSaga, result as CreateResult);
        break;
      case 'commit':
        await this.#committed(args[0] as string, args[1] as Fence, args[2] as Write, result as CommitResult);
        break;
      case 'claim':
        await this.#claimed(args as Parameters<SagaStore['claim']>, result as Claimed[]);
        break;
      case 'signal':
        await this.#signalled(args[0] as string, args[1] as Signal, result as SignalResult);
        break;
      case 'renew':
        await this.#renewed(args[0] as { id: string; fence: Fence }[], result as (number | null)[]);
        break;
      case 'release':
        await this.#released(args[0] as { id: string; fence: Fence }[]);
        break;
    }
    return result;
  }

  async #created(saga: NewSaga, result: CreateResult): Promise<void> {
    const before = this.records.get(saga.id);
    const after = await this.#look(saga.id);
    if (result.kind !== 'created') {
      if (before?.fence.revision === 1 && before.fence.writeId === saga.writeId) {
        this.#broken(`${saga.id}: a create was answered ${result.kind}, and stands itself`);
      }
      if (after !== before) this.#broken(`${saga.id}: a create answered ${result.kind}, and wrote`);
    } else if (before === undefined) {
      if (after?.fence.revision !== 1) this.#broken(`${saga.id}: created at ${after?.fence.revision}`);
      this.#noteWrite(saga.id, saga.writeId);
    } else if (after !== before || before.fence.writeId !== saga.writeId) {
      this.#broken(`${saga.id}: a repeated create wrote, or took another's write for its own`);
    }
  }

  async #committed(id: string, expected: Fence, write: Write, result: CommitResult): Promise<void> {
    const before = this.records.get(id);
    const was = before === undefined ? null : this.#standing(before);
    const after = await this.#look(id);
    const stood = before !== undefined && same(before.fence, expected);
    const title = `${id}: commit ${write.writeId} at ${expected.revision} over ${before?.fence.revision}`;
    const own = { revision: expected.revision + 1, writeId: write.writeId };
    const isOwn = before !== undefined && same(before.fence, own);
    if (result.kind !== 'committed') {
      if (isOwn) this.#broken(`${title} was answered ${result.kind}, and stands itself`);
      if (after !== before) this.#broken(`${title} was answered ${result.kind}, and wrote`);
      const isUnread = before !== undefined && before.signals.length !== (write.signalsSeen ?? 0);
      if ((result.kind === 'signalled') !== (stood && isUnread))
        this.#broken(`${title} was answered ${result.kind}, beside ${before?.signals.length} letters`);
      else if (stood && !isUnread) this.#broken(`${title} was refused though nobody had written since`);
      return;
    }
    if (after === before) {
      if (!isOwn) {
        this.#broken(`${title} was taken for a repetition of ${before?.fence.writeId}`);
      }
      return;
    }
    if (!stood) this.#broken(`${title} is stale, and was accepted`);
    if (after?.fence.revision !== expected.revision + 1)
      this.#broken(`${title} made ${after?.fence.revision}`);
    this.#noteWrite(id, write.writeId);
    if (was !== null && after !== undefined) this.#moved(was, after, write);
  }

  /** What a transition was made for must have come: its time, and nothing before it that would have counted. */
  #moved(was: Standing, after: SagaRecord, write: Write): void {
    const { id } = after;
    const is = this.#standing(after);
    const opener = this.#opened(id);
    const entries = [...(write.earlier ?? []), write.entry].map((one) => opener.entry(one));
    const waits = activitiesIn(is.asks).filter(({ kind }) => kind === 'wait');
    const untils = activitiesIn(was.asks).flatMap((one) => (one.kind === 'call' ? [] : [one.until]));
    for (const [index, entry] of entries.entries()) {
      const { from, event, to, outcome, step } = entry;
      this.transitions.add(`${from ?? ''} -${event}-> ${to}`);
      if (event === 'due' && Math.min(...untils) > this.#storeNow())
        this.#broken(`${id}: ${from} is over before its time`);
      const isOpen = outcome === 'retryable' || outcome === 'unknown';
      if (isOpen && waits.some(({ name }) => name === `wait ${step}`))
        this.retried.add(`${id} ${after.seq - entries.length + 1 + index}`);
    }
    this.#checkAnnounced(id, was, is);
    for (const [step, { until }] of Object.entries(was.snapshot.context.pending ?? {}))
      if (is.snapshot.context.pending?.[step]?.until !== until)
        this.#broken(`${id}: the time in which the outcome of ${step} may come has moved`);
    const { failure } = is.snapshot.context;
    if (failure === null || was.snapshot.context.failure !== null) return;
    const [late] =
      /^.*(?=: it did not come in time)|its outcome did not come in time/.exec(failure.reason) ?? [];
    if (late === undefined) return;
    for (const { kind, name, atMs } of this.letters.get(id)?.values() ?? [])
      if (kind === 'event' ? name === late : kind === 'outcome' && failure.step !== null)
        this.#broken(`${id} is undone for ${failure.reason}, and it came at ${atMs}`);
  }

  /** Where the saga is to be undone no action is begun or repeated; and of items no more are under way than may be. */
  #checkAnnounced(id: string, was: Standing, is: Standing): void {
    const known = new Set(activitiesIn(was.asks).map(({ name, attempt }) => `${name} ${attempt}`));
    const asked = activitiesIn(is.asks);
    for (const one of asked) {
      if (one.kind !== 'call' || one.call.kind !== 'action' || was.snapshot.context.failure === null)
        continue;
      if (!known.has(`${one.name} ${one.attempt}`))
        this.#broken(`${id}: ${one.name} ${one.attempt} is announced though the saga is to be undone`);
    }
    for (const { name, each } of this.#saga.machine.steps) {
      const underWay = asked.filter((one) => one.to?.startsWith(`${name}/`)).length;
      if (each !== undefined && underWay > each.concurrency)
        this.#broken(`${id}: ${underWay} items of ${name} are under way`);
    }
  }

  async #signalled(id: string, signal: Signal, result: SignalResult): Promise<void> {
    const before = this.records.get(id);
    const after = await this.#look(id);
    if (before?.fence !== after?.fence) this.#broken(`${id}: a letter moved the fence`);
    if (result.kind !== 'accepted') {
      if (after !== before) this.#broken(`${id}: a letter was answered ${result.kind}, and is there`);
      return;
    }
    const letters = this.letters.get(id) ?? new Map<string, Signal>();
    for (const one of this.#opened(id).signals([signal])) if (!letters.has(one.id)) letters.set(one.id, one);
    this.letters.set(id, letters);
    if (signal.kind === 'cancel' && after !== undefined && this.#isPast(this.#standing(after)))
      this.#broken(`${id}: a cancel was taken behind the pivot`);
  }

  #isPast({ snapshot }: Standing): boolean {
    const { pivot } = this.#saga;
    return pivot !== null && pivot in snapshot.context.answers;
  }

  #standing(record: SagaRecord): Standing {
    const { id, snapshot: text } = record;
    const known = this.#read.get(id);
    if (known?.text === text) return known;
    const { machine } = this.#saga;
    const snapshot = machine.restore(this.#opened(id).record(record).snapshot);
    const standing = { text, snapshot, asks: machine.asks(snapshot) };
    this.#read.set(id, standing);
    return standing;
  }

  async #claimed(
    [ids, owner, , writeId]: Parameters<SagaStore['claim']>,
    claims: readonly Claimed[],
  ): Promise<void> {
    const taken = new Set(claims.map(({ record }) => record.id));
    for (const id of new Set(ids)) {
      const before = this.records.get(id);
      const after = await this.#look(id);
      if (after === before) {
        const own = before?.fence.writeId === writeId;
        if (taken.has(id) && !own) this.#broken(`${id}: claim ${writeId} was granted what it did not take`);
        continue;
      }
      if (!taken.has(id)) this.#broken(`${id}: claim ${writeId} took it, and did not say so`);
      if (before === undefined || !this.#mayTake(before, owner)) {
        this.#broken(`${id}: claim ${writeId} took it from ${before?.owner?.name} before its time`);
      }
      if (after?.fence.revision !== (before?.fence.revision ?? 0) + 1) {
        this.#broken(`${id}: claim ${writeId} made revision ${after?.fence.revision}`);
      }
    }
  }

  async #renewed(
    held: readonly { readonly id: string; readonly fence: Fence }[],
    remains: readonly (number | null)[],
  ): Promise<void> {
    for (const [index, { id, fence }] of held.entries()) {
      const before = this.records.get(id);
      const after = await this.#look(id);
      const holds = before !== undefined && before.owner !== null && same(before.fence, fence);
      if (!holds) {
        if (after !== before || remains[index] !== null)
          this.#broken(`${id}: a renewal was granted to one who had lost it`);
        continue;
      }
      const untilMs = (after?.dueAtMs ?? 0) - this.#storeNow();
      if (after === undefined || !same(after.fence, fence) || (after.dueAtMs ?? 0) < (before.dueAtMs ?? 0)) {
        this.#broken(`${id}: a renewal moved the fence, or shortened the lease`);
      }
      if (remains[index] !== untilMs)
        this.#broken(`${id}: ${remains[index]} ms granted, ${untilMs} ms stored`);
    }
  }

  async #released(held: readonly { readonly id: string; readonly fence: Fence }[]): Promise<void> {
    for (const { id, fence } of held) {
      const before = this.records.get(id);
      const after = await this.#look(id);
      if (after === before) continue;
      const stood = before?.owner !== null && before !== undefined && same(before.fence, fence);
      if (!stood) this.#broken(`${id}: a release freed what others hold, or a back-off`);
      if (after?.owner !== null) this.#broken(`${id}: released, and still owned`);
    }
  }

  #mayTake({ status, owner, dueAtMs, signals }: SagaRecord, by: Owner): boolean {
    const isLive = status === 'STARTED' || (status === 'ABORTED' && signals.length > 0);
    if (!isLive || dueAtMs === null) return false;
    return dueAtMs <= this.#storeNow() || (owner?.name === by.name && owner.boot < by.boot);
  }

  #noteWrite(id: string, writeId: string): void {
    const writes = this.#writes.get(id) ?? new Set();
    if (writes.has(writeId)) this.#broken(`${id}: write ${writeId} landed twice`);
    this.#writes.set(id, writes.add(writeId));
  }

  /** Reads a saga back and holds what must be true of it at any time. */
  async #look(id: string): Promise<SagaRecord | undefined> {
    const record = await this.#store.get(id);
    if (record === null) return undefined;
    const { status, dueAtMs, owner } = record;
    const running = status === 'STARTED';
    // One that is parked is due where something has come for it.
    if (running !== (dueAtMs !== null) && record.signals.length === 0)
      this.#broken(`${id}: ${status}, and due ${dueAtMs}: orphaned`);
    if (!running && owner !== null && record.signals.length === 0)
      this.#broken(`${id}: ${status}, and owned by ${owner.name}`);
    this.records.set(id, record);
    const announced = this.announced.get(id) ?? new Set();
    for (const one of activitiesIn(this.#standing(record).asks))
      if (one.kind === 'call' && one.call.kind === 'action') announced.add(one.address);
    this.announced.set(id, announced);
    return record;
  }

  /** A coordinator decides to make a call. */
  calls(by: Process, id: string, call: Call, boundMs: number): void {
    const title = `${by.title}: ${call.address} ${call.kind} ${call.attempt} of ${id}`;
    if (call.kind === 'compensation') {
      const key = `${id} ${call.address}`;
      this.undoAttempts.set(key, Math.max(this.undoAttempts.get(key) ?? 0, call.attempt));
    }
    const record = this.records.get(id);
    if (record === undefined) {
      this.#broken(`${title}: nothing is stored of the saga`);
      return;
    }
    const standing = this.#standing(record);
    const stored = activitiesIn(standing.asks).flatMap((one) => (one.kind === 'call' ? [one.call] : []));
    const announced = stored.some(
      ({ address, kind, attempt, isFetch }) =>
        address === call.address &&
        kind === call.kind &&
        attempt === call.attempt &&
        isFetch === call.isFetch,
    );
    const { owner, dueAtMs } = record;
    const owned = owner?.name === by.owner.name && owner.boot === by.owner.boot;
    // It does not know yet that its younger self has taken over; what it does then is the ledger's to catch.
    if (by.superseded && !(announced && owned)) return;
    if (!announced) this.#broken(`${title}: stored is ${record.summary.state}`);
    if (!owned) {
      this.#broken(`${title}: it belongs to ${owner === null ? 'nobody' : `${owner.name}/${owner.boot}`}`);
    }
    this.#withinLease(title, dueAtMs, boundMs);
    this.#inOrder(title, id, call, standing);
  }

  /** A coordinator goes on with a call, because its right to it was renewed; whoever has lost the saga does not know yet. */
  goesOn(by: Process, id: string, call: Call, boundMs: number): void {
    const { owner, dueAtMs } = this.records.get(id) ?? {};
    if (owner?.name !== by.owner.name || owner.boot !== by.owner.boot) return;
    this.#withinLease(`${by.title}: ${call.address} ${call.kind} of ${id} goes on`, dueAtMs, boundMs);
  }

  #withinLease(title: string, dueAtMs: number | null | undefined, boundMs: number): void {
    const leaseMs = (dueAtMs ?? 0) - this.#storeNow();
    if (boundMs > leaseMs - this.#marginMs)
      this.#broken(`${title}: ${boundMs} ms under a lease of ${leaseMs} ms`);
  }

  /**
   * Forward one turn after the other, and never again once the undoing has begun; back in the reverse order, each turn when
   * all that was announced after it is undone, or held. Behind the pivot nothing is undone.
   */
  #inOrder(title: string, id: string, call: Call, standing: Standing): void {
    const { context } = standing.snapshot;
    const turn = turnOf(this.#saga, call.address);
    const announced = [...(this.announced.get(id) ?? [])];
    if (call.kind === 'action') {
      const open = announced.filter((one) => turnOf(this.#saga, one) < turn && !(one in context.answers));
      const later = announced.filter((one) => turnOf(this.#saga, one) > turn);
      if (open.length > 0 || later.length > 0)
        this.#broken(`${title}: out of order, beside ${[...open, ...later].join(' and ')}`);
      if (context.undone.length > 0 || context.held.length > 0)
        this.#broken(`${title}: done again where the undoing has begun`);
      return;
    }
    if (this.#isPast(standing)) this.#broken(`${title}: undone behind the pivot`);
    if (!announced.includes(call.address)) this.#broken(`${title}: undone, and never announced`);
    const left = announced.filter(
      (one) =>
        turnOf(this.#saga, one) > turn &&
        this.#isUndoable(one) &&
        !context.undone.includes(one) &&
        !context.held.some(({ step }) => step === one),
    );
    const doing = activitiesIn(standing.asks).some(
      (one) => one.kind === 'call' && one.call.kind === 'action',
    );
    if (left.length > 0 || doing) this.#broken(`${title}: undone out of order, before ${left.join(' and ')}`);
  }

  #isUndoable(address: string): boolean {
    const step = this.#saga.machine.steps.find(({ name }) => name === stepIn(address));
    return step !== undefined && isUndoable(step);
  }
}

function same(a: Fence, b: Fence): boolean {
  return a.revision === b.revision && a.writeId === b.writeId;
}
