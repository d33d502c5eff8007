/**
 * Who may ask what. Three questions, asked of every request before anything else is read of it: does it name this
 * server, does it come from a page of this server or from no page at all, and may who asks do that.
 *
 * Host and Origin keep a browser from being turned against the coordinator: its user may reach what a foreign page
 * may not, and a name that was rebound to our address makes a foreign page look like one of ours.
 */
import { isIP } from 'node:net';
import type { Context } from 'hono';
import { matchedRoutes } from 'hono/route';
import { CALLBACK_TOKEN, type Callbacks, isCallback, stepIn } from './callbacks.ts';
import type { Check } from './checks.ts';
import type { Settings } from './config.ts';
import type { Session } from './dashboard/session.ts';
import { canonicalHost, isEverywhere, isLoopback, LOOPBACK_NAMES } from './hosts.ts';
import { ACCESS, CLOSED, type Door, KNOWN } from './identity/access-table.ts';
import { ANONYMOUS, type Caller, caller, type Role } from './identity/caller.ts';
import { heldTokens, Tokens } from './identity/tokens.ts';
import type { Users } from './identity/users.ts';
import { isAsked } from './identity-settings.ts';
import { type Outside, outsideBy } from './outside.ts';
import { Problem } from './problem.ts';

type AccessSettings = Pick<
  Settings,
  'host' | 'allowedHosts' | 'apiToken' | 'identity' | 'trustedProxies' | 'publicPath' | 'callbackUrl'
>;

declare module 'hono' {
  interface ContextVariableMap {
    /** The attempt whose call carried the token of a call-back. */
    callbackAttempt: number;
  }
}

/** By what else than a token in a header somebody is known. */
export interface Known {
  /** Browsers that have shown a token. */
  readonly session?: Session | null;
  /** Without them no participant is asynchronous, and every call-back is refused. */
  readonly callbacks?: Callbacks | null;
  /** Of a provider of OpenID Connect. */
  readonly users?: Users | null;
}

/** Everything that the settings decide is decided here, once. */
export function guard(
  settings: AccessSettings,
  { session = null, callbacks = null, users = null }: Known = {},
): Check {
  const outside = outsideBy(settings);
  const checkHost = hostCheck(settings);
  const admitted = admission(settings, doorsBy(settings), session, users);
  return (c) => {
    const seen = outside(c);
    c.set('outside', seen);
    const origin = c.req.header('origin');
    // Each of them, because a name that a proxy passed on as another was still the one that the sender asked for.
    for (const host of seen.hosts) checkHost(host, origin !== undefined);
    if (origin !== undefined) checkOrigin(origin.toLowerCase(), seen);
    // A participant is no operator: it knows the token of its own call, and no other would do.
    if (isCallback(c.req.method, c.req.path)) c.set('caller', checkCallback(c, callbacks));
    else {
      const found = admitted(c);
      if (found instanceof Promise) return found.then((known) => c.set('caller', known));
      c.set('caller', found);
    }
  };
}

/** Others can reach the coordinator, and nothing was set by which it could tell them apart. */
export function isAccessOff({ host, apiToken, identity }: AccessSettings): boolean {
  return !isAsked({ apiToken, identity }) && !isLoopback(host);
}

/**
 * What stands before a request: the doors of all routes that may answer it, as the router itself has found them, without those that were
 * opened; `null` where it is open to everybody, always. What no route answers, whoever is known may hear; a stranger is told nothing of
 * what there is.
 */
function doorsBy({ identity }: AccessSettings): (c: Context) => readonly Door[] | null {
  return (c) => {
    const doors = new Set<Door>();
    for (const { method, path } of matchedRoutes(c))
      if (method !== 'ALL') doors.add(ACCESS[`${method} ${path}`] ?? CLOSED);
    if (doors.size === 0) return [KNOWN];
    const closed = [...doors].filter(({ roles }) => roles !== null);
    if (closed.length === 0) return null;
    return closed.filter(({ opening }) => opening === undefined || !identity.open.has(opening));
  };
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

/** Whoever is asked for stays who they are on loopback, too: it would be a trap if they did not, behind a proxy. */
function admission(
  settings: AccessSettings,
  doorsAt: (c: Context) => readonly Door[] | null,
  session: Session | null,
  users: Users | null,
): (c: Context) => Promise<Caller> | Caller {
  if (isAccessOff(settings)) {
    return (c) => {
      const doors = doorsAt(c);
      if (doors === null || doors.length === 0) return ANONYMOUS;
      throw new Problem('access-off', 'HOST is not loopback: set API_TOKEN to switch reads and commands on');
    };
  }
  if (!isAsked(settings)) return () => ANONYMOUS;
  const tokens = new Tokens(heldTokens(settings));
  return async (c) => {
    const doors = doorsAt(c);
    if (doors === null) return ANONYMOUS;
    const given = tokenIn(c);
    const holder = given === null ? null : tokens.holderOf(given);
    // Who is welcome without a token is known by one all the same, so that limits and the log go by it.
    if (doors.length === 0) return holder ?? (await visitor(given, users));
    const found =
      holder ??
      (given !== null && isJwt(given) ? await users?.withToken(given) : null) ??
      (await inBrowser(c));
    if (!found) throw unknown(given);
    for (const { roles } of doors) checkRole(found, roles ?? []);
    return found;
  };

  async function inBrowser(c: Context): Promise<Caller | null> {
    // A browser brings its cookie also to what a foreign page makes it send; what changes anything must name our page.
    const changes = c.req.method !== 'GET' && c.req.method !== 'HEAD';
    if (changes && c.req.header('origin') === undefined) return null;
    return session?.callerIn(c) ?? (await users?.inSession(c)) ?? null;
  }
}

async function visitor(given: string | null, users: Users | null): Promise<Caller> {
  if (given === null || users === null || !isJwt(given)) return ANONYMOUS;
  return users.withToken(given).catch((error: unknown) => {
    if (error instanceof Problem) return ANONYMOUS;
    throw error;
  });
}

function unknown(given: string | null): Problem {
  const detail =
    given === null ? 'send Authorization: Bearer and the token' : 'the token is not the right one';
  return new Problem('unauthorized', detail, {}, { 'www-authenticate': 'Bearer' });
}

/** @throws Problem that names what would do */
function checkRole({ name, roles }: Caller, needed: readonly Role[]): void {
  if (needed.some((role) => roles.has(role))) return;
  const detail = `${name} does not have the role ${needed.join(' or ')}`;
  const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope"' };
  throw new Problem('forbidden', detail, { roles: needed }, challenge);
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

function isJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}
