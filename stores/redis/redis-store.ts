/**
 * The contract over Redis: every atomic move is one Lua script on one partition, every read a plain command.
 * Operations over several partitions send to all of them in one tick, and are atomic in each of them.
 */
import { assertLimit, assertMigration, assertNewSaga, assertSpan, assertWrite } from '../assertions.ts';
import { assertPartitions, digestOf, idMaker, shareOf } from '../partition.ts';
import {
  CLAIMS_MAX,
  type Claimed,
  type CommitResult,
  type CreateResult,
  claimsExhausted,
  type Disagreement,
  type Fence,
  IN_FLIGHT_MAX,
  type LogEntry,
  type MachineRef,
  type MigrateResult,
  type Migration,
  type NewSaga,
  type Owner,
  PARKED_COUNTER,
  type SagaStore,
  SIGNALS_MAX,
  type Signal,
  type SignalResult,
  type StoreInfo,
  StoreUnavailableError,
  takenOver,
  type Write,
} from '../saga-store.ts';
import { Declarations } from './declarations.ts';
import { asking, reachable, together } from './faults.ts';
import {
  assertPrefix,
  bootsKey,
  counterField,
  declarationKeys,
  type MachineName,
  machineName,
  type PartitionKeys,
  waitedKey,
} from './keys.ts';
import { type Batch, chunked, Keyspace } from './keyspace.ts';
import { agreeOnPartitions, connected, durabilityOf, replicaWait } from './opening.ts';
import { pairs, RedisReads } from './reads.ts';
import {
  CorruptRecordError,
  decodeRecord,
  encodeCounts,
  encodeMachine,
  encodeWrite,
  machineBegins,
} from './record.ts';
import type { ReplicaWait, WaitReplicas } from './replica-wait.ts';
import { type Client, commitResult, createResult, run, signalResult, type WriteReply } from './scripts.ts';
import { StoreClock } from './store-clock.ts';

export interface RedisStoreOptions {
  /** From connect.ts, or any ioredis client with its settings. The store closes it. */
  readonly redis: Client;
  /** Fixed when a store is first opened. */
  readonly partitions?: number;
  /** Lets several stores share a Redis. */
  readonly prefix?: string;
  /** Entries kept of each partition's event stream, about. */
  readonly streamMax?: number;
  /** Claims without a commit between them; the next one parks the saga. */
  readonly claimsMax?: number;
  /** Sagas that are STARTED at once, over all partitions. */
  readonly inFlightMax?: number;
  /** Added to Redis's clock in every decision: 0 in production, tests move it. */
  readonly clockOffsetMs?: () => number;
  /** Creates, commits and claims count as written only when replicas have them. Not on a Cluster. */
  readonly waitReplicas?: WaitReplicas;
}

export class RedisStore extends RedisReads implements SagaStore {
  readonly info: StoreInfo;
  readonly newId: (key: string | null) => string;
  readonly #boots: string;
  readonly #declarations: Declarations;
  readonly #claimsMax: string;
  readonly #inFlightMax: string;
  readonly #offsetMs: () => number;
  readonly #replicas: ReplicaWait | null;

  /**
   * Connects the client where it is not, and refuses a Redis that does not fit (`StoreRefusedError`). Where it
   * throws, the client is still the caller's: to try again with, or to close.
   */
  static async open({
    redis,
    partitions = 16,
    prefix = '',
    waitReplicas,
    ...rest
  }: RedisStoreOptions): Promise<RedisStore> {
    assertPartitions(partitions);
    assertPrefix(prefix);
    try {
      await connected(redis);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new StoreUnavailableError(`Redis cannot be reached: ${message}`, true, { cause: error });
    }
    const keyspace = new Keyspace(redis, prefix, partitions);
    const waiting = waitReplicas
      ? await asking(replicaWait(redis, waitedKey(prefix), waitReplicas))
      : { replicas: null, words: '' };
    const durability = (await asking(durabilityOf(redis))) + waiting.words;
    await asking(agreeOnPartitions(redis, keyspace.partitions));
    const store = new RedisStore(redis, keyspace, prefix, durability, waiting.replicas, rest);
    await store.learnTime();
    return store;
  }

  private constructor(
    redis: Client,
    keyspace: Keyspace,
    prefix: string,
    durability: string,
    replicas: ReplicaWait | null,
    {
      streamMax = 10_000,
      claimsMax = CLAIMS_MAX,
      inFlightMax = IN_FLIGHT_MAX,
      clockOffsetMs = () => 0,
    }: Omit<RedisStoreOptions, 'redis'>,
  ) {
    const clock = new StoreClock(clockOffsetMs);
    super(redis, keyspace, clock, streamMax);
    const partitions = keyspace.partitions.length;
    this.#boots = bootsKey(prefix);
    this.#declarations = new Declarations(redis, keyspace, declarationKeys(prefix), clock, () =>
      this.#offset(),
    );
    this.#claimsMax = String(claimsMax);
    this.#inFlightMax = String(shareOf(inFlightMax, partitions));
    this.#replicas = replicas;
    this.#offsetMs = clockOffsetMs;
    this.info = { kind: 'redis', durability, partitions };
    this.newId = idMaker({ partitions, now: () => clock.now() });
  }

  boot(name: string): Promise<number> {
    return asking(this.redis.hincrby(this.#boots, name, 1));
  }

  async declare(
    machines: readonly MachineRef[],
    owner: Owner,
    leaseMs: number,
  ): Promise<readonly Disagreement[]> {
    assertSpan('leaseMs', leaseMs);
    return this.#declarations.declare(machines, owner, leaseMs);
  }

  async gone(afterMs: number): Promise<MachineRef[]> {
    assertSpan('afterMs', afterMs);
    if (this.clock.old) await this.learnTime();
    return this.#declarations.gone(afterMs);
  }

  async create(saga: NewSaga): Promise<CreateResult> {
    const keys = this.keyspace.at(assertNewSaga(saga, this.info.partitions));
    const machine = machineName(saga.machine);
    const digest = saga.idempotency ? digestOf(saga.idempotency.key) : '';
    const reply = await run(
      this.redis,
      'create',
      [...writeKeys(keys, saga.id, machine), keys.sagas, keys.key(digest)],
      [
        ...this.#writeArgs(saga.id, saga),
        encodeMachine(saga.machine),
        digest,
        saga.idempotency?.digest ?? '',
        this.#inFlightMax,
        saga.trace ?? '',
        ...encodeCounts(machine, saga),
      ],
      this.#replicas,
    );
    this.clock.learn(Number(reply[3]));
    const result = createResult(reply as unknown as WriteReply, saga.writeId);
    if (result.kind === 'created') this.keyspace.remember(saga.id, machine);
    return result;
  }

  async commit(id: string, expected: Fence, write: Write): Promise<CommitResult> {
    assertWrite(write);
    const keys = this.keyspace.of(id);
    // Awaited only where it is not remembered, so that commits of one tick leave in one packet.
    const machine = this.keyspace.known(id) ?? (await this.keyspace.machineOf(id));
    if (!keys || machine === null) return { kind: 'missing' };
    const reply = await run(
      this.redis,
      'commit',
      writeKeys(keys, id, machine),
      [
        ...this.#writeArgs(id, write),
        String(expected.revision),
        expected.writeId,
        write.signalsSeen ? String(write.signalsSeen) : '',
        ...encodeCounts(machine, write),
      ],
      this.#replicas,
    );
    this.clock.learn(Number(reply[3]));
    const result = commitResult(id, reply as unknown as WriteReply, expected, write.writeId);
    if (result.kind === 'committed' && write.next.kind === 'end') this.keyspace.forget(id);
    return result;
  }

  async migrate(id: string, expected: Fence, migration: Migration): Promise<MigrateResult> {
    assertMigration(migration);
    const keys = this.keyspace.of(id);
    const from = await this.keyspace.machineOf(id);
    if (!keys || from === null) return { kind: 'missing' };
    const { writeId, snapshot, entry, machine } = migration;
    const { state, ...summary } = migration.summary;
    const to = machineName(machine);
    const reply = await run(
      this.redis,
      'migrate',
      [keys.saga(id), keys.log(id), keys.counters, keys.events, keys.due(from), keys.due(to)],
      [
        this.#offset(),
        id,
        String(this.streamMax),
        writeId,
        snapshot,
        JSON.stringify(summary),
        state,
        JSON.stringify(entry),
        encodeMachine(machine),
        String(expected.revision),
        expected.writeId,
        ...encodeCounts(to, migration),
      ],
      this.#replicas,
    );
    this.clock.learn(Number(reply[3]));
    const result = commitResult(id, reply as unknown as WriteReply, expected, writeId);
    if (result.kind === 'signalled') throw new Error('migrate.lua asks for no signals');
    if (result.kind === 'committed') this.keyspace.remember(id, to);
    return result;
  }

  async signal(id: string, signal: Signal, expectedSeq: number): Promise<SignalResult> {
    const keys = this.keyspace.of(id);
    const machine = await this.keyspace.machineOf(id);
    if (!keys || machine === null) return { kind: 'missing' };
    // Its id comes first, so that a repetition can be found by how it begins.
    const { id: signalId, ...rest } = signal;
    const begins = JSON.stringify({ id: signalId }).slice(0, -1);
    const reply = await run(
      this.redis,
      'signal',
      [keys.saga(id), keys.due(machine)],
      [
        this.#offset(),
        id,
        JSON.stringify({ id: signalId, ...rest }),
        begins,
        String(expectedSeq),
        String(SIGNALS_MAX),
        machineBegins(machine),
      ],
      this.#replicas,
    );
    this.clock.learn(Number(reply[3]));
    const result = signalResult(reply as unknown as WriteReply);
    if (result !== null) return result;
    this.keyspace.forget(id);
    return this.signal(id, signal, expectedSeq);
  }

  async claim(
    ids: readonly string[],
    owner: Owner,
    leaseMs: number,
    writeId: string,
    at: string,
  ): Promise<Claimed[]> {
    assertSpan('leaseMs', leaseMs);
    const head = [
      String(owner.boot),
      String(leaseMs),
      writeId,
      withoutStates(takenOver(at, '')),
      withoutStates(claimsExhausted(at, '')),
      this.#claimsMax,
    ];
    const asked = [...new Set(ids)];
    const batches = await this.keyspace.batches(asked);
    const moved: string[] = [];
    const taken = await together(
      batches.map(async ({ keys, sagas }) => {
        const [nowMs, ...found] = await run(
          this.redis,
          'claim',
          [
            keys.events,
            keys.counters,
            keys.status.STARTED,
            keys.status.ABORTED,
            ...sagas.flatMap(([id, machine]) => [keys.saga(id), keys.log(id), keys.due(machine)]),
          ],
          [
            this.#offset(),
            String(this.streamMax),
            owner.name,
            ...head,
            ...sagas.flatMap(([id, machine]) => [
              id,
              counterField(machine, PARKED_COUNTER),
              machineBegins(machine),
            ]),
          ],
          this.#replicas,
        );
        this.clock.learn(Number(nowMs));
        return pairs(found).flatMap(([index, fields]) => {
          const id = sagas[Number(index)]?.[0] ?? '';
          if ((fields as string[]).length > 0) return claimed(id, fields as string[], Number(nowMs));
          this.keyspace.forget(id);
          moved.push(id);
          return [];
        });
      }),
    );
    if (moved.length > 0) taken.push(await this.claim(moved, owner, leaseMs, writeId, at));
    const byId = new Map(taken.flat().map((claim) => [claim.record.id, claim]));
    return asked.flatMap((id) => byId.get(id) ?? []);
  }

  async renew(
    held: readonly { readonly id: string; readonly fence: Fence }[],
    leaseMs: number,
  ): Promise<(number | null)[]> {
    assertSpan('leaseMs', leaseMs);
    const fences = new Map(held.map(({ id, fence }) => [id, fence]));
    const batches = await this.keyspace.batches([...fences.keys()]);
    const remains = await together(
      batches.map(async ({ keys, sagas }) => {
        const [nowMs, ...found] = await run(
          this.redis,
          'renew',
          heldKeys(keys, sagas),
          [this.#offset(), String(leaseMs), ...fencesOf(sagas, fences)],
          this.#replicas,
        );
        this.clock.learn(Number(nowMs));
        return sagas.map(([id], index) => [id, Number(found[index])] as const);
      }),
    );
    const byId = new Map(remains.flat());
    return held.map(({ id }) => {
      const ms = byId.get(id) ?? -1;
      return ms < 0 ? null : ms;
    });
  }

  async release(held: readonly { readonly id: string; readonly fence: Fence }[]): Promise<void> {
    const fences = new Map(held.map(({ id, fence }) => [id, fence]));
    const batches = await this.keyspace.batches([...fences.keys()]);
    await together(
      batches.map(async ({ keys, sagas }) => {
        const args = [this.#offset(), ...fencesOf(sagas, fences)];
        const [nowMs] = await run(this.redis, 'release', heldKeys(keys, sagas), args);
        this.clock.learn(Number(nowMs));
      }),
    );
  }

  async purge(limit: number): Promise<number> {
    assertLimit(limit);
    if (this.clock.old) await this.learnTime();
    const now = String(Math.floor(this.clock.now()));
    const partitions = this.keyspace.inTurn();
    const expired = await reachable(
      partitions.map((keys) => this.redis.zrangebyscore(keys.ended, '-inf', now, 'LIMIT', 0, limit)),
    );
    let left = limit;
    const removed = await together(
      partitions.flatMap((keys, index) => {
        const ids = (expired[index] ?? []).slice(0, left);
        left -= ids.length;
        return chunked(ids).map((some) => this.#purgeIn(keys, some));
      }),
    );
    return removed.reduce((sum, n) => sum + n, 0);
  }

  async #purgeIn(keys: PartitionKeys, ids: readonly string[]): Promise<number> {
    const digests = await Promise.all(ids.map((id) => this.redis.hget(keys.saga(id), 'key')));
    const { ended, counters, sagas, status } = keys;
    const [nowMs, purged] = await run(
      this.redis,
      'purge',
      [ended, counters, sagas, status.COMPLETED, status.FAILED].concat(
        ids.flatMap((id, index) => [keys.saga(id), keys.log(id), keys.key(digests[index] ?? '')]),
      ),
      [this.#offset(), ...ids],
    );
    this.clock.learn(Number(nowMs));
    for (const id of ids) this.keyspace.forget(id);
    return Number(purged);
  }

  async close(): Promise<void> {
    try {
      await this.redis.quit();
    } catch {
      this.redis.disconnect();
    }
  }

  /** ARGV 1 to 12 of lua/write.lua. */
  #writeArgs(id: string, write: Write): string[] {
    return [this.#offset(), id, String(this.streamMax), ...encodeWrite(write)];
  }

  #offset(): string {
    return String(this.#offsetMs());
  }
}

/** A log entry as JSON that lacks its last fields, which claim.lua adds: the state in which the saga stands. */
function withoutStates({ from: _from, to: _to, ...entry }: LogEntry): string {
  return JSON.stringify(entry).slice(0, -1);
}

/** KEYS of lua/renew.lua and lua/release.lua. */
function heldKeys(keys: PartitionKeys, sagas: Batch['sagas']): string[] {
  return sagas.flatMap(([id, machine]) => [keys.saga(id), keys.due(machine)]);
}

/** What those two are told of each saga. */
function fencesOf(sagas: Batch['sagas'], fences: ReadonlyMap<string, Fence>): string[] {
  return sagas.flatMap(([id]) => {
    const { revision = 0, writeId = '' } = fences.get(id) ?? {};
    return [id, String(revision), writeId];
  });
}

/** KEYS 1 to 10 of lua/write.lua. */
function writeKeys(keys: PartitionKeys, id: string, machine: MachineName): string[] {
  const { counters, events, ended, status } = keys;
  const indexes = [status.STARTED, status.COMPLETED, status.FAILED, status.ABORTED];
  return [keys.saga(id), keys.log(id), counters, events, keys.due(machine), ended, ...indexes];
}

/**
 * A saga that claim.lua has taken. One unreadable record must not keep the others of its batch from being worked
 * on, so here alone it is reported as a process warning instead of thrown; it comes again when its lease ends.
 */
function claimed(id: string, fields: readonly string[], nowMs: number): Claimed[] {
  try {
    const record = decodeRecord(id, Object.fromEntries(pairs(fields)));
    return [{ record, remainingMs: Math.max(0, (record.dueAtMs ?? 0) - nowMs) }];
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error;
    process.emitWarning(error);
    return [];
  }
}
