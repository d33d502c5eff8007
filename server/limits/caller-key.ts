/** By what limits tell callers apart. */

import { isIPv4, isIPv6 } from 'node:net';
import type { Context } from 'hono';
import { callerOf, isIdentified, keyOf } from '../identity/caller.ts';

/**
 * Who asked, where that is known. Else the address that they came from: of nobody, and of whoever has the token that many share,
 * no more is known. Of an address of IPv6 the network counts, since whoever has one of its addresses has all of them.
 */
export function callerKey(c: Context): string {
  const caller = callerOf(c);
  return isIdentified(caller) ? keyOf(caller) : `address:${networkOf(c.get('outside')?.client ?? '')}`;
}

/** An IPv4 address as it is, the first 64 bits of one of IPv6; what is neither is one for all. */
export function networkOf(address: string): string {
  const mapped = address.replace(/^::ffff:(?=[\d.]+$)/i, '');
  if (isIPv4(mapped)) return mapped;
  if (!isIPv6(address)) return 'unknown';
  // As it is written in a URL it is short, in lower case, and has no dots.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = '', after] = short.split('::');
  const head = groupsOf(before);
  const zeros = after === undefined ? 0 : 8 - head.length - groupsOf(after).length;
  return `${[...head, ...Array<string>(zeros).fill('0'), ...groupsOf(after ?? '')].slice(0, 4).join(':')}::/64`;
}

function groupsOf(part: string): string[] {
  return part === '' ? [] : part.split(':');
}
