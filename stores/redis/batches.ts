/**
 * The writes of one turn of the event loop go to Redis as one call for each of the lean scripts, which does one saga after the
 * other, whatever partitions they are of. What a call costs by itself is then paid once: on the way there, and in Lua, which makes
 * the functions of a script anew whenever it is called. A write that is alone leaves at once, and nothing is held back for longer than
 * its packet is (gathering.ts). On a Cluster each goes alone, since a script may not reach over slots there.
 */
import type { Client } from './client.ts';
import { gather } from './gathering.ts';
import type { ReplicaWait } from './replica-wait.ts';
import { faultOf, run } from './scripts.ts';

export type Lean = 'begin' | 'advance' | 'finish' | 'compact';

/** Of one call at most, so that none holds up Redis for long. */
export const BATCH_SAGAS_MAX = 32;
export const BATCH_CHARS_MAX = 256 * 1024;

/** What a script answers for one saga: its log entries, or 0 where it is not for this script; and the store's clock. */
export type Answer = readonly [seq: number, nowMs: number];

/** One saga of a call. */
interface Item {
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

interface Batch {
  readonly items: Item[];
  chars: number;
}

export class Batches {
  readonly #redis: Client;
  readonly #replicas: ReplicaWait | null;
  readonly #head: (script: Lean) => readonly string[];
  readonly #open = new Map<Lean, Batch>();

  /** @param head the arguments that all sagas of a call have in common */
  constructor(redis: Client, replicas: ReplicaWait | null, head: (script: Lean) => readonly string[]) {
    this.#redis = redis;
    this.#replicas = replicas;
    this.#head = head;
  }

  /** @throws StoreUnavailableError where Redis cannot serve, or not this saga */
  write(script: Lean, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const item = { keys, args, resolve, reject };
      const chars = args.reduce((sum, arg) => sum + arg.length, 0);
      const open = this.#open.get(script);
      if (open && open.items.length < BATCH_SAGAS_MAX && open.chars + chars <= BATCH_CHARS_MAX) {
        open.items.push(item);
        open.chars += chars;
        return;
      }
      const batch = { items: [item], chars };
      const send = () => {
        if (this.#open.get(script) === batch) this.#open.delete(script);
        void this.#send(script, batch.items);
      };
      if (gather(this.#redis, send)) this.#open.set(script, batch);
      else send();
    });
  }

  async #send(script: Lean, items: readonly Item[]): Promise<void> {
    const keys: string[] = [];
    const args: (string | Buffer)[] = [...this.#head(script)];
    for (const item of items) {
      keys.push(...item.keys);
      args.push(String(item.args.length), ...item.args);
    }
    try {
      const [nowMs, ...answers] = await run(this.#redis, script, keys, args, this.#replicas);
      for (const [index, item] of items.entries()) {
        const answer = answers[index];
        if (typeof answer === 'string') void faultOf(this.#redis, item.keys, answer).then(item.reject);
        else item.resolve([Number(answer), Number(nowMs)]);
      }
    } catch (error) {
      // Refused for the keys of one: the others may be written, and it is told what it lacks.
      if (items.length > 1 && isRefusedBefore(error))
        for (const item of items) void this.#send(script, [item]);
      else for (const item of items) item.reject(error);
    }
  }
}

/** Whether Redis refused a call for what is asked in it, before its script had begun. */
function isRefusedBefore(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  const { message = '' } = (cause instanceof Error ? cause : error) as Error;
  return /^(NOPERM|CROSSSLOT) (?!.*user_script)/.test(message);
}
