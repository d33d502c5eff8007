/**
 * Waits until replicas have what was just written. Redis answers a write before its replicas have it, and a failover
 * in between forgets it; whoever cannot bear that waits here, and pays a round trip to the replica for it.
 *
 * WAIT speaks of what its own connection wrote before it. So it counts only for scripts that were sent before it on the
 * very same connection; where the connection has changed, script and WAIT are repeated together, by the caller, under
 * the same write id. A repeated script writes nothing when it finds its own write, and newer servers then do not
 * wait for anything: hence a small write of our own before each WAIT, behind which the replica has all that came before.
 *
 * A replica confirms by its offset, which says nothing of whose writes it counts: so INFO goes with each WAIT, and a write whose
 * server has another replication id since then is unconfirmed. Nor does Redis say whether a replica that confirmed will be
 * the one that takes over. Where sentinels lead to it, and a replica has gone, they are asked before anything counts.
 *
 * While Redis waits it reads nothing more from the connection. So there is one WAIT at a time, and it serves all scripts
 * that were sent before it: the price is per round trip, not per write.
 */
import { nextTick } from 'node:process';
import type { Redis } from 'ioredis';
import { StoreUnavailableError } from '../saga-store.ts';
import { asking } from './faults.ts';

export interface WaitReplicas {
  /** So many replicas must have a write before it counts as written. */
  readonly count: number;
  /** After so long without them the write counts as unanswered, and is repeated by the caller. */
  readonly timeoutMs: number;
  /** Wait until the server's own append-only file is on its disk too: WAITAOF, Redis 7.2 and later. */
  readonly fsync?: boolean;
}

/** What a server says of itself as a master. */
interface Replication {
  readonly id: string;
  readonly replicas: number;
}

/** The last answer of a connection's server, sent before whatever is not confirmed yet. */
interface Standing {
  readonly connection: unknown;
  replication: Promise<Replication>;
}

/** One WAIT under way. */
interface Waiting {
  /** Scripts sent before it. */
  readonly covers: number;
  readonly connection: unknown;
  readonly done: Promise<void>;
}

const REPLICATION = /^connected_slaves:(\d+)[\s\S]*^master_replid:(\w+)/m;

export class ReplicaWait {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #wanted: WaitReplicas;
  #sent = 0;
  #standing: Standing | null = null;
  #underWay: Waiting | null = null;
  #next: Promise<Waiting> | null = null;

  /** @param key of this store's own: the small write goes there */
  constructor(redis: Redis, key: string, wanted: WaitReplicas) {
    this.#redis = redis;
    this.#key = key;
    this.#wanted = wanted;
  }

  /** The answer to what `send` sends in this very tick, once the replicas have what it wrote. */
  async after<T>(send: () => Promise<T>): Promise<T> {
    this.#sent += 1;
    const place = this.#sent;
    const connection = this.#redis.stream;
    if (this.#standing?.connection !== connection) {
      this.#standing = { connection, replication: this.#replication() };
    }
    const reply = await send();

    const covering = (waiting: Waiting | null) =>
      waiting !== null && waiting.connection === connection && waiting.covers >= place ? waiting : null;
    const waiting = covering(this.#underWay) ?? covering(await this.#nextWait());
    if (waiting === null) {
      throw new StoreUnavailableError('Redis was reconnected before its replicas could be asked', false);
    }
    await waiting.done;
    return reply;
  }

  /** The WAIT that will be sent when the one under way has been answered, shared by all who ask until then. */
  #nextWait(): Promise<Waiting> {
    this.#next ??= this.#idle().then(() => {
      this.#next = null;
      const waiting = { covers: this.#sent, connection: this.#redis.stream, done: this.#wait() };
      this.#underWay = waiting;
      // Whoever asked for it awaits it; a failure is theirs to tell.
      const forget = () => {
        if (this.#underWay === waiting) this.#underWay = null;
      };
      waiting.done.then(forget, forget);
      return waiting;
    });
    return this.#next;
  }

  async #idle(): Promise<void> {
    await this.#underWay?.done.catch(() => {});
    // All replies that came in one packet share one WAIT.
    await new Promise<void>((resolve) => nextTick(resolve));
  }

  async #wait(): Promise<void> {
    const { count, timeoutMs, fsync = false } = this.#wanted;
    // Whoever waits has sent something.
    const standing = this.#standing as Standing;
    const first = standing.replication;
    const asked = [
      this.#asked(this.#redis.set(this.#key, '')),
      count > 0 ? this.#asked(this.#redis.call('WAIT', count, timeoutMs)) : 0,
      fsync ? this.#asked(this.#redis.call('WAITAOF', 1, 0, timeoutMs)) : null,
    ] as const;
    standing.replication = this.#replication();
    const [before, now, , replicas, synced] = await Promise.all([first, standing.replication, ...asked]);
    if (now.id !== before.id) throw unconfirmed('the server became a replica or a master meanwhile');
    if (Number(replicas) < count) {
      throw unconfirmed(`${replicas} of ${count} replicas had it within ${timeoutMs} ms`);
    }
    if (Array.isArray(synced) && Number(synced[0]) < 1) {
      throw unconfirmed(`it was not on disk within ${timeoutMs} ms`);
    }
    if (now.replicas < before.replicas && this.#redis.options.sentinels) {
      this.#redis.disconnect(true);
      throw unconfirmed('a replica has gone, and the sentinels must say first whether it takes over');
    }
  }

  #replication(): Promise<Replication> {
    const asked = this.#asked(this.#redis.info('replication')).then((said) => {
      const [, replicas, id = ''] = REPLICATION.exec(String(said)) ?? [];
      return { id, replicas: Number(replicas ?? 0) };
    });
    // It may be that nobody ever waits for it.
    asked.catch(() => {});
    return asked;
  }

  /** Whatever Redis says to these, the script before them was executed. */
  async #asked(reply: Promise<unknown>): Promise<unknown> {
    try {
      return await asking(reply);
    } catch (error) {
      throw unconfirmed(error instanceof Error ? error.message : String(error), error);
    }
  }
}

function unconfirmed(why: string, cause?: unknown): StoreUnavailableError {
  return new StoreUnavailableError(`The write is not confirmed: ${why}`, false, { cause });
}
