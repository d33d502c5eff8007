/**
 * Holds the invariants against every operation of the store, and against every call at the moment at which a
 * coordinator decides to make it. It keeps its own account of who wrote what, and asks no coordinator.
 */
import type { Call, RegisteredMachine } from '../../machines/index.ts';
import type { MemoryStore } from '../../stores/memory-store.ts';
import type {
  Claimed,
  CommitResult,
  CreateResult,
  Fence,
  NewSaga,
  Owner,
  SagaRecord,
  SagaStore,
  Write,
} from '../../stores/saga-store.ts';
import type { Process } from './process.ts';

export type Operation = Exclude<keyof SagaStore, 'info' | 'newId'>;

/** How far a saga has come, by the calls that were made for it. */
interface Order {
  forward: number;
  back: number | null;
}

export class Watch {
  /** Every saga as the store holds it. */
  readonly records = new Map<string, SagaRecord>();
  /** Attempts of compensations that were made, by saga and step. */
  readonly undoAttempts = new Map<string, number>();
  readonly #store: MemoryStore;
  readonly #storeNow: () => number;
  readonly #machine: RegisteredMachine;
  readonly #stepNames: readonly string[];
  readonly #marginMs: number;
  readonly #broken: (what: string) => void;
  readonly #writes = new Map<string, Set<string>>();
  readonly #orders = new Map<string, Order>();

  constructor(given: {
    readonly store: MemoryStore;
    readonly storeNow: () => number;
    readonly machine: RegisteredMachine;
    readonly marginMs: number;
    readonly broken: (what: string) => void;
  }) {
    this.#store = given.store;
    this.#storeNow = given.storeNow;
    this.#machine = given.machine;
    this.#stepNames = given.machine.steps.map(({ name }) => name);
    this.#marginMs = given.marginMs;
    this.#broken = given.broken;
  }

  /** Performs an operation and looks at what it did. */
  async perform(name: Operation, args: readonly unknown[]): Promise<unknown> {
    // The operation itself has happened when the call returns its promise: nothing can come in between.
    const operation = this.#store[name] as (...args: unknown[]) => Promise<unknown>;
    const result = await operation.apply(this.#store, [...args]);
    switch (name) {
      case 'create':
        await this.#created(args[0] as NewSaga, result as CreateResult);
        break;
      case 'commit':
        await this.#committed(args[0] as string, args[1] as Fence, args[2] as Write, result as CommitResult);
        break;
      case 'claim':
        await this.#claimed(args as Parameters<SagaStore['claim']>, result as Claimed[]);
        break;
      case 'renew':
        await this.#renewed(args[0] as { id: string; fence: Fence }[], result as (number | null)[]);
        break;
      case 'release':
        await this.#released(args[0] as { id: string; fence: Fence }[]);
        break;
    }
    return result;
  }

  async #created(saga: NewSaga, result: CreateResult): Promise<void> {
    const before = this.records.get(saga.id);
    const after = await this.#look(saga.id);
    if (result.kind !== 'created') {
      if (before?.fence.revision === 1 && before.fence.writeId === saga.writeId) {
        this.#broken(`${saga.id}: a create was answered ${result.kind}, and stands itself`);
      }
      if (after !== before) this.#broken(`${saga.id}: a create answered ${result.kind}, and wrote`);
    } else if (before === undefined) {
      if (after?.fence.revision !== 1) this.#broken(`${saga.id}: created at ${after?.fence.revision}`);
      this.#noteWrite(saga.id, saga.writeId);
    } else if (after !== before || before.fence.writeId !== saga.writeId) {
      this.#broken(`${saga.id}: a repeated create wrote, or took another's write for its own`);
    }
  }

  async #committed(id: string, expected: Fence, write: Write, result: CommitResult): Promise<void> {
    const before = this.records.get(id);
    const after = await this.#look(id);
    const stood = before !== undefined && same(before.fence, expected);
    const title = `${id}: commit ${write.writeId} at ${expected.revision} over ${before?.fence.revision}`;
    const own = { revision: expected.revision + 1, writeId: write.writeId };
    const isOwn = before !== undefined && same(before.fence, own);
    if (result.kind !== 'committed') {
      if (isOwn) this.#broken(`${title} was answered ${result.kind}, and stands itself`);
      if (after !== before) this.#broken(`${title} was answered ${result.kind}, and wrote`);
      if (stood) this.#broken(`${title} was refused though nobody had written since`);
      return;
    }
    if (after === before) {
      if (!isOwn) {
        this.#broken(`${title} was taken for a repetition of ${before?.fence.writeId}`);
      }
      return;
    }
    if (!stood) this.#broken(`${title} is stale, and was accepted`);
    if (after?.fence.revision !== expected.revision + 1)
      this.#broken(`${title} made ${after?.fence.revision}`);
    this.#noteWrite(id, write.writeId);
  }

  async #claimed(
    [ids, owner, , writeId]: Parameters<SagaStore['claim']>,
    claims: readonly Claimed[],
  ): Promise<void> {
    const taken = new Set(claims.map(({ record }) => record.id));
    for (const id of new Set(ids)) {
      const before = this.records.get(id);
      const after = await this.#look(id);
      if (after === before) {
        const own = before?.fence.writeId === writeId;
        if (taken.has(id) && !own) this.#broken(`${id}: claim ${writeId} was granted what it did not take`);
        continue;
      }
      if (!taken.has(id)) this.#broken(`${id}: claim ${writeId} took it, and did not say so`);
      if (before === undefined || !this.#mayTake(before, owner)) {
        this.#broken(`${id}: claim ${writeId} took it from ${before?.owner?.name} before its time`);
      }
      if (after?.fence.revision !== (before?.fence.revision ?? 0) + 1) {
        this.#broken(`${id}: claim ${writeId} made revision ${after?.fence.revision}`);
      }
    }
  }

  async #renewed(
    held: readonly { readonly id: string; readonly fence: Fence }[],
    remains: readonly (number | null)[],
  ): Promise<void> {
    for (const [index, { id, fence }] of held.entries()) {
      const before = this.records.get(id);
      const after = await this.#look(id);
      const holds = before !== undefined && before.owner !== null && same(before.fence, fence);
      if (!holds) {
        if (after !== before || remains[index] !== null)
          this.#broken(`${id}: a renewal was granted to one who had lost it`);
        continue;
      }
      const untilMs = (after?.dueAtMs ?? 0) - this.#storeNow();
      if (after === undefined || !same(after.fence, fence) || (after.dueAtMs ?? 0) < (before.dueAtMs ?? 0)) {
        this.#broken(`${id}: a renewal moved the fence, or shortened the lease`);
      }
      if (remains[index] !== untilMs)
        this.#broken(`${id}: ${remains[index]} ms granted, ${untilMs} ms stored`);
    }
  }

  async #released(held: readonly { readonly id: string; readonly fence: Fence }[]): Promise<void> {
    for (const { id, fence } of held) {
      const before = this.records.get(id);
      const after = await this.#look(id);
      if (after === before) continue;
      const stood = before?.owner !== null && before !== undefined && same(before.fence, fence);
      if (!stood) this.#broken(`${id}: a release freed what others hold, or a back-off`);
      if (after?.owner !== null) this.#broken(`${id}: released, and still owned`);
    }
  }

  #mayTake({ status, owner, dueAtMs }: SagaRecord, by: Owner): boolean {
    if (status !== 'STARTED' || dueAtMs === null) return false;
    return dueAtMs <= this.#storeNow() || (owner?.name === by.name && owner.boot < by.boot);
  }

  #noteWrite(id: string, writeId: string): void {
    const writes = this.#writes.get(id) ?? new Set();
    if (writes.has(writeId)) this.#broken(`${id}: write ${writeId} landed twice`);
    this.#writes.set(id, writes.add(writeId));
  }

  /** Reads a saga back and holds what must be true of it at any time. */
  async #look(id: string): Promise<SagaRecord | undefined> {
    const record = await this.#store.get(id);
    if (record === null) return undefined;
    const { status, dueAtMs, owner } = record;
    const running = status === 'STARTED';
    if (running !== (dueAtMs !== null)) this.#broken(`${id}: ${status}, and due ${dueAtMs}: orphaned`);
    if (!running && owner !== null) this.#broken(`${id}: ${status}, and owned by ${owner.name}`);
    this.records.set(id, record);
    return record;
  }

  /** A coordinator decides to make a call. */
  calls(by: Process, id: string, call: Call, boundMs: number): void {
    const title = `${by.title}: ${call.step} ${call.kind} ${call.attempt} of ${id}`;
    if (call.kind === 'compensation') {
      const key = `${id} ${call.step}`;
      this.undoAttempts.set(key, Math.max(this.undoAttempts.get(key) ?? 0, call.attempt));
    }
    const record = this.records.get(id);
    if (record === undefined) {
      this.#broken(`${title}: nothing is stored of the saga`);
      return;
    }
    const asks = this.#machine.asks(this.#machine.restore(record.snapshot));
    const stored =
      asks.kind === 'call' ? `${asks.call.step} ${asks.call.kind} ${asks.call.attempt}` : asks.kind;
    const announced = stored === `${call.step} ${call.kind} ${call.attempt}`;
    const { owner, dueAtMs } = record;
    const owned = owner?.name === by.owner.name && owner.boot === by.owner.boot;
    // It does not know yet that its younger self has taken over; what it does then is the ledger's to catch.
    if (by.superseded && !(announced && owned)) return;
    if (!announced) this.#broken(`${title}: stored is ${stored}`);
    if (!owned) {
      this.#broken(`${title}: it belongs to ${owner === null ? 'nobody' : `${owner.name}/${owner.boot}`}`);
    }
    this.#withinLease(title, dueAtMs, boundMs);
    this.#inOrder(title, id, call);
  }

  /** A coordinator goes on with a call, because its right to it was renewed; whoever has lost the saga does not know yet. */
  goesOn(by: Process, id: string, call: Call, boundMs: number): void {
    const { owner, dueAtMs } = this.records.get(id) ?? {};
    if (owner?.name !== by.owner.name || owner.boot !== by.owner.boot) return;
    this.#withinLease(`${by.title}: ${call.step} ${call.kind} of ${id} goes on`, dueAtMs, boundMs);
  }

  #withinLease(title: string, dueAtMs: number | null | undefined, boundMs: number): void {
    const leaseMs = (dueAtMs ?? 0) - this.#storeNow();
    if (boundMs > leaseMs - this.#marginMs)
      this.#broken(`${title}: ${boundMs} ms under a lease of ${leaseMs} ms`);
  }

  /** Forward one step at a time; back from the last one called, one step at a time; never forward again. */
  #inOrder(title: string, id: string, call: Call): void {
    const index = this.#stepNames.indexOf(call.step);
    const order = this.#orders.get(id) ?? { forward: -1, back: null };
    this.#orders.set(id, order);
    if (call.kind === 'action') {
      const follows = index === order.forward || index === order.forward + 1;
      if (!follows || order.back !== null) this.#broken(`${title}: out of order`);
      order.forward = index;
      return;
    }
    const follows =
      order.back === null ? index === order.forward : index === order.back || index === order.back - 1;
    if (!follows) this.#broken(`${title}: undone out of order`);
    order.back = index;
  }
}

function same(a: Fence, b: Fence): boolean {
  return a.revision === b.revision && a.writeId === b.writeId;
}
