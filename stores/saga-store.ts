/**
 * Where sagas live: the contract that every store keeps to the letter, and that one conformance suite asks of
 * each of them.
 *
 * The rules behind every operation:
 * - Each operation is atomic. It happens whole or not at all, and two of them never mix.
 * - The store's own clock decides leases, due times and purge times. A caller never sends a point in time for
 *   them, only a span; points in time that come back are milliseconds of the store's clock.
 * - A business refusal (stale, missing, ...) is a result. Only an infrastructure fault is thrown, as
 *   {@link StoreUnavailableError}; after one, the operation may or may not have happened, and repeating it with
 *   the same `writeId` is always safe.
 */

import type { AuditLog, Standing } from './audit.ts';
import type { CauseCount, Counted } from './causes.ts';
import type { History } from './history.ts';
import type { Notes } from './notes.ts';

export type { AuditEntry, AuditFilter, AuditKey, AuditLog, AuditPage, Deed } from './audit.ts';
export {
  type Cause,
  type CauseCount,
  causeOf,
  isCurrency,
  isParkedByMachine,
  moneyFirst,
  sumIn,
  sumsOf,
} from './causes.ts';
export { HISTORY_MINUTES, type History, type Minute, minuteAt, type SeriesCounts } from './history.ts';
export type { Note, Notes } from './notes.ts';

/** `STARTED` lasts until the end, compensating included; `ABORTED` is parked, for whatever reason. */
export const SAGA_STATUSES = ['STARTED', 'COMPLETED', 'FAILED', 'ABORTED'] as const;
export type SagaStatus = (typeof SAGA_STATUSES)[number];

/**
 * A coordinator: a stable name and a boot number that only grows. A newer boot of a name may take at once what
 * an older boot of it holds, because the older process is known to be gone.
 */
export interface Owner {
  readonly name: string;
  readonly boot: number;
}

/**
 * The fencing token. The revision alone would not do: after a failover or a truncated append-only file the
 * same revision can be reached twice, by different writes.
 */
export interface Fence {
  readonly revision: number;
  readonly writeId: string;
}

/** The machine on which a saga runs: the one on which it began, unless it was migrated to a newer version. */
export interface MachineRef {
  readonly id: string;
  readonly version: string;
  /** Hash of the machine's structure when the saga began. */
  readonly structure: string;
}

/** A machine version that was declared before, by the same name and with another structure. */
export interface Disagreement {
  readonly machine: MachineRef;
  /** The structure that the store remembers. */
  readonly declared: string;
  /**
   * Names of coordinators that run the version with the structure remembered. Where there are none, it is unfinished
   * sagas that need it.
   */
  readonly liveAt: readonly string[];
}

/** What listings show of a saga: opaque to the store, but for filtering by {@link matches}. */
export interface SagaSummary {
  /** The statechart's state, nested states joined by a dot. */
  readonly state: string;
  /** What names the saga to a person, as its machine says. */
  readonly label: string | null;
  /** Forward steps that were done; compensation does not lower it. */
  readonly steps_completed: number;
  readonly total_steps: number;
  readonly failed_step: string | null;
  /** Counted from 0. */
  readonly failed_step_index: number | null;
  /** Of a record that is kept sealed, where `label` is `null`. Opaque to the store, but for the hash, by which {@link matches} finds it. */
  readonly sealed?: SealedLabel;
}

/** One value by which a saga is found to the letter, and what it is of the saga: `label`, or an attribute that its machine declares. */
export interface Term {
  readonly name: string;
  readonly value: string;
}

/** The term that repeats a summary's label. */
export const LABEL_TERM = 'label';

export interface SealedLabel {
  readonly label: string;
  /** Keyed: it says nothing to whoever lacks the key. */
  readonly hash: string;
}

/** Why a saga waits for an operator, and what the world still holds because of it. */
export interface Parked {
  readonly reason: string;
  readonly held: readonly Held[];
  /** What is held, where that is kept sealed; `held` is empty then. Opaque to the store. */
  readonly sealed?: string;
  /** Of a write: as what it is counted among the causes; made of the other members where it is left out. Never read back. */
  readonly counted?: Counted;
}

/** The effect of one step that could not be undone. */
export interface Held {
  readonly step: string;
  readonly reason: string;
  /** What the action had answered, its numbers as they were written: the ids an operator needs to undo it by hand. */
  readonly response: unknown;
  /** What is held, in words for a person, where the step has some. */
  readonly says?: string;
  /** What kind of thing is held, where the step says more than its own name. */
  readonly kind?: string;
  /** How much of it, as a whole number: money in minor units of its currency. */
  readonly amount?: number;
  /** In what that is counted: an ISO 4217 code (`EUR`), or any other word (`items`). */
  readonly unit?: string;
}

/** One line of a saga's history. The store numbers them from 1 (`seq`), and keeps about {@link LOG_MAX} of them. */
export interface LogEntry {
  /** RFC 3339, by the store's clock. */
  readonly at: string;
  readonly event: string;
  readonly from: string | null;
  readonly to: string;
  readonly step: string | null;
  readonly kind: 'action' | 'compensation' | null;
  readonly attempt: number | null;
  readonly outcome: string | null;
  readonly duration_ms: number | null;
  readonly error: string | null;
  /** What a compensation has answered, as JSON that may be cut off at its end, and without secrets. */
  readonly answer?: string;
  /** The participant says that this was its answer before: nothing was done for the call that had it. */
  readonly replayed?: true;
  /** Who asked for it, and why, where it was an operator; of `takenOver` the coordinator that took it, and from which. */
  readonly by?: string;
  readonly reason?: string;
  /** What the entry lacks, where that is kept sealed. Opaque to the store. */
  readonly sealed?: string;
}
export type NumberedEntry = LogEntry & { readonly seq: number };

/**
 * What comes to a saga from outside: an operator's request, an event, or the outcome of an asynchronous call. It waits in
 * the saga's mailbox, which may be filled without owning the saga and without raising its revision; whoever writes next must
 * have seen it.
 */
export interface Signal {
  /** Unique to this request, the same in each repetition of it. */
  readonly id: string;
  /** `unreadable`: what was asked for is not known any more. It has no effect, and is answered as ignored. */
  readonly kind: (typeof SIGNAL_KINDS)[number] | typeof UNREADABLE;
  readonly atMs: number;
  /** Who asked, as he said himself. */
  readonly by: string;
  /** Who asked, as far as that was known. */
  readonly actor?: string;
  readonly reason: string;
  /** Of a skip: the step whose compensation is skipped. Of an outcome: whose call it is. */
  readonly step?: string;
  /** Of a resolve: how the saga ends. */
  readonly as?: 'COMPLETED' | 'FAILED';
  /** Of an event. */
  readonly name?: string;
  /** Of an outcome: the attempt that had it. */
  readonly attempt?: number;
  /** Of an outcome. */
  readonly outcome?: 'done' | 'refused';
  /** What an event or an outcome brings, as JSON text: opaque to the store, and so never taken for a signal itself. */
  readonly payload?: string;
  /** What of it is kept sealed, and not in its place. Opaque to the store. */
  readonly sealed?: string;
}

/** What was asked of a saga and what came of it, as whoever writes that tells it. */
export interface Act {
  /** `start`: nothing that waited for the saga, but what began it. */
  readonly signal: Omit<Signal, 'kind'> & { readonly kind: Signal['kind'] | 'start' };
  readonly machine: { readonly id: string; readonly version: string };
  /** It fitted nowhere any more, and has changed nothing. */
  readonly isIgnored: boolean;
  /** `null` where it began with it. */
  readonly before: Standing | null;
  readonly after: Standing;
}

export const SIGNAL_KINDS = ['cancel', 'retry', 'skip', 'resolve', 'event', 'outcome'] as const;

/**
 * Entries of a log that are kept: the first ones, which tell how the saga came to what it does, and the newest, which
 * tell what that is. Between them lies what repeats itself: attempts, deferrals, take-overs. It is dropped as soon as
 * there are LOG_SLACK more than LOG_MAX, so that not every write must cut. Numbers go on all the same, so the missing
 * ones are seen, and a saga's `seq` stays what an ETag can be made of.
 */
export const LOG_FIRST = 50;
export const LOG_MAX = 1000;
export const LOG_SLACK = 100;

/** Signals that a saga's mailbox holds, at most. */
export const SIGNALS_MAX = 20;

/**
 * Counters that a write raises, by name. A name ending in `.held` covers what the store holds and is lowered
 * again when the saga is purged; every other one only grows. What a commit raises, its saga owes while it is called for: the
 * sums have it as soon as the saga waits, parks or ends.
 */
export type Counts = Readonly<Record<string, number>>;

/** What comes after a write; it alone decides status, lease, due time and purge time. */
export type Next =
  /** The writer acts: it owns the saga for `leaseMs`, and the saga is due when that lease ends. STARTED. */
  | { readonly kind: 'act'; readonly leaseMs: number }
  /** Nobody acts: the saga is free, and due after `delayMs`. STARTED. */
  | { readonly kind: 'wait'; readonly delayMs: number }
  /** An operator must act: free, never due, never purged. ABORTED. */
  | { readonly kind: 'park'; readonly parked: Parked }
  /** Nothing is left to do: free, never due, purged after `keepMs`. */
  | { readonly kind: 'end'; readonly status: 'COMPLETED' | 'FAILED'; readonly keepMs: number };

/** One write: what a create and a commit have in common. */
export interface Write {
  /** Unique to this write, the same in each repetition of it. */
  readonly writeId: string;
  readonly owner: Owner;
  /** The persisted XState snapshot as JSON text: opaque to the store, returned byte for byte. */
  readonly snapshot: string;
  readonly summary: SagaSummary;
  /** Entries that come before `entry`: what operators had asked for, and this write answers. */
  readonly earlier?: readonly LogEntry[];
  readonly entry: LogEntry;
  readonly counts: Counts;
  readonly next: Next;
  /** How many signals of the mailbox the writer has seen: none where it is left out. */
  readonly signalsSeen?: number;
  /** Those of them that it has not answered, and that stay in the mailbox; none where it is left out. Only of a saga that parks. */
  readonly signalsLeft?: readonly Signal[];
  /** What was asked from outside and is answered by this: told in the audit, there and then. None where it is left out. */
  readonly acts?: readonly Act[];
  /** By what the saga is found from this write on. What earlier writes gave stays, until the saga is purged. None where it is left out. */
  readonly terms?: readonly Term[];
}

/** A coordinator that has said which machines it runs, and until when that counts, by the store's clock. */
export interface Declared {
  readonly owner: Owner;
  readonly untilMs: number;
}

/** What makes a saga run on another version of its machine. */
export interface Migration
  extends Pick<Write, 'writeId' | 'snapshot' | 'summary' | 'entry' | 'counts' | 'terms'> {
  /** Another version of the same machine. */
  readonly machine: MachineRef;
}

export interface Idempotency {
  /** The client's key. Its hash chooses the partition, so that key and saga live and die together. */
  readonly key: string;
  /** Digest of the request body, best a SHA-256 in base64url: the same key with another body is refused. */
  readonly digest: string;
}

export interface NewSaga extends Write {
  readonly id: string;
  readonly machine: MachineRef;
  /** The trace context with which it was asked for: text, opaque to the store, kept as long as the saga. */
  readonly trace: string | null;
  readonly idempotency: Idempotency | null;
}

/** What a listing shows of a saga: little, however much the saga knows. */
export interface SagaListing {
  readonly id: string;
  readonly machine: MachineRef;
  readonly status: SagaStatus;
  readonly summary: SagaSummary;
  readonly parked: Parked | null;
  /** Of a parked saga: the key of the cause under which it is counted; left out where an older release has parked it. */
  readonly cause?: string;
  /** How often it was parked so far; left out where it never was. */
  readonly parkings?: number;
  /** Number of the newest log entry. */
  readonly seq: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Who has it in hand; `null` while nobody acts for it. */
  readonly owner: Owner | null;
  /**
   * What of the record the store cannot read, in words, because somebody edited or half restored it; `null` for a healthy
   * one, as nearly always. Such fields have stand-ins, so that the saga can be shown and parked. It must not be carried on
   * before a person has looked at it.
   */
  readonly unreadable: string | null;
  /** Id of a key that is not here, and without which the record cannot be read; a store itself never says so. */
  readonly keyMissing?: string;
}

export interface SagaRecord extends SagaListing {
  readonly trace: string | null;
  readonly fence: Fence;
  readonly snapshot: string;
  /** `null` for a saga that nobody needs to look at: parked or ended. */
  readonly dueAtMs: number | null;
  /** What operators have asked for and nobody has answered yet, oldest first. */
  readonly signals: readonly Signal[];
}

/** A lease granted: `remainingMs` by the store's clock at the moment of the grant. */
export interface Granted {
  readonly fence: Fence;
  readonly seq: number;
  readonly remainingMs: number;
}

export type CreateResult =
  | ({ readonly kind: 'created' } & Granted)
  /** The key was used before with the same body; or this very create was repeated and the saga has moved on. */
  | { readonly kind: 'exists'; readonly id: string }
  /** The key was used before with another body. */
  | { readonly kind: 'key-reused'; readonly id: string }
  /** As many sagas are running as the store takes: nothing was stored. */
  | { readonly kind: 'full' };

/** Of a create whose key leads to a saga that is there already. */
export type Known = Extract<CreateResult, { readonly id: string }>;

export type CommitResult =
  | ({ readonly kind: 'committed' } & Granted)
  /** Somebody else has written since: the writer has lost the saga and must drop it. */
  | { readonly kind: 'stale' }
  /** The mailbox holds signals that the writer has not seen: nothing was written, and it must decide again. */
  | { readonly kind: 'signalled'; readonly signals: readonly Signal[] }
  | { readonly kind: 'missing' };

/** As of a commit; but for signals, which stay where they are. */
export type MigrateResult = Exclude<CommitResult, { readonly kind: 'signalled' }>;

export type SignalResult =
  | { readonly kind: 'accepted' }
  /** The saga's log has gone on, or is not as long as the sender expected. */
  | { readonly kind: 'moved'; readonly seq: number }
  | { readonly kind: 'full' }
  /** It has ended, and nothing can be asked of it any more. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'missing' };

export interface Claimed {
  readonly record: SagaRecord;
  readonly remainingMs: number;
}

/** Filters of a listing; every one given must hold. */
export interface Filter {
  /** What the id begins with. */
  readonly id?: string;
  readonly status?: SagaStatus;
  /** A state with all states nested in it: `processingPayment` finds `processingPayment.waiting`. */
  readonly state?: string;
  readonly label?: string;
  /** Keyed hashes of `label`, for records that keep theirs sealed: one of them must be its. */
  readonly labelHashes?: readonly string[];
  /** Id of the machine, in any version. */
  readonly machine?: string;
  readonly failed_step?: string;
  /** Parked, with this text in the reason of something that is held. */
  readonly error?: string;
  /** Parked, and counted under the cause of this key; empty: under none. */
  readonly cause?: string;
  /** Unfinished, and not written to for at least this long. */
  readonly stuckForMs?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly sought?: Sought;
}

/** What somebody types to find a saga: the whole value of a term, or what its id begins with. */
export interface Sought {
  /** The name of the term, or `id`; whatever it is, where it is left out. */
  readonly by?: string;
  readonly text: string;
  /** Keyed hashes of `text`, for records whose terms are kept sealed. */
  readonly hashes?: readonly string[];
}

export interface Page {
  readonly sagas: readonly SagaListing[];
  /** Where the next page begins; `null` where this one was the last. A page can be short and have a next. */
  readonly cursor: string | null;
  /** As of {@link Statistics}: indexes whose sagas may be missing here. */
  readonly damage: readonly string[];
  /** Sagas that were looked at for it, and when the last of them began by its id; `null` where there was none. */
  readonly looked: number;
  readonly backToMs: number | null;
  /** Whether sagas that an older release wrote may lack terms yet: those are looked through one by one. */
  readonly isIndexing: boolean;
}

export interface Statistics {
  /** Sagas held, by status. */
  readonly statuses: Readonly<Record<SagaStatus, number>>;
  /** Unfinished and not parked. */
  readonly inFlight: number;
  /** Sagas that left STARTED within the last minute of the store's clock, to a bucket of some seconds. */
  readonly settledPerMinute: number;
  /** Sums of all counters, by machine id and counter name. */
  readonly counters: Readonly<Record<string, Counts>>;
  /** What of the store's own indexes and counters cannot be read, in words: it counts as nothing. Nearly always empty. */
  readonly damage: readonly string[];
}

/** The sums that a page shows which is asked for often. */
export interface Tally extends Pick<Statistics, 'inFlight' | 'counters' | 'damage'> {
  /** Why sagas are parked, each cause once, in no order; exact but for sagas that older releases have parked. */
  readonly causes: readonly CauseCount[];
}

/** How far behind the work is, for whoever watches. */
export interface Backlog {
  /** How long the saga that has been due for longest has waited for somebody to look at it; 0 where none is due. */
  readonly overdueMs: number;
  /** Age of the running (STARTED) saga that is oldest by its id, of whatever machine; 0 where none runs. */
  readonly oldestMs: number;
}

/** One write as those learn of it who watch: where it left the saga. */
export interface SagaChange {
  readonly id: string;
  readonly seq: number;
  readonly state: string;
  readonly status: SagaStatus;
  /** Just behind this change: from here one goes on, at any coordinator of this store. */
  readonly position: string;
}

export interface Changes {
  /** Each saga's in their order, and those of different sagas nearly so. */
  readonly changes: readonly SagaChange[];
  /** From where to go on. */
  readonly position: string;
  /** Some of what came after the position is not known any more: whoever watches must look afresh. */
  readonly gap: boolean;
  /** There is more to be read at once. */
  readonly more: boolean;
}

/** What a store says of itself, for the log, the health page and the dashboard. */
export interface StoreInfo {
  readonly kind: 'memory' | 'redis';
  /** What an acknowledged write survives, in words. */
  readonly durability: string;
  /** Whether it survives a restart of what keeps it. */
  readonly survivesRestart: boolean;
  readonly partitions: number;
}

/** What the store holds in memory; of several servers, the one that is nearest to its bound. */
export interface StoreMemory {
  readonly usedBytes: number;
  /** Beyond it, writes are refused; `null` where the store sets itself no bound. */
  readonly maxBytes: number | null;
}

export interface SagaStore {
  readonly info: StoreInfo;
  /** Who did what, to which create and commit add what they are told. */
  readonly audit: AuditLog;
  /** What happened in each minute of the last day. */
  readonly history: History;
  /** What coordinators share beside the sagas. */
  readonly notes: Notes;

  /**
   * The store's clock as far as this process knows it, in whole milliseconds since the epoch: the source of all times that
   * are kept with a saga. Never goes back. Cheap: it asks nobody. It may lag by as long as an answer of the store takes.
   */
  now(): number;

  /**
   * By how much the clock that the store relies on was found to be set since this was asked last, in milliseconds; 0 where it
   * was not. Set back, it is made up for; set forward it is believed.
   */
  jumped(): number;

  /** Raises and returns the boot number of a coordinator's name. */
  boot(name: string): Promise<number>;

  /**
   * What all coordinators of this store know and nobody else: a text of at least 256 random bits, made when it is first asked
   * for, and the same for as long as the store keeps its data.
   */
  secret(): Promise<string>;

  /**
   * Says which machines a coordinator runs, all of them, for `leaseMs` from now on: to be repeated before that has
   * passed; no machines at all take back what was said before. The store remembers for each version the structure under which
   * it was first declared, and answers the versions that disagree; where one does, nothing is written. A structure gives
   * way to another only where nobody needs it: no other coordinator's declaration of it has time left, and no saga of
   * the version is running or parked. An older boot of the same name is known to be gone.
   */
  declare(machines: readonly MachineRef[], owner: Owner, leaseMs: number): Promise<readonly Disagreement[]>;

  /** The versions that were declared once, and whose last declaration has run out at least `afterMs` ago. */
  gone(afterMs: number): Promise<MachineRef[]>;

  /**
   * The coordinators whose declarations have time left, by name, of each the newest boot: one that was killed is among them until its
   * declaration has run out, or it has come back. Cheap: it asks one index.
   */
  declared(): Promise<Declared[]>;

  /** A new saga id in the partition of `key`, or in a random one. Never derived from the key. */
  newId(key: string | null): string;

  /**
   * Stores a new saga at revision 1, with its first log entry.
   * Where the key is known the existing saga is named and nothing is stored. A repetition of this very create
   * answers `created` while the saga stands at revision 1 with this write's id, else `exists`. Whatever is not known
   * is `full` where it is to run and its partition has its share of the store's `inFlightMax` STARTED already.
   */
  create(saga: NewSaga): Promise<CreateResult>;

  /** What a create would answer because its key is known; `null` where it is not. Cheap: it asks one index, and stores nothing. */
  known(idempotency: Idempotency): Promise<Known | null>;

  /**
   * Replaces snapshot, summary, status, lease, due and purge time, appends the entry and raises the counters, if the
   * saga still stands at `expected`. The revision rises by one. A repetition of a commit that was applied is
   * recognised by revision `expected + 1` with this write's id, changes nothing, and answers `committed` with what
   * remains of the lease. A commit must have seen every signal of the mailbox, and empties it but for what it leaves.
   */
  commit(id: string, expected: Fence, write: Write): Promise<CommitResult>;

  /**
   * Takes over those of `ids` that are due, or that an older boot of the same name holds. Each one taken gets a new
   * revision and write id and a lease of `leaseMs`; where an owner vanished while it acted, the log gains the entry
   * `takenOver`, from and to its state. The others are left as they are: not yet due (a back-off is not cut short),
   * parked with an empty mailbox, ended or unknown. One that is damaged is taken too, so that it can be parked; where not even
   * that can be written, the store sets it aside itself and answers it as ABORTED under no lease. The boots that have claimed it without a commit between are
   * counted, but for those that gave it back; the one beyond the store's `claimsMax` parks the saga with the reason
   * `claims-exhausted` instead, and answers it as ABORTED under no lease: so a saga that kills whoever touches it cannot
   * take down all coordinators, and one that living coordinators claim again and again, because the store refuses or loses
   * what they write, waits for the store.
   */
  claim(
    ids: readonly string[],
    owner: Owner,
    leaseMs: number,
    writeId: string,
    at: string,
  ): Promise<Claimed[]>;

  /**
   * Moves a saga to another version of its machine, if it still stands at `expected`: replaces machine, snapshot and summary,
   * appends the entry, raises counters and revision, and from now on finds the saga due under the new version. Owner, lease,
   * due time, status and mailbox stay. Repetitions are recognised as those of a commit are.
   */
  migrate(id: string, expected: Fence, migration: Migration): Promise<MigrateResult>;

  /**
   * Puts a signal into a saga's mailbox, if its log has `expectedSeq` entries. The owner learns of it with its next
   * commit; a saga that nobody owns, parked or waiting, is due at once. The revision stays. A repetition finds its own signal there and is accepted.
   */
  signal(id: string, signal: Signal, expectedSeq: number): Promise<SignalResult>;

  /**
   * Lengthens leases: those sagas that are owned and still stand at their fence are held for `leaseMs` from now, or for
   * as long as they were where that is longer, and are due when that ends. No revision is raised, so the outcome of a
   * call is committed at the same fence as without it. Answers for each, in order, what remains of its lease in
   * milliseconds; `null` for a saga that the caller has lost. Each saga is named once.
   */
  renew(
    held: readonly { readonly id: string; readonly fence: Fence }[],
    leaseMs: number,
  ): Promise<(number | null)[]>;

  /** Gives sagas back: those that still stand at their fence are free and due at once, under the same revision. */
  release(held: readonly { readonly id: string; readonly fence: Fence }[]): Promise<void>;

  /**
   * Ids of sagas that are due by the store's clock, of the given machine versions only, at most `limit`, longest overdue
   * first within a partition. Cheap: it asks indexes and runs no script.
   */
  due(machines: readonly MachineRef[], limit: number): Promise<string[]>;

  /**
   * In how many milliseconds the first saga of these machine versions is due, as far as the last answers of `due` tell: `Infinity`
   * where none of them waits for anything, 0 where it is not known. What was written since, here or elsewhere, may be due
   * sooner. Asks nobody.
   */
  dueInMs(machines: readonly MachineRef[]): number;

  /**
   * Ids of all running (STARTED) sagas of the given machines, due or not, in pages; `cursor` starts at `null`. Where a part
   * of the store cannot be asked, its sagas are missing.
   */
  running(
    machines: readonly MachineRef[],
    cursor: string | null,
    limit: number,
  ): Promise<{ readonly ids: readonly string[]; readonly cursor: string | null }>;

  /** The saga, or `null`. */
  get(id: string): Promise<SagaRecord | null>;

  /**
   * The statuses of the given sagas in their order; `null` for an unknown one, `undefined` for one that stands in a part
   * of the store that cannot be asked.
   */
  statuses(ids: readonly string[]): Promise<(SagaStatus | null | undefined)[]>;

  /** The log, oldest first, with a gap in its numbers where entries were dropped; empty for an unknown saga. */
  log(id: string): Promise<NumberedEntry[]>;

  /**
   * Newest first. What is sought, and a label, an index finds: as cheap with a million sagas as with ten. Everything else looks
   * at a bounded number of sagas a call, so a rare filter may take several pages.
   */
  list(filter: Filter, cursor: string | null, limit: number): Promise<Page>;

  statistics(): Promise<Statistics>;

  /** A part of the statistics, and the causes of what is parked. Costs less, and the same however many sagas there are. */
  tally(): Promise<Tally>;

  /**
   * Counts a saga that is parked under no cause, as one that an older release has parked: under that of its listing. Answers
   * whether it is counted now. Its log and its state stay, and its fence is a new one. To be repeated with the same `writeId`.
   */
  countParked(saga: Pick<SagaListing, 'id' | 'machine' | 'parked'>, writeId: string): Promise<boolean>;

  /** By the store's clock. Overdue are sagas of the given machine versions only. Cheap: two short looks at indexes. */
  backlog(machines: readonly MachineRef[]): Promise<Backlog>;

  /** How full the store is. Cheap. */
  memory(): Promise<StoreMemory>;

  /**
   * What was written after a position, at most `limit` changes, and nothing beyond `until` where that is given; after
   * `null` it is what comes from now on: no change, and the position to begin with. A store keeps a bounded number of
   * changes. Where the position was dropped, rolled back with the store, or never was one of this store, the answer
   * says `gap` and goes on from now (or from `until`). Cheap: it runs no script and blocks nobody.
   */
  changes(after: string | null, until: string | null, limit: number): Promise<Changes>;

  /**
   * Removes ended sagas whose time has come, at most `limit`, with log, key and indexes: those that should have gone first
   * come first. Answers how many.
   * @param earlyMs also those whose time comes within it, where a store has no room for them any more
   */
  purge(limit: number, earlyMs?: number): Promise<number>;

  /**
   * Makes ended sagas smaller, where the store can, and reads them as before: looks at `limit` of them at most, and answers at
   * how many. As many as `limit` means that there may be more. Each call goes on where the last one ended. Those of which the
   * store has all at hand may become so as soon as they have ended, and are not counted.
   * @param afterMs how long ago all others must have ended
   * @param keepMs how long ended sagas are kept
   */
  compact(limit: number, afterMs: number, keepMs: number): Promise<number>;

  /**
   * Makes sagas found that an older release has written, by what `termsOf` says of each: looks at `limit` of them at most, and
   * answers at how many. As many as `limit` means that there may be more. Each call goes on where the last one ended.
   */
  index(limit: number, termsOf: (record: SagaRecord) => readonly Term[]): Promise<number>;

  /** Answers when the store can serve, throws {@link StoreUnavailableError} when not. */
  ping(): Promise<void>;

  /** Tries in each part of the store a write that changes nothing; `null` where all of them take it. */
  tryWrite(): Promise<WritesRefused | null>;

  close(): Promise<void>;
}

/** A store that answers what is asked of it need not take what is written to it. */
export interface WritesRefused {
  readonly error: StoreUnavailableError;
  /** Whether no part of it takes any. */
  readonly everywhere: boolean;
}

/** The store could not be reached or could not serve. Whether the operation happened may be unknown. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  /** True where the operation surely did not happen. */
  readonly notSent: boolean;

  constructor(message: string, notSent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.notSent = notSent;
  }
}

/** The store must not be used as it is configured; the message says what to change. Thrown only while opening. */
export class StoreRefusedError extends Error {
  override readonly name = 'StoreRefusedError';
}

/** The cursor is none that this store gave. */
export class BadCursorError extends Error {
  override readonly name = 'BadCursorError';
}

/** The log entry of a claim that found an owner vanished while it acted, but for {@link takenFrom}. Shared, so that stores agree. */
export function takenOver(at: string, state: string, owner: Owner): LogEntry {
  return { ...claimed('takenOver', at, state), by: boot(owner) };
}

/** The `reason` of that entry: from whom the saga was taken. */
export function takenFrom(owner: Owner): string {
  return `from ${boot(owner)}`;
}

function boot({ name, boot: number }: Owner): string {
  return `${name} (boot ${number})`;
}

/** Of each name the newest boot, and until when its declarations count at the longest. Shared, so that stores agree. */
export function newestBoots(all: readonly Declared[]): Declared[] {
  const found = new Map<string, Declared>();
  for (const one of all) {
    const { name, boot } = one.owner;
    const known = found.get(name);
    const isNewer =
      known === undefined ||
      boot > known.owner.boot ||
      (boot === known.owner.boot && one.untilMs > known.untilMs);
    if (isNewer) found.set(name, one);
  }
  return [...found.values()].sort((a, b) => (a.owner.name < b.owner.name ? -1 : 1));
}

function claimed(event: string, at: string, state: string): LogEntry {
  const none = { step: null, kind: null, attempt: null, outcome: null, duration_ms: null, error: null };
  return { at, event, ...none, from: state, to: state };
}

/**
 * Sagas that are STARTED at once, unless a store is told otherwise. Each partition decides by its own share, in the
 * script that it runs anyway: so a store may be full a little below the bound.
 */
export const IN_FLIGHT_MAX = 100_000;

/** What stands in the place of what cannot be read: as a state, a reason, the kind of a request. */
export const UNREADABLE = 'unreadable';

/** Boots that claim a saga without a commit between them, unless a store is told otherwise. */
export const CLAIMS_MAX = 20;

/** The counter that a claim raises when it parks a saga; the engine's own parking raises the same. */
export const PARKED_COUNTER = 'settled.ABORTED';

/** What is said of a saga that was parked by somebody who cannot read it: never that nothing is held. */
export const UNKNOWN_HELD: readonly Held[] = [
  {
    step: 'unknown',
    reason: 'what stands cannot be told here: look at its log and ask its participants',
    response: null,
  },
];

/** Why a saga was parked that was claimed too often. */
export const EXHAUSTED: Parked = { reason: 'claims-exhausted', held: UNKNOWN_HELD };

/** The log entry of the claim that parks a saga. Shared, so that stores agree. */
export function claimsExhausted(at: string, state: string): LogEntry {
  return claimed('claimsExhausted', at, state);
}

/** What a listing shows of a record. */
export function listingOf(record: SagaRecord): SagaListing {
  const { id, machine, status, summary, parked, seq, createdAtMs, updatedAtMs, owner, unreadable } = record;
  const { keyMissing, cause, parkings } = record;
  const listing = { id, machine, status, summary, parked, seq, createdAtMs, updatedAtMs, owner, unreadable };
  return {
    ...listing,
    ...(keyMissing !== undefined && { keyMissing }),
    ...(cause !== undefined && { cause }),
    ...(parkings !== undefined && { parkings }),
  };
}

/** What is sought, by a listing's filter: by a term of its own, or by the label. */
export function soughtBy({ sought, label, labelHashes }: Filter): Sought | null {
  if (sought !== undefined) return sought;
  if (label === undefined) return null;
  return { by: LABEL_TERM, text: label, ...(labelHashes && { hashes: labelHashes }) };
}

/** The values that a term has which is sought. */
export function valuesOf({ text, hashes = [] }: Sought): readonly string[] {
  return [text, ...hashes];
}

/** Whether what is sought can be how an id begins. */
export function isIdSought({ by = 'id' }: Sought): boolean {
  return by === 'id';
}

/** Whether what is sought can be the value of a term. */
export function isTermSought({ by }: Sought): boolean {
  return by !== 'id';
}

/** Whether a saga passes a listing's filter but for what is sought; `nowMs` by the store's clock. Shared, so that stores agree. */
export function matches(filter: Filter, saga: SagaListing, nowMs: number): boolean {
  const { status, summary, parked } = saga;
  const { error } = filter;
  return (
    (filter.id === undefined || saga.id.startsWith(filter.id)) &&
    (filter.status === undefined || filter.status === status) &&
    (filter.state === undefined ||
      summary.state === filter.state ||
      summary.state.startsWith(`${filter.state}.`)) &&
    (filter.label === undefined ||
      filter.label === summary.label ||
      (summary.sealed !== undefined && filter.labelHashes?.includes(summary.sealed.hash) === true)) &&
    (filter.machine === undefined || filter.machine === saga.machine.id) &&
    (filter.failed_step === undefined || filter.failed_step === summary.failed_step) &&
    (filter.cause === undefined || (status === 'ABORTED' && (saga.cause ?? '') === filter.cause)) &&
    (error === undefined || parked?.held.some(({ reason }) => reason.includes(error)) === true) &&
    (filter.sinceMs === undefined || saga.createdAtMs >= filter.sinceMs) &&
    (filter.untilMs === undefined || saga.createdAtMs < filter.untilMs) &&
    (filter.stuckForMs === undefined ||
      ((status === 'STARTED' || status === 'ABORTED') && nowMs - saga.updatedAtMs >= filter.stuckForMs))
  );
}
