/**
 * Who may ask what. Three questions, asked of every request before anything else is read of it: does it name this
 * server, does it come from a page of this server or from no page at all, and does it need the token.
 *
 * Host and Origin keep a browser from being turned against the coordinator: its user may reach what a foreign page
 * may not, and a name that was rebound to our address makes a foreign page look like one of ours.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Context, MiddlewareHandler } from 'hono';
import { canonicalHost, type Settings } from './config.ts';
import { ASSET_NAMES } from './dashboard/assets.ts';
import type { Session } from './dashboard/session.ts';
import { Problem } from './problem.ts';

type AccessSettings = Pick<Settings, 'host' | 'allowedHosts' | 'apiToken' | 'ordersNeedToken'>;

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const EVERY_ADDRESS = ['0.0.0.0', '[::]'];

const ORDERS = 'POST /api/coordinator/orders';
/**
 * Open to everybody; whatever is not named here or by a setting needs the token, so that a new route is closed until
 * somebody decides otherwise. Probes and metrics are asked by machines that carry no token, and tell nothing of any
 * saga. Health shows sums, and URLs without their credentials: its fields are fixed, and load balancers and older
 * clients ask for it as it is. The contract holds nothing that the sources do not.
 */
const OPEN = [
  'GET /livez',
  'GET /readyz',
  'GET /startupz',
  'GET /metrics',
  'GET /openapi.json',
  'GET /docs',
  'GET /api/coordinator/health',
  // How a browser gets in, and what that page is made of.
  'GET /login',
  'POST /login',
  ...ASSET_NAMES.map((name) => `GET /assets/${name}`),
];

/** Everything that the settings decide is decided here, once. */
export function guard(settings: AccessSettings, session: Session | null = null): MiddlewareHandler {
  const checkHost = hostCheck(settings);
  const checkToken = tokenCheck(settings, session);
  const open = new Set(settings.ordersNeedToken ? OPEN : [...OPEN, ORDERS]);
  return async (c, next) => {
    // A request without the header, as HTTP/1.0 allows, was given the server's own name as its URL.
    const host = (c.req.header('host') ?? new URL(c.req.url).host).toLowerCase();
    const origin = c.req.header('origin');
    checkHost(host, origin !== undefined);
    if (origin !== undefined) checkOrigin(origin.toLowerCase(), host);
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    if (!open.has(`${method} ${c.req.path}`)) checkToken(c);
    await next();
  };
}

/** Others can reach the coordinator, and nothing was set by which it could tell them apart. */
export function isAccessOff({ host, apiToken }: AccessSettings): boolean {
  return apiToken === null && !isLoopback(host);
}

function isLoopback(host: string): boolean {
  const name = canonicalHost(host) ?? '';
  return LOOPBACK_NAMES.includes(name) || (isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * The port is not compared, because a container's is published as another. Where we listen on every address, each
 * address is ours, and safe: only a name can be rebound. A probe comes by the address of the pod. As long as nobody
 * has said what our names are, an unknown one does for a client that is no page, which has nothing to rebind.
 */
function hostCheck({ host: listening, allowedHosts }: AccessSettings) {
  const known = new Set([...LOOPBACK_NAMES, canonicalHost(listening), ...allowedHosts]);
  const isEverywhere = EVERY_ADDRESS.includes(canonicalHost(listening) ?? '');
  const knowsNames = !isEverywhere || allowedHosts.length > 0;
  return (host: string, isFromPage: boolean): void => {
    const name = /^([\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/.exec(host)?.[1];
    if (name !== undefined) {
      if (known.has(name)) return;
      if (isEverywhere && isIP(name.replace(/^\[|\]$/g, '')) !== 0) return;
      if (!knowsNames && !isFromPage) return;
    }
    throw new Problem('misdirected-request', 'the Host is none of this server; ALLOWED_HOSTS can name it');
  };
}

/** Our own pages are under the name by which they ask us. Of the scheme a proxy that ends TLS leaves us no trace. */
function checkOrigin(origin: string, host: string): void {
  if (origin === `http://${host}` || origin === `https://${host}`) return;
  throw new Problem('foreign-origin', 'the Origin is not the server that the Host names');
}

/** A token that is configured is asked for everywhere: it would be a trap if it were not, behind a proxy on loopback. */
function tokenCheck(settings: AccessSettings, session: Session | null): (c: Context) => void {
  const { apiToken } = settings;
  if (isAccessOff(settings)) {
    return () => {
      throw new Problem('access-off', 'HOST is not loopback: set API_TOKEN to switch reads and commands on');
    };
  }
  if (apiToken === null) return () => {};
  const expected = digestOf(apiToken);
  return (c) => {
    const given = tokenIn(c);
    // Digests are of one length, so the time tells neither how long the token is nor how much of it was right.
    if (given !== null && timingSafeEqual(digestOf(given), expected)) return;
    // A browser brings its cookie also to what a foreign page makes it send; what changes anything must name our page.
    const changes = c.req.method !== 'GET' && c.req.method !== 'HEAD';
    if (session?.isOpen(c) && (!changes || c.req.header('origin') !== undefined)) return;
    const detail =
      given === null ? 'send Authorization: Bearer and the token' : 'the token is not the right one';
    throw new Problem('unauthorized', detail, {}, { 'www-authenticate': 'Bearer' });
  };
}

/** RFC 6750; never from the query, which ends up in logs. */
function tokenIn(c: Context): string | null {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? null;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
