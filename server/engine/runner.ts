/**
 * Carries sagas from state to state. The one pipe of the product: perform the call that the state announces, decide
 * what its outcome means, commit that, and only then act on it.
 */
import type { Asks, RegisteredMachine, SagaEvent, SagaSnapshot } from '../../machines/index.ts';
import {
  type Claimed,
  type CommitResult,
  type Fence,
  type Granted,
  type NumberedEntry,
  type Owner,
  type SagaRecord,
  type SagaStore,
  type Signal,
  StoreUnavailableError,
  type Write,
} from '../../stores/saga-store.ts';
import { type Clock, wait } from './clock.ts';
import type { Observe, SagaHistory, SagaListing, Trace } from './contract.ts';
import { decide, type Hop } from './decide.ts';
import type { Participants } from './participants.ts';
import { Renewals } from './renewals.ts';
import { headersOf, newSpanId, traceOf } from './trace.ts';
import { describe, lastOf, type Rights, statusOf, type Writer } from './write.ts';

/** A saga in this coordinator's hands. */
interface Held {
  readonly id: string;
  readonly machine: RegisteredMachine;
  readonly trace: Trace;
  /** The saga as listings show it, as of the last commit. */
  listing: SagaListing;
  snapshot: SagaSnapshot;
  asks: Asks;
  fence: Fence;
  /**
   * The whole history where the saga began here; a saga taken over has its history in the store alone, and so has one that
   * has waited: this one is as long as a saga that never had to, with what operators asked meanwhile.
   */
  readonly log: NumberedEntry[] | null;
  /** What operators have asked for and no commit has answered yet. */
  signals: readonly Signal[];
  /** Until when this coordinator may call participants for the saga, on the monotonic clock. */
  rightUntil: number;
}

/** What the engine's parts share: the world as it was handed in by the composition root. */
export interface Surroundings {
  readonly store: SagaStore;
  readonly participants: Participants;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe: Observe;
  readonly owner: Owner;
  readonly rights: Rights;
}

/** Repeating a commit waits this long at first, and at most. */
const COMMIT_RETRY_MS = { first: 20, most: 1000 } as const;

export class Runner {
  readonly #in: Surroundings;
  readonly #held = new Map<string, Held>();
  readonly #renewals: Renewals;
  readonly #onSettled: (id: string, history: SagaHistory | null) => void;
  readonly #onWaiting: (id: string, delayMs: number) => void;
  readonly #onFree: () => void;
  #writes = 0;
  #yielding = false;
  #abandoned = false;

  constructor(
    surroundings: Surroundings,
    on: {
      /** A saga has ended or is parked; with its history where that is at hand. */
      readonly settled: (id: string, history: SagaHistory | null) => void;
      /** A saga was given back, and is due after a delay. */
      readonly waiting: (id: string, delayMs: number) => void;
      /** There is one saga less in hand. */
      readonly free: () => void;
    },
  ) {
    this.#in = surroundings;
    this.#renewals = new Renewals(surroundings);
    this.#onSettled = on.settled;
    this.#onWaiting = on.waiting;
    this.#onFree = on.free;
  }

  get size(): number {
    return this.#held.size;
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** An id of a write: unique, because owner and boot are, and the same in every repetition of the write. */
  nextWriteId(): string {
    this.#writes += 1;
    const { name, boot } = this.#in.owner;
    return `${name}/${boot}/${this.#writes.toString(36)}`;
  }

  /** The first write of a saga, and what to do once it is stored. */
  prepare(
    machine: RegisteredMachine,
    snapshot: SagaSnapshot,
    storedTrace: string | null,
  ): { write: Write; begin: BeginStored } {
    const at = this.#in.clock.now();
    const after = { snapshot, asks: machine.asks(snapshot) };
    const hops: readonly Hop[] = [{ before: null, event: null, after }];
    const transition = { machine, hops, statusBefore: null, at, callMs: null, createdAtMs: at };
    const write = describe(transition, this.#writer(0));
    const begin: BeginStored = (id, granted, sentAt) => {
      const { seq, fence } = granted;
      const { summary } = write;
      const status = statusOf(write.next);
      const listing = { id, machine, status, summary, parked: null, seq, createdAtMs: at, updatedAtMs: at };
      const trace = traceOf(id, storedTrace);
      const inHand = { fence, log: [], signals: [], rightUntil: 0 };
      const held: Held = { id, machine, trace, listing, ...after, ...inHand };
      this.#in.observe({ type: 'started', id, trace, machine, context: snapshot.context });
      this.#note(held, hops, write, seq);
      this.#take(held, granted, sentAt);
    };
    return { write, begin };
  }

  /** @throws where there is nothing to do for a saga that was claimed */
  assertActs({ signals, summary }: SagaRecord, asks: Asks): void {
    if (asks.kind !== 'call' && asks.kind !== 'wait' && signals.length === 0) {
      throw new Error(`its record says that it runs, its snapshot that it stands in ${summary.state}`);
    }
  }

  /** Carries on a saga that was claimed. */
  resume(
    { record, remainingMs }: Claimed,
    machine: RegisteredMachine,
    snapshot: SagaSnapshot,
    sentAt: number,
  ): void {
    const { id, fence, seq, signals } = record;
    const asks = machine.asks(snapshot);
    const trace = traceOf(id, record.trace);
    const held: Held = {
      id,
      machine,
      trace,
      listing: record,
      snapshot,
      asks,
      fence,
      log: null,
      signals,
      rightUntil: 0,
    };
    this.#in.observe({ type: 'claimed', id, trace, state: record.summary.state, machine });
    this.#take(held, { fence, seq, remainingMs }, sentAt);
  }

  /** A saga in hand as it stands, where all of its history is at hand too. */
  history(id: string): SagaHistory | null {
    const saga = this.#held.get(id);
    return saga === undefined ? null : historyOf(saga);
  }

  /** From now on every saga is given back as soon as its call has settled. */
  yieldAll(): void {
    this.#yielding = true;
  }

  /** Lets go of what is still in hand: calls are ended, nothing more is written, and others may go on at once. */
  async abandonAll(): Promise<void> {
    this.#abandoned = true;
    this.#in.participants.abortAll();
    const left = [...this.#held.values()].map(({ id, fence }) => ({ id, fence }));
    for (const { id } of left) this.#drop(id);
    if (left.length > 0) await this.#in.store.release(left);
  }

  #writer(signalsSeen: number): Writer {
    const { owner, rights } = this.#in;
    return { owner, writeId: this.nextWriteId(), rights, yielding: this.#yielding, signalsSeen };
  }

  #take(saga: Held, granted: Granted, sentAt: number): void {
    this.#grant(saga, granted, sentAt);
    this.#held.set(saga.id, saga);
    // Not awaited: it ends by itself, and a bug in it must end the process loudly as an unhandled rejection.
    void this.#run(saga);
  }

  #drop(id: string): void {
    if (this.#held.delete(id)) this.#onFree();
  }

  async #run(saga: Held): Promise<void> {
    let acting = true;
    while (acting) {
      const step = await this.#perform(saga);
      acting = step !== null && (await this.#advance(saga, step.event, step.callMs));
    }
    this.#drop(saga.id);
  }

  /**
   * Makes the call that the state announces; `null` where the right to make it is over. What operators ask of a saga
   * that stands still comes first; of one that announces a call, it waits until that has settled. A call that was put
   * off is no call: nobody is told of it but by the wait that it leads to.
   */
  async #perform(saga: Held): Promise<{ event: SagaEvent | null; callMs: number | null } | null> {
    const { clock, participants, random, observe } = this.#in;
    if (this.#abandoned) return null;
    const standsStill = saga.asks.kind !== 'call' || saga.listing.status === 'ABORTED';
    if (standsStill && saga.signals.length > 0) return { event: null, callMs: null };
    if (saga.asks.kind === 'wait') return { event: { type: 'due', at: clock.now() }, callMs: null };
    if (saga.asks.kind !== 'call') throw new Error(`saga ${saga.id} was taken up with nothing to do`);

    const { call } = saga.asks;
    const { id, trace, machine } = saga;
    const sentAt = clock.monotonic();
    if (saga.rightUntil <= sentAt) {
      observe({ type: 'lost', id, trace, why: 'lease-over' });
      return null;
    }
    const timesOutAt = sentAt + call.timeoutMs;
    const endsAt = () => Math.min(timesOutAt, saga.rightUntil);
    if (saga.rightUntil < timesOutAt) this.#renewals.add(saga);
    const spanId = newSpanId(random);
    const reply = await participants.call(id, call, headersOf(trace, spanId), endsAt);
    this.#renewals.remove(saga);
    if (this.#abandoned) return null;
    if (reply.outcome === 'deferred') {
      const { outcome: type, error, delayMs } = reply;
      return { event: { type, at: clock.now(), error, delayMs }, callMs: null };
    }
    const ms = clock.monotonic() - sentAt;
    const error = reply.outcome === 'done' ? null : reply.error;
    observe({ type: 'called', id, trace, spanId, machine, call, outcome: reply.outcome, ms, error });

    const at = clock.now();
    const { outcome } = reply;
    if (outcome === 'done') return { event: { type: outcome, at, answer: reply.answer }, callMs: ms };
    if (outcome === 'refused') return { event: { type: outcome, at, error: reply.error }, callMs: ms };
    const { retryAfterMs } = reply;
    return { event: { type: outcome, at, error: reply.error, random: random(), retryAfterMs }, callMs: ms };
  }

  /** Decides, commits, and takes the new state as its own. Answers whether there is more to do for it here. */
  async #advance(saga: Held, event: SagaEvent | null, callMs: number | null): Promise<boolean> {
    const { id, machine, listing } = saga;
    const at = event?.at ?? this.#in.clock.now();
    const { createdAtMs, status: statusBefore } = listing;
    const overdue = machine.deadlineMs !== null && at >= createdAtMs + machine.deadlineMs;
    const { signals } = saga;
    const hops = decide({ machine, from: saga, status: statusBefore, signals, event, at, overdue });
    const transition = { machine, hops, statusBefore, at, callMs: rounded(callMs), createdAtMs };
    const write = describe(transition, this.#writer(signals.length));

    const committed = await this.#commit(saga, write);
    if (committed === null) return false;
    const { result, sentAt } = committed;
    if (result.kind === 'signalled') {
      // Somebody has asked for something meanwhile: what the outcome leads to is decided again.
      saga.signals = result.signals;
      return this.#advance(saga, event, callMs);
    }
    if (result.kind !== 'committed') {
      this.#in.observe({ type: 'lost', id, trace: saga.trace, why: result.kind });
      return false;
    }
    const { after } = lastOf(hops);
    saga.snapshot = after.snapshot;
    saga.asks = after.asks;
    saga.signals = [];
    this.#grant(saga, result, sentAt);
    const { next, summary } = write;
    const parked = next.kind === 'park' ? next.parked : null;
    const { seq } = result;
    saga.listing = {
      id,
      machine,
      status: statusOf(next),
      summary,
      parked,
      seq,
      createdAtMs,
      updatedAtMs: at,
    };
    this.#note(saga, hops, write, seq);

    if (next.kind === 'act') return true;
    this.#drop(id);
    if (next.kind === 'wait') this.#onWaiting(id, next.delayMs);
    else this.#settle(saga, Math.max(0, at - createdAtMs));
    return false;
  }

  /**
   * Commits until the store has answered. Repeating is safe, since the store recognises its own write, and needed,
   * since the outcome of the call is known here alone. `null` where the coordinator lets go of the saga.
   */
  async #commit(saga: Held, write: Write): Promise<{ result: CommitResult; sentAt: number } | null> {
    const { store, clock, observe } = this.#in;
    for (let delayMs: number = COMMIT_RETRY_MS.first; !this.#abandoned; delayMs *= 2) {
      const sentAt = clock.monotonic();
      try {
        return { result: await store.commit(saga.id, saga.fence, write), sentAt };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        observe({ type: 'store-fault', doing: `commit of saga ${saga.id}`, error });
        await wait(clock, Math.min(delayMs, COMMIT_RETRY_MS.most));
      }
    }
    return null;
  }

  /** The store says what remained of the lease when it granted it; our right began to run when we asked. */
  #grant(saga: Held, { fence, remainingMs }: Granted, sentAt: number): void {
    saga.fence = fence;
    saga.rightUntil = sentAt + remainingMs - this.#in.rights.leaseMarginMs;
  }

  #note(saga: Held, hops: readonly Hop[], { earlier = [], entry }: Write, seq: number): void {
    const { id, trace, machine, listing, log } = saga;
    for (let index = 0; index < hops.length; index += 1) {
      const one = index === earlier.length ? entry : earlier[index];
      const hop = hops[index];
      if (one === undefined || hop === undefined) throw new Error('as many entries as events');
      const numbered = { ...one, seq: seq - earlier.length + index };
      log?.push(numbered);
      const status = index === earlier.length ? listing.status : 'STARTED';
      const { context } = hop.after.snapshot;
      this.#in.observe({
        type: 'transition',
        id,
        trace,
        machine,
        event: hop.event,
        entry: numbered,
        status,
        context,
      });
    }
  }

  #settle(saga: Held, ms: number): void {
    const { id, trace, machine, snapshot, listing } = saga;
    const { status, parked } = listing;
    const reason = snapshot.context.failure?.reason ?? null;
    this.#in.observe({ type: 'settled', id, trace, machine, status, ms, reason, parked });
    this.#onSettled(id, historyOf(saga));
  }
}

function historyOf({ machine, trace, listing, snapshot, log }: Held): SagaHistory | null {
  if (log === null) return null;
  const steps = machine.steps.map(({ name }) => name);
  const context = machine.redacted(snapshot.context);
  return { saga: { ...listing, context, steps, traceId: trace.traceId }, log: [...log] };
}

type BeginStored = (id: string, granted: Granted, sentAt: number) => void;

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
