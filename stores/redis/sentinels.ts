/**
 * The way to a master that sentinels name, for ioredis in place of its own. Theirs asks one sentinel, and stays with a
 * master that was replaced until that one is told so, some ten seconds later: what it takes until then is forgotten.
 *
 * So each sentinel is asked and then listened to, on one connection: nothing can happen between the two unheard.
 *
 * - **The newest configuration is believed.** Each has a number (its epoch). A sentinel that has not heard of a failover
 *   yet would lead back to the old master.
 * - **The connection is given up when a sentinel is elected to replace the master** (`+elected-leader`), some 100 ms before
 *   any replica is told to take over. What the master has answered by then has the time to reach the replicas.
 * - **There is no master while they choose one** (`failover_in_progress`): nothing is written until it is decided. The one that
 *   has said that it replaces the master is waited for, since the others do not know of it.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import { unanswered, withoutArguments } from './client-errors.ts';

/** Between two rounds of questions while there is no master. */
const ROUND_MIN_MS = 50;
const ROUND_MAX_MS = 250;
/** How often a sentinel that is listened to must give a sign of life. */
const SIGN_OF_LIFE_MS = 5_000;
/** Until one that was lost is asked again. */
const ASK_AGAIN_MS = 1_000;
/** Sentinels that are listened to, at most. */
const SENTINELS_MAX = 10;

const ELECTED = '+elected-leader';
const SWITCHED = '+switch-master';

/** Options of connect.ts for a master behind sentinels. */
type SentinelOptions = Omit<RedisOptions, 'sentinels' | 'name'> & {
  readonly sentinels: readonly Address[];
  readonly name: string;
};

interface Address {
  readonly host: string;
  readonly port: number;
}

/** What one sentinel says. */
interface View {
  readonly epoch: number;
  readonly master: Address;
  /** It is about to replace that one. */
  readonly choosing: boolean;
}

const inText = ({ host, port }: Address) => `${host}:${port}`;

export class Sentinels extends AbstractConnector {
  readonly #options: SentinelOptions;
  /** Those that other sentinels have told of: listened to as well, but waited for only where nobody else answers. */
  readonly #learned = new Map<string, Address>();
  readonly #listening = new Map<Redis, Address>();
  /** Those that have said that they are about to replace the master, and not yet that it is over: others may not know of it. */
  readonly #replacing = new Set<string>();
  /** What led to the connection that stands. */
  #followed: View | null = null;

  constructor(options: unknown) {
    const own = options as SentinelOptions;
    super(own.disconnectTimeout ?? 2_000);
    this.#options = own;
  }

  async connect(tell: (type: string, error: Error) => void): Promise<Socket | TLSSocket> {
    this.connecting = true;
    for (let waitMs = ROUND_MIN_MS; ; waitMs = Math.min(ROUND_MAX_MS, waitMs * 2)) {
      const found = await this.#ask();
      if (!this.connecting) break;
      if (!(found instanceof Error)) return this.#open(found);
      tell('error', found);
      await delay(waitMs);
      if (!this.connecting) break;
    }
    this.#listenNoMore();
    throw new Error('Connection is closed.');
  }

  /** A server that was the master until now, or is not yet, is not taken for one. */
  override check({ role }: { readonly role?: string }): boolean {
    return role === undefined || role === 'master';
  }

  override disconnect(): void {
    super.disconnect();
    // Whoever is still asking is not to be waited for.
    if (this.#followed === null) this.#listenNoMore();
  }

  #open(view: View): Socket | TLSSocket {
    const { tls, enableTLSForSentinelMode } = this.#options;
    const stream =
      tls && enableTLSForSentinelMode
        ? connectTls({ ...view.master, ...tls })
        : connectSocket({ ...view.master });
    stream.once('error', (error) => {
      this.firstError = error;
    });
    stream.once('close', () => {
      if (this.stream !== stream) return;
      this.#followed = null;
      this.#listenNoMore();
    });
    this.stream = stream;
    this.#followed = view;
    return stream;
  }

  /** At once, and not by a farewell that a frozen master would answer when it is no master any more. */
  #leave(why: string): void {
    this.#followed = null;
    this.stream.destroy(new Error(why));
  }

  /** The newest configuration, or why there is none. */
  async #ask(): Promise<View | Error> {
    this.#listenNoMore();
    const views: View[] = [];
    const errors: Error[] = [];
    const named = this.#options.sentinels;
    const more = [...this.#learned.values()].slice(0, SENTINELS_MAX - named.length);
    await new Promise<void>((resolve) => {
      let answered = 0;
      let [left, all] = [named.length, named.length + more.length];
      const awaited = new Set(this.#replacing);
      for (const [index, address] of [...named, ...more].entries()) {
        this.#consult(address)
          .then(
            (view) => {
              views.push(view);
              if (index < named.length) answered += 1;
            },
            (error: Error) => {
              errors.push(error);
              this.#askLater(address);
            },
          )
          .finally(() => {
            all -= 1;
            if (index < named.length) left -= 1;
            awaited.delete(inText(address));
            // One that hangs is not waited for, where more than half have answered, and it is none that replaces the master.
            const enough = (left === 0 || answered > named.length / 2) && awaited.size === 0;
            if (all === 0 || (enough && views.length > 0)) resolve();
          });
      }
    });
    const [newest] = views.sort((a, b) => b.epoch - a.epoch || Number(b.choosing) - Number(a.choosing));
    if (newest === undefined)
      return errors.find(({ name }) => name === 'ReplyError') ?? (errors.at(-1) as Error);
    return newest.choosing ? new Error(REPLACING) : newest;
  }

  /** Asks a sentinel, and listens to it from then on. */
  async #consult(address: Address): Promise<View> {
    const { name, sentinelUsername, sentinelPassword, sentinelTLS, sentinelCommandTimeout } = this.#options;
    const sentinel = new Redis({
      ...address,
      ...(sentinelUsername ? { username: sentinelUsername } : {}),
      ...(sentinelPassword ? { password: sentinelPassword } : {}),
      ...(sentinelTLS ? { tls: sentinelTLS } : {}),
      lazyConnect: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      autoResubscribe: false,
      retryStrategy: () => null,
      connectTimeout: sentinelCommandTimeout,
      commandTimeout: sentinelCommandTimeout,
    } as RedisOptions);
    this.#listening.set(sentinel, address);
    let failed: Error | null = null;
    sentinel.on('error', (error) => {
      failed ??= error;
    });
    sentinel.on('message', (channel: string, text: string) => this.#hear(address, channel, text));
    try {
      const [known, current, others] = await Promise.all([
        sentinel.call('SENTINEL', 'MASTER', name),
        sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
        sentinel.call('SENTINEL', 'SENTINELS', name),
        sentinel.subscribe(ELECTED, SWITCHED),
      ]);
      const view = viewOf(fields(known), current as [string, string]);
      this.#learn((others as unknown[]).map(fields));
      if (view.choosing) this.#replacing.add(inText(address));
      else this.#replacing.delete(inText(address));
      this.#listen(sentinel, address);
      this.#compare(view);
      return view;
    } catch (error) {
      // One that is gone replaces nobody any more; one that is only asked anew may.
      if (this.#listening.delete(sentinel)) this.#replacing.delete(inText(address));
      sentinel.disconnect();
      throw told(address, unanswered(failed ?? (error as Error), sentinel));
    }
  }

  #learn(others: readonly Readonly<Record<string, string>>[]): void {
    this.#learned.clear();
    for (const { ip: host = '', port, flags = '' } of others) {
      const address = { host, port: Number(port) };
      const isNamed = this.#options.sentinels.some((one) => inText(one) === inText(address));
      if (!isNamed && !flags.includes('disconnected')) this.#learned.set(inText(address), address);
    }
  }

  /** One that was lost meanwhile may have told others: so it is asked again. */
  #listen(sentinel: Redis, address: Address): void {
    // One that is gone without a word would never say that it is.
    const timer = setInterval(() => sentinel.ping().catch(() => sentinel.disconnect()), SIGN_OF_LIFE_MS);
    timer.unref();
    sentinel.once('end', () => {
      clearInterval(timer);
      if (this.#listening.delete(sentinel)) this.#askLater(address);
    });
  }

  /** While there is no connection all are asked in any case. */
  #askLater(address: Address): void {
    const again = () => {
      const isHeard = [...this.#listening.values()].some((one) => inText(one) === inText(address));
      if (this.#followed !== null && !isHeard) this.#consult(address).catch(() => this.#askLater(address));
    };
    setTimeout(again, ASK_AGAIN_MS).unref();
  }

  #listenNoMore(): void {
    const all = [...this.#listening.keys()];
    this.#listening.clear();
    for (const sentinel of all) sentinel.disconnect();
  }

  #hear(address: Address, channel: string, text: string): void {
    // `master <name> <host> <port> ...`, and `<name> <host> <port> <new host> <new port>`.
    const [name, host, port] = text.split(' ').slice(channel === ELECTED ? 1 : 0);
    if (name !== this.#options.name || this.#followed === null) return;
    // A sentinel that hears late of what has led here already says nothing new.
    if (`${host}:${port}` !== inText(this.#followed.master)) return;
    if (channel === ELECTED) this.#replacing.add(inText(address));
    this.#leave(channel === ELECTED ? REPLACING : REPLACED);
  }

  /** What a sentinel says that was slower than others, or was lost for a while. */
  #compare({ epoch, master, choosing }: View): void {
    const followed = this.#followed;
    if (followed === null || epoch < followed.epoch) return;
    if (choosing) this.#leave(REPLACING);
    else if (epoch > followed.epoch && inText(master) !== inText(followed.master)) this.#leave(REPLACED);
  }
}

const REPLACING = 'its sentinels are about to make another server the master';
const REPLACED = 'its sentinels have made another server the master';

function viewOf(known: Readonly<Record<string, string>>, [host, port]: readonly [string, string]): View {
  const master = { host, port: Number(port) };
  const isSame = inText(master) === `${known.ip}:${known.port}`;
  // From the moment in which the new master stands, its sentinel answers with that one's address.
  const choosing = isSame && (known.flags ?? '').includes('failover_in_progress');
  return { epoch: Number(known['config-epoch'] ?? 0), master, choosing };
}

function fields(reply: unknown): Record<string, string> {
  const flat = reply as string[];
  return Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, index) => flat.slice(index * 2, index * 2 + 2)),
  );
}

function told(address: Address, error: Error): Error {
  const { message, name } = withoutArguments(error);
  const words = new Error(`sentinel ${inText(address)}: ${message}`, { cause: error });
  return Object.assign(words, { name, code: (error as NodeJS.ErrnoException).code });
}
