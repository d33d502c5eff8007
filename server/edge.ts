/**
 * What every answer gets, whatever was asked: an id by which it is found again, headers that keep it from being kept or
 * guessed at, and the paths in it as whoever asks knows them.
 */
import { randomUUID } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getPath } from 'hono/utils/url';
import type { Logger } from 'pino';
import { complete } from './answer.ts';
import { callerOf, keyOf } from './identity/caller.ts';

declare module 'hono' {
  interface ContextVariableMap {
    requestId: string | undefined;
  }
}

/** Of others' ids those that can stand in a log and in a header as they are. */
const REQUEST_ID = /^[\w.:+/=@-]{1,128}$/;

/** @param isDraining whether the next request belongs to another coordinator */
export function edge(logger: Logger, isDraining: () => boolean): MiddlewareHandler {
  return async (c, next) => {
    const startedAt = performance.now();
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    c.set('requestId', requestId);
    c.set('headers', c.req.path.startsWith('/api/') ? ofApi(requestId) : { 'x-request-id': requestId });
    await next();
    complete(c);
    if (isDraining()) c.res.headers.set('connection', 'close');
    if (baseOf(c) !== '') await underBase(c, baseOf(c));
    if (logger.isLevelEnabled('debug')) {
      const { method, path } = c.req;
      const ms = Math.round(10 * (performance.now() - startedAt)) / 10;
      const client = c.get('outside')?.client ?? null;
      const { status } = c.res;
      const caller = keyOf(callerOf(c));
      logger.debug({ request_id: requestId, client, caller, method, path, status, ms }, 'request');
    }
  };
}

function ofApi(requestId: string) {
  return {
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    // Names, addresses and what was bought: nobody between us and the client has any business with it.
    'cache-control': 'no-store',
  };
}

/** Where a proxy gives us only a part of its paths, ours are not the client's: `''`, or such as `/saga`. */
export function baseOf(c: Context): string {
  return c.get('outside')?.base ?? '';
}

/** This server's URL as whoever asks knows it. */
export function ownUrl(c: Context): string {
  const seen = c.get('outside');
  const { protocol, host } = new URL(c.req.url);
  return `${seen?.scheme ?? protocol.slice(0, -1)}://${seen?.host ?? host}${baseOf(c)}`;
}

/** Whether the browser asked over TLS. A proxy that ends it and is not trusted leaves no other trace than the page's own origin. */
export function isSecure(c: Context): boolean {
  return c.get('outside')?.scheme === 'https' || c.req.header('origin')?.startsWith('https:') === true;
}

/**
 * The path that is routed: without the public one, which proxies may take off or leave on, and with a colon that was
 * escaped as the same colon, as clients that are made from the OpenAPI document write it.
 */
export function routedPath(publicPath: string): (request: Request) => string {
  const prefix = `${publicPath}/`;
  return (request) => {
    const path = getPath(request);
    const own = path.startsWith(prefix) ? path.slice(publicPath.length) : path;
    if (own === publicPath && publicPath !== '') return '/';
    return own.includes('%3') ? own.replaceAll(/%3a/gi, ':') : own;
  };
}

/** Done here and not where paths are written, so that none can be forgotten: our own all begin with a slash. */
async function underBase(c: Context, base: string): Promise<void> {
  const location = c.res.headers.get('location');
  if (location?.startsWith('/')) c.res.headers.set('location', base + location);
  const link = c.res.headers.get('link');
  if (link !== null) c.res.headers.set('link', link.replaceAll('</', `<${base}/`));
  if (!c.res.headers.get('content-type')?.startsWith('text/html')) return;
  const html = await c.res.text();
  // Whatever a page shows has its quotes escaped: only an attribute of ours reads like this.
  c.res = new Response(html.replaceAll(/ (href|src|action)="\//g, ` $1="${base}/`), c.res);
}
