/**
 * Finds sagas that somebody must look at, and takes them. One index of due times serves new work, retries, and owners
 * that are gone; there is no other scheduler.
 */
import {
  DefinitionError,
  nameOf,
  type RegisteredMachine,
  type Registry,
  type SagaSnapshot,
} from '../../machines/index.ts';
import {
  type Claimed,
  LABEL_TERM,
  type MachineRef,
  type SagaRecord,
  StoreUnavailableError,
  type Term,
  UNKNOWN_HELD,
  UNREADABLE,
  type WritesRefused,
} from '../../stores/saga-store.ts';
import { migrate } from './migrate.ts';
import type { Places } from './places.ts';
import type { Runner } from './runner.ts';
import { type SetAside, setAside } from './set-aside.ts';
import type { Surroundings } from './surroundings.ts';
import { traceOf } from './trace.ts';
import { KEY_MISSING } from './unlocking.ts';
import { summaryOf } from './write.ts';

export interface RecoverySettings {
  /** How often the due index is asked when nothing else calls for it. */
  readonly pollMs: number;
  /** Sagas claimed in one go. */
  readonly claimBatch: number;
  /** Lease of a claim: at least as long as the longest call may last. */
  readonly claimLeaseMs: number;
  /** Sagas whose waits are timed each by itself. */
  readonly alarmsMax: number;
  readonly purgeEveryMs: number;
  /** How much earlier than they should ended sagas may go where the store is nearly full; 0 for never. */
  readonly purgeEarlyMs: number;
  /** How long entries of the audit are kept, and how many at most. */
  readonly auditKeepMs: number;
  readonly auditEntriesMax: number;
  /** How long ago a saga has ended when its record is made smaller; 0 for never. */
  readonly compactAfterMs: number;
  /** How long ended sagas are kept. */
  readonly keepMs: number;
}

export class Recovery {
  readonly #in: Surroundings;
  readonly #registry: Registry;
  readonly #runner: Runner;
  readonly #places: Places;
  readonly #settings: RecoverySettings;
  readonly #each: () => Promise<void>;
  /** Ends the pauses of the rounds. */
  readonly #wakes = new Set<() => void>();
  /** Cancels the alarms of sagas that wait. */
  readonly #alarms = new Set<() => void>();
  /**
   * Room for which it is worth asking the store at once. For less it is asked once a round: where a full coordinator asked
   * for each place that is free, it would look through all indexes for every single saga.
   */
  readonly #roomWorth: number;
  #running = false;
  #storeAway = false;
  #failedInRound = false;
  #purgedAt: number;
  #isCompactFailing = false;
  #indexedAt: number;
  #triedAt: number;
  #refused: WritesRefused | null = null;
  #rooms: (() => void)[] = [];
  readonly #waking = new Set<Promise<unknown>>();
  #loops: Promise<unknown> = Promise.resolve();

  /** @param each is called once a round, for whatever else must look at the store as often */
  constructor(
    surroundings: Surroundings,
    registry: Registry,
    runner: Runner,
    places: Places,
    settings: RecoverySettings,
    each: () => Promise<void>,
  ) {
    this.#in = surroundings;
    this.#registry = registry;
    this.#runner = runner;
    this.#places = places;
    this.#settings = settings;
    this.#each = each;
    this.#roomWorth = Math.min(settings.claimBatch, Math.ceil(places.max / 10));
    this.#purgedAt = surroundings.clock.monotonic();
    // At once: a store that has none of an older release says so, and is not asked again.
    this.#indexedAt = Number.NEGATIVE_INFINITY;
    this.#triedAt = this.#purgedAt;
  }

  start(): void {
    this.#running = true;
    this.#loops = Promise.all([this.#adopt(), this.#poll(), this.#compact()]);
  }

  /** Resolves when nothing more will be claimed. */
  async stop(): Promise<void> {
    this.#running = false;
    this.free();
    for (const wake of [...this.#wakes]) wake();
    for (const cancel of this.#alarms) cancel();
    await Promise.all([this.#loops, ...this.#waking]);
  }

  /**
   * Looks at one saga as soon as its wait is over, rather than at the next round.
   * @param machine whose places it may take; `null` for one that somebody has asked for, which may take any
   */
  wakeAfter(id: string, delayMs: number, machine: string | null): void {
    // Where very many wait, because a participant is away, the rounds find what has no alarm.
    if (!this.#running || this.#alarms.size >= this.#settings.alarmsMax) return;
    // The store's clock decides; asking a little late saves asking twice.
    const cancel = this.#in.clock.after(delayMs + 2, () => {
      this.#alarms.delete(cancel);
      const room = () => (machine === null ? this.#places.free : this.#places.room(machine));
      const waking = this.#guarded('wake', () => this.#claim([id], machine, room)).finally(() =>
        this.#waking.delete(waking),
      );
      this.#waking.add(waking);
    });
    this.#alarms.add(cancel);
  }

  /** Somebody met a store that is away: the next round that succeeds says that it is back. */
  storeFailed(): void {
    this.#storeAway = true;
    this.#failedInRound = true;
  }

  /** What the store says to writes, while it refuses any: whether it answers questions says nothing of that. */
  get refused(): WritesRefused | null {
    return this.#refused;
  }

  /**
   * While the store has failed nothing else may come that is written: whoever balances has gone elsewhere. So it is tried
   * each round; and now and then while all is well, because a coordinator without orders would not notice.
   */
  async #tryWrite(): Promise<void> {
    const { store, clock, observe } = this.#in;
    const now = clock.monotonic();
    if (!this.#storeAway && now - this.#triedAt < TRY_WRITE_EVERY_MS) return;
    this.#triedAt = now;
    this.#refused = await store.tryWrite();
    if (this.#refused !== null) {
      observe({ type: 'store-fault', doing: 'a write that changes nothing', error: this.#refused.error });
    }
  }

  /** Not while anything fails: where only some of it does, that would be said again and again. */
  #noticeStoreBack(): void {
    if (!this.#storeAway || this.#failedInRound || this.#isCompactFailing) return;
    this.#storeAway = false;
    this.#in.observe({ type: 'store-back' });
  }

  /** There is room for one more. */
  free(): void {
    const rooms = this.#rooms;
    this.#rooms = [];
    for (const tell of rooms) tell();
  }

  /** At the start: what an older boot of this coordinator held is ours at once, whatever its lease says. */
  async #adopt(): Promise<void> {
    const { store } = this.#in;
    // Of whatever machine they are: what is kept for one, its sagas take as they are due.
    const room = () => this.#places.unkept;
    let cursor: string | null = null;
    while (this.#running) {
      if (room() <= 0) {
        await new Promise<void>((resolve) => this.#rooms.push(resolve));
        continue;
      }
      // More of it comes meanwhile; or less.
      if (room() < this.#roomWorth) await this.#pause();
      const limit = Math.min(room(), this.#settings.claimBatch);
      if (limit <= 0) continue;
      const page = await this.#guarded('adopt', async () => {
        const found = await store.running(this.#registry.takes(), cursor, limit);
        return { ...found, ...(await this.#claim(found.ids, null, room)) };
      });
      if (page === undefined) await this.#pause();
      // Those for which there was no room any more are asked for again.
      else if (page.passedOver === 0) {
        if (page.cursor === null) return;
        cursor = page.cursor;
      }
    }
  }

  async #poll(): Promise<void> {
    while (this.#running) {
      this.#failedInRound = false;
      const ms = this.#in.store.jumped();
      if (ms !== 0) this.#in.observe({ type: 'clock-jumped', ms });
      // Each by itself: what fails one of them, as a damaged key may for long, must not keep sagas from being taken up.
      await this.#guarded('round', this.#each);
      await this.#guarded('purge', () => this.#purge());
      await this.#guarded('index', () => this.#index());
      // Each machine by itself, too: where those of one fill every batch, the others' turn would never come. All in one
      // packet: a round takes no longer for many.
      const asked = [...this.#takes()].map(([machine, versions]) =>
        this.#guarded('poll', () => this.#pollFor(machine, versions)),
      );
      const more = (await Promise.all(asked)).includes(true);
      await this.#guarded('write', () => this.#tryWrite());
      this.#noticeStoreBack();
      if (!more) await this.#pause(this.#restMs());
    }
  }

  /**
   * While no saga is in anybody's hands, what comes into them is due a lease later at the soonest, and whoever has it times its waits:
   * so it is enough to look now and then.
   */
  #restMs(): number {
    const { pollMs, claimLeaseMs } = this.#settings;
    const { store, rights } = this.#in;
    const restMs = QUIET_POLLS * pollMs;
    return store.dueInMs(this.#registry.takes()) > Math.max(claimLeaseMs, rights.leaseMaxMs) + restMs
      ? restMs
      : pollMs;
  }

  /** Takes up what is due of one machine, and says whether there is more that is worth asking for at once. */
  async #pollFor(machine: string, versions: readonly MachineRef[]): Promise<boolean> {
    const room = () => this.#places.room(machine);
    const limit = Math.min(room(), this.#settings.claimBatch);
    if (limit <= 0) return false;
    const ids = await this.#in.store.due(versions, limit);
    const { taken } = await this.#claim(ids, machine, room);
    // Where none could be taken, asking again at once would find the same.
    return ids.length === limit && taken > 0 && limit >= this.#roomWorth;
  }

  /** What can be carried on here, by machine. */
  #takes(): ReadonlyMap<string, readonly MachineRef[]> {
    const takes = new Map<string, MachineRef[]>();
    for (const version of this.#registry.takes()) {
      const known = takes.get(version.id);
      if (known === undefined) takes.set(version.id, [version]);
      else known.push(version);
    }
    return takes;
  }

  /** Takes those that may be taken, as far as there is room. */
  async #claim(
    ids: readonly string[],
    machine: string | null,
    room: () => number,
  ): Promise<{ readonly taken: number; readonly passedOver: number }> {
    const { store, owner, clock } = this.#in;
    const free = ids.filter((id) => !this.#runner.has(id));
    const wanted = free.slice(0, Math.max(0, room()));
    const passedOver = free.length - wanted.length;
    if (wanted.length === 0 || !this.#running) return { taken: 0, passedOver };
    const sentAt = clock.monotonic();
    const at = new Date(clock.now()).toISOString();
    // Until they are in hand: their places must not be given twice.
    this.#places.enter(machine, wanted.length);
    try {
      const { claimLeaseMs } = this.#settings;
      const claimed = await store.claim(wanted, owner, claimLeaseMs, this.#runner.nextWriteId(), at);
      await Promise.all(claimed.map((claim) => this.#takeUp(claim, sentAt)));
      return { taken: claimed.length, passedOver };
    } finally {
      this.#places.leave(machine, wanted.length);
      this.free();
    }
  }

  /** Hands a saga that was claimed to the runner, on the version that carries it on. */
  async #takeUp(claim: Claimed, sentAt: number): Promise<void> {
    const { record } = claim;
    const { id, version } = record.machine;
    const machine = this.#registry.takerOf(id, version);
    const { unreadable, status } = record;
    if (record.keyMissing !== undefined) {
      await this.#setAside(record, new Error(unreadable ?? ''), AS_KEY_MISSING);
      return;
    }
    // One that is parked already was taken up for what an operator asked: to carry it on as far as it can be read.
    if (unreadable !== null && (status === 'STARTED' || machine === undefined || record.owner === null)) {
      await this.#setAside(record, new Error(unreadable));
      return;
    }
    if (machine === undefined) {
      // Somebody has moved it, since it was found here, to a version that is not known here.
      await this.#in.store.release([{ id: record.id, fence: record.fence }]);
      return;
    }
    if (record.owner === null) {
      this.#tellParked(record, machine);
      return;
    }
    let snapshot: SagaSnapshot;
    // One saga that cannot be read must not take down all others with its coordinator.
    try {
      snapshot = this.#registry.restore(record.machine, record.snapshot);
    } catch (error) {
      await this.#setAside(record, error as Error);
      return;
    }
    try {
      this.#runner.assertActs(record, machine.asks(snapshot));
    } catch (error) {
      if (error instanceof DefinitionError) await this.#setAsideDefined(record, machine, snapshot, error);
      else await this.#setAside(record, error as Error);
      return;
    }
    if (machine.version === version) {
      this.#runner.resume(claim, machine, snapshot, sentAt);
      return;
    }
    const moved = await migrate(this.#in, claim, machine, snapshot, this.#runner.nextWriteId());
    if (moved !== null) this.#runner.resume(moved.claim, machine, snapshot, moved.sentAt);
  }

  /** Parks a saga that cannot be read, with its snapshot as it is: a person must look at it, or the key must come. */
  async #setAside(record: SagaRecord, error: Error, aside = AS_UNREADABLE): Promise<void> {
    const { id, trace } = record;
    this.#in.observe({ type: 'unreadable', id, trace: traceOf(id, trace), error });
    // The store has done so itself, where nothing could be written.
    if (record.owner === null) return;
    await setAside(this.#in, this.#mended(record), this.#runner.nextWriteId(), {
      ...aside,
      error: error.message,
      held: UNKNOWN_HELD,
    });
  }

  /** Parks a saga whose own definition fails where it stands: it can be read, and so can what stands of it. */
  async #setAsideDefined(
    record: SagaRecord,
    machine: RegisteredMachine,
    snapshot: SagaSnapshot,
    error: DefinitionError,
  ): Promise<void> {
    const { id, trace } = record;
    this.#in.observe({ type: 'definition-error', id, trace: traceOf(id, trace), machine, error });
    await setAside(this.#in, record, this.#runner.nextWriteId(), {
      event: 'definitionError',
      reason: 'definition-error',
      error: error.message,
      held: machine.standing(snapshot.context, nameOf(snapshot.value)),
    });
  }

  /** What listings show of it is taken from its snapshot, where that can be read and the rest cannot. */
  #mended(record: SagaRecord): SagaRecord {
    const { machine: ref, snapshot } = record;
    const machine = this.#registry.takerOf(ref.id, ref.version);
    if (machine === undefined) return record;
    try {
      return { ...record, summary: summaryOf(machine, this.#registry.restore(ref, snapshot)) };
    } catch {
      return record;
    }
  }

  /** The store has parked it, because it was claimed too often and never came further. */
  #tellParked(
    { id, parked, createdAtMs, updatedAtMs, ...record }: SagaRecord,
    machine: RegisteredMachine,
  ): void {
    const trace = traceOf(id, record.trace);
    const ms = updatedAtMs - createdAtMs;
    const reason = parked?.reason ?? null;
    this.#in.observe({ type: 'settled', id, trace, machine, status: 'ABORTED', ms, reason, parked });
  }

  async #purge(): Promise<void> {
    const { store, clock, observe } = this.#in;
    if (clock.monotonic() - this.#purgedAt < this.#settings.purgeEveryMs) return;
    let removed = await store.purge(PURGE_BATCH);
    // What should have gone goes first; only then what could have stayed.
    if (removed < PURGE_BATCH && (await this.#mayPurgeEarly())) {
      removed = await store.purge(PURGE_BATCH, this.#settings.purgeEarlyMs);
      if (removed > 0) observe({ type: 'purged-early', count: removed });
    }
    // A full batch means that there is more: the next round goes on.
    if (removed === PURGE_BATCH) return;
    this.#purgedAt = clock.monotonic();
    const { auditKeepMs, auditEntriesMax } = this.#settings;
    await store.audit.trim(auditKeepMs, auditEntriesMax);
  }

  /**
   * Makes smaller what has rested, beside the rounds. While there is more it rests twice as long as a batch took: where little
   * else is done it keeps up with whatever ends, and where much is, sagas that run have their turn.
   */
  async #compact(): Promise<void> {
    const { store, clock } = this.#in;
    const { pollMs, purgeEveryMs, compactAfterMs, keepMs } = this.#settings;
    let restMs = purgeEveryMs;
    while (this.#running && compactAfterMs > 0) {
      await this.#pause(restMs);
      if (!this.#running) return;
      const from = clock.monotonic();
      const looked = await this.#guarded('compact', () =>
        store.compact(COMPACT_BATCH, compactAfterMs, keepMs),
      );
      this.#isCompactFailing = looked === undefined;
      if (looked === undefined) restMs = pollMs;
      else if (looked < COMPACT_BATCH) restMs = purgeEveryMs;
      else restMs = Math.max(REST_LEAST_MS, 2 * (clock.monotonic() - from));
    }
  }

  /** Makes found what an older release has written, a little in each round, so that nobody waits for it. */
  async #index(): Promise<void> {
    const { store, clock } = this.#in;
    if (clock.monotonic() - this.#indexedAt < this.#settings.purgeEveryMs) return;
    const looked = await store.index(INDEX_BATCH, (record) => this.#termsOf(record));
    if (looked < INDEX_BATCH) this.#indexedAt = clock.monotonic();
  }

  /** Of a saga that cannot be read here the label alone, which its listing has. */
  #termsOf({ machine: ref, snapshot, summary: { label } }: SagaRecord): readonly Term[] {
    const machine = this.#registry.takerOf(ref.id, ref.version);
    try {
      if (machine !== undefined) return machine.terms.of(this.#registry.restore(ref, snapshot).context.data);
    } catch {
      // As of a version that is not known here.
    }
    return label === null ? [] : [{ name: LABEL_TERM, value: label }];
  }

  async #mayPurgeEarly(): Promise<boolean> {
    if (this.#settings.purgeEarlyMs <= 0) return false;
    const { usedBytes, maxBytes } = await this.#in.store.memory();
    return maxBytes !== null && usedBytes >= NEARLY_FULL * maxBytes;
  }

  #pause(ms = this.#settings.pollMs): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#wakes.delete(wake);
        resolve();
      };
      const cancel = this.#in.clock.after(ms, wake);
      this.#wakes.add(wake);
    });
  }

  /** The store may fail at any time; the next round asks again. */
  async #guarded<T>(doing: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.#in.observe({ type: 'store-fault', doing, error });
      return undefined;
    }
  }
}

/** How the two are told apart of which nothing can be read: the one is damaged, the other heals when its key comes. */
type Unread = Pick<SetAside, 'event' | 'reason'>;
const AS_UNREADABLE: Unread = { event: UNREADABLE, reason: UNREADABLE };
const AS_KEY_MISSING: Unread = { event: 'keyMissing', reason: KEY_MISSING };

/** How many times as rarely it looks while nothing is in hand. */
const QUIET_POLLS = 10;
const PURGE_BATCH = 500;
const COMPACT_BATCH = 200;
/** Between two batches, however fast the first was. */
const REST_LEAST_MS = 10;
const INDEX_BATCH = 100;
/** The part of its memory at which a store is nearly full: the alert of that name says the same. */
const NEARLY_FULL = 0.9;
/** How often a write is tried while all is well. */
const TRY_WRITE_EVERY_MS = 20_000;
