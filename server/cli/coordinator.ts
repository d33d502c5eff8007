/** The coordinator as the command line knows it: over HTTP, and by nothing else. */
import { UsageError } from './surroundings.ts';

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
}

/** Nobody answered, or not to the end. What was sent may have been received. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The coordinator refused the request and said why (RFC 9457). */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly status: number;
  readonly problem: unknown;
  constructor(message: string, status: number, problem: unknown) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** Whether the same question may be answered later, here or by another coordinator. */
export function isPassing(error: unknown): error is UnreachableError | RefusedError {
  return error instanceof UnreachableError || (error instanceof RefusedError && error.status === 503);
}

/** An answer beyond this is not read: it is none of a coordinator. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Longer than any wait that is asked for with Prefer. */
const PATIENCE_MS = 120_000;

export class Coordinator {
  readonly #base: string;
  readonly #token: string | null;

  constructor(url: string, token: string | null) {
    if (!/^https?:\/\/./.test(url) || !URL.canParse(url))
      throw new UsageError(`--url: ${url} is no http URL`);
    const { username, password } = new URL(url);
    if (username !== '' || password !== '') throw new UsageError('--url: use --token, not a user in the URL');
    if (token !== null && !/^[\x21-\x7e]+$/.test(token))
      throw new UsageError('--token has characters that no header can carry');
    this.#base = url.replace(/\/+$/, '');
    this.#token = token;
  }

  /** @throws RefusedError, UnreachableError */
  async ask(path: string, question: Question = {}): Promise<Answer> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await this.#send(path, question, signal, 'application/json');
    return { status: response.status, headers: response.headers, body: await jsonOf(response) };
  }

  /** A stream of events (SSE), which lasts until one of the two ends it. */
  async stream(path: string, lastEventId: string | null): Promise<ReadableStream<Uint8Array>> {
    const headers = lastEventId === null ? {} : { 'last-event-id': lastEventId };
    const { body } = await this.#send(path, { headers }, null, 'text/event-stream');
    if (body === null) throw new UnreachableError('the stream has no body');
    return body as ReadableStream<Uint8Array>;
  }

  async #send(
    path: string,
    { method = 'GET', headers = {}, body }: Question,
    signal: AbortSignal | null,
    accept: string,
  ): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.#base + path, {
        method,
        headers: {
          accept,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
        signal,
        // The token is for this server alone.
        redirect: 'manual',
      });
    } catch (error) {
      throw new UnreachableError(`${this.#base} does not answer: ${causeOf(error)}`);
    }
    const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim();
    if (mediaType === accept) return response;
    if (mediaType === 'application/problem+json') {
      const problem = (await jsonOf(response)) as Readonly<Record<string, unknown>> | null;
      throw new RefusedError(`${problem?.title}: ${problem?.detail}`, response.status, problem);
    }
    await response.body?.cancel();
    throw new RefusedError(
      `${this.#base} answers ${response.status} and is no coordinator`,
      response.status,
      null,
    );
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
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
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
