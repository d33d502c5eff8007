/** Follows a stream of events, and goes on where it was when the stream breaks off. */
import { isPassing, UnreachableError } from './errors.ts';
import { type ServerEvent, serverEvents } from './events.ts';
import type { Transport } from './transport.ts';

/** In a row: after them nobody is there. */
const FAILURES_MAX = 10;
const RETRY_MS = 1000;

export interface Following {
  /** The id of the last event that is known; without one it begins with what happens from now on. */
  readonly after?: string | null;
  readonly signal?: AbortSignal | undefined;
  readonly pause: (ms: number) => Promise<unknown>;
  /** Is told why a stream ended before it is opened anew. */
  readonly onBreak?: (trouble: string) => void;
}

/** `open`: what is told from here on has happened since. Said each time that a stream is opened. */
export type Followed = { readonly type: 'open' } | ServerEvent;

/**
 * Ends when `signal` aborts, and else never by itself.
 * @throws ProblemError where there never was a stream, UnreachableError when nobody has answered for ten times in a row
 */
export async function* follow(
  transport: Transport,
  path: string,
  { after = null, signal, pause, onBreak = () => {} }: Following,
): AsyncGenerator<Followed, undefined> {
  let position = after;
  let hasOpened = false;
  for (let failures = 0; ; failures += 1) {
    let trouble = 'the stream has ended';
    try {
      const stream = await transport.stream(path, position, signal);
      hasOpened = true;
      try {
        yield { type: 'open' };
        for await (const event of eventsIn(stream)) {
          failures = 0;
          if (event.id !== '') position = event.id;
          yield event;
        }
      } finally {
        // Whoever has seen enough leaves in the middle of it.
        if (!stream.locked) await stream.cancel();
      }
    } catch (error) {
      if (signal?.aborted) return undefined;
      if (!hasOpened || !isPassing(error)) throw error;
      trouble = error.message;
    }
    if (signal?.aborted) return undefined;
    if (failures >= FAILURES_MAX) throw new UnreachableError(trouble);
    onBreak(trouble);
    await pause(RETRY_MS);
  }
}

async function* eventsIn(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, undefined> {
  try {
    yield* serverEvents(stream as unknown as AsyncIterable<Uint8Array>);
  } catch (error) {
    throw new UnreachableError(`the stream broke off: ${(error as Error).message}`);
  }
  return undefined;
}
