/**
 * How a request was made before proxies passed it on: to which name, by which scheme, under which path, from where. Their
 * headers are believed only of an address in `TRUSTED_PROXIES`; anybody can write them.
 *
 * A list has one entry more for each proxy on the way, the nearest last. So only the entries at its end were written by
 * those who are trusted, and the first of these is what the outermost of them saw.
 */
import { BlockList, isIPv6 } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { isPathPrefix, type Settings } from './config.ts';
import { elementsIn } from './header-lists.ts';
import { Problem } from './problem.ts';

export interface Outside {
  /** The server's name as the sender knows it, with its port, in lower case. */
  readonly host: string;
  /** That and the names by which proxies passed it on: all must be names of this server. */
  readonly hosts: readonly string[];
  /** `null` where no trusted proxy says: one that ends TLS leaves no other trace. */
  readonly scheme: 'http' | 'https' | null;
  /** What stands before each path of ours in the sender's eyes: nothing, or such as `/saga`. */
  readonly base: string;
  /** The sender's address, or of the first proxy that is not trusted; `null` where it is unknown, as on a unix socket. */
  readonly client: string | null;
}

declare module 'hono' {
  interface ContextVariableMap {
    outside: Outside | undefined;
  }
}

/** Everything that the settings decide is decided here, once. */
export function outsideBy({
  trustedProxies,
  publicPath,
}: Pick<Settings, 'trustedProxies' | 'publicPath'>): (c: Context) => Outside {
  const trusted = new BlockList();
  for (const { address, bits } of trustedProxies) trusted.addSubnet(address, bits, familyOf(address));
  const isTrusted = (address: string) =>
    trustedProxies.length > 0 && trusted.check(address, familyOf(address));
  return (c) => {
    // A request without the header, as HTTP/1.0 allows, was given the server's own name as its URL.
    const host = (c.req.header('host') ?? new URL(c.req.url).host).toLowerCase();
    const peer = peerOf(c);
    if (peer === null || !isTrusted(peer)) {
      return { host, hosts: [host], scheme: null, base: publicPath, client: peer };
    }
    return forwarded(c, host, peer, publicPath, isTrusted);
  };
}

function forwarded(
  c: Context,
  host: string,
  peer: string,
  publicPath: string,
  isTrusted: (address: string) => boolean,
): Outside {
  const list = (name: string) => listIn(c.req.header(name) ?? '');
  const from = list('x-forwarded-for').map(addressIn);
  const trustedCount = 1 + trustedAtEnd(from, isTrusted);
  const own = <T>(values: readonly T[]) => values.slice(-trustedCount);

  // The pairs of each proxy, by name.
  const elements = elementsOf(c.req.header('forwarded'));
  const elementsFrom = elements.map((element) => addressIn(element.get('for') ?? ''));
  const believed = elements.slice(-1 - trustedAtEnd(elementsFrom, isTrusted));
  const said = (name: string) => believed.flatMap((element) => element.get(name)?.toLowerCase() ?? []);

  const hosts = own(list('x-forwarded-host')).map((name) => name.toLowerCase());
  const schemes = own(list('x-forwarded-proto')).map((name) => name.toLowerCase());
  const isStranger = (address: string) => !isTrusted(address);
  const senders = from.length > 0 ? from : elementsFrom;
  return {
    host: agreed('host', hosts[0], said('host')[0]) ?? host,
    hosts: [host, ...hosts, ...said('host')],
    scheme: schemeIn(agreed('scheme', schemes[0], said('proto')[0])),
    base: prefixIn(own(list('x-forwarded-prefix'))) ?? publicPath,
    client: senders.length === 0 ? peer : (senders.findLast(isStranger) ?? senders[0]) || null,
  };
}

/** A proxy that writes one of the two passes on what a stranger wrote as the other. */
function agreed(what: string, one: string | undefined, other: string | undefined): string | undefined {
  if (one !== undefined && other !== undefined && one !== other) {
    throw new Problem('invalid-header', `Forwarded and X-Forwarded-* disagree on the ${what}`);
  }
  return one ?? other;
}

/** How many addresses at the end of the list belong to trusted proxies. */
function trustedAtEnd(addresses: readonly string[], isTrusted: (address: string) => boolean): number {
  const strangers = addresses.findLastIndex((address) => !isTrusted(address));
  return addresses.length - 1 - strangers;
}

function schemeIn(scheme: string | undefined): Outside['scheme'] {
  return scheme === 'http' || scheme === 'https' ? scheme : null;
}

/** Each proxy that took a prefix off wrote it down: together they are what the sender asked for. */
function prefixIn(prefixes: readonly string[]): string | null {
  if (prefixes.length === 0) return null;
  const prefix = prefixes.map((one) => one.replace(/\/$/, '')).join('');
  if (!isPathPrefix(prefix)) throw new Problem('invalid-header', 'X-Forwarded-Prefix is no path');
  return prefix;
}

function elementsOf(header: string | undefined): ReadonlyMap<string, string>[] {
  if (header === undefined || header === '') return [];
  return elementsIn(header).map((pairs) => new Map(pairs.map(({ name, value }) => [name, value])));
}

function listIn(header: string): string[] {
  return header
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/** The address in `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1` and `[2001:db8::1]:80`; empty in what is none, such as `unknown`. */
function addressIn(node: string): string {
  const [, bracketed, bare] = /^(?:\[([\da-f:.]+)\](?::\w+)?|([\da-f:.]+|[\d.]+:\d+))$/i.exec(node) ?? [];
  const address = bracketed ?? bare ?? '';
  return /^[\d.]+:\d+$/.test(address) ? (address.split(':')[0] ?? '') : address;
}

/** Only a request that came over a socket has one. */
function peerOf(c: Context): string | null {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  return incoming?.socket.remoteAddress?.replace(/%.*$/, '') ?? null;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
