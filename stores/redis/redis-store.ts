/**
 * The contract over Redis: every atomic move is one Lua script on one partition, every read a plain command.
 * Operations over several partitions send to all of them in one tick, and are atomic in each of them.
 */
import { Cluster } from 'ioredis';
import { assertLimit, assertMigration, assertNewSaga, assertSpan, assertWrite } from '../assertions.ts';
import { bodiesOf } from '../audit-chain.ts';
import { assertPartitions, digestOf, idMaker, partitionOfKey, shareOf } from '../partition.ts';
import {
  type AuditKey,
  CLAIMS_MAX,
  type Claimed,
  type CommitResult,
  type CreateResult,
  claimsExhausted,
  type Declared,
  type Disagreement,
  EXHAUSTED,
  type Fence,
  type Idempotency,
  IN_FLIGHT_MAX,
  type Known,
  type LogEntry,
  type MachineRef,
  type MigrateResult,
  type Migration,
  type NewSaga,
  type Owner,
  PARKED_COUNTER,
  type SagaListing,
  type SagaRecord,
  type SagaStore,
  SIGNALS_MAX,
  type Signal,
  type SignalResult,
  type StoreInfo,
  StoreRefusedError,
  StoreUnavailableError,
  type Term,
  takenOver,
  type Write,
  type WritesRefused,
} from '../saga-store.ts';
import { RedisAudit } from './audit.ts';
import type { Client } from './client.ts';
import { Declarations } from './declarations.ts';
import { durabilityOf, replicaWait } from './durability.ts';
import { asking, orDamaged, reachable, refusedOf } from './faults.ts';
import { RedisHistory } from './history.ts';
import { InHand } from './in-hand.ts';
import {
  assertPrefix,
  bootsKey,
  clockKey,
  counterField,
  declarationKeys,
  historyKey,
  type MachineName,
  machineName,
  notesKey,
  type PartitionKeys,
  partitionKeys,
  rootKey,
  waitedKey,
} from './keys.ts';
import { type Batch, chunked, Keyspace } from './keyspace.ts';
import { encodeLayout, newLayout } from './layout.ts';
import { RedisNotes } from './notes.ts';
import { agreeOnLayout, connected } from './opening.ts';
import { encodeCauses } from './parked.ts';
import { assertPermitted, isRefusal, missingIn } from './permissions.ts';
import { RedisReads } from './reads.ts';
import {
  decodeKey,
  decodeLed,
  decodeRecord,
  encodeCounts,
  encodeMachine,
  encodeSignal,
  encodeSummary,
  encodeWrite,
  idOfName,
  machineBegins,
} from './record.ts';
import type { ReplicaWait, WaitReplicas } from './replica-wait.ts';
import { inThrees, pairs } from './replies.ts';
import { commitResult, createResult, run, signalResult, type WriteReply } from './scripts.ts';
import { secretIn } from './secret.ts';
import { SimpleWrites } from './simple-writes.ts';
import { JUMP_LEAST_MS, SHIFT_MOST_MS, StoreClock } from './store-clock.ts';
import { entriesOf } from './terms.ts';

export interface RedisStoreOptions {
  /** From connect.ts, or any ioredis client with its settings. The store closes it. */
  readonly redis: Client;
  /** Fixed when a store is first opened; left out, it is what the store has, and of a new one 16, or 48 on a Cluster. */
  readonly partitions?: number | undefined;
  /** Lets several stores share a Redis. */
  readonly prefix?: string;
  /** Entries kept of each partition's event stream, about. */
  readonly streamMax?: number;
  /** Boots that claim a saga without a commit between them; the next one parks it. */
  readonly claimsMax?: number;
  /** Sagas that are STARTED at once, over all partitions. */
  readonly inFlightMax?: number;
  /** Added to Redis's clock in every decision: 0 in production, tests move it. */
  readonly clockOffsetMs?: () => number;
  /** As though Redis's own clock had been set by so much: nobody is told, the store must find out. For tests alone. */
  readonly clockJumpMs?: () => number;
  /** By which the entries of the audit are sealed; none unless set. */
  readonly auditKey?: AuditKey | undefined;
  /** Creates, commits and claims count as written only when replicas have them. Not on a Cluster. */
  readonly waitReplicas?: WaitReplicas;
  /** Whether sagas are made small soon after they have ended, where that costs least; not while a release runs that cannot read them so. */
  readonly restsAtOnce?: boolean;
}

export class RedisStore extends RedisReads implements SagaStore {
  readonly info: StoreInfo;
  readonly audit: RedisAudit;
  readonly history: RedisHistory;
  readonly notes: RedisNotes;
  readonly newId: (key: string | null) => string;
  readonly #boots: string;
  /** As it stands in every partition's mark. */
  readonly #id: string;
  readonly #root: string;
  readonly #slots: readonly (readonly string[])[];
  readonly #declarations: Declarations;
  readonly #claimsMax: string;
  readonly #inFlightMax: string;
  readonly #simple: SimpleWrites;
  readonly #offsetMs: () => number;
  readonly #jumpMs: () => number;
  readonly #clockKey: string;
  readonly #replicas: ReplicaWait | null;

  /**
   * Connects the client where it is not, and refuses a Redis that does not fit (`StoreRefusedError`). Where it
   * throws, the client is still the caller's: to try again with, or to close.
   */
  static async open({
    redis,
    partitions,
    prefix = '',
    waitReplicas,
    ...rest
  }: RedisStoreOptions): Promise<RedisStore> {
    if (partitions !== undefined) assertPartitions(partitions);
    assertPrefix(prefix);
    await connected(redis);
    let keyspace = new Keyspace(redis, prefix, newLayout(redis, partitions ?? null));
    const permitted = () => asking(assertPermitted(redis, slotsOf(keyspace, prefix)));
    const prepare = async () => {
      const { durability, survivesRestart } = await durabilityOf(redis);
      const waiting = waitReplicas
        ? await replicaWait(redis, waitedKey(prefix), waitReplicas)
        : { replicas: null, words: '' };
      const { layout, id } = await agreeOnLayout(redis, prefix, partitions ?? null);
      keyspace = new Keyspace(redis, prefix, layout);
      const said = { durability: durability + waiting.words, survivesRestart };
      return { id, said, replicas: waiting.replicas };
    };
    const { id, said, replicas } = await asking(prepare()).catch(async (error: Error) => {
      // One command is missing: with it all others are named.
      if (isRefusal(error)) await permitted();
      throw error;
    });
    await permitted();
    const store = new RedisStore(redis, keyspace, prefix, id, said, replicas, rest);
    await store.learnTime();
    await store.tick();
    await store.indexing.begin(store.now());
    return store;
  }

  private constructor(
    redis: Client,
    keyspace: Keyspace,
    prefix: string,
    id: string,
    said: Pick<StoreInfo, 'durability' | 'survivesRestart'>,
    replicas: ReplicaWait | null,
    {
      streamMax = 10_000,
      claimsMax = CLAIMS_MAX,
      inFlightMax = IN_FLIGHT_MAX,
      clockOffsetMs = () => 0,
      clockJumpMs = () => 0,
      auditKey,
      restsAtOnce = false,
    }: Omit<RedisStoreOptions, 'redis'>,
  ) {
    const clock = new StoreClock(clockOffsetMs);
    super(redis, keyspace, clock, streamMax, rootKey(prefix), id);
    const partitions = keyspace.partitions.length;
    this.#boots = bootsKey(prefix);
    this.#declarations = new Declarations(redis, keyspace, declarationKeys(prefix), clock, () =>
      this.offset(),
    );
    this.#claimsMax = String(claimsMax);
    this.#inFlightMax = String(shareOf(inFlightMax, partitions));
    this.#replicas = replicas;
    this.audit = new RedisAudit(redis, keyspace, clock, auditKey ?? null);
    this.history = new RedisHistory(redis, historyKey(prefix));
    this.notes = new RedisNotes(redis, notesKey(prefix));
    this.#offsetMs = clockOffsetMs;
    this.#jumpMs = clockJumpMs;
    this.#clockKey = clockKey(prefix);
    this.info = { kind: 'redis', ...said, partitions };
    this.#id = id;
    this.#root = rootKey(prefix);
    this.#slots = slotsOf(keyspace, prefix);
    this.#simple = new SimpleWrites({
      redis,
      clock,
      offset: () => this.offset(),
      streamMax: String(streamMax),
      inFlightMax: this.#inFlightMax,
      replicas,
      terms: this.terms,
      inHand: restsAtOnce ? new InHand((saga) => this.compaction.add(saga)) : null,
    });
    this.newId = idMaker({ partitions, now: () => clock.now() });
  }

  async boot(name: string): Promise<number> {
    const [number] = await run(this.redis, 'boot', [this.#boots], [name]);
    return Number(number);
  }

  async secret(): Promise<string> {
    return secretIn(this.redis, this.#root);
  }

  async declare(
    machines: readonly MachineRef[],
    owner: Owner,
    leaseMs: number,
  ): Promise<readonly Disagreement[]> {
    assertSpan('leaseMs', leaseMs);
    const disagreements = await this.#declarations.declare(machines, owner, leaseMs);
    if (machines.length > 0) await this.#assertLayout(owner);
    return disagreements;
  }

  /**
   * Whoever moves the store marks it and then looks who is declared; we declare ourselves and then look at the mark. So one of
   * the two sees the other.
   */
  async #assertLayout(owner: Owner): Promise<void> {
    const known = encodeLayout(this.keyspace.layout);
    const found = await asking(this.redis.hget(this.#root, 'partitions'));
    // A Redis that has forgotten all has no mark either.
    if (found === null || found === known) return;
    await this.#declarations.declare([], owner, 0);
    throw new StoreRefusedError(
      `The store was opened with ${known} partitions, and its mark says ${found} by now (${this.#root}): it is moved to ` +
        'others. This coordinator must not go on with it; start it again when `saga store repartition` has ended.',
    );
  }

  async gone(afterMs: number): Promise<MachineRef[]> {
    assertSpan('afterMs', afterMs);
    await this.learnTimeIfOld();
    return this.#declarations.gone(afterMs);
  }

  async declared(): Promise<Declared[]> {
    await this.learnTimeIfOld();
    return this.#declarations.declared();
  }

  async create(saga: NewSaga): Promise<CreateResult> {
    const known = await this.#knownBefore(saga);
    if (known !== null) return known;
    const result = await this.#create(saga, '');
    if (saga.idempotency === null || (result.kind !== 'exists' && result.kind !== 'key-reused'))
      return result;
    // A create that was cut off before its record has left its key, which leads to nothing and would refuse all others.
    const keys = this.keyspace.of(result.id);
    if (keys === null || (await asking(this.redis.exists(keys.saga(result.id)))) === 1) return result;
    return this.#create(saga, result.id);
  }

  async known(idempotency: Idempotency): Promise<Known | null> {
    const { before } = this.keyspace.layout;
    const { key } = idempotency;
    const here = await this.#knownAt(partitionOfKey(key, this.info.partitions), idempotency);
    return here ?? (before === null ? null : this.#knownAt(partitionOfKey(key, before), idempotency));
  }

  /** What an idempotency key leads to that was used before the store was moved, and now belongs to another partition. */
  async #knownBefore({ id, idempotency }: NewSaga): Promise<Known | null> {
    const { before } = this.keyspace.layout;
    if (before === null || idempotency === null) return null;
    const partition = partitionOfKey(idempotency.key, before);
    return this.keyspace.at(partition) === this.keyspace.of(id)
      ? null
      : this.#knownAt(partition, idempotency);
  }

  async #knownAt(partition: number, { key, digest }: Idempotency): Promise<Known | null> {
    const keys = this.keyspace.at(partition);
    // A key that somebody has damaged leads nowhere; a create says so.
    const led = await asking(orDamaged(this.redis.getBuffer(keys.key(digestOf(key))), null));
    if (led === null) return null;
    const { id, isSame } = decodeLed(led, digest);
    if ((await asking(this.redis.exists(keys.saga(id)))) === 0) return null;
    return { kind: isSame ? 'exists' : 'key-reused', id };
  }

  async #create(saga: NewSaga, missing: string): Promise<CreateResult> {
    const keys = this.keyspace.at(
      assertNewSaga(saga, this.info.partitions, this.keyspace.layout.before ?? undefined),
    );
    const machine = machineName(saga.machine);
    const digest = saga.idempotency ? digestOf(saga.idempotency.key) : '';
    const begun = missing === '' ? await this.#simple.create(keys, machine, saga, digest) : null;
    if (begun !== null) {
      this.keyspace.remember(saga.id, machine);
      return begun;
    }
    const entered = this.terms.enter(keys, saga.id, saga.terms);
    const reply = await this.#telling(keys, saga.id, 1, saga, (audit, lines) =>
      run(
        this.redis,
        'create',
        [
          ...writeKeys(keys, saga.id, machine),
          keys.sagas,
          keys.key(digest),
          keys.saga(missing),
          ...audit,
          ...entered.keys,
        ],
        [
          ...this.#writeArgs(saga.id, machine, saga),
          encodeMachine(saga.machine),
          digest,
          saga.idempotency?.digest ?? '',
          this.#inFlightMax,
          saga.trace ?? '',
          missing,
          ...lines,
          ...encodeCounts(machine, saga),
          entered.said,
        ],
        this.#replicas,
      ),
    );
    const result = createResult(reply, saga.writeId);
    if (result.kind === 'created') this.keyspace.remember(saga.id, machine);
    return result;
  }

  async commit(id: string, expected: Fence, write: Write): Promise<CommitResult> {
    assertWrite(write);
    const keys = this.keyspace.of(id);
    // Awaited only where it is not remembered, so that commits of one tick leave in one packet.
    const machine = this.keyspace.known(id) ?? (await this.keyspace.machineOf(id));
    if (!keys || machine === null) return { kind: 'missing' };
    const result =
      (await this.#simple.commit(keys, id, machine, expected, write)) ??
      (await this.#commit(keys, id, machine, expected, write));
    if (result.kind === 'committed' && write.next.kind === 'end') this.keyspace.forget(id);
    return result;
  }

  async #commit(
    keys: PartitionKeys,
    id: string,
    machine: MachineName,
    expected: Fence,
    write: Write,
  ): Promise<CommitResult> {
    const entered = this.terms.enter(keys, id, write.terms);
    const reply = await this.#telling(keys, id, expected.revision + 1, write, (audit, lines) =>
      run(
        this.redis,
        'commit',
        [...writeKeys(keys, id, machine), ...audit, ...entered.keys],
        [
          ...this.#writeArgs(id, machine, write),
          String(expected.revision),
          expected.writeId,
          write.signalsSeen ? String(write.signalsSeen) : '',
          write.signalsLeft?.length ? write.signalsLeft.map(encodeSignal).join('\n') : '',
          ...lines,
          ...encodeCounts(machine, write),
          entered.said,
        ],
        this.#replicas,
      ),
    );
    return commitResult(reply, expected, write.writeId);
  }

  /** @param send a script, with the key of the audit and what is told there, or without where that is nothing */
  async #telling(
    { audit }: PartitionKeys,
    sagaId: string,
    revision: number,
    { acts, writeId }: Write,
    send: (audit: readonly string[], lines: readonly string[]) => Promise<readonly unknown[]>,
  ): Promise<WriteReply> {
    const sent = async (keys: readonly string[], lines: readonly string[]) => {
      const reply = (await send(keys, lines)) as unknown as WriteReply;
      this.clock.learn(Number(reply[3]));
      return reply;
    };
    if (acts === undefined || acts.length === 0) return sent([], []);
    const chain = sagaId.slice(0, sagaId.indexOf('-'));
    const bodies = bodiesOf(acts, { sagaId, revision, writeId });
    return this.audit.tellWith(audit, chain, bodies, (lines) => sent([audit], lines));
  }

  async migrate(id: string, expected: Fence, migration: Migration): Promise<MigrateResult> {
    assertMigration(migration);
    const keys = this.keyspace.of(id);
    const from = await this.keyspace.machineOf(id);
    if (!keys || from === null) return { kind: 'missing' };
    const { writeId, snapshot, entry, machine } = migration;
    const to = machineName(machine);
    const entered = this.terms.enter(keys, id, migration.terms);
    const reply = await run(
      this.redis,
      'migrate',
      [
        keys.saga(id),
        keys.log(id),
        keys.counters,
        keys.events,
        keys.due(from),
        keys.due(to),
        ...entered.keys,
      ],
      [
        this.offset(),
        id,
        String(this.streamMax),
        writeId,
        snapshot,
        encodeSummary(migration.summary),
        migration.summary.state,
        JSON.stringify(entry),
        encodeMachine(machine),
        String(expected.revision),
        expected.writeId,
        ...encodeCounts(to, migration),
        entered.said,
      ],
      this.#replicas,
    );
    this.clock.learn(Number(reply[3]));
    const result = commitResult(reply as unknown as WriteReply, expected, writeId);
    if (result.kind === 'signalled') throw new Error('migrate.lua asks for no signals');
    if (result.kind === 'committed') this.keyspace.remember(id, to);
    return result;
  }

  async signal(id: string, signal: Signal, expectedSeq: number): Promise<SignalResult> {
    const keys = this.keyspace.of(id);
    const machine = await this.keyspace.machineOf(id);
    if (!keys || machine === null) return { kind: 'missing' };
    const begins = JSON.stringify({ id: signal.id }).slice(0, -1);
    const reply = await run(
      this.redis,
      'signal',
      [keys.saga(id), keys.due(machine)],
      [
        this.offset(),
        id,
        encodeSignal(signal),
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
      withoutStates(takenOver(at, '', owner)),
      withoutStates(claimsExhausted(at, '')),
      this.#claimsMax,
      JSON.stringify(EXHAUSTED),
    ];
    const asked = [...new Set(ids)];
    const batches = await this.keyspace.batches(asked);
    const moved: string[] = [];
    // What was taken in one partition must not be lost with another that cannot be asked.
    const taken = await reachable(
      batches.map(async ({ keys, sagas }) => {
        const [nowMs, ...found] = await run(
          this.redis,
          'claim',
          [
            keys.events,
            keys.counters,
            ...statusKeys(keys),
            keys.ended,
            keys.sagas,
            keys.parked,
            ...sagas.flatMap(([id, machine]) => [keys.saga(id), keys.log(id), keys.due(machine)]),
          ],
          [
            this.offset(),
            String(this.streamMax),
            owner.name,
            ...head,
            ...sagas.flatMap(([id, machine]) => [
              id,
              counterField(machine, PARKED_COUNTER),
              machineBegins(machine),
              encodeCauses(idOfName(machine), EXHAUSTED)[0],
            ]),
          ],
          this.#replicas,
        );
        this.clock.learn(Number(nowMs));
        return inThrees(found as (string | string[])[]).flatMap(([index, fields, damage]) => {
          const id = sagas[Number(index)]?.[0] ?? '';
          if (fields.length > 0 || damage !== '') {
            return claimed(id, fields as string[], damage as string, Number(nowMs));
          }
          this.keyspace.forget(id);
          moved.push(id);
          return [];
        });
      }),
    );
    if (moved.length > 0) {
      // Whatever becomes of these, what was taken before stays taken.
      const again = this.claim(moved, owner, leaseMs, writeId, at);
      taken.push(...(await reachable([Promise.resolve([]), again])));
    }
    const byId = new Map(taken.flatMap((claims) => claims ?? []).map((claim) => [claim.record.id, claim]));
    return asked.flatMap((id) => byId.get(id) ?? []);
  }

  async renew(
    held: readonly { readonly id: string; readonly fence: Fence }[],
    leaseMs: number,
  ): Promise<(number | null)[]> {
    assertSpan('leaseMs', leaseMs);
    const fences = new Map(held.map(({ id, fence }) => [id, fence]));
    const batches = await this.keyspace.batches([...fences.keys()]);
    const remains = await reachable(
      batches.map(async ({ keys, sagas }) => {
        const [nowMs, ...found] = await run(
          this.redis,
          'renew',
          heldKeys(keys, sagas),
          [this.offset(), String(leaseMs), ...fencesOf(sagas, fences)],
          this.#replicas,
        );
        this.clock.learn(Number(nowMs));
        return sagas.map(([id], index) => [id, Number(found[index])] as const);
      }),
    );
    const byId = new Map(remains.flatMap((part) => part ?? []));
    return held.map(({ id }) => {
      const ms = byId.get(id) ?? -1;
      return ms < 0 ? null : ms;
    });
  }

  async release(held: readonly { readonly id: string; readonly fence: Fence }[]): Promise<void> {
    const fences = new Map(held.map(({ id, fence }) => [id, fence]));
    const batches = await this.keyspace.batches([...fences.keys()]);
    await reachable(
      batches.map(async ({ keys, sagas }) => {
        const args = [this.offset(), ...fencesOf(sagas, fences)];
        const [nowMs] = await run(this.redis, 'release', heldKeys(keys, sagas), args);
        this.clock.learn(Number(nowMs));
      }),
    );
  }

  async purge(limit: number, earlyMs = 0): Promise<number> {
    assertLimit(limit);
    await this.learnTimeIfOld();
    const until = String(Math.floor(this.clock.now() + earlyMs));
    let left = limit;
    let partitions = this.keyspace.inTurn();
    // Each is asked for its share alone; what some leave of theirs goes to those that have more.
    while (left > 0 && partitions.length > 0) {
      const asked = partitions.map((keys, index) => ({
        keys,
        share: Math.floor(left / partitions.length) + (index < left % partitions.length ? 1 : 0),
      }));
      const removed = await reachable(
        asked.map(({ keys, share }) => this.#purgeIn(keys, until, earlyMs, share)),
      );
      left -= removed.reduce<number>((sum, n) => sum + (n ?? 0), 0);
      partitions = asked.flatMap(({ keys, share }, index) => (removed[index] === share ? keys : []));
    }
    return limit - left;
  }

  async #purgeIn(keys: PartitionKeys, until: string, earlyMs: number, limit: number): Promise<number> {
    if (limit === 0) return 0;
    const expired = this.redis.zrangebyscore(keys.ended, '-inf', until, 'LIMIT', 0, limit);
    const ids = await orDamaged(expired, []);
    const removed = await reachable(chunked(ids).map((some) => this.#remove(keys, some, earlyMs)));
    return removed.reduce<number>((sum, n) => sum + (n ?? 0), 0);
  }

  async #remove(keys: PartitionKeys, ids: readonly string[], earlyMs: number): Promise<number> {
    const read = await Promise.all(
      ids.map((id) => orDamaged(this.redis.hmget(keys.saga(id), 'key', 'find'), [])),
    );
    const found = ids.map((id, index) => entriesOf(keys, id, read[index]?.[1] ?? ''));
    const { ended, counters, sagas, status, parked } = keys;
    const [nowMs, purged] = await run(
      this.redis,
      'purge',
      [ended, counters, sagas, status.COMPLETED, status.FAILED, parked].concat(
        ids.flatMap((id, index) => [
          keys.saga(id),
          keys.log(id),
          keys.key(decodeKey(read[index]?.[0] ?? '')),
        ]),
        found.flatMap((one) => one.keys),
      ),
      [this.offset(), String(earlyMs), ...ids.flatMap((id, index) => [id, found[index]?.said ?? ''])],
    );
    this.clock.learn(Number(nowMs));
    for (const id of ids) this.keyspace.forget(id);
    return Number(purged);
  }

  async countParked(
    { id, machine, parked }: Pick<SagaListing, 'id' | 'machine' | 'parked'>,
    writeId: string,
  ): Promise<boolean> {
    const keys = this.keyspace.of(id);
    if (keys === null || parked === null) return false;
    const [nowMs, isCounted] = await run(
      this.redis,
      'counted',
      [keys.saga(id), keys.counters, keys.parked],
      [this.offset(), id, writeId, ...encodeCauses(machine.id, parked)],
      this.#replicas,
    );
    this.clock.learn(Number(nowMs));
    return isCounted === 1;
  }

  async compact(limit: number, afterMs: number, keepMs: number): Promise<number> {
    assertLimit(limit);
    await this.learnTimeIfOld();
    return this.compaction.goOn(limit, Math.floor(this.clock.now() + keepMs - afterMs), keepMs);
  }

  index(limit: number, termsOf: (record: SagaRecord) => readonly Term[]): Promise<number> {
    assertLimit(limit);
    return this.indexing.goOn(limit, this.clock.now(), (id) => this.get(id), termsOf);
  }

  /** Asks of two slots whether all may be done that a whole write needs, and writes what stands there already. */
  async tryWrite(): Promise<WritesRefused | null> {
    const [slot = [], boots = []] = [this.#slots[0], this.#slots.at(-1)];
    try {
      const error = await missingIn(this.redis, [slot, boots]);
      if (error !== null) return { error, everywhere: true };
    } catch {
      // Whatever keeps it from being asked is met again below, and told.
    }
    return refusedOf(this.keyspace.partitions.map(({ meta }) => this.redis.hset(meta, 'store', this.#id)));
  }

  async close(): Promise<void> {
    try {
      await this.redis.quit();
    } catch {
      this.redis.disconnect();
    }
  }

  jumped(): number {
    return this.clock.takeJump();
  }

  protected async learnTime(): Promise<void> {
    const [seconds, microseconds] = await asking(this.redis.time());
    const redisMs = Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
    this.clock.learnUnmoved(redisMs + this.#jumpMs());
  }

  protected async tick(): Promise<void> {
    // The masters of a Cluster have a clock each, and are not told of one another's.
    if (this.redis instanceof Cluster) return;
    const sentAtMs = this.clock.elapsedMs;
    const args = [this.#offsetMs() + this.#jumpMs(), this.clock.leastMs, JUMP_LEAST_MS, SHIFT_MOST_MS];
    try {
      const found = await run(this.redis, 'tick', [this.#clockKey], args.map(String));
      const [redisMs = 0, addedMs = 0, behindMs = 0] = found.map(Number);
      this.clock.settle({ redisMs: redisMs - this.#offsetMs(), addedMs, behindMs }, sentAtMs);
    } catch (error) {
      // The next round asks again; whatever else asks Redis says that it is away.
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  /** ARGV 1 to 14 of lua/write.lua. */
  #writeArgs(id: string, machine: MachineName, write: Write): string[] {
    return [this.offset(), id, String(this.streamMax), ...encodeWrite(machine, write)];
  }

  protected offset(): string {
    return String(this.clock.offsetMs + this.#jumpMs());
  }
}

/** A log entry as JSON that lacks its last fields, which claim.lua adds: the state in which the saga stands. */
function withoutStates({ from: _from, to: _to, ...entry }: LogEntry): string {
  return JSON.stringify(entry).slice(0, -1);
}

/** A key of each kind in each slot, as assertPermitted asks for them. */
function slotsOf({ layout, partitions }: Keyspace, prefix: string): string[][] {
  const { structures, versions, live } = declarationKeys(prefix);
  const root = [rootKey(prefix), partitionKeys(prefix, 0).key('')];
  return [
    ...partitions.map((keys) => {
      const { meta, counters, events, ended, sagas, audit, parked, compacted } = keys;
      const one = [keys.saga('-'), keys.log('-'), keys.due('-'), keys.key('-'), keys.find('-')];
      return [
        meta,
        keys.key(''),
        counters,
        events,
        ended,
        sagas,
        audit,
        parked,
        compacted,
        ...statusKeys(keys),
        ...one,
      ];
    }),
    ...(layout.isSpread ? [root] : []),
    [
      bootsKey(prefix),
      `${bootsKey(prefix)}:-`,
      structures,
      versions,
      live,
      waitedKey(prefix),
      notesKey(prefix),
    ],
  ];
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

/** KEYS 1 to 11 of lua/write.lua. */
function writeKeys(keys: PartitionKeys, id: string, machine: MachineName): string[] {
  const { counters, events, ended, parked } = keys;
  const one = [keys.saga(id), keys.log(id), counters, events, keys.due(machine)];
  return [...one, ended, ...statusKeys(keys), parked];
}

/** In the order in which the scripts name them. */
function statusKeys({ status }: PartitionKeys): string[] {
  return [status.STARTED, status.COMPLETED, status.FAILED, status.ABORTED];
}

/** A saga that claim.lua has taken, or set aside. */
function claimed(id: string, fields: readonly string[], damage: string, nowMs: number): Claimed {
  const record = decodeRecord(id, Object.fromEntries(pairs(fields)), 'ABORTED', damage);
  return { record, remainingMs: Math.max(0, (record.dueAtMs ?? 0) - nowMs) };
}
