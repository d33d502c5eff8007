/** For servers that have (req, res): node:http, Express, Connect, Fastify's raw ones. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { problem, toResponse } from './answer.ts';

/**
 * ```ts
 * app.post('/pay', nodeHandler(payment.action));
 * ```
 *
 * A body that was parsed already (`req.body`, by express.json()) is taken as it is. What `handle` throws goes to `next`; where there is none it is
 * written to standard error and answered 500, which the coordinator repeats.
 */
export function nodeHandler(
  handle: (request: Request) => Promise<Response>,
): (req: IncomingMessage, res: ServerResponse, next?: (error: unknown) => void) => Promise<void> {
  return async (req, res, next) => {
    try {
      await send(await handle(requestOf(req)), res);
    } catch (error) {
      if (next !== undefined) return next(error);
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      if (res.headersSent) res.destroy();
      else
        await send(toResponse(problem(500, 'internal-error', 'The service failed; repeat the call.')), res);
    }
  };
}

function requestOf(
  req: IncomingMessage & { readonly body?: unknown; readonly originalUrl?: string },
): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    if (value !== undefined && !name.startsWith(':')) headers.set(name, String(value));
  }
  const { body } = req;
  const isParsed = body !== undefined && body !== null && !Buffer.isBuffer(body) && typeof body !== 'string';
  // The host does not matter: whoever routed the request has looked at it.
  const method = req.method ?? 'POST';
  // Express takes what a router is mounted under out of `url`; it was signed with it.
  const url = new URL(req.originalUrl ?? req.url ?? '/', 'http://participant');
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers });
  return new Request(url, {
    method,
    headers,
    body: isParsed ? JSON.stringify(body) : ((body as string | Buffer | null | undefined) ?? streamOf(req)),
    duplex: 'half',
  } as RequestInit);
}

function streamOf(req: IncomingMessage): ReadableStream<Uint8Array> {
  return Readable.toWeb(req) as ReadableStream<Uint8Array>;
}

async function send(response: Response, res: ServerResponse): Promise<void> {
  res.writeHead(response.status, Object.fromEntries(response.headers));
  res.end(await response.text());
}
