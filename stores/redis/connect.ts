/**
 * Redis clients with the settings on which the store relies: a command is sent at once or refused at once, at most
 * once, and never waits without bound. Repeating is the caller's business, under the same write id.
 *
 * | URL | means |
 * |---|---|
 * | `redis://[user:password@]host[:port][/db]` | one server |
 * | `rediss://...` | the same over TLS |
 * | `unix:///path/to/socket` | one server on this machine |
 * | `redis+sentinel://host:port,host:port/master-name` | the master that Sentinel names |
 * | `redis+cluster://host:port,host:port` | a Redis Cluster |
 *
 * The last two exist as `rediss+...` too: then sentinels and nodes are spoken to over TLS as well. User and password stand
 * before the hosts and are those of the server, of each node, or of the master; sentinels that want some of their own get
 * them from `?sentinel_username=...&sentinel_password=...` behind the master's name.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Client } from './client.ts';
import { watchErrors } from './client-errors.ts';
import { Sentinels } from './sentinels.ts';
import { doubtSilentMasters } from './silent-masters.ts';
import { atKnownHost, fillUnknownEndpoints } from './unknown-endpoints.ts';

const COMMAND_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** A sentinel that hangs is passed over. */
const SENTINEL_TIMEOUT_MS = 2_000;
/**
 * How often one command follows a Cluster that moves its slot or is about to serve it. Only refusals are followed, 100 ms
 * apart, so after the last one it is still sure that nothing happened.
 */
const REDIRECTIONS_MAX = 6;

const FORM =
  /^(?<scheme>rediss?|unix|rediss?\+sentinel|rediss?\+cluster):\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/;

export interface ConnectOptions {
  readonly commandTimeoutMs?: number;
  /** What `rediss` shows of itself and whom it believes, asked for each connection. In PEM; without `ca`, whom Node believes. */
  readonly tls?: (() => { readonly ca?: string; readonly cert?: string; readonly key?: string }) | undefined;
}

/** An unconnected client (`RedisStore.open` connects it). Its later connection errors show in its commands. */
export function connect(
  url: string,
  { commandTimeoutMs = COMMAND_TIMEOUT_MS, tls }: ConnectOptions = {},
): Client {
  const form = FORM.exec(url)?.groups;
  // The URL itself may hold a password, so it is not repeated.
  if (!form)
    throw new RangeError('REDIS_URL is none of the forms redis, rediss, unix, +sentinel and +cluster');
  const { scheme = '', user, password, hosts = '', path = '', query } = form;

  const options: RedisOptions = {
    lazyConnect: true,
    // Refused at once while there is no connection: surely not sent, so the caller may decide.
    enableOfflineQueue: false,
    // A command in flight fails with its connection and is not sent again behind the caller's back.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: false,
    // Two commands less for each connection, and none that a user must be allowed.
    disableClientInfo: true,
    commandTimeout: commandTimeoutMs,
    // A connection on which nothing comes back is given up: the server may be gone without a word, or replaced.
    socketTimeout: commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: reconnectDelayMs,
    // Who was the master and now is a replica refuses for ever; the name or the sentinels lead to its successor.
    // Before 7.0 Redis says it of a script in the midst of other words.
    reconnectOnError: ({ message }) => /(^|-)READONLY /.test(message),
    ...(user ? { username: decoded(user) } : {}),
    ...(password ? { password: decoded(password) } : {}),
    ...(scheme.startsWith('rediss') ? { tls: tls ? asked(tls) : {} } : {}),
  };

  const client = open(scheme, hosts, path, options, sentinelLogin(scheme, query));
  watchErrors(client);
  // Without a listener ioredis prints each failed reconnect; the commands' own errors tell it better.
  client.on('error', () => {});
  if (client instanceof Cluster) client.on('+node', forgetSocketTimeout);
  else forgetSocketTimeout(client);
  return client;
}

/** ioredis keeps the object, and copies what is in it when it connects: so each connection has what there is by then. */
function asked(tls: NonNullable<ConnectOptions['tls']>): NonNullable<RedisOptions['tls']> {
  const own = {};
  for (const part of ['ca', 'cert', 'key'] as const)
    Object.defineProperty(own, part, { enumerable: true, get: () => tls()[part] });
  return own;
}

/**
 * ioredis 5.11 does not end its socket timer with the connection, and would cut the next one, which answers well.
 * Nothing can be asked of it but to forget the timer itself.
 */
function forgetSocketTimeout(client: Redis): void {
  const inside = client as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined };
  client.on('close', () => {
    clearTimeout(inside.socketTimeoutTimer);
    inside.socketTimeoutTimer = undefined;
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('REDIS_URL has a % that is no percent-encoding: write %25 where it is meant');
  }
}

function sentinelLogin(scheme: string, query: string | undefined): RedisOptions {
  if (query === undefined) return {};
  const {
    sentinel_username: user,
    sentinel_password: password,
    ...others
  } = Object.fromEntries(
    query.split('&').map((pair) => [pair.split('=')[0], decoded(pair.slice(pair.indexOf('=') + 1))]),
  ) as Record<string, string>;
  if (!scheme.endsWith('+sentinel') || !password || Object.keys(others).length > 0) {
    throw new RangeError(
      'REDIS_URL may have a query only for Sentinel: ?sentinel_password=..., and &sentinel_username=... with it',
    );
  }
  return { sentinelPassword: password, ...(user ? { sentinelUsername: user } : {}) };
}

function open(
  scheme: string,
  hosts: string,
  path: string,
  options: RedisOptions,
  sentinelLogin: RedisOptions,
): Client {
  const nodes = hosts.split(',').map(hostAndPort);
  const name = decoded(path.slice(1));
  if (scheme.endsWith('+cluster')) {
    const { lazyConnect, enableOfflineQueue, ...redisOptions } = options;
    const cluster = new Cluster(nodes.map(withPort(6379)), {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: reconnectDelayMs,
      maxRedirections: REDIRECTIONS_MAX,
      // What was in flight when a node's connection closed is not sent again behind the caller's back.
      retryDelayOnFailover: 0,
      natMap: atKnownHost(nodes[0]?.host ?? ''),
      redisOptions,
    });
    fillUnknownEndpoints(cluster);
    doubtSilentMasters(cluster);
    return cluster;
  }
  if (scheme.endsWith('+sentinel')) {
    if (name === '') throw new RangeError('REDIS_URL for Sentinel needs the master’s name as its path');
    return new Redis({
      ...options,
      Connector: Sentinels,
      sentinels: nodes.map(withPort(26_379)),
      name,
      sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
      ...sentinelLogin,
      // Without these both are spoken to in plain text, whatever the scheme says.
      ...(options.tls ? { enableTLSForSentinelMode: true, sentinelTLS: options.tls } : {}),
    });
  }
  // A relative path has its first folder where other forms have their host.
  if (scheme === 'unix') return new Redis({ ...options, path: hosts + path });
  const [node] = nodes;
  if (nodes.length !== 1 || !node?.host) throw new RangeError('REDIS_URL needs exactly one host');
  if (!/^\d*$/.test(name)) throw new RangeError('REDIS_URL’s path must be a database number');
  return new Redis({ ...options, ...withPort(6379)(node), db: Number(name) });
}

interface Node {
  readonly host: string;
  readonly port: number | null;
}

function hostAndPort(text: string): Node {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new RangeError('REDIS_URL has a host that cannot be read');
  return { host, port: port === undefined ? null : Number(port) };
}

function withPort(otherwise: number) {
  return ({ host, port }: Node) => ({ host, port: port ?? otherwise });
}

function reconnectDelayMs(attempt: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(attempt, 10));
}
