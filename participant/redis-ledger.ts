/** A ledger in Redis, with effects in the same Redis: both are written by one script. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Entry, type Ledger, LedgerBusyError, type Settled, type Step } from './ledger.ts';
import { COMMIT, FORGET, READ, RELEASE, RENEW, TAKE } from './redis-scripts.ts';
import { columnsOf, entryOf } from './row.ts';
import { type LedgerOptions, LOCK_MS, Turns } from './turns.ts';

/** One command to your Redis, by whatever client: `(...command) => redis.call(...command)` of ioredis, `(...command) => redis.sendCommand(command)` of node-redis. */
export type RedisSend = (...command: [name: string, ...args: string[]]) => Promise<unknown>;

/** What effects are written by, so that they stand or fall with the ledger's entry. On a Cluster, all keys must be in the entry's slot. */
export interface RedisEffect {
  /**
   * Runs at once. Where it would be answered otherwise by the time the call is settled, nothing happens, and the call is answered 503: so
   * what was decided by it still holds. Give the commands that you read by, `GET` or `HGET`, and none that writes.
   */
  read(name: string, ...args: (string | number)[]): Promise<unknown>;
  /** Waits until the call is settled, and runs then, in order. */
  write(name: string, ...args: (string | number)[]): void;
}

export interface RedisLedgerOptions extends LedgerOptions {
  /** How long entries are kept, in milliseconds: longer than any saga may last, parked ones too. */
  readonly retentionMs: number;
  /** Of the ledger's keys; `saga-ledger:` unless set. On a Cluster give it the hash tag of the effects' keys: `{payments}:saga-ledger:`. */
  readonly prefix?: string;
  /** After how long the step of a process that has died is free, in milliseconds. It is renewed while `perform` runs. 10 seconds unless set. */
  readonly leaseMs?: number;
}

const LEASE_MS = 10_000;
const POLL_MS = 5;
const POLL_MS_MAX = 200;

/**
 * Effects by `tx` happen with the entry or not at all, whoever dies when. For effects elsewhere it promises less: calls for one step come one after the
 * other while their process lives, but one that dies between effect and entry leaves an effect that nobody knows of, and it is performed again.
 * What Redis forgets (a failover, an eviction, no append-only file) is performed again too.
 *
 * ```ts
 * const ledger = redisLedger((...command) => redis.call(...command), { retentionMs: 90 * 24 * 3_600_000 });
 * const payment = createParticipant(ledger, {
 *   async perform({ body: { account, amount }, tx }) {
 *     if (Number(await tx.read('GET', account)) < amount) return refused('no funds');
 *     tx.write('DECRBY', account, amount);
 *     return done({ account, amount });
 *   },
 *   undo({ answer: { account, amount }, tx }) {
 *     tx.write('INCRBY', account, amount);
 *     return done();
 *   },
 * });
 * ```
 */
export function redisLedger(
  send: RedisSend,
  { retentionMs, prefix = 'saga-ledger:', lockMs = LOCK_MS, leaseMs = LEASE_MS }: RedisLedgerOptions,
): Ledger<RedisEffect> {
  const turns = new Turns(lockMs);
  const run = (script: string, key: string, ...args: string[]) => send('EVAL', script, '1', key, ...args);

  /** @throws LedgerBusyError where another process has the step for longer than this one waits */
  const taken = async (key: string, token: string): Promise<Entry | null> => {
    const until = performance.now() + lockMs;
    for (let wait = POLL_MS; ; wait = Math.min(wait * 2, POLL_MS_MAX)) {
      const row = (await run(TAKE, key, token, String(leaseMs))) as (string | null)[];
      if (row.length > 0) {
        const [digest = null, action = null, compensation = null] = row;
        return entryOf({ digest, action, compensation });
      }
      if (performance.now() + wait > until) throw new LedgerBusyError('another process has this step');
      await pause(wait);
    }
  };

  return {
    settle<T>(
      { sagaId, step }: Step,
      settle: (entry: Entry | null, tx: RedisEffect) => Promise<Settled<T>>,
    ): Promise<T> {
      // A header cannot contain a line break, so no two steps share a key.
      const key = `${prefix}${sagaId}\n${step}`;
      return turns.take(key, async () => {
        const token = randomUUID();
        const found = await taken(key, token);
        // One that fails is not told: the lease may hold all the same, and where it does not, nothing is kept.
        const renewing = setInterval(
          () => run(RENEW, key, token, String(leaseMs)).catch(() => undefined),
          Math.ceil(leaseMs / 3),
        );
        let isKept = false;
        try {
          const effect = new Effect((...command) => run(READ, key, ...command));
          const { entry, hasEffect, result } = await settle(found, effect);
          if (entry === null) return result;
          const columns = columnsOf(entry).map((column) => column ?? '');
          const effects = hasEffect ? effect.told() : NO_EFFECTS;
          const said = await run(COMMIT, key, token, String(retentionMs), ...columns, effects);
          if (said !== 'kept') throw new LedgerBusyError(`nothing was kept: ${said}`);
          isKept = true;
          return result;
        } finally {
          clearInterval(renewing);
          // Where Redis does not answer the lease runs out by itself.
          if (!isKept) await run(RELEASE, key, token).catch(() => undefined);
        }
      });
    },
    /** Entries end by themselves after `retentionMs`; this walks all keys of the server, on a Cluster those of one node. */
    async forget(before) {
      const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
      let cursor = '0';
      do {
        const [next, keys] = (await send('SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')) as [
          string,
          string[],
        ];
        for (const key of keys) await run(FORGET, key, String(before.getTime()));
        cursor = String(next);
      } while (cursor !== '0');
    },
  };
}

class Effect implements RedisEffect {
  readonly #reads: { readonly command: string[]; readonly digest: string }[] = [];
  readonly #writes: string[][] = [];
  readonly #read: RedisSend;

  constructor(read: RedisSend) {
    this.#read = read;
  }

  async read(name: string, ...args: (string | number)[]): Promise<unknown> {
    const command: [string, ...string[]] = [name, ...args.map(String)];
    const [digest, reply] = (await this.#read(...command)) as [string, unknown];
    this.#reads.push({ command, digest });
    return reply;
  }

  write(name: string, ...args: (string | number)[]): void {
    this.#writes.push([name, ...args.map(String)]);
  }

  told(): string {
    return JSON.stringify({ reads: this.#reads, writes: this.#writes });
  }
}

const NO_EFFECTS = JSON.stringify({ reads: [], writes: [] });
