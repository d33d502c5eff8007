/** Names and addresses of servers, as they are compared. */
import { isIP } from 'node:net';

export const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'] as const;
const EVERY_ADDRESS = ['0.0.0.0', '[::]'];

/**
 * A host as browsers write it into Host and Origin: in lower case, an address in its one form, IPv6 in brackets and
 * without its zone. `null` for what is none.
 */
export function canonicalHost(host: string): string | null {
  const bare = host.replace(/^\[(.*)\]$/, '$1').replace(/%\w+$/, '');
  const url = `http://${bare.includes(':') ? `[${bare}]` : bare}`;
  return /^[\w.:-]+$/.test(bare) && URL.canParse(url) ? new URL(url).hostname : null;
}

/** Whether it listens on every address, so that none is its own. */
export function isEverywhere(host: string): boolean {
  return EVERY_ADDRESS.includes(canonicalHost(host) ?? '');
}

export function isLoopback(host: string): boolean {
  const name = canonicalHost(host) ?? '';
  return (
    (LOOPBACK_NAMES as readonly string[]).includes(name) || (isIP(name) === 4 && name.startsWith('127.'))
  );
}

/** Whether nobody on the way can read or alter what comes from there. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
