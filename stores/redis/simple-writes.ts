/**
 * The writes that most are, each by a lean script of its own: a saga that begins, goes on running, or ends, and of which nobody
 * has asked anything. `null` says that a write is another; nothing has happened then, and create.lua or commit.lua is for it.
 */
import { spanOf } from '../assertions.ts';
import type { CommitResult, CreateResult, Fence, Granted, NewSaga, Write } from '../saga-store.ts';
import type { Client } from './client.ts';
import { counterField, type MachineName, type PartitionKeys } from './keys.ts';
import { encodeMachine, encodeSummary } from './record.ts';
import type { ReplicaWait } from './replica-wait.ts';
import { run, type Script } from './scripts.ts';
import type { StoreClock } from './store-clock.ts';

/** What does not change from write to write. */
export interface Surroundings {
  readonly redis: Client;
  readonly clock: StoreClock;
  readonly offset: () => string;
  readonly streamMax: string;
  readonly inFlightMax: string;
  readonly replicas: ReplicaWait | null;
}

export class SimpleWrites {
  readonly #in: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#in = surroundings;
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
    const named = [keys.saga(id), keys.log(id), counters, events, keys.due(machine), status.STARTED, sagas];
    if (idempotency !== null) named.push(keys.key(digest));
    const [names, numbers, fields]: [string[], string[], string[]] = [
      [],
      [],
      ['machine', encodeMachine(saga.machine)],
    ];
    for (const counter in counts) {
      const [name, number] = [counterField(machine, counter), String(counts[counter])];
      names.push(name);
      numbers.push(number);
      if (isHeld(counter)) fields.push(`held:${name}`, number);
    }
    if (idempotency !== null) fields.push('key', digest);
    if (trace !== null && trace !== '') fields.push('trace', trace);
    const granted = await this.#run(
      'begin',
      named,
      [
        ...this.#args(id, saga),
        ownerOf(saga),
        this.#in.inFlightMax,
        idempotency === null ? '' : `${id} ${idempotency.digest}`,
        listed(names, numbers),
        String(names.length),
        ...names,
        ...numbers,
        ...fields,
      ],
      { revision: 1, writeId: saga.writeId },
      saga,
    );
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
    if (next.kind === 'park' || isMore(write)) return null;
    const { counters, events, ended, status } = keys;
    const fence = { revision: expected.revision + 1, writeId };
    const fences = [String(expected.revision), expected.writeId, String(fence.revision)];
    const [saga, log, due] = [keys.saga(id), keys.log(id), keys.due(machine)];
    const [held, others] = countsOf(machine, write);
    let granted: Granted | null;
    if (next.kind === 'end') {
      if (held.length > 2) return null;
      const [names, numbers] = others;
      const named = [saga, log, counters, events, due, ended, status.STARTED, status[next.status]];
      const [counter = '', number = '0'] = held;
      const counted = [counter, number, listed(names, numbers), String(names.length), ...names, ...numbers];
      const args = [...this.#args(id, write), next.status, ...fences, ...counted];
      granted = await this.#run('finish', named, args, fence, write);
    } else {
      // Whoever waits may do so for days: what the saga owes is counted before.
      if (next.kind === 'wait' || others[0].length > 0) return null;
      const args = [...this.#args(id, write), ownerOf(write), ...fences, ...held];
      granted = await this.#run('advance', [saga, log, events, due], args, fence, write);
    }
    return granted && { kind: 'committed', ...granted };
  }

  /** ARGV 1 to 9 of each of them. */
  #args(id: string, { writeId, snapshot, summary, entry, next }: Write): string[] {
    return [
      this.#in.offset(),
      id,
      this.#in.streamMax,
      writeId,
      snapshot,
      encodeSummary(summary),
      summary.state,
      JSON.stringify(entry),
      String(spanOf(next)),
    ];
  }

  async #run(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
    fence: Fence,
    { next }: Write,
  ): Promise<Granted | null> {
    const [seq, nowMs] = await run(this.#in.redis, script, keys, args, this.#in.replicas);
    if (seq === undefined) return null;
    this.#in.clock.learn(Number(nowMs));
    return { fence, seq: Number(seq), remainingMs: next.kind === 'act' ? next.leaseMs : 0 };
  }
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

function isHeld(counter: string): boolean {
  return counter.endsWith('.held');
}

/** Names and numbers in turn of what is held, and names and numbers apart of all others. */
function countsOf(machine: MachineName, { counts }: Write): [string[], [string[], string[]]] {
  const held: string[] = [];
  const names: string[] = [];
  const numbers: string[] = [];
  for (const counter in counts) {
    const [name, number] = [counterField(machine, counter), String(counts[counter])];
    if (isHeld(counter)) held.push(name, number);
    else {
      names.push(name);
      numbers.push(number);
    }
  }
  return [held, [names, numbers]];
}

/** As a mark has them. */
function listed(names: readonly string[], numbers: readonly string[]): string {
  return names.map((name, index) => `${name}\n${numbers[index]}`).join('\n');
}
