/** Asks the participants whether they are well: together, a second each, and not more often than every two. */
import { buildConnector, Pool } from 'undici';
import type { Clock } from './engine/clock.ts';
import { heeding, tlsFault } from './engine/tls-faults.ts';

const PROBE_TIMEOUT_MS = 1000;
const CACHED_MS = 2000;

/** How a connection to a service is opened, within how long. */
type ConnectorOf<Name extends string> = (name: Name, timeoutMs: number) => buildConnector.connector;

export class Probes<Name extends string> {
  readonly urls: Readonly<Record<Name, string>>;
  readonly #headers: Readonly<Partial<Record<Name, readonly string[]>>>;
  /** Those that are in this process, and as well as it is. */
  readonly #here: ReadonlySet<string>;
  readonly #clock: Clock;
  /** Each probe has a connection of its own: one that is kept would say how the participant is that a name once led to. */
  readonly #pools: ReadonlyMap<Name, Pool>;
  /** What came of the last attempt in TLS, by name. */
  readonly #refusals = new Map<Name, Error | null>();
  readonly #faults = new Map<Name, string>();
  readonly #last = new Map<Name, { readonly at: number; readonly healthy: Promise<boolean> }>();

  /** @param headers what each service is sent, names and values in turn: one that asks for a key asks for it here too */
  constructor(
    urls: Readonly<Record<Name, string>>,
    headers: Readonly<Partial<Record<Name, readonly string[]>>>,
    clock: Clock,
    connectorOf: ConnectorOf<Name> = (_, timeout) => buildConnector({ timeout }),
    here: ReadonlySet<string> = new Set(),
  ) {
    this.urls = urls;
    this.#here = here;
    this.#headers = headers;
    this.#clock = clock;
    const pools = (Object.entries(urls) as [Name, string][]).map(([name, url]) => {
      const connect = heeding(connectorOf(name, PROBE_TIMEOUT_MS), (why) => this.#refusals.set(name, why));
      return [name, new Pool(new URL(url).origin, { connections: 2, pipelining: 0, connect })] as const;
    });
    this.#pools = new Map(pools);
  }

  async all(): Promise<Record<Name, boolean>> {
    const names = Object.keys(this.urls) as Name[];
    const found = await Promise.all(names.map(async (name) => [name, await this.one(name)] as const));
    return Object.fromEntries(found) as Record<Name, boolean>;
  }

  /** What was wrong with the TLS of participants when they were asked last, in words that begin with a name. */
  get tlsFaults(): string[] {
    return [...this.#faults].map(([name, words]) => `${name}: ${words}`);
  }

  /** A probe under way serves everybody who asks meanwhile. */
  one(name: Name): Promise<boolean> {
    if (this.#here.has(name)) return Promise.resolve(true);
    const now = this.#clock.monotonic();
    const last = this.#last.get(name);
    if (last !== undefined && now - last.at < CACHED_MS) return last.healthy;
    const healthy = this.#probe(name);
    this.#last.set(name, { at: now, healthy });
    return healthy;
  }

  knows(name: string): name is Name {
    return Object.hasOwn(this.urls, name);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
  }

  async #probe(name: Name): Promise<boolean> {
    const controller = new AbortController();
    const cancel = this.#clock.after(PROBE_TIMEOUT_MS, () => controller.abort());
    try {
      const { pathname } = new URL(this.urls[name]);
      const path = `${pathname.replace(/\/$/, '')}/health`;
      const pool = this.#pools.get(name);
      if (pool === undefined) return false;
      const headers = [...(this.#headers[name] ?? [])];
      const { statusCode, body } = await pool.request({
        path,
        method: 'GET',
        headers,
        signal: controller.signal,
      });
      await body.dump();
      this.#faults.delete(name);
      return statusCode >= 200 && statusCode < 300;
    } catch (error) {
      const { code = '' } = (this.#refusals.get(name) ?? error) as NodeJS.ErrnoException;
      const words = tlsFault(code);
      if (words === null) this.#faults.delete(name);
      else this.#faults.set(name, words);
      // However it failed, the answer is that it is not well.
      return false;
    } finally {
      cancel();
    }
  }
}
