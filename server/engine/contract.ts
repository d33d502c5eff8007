/**
 * What the rest of the server knows of the engine: commands, views, and the events by which metrics, logs and the
 * inspector follow what happens. Nothing outside this folder touches a machine's snapshot or a store's write.
 */
import type {
  Call,
  Outcome,
  RegisteredMachine,
  SagaContext,
  SagaEvent,
  SagaInput,
} from '../../machines/index.ts';
import type {
  Backlog,
  Filter,
  Idempotency,
  MachineRef,
  NumberedEntry,
  Parked,
  SagaChange,
  SagaStatus,
  SagaSummary,
  Signal,
  Statistics,
  StoreInfo,
} from '../../stores/saga-store.ts';

export interface StartRequest {
  readonly machine: RegisteredMachine;
  readonly input: SagaInput;
  readonly idempotency: Idempotency | null;
  /** The caller's trace context, as it came. */
  readonly trace: { readonly [Name in keyof TraceHeaders]?: string | undefined };
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
  /** The caller's `tracestate`, which is passed on; empty where there is none. */
  readonly state: string;
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

/** A saga as listings show it. */
export interface SagaListing {
  readonly id: string;
  readonly machine: MachineRef;
  readonly status: SagaStatus;
  readonly summary: SagaSummary;
  readonly parked: Parked | null;
  readonly seq: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface SagaPage {
  readonly sagas: readonly SagaListing[];
  /** Where the next page begins; `null` where this one was the last. */
  readonly cursor: string | null;
}

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
export interface Operation extends Omit<Signal, 'id' | 'atMs'> {
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
  | { readonly kind: 'gap'; readonly position: string };

export interface Watch {
  /** The next notice; `nothing` where none came for `waitMs`; `null` where it is over, because the coordinator drains. */
  next(waitMs: number): Promise<Notice | 'nothing' | null>;
  /** From where to go on after what was told so far; empty where that is not known yet. */
  readonly position: string;
  close(): void;
}

export interface SagaEngine {
  /** Follows what all coordinators write; whoever watches must `close` it. */
  watch(request: WatchRequest): Watch | 'draining' | 'full';

  /** Asks something of a saga on behalf of an operator. */
  operate(id: string, operation: Operation): Promise<OperationResult>;

  start(request: StartRequest): Promise<StartResult>;

  /**
   * Answers when the saga has ended or is parked; `null` when `waitMs` is over first, for an unknown saga, and at once
   * while draining and where as many wait already as may.
   */
  settled(id: string, waitMs: number): Promise<SagaHistory | null>;

  get(id: string): Promise<SagaHistory | null>;

  /** As `get`, but without asking the store where the saga is in hand: for whoever has just started it. */
  current(id: string): Promise<SagaHistory | null>;
  list(filter: Filter, cursor: string | null, limit: number): Promise<SagaPage>;

  /** As `list`, without those of which a retry cannot be asked as they stand. */
  retryable(filter: Filter, cursor: string | null, limit: number): Promise<SagaPage>;
  statistics(): Promise<Statistics>;

  /** How far behind the sagas are of the machines that this coordinator knows. */
  backlog(): Promise<Backlog>;

  /** Throws StoreUnavailableError where the store cannot serve. */
  ping(): Promise<void>;

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
      readonly outcome: Outcome;
      readonly ms: number;
      readonly error: string | null;
    }
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
      readonly why: 'stale' | 'missing' | 'lease-over';
    }
  /** A saga's snapshot cannot be read, so it is parked until a person has looked; or not even its record, with its trace. */
  | { readonly type: 'unreadable'; readonly id: string; readonly trace: Trace | null; readonly error: Error }
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
  /** The store failed; what was to be done is repeated or left to recovery. */
  | { readonly type: 'store-fault'; readonly doing: string; readonly error: Error }
  /** The store serves again after it had failed. */
  | { readonly type: 'store-back' };

export type Observe = (event: EngineEvent) => void;

/**
 * Upper bounds of the buckets in which the durations of sagas are counted, in milliseconds: three per decade. One
 * more bucket, `inf`, takes the rest.
 */
export const DURATION_BUCKETS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
  1_000_000,
] as const;
