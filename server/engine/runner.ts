/**
 * Carries sagas from state to state. The one pipe of the product: perform the call that the state announces, decide
 * what its outcome means, commit that, and only then act on it.
 */
import {
  type Activity,
  type Asks,
  activitiesIn,
  type CallActivity,
  DefinitionError,
  hasCall,
  nameOf,
  type RegisteredMachine,
  type SagaSnapshot,
  type Tell,
} from '../../machines/index.ts';
import {
  type Claimed,
  type CommitResult,
  type Granted,
  type LogEntry,
  type NewSaga,
  type NumberedEntry,
  type Owner,
  type SagaRecord,
  type Signal,
  StoreUnavailableError,
  type Write,
} from '../../stores/saga-store.ts';
import { Beside, over } from './beside.ts';
import { wait } from './clock.ts';
import { FORGOTTEN, type Forgotten, type SagaHistory, type SagaListing } from './contract.ts';
import { decide, type Hop } from './decide.ts';
import { anew } from './forgotten.ts';
import { eventOf, toldOf } from './heard.ts';
import {
  FOR_SIGNALS,
  type Held,
  historyOf,
  isAnsweredBy,
  NO_SIGNALS,
  NOBODY_WAITS,
  type Performed,
} from './held.ts';
import type { Places } from './places.ts';
import { Renewals } from './renewals.ts';
import { asideWrite } from './set-aside.ts';
import type { Surroundings } from './surroundings.ts';
import { headersOf, newSpanId, traceOf } from './trace.ts';
import { describe, lastOf, statusOf, type Writer } from './write.ts';

/** Repeating a commit waits this long at first, and at most. */
const COMMIT_RETRY_MS = { first: 20, most: 1000 } as const;

export class Runner {
  readonly #in: Surroundings;
  readonly #places: Places;
  readonly #held = new Map<string, Held>();
  readonly #renewals: Renewals;
  readonly #beside: Beside;
  readonly #onSettled: (id: string, history: SagaHistory | null) => void;
  readonly #onWaiting: (id: string, delayMs: number, machine: string) => void;
  readonly #onForgotten: (what: Forgotten) => void;
  readonly #onFree: () => void;
  #writes = 0;
  #yielding = false;
  #abandoned = false;

  constructor(
    surroundings: Surroundings,
    places: Places,
    on: {
      /** A saga has ended or is parked; with its history where that is at hand. */
      readonly settled: (id: string, history: SagaHistory | null) => void;
      /** A saga was given back, and is due after a delay. */
      readonly waiting: (id: string, delayMs: number, machine: string) => void;
      /** The store knows a saga no more that was in hand. */
      readonly forgotten: (what: Forgotten) => void;
      /** There is one saga less in hand. */
      readonly free: () => void;
    },
  ) {
    this.#in = surroundings;
    this.#places = places;
    this.#renewals = new Renewals(surroundings);
    this.#beside = new Beside(
      surroundings,
      (saga, one) => this.#make(saga, one),
      () => this.#abandoned,
    );
    this.#onSettled = on.settled;
    this.#onWaiting = on.waiting;
    this.#onForgotten = on.forgotten;
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
    stored: Pick<NewSaga, 'trace' | 'idempotency'>,
  ): { write: Write; begin: BeginStored } {
    const at = this.#in.clock.now();
    const after = { snapshot, asks: machine.asks(snapshot) };
    const hops: readonly Hop[] = [{ before: null, event: null, after }];
    const transition = {
      machine,
      hops,
      statusBefore: null,
      parkedBefore: null,
      at,
      callMs: null,
      createdAtMs: at,
    };
    const write = describe(transition, this.#writer(0));
    const begin: BeginStored = (id, granted, sentAt) => {
      const { seq, fence } = granted;
      const { summary } = write;
      const status = statusOf(write.next);
      const listing: SagaListing = {
        id,
        machine,
        status,
        summary,
        parked: null,
        seq,
        createdAtMs: at,
        updatedAtMs: at,
        owner: this.#ownerBehind(write.next),
        unreadable: null,
      };
      const trace = traceOf(id, stored.trace);
      const inHand = {
        stored,
        fence,
        log: [],
        signals: [],
        rightUntil: 0,
        underWay: new Map(),
        inherited: new Set<string>(),
      };
      const outside = { poked: NO_SIGNALS, wake: NOBODY_WAITS };
      const held: Held = { id, machine, trace, listing, ...after, ...inHand, ...outside };
      this.#in.observe({ type: 'started', id, trace, machine, context: snapshot.context });
      this.#note(held, hops, write, seq);
      const { next } = write;
      if (next.kind === 'act') this.#take(held, granted, sentAt);
      // One that begins with a wait is nobody's from the start.
      else if (next.kind === 'wait') this.#onWaiting(id, next.delayMs, machine.id);
      else this.#settle(held, 0);
    };
    return { write, begin };
  }

  /** @throws where there is nothing to do for a saga that was claimed */
  assertActs({ signals, summary }: SagaRecord, asks: Asks): void {
    if (asks.kind !== 'activities' && signals.length === 0) {
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
      stored: { trace: record.trace, idempotency: null },
      listing: record,
      snapshot,
      asks,
      fence,
      log: null,
      signals,
      poked: NO_SIGNALS,
      wake: NOBODY_WAITS,
      rightUntil: 0,
      underWay: new Map(),
      inherited: new Set(activitiesIn(asks).map(({ name }) => name)),
    };
    this.#in.observe({ type: 'claimed', id, trace, state: record.summary.state, machine });
    this.#take(held, { fence, seq, remainingMs }, sentAt);
  }

  /** A saga in hand as it stands, where all of its history is at hand too. */
  history(id: string): SagaHistory | null {
    const saga = this.#held.get(id);
    return saga === undefined ? null : historyOf(saga);
  }

  /**
   * Something has come to a saga in hand. Where several things are under way for it, it is decided at once; one call alone it
   * waits for, as its mailbox does.
   * @param seq of the saga when it came
   */
  poke(id: string, signal: Signal, seq: number): void {
    const saga = this.#held.get(id);
    if (saga === undefined || isAnsweredBy(saga, seq)) return;
    saga.poked = [...saga.poked, signal];
    saga.wake();
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
    this.#places.enter(saga.machine.id);
    // Not awaited: it ends by itself, and a bug in it must end the process loudly as an unhandled rejection.
    void this.#run(saga);
  }

  #drop(id: string): void {
    const saga = this.#held.get(id);
    if (saga === undefined) return;
    this.#held.delete(id);
    this.#places.leave(saga.machine.id);
    this.#onFree();
  }

  async #run(saga: Held): Promise<void> {
    let acting = true;
    while (acting) {
      const step = await this.#perform(saga);
      acting = step !== null && (await this.#advance(saga, step));
    }
    for (const { cancel } of saga.underWay.values()) cancel();
    this.#renewals.remove(saga);
    this.#drop(saga.id);
  }

  /**
   * Does what the states ask for, until there is an event. What operators ask of a saga that stands still comes first; of
   * one that announces a call, it waits until that has settled.
   */
  async #perform(saga: Held): Promise<Performed> {
    if (this.#abandoned) return null;
    const activities = activitiesIn(saga.asks);
    const standsStill = !hasCall(saga.asks) || saga.listing.status === 'ABORTED';
    if (standsStill && saga.signals.length > 0) return FOR_SIGNALS;
    const [first, more] = activities;
    if (first === undefined) throw new Error(`saga ${saga.id} was taken up with nothing to do`);
    // The path of a saga that does one thing after the other: nothing is kept of it but what it awaits.
    if (more === undefined && saga.underWay.size === 0)
      return first.kind === 'call' ? this.#make(saga, first) : over(first, this.#in.clock.now());
    if (standsStill) return over(earliestOf(activities), this.#in.clock.now());
    return this.#beside.perform(saga, activities);
  }

  /**
   * Makes a call; `null` where the right to make it is over. A call that was put off is no call: nobody is told of it but by
   * the wait that it leads to.
   */
  async #make(saga: Held, { call, to, name: of }: CallActivity): Promise<Performed> {
    const { clock, participants, random, observe, tracing } = this.#in;
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
    const headers = tracing.isPropagated ? headersOf(trace, spanId) : {};
    // Where nothing undoes it nobody asks its participant later on: what was not done this time may have been done before.
    const isPerhapsDone = saga.inherited.delete(of) && !call.isUndoable;
    const reply = await participants.call(id, call, headers, endsAt, machine.id);
    if (saga.underWay.size === 0) this.#renewals.remove(saga);
    if (this.#abandoned) return null;
    const ms = clock.monotonic() - sentAt;
    if (reply.outcome !== 'deferred')
      observe({ type: 'called', id, trace, spanId, machine, call, ms, ...toldOf(reply) });
    const pollAfterMs = machine.pollAfterMs(call.step);
    const heard = { call, to, at: clock.now(), random, isPerhapsDone, pollAfterMs };
    return { event: eventOf(reply, heard), callMs: reply.outcome === 'deferred' ? null : ms, of };
  }

  /** Decides, commits, and takes the new state as its own. Answers whether there is more to do for it here. */
  async #advance(saga: Held, performed: NonNullable<Performed>): Promise<boolean> {
    const { event, callMs, of } = performed;
    const { id, machine, listing } = saga;
    const at = event?.at ?? this.#in.clock.now();
    const { createdAtMs, status: statusBefore } = listing;
    const overdue = machine.deadlineMs !== null && at >= createdAtMs + machine.deadlineMs;
    const { signals } = saga;
    let hops: readonly Hop[];
    try {
      const tell = this.#teller(saga);
      hops = decide({ machine, from: saga, status: statusBefore, signals, event, of, at, overdue, tell });
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error;
      await this.#setAside(saga, error);
      return false;
    }
    // What came of a call beside others, which nobody waits for any more, changes nothing; nor does what was answered already.
    if (hops.length === 0 && event?.type !== 'due') return true;
    const { parked: parkedBefore } = listing;
    const transition = {
      machine,
      hops,
      statusBefore,
      parkedBefore,
      at,
      callMs: rounded(callMs),
      createdAtMs,
    };
    const write = describe(transition, this.#writer(signals.length));

    const committed = await this.#commit(saga, write);
    if (committed === null) return false;
    const { result, sentAt } = committed;
    if (result.kind === 'signalled') {
      if (result.signals.some(({ sealed }) => sealed !== undefined)) return this.#giveBack(saga);
      // Somebody has asked for something meanwhile: what the outcome leads to is decided again.
      saga.signals = result.signals;
      return this.#advance(saga, performed);
    }
    if (result.kind === 'missing' && this.#isForgotten(saga)) {
      await this.#remember(saga, lastOf(hops).after.snapshot, write);
      return false;
    }
    if (result.kind !== 'committed') {
      this.#in.observe({ type: 'lost', id, trace: saga.trace, why: result.kind });
      return false;
    }
    const { after } = lastOf(hops);
    saga.snapshot = after.snapshot;
    saga.asks = after.asks;
    saga.signals = NO_SIGNALS;
    if (saga.poked.length > 0)
      saga.poked = saga.poked.filter(({ id }) => !signals.some((one) => one.id === id));
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
      owner: this.#ownerBehind(next),
      unreadable: null,
    };
    this.#note(saga, hops, write, seq);

    if (next.kind === 'act') return true;
    this.#drop(id);
    if (next.kind === 'wait') this.#onWaiting(id, next.delayMs, machine.id);
    else this.#settle(saga, Math.max(0, at - createdAtMs));
    return false;
  }

  /** As the store has it behind such a write. */
  #ownerBehind({ kind }: Write['next']): Owner | null {
    return kind === 'act' ? this.#in.owner : null;
  }

  /** Something has come for it that cannot be read here, because its key is elsewhere: whoever has that carries it on. */
  async #giveBack({ id, trace, fence }: Held): Promise<false> {
    const { store, observe } = this.#in;
    observe({ type: 'lost', id, trace, why: 'key-missing' });
    await this.#answered('release', id, () => store.release([{ id, fence }]));
    return false;
  }

  /** Says of which saga a transition differs. */
  #teller({ id, trace, machine }: Held): Tell {
    return (difference) => this.#in.observe({ type: 'transition-differs', id, trace, machine, difference });
  }

  /** Parks a saga whose own definition has failed, as it stands: nothing of others is touched, and a new release goes on with it. */
  async #setAside(saga: Held, error: DefinitionError): Promise<void> {
    const { id, trace, machine, snapshot, listing } = saga;
    const { clock, observe } = this.#in;
    observe({ type: 'definition-error', id, trace, machine, error });
    for (;;) {
      const stored = { ...listing, snapshot: machine.persist(snapshot), signals: saga.signals };
      const write = asideWrite(this.#writer(saga.signals.length), clock.now(), stored, {
        event: 'definitionError',
        reason: 'definition-error',
        error: error.message,
        held: machine.standing(snapshot.context, nameOf(snapshot.value)),
      });
      const committed = await this.#commit(saga, write);
      if (committed === null) return;
      const { result } = committed;
      if (result.kind === 'signalled') {
        saga.signals = result.signals;
        continue;
      }
      if (result.kind !== 'committed') {
        observe({ type: 'lost', id, trace, why: result.kind });
        return;
      }
      const parked = write.next.kind === 'park' ? write.next.parked : null;
      const at = clock.now();
      saga.listing = { ...listing, status: 'ABORTED', parked, seq: result.seq, updatedAtMs: at, owner: null };
      saga.log?.push({ ...write.entry, seq: result.seq });
      this.#drop(id);
      this.#settle(saga, Math.max(0, at - listing.createdAtMs));
      return;
    }
  }

  /**
   * Commits until the store has answered. Repeating is safe, since the store recognises its own write, and needed,
   * since the outcome of the call is known here alone. `null` where the coordinator lets go of the saga.
   */
  #commit(saga: Held, write: Write): Promise<{ result: CommitResult; sentAt: number } | null> {
    return this.#answered('commit', saga.id, () => this.#in.store.commit(saga.id, saga.fence, write));
  }

  /** @param doing what is asked of the store for a saga, as a person calls it */
  async #answered<T>(
    doing: string,
    id: string,
    ask: () => Promise<T>,
  ): Promise<{ result: T; sentAt: number } | null> {
    const { clock, observe } = this.#in;
    for (let delayMs: number = COMMIT_RETRY_MS.first; !this.#abandoned; delayMs *= 2) {
      const sentAt = clock.monotonic();
      try {
        return { result: await ask(), sentAt };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        observe({ type: 'store-fault', doing: `${doing} of saga ${id}`, error });
        await wait(clock, Math.min(delayMs, COMMIT_RETRY_MS.most));
      }
    }
    return null;
  }

  /**
   * Whether a saga that the store does not know was forgotten. Purged it can only be after others have taken it over, ended
   * it and kept it for its time, all of that since our right has ended.
   */
  #isForgotten({ rightUntil }: Held): boolean {
    const { clock, rights } = this.#in;
    return clock.monotonic() < rightUntil + rights.retentionMs;
  }

  /** Stores a saga anew that was forgotten, and tells of it. */
  async #remember(saga: Held, snapshot: SagaSnapshot, write: Write): Promise<void> {
    const { id, machine, trace, stored, log } = saga;
    const { store, clock, observe } = this.#in;
    const at = new Date(clock.now()).toISOString();
    // The calls that the write was to announce have not been made; those before it have.
    const held = machine.standing(snapshot.context, nameOf(saga.snapshot.value));
    const terms = machine.terms.of(snapshot.context.data);
    const remembered = { id, ...stored, machine, held, log: log ?? [], terms, write, at };
    const again = anew({ ...remembered, writeId: this.nextWriteId() });
    const doing = 'storing anew';
    let answer = await this.#answered(doing, id, () => store.create(again));
    // Somebody has used the key since, to order once more.
    if (answer !== null && 'id' in answer.result && answer.result.id !== id) {
      answer = await this.#answered(doing, id, () => store.create({ ...again, idempotency: null }));
    }
    if (answer === null) return;
    const { state } = write.summary;
    observe({ type: FORGOTTEN, id, trace, machine, state, held });
    const { result } = answer;
    const { next } = again;
    this.#drop(id);
    if (result.kind === 'created' && next.kind === 'end') {
      const ms = Math.max(0, clock.now() - saga.listing.createdAtMs);
      const reason = snapshot.context.failure?.reason ?? null;
      observe({ type: 'settled', id, trace, machine, status: next.status, ms, reason, parked: null });
      this.#onSettled(id, null);
    } else this.#onForgotten({ kind: FORGOTTEN, id, state, held, stored: result.kind === 'created' });
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
      const numbered = withSeq(one, seq - earlier.length + index);
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

/** The wait that is over first: somebody was given the saga because of it. */
function earliestOf(activities: readonly Activity[]): Activity {
  const until = (one: Activity) => (one.kind === 'call' ? 0 : one.until);
  return activities.reduce((first, one) => (until(one) < until(first) ? one : first));
}

type BeginStored = (id: string, granted: Granted, sentAt: number) => void;

/** What only some entries have. */
type Some = { [Name in keyof LogEntry]-?: undefined extends LogEntry[Name] ? Name : never }[keyof LogEntry];
const SOME = Object.keys({
  answer: true,
  replayed: true,
  by: true,
  reason: true,
  sealed: true,
} satisfies Record<Some, true>) as Some[];

/** Field by field where it has no more than any entry, which V8 does several times as fast as it copies. */
function withSeq(entry: LogEntry, seq: number): NumberedEntry {
  if (SOME.some((name) => entry[name] !== undefined)) return { ...entry, seq };
  const { at, event, from, to, step, kind, attempt, outcome, duration_ms, error } = entry;
  return { at, event, from, to, step, kind, attempt, outcome, duration_ms, error, seq };
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}
