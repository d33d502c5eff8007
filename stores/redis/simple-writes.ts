/**
 * The writes that most are, each by a lean script of its own: a saga that begins, goes on running, or ends, and of which nobody
 * has asked anything. `null` says that a write is another; nothing has happened then, and create.lua or commit.lua is for it.
 */
import { spanOf } from '../assertions.ts';
import type { CommitResult, CreateResult, Fence, Granted, NewSaga, Write } from '../saga-store.ts';
import { Batches, type Lean } from './batches.ts';
import type { Client } from './client.ts';
import type { InHand } from './in-hand.ts';
import { counterField, heldField, isHeld, type MachineName, type PartitionKeys } from './keys.ts';
import { encodeCounts, encodeMachine, encodeSummary } from './record.ts';
import type { ReplicaWait } from './replica-wait.ts';
import type { StoreClock } from './store-clock.ts';
import { findOf, type TermHashes } from './terms.ts';

/** What does not change from write to write. */
export interface Surroundings {
  readonly redis: Client;
  readonly clock: StoreClock;
  readonly offset: () => string;
  readonly streamMax: string;
  readonly inFlightMax: string;
  readonly replicas: ReplicaWait | null;
  readonly terms: TermHashes;
  /** Whom to tell of what was written; nobody, where sagas are not to rest right after their end. */
  readonly inHand: InHand | null;
}

export class SimpleWrites {
  readonly #clock: StoreClock;
  readonly #batches: Batches;
  readonly #terms: TermHashes;
  readonly #inHand: InHand | null;

  constructor({ redis, clock, offset, streamMax, inFlightMax, replicas, terms, inHand }: Surroundings) {
    this.#clock = clock;
    this.#terms = terms;
    this.#inHand = inHand;
    this.#batches = new Batches(redis, replicas, (script) =>
      script === 'begin' ? [offset(), streamMax, inFlightMax] : [offset(), streamMax],
    );
  }

  /** @param digest SHA-256 of the idempotency key; empty without one */
  async create(
    keys: PartitionKeys,
    machine: MachineName,
    saga: NewSaga,
    digest: string,
  ): Promise<CreateResult | null> {
    const { id, counts, idempotency, trace } = saga;
    const { sagas, status, counters, events } = keys;
    if (!isRunning(saga) || isMore(saga)) return null;
    const key = idempotency === null ? keys.saga(id) : keys.key(digest);
    const entered = this.#terms.enter(keys, id, saga.terms);
    const named = [
      keys.saga(id),
      keys.log(id),
      counters,
      events,
      keys.due(machine),
      status.STARTED,
      sagas,
      key,
      ...entered.keys,
    ];
    const counted = encodeCounts(machine, saga);
    const fields = ['machine', encodeMachine(saga.machine)];
    for (const counter in counts) {
      if (isHeld(counter)) fields.push(heldField(counterField(machine, counter)), String(counts[counter]));
    }
    if (idempotency !== null) fields.push('key', digest);
    if (trace !== null && trace !== '') fields.push('trace', trace);
    if (entered.said !== '') fields.push('find', findOf(entered));
    const line = JSON.stringify(saga.entry);
    const args = argsOf(id, saga, line);
    args.push(ownerOf(saga), idempotency === null ? '' : `${id} ${idempotency.digest}`);
    args.push(String(counted.length / 2), ...counted, ...fields, entered.said);
    const granted = await this.#write('begin', named, args, { revision: 1, writeId: saga.writeId }, saga);
    if (granted !== null) this.#inHand?.begun(saga, line, counted, digest);
    return granted && { kind: 'created', ...granted };
  }

  async commit(
    keys: PartitionKeys,
    id: string,
    machine: MachineName,
    expected: Fence,
    write: Write,
  ): Promise<CommitResult | null> {
    const { next, writeId } = write;
    // Whoever waits may do so for days: what the saga owes is counted before.
    if (next.kind === 'park' || next.kind === 'wait' || isMore(write)) {
      this.#inHand?.forget(id);
      return null;
    }
    const { counters, events, ended, status } = keys;
    const fence = { revision: expected.revision + 1, writeId };
    const line = JSON.stringify(write.entry);
    const args = argsOf(id, write, line);
    args.push(next.kind === 'end' ? next.status : ownerOf(write));
    args.push(String(expected.revision), expected.writeId, String(fence.revision));
    const counted = encodeCounts(machine, write);
    if (next.kind === 'end') args.push(counted.find(isHeld) ?? '');
    const entered = this.#terms.enter(keys, id, write.terms);
    args.push(...counted, entered.said);
    const named = [keys.saga(id), keys.log(id)];
    if (next.kind === 'end')
      named.push(counters, events, keys.due(machine), ended, status.STARTED, status[next.status]);
    else named.push(events, keys.due(machine));
    named.push(...entered.keys);
    const granted = await this.#write(next.kind === 'end' ? 'finish' : 'advance', named, args, fence, write);
    if (granted === null) this.#inHand?.forget(id);
    else this.#inHand?.went(id, machine, expected, write, line, counted);
    return granted && { kind: 'committed', ...granted };
  }

  async #write(
    script: Lean,
    keys: readonly string[],
    args: readonly string[],
    fence: Fence,
    { next }: Write,
  ): Promise<Granted | null> {
    const [seq, nowMs] = await this.#batches.write(script, keys, args);
    if (seq === 0) return null;
    this.#clock.learn(nowMs);
    return { fence, seq, remainingMs: next.kind === 'act' ? next.leaseMs : 0 };
  }
}

/**
 * The first seven arguments that a saga has in each of them.
 * @param line of its log
 */
function argsOf(id: string, { writeId, snapshot, summary, next }: Write, line: string): string[] {
  return [id, writeId, snapshot, encodeSummary(summary), summary.state, line, String(spanOf(next))];
}

function isRunning({ next }: Write): boolean {
  return next.kind === 'act' || next.kind === 'wait';
}

/** Whether it answers what was asked of the saga, or tells of more than itself. */
function isMore({ earlier, signalsSeen, signalsLeft, acts }: Write): boolean {
  return Boolean(signalsSeen || earlier?.length || signalsLeft?.length || acts?.length);
}

function ownerOf({ next, owner }: Write): string {
  return next.kind === 'act' ? `${owner.boot} ${owner.name}` : '';
}
