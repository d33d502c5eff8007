/** The engine's face: takes commands, hands sagas to the runner, and answers from the store. */
import type { RegisteredMachine, Registry, SagaContext, SagaSnapshot } from '../../machines/index.ts';
import {
  type Backlog,
  type CreateResult,
  type Filter,
  type Idempotency,
  listingOf,
  type NewSaga,
  type SagaRecord,
  type SagaStatus,
  type Statistics,
  type StoreInfo,
  StoreUnavailableError,
  type Tally,
  type WritesRefused,
} from '../../stores/saga-store.ts';
import { ChangeFeed, type ChangesSettings } from './changes.ts';
import { timeOf, wait } from './clock.ts';
import type {
  Coordinating,
  Headroom,
  InquiryResult,
  KnownStart,
  Operation,
  OperationResult,
  OutsideEvent,
  ParticipantState,
  Reported,
  ReportResult,
  SagaEngine,
  SagaHistory,
  SagaListing,
  SagaPage,
  SagaView,
  SendResult,
  StartRequest,
  StartResult,
  Watch,
  WatchRequest,
  WhatIfResult,
} from './contract.ts';
import { ForgottenError, forgottenElsewhere } from './contract.ts';
import { HeadroomGauge } from './headroom.ts';
import { type Put, report, send } from './incoming.ts';
import { inquire } from './inquiry.ts';
import { canTake, foresee, operate } from './operate.ts';
import { Places } from './places.ts';
import { Recount } from './recount.ts';
import { Recovery, type RecoverySettings } from './recovery.ts';
import { Runner } from './runner.ts';
import type { Surroundings } from './surroundings.ts';
import { storedTrace, traceOf } from './trace.ts';
import { Unlocking } from './unlocking.ts';
import { type VersionSettings, Versions } from './versions.ts';
import { Waiters } from './waiters.ts';
import { startActOf } from './write.ts';

/** A create whose answer was lost is repeated this often before the client is told that it is unknown. */
const CREATE_ATTEMPTS_MAX = 4;
const CREATE_RETRY_MS = 50;

export interface EngineSettings extends RecoverySettings, VersionSettings, ChangesSettings {
  readonly inHandMax: number;
  /** Of these places, per cent that are kept for machines in equal parts. */
  readonly inHandKeptPercent: number;
  /** Clients that wait for a saga to settle, of all sagas together. */
  readonly waitersMax: number;
}

export class Engine implements SagaEngine {
  readonly #in: Surroundings;
  readonly #registry: Registry;
  readonly #places: Places;
  readonly #runner: Runner;
  readonly #waiters: Waiters;
  readonly #recovery: Recovery;
  readonly #versions: Versions;
  readonly #unlocking: Unlocking;
  readonly #recount: Recount;
  readonly #headroom: HeadroomGauge;
  readonly #changes: ChangeFeed;
  #draining = false;
  #creating = 0;
  #onIdle: (() => void) | null = null;

  constructor(given: Surroundings, registry: Registry, settings: EngineSettings) {
    const surroundings: Surroundings = {
      ...given,
      clock: timeOf(given.store, given.clock),
      observe: (event) => {
        if (event.type === 'store-fault') this.#recovery.storeFailed();
        given.observe(event);
      },
    };
    this.#in = surroundings;
    this.#registry = registry;
    const machines = new Set(registry.takes().map(({ id }) => id));
    this.#places = new Places(settings.inHandMax, machines, settings.inHandKeptPercent);
    this.#waiters = new Waiters(surroundings.store, surroundings.clock, settings.waitersMax);
    this.#changes = new ChangeFeed(surroundings, settings);
    this.#runner = new Runner(surroundings, this.#places, {
      settled: (id, history) => this.#waiters.settled(id, history ?? 'elsewhere'),
      // Stored anew as it ended it is whole again; else whoever waits must hear of it.
      forgotten: (what) => this.#waiters.settled(what.id, what),
      waiting: (id, delayMs, machine) => this.#recovery.wakeAfter(id, delayMs, machine),
      free: () => {
        this.#recovery.free();
        this.#noticeIdle();
      },
    });
    this.#headroom = new HeadroomGauge(surroundings.store, surroundings.clock);
    this.#versions = new Versions(surroundings, registry, settings, () => this.#runner.nextWriteId());
    this.#unlocking = new Unlocking(surroundings, registry, () => this.#runner.nextWriteId());
    this.#recount = new Recount(surroundings, () => this.#runner.nextWriteId());
    this.#recovery = new Recovery(surroundings, registry, this.#runner, this.#places, settings, async () => {
      await this.#waiters.look((id) => this.#runner.has(id));
      await this.#versions.round();
      await this.#unlocking.round();
      await this.#recount.round();
    });
  }

  /**
   * Tells the store which machines run here; while the engine is open it goes on doing so.
   * @throws MachineChangedError where one of them was changed under the same version
   */
  declare(): Promise<void> {
    return this.#versions.declare();
  }

  /** Takes that back, for a coordinator that ends. */
  withdraw(): Promise<void> {
    return this.#versions.withdraw();
  }

  /** Begins to take up what is due. */
  open(): void {
    this.#recovery.start();
  }

  get store(): StoreInfo {
    return this.#in.store.info;
  }

  get audit(): SagaEngine['audit'] {
    return this.#in.store.audit;
  }

  coordinators(): Promise<Coordinating[]> {
    return this.#versions.coordinators();
  }

  get history(): SagaEngine['history'] {
    return this.#in.store.history;
  }

  get machines(): readonly RegisteredMachine[] {
    return this.#registry.all();
  }

  get draining(): boolean {
    return this.#draining;
  }

  get inHand(): number {
    return this.#runner.size;
  }

  get participants(): Readonly<Record<string, ParticipantState>> {
    return this.#in.participants.states;
  }

  async start(request: StartRequest): Promise<StartResult> {
    if (this.#draining) return { kind: 'refused', why: 'draining' };
    if (this.#places.roomToStart(request.machine.id) <= 0) return this.#joined(request);

    const id = this.#in.store.newId(request.idempotency?.key ?? null);
    return this.#within(request.patienceMs, this.#begin(id, request), { kind: 'unknown', id });
  }

  /** While there is no room: what has begun is joined all the same, and asks for no place. */
  async #joined({ idempotency, patienceMs }: StartRequest): Promise<StartResult> {
    const refused: StartResult = { kind: 'refused', why: 'overloaded' };
    if (idempotency === null) return refused;
    try {
      return (await this.known(idempotency, patienceMs)) ?? refused;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return { kind: 'refused', why: 'store-unavailable' };
    }
  }

  async known(idempotency: Idempotency, patienceMs: number): Promise<KnownStart | null> {
    const known = await this.#within(patienceMs, this.#in.store.known(idempotency), null);
    return known?.kind === 'exists' ? { kind: 'joined', id: known.id } : known;
  }

  /** What comes of it, or `otherwise` where that takes too long; it goes on all the same, and a bug in it is thrown. */
  #within<T>(ms: number, coming: Promise<T>, otherwise: T): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#in.clock.after(ms, () => resolve(otherwise));
      coming.then(resolve, reject).finally(cancel);
    });
  }

  async #begin(id: string, request: StartRequest): Promise<StartResult> {
    // Until the saga is in hand: a drain must not find the coordinator idle in between.
    const { id: machine } = request.machine;
    this.#creating += 1;
    this.#places.enter(machine);
    try {
      return await this.#store(id, request);
    } finally {
      this.#creating -= 1;
      this.#places.leave(machine);
      this.#noticeIdle();
    }
  }

  async #store(id: string, { machine, input, idempotency, ...asked }: StartRequest): Promise<StartResult> {
    const { tracing, clock, observe } = this.#in;
    const trace = storedTrace(id, asked.trace, tracing, clock.now());
    const begun = machine.begin({ ...input, at: clock.now() }, (difference) =>
      observe({ type: 'transition-differs', id, trace: traceOf(id, trace), machine, difference }),
    );
    const { write, begin } = this.#runner.prepare(machine, begun, { trace, idempotency });
    const { id: name, version, structure } = machine;
    const acts = asked.act && [startActOf(asked.act, write, machine, clock.now())];
    const saga = { id, machine: { id: name, version, structure }, trace, idempotency };
    const created = await this.#create(Object.assign(saga, write, acts && { acts }));
    if ('kind' in created) return created;
    const { result, sentAt } = created;
    switch (result.kind) {
      case 'created':
        begin(id, result, sentAt);
        return { kind: 'started', id };
      case 'exists':
        return { kind: 'joined', id: result.id };
      case 'key-reused':
        return result;
      case 'full':
        return { kind: 'refused', why: 'store-full' };
      default:
        return result satisfies never;
    }
  }

  async settled(id: string, waitMs: number): Promise<SagaHistory | null> {
    if (!this.#runner.has(id)) {
      const status = await this.#statusOf(id);
      if (status === null) throw new ForgottenError(forgottenElsewhere(id));
      if (status !== 'STARTED') return this.get(id);
    }
    if (waitMs <= 0 || this.#draining) return null;
    const waited = await this.#waiters.wait(id, waitMs);
    if (waited === 'elsewhere') return this.get(id);
    if (waited !== null && 'kind' in waited) throw new ForgottenError(waited);
    return waited;
  }

  async get(id: string): Promise<SagaHistory | null> {
    const { store } = this.#in;
    const [record, log] = await Promise.all([store.get(id), store.log(id)]);
    return record === null ? null : { saga: this.#viewOf(record), log };
  }

  glance(ids: readonly string[]): Promise<(SagaListing | null)[]> {
    return Promise.all(
      ids.map(async (id) => {
        const record = await this.#in.store.get(id);
        return record && listingOf(record);
      }),
    );
  }

  async seqOf(id: string): Promise<number | null> {
    return (await this.#in.store.get(id))?.seq ?? null;
  }

  async current(id: string): Promise<SagaHistory | null> {
    return this.#runner.history(id) ?? this.get(id);
  }

  async list(filter: Filter, cursor: string | null, limit: number): Promise<SagaPage> {
    return this.#in.store.list(filter, cursor, limit);
  }

  async retryable(filter: Filter, cursor: string | null, limit: number): Promise<SagaPage> {
    const { store, clock } = this.#in;
    const { sagas, ...page } = await store.list(filter, cursor, limit);
    const retry = { id: '', kind: 'retry', atMs: clock.now(), by: '', reason: '' } as const;
    const found: SagaListing[] = [];
    // Only its whole record says so of a saga, and a page of them may be more than should be held at once.
    for (const saga of sagas) {
      const record = await store.get(saga.id);
      if (record !== null && canTake(this.#registry, record, retry)) found.push(saga);
    }
    return { ...page, sagas: found };
  }

  async operate(id: string, operation: Operation): Promise<OperationResult> {
    const mark = { id: this.#runner.nextWriteId(), atMs: this.#in.clock.now() };
    const result = await operate(this.#in.store, this.#registry, id, operation, mark);
    // What nobody owns is taken up here and now; an owner learns of it by itself.
    if (result.kind === 'accepted' && result.isFree) this.#recovery.wakeAfter(id, 0, null);
    return result;
  }

  async whatIf(id: string, operation: Omit<Operation, 'ifSeq'>): Promise<WhatIfResult> {
    const { store, clock, observe } = this.#in;
    const signal = { ...operation, id: '', atMs: clock.now() };
    return foresee(store, this.#registry, id, signal, ({ trace }, machine) => (difference) => {
      observe({ type: 'transition-differs', id, trace: traceOf(id, trace), machine, difference });
    });
  }

  inquire(id: string, step: string): Promise<InquiryResult> {
    return inquire(this.#in, this.#registry, id, step);
  }

  async send(id: string, event: OutsideEvent): Promise<SendResult> {
    const { store, clock } = this.#in;
    const sent = await send(store, this.#registry, id, event, clock.now());
    return sent.kind === 'accepted' ? this.#put(id, sent.put) : sent;
  }

  async report(id: string, reported: Reported): Promise<ReportResult> {
    const sent = await report(this.#in.store, this.#registry, id, reported, this.#in.clock.now());
    if (!('put' in sent)) return sent;
    this.#put(id, sent.put);
    return { kind: sent.kind };
  }

  /** What nobody owns is taken up here and now; where it is in hand here, that is told. */
  #put(id: string, put: Put): { readonly kind: 'accepted' } {
    if (put?.isFree) this.#recovery.wakeAfter(id, 0, null);
    else if (put !== null) this.#runner.poke(id, put.signal, put.seq);
    return { kind: 'accepted' };
  }

  watch(request: WatchRequest): Watch | 'draining' | 'full' {
    return this.#draining ? 'draining' : (this.#changes.watch(request) ?? 'full');
  }

  position(): Promise<string> {
    return this.#changes.position();
  }

  statistics(): Promise<Statistics> {
    return this.#in.store.statistics();
  }

  tally(): Promise<Tally> {
    return this.#in.store.tally();
  }

  get uncounted(): number {
    return this.#recount.left;
  }

  backlog(): Promise<Backlog> {
    return this.#in.store.backlog(this.#registry.takes());
  }

  headroom(): Promise<Headroom> {
    return this.#headroom.read();
  }

  ping(): Promise<void> {
    return this.#in.store.ping();
  }

  get writesRefused(): WritesRefused | null {
    return this.#recovery.refused;
  }

  /**
   * Takes nothing new, gives every saga back as soon as its call has settled, and after `graceMs` leaves the rest to
   * recovery, with its leases released.
   */
  async drain(graceMs: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    this.#runner.yieldAll();
    this.#waiters.dismissAll();
    this.#changes.close();
    await this.#recovery.stop();
    await new Promise<void>((resolve) => {
      const cancel = this.#in.clock.after(graceMs, resolve);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
      this.#noticeIdle();
    });
    try {
      await this.#runner.abandonAll();
    } catch (error) {
      // Their leases end by themselves.
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.#in.observe({ type: 'store-fault', doing: 'release', error });
    }
  }

  #noticeIdle(): void {
    if (this.#runner.size + this.#creating === 0) this.#onIdle?.();
  }

  /** Repeats a create whose answer was lost; the store recognises its own. */
  async #create(saga: NewSaga): Promise<{ result: CreateResult; sentAt: number } | StartFault> {
    const { store, clock, observe } = this.#in;
    let perhapsStored = false;
    for (let attempt = 1; attempt <= CREATE_ATTEMPTS_MAX; attempt += 1) {
      const sentAt = clock.monotonic();
      try {
        const result = await store.create(saga);
        // One that was sent before and lost may still arrive, when there is room again.
        if (result.kind === 'full' && perhapsStored) break;
        return { result, sentAt };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        observe({ type: 'store-fault', doing: `create of saga ${saga.id}`, error });
        perhapsStored ||= !error.notSent;
        // What was surely not stored is refused at once: the client knows best whether to try again.
        if (!perhapsStored) break;
        await wait(clock, CREATE_RETRY_MS * 2 ** attempt);
      }
    }
    return perhapsStored ? { kind: 'unknown', id: saga.id } : { kind: 'refused', why: 'store-unavailable' };
  }

  async #statusOf(id: string): Promise<SagaStatus | null> {
    try {
      const [status = 'STARTED'] = await this.#in.store.statuses([id]);
      return status;
    } catch (error) {
      // Whoever waits goes on waiting: the rounds of recovery ask again.
      if (!(error instanceof StoreUnavailableError)) throw error;
      return 'STARTED';
    }
  }

  #viewOf(record: SagaRecord): SagaView {
    const { id, version } = record.machine;
    const own = this.#registry.get(id, version);
    const machine = own ?? this.#registry.takerOf(id, version);
    const steps = machine?.steps.map(({ name }) => name) ?? [];
    const restore = () =>
      own ? own.restore(record.snapshot) : this.#registry.restore(record.machine, record.snapshot);
    const { traceId } = traceOf(record.id, record.trace);
    return { ...listingOf(record), context: shownContext(machine, restore), steps, traceId };
  }
}

/** Which facts of an unknown machine are secret is not known either, and a snapshot may be unreadable: then none is shown. */
function shownContext(machine: RegisteredMachine | undefined, restore: () => SagaSnapshot): SagaContext {
  try {
    if (machine !== undefined) return machine.redacted(restore().context);
  } catch {
    // The saga is parked for it; whoever looks at it still sees its log.
  }
  return { data: {}, answers: {}, attempt: 1, retryAt: null, failure: null, held: [], undone: [] };
}

/** What is shown of a record: its snapshot holds the secrets, so a view must not carry it. */
type StartFault = Extract<StartResult, { kind: 'unknown' | 'refused' }>;
