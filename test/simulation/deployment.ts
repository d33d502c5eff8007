/**
 * A deployment on virtual time: the real engine and the real memory store, with a simulated network between them and
 * simulated participants behind it. What befalls it is not decided here, but by whoever gives the fates and the moods.
 */
import type { Call, SagaInput } from '../../machines/index.ts';
import { isUndoable } from '../../machines/parts.ts';
import { Breaker } from '../../server/engine/breaker.ts';
import type { Reported, StartRequest } from '../../server/engine/contract.ts';
import { Engine, type EngineSettings } from '../../server/engine/engine.ts';
import { type Deferral, type Reply, replyOf } from '../../server/engine/outcome.ts';
import type { Participants } from '../../server/engine/participants.ts';
import { leaseMsOf } from '../../server/engine/write.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import {
  type Idempotency,
  type LogEntry,
  type SagaStore,
  StoreUnavailableError,
  type Write,
} from '../../stores/saga-store.ts';
import { Opener } from '../../stores/sealing/open.ts';
import { sealedStore } from '../../stores/sealing/sealed-store.ts';
import { at } from '../machines/placed-order.ts';
import { HandKeys } from '../sealing/keys.ts';
import { type Fate, type Message, Network } from './network.ts';
import { type Mood, SimulatedParticipants } from './participants.ts';
import { Process } from './process.ts';
import { registry, type SagaName, SIMULATED, type Simulated, TIMEOUT_MS } from './sagas.ts';
import { type Chance, Trace } from './seeded.ts';
import { Timeline } from './timeline.ts';
import { type Operation, Watch } from './watch.ts';

const RIGHTS = { leaseMarginMs: 100, leaseMaxMs: 1_200, retentionMs: 24 * 3_600_000 };
export const LEASE_MS = leaseMsOf(TIMEOUT_MS, RIGHTS);
/** Short against the back-off, so that calls are deferred in many runs. */
const BREAKER = { failuresMax: 2, openMs: 300, openMaxMs: 2_000 };
/** A client of the store gives up waiting for one answer. */
const STORE_TIMEOUT_MS = 800;
const SETTINGS: EngineSettings = {
  pollMs: 700,
  claimBatch: 3,
  claimLeaseMs: LEASE_MS,
  inHandMax: 100,
  inHandKeptPercent: 50,
  waitersMax: 100,
  alarmsMax: 3,
  // Nothing is purged within a run: what was counted can be recounted.
  purgeEveryMs: 3_600_000,
  purgeEarlyMs: 0,
  auditKeepMs: 400 * 24 * 3600 * 1000,
  auditEntriesMax: 50_000,
  compactAfterMs: 0,
  keepMs: 3_600_000,
  // Nor is anything declared: all processes run the same machine.
  declareEveryMs: 3_600_000,
  versionGoneAfterMs: 3_600_000,
  watchPollMs: 200,
  watchersMax: 10,
};
/** Operations that change nothing in these runs: nothing is old enough to be purged, or of an older release. */
export const READS = new Set<string>([
  'due',
  'running',
  'get',
  'statuses',
  'log',
  'list',
  'statistics',
  'tally',
  'index',
  'memory',
  'ping',
  'purge',
  'gone',
]);

export interface Surroundings {
  readonly saga: SagaName;
  readonly chance: Chance;
  readonly fateOf: (message: Message) => Fate;
  readonly moodOf: (sagaId: string, call: Call) => Mood;
  /** An asynchronous participant says what came of its call; where nobody hears it, it must be asked. */
  readonly tell?: (sagaId: string, reported: Reported) => void;
  readonly inHandMax?: number;
  /** Whole records are sealed. */
  readonly isSealed?: boolean;
}

export class Deployment {
  readonly timeline = new Timeline();
  readonly trace = new Trace();
  readonly saga: Simulated;
  readonly broken: string[] = [];
  readonly store: MemoryStore;
  readonly network: Network;
  readonly participants: SimulatedParticipants;
  readonly watch: Watch;
  readonly processes: Process[] = [];
  readonly #chance: Chance;
  readonly #moodOf: Surroundings['moodOf'];
  readonly #settings: EngineSettings;
  readonly #keys: HandKeys;

  constructor({
    saga,
    chance,
    fateOf,
    moodOf,
    tell = () => {},
    inHandMax = SETTINGS.inHandMax,
    isSealed = false,
  }: Surroundings) {
    this.saga = SIMULATED[saga];
    this.#chance = chance;
    this.#moodOf = moodOf;
    this.#settings = { ...SETTINGS, inHandMax };
    this.#keys = new HandKeys(...(isSealed ? ['k1'] : []));
    const now = () => at + this.timeline.ms;
    this.store = new MemoryStore({ now, random: chance.next, partitions: 2 });
    const broken = (what: string) => this.break(what);
    this.network = new Network(this.timeline, this.trace, fateOf);
    const { timeline } = this;
    const { answers } = this.saga;
    this.participants = new SimulatedParticipants({ timeline, answers, tell, broken });
    const opened = (id: string) => this.opened(id);
    const { leaseMarginMs: marginMs } = RIGHTS;
    this.watch = new Watch({ store: this.store, storeNow: now, saga: this.saga, marginMs, broken, opened });
  }

  /** What a saga keeps, as its coordinators see it. */
  opened(id: string): Opener {
    return new Opener(this.#keys.ring, id);
  }

  break(what: string): void {
    this.broken.push(`at ${this.timeline.ms}: ${what}`);
    this.trace.note(`${this.timeline.ms} BROKEN ${what}`);
  }

  /** Starts a process under this name, beside whatever older ones of it still live. */
  async boot(name: string): Promise<Process> {
    for (const older of this.processes) {
      if (older.owner.name === name && older.state !== 'gone') older.superseded = true;
    }
    const owner = { name, boot: await this.store.boot(name) };
    const skewMs = (this.#chance.below(3) - 1) * this.#chance.below(7_200_000);
    const process = new Process(owner, this.timeline, skewMs);
    const store = this.#storeOf(process);
    process.engine = new Engine(
      {
        store:
          this.#keys.ring.ids.length > 0 ? sealedStore(store, { keys: this.#keys, depth: 'whole' }) : store,
        participants: this.#participantsOf(process) as unknown as Participants,
        clock: process,
        random: this.#chance.next,
        observe: (event) => {
          if (event.type === 'transition' && event.event?.type === 'deadline') {
            this.break(`${event.id} is undone for a deadline that lies far ahead`);
          }
          if (event.type !== 'lost' && event.type !== 'unreadable') return;
          const why = event.type === 'lost' ? event.why : event.error.message;
          this.trace.note(`${this.timeline.ms} ${process.title} ${event.type} ${event.id}: ${why}`);
          if (event.type === 'unreadable') this.break(`${event.id} is unreadable: ${why}`);
        },
        owner,
        rights: RIGHTS,
        tracing: { ratio: 1, followsCaller: true, isPropagated: true, isRecorded: true },
      },
      registry,
      this.#settings,
    );
    this.processes.push(process);
    this.trace.note(`${this.timeline.ms} ${process.title} boots`);
    process.engine.open();
    return process;
  }

  crash(process: Process): void {
    if (process.state === 'gone') return;
    this.trace.note(`${this.timeline.ms} ${process.title} crashes`);
    process.crash();
  }

  pause(process: Process): void {
    if (process.state !== 'running') return;
    this.trace.note(`${this.timeline.ms} ${process.title} is paused`);
    process.pause();
  }

  resume(process: Process): void {
    if (process.state !== 'paused') return;
    this.trace.note(`${this.timeline.ms} ${process.title} wakes`);
    process.resume();
  }

  /** Drains a process; it is gone when that is done. */
  async drain(process: Process, graceMs: number): Promise<void> {
    this.trace.note(`${this.timeline.ms} ${process.title} drains`);
    await process.engine?.drain(graceMs);
    if (process.state === 'gone') return;
    this.trace.note(`${this.timeline.ms} ${process.title} has drained`);
    process.crash();
  }

  request(idempotency: Idempotency | null, input: SagaInput = this.saga.inputOf(this.#chance)): StartRequest {
    return { machine: this.saga.machine, input, idempotency, trace: {}, patienceMs: 8_000 };
  }

  /** Whether every saga that the store holds has ended or is parked, and nothing is under way. */
  get settled(): boolean {
    if (this.network.inFlight > 0) return false;
    for (const { status, signals } of this.watch.records.values())
      if (status === 'STARTED' || signals.length > 0) return false;
    return true;
  }

  #storeOf(process: Process): SagaStore {
    return new Proxy<SagaStore>(this.store, {
      get: (
        store,
        name: Operation | 'info' | 'audit' | 'history' | 'newId' | 'now' | 'jumped' | 'dueInMs',
      ) => {
        if (name === 'info' || name === 'audit' || name === 'history' || name === 'newId') return store[name];
        if (name === 'now' || name === 'jumped') return () => store[name]();
        if (name === 'dueInMs') return (...args: Parameters<SagaStore['dueInMs']>) => store.dueInMs(...args);
        return (...args: unknown[]) => this.#ask(process, name, args);
      },
    });
  }

  #ask(from: Process, name: Operation, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const cancel = from.after(STORE_TIMEOUT_MS, () =>
        reject(new StoreUnavailableError('no answer in time', false)),
      );
      const message: Message = {
        from,
        to: 'store',
        what: name,
        about: name === 'commit' ? transitionOf((args[2] as Write).entry) : name,
        reads: READS.has(name),
      };
      this.network.send(message, titleOf(name, args), () => this.watch.perform(name, args), {
        answered: (result) => {
          cancel();
          resolve(result);
        },
        notSent: () => {
          cancel();
          reject(new StoreUnavailableError('not connected', true));
        },
      });
    });
  }

  /** Defers calls, bounds them and can end all of them, like the client whose place it takes. */
  #participantsOf(process: Process): Pick<Participants, 'call' | 'abortAll'> {
    const ends = new Set<(why: string) => void>();
    const names = new Set(this.saga.machine.steps.map(({ participant }) => participant));
    const breakers = new Map([...names].map((name) => [name, new Breaker(BREAKER, process)]));
    return {
      call: (sagaId, call, _traceparent, endsAt) => {
        const breaker = breakers.get(call.participant);
        const pass = breaker?.pass();
        if (breaker === undefined || !pass) {
          this.trace.note(
            `${this.timeline.ms} ${process.title} defers ${call.address} ${call.kind} of ${sagaId}`,
          );
          const deferral: Deferral = {
            outcome: 'deferred',
            error: 'open',
            delayMs: 1 + this.#chance.below(500),
          };
          return Promise.resolve(deferral);
        }
        return new Promise<Reply>((resolve) => {
          const leftMs = () => endsAt() - process.monotonic();
          this.watch.calls(process, sagaId, call, leftMs());
          const settle = (reply: Reply) => {
            cancel();
            ends.delete(end);
            breaker.settled(pass, reply);
            resolve(reply);
          };
          const end = (error: string) => settle({ outcome: 'unknown', error, retryAfterMs: null });
          let cancel = () => {};
          const bound = () => {
            if (leftMs() <= 0) return end('no answer in time');
            this.watch.goesOn(process, sagaId, call, leftMs());
            cancel = process.after(leftMs(), bound);
          };
          ends.add(end);
          bound();
          const what = `${call.address} ${call.kind}`;
          const message: Message = {
            from: process,
            to: 'participant',
            what,
            about: call.isFetch ? `${what} asked` : `${what} ${call.attempt}`,
            reads: false,
          };
          const title = `${message.about} of ${sagaId}`;
          // What nobody undoes is treated alike each time that it arrives: else a 503 would promise too much.
          let drawn: Mood | null = null;
          const mood = () => {
            if (drawn === null || this.#isUndone(call)) drawn = this.#moodOf(sagaId, call);
            return drawn;
          };
          this.network.send(message, title, () => this.participants.take(sagaId, call, mood()), {
            answered: ({ body, ...head }) => {
              const answered = {
                retryAfter: undefined,
                contentEncoding: undefined,
                ...head,
                body: Buffer.from(body),
              };
              settle(
                replyOf(
                  call,
                  answered,
                  () => process.now(),
                  (place) => place,
                ),
              );
            },
            notSent: () => settle({ outcome: 'retryable', error: 'ECONNREFUSED', retryAfterMs: null }),
          });
        });
      },
      abortAll: () => {
        for (const end of [...ends]) end('the coordinator stops');
      },
    };
  }

  #isUndone({ step }: Call): boolean {
    const { machine } = this.saga;
    return machine.steps.some((one) => one.name === step && isUndoable(one));
  }
}

/** A transition as the log tells it and as the machine's graph has it. */
export function transitionOf({ from, event, to }: Pick<LogEntry, 'from' | 'event' | 'to'>): string {
  return `${from ?? ''} -${event}-> ${to}`;
}

function titleOf(name: Operation, args: readonly unknown[]): string {
  const [first, second, third] = args as [
    unknown,
    { revision?: number }?,
    { writeId?: string; entry?: { to: string } }?,
  ];
  switch (name) {
    case 'create':
      return `create ${(first as { id: string }).id}`;
    case 'commit':
      return `commit ${first} at rev ${second?.revision} -> ${third?.entry?.to} (${third?.writeId})`;
    case 'claim':
      return `claim ${(first as string[]).join(' ')} (${args[3]})`;
    case 'signal': {
      const { kind, id } = second as unknown as { kind: string; id: string };
      return `signal ${first} ${kind} (${id})`;
    }
    case 'renew':
    case 'release':
      return `${name} ${(first as { id: string }[]).map(({ id }) => id).join(' ')}`;
    default:
      return name;
  }
}
