/**
 * A whole deployment in one process: one store and one clock, scripted participants, and any number of coordinators.
 * Nothing in it needs time or I/O, so that after `quiet()` all has happened that can happen.
 */
import {
  type Answer,
  type Call,
  type CallPolicy,
  type Kind,
  type Policies,
  type RegisteredMachine,
  Registry,
  type SagaDefinition,
} from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import type { EngineEvent, StartRequest, StartResult, Tracing } from '../../server/engine/contract.ts';
import { Engine, type EngineSettings } from '../../server/engine/engine.ts';
import type { Deferral, Reply } from '../../server/engine/outcome.ts';
import type { Participants } from '../../server/engine/participants.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import {
  type Idempotency,
  type NumberedEntry,
  type SagaRecord,
  type SagaStore,
  StoreUnavailableError,
} from '../../stores/saga-store.ts';
import { type SealingOptions, sealedStore } from '../../stores/sealing/sealed-store.ts';
import { answers, everywhere, placed } from '../machines/placed-order.ts';
import { quiet, VirtualClock } from './virtual-clock.ts';

export const done = (answer: Answer = {}): Reply => ({ outcome: 'done', answer });
export const refused = (error = 'no'): Reply => ({ outcome: 'refused', error });
export const retryable = (retryAfterMs: number | null = null): Reply => ({
  outcome: 'retryable',
  error: 'busy',
  retryAfterMs,
});
export const deferred = (delayMs: number): Deferral => ({
  outcome: 'deferred',
  error: 'not called',
  delayMs,
});
export const unknown = (): Reply => ({ outcome: 'unknown', error: 'lost', retryAfterMs: null });

/** A call as a participant sees it. */
export interface Made {
  readonly by: string;
  readonly sagaId: string;
  readonly call: Call;
  readonly traceparent: string;
  readonly boundMs: number;
  readonly atMs: number;
}
type Said = Reply | Deferral;
type Script = Said | ((made: Made) => Said | Promise<Said>);

/** What becomes of one operation of the store. */
export type Fate = (perform: () => Promise<unknown>, args: readonly unknown[]) => Promise<unknown>;
type Operation = Exclude<
  keyof SagaStore,
  'info' | 'audit' | 'history' | 'newId' | 'now' | 'jumped' | 'dueInMs'
>;

export const notSent: Fate = () => Promise.reject(new StoreUnavailableError('not sent', true));
/** To its caller this looks like a lost reply. */
export const notApplied: Fate = () => Promise.reject(new StoreUnavailableError('sent and lost', false));
export const replyLost: Fate = async (perform) => {
  await perform();
  throw new StoreUnavailableError('the reply was lost', false);
};

export const TRACING: Tracing = { ratio: 1, followsCaller: true, isPropagated: true, isRecorded: false };
export const RIGHTS = { leaseMarginMs: 200, leaseMaxMs: 3_000, retentionMs: 3_600_000 };
/** Of every call, unless a test says otherwise. */
export const TIMEOUT_MS = 2_000;
export const LEASE_MS = TIMEOUT_MS + 2 * RIGHTS.leaseMarginMs;
export const SETTINGS: EngineSettings = {
  pollMs: 1_000,
  claimBatch: 10,
  claimLeaseMs: LEASE_MS,
  inHandMax: 100,
  inHandKeptPercent: 50,
  waitersMax: 100,
  alarmsMax: 100,
  purgeEveryMs: 60_000,
  purgeEarlyMs: 0,
  auditKeepMs: 400 * 24 * 3600 * 1000,
  auditEntriesMax: 50_000,
  compactAfterMs: 0,
  keepMs: RIGHTS.retentionMs,
  declareEveryMs: 60_000,
  versionGoneAfterMs: 600_000,
  watchPollMs: 200,
  watchersMax: 10,
};

export interface Coordinator {
  readonly name: string;
  readonly engine: Engine;
  readonly events: EngineEvent[];
  /** The process is gone: it hears nothing more, does nothing more, and what it had sent stays sent. */
  readonly crash: () => void;
}

export interface WorldOptions {
  readonly saga?: (policies: Policies) => SagaDefinition;
  readonly policy?: Partial<CallPolicy>;
  readonly policies?: Policies;
  /** Of the store. */
  readonly inFlightMax?: number;
  readonly streamMax?: number;
  /** What each coordinator seals, and by which keys; nothing unless set. */
  readonly sealing?: (name: string) => Sealing;
}

export interface Sealing extends SealingOptions {
  readonly keyGeneration: () => number;
}

/** Each is made once, since a machine is walked when it is first registered: that takes longer than most tests. */
const orders = new Map<string, SagaDefinition>();

function orderUnder(policy: Partial<CallPolicy>): SagaDefinition {
  const key = JSON.stringify(policy);
  const known = orders.get(key);
  if (known !== undefined) return known;
  const made = orderSaga(everywhere(policy));
  orders.set(key, made);
  return made;
}

export class World {
  readonly clock = new VirtualClock();
  readonly store: MemoryStore;
  readonly registry = new Registry();
  readonly machine: RegisteredMachine;
  readonly calls: Made[] = [];
  /** Operations of the store and calls of participants, as they were sent and answered. */
  readonly journal: string[] = [];
  /** What the store does with the next operations of a kind, in order; without a fate it serves. */
  readonly fates = new Map<string, Fate[]>();
  /** What becomes of the operations for which there is no fate. */
  weather: Fate = (perform) => perform();
  /** What participants do where nothing is scripted. */
  participants: (made: Made) => Said | Promise<Said> = ({ call }) => done(answers[call.step]);
  rights = RIGHTS;
  /** By how much the wall clocks of coordinators are wrong just now. */
  wrongMs = 0;
  /** What the coordinators draw, in [0, 1). */
  random = (): number => 0.5;
  readonly #scripts = new Map<string, Script[]>();
  readonly #sealing: WorldOptions['sealing'];

  constructor({
    saga,
    policy = {},
    policies,
    inFlightMax = 1_000,
    streamMax = 1_000,
    sealing,
  }: WorldOptions = {}) {
    // One partition and counted randomness: ids are in the order of their making.
    let drawn = 0;
    const random = () => {
      drawn += 1;
      return (drawn * 0.618_034) % 1;
    };
    this.store = new MemoryStore({ now: this.clock.now, partitions: 1, random, inFlightMax, streamMax });
    const made =
      saga === undefined && policies === undefined
        ? orderUnder(policy)
        : (saga ?? orderSaga)(policies ?? everywhere(policy));
    this.machine = this.registry.register(made);
    this.#sealing = sealing;
  }

  /** Its participants are scripted, unless real ones are given; it runs the world's machines, unless others are given. */
  async coordinator(
    name = 'a',
    over: Partial<EngineSettings> = {},
    real?: Participants,
    registry = this.registry,
    tracing: Partial<Tracing> = {},
  ): Promise<Coordinator> {
    const events: EngineEvent[] = [];
    let alive = true;
    const reached = this.#storeOf(() => alive);
    const sealing = this.#sealing?.(name);
    const engine = new Engine(
      {
        store: sealing ? sealedStore(reached, sealing) : reached,
        ...(sealing && { keyGeneration: sealing.keyGeneration }),
        participants: real ?? (this.#participants(name, () => alive) as Participants),
        clock: {
          now: () => this.clock.now() + this.wrongMs,
          monotonic: this.clock.monotonic,
          after: (ms, callback) => this.clock.after(ms, () => alive && callback()),
        },
        random: () => this.random(),
        observe: (event) => {
          events.push(event);
        },
        owner: { name, boot: await this.store.boot(name) },
        rights: this.rights,
        tracing: { ...TRACING, ...tracing },
      },
      registry,
      { ...SETTINGS, ...over },
    );
    const crash = () => {
      alive = false;
    };
    return { name, engine, events, crash };
  }

  request(idempotency: Idempotency | null = null, machine = this.machine): StartRequest {
    return { machine, input: orderInput(placed), idempotency, trace: {}, patienceMs: 60_000 };
  }

  /** Starts a saga, lets happen what can, and answers its id. */
  async start({ engine }: Coordinator, machine = this.machine): Promise<string> {
    const result: StartResult = await engine.start(this.request(null, machine));
    if (result.kind !== 'started') throw new Error(`the start was answered ${JSON.stringify(result)}`);
    await quiet();
    return result.id;
  }

  /** Sagas that a coordinator leaves behind in the middle of their first call. */
  async abandoned(by: Coordinator, count = 1): Promise<string[]> {
    this.reply('order', 'action', ...Array<Script>(count).fill(hanging));
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push(await this.start(by));
    by.crash();
    return ids;
  }

  /** The replies to a call, one after the other; after them, and for every other call, it succeeds. */
  reply(step: string, kind: Kind, ...scripts: Script[]): void {
    this.#scripts.set(`${step} ${kind}`, scripts);
  }

  fate(operation: Operation, ...fates: Fate[]): void {
    this.fates.set(operation, [...(this.fates.get(operation) ?? []), ...fates]);
  }

  /** The calls of one saga or of all, as `step kind`. */
  called(sagaId?: string): string[] {
    return this.calls.filter((made) => sagaId === undefined || made.sagaId === sagaId).map(titleOf);
  }

  async record(id: string): Promise<SagaRecord> {
    const record = await this.store.get(id);
    if (record === null) throw new Error(`no saga ${id} is stored`);
    return record;
  }

  /** The log of a saga as `event from -> to`. */
  async history(id: string): Promise<string[]> {
    return (await this.store.log(id)).map(({ event, from, to }) => `${event} ${from ?? ''} -> ${to}`);
  }

  async lastEntry(id: string): Promise<NumberedEntry> {
    const entry = (await this.store.log(id)).at(-1);
    if (entry === undefined) throw new Error(`saga ${id} has no log`);
    return entry;
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    return (await this.store.statistics()).counters[this.machine.id] ?? {};
  }

  /** The store as one coordinator reaches it. */
  #storeOf(alive: () => boolean): SagaStore {
    return new Proxy<SagaStore>(this.store, {
      get: (
        store,
        name: Operation | 'info' | 'audit' | 'history' | 'newId' | 'now' | 'jumped' | 'dueInMs',
      ) => {
        if (name === 'info' || name === 'audit' || name === 'history' || name === 'newId') return store[name];
        if (name === 'now' || name === 'jumped') return () => store[name]();
        if (name === 'dueInMs') return (...args: Parameters<SagaStore['dueInMs']>) => store.dueInMs(...args);
        const perform = store[name] as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          if (!alive()) return NEVER;
          this.journal.push(name);
          const fate: Fate = this.fates.get(name)?.shift() ?? this.weather;
          try {
            const result = await fate(() => perform.apply(store, args), args);
            if (!alive()) return NEVER;
            this.journal.push(`${name} answered`);
            return result;
          } catch (error) {
            if (!alive()) return NEVER;
            this.journal.push(`${name} failed`);
            throw error;
          }
        };
      },
    });
  }

  /** A stand-in with the shape of Participants; like it, it bounds every call and can end all of them. */
  #participants(by: string, alive: () => boolean): Pick<Participants, 'call' | 'abortAll'> {
    const ends = new Set<() => void>();
    return {
      call: async (sagaId, call, { traceparent = '' }, endsAt) => {
        if (!alive()) return NEVER;
        const leftMs = () => endsAt() - this.clock.monotonic();
        const boundMs = leftMs();
        const made = { by, sagaId, call, traceparent, boundMs, atMs: this.clock.monotonic() };
        this.calls.push(made);
        this.journal.push(`call ${titleOf(made)}`);
        const script = this.#scripts.get(titleOf(made))?.shift() ?? this.participants;
        const ended = new Promise<Reply>((resolve) => {
          const end = () => resolve(unknown());
          ends.add(end);
          const bound = () => (leftMs() > 0 ? void this.clock.after(leftMs(), bound) : end());
          bound();
        });
        const reply = await Promise.race([typeof script === 'function' ? script(made) : script, ended]);
        return alive() ? reply : NEVER;
      },
      abortAll: () => {
        this.journal.push('calls ended');
        for (const end of ends) end();
      },
    };
  }
}

const NEVER = new Promise<never>(() => {});

/** What never answers. */
export const hanging = (): Promise<never> => NEVER;

export function titleOf({ call: { step, kind } }: Pick<Made, 'call'>): string {
  return `${step} ${kind}`;
}

/** The calls of an order that goes well. */
export const FORWARD = ['order', 'inventory', 'payment', 'shipping', 'notification'].map(
  (step) => `${step} action`,
);
