/**
 * How a connection to a participant is opened: directly, or through a proxy. A proxy is always asked for a tunnel
 * (CONNECT), also where the participant speaks plain HTTP: a call that were handed to it could be answered by the proxy
 * itself, and its 502 or 403 would be taken for the participant's. Through a tunnel every answer is the participant's,
 * and whatever goes wrong before it stands is a call that was never sent.
 */
import type { LookupFunction, Socket } from 'node:net';
import { buildConnector, Client } from 'undici';

export interface Way {
  /** URL of the proxy, with credentials where it wants some; `null` for none. */
  readonly proxy: string | null;
  /** Of a connection to a participant or a proxy, and of the proxy's answer. */
  readonly timeoutMs: number;
  /** Where a name leads; else the system is asked. */
  readonly lookup?: LookupFunction;
}

export function connectorBy({ proxy, timeoutMs, lookup }: Way): buildConnector.connector {
  const direct = buildConnector({ timeout: timeoutMs, ...(lookup && { lookup }) });
  return proxy === null ? direct : tunnelling(new URL(proxy), direct, timeoutMs);
}

/** With a code of its own: what goes by UND_ERR_SOCKET makes a client try again for ever, and keeps its call waiting. */
class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code = 'ERR_PROXY_TUNNEL';
}

function tunnelling(
  proxy: URL,
  direct: buildConnector.connector,
  timeoutMs: number,
): buildConnector.connector {
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers =
    pair === ':' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
  return (options, callback) => {
    const { host = '', protocol, port } = options;
    const authority = port ? host : `${host}:${protocol === 'https:' ? 443 : 80}`;
    // One client for each tunnel: the socket leaves it.
    const client = new Client(proxy.origin, { connect: direct, headersTimeout: timeoutMs });
    client.connect({ path: authority, headers }).then(
      ({ statusCode, socket }) => {
        void client.destroy();
        if (statusCode < 200 || statusCode >= 300) {
          socket.on('error', () => {}).destroy();
          const what = `answered ${statusCode}, and opened no tunnel to ${authority}`;
          callback(new TunnelError(`the proxy ${proxy.host} ${what}`), null);
        } else if (protocol === 'https:') direct({ ...options, httpSocket: socket as Socket }, callback);
        else callback(null, socket as Socket);
      },
      ({ code = '', message }: NodeJS.ErrnoException) => {
        void client.destroy();
        const why = `${code} ${message}`.trim();
        callback(new TunnelError(`the proxy ${proxy.host} opened no tunnel: ${why}`), null);
      },
    );
  };
}
