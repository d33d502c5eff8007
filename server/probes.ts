/** Asks the participants whether they are well: together, a second each, and not more often than every two. */
import { Agent } from 'undici';
import type { Clock } from './engine/clock.ts';

const PROBE_TIMEOUT_MS = 1000;
const CACHED_MS = 2000;

export class Probes<Name extends string> {
  readonly urls: Readonly<Record<Name, string>>;
  readonly #clock: Clock;
  readonly #agent = new Agent({ connections: 2 });
  readonly #last = new Map<Name, { readonly at: number; readonly healthy: Promise<boolean> }>();

  constructor(urls: Readonly<Record<Name, string>>, clock: Clock) {
    this.urls = urls;
    this.#clock = clock;
  }

  async all(): Promise<Record<Name, boolean>> {
    const names = Object.keys(this.urls) as Name[];
    const found = await Promise.all(names.map(async (name) => [name, await this.one(name)] as const));
    return Object.fromEntries(found) as Record<Name, boolean>;
  }

  /** A probe under way serves everybody who asks meanwhile. */
  one(name: Name): Promise<boolean> {
    const now = this.#clock.monotonic();
    const last = this.#last.get(name);
    if (last !== undefined && now - last.at < CACHED_MS) return last.healthy;
    const healthy = this.#probe(this.urls[name]);
    this.#last.set(name, { at: now, healthy });
    return healthy;
  }

  knows(name: string): name is Name {
    return Object.hasOwn(this.urls, name);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #probe(url: string): Promise<boolean> {
    const controller = new AbortController();
    const cancel = this.#clock.after(PROBE_TIMEOUT_MS, () => controller.abort());
    try {
      const { origin, pathname } = new URL(url);
      const path = `${pathname.replace(/\/$/, '')}/health`;
      const { statusCode, body } = await this.#agent.request({
        origin,
        path,
        method: 'GET',
        signal: controller.signal,
      });
      await body.dump();
      return statusCode >= 200 && statusCode < 300;
    } catch {
      // However it failed, the answer is that it is not well.
      return false;
    } finally {
      cancel();
    }
  }
}
