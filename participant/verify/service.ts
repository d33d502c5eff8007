/** The service that is verified, called as a coordinator would. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Sight, sightOf } from './probe.ts';

export interface VerifyOptions {
  /** Where the service is: `http://127.0.0.1:8002`. */
  readonly url: string;
  /** Paths of the two calls. */
  readonly action: string;
  readonly undo: string;
  /** JSON of an action that the service performs. `{saga_id}` in it is another id for each saga that is played. */
  readonly body: string;
  /** JSON of an action that it refuses. Without one it is not seen whether refusals are kept. */
  readonly refused?: string;
  /** Path or URL of JSON that differs once an effect has happened, best in a number. Without one only answers are looked at. */
  readonly probe?: string;
  /** Path at which it tells what stands of a call. Without one it is not asked. */
  readonly ask?: string;
  /** Sent with each call: a token, for example. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For one answer, in milliseconds. 10 seconds unless set. */
  readonly timeoutMs?: number;
}

export type Kind = 'action' | 'compensation';

export interface Said {
  readonly status: number;
  readonly text: string;
}

/** The service breaks a promise; the message says how. */
export class Broken extends Error {}

/** Nobody answers, or not to the end. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
}

/** The one step of a saga that is played. */
const STEP = 'verify';
const NOT_NOW = new Set([408, 425, 429, 503]);
const ATTEMPTS_MAX = 40;
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1_000;

export const isDone = ({ status }: Said) => status >= 200 && status < 300;
export const isNotNow = ({ status }: Said) => NOT_NOW.has(status);
export const isRefused = (said: Said) => said.status >= 300 && said.status < 500 && !isNotNow(said);

export class Service {
  readonly options: VerifyOptions;
  readonly url: URL;

  constructor(options: VerifyOptions) {
    this.options = options;
    this.url = new URL(options.url);
  }

  saga(body = this.options.body): PlayedSaga {
    return new PlayedSaga(this, body);
  }

  /** `null` where there is nothing to look at. */
  async look(): Promise<Sight | null> {
    const { probe } = this.options;
    if (probe === undefined) return null;
    const said = await this.ask(new URL(probe, this.url), { headers: { ...this.options.headers } });
    if (!isDone(said)) throw new Broken(`the probe answers ${said.status}`);
    try {
      return sightOf(said.text);
    } catch {
      throw new Broken('what the probe answers is not JSON');
    }
  }

  async ask(url: URL, init: RequestInit): Promise<Said> {
    try {
      const signal = AbortSignal.timeout(this.options.timeoutMs ?? 10_000);
      const response = await fetch(url, { ...init, redirect: 'manual', signal });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message;
      throw new UnansweredError(`${url.origin} does not answer: ${why}`, { cause: error });
    }
  }
}

/** One saga of one step. */
export class PlayedSaga {
  readonly #service: Service;
  readonly #id = `verify-${randomUUID()}`;
  readonly #body: Record<string, unknown>;
  #answer: unknown;

  constructor(service: Service, body: string) {
    this.#service = service;
    this.#body = JSON.parse(body.replaceAll('{saga_id}', this.#id));
  }

  /** One attempt. */
  async call(kind: Kind, { origin = '', more = {} }: { origin?: string; more?: object } = {}): Promise<Said> {
    const { action, undo, headers } = this.#service.options;
    const path = new URL(kind === 'action' ? action : undo, this.#service.url);
    const original =
      kind === 'action' || this.#answer === undefined ? {} : { original_response: this.#answer };
    const said = await this.#service.ask(
      origin === '' ? path : new URL(path.pathname + path.search, origin),
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'accept-encoding': 'identity',
          ...headers,
          'idempotency-key': `${this.#id}:${STEP}:${kind}`,
          'saga-id': this.#id,
          'saga-step': STEP,
          'saga-attempt': '1',
        },
        body: JSON.stringify({ ...this.#body, ...original, ...more }),
      },
    );
    if (kind === 'action' && isDone(said)) this.#answer = jsonOf(said);
    return said;
  }

  settled(kind: Kind, more: object = {}): Promise<Said> {
    return untilNow(() => this.call(kind, { more }));
  }

  /** What it tells when it is asked what stands of the action. */
  asked(): Promise<Said> {
    const { ask = '', headers } = this.#service.options;
    const url = new URL(ask, this.#service.url);
    url.searchParams.set('saga_id', this.#id);
    url.searchParams.set('step', STEP);
    const question = { accept: 'application/json', ...headers, 'saga-id': this.#id, 'saga-step': STEP };
    return untilNow(() => this.#service.ask(url, { headers: question }));
  }
}

/** Again for as long as the answer is "not now". */
async function untilNow(call: () => Promise<Said>): Promise<Said> {
  let said = await call();
  for (let attempt = 1; attempt < ATTEMPTS_MAX && isNotNow(said); attempt += 1) {
    await pause(Math.min(PAUSE_MS * attempt, PAUSE_MS_MAX));
    said = await call();
  }
  return said;
}

/** Its JSON, or `undefined` where it is none. */
export function jsonOf({ text }: Said): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
