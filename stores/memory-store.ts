/**
 * The contract in plain words of JavaScript: the reference that the conformance suite and the model test hold
 * other stores against, the engine of simulations, and the embedded store where there is no Redis.
 * Given its clock and its randomness it is deterministic; every operation is atomic because none of them awaits.
 */
import {
  assertLimit,
  assertMigration,
  assertNewSaga,
  assertSpan,
  assertWrite,
  spanOf,
} from './assertions.ts';
import { append } from './log.ts';
import { MemoryAudit } from './memory-audit.ts';
import { MemoryCauses } from './memory-causes.ts';
import { MemoryChanges } from './memory-changes.ts';
import { MemoryDeclarations } from './memory-declarations.ts';
import { MemoryHistory } from './memory-history.ts';
import { MemoryNotes } from './notes.ts';
import { cursorAfter, LOOKED_AT_MAX, newestFirst, uuidAbove } from './paging.ts';
import { assertPartitions, bornAtMs, idMaker, partitionOf, shareOf, uuidOf } from './partition.ts';
import {
  type AuditKey,
  type Backlog,
  BadCursorError,
  type Changes,
  CLAIMS_MAX,
  type Claimed,
  type CommitResult,
  type Counts,
  type CreateResult,
  claimsExhausted,
  type Declared,
  type Disagreement,
  EXHAUSTED,
  type Fence,
  type Filter,
  type Granted,
  type Idempotency,
  IN_FLIGHT_MAX,
  isIdSought,
  isTermSought,
  type Known,
  listingOf,
  type MachineRef,
  type MigrateResult,
  type Migration,
  matches,
  type NewSaga,
  type Next,
  type NumberedEntry,
  type Owner,
  PARKED_COUNTER,
  type Page,
  type Parked,
  type SagaListing,
  type SagaRecord,
  type SagaStatus,
  type SagaStore,
  SIGNALS_MAX,
  type Signal,
  type SignalResult,
  type Sought,
  type Statistics,
  type StoreInfo,
  type StoreMemory,
  soughtBy,
  type Tally,
  type Term,
  takenFrom,
  takenOver,
  valuesOf,
  type Write,
} from './saga-store.ts';
import { newSecret } from './secret.ts';
import { BUCKETS, type Bucket, bucketAt, perMinute } from './throughput.ts';

/** All that the store holds of one saga. */
interface Saga {
  record: SagaRecord;
  readonly log: NumberedEntry[];
  readonly key: string | null;
  /** What this saga added to counters that are lowered again when it is purged. */
  readonly held: Map<string, number>;
  /** What it will add to all counters when it is called for no more. */
  readonly owed: Map<string, number>;
  /** Who took it since the last commit, as `boot name`, but for those that gave it back. */
  readonly takers: Set<string>;
  /** By what it is found. */
  readonly terms: Term[];
  purgeAtMs: number | null;
}

export interface MemoryStoreOptions {
  /** Milliseconds; may stand still, must not run backwards. */
  readonly now: () => number;
  /** In [0, 1). Left out, ids come from the system's secure randomness. */
  readonly random?: () => number;
  readonly partitions?: number;
  /** Boots that claim a saga without a commit between them; the next one parks it. */
  readonly claimsMax?: number;
  /** Sagas that are STARTED at once, over all partitions. */
  readonly inFlightMax?: number;
  /** Changes kept of each partition. */
  readonly streamMax?: number;
  /** By which the entries of the audit are sealed; none unless set. */
  readonly auditKey?: AuditKey | undefined;
}

export class MemoryStore implements SagaStore {
  readonly info: StoreInfo;
  readonly audit: MemoryAudit;
  readonly history = new MemoryHistory();
  readonly notes = new MemoryNotes();
  readonly newId: (key: string | null) => string;
  readonly #claimsMax: number;
  readonly #now: () => number;
  readonly #sagas = new Map<string, Saga>();
  readonly #keys = new Map<string, { readonly id: string; readonly digest: string }>();
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #settled: Bucket[] = Array(BUCKETS).fill({ number: 0, count: 0 });
  readonly #boots = new Map<string, number>();
  #secret: string | null = null;
  /** STARTED sagas of each partition. */
  readonly #inFlight: number[];
  readonly #inFlightMax: number;
  readonly #changes: MemoryChanges;
  readonly #causes = new MemoryCauses();
  readonly #declarations = new MemoryDeclarations();

  constructor({
    now,
    random,
    partitions = 16,
    claimsMax = CLAIMS_MAX,
    inFlightMax = IN_FLIGHT_MAX,
    streamMax = 1_000,
    auditKey,
  }: MemoryStoreOptions) {
    assertPartitions(partitions);
    this.#claimsMax = claimsMax;
    this.#inFlight = Array.from({ length: partitions }, () => 0);
    this.#inFlightMax = shareOf(inFlightMax, partitions);
    this.#changes = new MemoryChanges(partitions, streamMax, now);
    this.#now = now;
    this.audit = new MemoryAudit(partitions, now, auditKey ?? null);
    this.newId = idMaker({ partitions, now, random });
    this.info = {
      kind: 'memory',
      durability: 'in memory: nothing survives a restart',
      survivesRestart: false,
      partitions,
    };
  }

  now(): number {
    return Math.floor(this.#now());
  }

  jumped(): number {
    return 0;
  }

  async boot(name: string): Promise<number> {
    const boot = (this.#boots.get(name) ?? 0) + 1;
    this.#boots.set(name, boot);
    return boot;
  }

  async secret(): Promise<string> {
    this.#secret ??= newSecret();
    return this.#secret;
  }

  async declare(
    machines: readonly MachineRef[],
    owner: Owner,
    leaseMs: number,
  ): Promise<readonly Disagreement[]> {
    assertSpan('leaseMs', leaseMs);
    return this.#declarations.declare(machines, owner, leaseMs, this.#now(), (machine) =>
      [...this.#records()].some((saga) => isUnfinished(saga) && runsOn(saga.machine, [machine])),
    );
  }

  async gone(afterMs: number): Promise<MachineRef[]> {
    assertSpan('afterMs', afterMs);
    return this.#declarations.endedBy(this.#now() - afterMs);
  }

  async declared(): Promise<Declared[]> {
    return this.#declarations.declared(this.#now());
  }

  async create(saga: NewSaga): Promise<CreateResult> {
    const partition = assertNewSaga(saga, this.info.partitions);
    const { id, idempotency } = saga;
    const known = idempotency && this.#known(idempotency);
    if (known?.kind === 'key-reused' || (known && known.id !== id)) return known;
    const existing = this.#sagas.get(id);
    if (existing) {
      return sameFence(existing.record.fence, { revision: 1, writeId: saga.writeId })
        ? { kind: 'created', ...this.#granted(existing.record) }
        : { kind: 'exists', id };
    }
    const runs = saga.next.kind === 'act' || saga.next.kind === 'wait';
    if (runs && (this.#inFlight[partition] ?? 0) >= this.#inFlightMax) return { kind: 'full' };
    if (idempotency) this.#keys.set(idempotency.key, { id, digest: idempotency.digest });
    const created = this.#write(
      { id, machine: saga.machine, trace: saga.trace, createdAtMs: this.#now() },
      1,
      saga,
      {
        log: [],
        key: idempotency?.key ?? null,
        held: new Map(),
        owed: new Map(),
        terms: [],
      },
    );
    this.#sagas.set(id, created);
    this.#tell(id, 1, saga);
    this.#wrote(null, created.record);
    return { kind: 'created', ...this.#granted(created.record) };
  }

  async known(idempotency: Idempotency): Promise<Known | null> {
    return this.#known(idempotency);
  }

  #known({ key, digest }: Idempotency): Known | null {
    const first = this.#keys.get(key);
    if (first === undefined) return null;
    return { kind: first.digest === digest ? 'exists' : 'key-reused', id: first.id };
  }

  async commit(id: string, expected: Fence, write: Write): Promise<CommitResult> {
    assertWrite(write);
    const saga = this.#sagas.get(id);
    if (!saga) return { kind: 'missing' };
    const revision = expected.revision + 1;
    if (sameFence(saga.record.fence, expected)) {
      const { signals } = saga.record;
      if (signals.length !== (write.signalsSeen ?? 0)) return { kind: 'signalled', signals };
      const { status } = saga.record;
      Object.assign(saga, this.#write(saga.record, revision, write, saga));
      this.#tell(id, revision, write);
      this.#wrote(status, saga.record);
    } else if (!sameFence(saga.record.fence, { revision, writeId: write.writeId })) {
      return { kind: 'stale' };
    }
    return { kind: 'committed', ...this.#granted(saga.record) };
  }

  async migrate(id: string, expected: Fence, migration: Migration): Promise<MigrateResult> {
    assertMigration(migration);
    const saga = this.#sagas.get(id);
    if (!saga) return { kind: 'missing' };
    const { writeId, machine, snapshot, summary, entry, counts, terms = [] } = migration;
    const fence = { revision: expected.revision + 1, writeId };
    const stands = saga.record.fence;
    if (sameFence(stands, expected)) {
      const seq = append(saga.log, entry);
      this.#raise(machine, counts, saga.held);
      saga.terms.push(...terms);
      const changed = { machine, fence, snapshot, summary, seq, updatedAtMs: this.#now() };
      saga.record = { ...saga.record, ...changed };
      this.#changes.announce(saga.record);
    } else if (!sameFence(stands, fence)) {
      return { kind: 'stale' };
    }
    return { kind: 'committed', ...this.#granted(saga.record) };
  }

  async claim(
    ids: readonly string[],
    owner: Owner,
    leaseMs: number,
    writeId: string,
    at: string,
  ): Promise<Claimed[]> {
    assertSpan('leaseMs', leaseMs);
    const claimed: Claimed[] = [];
    for (const id of new Set(ids)) {
      const saga = this.#sagas.get(id);
      if (saga === undefined || !isClaimable(saga.record)) continue;
      // A repetition of this claim finds its own write under a lease that still runs, and is granted what remains.
      if (saga.record.fence.writeId !== writeId || this.#remainingMs(saga.record) === 0) {
        if (!this.#mayBeTaken(saga.record, owner)) continue;
        const { status, seq } = saga.record;
        saga.takers.add(takerOf(owner));
        const exhausted = saga.takers.size > this.#claimsMax && status === 'STARTED';
        saga.record = exhausted ? this.#parked(saga, at) : this.#taken(saga, owner, leaseMs, at);
        const fence = { revision: saga.record.fence.revision + 1, writeId };
        saga.record = { ...saga.record, fence };
        if (saga.record.seq > seq) this.#wrote(status, saga.record);
      }
      claimed.push({ record: saga.record, remainingMs: this.#remainingMs(saga.record) });
    }
    return claimed;
  }

  async signal(id: string, signal: Signal, expectedSeq: number): Promise<SignalResult> {
    const saga = this.#sagas.get(id);
    if (!saga) return { kind: 'missing' };
    const { status, seq, signals, owner } = saga.record;
    if (status === 'COMPLETED' || status === 'FAILED') return { kind: 'ended' };
    if (signals.some((one) => one.id === signal.id)) return { kind: 'accepted' };
    if (seq !== expectedSeq) return { kind: 'moved', seq };
    if (signals.length >= SIGNALS_MAX) return { kind: 'full' };
    saga.record = { ...saga.record, signals: [...signals, signal] };
    if (owner === null) saga.record = { ...saga.record, dueAtMs: this.#now() };
    return { kind: 'accepted' };
  }

  async renew(
    held: readonly { readonly id: string; readonly fence: Fence }[],
    leaseMs: number,
  ): Promise<(number | null)[]> {
    assertSpan('leaseMs', leaseMs);
    return held.map(({ id, fence }) => {
      const saga = this.#sagas.get(id);
      if (!saga?.record.owner || !sameFence(saga.record.fence, fence)) return null;
      const dueAtMs = Math.max(saga.record.dueAtMs ?? 0, this.#now() + leaseMs);
      saga.record = { ...saga.record, dueAtMs };
      return this.#remainingMs(saga.record);
    });
  }

  async release(held: readonly { readonly id: string; readonly fence: Fence }[]): Promise<void> {
    for (const { id, fence } of held) {
      const saga = this.#sagas.get(id);
      // A saga that nobody owns is not held: its back-off is left alone.
      if (!saga?.record.owner || !sameFence(saga.record.fence, fence)) continue;
      saga.takers.delete(takerOf(saga.record.owner));
      saga.record = { ...saga.record, owner: null, dueAtMs: this.#now() };
    }
  }

  async due(machines: readonly MachineRef[], limit: number): Promise<string[]> {
    assertLimit(limit);
    const due: { readonly id: string; readonly atMs: number }[] = [];
    for (const { id, machine, dueAtMs } of this.#records()) {
      if (dueAtMs === null || dueAtMs > this.#now()) continue;
      if (runsOn(machine, machines)) due.push({ id, atMs: dueAtMs });
    }
    due.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
    return due.slice(0, limit).map(({ id }) => id);
  }

  /** To ask costs nothing here. */
  dueInMs(_machines: readonly MachineRef[]): number {
    return 0;
  }

  async running(
    machines: readonly MachineRef[],
    cursor: string | null,
    limit: number,
  ): Promise<{ readonly ids: readonly string[]; readonly cursor: string | null }> {
    assertLimit(limit);
    if (cursor !== null && partitionOf(cursor, this.info.partitions) === null) {
      throw new BadCursorError('The cursor is not one that running() gave');
    }
    const ids = [...this.#records()]
      .filter(({ id, status }) => status === 'STARTED' && (cursor === null || id > cursor))
      .filter(({ machine }) => runsOn(machine, machines))
      .map(({ id }) => id)
      .sort();
    const page = ids.slice(0, limit);
    return { ids: page, cursor: ids.length > limit ? (page.at(-1) ?? null) : null };
  }

  async get(id: string): Promise<SagaRecord | null> {
    return this.#sagas.get(id)?.record ?? null;
  }

  async statuses(ids: readonly string[]): Promise<(SagaStatus | null)[]> {
    return ids.map((id) => this.#sagas.get(id)?.record.status ?? null);
  }

  async log(id: string): Promise<NumberedEntry[]> {
    return [...(this.#sagas.get(id)?.log ?? [])];
  }

  async list(filter: Filter, cursor: string | null, limit: number): Promise<Page> {
    assertLimit(limit);
    const below = uuidAbove(filter, cursor);
    const sought = soughtBy(filter);
    const ids = [...this.#sagas.keys()]
      .filter(
        (id) => (below === null || uuidOf(id) < below) && (sought === null || this.#isFound(id, sought)),
      )
      .sort(newestFirst);
    const sagas: SagaListing[] = [];
    const some = ids.slice(0, LOOKED_AT_MAX);
    let looked = 0;
    for (const id of some) {
      looked += 1;
      const saga = this.#sagas.get(id);
      if (saga && matches(filter, saga.record, this.#now())) sagas.push(listingOf(saga.record));
      if (sagas.length === limit) break;
    }
    const last = some[looked - 1];
    return {
      sagas,
      cursor: last !== undefined && looked < ids.length ? cursorAfter(last, filter) : null,
      damage: [],
      looked,
      backToMs: last === undefined ? null : bornAtMs(last),
      isIndexing: false,
    };
  }

  #isFound(id: string, sought: Sought): boolean {
    const { by } = sought;
    if (isIdSought(sought) && id.startsWith(sought.text)) return true;
    const values = valuesOf(sought);
    const terms = this.#sagas.get(id)?.terms ?? [];
    return (
      isTermSought(sought) && terms.some(({ name, value }) => (by ?? name) === name && values.includes(value))
    );
  }

  /** Nothing here is of an older release. */
  async index(): Promise<number> {
    return 0;
  }

  async statistics(): Promise<Statistics> {
    const statuses = { STARTED: 0, COMPLETED: 0, FAILED: 0, ABORTED: 0 };
    for (const { status } of this.#records()) statuses[status] += 1;
    const counters = Object.fromEntries(
      [...this.#counters].map(([machine, counts]) => [machine, Object.fromEntries(counts)]),
    );
    const settledPerMinute = perMinute(this.#settled, this.#now());
    return { statuses, inFlight: statuses.STARTED, settledPerMinute, counters, damage: [] };
  }

  async tally(): Promise<Tally> {
    const { inFlight, counters, damage } = await this.statistics();
    return { inFlight, counters, damage, causes: this.#causes.counts() };
  }

  async countParked(
    { id, machine, parked }: Pick<SagaListing, 'id' | 'machine' | 'parked'>,
    writeId: string,
  ): Promise<boolean> {
    const saga = this.#sagas.get(id);
    if (parked === null || saga?.record.status !== 'ABORTED' || saga.record.owner !== null) return false;
    if (saga.record.cause !== undefined) return true;
    const fence = { revision: saga.record.fence.revision + 1, writeId };
    const cause = this.#causes.park(id, machine.id, parked, this.#now());
    saga.record = { ...saga.record, fence, cause, parkings: saga.record.parkings ?? 1 };
    return true;
  }

  async backlog(machines: readonly MachineRef[]): Promise<Backlog> {
    const records = [...this.#records()];
    const running = records.filter(({ status }) => status === 'STARTED').map(({ id }) => id);
    const oldest = this.#sagas.get(running.sort(newestFirst).at(-1) ?? '')?.record;
    const dueAtMs = records
      .filter(({ machine }) => runsOn(machine, machines))
      .flatMap((record) => record.dueAtMs ?? []);
    const longestMs = (times: readonly number[]) => Math.max(0, ...times.map((atMs) => this.#now() - atMs));
    return {
      overdueMs: longestMs(dueAtMs),
      oldestMs: longestMs(oldest === undefined ? [] : [oldest.createdAtMs]),
    };
  }

  async changes(after: string | null, until: string | null, limit: number): Promise<Changes> {
    assertLimit(limit);
    return this.#changes.read(after, until, limit);
  }

  /** What is in memory is as small as it gets. */
  async compact(): Promise<number> {
    return 0;
  }

  async purge(limit: number, earlyMs = 0): Promise<number> {
    assertLimit(limit);
    const until = this.#now() + earlyMs;
    const expired = [...this.#sagas]
      .filter(([, { purgeAtMs }]) => purgeAtMs !== null && purgeAtMs <= until)
      .sort(([, a], [, b]) => (a.purgeAtMs ?? 0) - (b.purgeAtMs ?? 0));
    for (const [id, { record, key, held }] of expired.slice(0, limit)) {
      for (const [name, n] of held) this.#count(record.machine, name, -n);
      if (key !== null) this.#keys.delete(key);
      this.#sagas.delete(id);
    }
    return Math.min(expired.length, limit);
  }

  /** It shares the memory of its process, which has metrics of its own. */
  async memory(): Promise<StoreMemory> {
    return { usedBytes: 0, maxBytes: null };
  }

  async ping(): Promise<void> {}

  async tryWrite(): Promise<null> {
    return null;
  }

  async close(): Promise<void> {}

  #tell(sagaId: string, revision: number, { acts = [], writeId }: Write): void {
    if (acts.length > 0) this.audit.tellOf(acts, { sagaId, revision, writeId });
  }

  /** What create and commit have in common: the record, the log entry and the counters. */
  #write(
    before: Pick<SagaRecord, 'id' | 'machine' | 'trace' | 'createdAtMs'> & Partial<SagaRecord>,
    revision: number,
    write: Write,
    { log, key, held, owed, terms }: Pick<Saga, 'log' | 'key' | 'held' | 'owed' | 'terms'>,
  ): Saga {
    const { id, machine, trace, createdAtMs } = before;
    const { writeId, owner, snapshot, summary, earlier = [], entry, counts, next, signalsLeft = [] } = write;
    const now = this.#now();
    const endsAtMs = now + spanOf(next);
    const running = next.kind === 'act' || next.kind === 'wait';
    const seq = append(log, ...earlier, entry);
    terms.push(...(write.terms ?? []));
    for (const [name, n] of Object.entries(counts)) owed.set(name, (owed.get(name) ?? 0) + n);
    if (next.kind !== 'act' || revision === 1) this.#pay(machine, held, owed);
    const record: SagaRecord = {
      id,
      machine,
      trace,
      fence: { revision, writeId },
      snapshot,
      summary,
      status: running ? 'STARTED' : next.kind === 'park' ? 'ABORTED' : next.status,
      parked: next.kind === 'park' ? withoutCounted(next.parked) : null,
      ...this.#caused(id, machine, next, before),
      seq,
      createdAtMs,
      updatedAtMs: now,
      owner: next.kind === 'act' ? owner : null,
      dueAtMs: running ? endsAtMs : null,
      signals: signalsLeft,
      unreadable: null,
    };
    const purgeAtMs = next.kind === 'end' ? endsAtMs : null;
    return { record, log, key, held, owed, takers: new Set(), terms, purgeAtMs };
  }

  #caused(
    id: string,
    machine: MachineRef,
    next: Next,
    { status, parkings }: Partial<SagaRecord>,
  ): Pick<SagaRecord, 'cause' | 'parkings'> {
    if (next.kind === 'park') {
      const cause = this.#causes.park(id, machine.id, next.parked, this.#now());
      return { cause, parkings: (parkings ?? 0) + Number(status !== 'ABORTED') };
    }
    this.#causes.leave(id);
    return parkings === undefined ? {} : { parkings };
  }

  #taken({ record, log }: Saga, owner: Owner, leaseMs: number, at: string): SagaRecord {
    const { owner: before, summary, seq: last } = record;
    const entry = before && { ...takenOver(at, summary.state, owner), reason: takenFrom(before) };
    const seq = entry ? append(log, entry) : last;
    return { ...record, owner, seq, dueAtMs: this.#now() + leaseMs };
  }

  #parked(saga: Saga, at: string): SagaRecord {
    const { record, log } = saga;
    const seq = append(log, claimsExhausted(at, record.summary.state));
    this.#count(record.machine, PARKED_COUNTER, 1);
    this.#pay(record.machine, saga.held, saga.owed);
    saga.takers.clear();
    const free = { owner: null, dueAtMs: null, updatedAtMs: this.#now() };
    const cause = this.#causes.park(record.id, record.machine.id, EXHAUSTED, this.#now());
    const parkings = (record.parkings ?? 0) + 1;
    return { ...record, ...free, seq, status: 'ABORTED', parked: EXHAUSTED, cause, parkings };
  }

  /** What every write that is logged leads to. `before` is the status until then, null for a new saga. */
  #wrote(before: SagaStatus | null, record: SagaRecord): void {
    this.#countInFlight(before, record);
    if (record.status !== 'STARTED' && (before === null || before === 'STARTED')) this.#settle();
    this.#changes.announce(record);
  }

  #countInFlight(before: SagaStatus | null, { id, status }: SagaRecord): void {
    const partition = partitionOf(id, this.info.partitions) ?? 0;
    const change = Number(status === 'STARTED') - Number(before === 'STARTED');
    this.#inFlight[partition] = (this.#inFlight[partition] ?? 0) + change;
  }

  #raise(machine: MachineRef, counts: Counts, held: Map<string, number>): void {
    for (const [name, n] of Object.entries(counts)) {
      this.#count(machine, name, n);
      if (name.endsWith('.held')) held.set(name, (held.get(name) ?? 0) + n);
    }
  }

  #pay(machine: MachineRef, held: Map<string, number>, owed: Map<string, number>): void {
    this.#raise(machine, Object.fromEntries(owed), held);
    owed.clear();
  }

  #settle(): void {
    const number = bucketAt(this.#now());
    const last = this.#settled[number % BUCKETS];
    const count = last?.number === number ? last.count : 0;
    this.#settled[number % BUCKETS] = { number, count: count + 1 };
  }

  #count({ id }: MachineRef, name: string, n: number): void {
    const counts = this.#counters.get(id) ?? new Map<string, number>();
    this.#counters.set(id, counts.set(name, (counts.get(name) ?? 0) + n));
  }

  #mayBeTaken({ owner, dueAtMs }: SagaRecord, by: Owner): boolean {
    // While a saga is owned, it is due when its lease ends.
    const isDue = dueAtMs !== null && dueAtMs <= this.#now();
    return isDue || (owner?.name === by.name && owner.boot < by.boot);
  }

  #granted(record: SagaRecord): Granted {
    return { fence: record.fence, seq: record.seq, remainingMs: this.#remainingMs(record) };
  }

  #remainingMs({ owner, dueAtMs }: SagaRecord): number {
    return owner && dueAtMs !== null ? Math.max(0, dueAtMs - this.#now()) : 0;
  }

  *#records(): Iterable<SagaRecord> {
    for (const { record } of this.#sagas.values()) yield record;
  }
}

/** Running, or parked and signalled. */
function isClaimable({ status, signals }: SagaRecord): boolean {
  return status === 'STARTED' || (status === 'ABORTED' && signals.length > 0);
}

function withoutCounted({ counted: _, ...parked }: Parked): Parked {
  return parked;
}

function takerOf({ name, boot }: Owner): string {
  return `${boot} ${name}`;
}

function isUnfinished({ status }: SagaRecord): boolean {
  return status === 'STARTED' || status === 'ABORTED';
}

function sameFence(a: Fence, b: Fence): boolean {
  return a.revision === b.revision && a.writeId === b.writeId;
}

function runsOn(machine: MachineRef, machines: readonly MachineRef[]): boolean {
  return machines.some(({ id, version }) => id === machine.id && version === machine.version);
}
