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
import { CALLBACK_TOKEN, type Callbacks, isCallback, stepIn } from './callbacks.ts';
import { canonicalHost, type Settings } from './config.ts';
import type { Session } from './dashboard/session.ts';
import { ANONYMOUS, type Caller, caller } from './identity/caller.ts';
import { type Outside, outsideBy } from './outside.ts';
import { Problem } from './problem.ts';

type AccessSettings = Pick<
  Settings,
  'host' | 'allowedHosts' | 'apiToken' | 'ordersNeedToken' | 'trustedProxies' | 'publicPath' | 'callbackUrl'
>;

declare module 'hono' {
  interface ContextVariableMap {
    /** The attempt whose call carried the token of a call-back. */
    callbackAttempt: number;
  }
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const EVERY_ADDRESS = ['0.0.0.0', '[::]'];

/** Clients that start sagas, as they order, are not operators. */
const STARTS = ['POST /api/coordinator/orders', 'POST /api/coordinator/sagas'];
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
];

/**
 * Everything that the settings decide is decided here, once.
 * @param callbacks without them no participant is asynchronous, and every call-back is refused
 * @param openPages methods with paths, of pages that need no token
 */
export function guard(
  settings: AccessSettings,
  session: Session | null = null,
  callbacks: Callbacks | null = null,
  openPages: readonly string[] = [],
): MiddlewareHandler {
  const outside = outsideBy(settings);
  const checkHost = hostCheck(settings);
  const checkToken = tokenCheck(settings, session);
  const open = new Set([...OPEN, ...openPages, ...(settings.ordersNeedToken ? [] : STARTS)]);
  return async (c, next) => {
    const seen = outside(c);
    c.set('outside', seen);
    const origin = c.req.header('origin');
    // Each of them, because a name that a proxy passed on as another was still the one that the sender asked for.
    for (const host of seen.hosts) checkHost(host, origin !== undefined);
    if (origin !== undefined) checkOrigin(origin.toLowerCase(), seen);
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    // A participant is no operator: it knows the token of its own call, and no other would do.
    if (isCallback(method, c.req.path)) c.set('caller', checkCallback(c, callbacks));
    else c.set('caller', open.has(`${method} ${c.req.path}`) ? ANONYMOUS : checkToken(c));
    await next();
  };
}

/** Others can reach the coordinator, and nothing was set by which it could tell them apart. */
export function isAccessOff({ host, apiToken }: AccessSettings): boolean {
  return apiToken === null && !isLoopback(host);
}

/** Whether it listens on every address, so that none is its own. */
export function isEverywhere(host: string): boolean {
  return EVERY_ADDRESS.includes(canonicalHost(host) ?? '');
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
function hostCheck({ host: listening, allowedHosts, callbackUrl }: AccessSettings) {
  const called = callbackUrl === null ? [] : [new URL(callbackUrl).hostname];
  const known = new Set([...LOOPBACK_NAMES, canonicalHost(listening), ...allowedHosts, ...called]);
  const isAnyAddress = isEverywhere(listening);
  const knowsNames = !isAnyAddress || allowedHosts.length > 0;
  return (host: string, isFromPage: boolean): void => {
    const name = /^([\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/.exec(host)?.[1];
    if (name !== undefined) {
      if (known.has(name)) return;
      if (isAnyAddress && isIP(name.replace(/^\[|\]$/g, '')) !== 0) return;
      if (!knowsNames && !isFromPage) return;
    }
    throw new Problem('misdirected-request', 'the Host is none of this server; ALLOWED_HOSTS can name it');
  };
}

/** Our own pages are under the name by which they ask us, and under the scheme, where a trusted proxy tells of it. */
function checkOrigin(origin: string, { host, scheme }: Outside): void {
  const schemes = scheme === null ? (['http', 'https'] as const) : [scheme];
  for (const own of schemes) {
    // An Origin leaves the default port out; a proxy may write it into what it passes on.
    const name = scheme === null ? host : host.replace(own === 'https' ? /:443$/ : /:80$/, '');
    if (origin === `${own}://${name}`) return;
  }
  throw new Problem('foreign-origin', 'the Origin is not the server that the Host names');
}

/** A token that is configured is asked for everywhere: it would be a trap if it were not, behind a proxy on loopback. */
function tokenCheck(settings: AccessSettings, session: Session | null): (c: Context) => Caller {
  const { apiToken } = settings;
  if (isAccessOff(settings)) {
    return () => {
      throw new Problem('access-off', 'HOST is not loopback: set API_TOKEN to switch reads and commands on');
    };
  }
  if (apiToken === null) return () => ANONYMOUS;
  const expected = digestOf(apiToken);
  const holder = caller('api-token', 'api-token', ['admin']);
  return (c) => {
    const given = tokenIn(c);
    // Digests are of one length, so the time tells neither how long the token is nor how much of it was right.
    if (given !== null && timingSafeEqual(digestOf(given), expected)) return holder;
    // A browser brings its cookie also to what a foreign page makes it send; what changes anything must name our page.
    const changes = c.req.method !== 'GET' && c.req.method !== 'HEAD';
    if (session?.isOpen(c) && (!changes || c.req.header('origin') !== undefined)) return holder;
    const detail =
      given === null ? 'send Authorization: Bearer and the token' : 'the token is not the right one';
    throw new Problem('unauthorized', detail, {}, { 'www-authenticate': 'Bearer' });
  };
}

function checkCallback(c: Context, callbacks: Callbacks | null): Caller {
  const given = c.req.header(CALLBACK_TOKEN);
  const attempt = callbacks?.attemptIn(c.req.path, given) ?? null;
  if (attempt === null) {
    const detail =
      given === undefined
        ? 'send the Saga-Callback-Token of the call'
        : 'it is not the token of a call of this step';
    throw new Problem('callback-unauthorized', detail, {}, { 'www-authenticate': 'Saga-Callback-Token' });
  }
  c.set('callbackAttempt', attempt);
  return caller('participant', stepIn(c.req.path), []);
}

/** RFC 6750; never from the query, which ends up in logs. */
function tokenIn(c: Context): string | null {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? null;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
