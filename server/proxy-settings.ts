/** Through which proxy a service is called, from the variables that curl and most other programs read. */
import { BlockList, isIP } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A URL with its credentials, or `null`. `HTTPS_PROXY` is for services at https URLs, `HTTP_PROXY` for those at http; a name in
 * lower case goes before the same in capitals. Loopback is never called through a proxy, which would be called itself.
 */
export function proxyFor(
  serviceUrl: string,
  env: Environment,
  complain: (variable: string, problem: string) => void,
): string | null {
  const url = new URL(serviceUrl);
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const variable = env[name] === undefined ? name.toUpperCase() : name;
  const given = env[variable];
  if (given === undefined || isLoopback(url.hostname)) return null;
  if (isExempt(url, env.no_proxy ?? env.NO_PROXY ?? '')) return null;
  const whole = given.includes('://') ? given : `http://${given}`;
  if (!URL.canParse(whole) || !/^https?:$/.test(new URL(whole).protocol)) {
    complain(variable, `must be an http or https URL, since ${serviceUrl} would be called through it`);
    return null;
  }
  try {
    const { username, password } = new URL(whole);
    decodeURIComponent(username + password);
  } catch {
    complain(variable, 'its user or password is not percent-encoded UTF-8');
    return null;
  }
  return whole;
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** Entries are `*`, a name that its subdomains share, an address or a range of them; each may end in a port. */
function isExempt({ hostname, port, protocol }: URL, list: string): boolean {
  const ownPort = port || (protocol === 'https:' ? '443' : '80');
  const host = hostname.replace(/^\[|\]$/g, '');
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [, bracketed, plain, entryPort] = /^(?:\[(.+)\]|(.+?))(?::(\d+))?$/.exec(entry) ?? [];
    const isBareAddress = isIP(entry) !== 0;
    const name = (isBareAddress ? entry : (bracketed ?? plain ?? '')).toLowerCase().replace(/^\*?\./, '');
    if (name === '' || (!isBareAddress && entryPort !== undefined && entryPort !== ownPort)) return false;
    return host === name || (isIP(host) === 0 ? host.endsWith(`.${name}`) : isWithin(host, entry));
  });
}

function isWithin(address: string, range: string): boolean {
  const [, base = '', bits = ''] = /^([\d.a-f:]+)\/(\d{1,3})$/i.exec(range) ?? [];
  const version = isIP(base);
  if (version === 0 || version !== isIP(address) || Number(bits) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family);
  return list.check(address, family);
}
