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
  /** What is shown to a participant that speaks TLS, and whom to believe; a proxy is shown nothing of it. */
  readonly tls?: ClientTls | undefined;
}

/** In PEM; without `ca`, whom Node believes. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ClientTls {
  /** As it is just now: another object whenever it has changed. */
  readonly now: TlsMaterial;
}

export function connectorBy({ proxy, timeoutMs, lookup, tls }: Way): buildConnector.connector {
  const plain = { timeout: timeoutMs, ...(lookup && { lookup }) };
  const toProxy = buildConnector(plain);
  const direct = tls === undefined ? toProxy : renewing(tls, (now) => buildConnector({ ...plain, ...now }));
  return proxy === null ? direct : tunnelling(new URL(proxy), toProxy, direct, timeoutMs);
}

/** A connector keeps TLS sessions: one that was begun under other certificates must not be gone on with. */
function renewing(
  tls: ClientTls,
  make: (material: TlsMaterial) => buildConnector.connector,
): buildConnector.connector {
  let material = tls.now;
  let connector = make(material);
  return (options, callback) => {
    const { now } = tls;
    if (now !== material) {
      material = now;
      connector = make(now);
    }
    connector(options, callback);
  };
}

/** With a code of its own: what goes by UND_ERR_SOCKET makes a client try again for ever, and keeps its call waiting. */
class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code = 'ERR_PROXY_TUNNEL';
}

function tunnelling(
  proxy: URL,
  toProxy: buildConnector.connector,
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
    const client = new Client(proxy.origin, { connect: toProxy, headersTimeout: timeoutMs });
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
