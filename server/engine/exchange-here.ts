/** One exchange with a participant in this very process: the same as data, without a socket. */
import type { Cutoff } from './cutoff.ts';
import { type Answered, REPLAYED, type Request as Sent } from './exchange.ts';

/** What answers the calls of a participant: `fetch` of a Hono app, or whatever takes a request and gives the answer. */
export type Handle = (request: Request) => Response | Promise<Response>;

/**
 * Rejects with the reason of the cutoff, whatever becomes of the handler: it learns by `request.signal` that nobody waits any more. What it
 * throws may have come after its effect.
 */
export async function exchangeHere(
  handle: Handle,
  origin: string,
  { method, path, headers, body }: Sent,
  bytesMax: number,
  cutoff: Cutoff,
): Promise<Answered> {
  const abort = new AbortController();
  const cut = new Promise<never>((_, reject) =>
    cutoff.listen((reason) => {
      reject(reason);
      abort.abort(reason);
    }),
  );
  const { signal } = abort;
  const request = new Request(origin + path, { method, headers: pairsOf(headers), body, signal });
  try {
    return await Promise.race([answeredBy(handle, request, bytesMax), cut]);
  } finally {
    cutoff.listen(null);
  }
}

async function answeredBy(handle: Handle, request: Request, bytesMax: number): Promise<Answered> {
  const { status, headers, body } = await handle(request);
  return {
    status,
    retryAfter: headers.get('retry-after') ?? undefined,
    location: headers.get('location') ?? undefined,
    contentEncoding: headers.get('content-encoding') ?? undefined,
    isReplayed: headers.get(REPLAYED) === 'true',
    body: await bytesOf(body, bytesMax, request.signal),
  };
}

/** `null` for more than may be read. */
async function bytesOf(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // To leave the loop cancels the stream.
    if (bytes > bytesMax) return null;
    if (signal.aborted) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Of names and values in turn. */
function pairsOf(headers: readonly string[]): [string, string][] {
  return Array.from({ length: headers.length / 2 }, (_, pair) => [
    headers[2 * pair] ?? '',
    headers[2 * pair + 1] ?? '',
  ]);
}
