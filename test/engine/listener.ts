/** A participant on a real socket that does what the test tells it to, call by call. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Seen {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The caller's port: the same for all that came on one connection. */
  readonly from: number | undefined;
  readonly response: ServerResponse;
  readonly answer: (status: number, body?: unknown, headers?: Record<string, string>) => void;
  /** Resolves when the connection is no more. */
  readonly gone: Promise<unknown>;
}

export interface Listener {
  readonly url: string;
  /** All calls that came, oldest first. */
  readonly seen: readonly Seen[];
  /** The next call that nobody has asked for yet; waits until one comes. */
  readonly next: () => Promise<Seen>;
  /** The connection that was made last. */
  readonly socket: () => Socket | undefined;
  readonly close: () => Promise<void>;
}

export async function listening(host = '127.0.0.1', port = 0): Promise<Listener> {
  const seen: Seen[] = [];
  const waiting: ((one: Seen) => void)[] = [];
  let asked = 0;
  let last: Socket | undefined;
  const ends = new WeakMap<object, Promise<unknown>>();
  const server = createServer(async (request, response) => {
    const gone = ends.get(request.socket) ?? Promise.resolve();
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { method, url: path, headers } = request;
    const { remotePort: from } = request.socket;
    const answer: Seen['answer'] = (status, answered = {}, more = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...more });
      response.end(typeof answered === 'string' ? answered : JSON.stringify(answered));
    };
    const one = { method, path, headers, body, from, response, answer, gone };
    seen.push(one);
    waiting.shift()?.(one);
  });
  server.on('connection', (socket) => {
    last = socket;
    ends.set(socket, new Promise((resolve) => socket.once('close', resolve)));
  });
  await once(server.listen(port, host), 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    seen,
    next: () => {
      const one = seen[asked];
      asked += 1;
      return one === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(one);
    },
    socket: () => last,
    close: async () => {
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
}
