/**
 * What the rest of the server knows of the engine: commands, views, and the events by which metrics, logs and the
 * inspector follow what happens. Nothing outside this folder touches a machine's snapshot or a store's write.
 */
import type {
  Answer,
  Call,
  Difference,
  Outcome,
  RegisteredMachine,
  SagaContext,
  SagaEvent,
  SagaInput,
} from '../../machines/index.ts';
import {
  type AuditLog,
  type Backlog,
  type Filter,
  type Held,
  type History,
  type Idempotency,
  type MachineRef,
  type NumberedEntry,
  type Owner,
  type Page,
  type Parked,
  type SagaChange,
  type SagaListing,
  type SagaStatus,
  type Signal,
  type Statistics,
  type StoreInfo,
  type StoreMemory,
  type Tally,
  UNKNOWN_HELD,
  type WritesRefused,
} from '../../stores/saga-store.ts';
import type { Foreseen } from './foreseen.ts';

/** As the store gives them. */
export type { Page as SagaPage, SagaListing } from '../../stores/saga-store.ts';
export type * from './foreseen.ts';

export interface StartRequest {
  readonly machine: RegisteredMachine;
  readonly input: SagaInput;
  readonly idempotency: Idempotency | null;
  /** The caller's trace context, as it came. */
  readonly trace: { readonly [Name in keyof TraceHeaders]?: string | undefined };
  /** Who starts it by hand, and why: the audit tells of it. Left out where programs start sagas, of which their logs tell. */
  readonly act?: Pick<Signal, 'by' | 'reason'> & { readonly actor: string };
  /** How long the caller waits for the store to know the saga. */
  readonly patienceMs: number;
}

/** W3C trace context as it travels. */
export interface TraceHeaders {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** Of which trace a saga is part: the same whichever coordinator has it in hand. */
export interface Trace {
  readonly traceId: string;
  /** The saga's own span: the parent of its calls. */
  readonly spanId: string;
  /** The span of whoever asked for the saga; `null` where the saga is the root of its trace. */
  readonly parentSpanId: string | null;
  readonly isSampled: boolean;
  /**
   * When the saga's span began, in milliseconds by the clock of the coordinator that took the order: no span below it
   * may begin before. `null` where that was not kept, because no spans were made there.
   */
  readonly startedAtMs: number | null;
  /** The caller's `tracestate`, which is passed on; empty where there is none. */
  readonly state: string;
}

/** How sagas take part in traces. What it leads to is decided when a saga begins, and stored with it. */
export interface Tracing {
  /** The share of traces that are sampled where no caller decides, from 0 to 1. */
  readonly ratio: number;
  /** Whether the flag of a caller's trace decides, where there is one. */
  readonly followsCaller: boolean;
  /** Whether trace headers are read and sent. */
  readonly isPropagated: boolean;
  /** Whether spans are made. */
  readonly isRecorded: boolean;
}

export type StartResult =
  | { readonly kind: 'started'; readonly id: string }
  /** The same key and body came before: this is the saga that they started. */
  | { readonly kind: 'joined'; readonly id: string }
  | { readonly kind: 'key-reused'; readonly id: string }
  /** Nothing was stored; another coordinator, or this one later, may take it. */
  | {
      readonly kind: 'refused';
      /** `overloaded`: this coordinator has all the sagas in hand that it may have; `store-full`: the store has. */
      readonly why: 'draining' | 'overloaded' | 'store-full' | 'store-unavailable';
    }
  /** The store's answer was lost for good: the saga may have started under this id. */
  | { readonly kind: 'unknown'; readonly id: string };

/** A start that its key makes a repeat, or a misuse of the key. */
export type KnownStart = Extract<StartResult, { readonly kind: 'joined' | 'key-reused' }>;

/** One saga, whole. Secrets in its data are redacted. */
export interface SagaView extends SagaListing {
  readonly context: SagaContext;
  /** Names of the machine's steps, in order; empty where this coordinator does not know the machine. */
  readonly steps: readonly string[];
  readonly traceId: string;
}

/** A saga with its whole history. */
export interface SagaHistory {
  readonly saga: SagaView;
  readonly log: readonly NumberedEntry[];
}

/** What an operator asks of a saga; see `Signal` for its parts. */
export interface Operation extends Omit<Signal, 'id' | 'atMs' | 'kind'> {
  readonly kind: 'cancel' | 'retry' | 'skip' | 'resolve';
  /** The length that the log must have, so that nobody decides about a saga that has moved on. */
  readonly ifSeq: number | null;
}

export type OperationResult =
  /** It will take effect as soon as a call in flight has settled. */
  | { readonly kind: 'accepted'; readonly isFree: boolean }
  | { readonly kind: 'missing' }
  | { readonly kind: 'moved'; readonly seq: number }
  /** The state in which the saga stands knows no such event. */
  | { readonly kind: 'impossible'; readonly state: string }
  /** This coordinator does not run the version of the saga's machine, and cannot tell what its state knows. */
  | { readonly kind: 'unknown-version'; readonly machine: MachineRef; readonly state: string }
  /** Too many requests wait already, or the saga moves too fast to be addressed. */
  | { readonly kind: 'full' }
  | { readonly kind: 'busy' };

export type WhatIfResult =
  | { readonly kind: 'foreseen'; readonly saga: SagaListing; readonly foreseen: Foreseen }
  | Extract<OperationResult, { kind: 'missing' | 'impossible' | 'unknown-version' }>;

/** `done`: the effect of the call stands. `undone`: it does not, and will not. `unknown`: nobody can tell. */
export const STANDS = ['done', 'undone', 'unknown'] as const;

/** What a participant was asked about one call, and what it said. */
export interface Inquiry {
  /** The step, or the item of one as `step/item`. */
  readonly step: string;
  readonly participant: string;
  /** Without credentials. */
  readonly url: string;
  /** By the store's clock. */
  readonly askedAtMs: number;
  readonly ms: number;
  /** `unknown` too where no answer came, or none that says it. */
  readonly state: (typeof STANDS)[number];
  /** Of the answer; `null` where none came. */
  readonly status: number | null;
  /** Of its body as it came, as `Content-Digest` has it: `sha-256=:…:`. `null` where none came, or too much. */
  readonly digest: string | null;
  /** The body, where it is JSON: secrets redacted, and perhaps cut off. */
  readonly body: string | null;
  /** Why nothing can be said; `null` where the participant has said it. */
  readonly error: string | null;
}

export type InquiryResult =
  | { readonly kind: 'asked'; readonly inquiry: Inquiry }
  /** The saga has no such step or item, or its definition does not say where that is asked. */
  | { readonly kind: 'not-askable' }
  | Extract<NotSent, { readonly kind: 'missing' | 'unknown-version' | 'unreadable' }>;

/** Something that happened outside, and that a saga may wait for. */
export interface OutsideEvent {
  /** Its own, among the events of the saga: a repeat is the same event. */
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  /** Who sent it, where the audit is to tell of it, and by what name. */
  readonly actor?: string;
  readonly by?: string;
}

/** To what was sent to a saga and cannot reach it, whatever it was. */
export type NotSent =
  | { readonly kind: 'missing' }
  | { readonly kind: 'ended'; readonly status: SagaStatus }
  /** This coordinator does not run the version of the saga's machine, and cannot tell what it waits for. */
  | { readonly kind: 'unknown-version'; readonly machine: MachineRef }
  /** Its snapshot cannot be read: it is parked for that. */
  | { readonly kind: 'unreadable' }
  /** As much waits for it already as may. */
  | { readonly kind: 'full' }
  /** It moves too fast to be addressed. */
  | { readonly kind: 'busy' };

export type SendResult =
  | NotSent
  /** It is kept until a state consumes it, or the saga ends; or it was before. */
  | { readonly kind: 'accepted' }
  /** The saga waits for no event of this name; those that it knows. */
  | { readonly kind: 'unknown-event'; readonly events: readonly string[] }
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[] }
  | { readonly kind: 'too-large'; readonly bytesMax: number };

/** What is wrong with one place of what was sent. */
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code?: string | undefined;
  readonly keys?: readonly string[];
}

/** What came of an asynchronous step's call, as its participant says later, and of which attempt it was told. */
export type Reported = { readonly step: string; readonly attempt: number } & (
  | { readonly outcome: 'done'; readonly answer: Answer }
  | { readonly outcome: 'refused'; readonly error: string }
);

export type ReportResult =
  | NotSent
  /** `repeated`: it was told before. `noted`: the saga has gone on without it, so that it stands in the log and changes nothing. */
  | { readonly kind: 'accepted' | 'repeated' | 'noted' }
  /** The step is none of the saga's, or not asynchronous. */
  | { readonly kind: 'unknown-step'; readonly state: string }
  /** The answer is not as the step's contract says, in words that name its fields. */
  | { readonly kind: 'invalid'; readonly fault: string };

/** `half-open`: its time is over, or a probe is under way. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** How this coordinator gets on with one participant. */
export interface ParticipantState {
  readonly breaker: BreakerState;
  readonly inFlight: number;
  /** Calls that wait for a connection. */
  readonly queued: number;
}

export interface WatchRequest {
  /** From where to go on, `null` for what comes from now on. */
  readonly after: string | null;
  /** The one saga that is watched, `null` for all. */
  readonly sagaId: string | null;
}

/** What a watcher is told, with the position from which to go on, here or at another coordinator. */
export type Notice =
  /** First of all. From here on nothing is left out but with a gap. */
  | { readonly kind: 'ready'; readonly position: string }
  | ({ readonly kind: 'saga' } & SagaChange)
  /** Something was left out: the watcher must look afresh. */
  | { readonly kind: 'gap'; readonly position: string }
  /** The store is away, so that nothing is told until it is back; or it is back. Told only where it was away. */
  | { readonly kind: 'store'; readonly isReachable: boolean };

export interface Watch {
  /**
   * The next notices, at least one, all that came in one go: the very same list for all who watch the same. `nothing` where
   * none came for `waitMs`; `late` where more came than may wait, so that it is over, and whoever watched must come again with
   * the position of what it was told last; `null` where it is over because the coordinator drains.
   */
  next(waitMs: number): Promise<readonly Notice[] | 'nothing' | 'late' | null>;
  /** From where to go on after what was told so far; empty where that is not known yet. */
  readonly position: string;
  close(): void;
}

/** How long the store's memory lasts. */
export interface Headroom extends StoreMemory {
  /** At the rate of the last hour; `null` where it does not grow, has no bound, or was not watched for long enough. */
  readonly fullInMs: number | null;
}

/** Why a saga is parked that was stored anew. */
export const FORGOTTEN = 'forgotten';

/** What is known of a saga that the store has forgotten. */
export interface Forgotten {
  readonly kind: 'forgotten';
  readonly id: string;
  /** Where it stood last; `null` where no coordinator that was asked had it in hand. */
  readonly state: string | null;
  /** The effects of its steps that were done and not undone, and those that may be there; or that nobody here can tell. */
  readonly held: readonly Held[];
  /** It is stored anew under its id, and waits for an operator. */
  readonly stored: boolean;
}

/** The store has lost what it had acknowledged: thrown to whoever waits for the saga. */
export class ForgottenError extends Error {
  override readonly name = 'ForgottenError';
  readonly what: Forgotten;

  constructor(what: Forgotten) {
    super(`the store has forgotten saga ${what.id}`);
    this.what = what;
  }
}

/** Of a saga that was not in hand here: others may know more. */
export function forgottenElsewhere(id: string): Forgotten {
  return { kind: FORGOTTEN, id, state: null, held: UNKNOWN_HELD, stored: false };
}

/** A coordinator, and when it was heard of last, in milliseconds by the store's clock: about once a minute it says what it runs. */
export interface Coordinating {
  readonly owner: Owner;
  readonly heardAtMs: number;
}

export interface SagaEngine {
  /** Follows what all coordinators write; whoever watches must `close` it. */
  watch(request: WatchRequest): Watch | 'draining' | 'full';

  /** Where what is written from now on begins for whoever watches. Throws StoreUnavailableError. */
  position(): Promise<string>;

  /** Asks something of a saga on behalf of an operator. */
  operate(id: string, operation: Operation): Promise<OperationResult>;

  /** What would come of such a request, as the saga stands now. Nothing is changed. @throws DefinitionError */
  whatIf(id: string, operation: Omit<Operation, 'ifSeq'>): Promise<WhatIfResult>;

  /**
   * Asks the participant of a step, once, what stands of its call. Nothing is changed, and nothing is kept of it.
   * @param step or an item of one, as `step/item`
   */
  inquire(id: string, step: string): Promise<InquiryResult>;

  /** Tells a saga of something that happened outside. One that waits for it goes on at once. */
  send(id: string, event: OutsideEvent): Promise<SendResult>;

  /** Tells a saga what came of an asynchronous step. Whoever calls has seen that it is the participant that says so. */
  report(id: string, reported: Reported): Promise<ReportResult>;

  /** Throws DefinitionError where the saga's own definition fails at its start; then nothing is stored. */
  start(request: StartRequest): Promise<StartResult>;

  /**
   * What a start under this key would be answered without anything being started; `null` where the key is not known, or nobody
   * says in time. Throws StoreUnavailableError.
   */
  known(idempotency: Idempotency, patienceMs: number): Promise<KnownStart | null>;

  /**
   * Answers when the saga has ended or is parked; `null` when `waitMs` is over first, and at once while draining and where as
   * many wait already as may. To be asked of a saga that was just stored: one that the store does not know was forgotten.
   * @throws ForgottenError
   */
  settled(id: string, waitMs: number): Promise<SagaHistory | null>;

  get(id: string): Promise<SagaHistory | null>;

  /** How each of them stands, without its log; `null` for one that is not stored. */
  glance(ids: readonly string[]): Promise<(SagaListing | null)[]>;

  /** Number of the saga's newest log entry, without reading the log; `null` where there is no such saga. */
  seqOf(id: string): Promise<number | null>;

  /** As `get`, but without asking the store where the saga is in hand: for whoever has just started it. */
  current(id: string): Promise<SagaHistory | null>;
  list(filter: Filter, cursor: string | null, limit: number): Promise<Page>;

  /** As `list`, without those of which a retry cannot be asked as they stand. */
  retryable(filter: Filter, cursor: string | null, limit: number): Promise<Page>;
  statistics(): Promise<Statistics>;

  /** What a page shows that is asked for often, and why sagas are parked. */
  tally(): Promise<Tally>;

  /** Parked sagas of older releases, about, that are not counted among the causes yet. */
  readonly uncounted: number;

  /** How far behind the sagas are of the machines that this coordinator knows. */
  backlog(): Promise<Backlog>;

  /** How long the store's memory lasts. Throws StoreUnavailableError where the store cannot say. */
  headroom(): Promise<Headroom>;

  /** Who did what, as the store's audit tells. */
  readonly audit: Pick<AuditLog, 'list' | 'read' | 'tell'>;

  /** The coordinators that run on this store, by name; one that was killed is among them for some minutes. */
  coordinators(): Promise<readonly Coordinating[]>;

  /** What was counted of the last day, minute by minute. */
  readonly history: Pick<History, 'read'>;

  /** Throws StoreUnavailableError where the store cannot serve. */
  ping(): Promise<void>;

  /** Why the store takes no writes, and whether none at all; `null` while it takes all. */
  readonly writesRefused: WritesRefused | null;

  readonly store: StoreInfo;
  /** All that this coordinator runs, in all their versions. */
  readonly machines: readonly RegisteredMachine[];
  readonly draining: boolean;
  /** Sagas in this coordinator's hands. */
  readonly inHand: number;
  /** By name. */
  readonly participants: Readonly<Record<string, ParticipantState>>;
}

/** What happened, in the order in which it happened. Observers are called at once and must not throw. */
export type EngineEvent =
  | {
      readonly type: 'started';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly context: SagaContext;
    }
  /** A transition was committed. `event` is null for the start itself. */
  | {
      readonly type: 'transition';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly event: SagaEvent | null;
      readonly entry: NumberedEntry;
      readonly status: SagaStatus;
      readonly context: SagaContext;
    }
  | {
      readonly type: 'called';
      readonly id: string;
      readonly trace: Trace;
      /** The call's own span, as the participant was told. */
      readonly spanId: string;
      readonly machine: RegisteredMachine;
      readonly call: Call;
      /** `accepted`: an asynchronous participant has taken it, and will say later what came of it. */
      readonly outcome: Outcome | 'accepted';
      readonly ms: number;
      readonly error: string | null;
      /** Of the answer; `null` where none came. */
      readonly status: number | null;
      /** A short name for why no answer came, such as `ECONNREFUSED` or `timeout`; `null` where one did. */
      readonly failure: string | null;
    }
  /** A participant was asked what stands of a call, for a person to know. */
  | { readonly type: 'inquired'; readonly id: string; readonly trace: Trace; readonly inquiry: Inquiry }
  /** Ended or parked. `ms` since it was created. */
  | {
      readonly type: 'settled';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly status: SagaStatus;
      readonly ms: number;
      readonly reason: string | null;
      readonly parked: Parked | null;
    }
  /** Taken over from another coordinator, or from an earlier boot, or woken from a wait. */
  | {
      readonly type: 'claimed';
      readonly id: string;
      readonly trace: Trace;
      readonly state: string;
      readonly machine: RegisteredMachine;
    }
  /** Calls to a participant have failed too often in a row: for a while they are deferred. Said once. */
  | {
      readonly type: 'breaker-opened';
      readonly participant: string;
      readonly openMs: number;
      /** Of the last failure. */
      readonly error: string | null;
    }
  /** A probe has succeeded: calls are made again. */
  | { readonly type: 'breaker-closed'; readonly participant: string }
  /** Somebody else has written: this coordinator has dropped the saga. */
  | {
      readonly type: 'lost';
      readonly id: string;
      readonly trace: Trace;
      readonly why: 'stale' | 'missing' | 'lease-over' | 'key-missing';
    }
  /** A saga's record or snapshot cannot be read, so it is parked until a person has looked. */
  | { readonly type: 'unreadable'; readonly id: string; readonly trace: Trace; readonly error: Error }
  /** A function of the saga's own definition has failed: it is parked as it stands, and no other saga is touched. */
  | {
      readonly type: 'definition-error';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly error: Error;
    }
  /** A transition that was made by its machine's table and by XState did not come to the same: XState was believed. */
  | {
      readonly type: 'transition-differs';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly difference: Difference;
    }
  /** The store knows a saga no more that was in hand: it was stored anew. `held` is what its steps have left behind. */
  | {
      readonly type: 'forgotten';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly state: string;
      readonly held: readonly Held[];
    }
  /** No coordinator has run the saga's version for long: it was parked as it stands. */
  | {
      readonly type: 'version-unknown';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: MachineRef;
    }
  /** Moved from an older version of its machine, and carried on by this one. */
  | {
      readonly type: 'migrated';
      readonly id: string;
      readonly trace: Trace;
      readonly machine: RegisteredMachine;
      readonly from: string;
    }
  /** The clock on which the store relies was set, by so many milliseconds: back where it is negative. */
  | { readonly type: 'clock-jumped'; readonly ms: number }
  /** The store was nearly full, and ended sagas went before their time. */
  | { readonly type: 'purged-early'; readonly count: number }
  /** The store failed; what was to be done is repeated or left to recovery. */
  | { readonly type: 'store-fault'; readonly doing: string; readonly error: Error }
  /** The store serves again after it had failed. */
  | { readonly type: 'store-back' };

/**
 * What the log of a saga may tell of: outcomes of a call and the ends of waits, what came from outside, what operators asked
 * for, and what coordinators and stores did. Clients are told that there is nothing else.
 */
export const LOG_EVENTS = [
  ...([
    'started',
    'done',
    'refused',
    'retryable',
    'unknown',
    'deferred',
    'due',
    'deadline',
    'accepted',
    'event',
    'definitionError',
  ] as const),
  ...(['cancel', 'retry', 'skip', 'resolve', 'outcome'] as const),
  ...([
    'takenOver',
    'claimsExhausted',
    'migrated',
    'unreadable',
    'keyMissing',
    'versionUnknown',
    'forgotten',
  ] as const),
] as const;
export type LogEvent = (typeof LOG_EVENTS)[number];

/** `ignored`: what an operator asked for fitted nowhere any more. */
export const LOG_OUTCOMES = ['done', 'refused', 'retryable', 'unknown', 'ignored'] as const;

export type Observe = (event: EngineEvent) => void;

/**
 * Upper bounds of the buckets in which the durations of sagas are counted, in milliseconds: three per decade. One
 * more bucket, `inf`, takes the rest.
 */
export const DURATION_BUCKETS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
  1_000_000,
] as const;
