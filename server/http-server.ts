/**
 * The coordinator's HTTP server: how long it keeps connections, and how they end.
 *
 * A balancer that keeps a connection for longer than the server does sends a request into one that is just being closed,
 * and its client gets a 502. So ours are kept for longer than most balancers keep theirs.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Settings } from './config.ts';

export interface HttpServer {
  readonly port: number;
  /** Ends the connections on which nothing is under way. */
  closeIdle(): void;
  /** Requests under way get their answers; a connection that carries none is cut after a moment. */
  close(): Promise<void>;
}

/** How long the last answers may take to leave once the engine has let go. */
const CLOSE_MS = 1000;
/** A connection that was opened in advance and never used is bounded by this, so it is no shorter than an idle one's. */
const HEADERS_MARGIN_MS = 5000;
/** Node's own bounds for the head of a request, and for all of it; the second is never less than the first. */
const HEADERS_MS = 60_000;
const REQUEST_MS = 300_000;

type Fetch = Parameters<typeof createAdaptorServer>[0]['fetch'];

/** Rejects with the socket's error where the address cannot be had. */
export async function openServer(
  fetch: Fetch,
  { port, host, keepAliveMs }: Pick<Settings, 'port' | 'host' | 'keepAliveMs'>,
): Promise<HttpServer> {
  const headersTimeout = Math.max(HEADERS_MS, keepAliveMs + HEADERS_MARGIN_MS);
  const requestTimeout = Math.max(REQUEST_MS, headersTimeout);
  const server = createAdaptorServer({
    fetch,
    // What a request without a Host, as HTTP/1.0 allows, is taken to name.
    hostname: host,
    serverOptions: { keepAliveTimeout: keepAliveMs, headersTimeout, requestTimeout },
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    closeIdle: () => server.closeIdleConnections(),
    close: () =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
      }),
  };
}
