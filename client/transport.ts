/** Requests to a coordinator, and what comes back: an answer, a stream, or an error that says why not. */
import { parse } from '../json/exact.ts';
import { type Problem, ProblemError, UnreachableError } from './errors.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Question {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON as text. */
  readonly body?: string;
  /** Ends the wait for the answer; what was sent stays sent. */
  readonly signal?: AbortSignal | undefined;
}

/** What sends a request: the global `fetch`, or a coordinator in this process. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** An answer beyond this is not read: it is none of a coordinator. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Longer than any wait that is asked for with Prefer. */
const PATIENCE_MS = 120_000;

export class Transport {
  readonly #base: string;
  readonly #token: string | null;
  readonly #fetch: Fetch;

  /** @throws TypeError for what is no http URL, and for a token that no header can carry */
  constructor(url: string, token: string | null, fetch: Fetch = globalThis.fetch) {
    if (!/^https?:\/\/./.test(url) || !URL.canParse(url)) throw new TypeError(`${url} is no http URL`);
    const { username, password } = new URL(url);
    if (username !== '' || password !== '')
      throw new TypeError('a user has no place in the URL of a coordinator: the token is a value of its own');
    if (token !== null && !/^[\x21-\x7e]+$/.test(token))
      throw new TypeError('the token has characters that no header can carry');
    this.#base = url.replace(/\/+$/, '');
    this.#token = token;
    this.#fetch = fetch;
  }

  /** @throws ProblemError, UnreachableError */
  async ask(path: string, question: Question = {}): Promise<Answer> {
    const response = await this.#send(path, question, AbortSignal.timeout(PATIENCE_MS), 'application/json');
    return { status: response.status, headers: response.headers, body: await jsonOf(response) };
  }

  /** A stream of events (SSE), which lasts until one of the two ends it. */
  async stream(
    path: string,
    lastEventId: string | null,
    signal?: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>> {
    const headers = lastEventId === null ? {} : { 'last-event-id': lastEventId };
    const { body } = await this.#send(path, { headers, signal }, null, 'text/event-stream');
    if (body === null) throw new UnreachableError('the stream has no body');
    return body as ReadableStream<Uint8Array>;
  }

  /** An answer of any length, as it comes, of this media type. */
  async download(path: string, mediaType: string): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#send(path, {}, null, mediaType);
    return read((body ?? []) as AsyncIterable<Uint8Array>);
  }

  async #send(
    path: string,
    { method = 'GET', headers = {}, body, signal }: Question,
    timeout: AbortSignal | null,
    accept: string,
  ): Promise<Response> {
    const signals = [signal, timeout].filter((one) => one !== undefined && one !== null);
    let response: Response;
    try {
      const request = new Request(this.#base + path, {
        method,
        headers: {
          accept,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
        // The token is for this server alone.
        redirect: 'manual',
      });
      response = await this.#fetch(request);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new UnreachableError(`${this.#base} does not answer: ${causeOf(error)}`);
    }
    const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim();
    if (mediaType === accept) return response;
    if (mediaType === 'application/problem+json') {
      const problem = (await jsonOf(response)) as Problem | null;
      const message = `${problem?.title}: ${problem?.detail}`;
      throw new ProblemError(message, response.status, problem, retryAfterMs(response));
    }
    await response.body?.cancel();
    throw new ProblemError(
      `${this.#base} answers ${response.status} and is no coordinator`,
      response.status,
      null,
      retryAfterMs(response),
    );
  }
}

/** In seconds, as a coordinator says it; a date, which a proxy may say, means nothing where clocks differ. */
function retryAfterMs({ headers }: Response): number | null {
  const text = headers.get('retry-after')?.trim() ?? '';
  return /^\d{1,9}$/.test(text) ? 1000 * Number(text) : null;
}

/** One that was cut off is none. */
async function* read(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body;
  } catch (error) {
    throw new UnreachableError(`the answer was cut off: ${causeOf(error)}`);
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    return parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new UnreachableError(`the answer cannot be read: ${causeOf(error)}`);
  }
}

/** fetch says "fetch failed", and hides what it knows in the cause. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error
    ? ((cause.message || (cause as NodeJS.ErrnoException).code) ?? message)
    : message;
}
