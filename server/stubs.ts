/**
 * The stub services as the crash theatre knows them: by their own HTTP interface, asked from here and not from a browser. Whoever has
 * no `/faults` and no `/tally` is no stub of ours, and nothing is asked of it.
 */
import { z } from 'zod';

/** What can be done to a stub's calls. */
export const FAULTS = {
  slow: { title: 'take 2 s longer', rule: { kind: 'latency', latency_ms: 2000 } },
  fail: { title: 'fail (503)', rule: { kind: 'status', status: 503 } },
  refuse: { title: 'are refused (409)', rule: { kind: 'status', status: 409 } },
  lose: { title: 'lose their answer', rule: { kind: 'lose-answer' } },
  drop: { title: 'break off', rule: { kind: 'drop-connection' } },
  hang: { title: 'hang', rule: { kind: 'hang' } },
} as const;
export type FaultName = keyof typeof FAULTS;

/** How many of them. */
export const SHARES = {
  every: { title: 'every one', rule: {} },
  half: { title: 'every other, by chance', rule: { probability: 0.5 } },
  one: { title: 'the next one', rule: { times: 1 } },
  five: { title: 'the next five', rule: { times: 5 } },
} as const;
export type ShareName = keyof typeof SHARES;

export type Endpoint = 'action' | 'compensation';

export interface Fault {
  readonly endpoint: Endpoint;
  readonly fault: FaultName;
  readonly share: ShareName;
}

const count = z.number().int().nonnegative();
const rules = z.object({
  rules: z.array(
    z.object({
      /** A kind of calls, or the path of one. */
      endpoint: z.string(),
      kind: z.string(),
      latency_ms: count.optional(),
      status: count.optional(),
      times: count.optional(),
      probability: z.number().optional(),
      hits: count,
    }),
  ),
});
export type StandingRule = z.infer<typeof rules>['rules'][number];

const outcomes = z.object({
  performed: count.default(0),
  replayed: count.default(0),
});
const tally = z.object({
  started_at: z.iso.datetime(),
  actions: outcomes,
  compensations: outcomes,
  performed_twice: count,
  sagas: z.array(z.string()),
  forgotten: count,
});
export type StubTally = z.infer<typeof tally>;

export interface StubSeen {
  readonly name: string;
  /** `null` where it cannot be reached, or is no stub. */
  readonly rules: readonly StandingRule[] | null;
  readonly tally: StubTally | null;
}

const ANSWER_MS = 1_000;

export class Stubs {
  readonly #urls: Readonly<Record<string, string>>;

  /** @param urls by participant */
  constructor(urls: Readonly<Record<string, string>>) {
    this.#urls = urls;
  }

  get names(): readonly string[] {
    return Object.keys(this.#urls);
  }

  /** As they are now, each asked for itself. */
  look(): Promise<StubSeen[]> {
    return Promise.all(
      this.names.map(async (name) => {
        const [found, counted] = await Promise.all([
          this.#read(name, '/faults', rules),
          this.#read(name, '/tally', tally),
        ]);
        return { name, rules: found?.rules ?? null, tally: counted };
      }),
    );
  }

  /** Takes the place of what stands there. Answers whether the stub has taken it. */
  set(name: string, { endpoint, fault, share }: Fault): Promise<boolean> {
    const body = JSON.stringify({ endpoint, ...FAULTS[fault].rule, ...SHARES[share].rule });
    return this.#done(name, { method: 'PUT', body, headers: { 'content-type': 'application/json' } });
  }

  /** Answers whether the stub has none now. */
  clear(name: string): Promise<boolean> {
    return this.#done(name, { method: 'DELETE' });
  }

  async #done(name: string, init: RequestInit): Promise<boolean> {
    const answer = await this.#ask(name, '/faults', init);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  async #read<T>(name: string, path: string, shape: z.ZodType<T>): Promise<T | null> {
    const answer = await this.#ask(name, path, {});
    const body = await answer?.json().catch(() => null);
    return shape.safeParse(body).data ?? null;
  }

  async #ask(name: string, path: string, init: RequestInit): Promise<Response | null> {
    const url = this.#urls[name];
    if (url === undefined) return null;
    const asked = { ...init, redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MS) } as const;
    return fetch(`${url.replace(/\/$/, '')}${path}`, asked).catch(() => null);
  }
}
