/** A coordinator inside an application: one process, its own HTTP server around it, and as many beside it as share the store. */

import { randomBytes } from 'node:crypto';
import type { StartOptions, WaitOptions } from '../../client/client.ts';
import {
  type Input,
  SagaClient,
  type Saga as SagaView,
  type SentEvent,
  type StartedSaga,
} from '../../client/client.ts';
import type { Saga } from '../../machines/define.ts';
import type { Opened } from './open.ts';
import type { CoordinatorOptions } from './options.ts';

/**
 * Nothing is loaded, opened or checked before {@link Coordinator.start}.
 *
 * ```ts
 * const coordinator = createCoordinator({
 *   sagas: [booking],
 *   store: redisStore('redis://127.0.0.1:6379'),
 *   participants: { airline: 'http://airline.internal', hotel: 'http://hotel.internal' },
 *   path: '/saga',
 * });
 * await coordinator.start();
 * app.mount('/saga', coordinator.fetch);
 * const saga = await coordinator.run(booking, { journey: 'j-1', to: 'PAR' });
 * ```
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  return new EmbeddedCoordinator(options);
}

export interface Coordinator {
  /**
   * Opens the store and takes up what is due; to be called once, and again where it has failed. Waits a minute for a store that is away.
   * @throws ConfigError that names every option that cannot be used; MachineError and DefinitionError for a saga that breaks a rule;
   *   MachineChangedError for one that was changed under the same version; StoreRefusedError and StoreUnavailableError. Each message says what to mend.
   */
  start(): Promise<void>;

  /**
   * Answers a request: API, pages, `/metrics`, probes. Can be handed on as it is: `app.mount('/saga', coordinator.fetch)` in Hono,
   * `getRequestListener(coordinator.fetch)` of `@hono/node-server` elsewhere. The path before it may be taken off or left on.
   * @param bindings what `@hono/node-server` gives beside the request: without it, nobody knows who asked
   */
  readonly fetch: (request: Request, bindings?: object) => Promise<Response>;

  /** The same by methods, in this process and without a socket: everything that is not named below. */
  readonly client: SagaClient;

  /**
   * Starts a saga, and answers as soon as it is stored: from then on it is carried to its end, whoever dies.
   * @throws ProblemError: `validation-error` for an input that the saga does not take, `overloaded`, `store-unavailable`, …
   */
  begin<I>(saga: Saga<I>, input: NoInfer<I>, options?: Omit<StartOptions, 'version'>): Promise<StartedSaga>;

  /** The same, and waits until the saga has ended or is parked; with `status` STARTED the wait is over, and it runs on. */
  run<I>(saga: Saga<I>, input: NoInfer<I>, options?: Omit<WaitOptions, 'version'>): Promise<StartedSaga>;

  /** Tells a saga of something that happened outside. It is kept until the saga waits for it, or ends. */
  event(id: string, event: SentEvent): Promise<void>;

  /** One saga: its state, its facts with the secrets redacted, what is held, and its log. */
  get(id: string): Promise<SagaView>;

  /** Takes nothing new, lets calls settle for `DRAIN_MS` (25 s) at most, releases what is left to others, and closes the store. */
  close(): Promise<void>;
}

class EmbeddedCoordinator implements Coordinator {
  readonly client: SagaClient;
  readonly #options: CoordinatorOptions;
  /** Of a start that waits for a store that is away. */
  readonly #interruption = new AbortController();
  #isClosed = false;
  #opening: Promise<Opened> | null = null;

  constructor(options: CoordinatorOptions) {
    const token = options.token ?? ownToken(options);
    this.#options = token === undefined ? options : { ...options, token };
    // A name of loopback is one of the coordinator's in any case.
    this.client = new SagaClient({
      url: `http://localhost${options.path ?? ''}`,
      token,
      fetch: (request) => this.fetch(request),
    });
  }

  async start(): Promise<void> {
    if (this.#interruption.signal.aborted) throw new Error('the coordinator is closed: create another');
    this.#opening ??= this.#open();
    await this.#opening;
  }

  async #open(): Promise<Opened> {
    try {
      const { openEmbedded } = await import('./open.ts');
      return await openEmbedded(this.#options, this.#interruption.signal);
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  readonly fetch = async (request: Request, bindings?: object): Promise<Response> => {
    if (this.#isClosed) return stopping();
    if (this.#opening === null)
      throw new Error('the coordinator was not started: await coordinator.start() first');
    const opened = await this.#opening;
    return opened.fetch(request, bindings);
  };

  begin<I>(
    saga: Saga<I>,
    input: NoInfer<I>,
    options: Omit<StartOptions, 'version'> = {},
  ): Promise<StartedSaga> {
    const { id, version } = saga.about;
    return this.client.begin(id, input as Input, { ...options, version });
  }

  run<I>(saga: Saga<I>, input: NoInfer<I>, options: Omit<WaitOptions, 'version'> = {}): Promise<StartedSaga> {
    const { id, version } = saga.about;
    return this.client.run(id, input as Input, { ...options, version });
  }

  async event(id: string, event: SentEvent): Promise<void> {
    await this.client.event(id, event);
  }

  get(id: string): Promise<SagaView> {
    return this.client.get(id);
  }

  async close(): Promise<void> {
    this.#interruption.abort();
    const opened = await this.#opening?.catch(() => null);
    await opened?.close();
    this.#isClosed = true;
  }
}

/** Where others are told apart by settings, the application's own calls must be, too: by a token that nobody else has. */
function ownToken({ settings = {} }: CoordinatorOptions): string | undefined {
  const names = ['API_TOKENS', 'API_TOKENS_FILE', 'OIDC_ISSUER'];
  return names.some((name) => name in settings) ? randomBytes(32).toString('hex') : undefined;
}

/** As a coordinator that drains says it. */
function stopping(): Response {
  const body = {
    type: 'draining',
    title: 'The coordinator is stopping',
    status: 503,
    detail: 'it is closed',
  };
  const headers = { 'content-type': 'application/problem+json', 'retry-after': '2' };
  return new Response(JSON.stringify(body), { status: 503, headers });
}
