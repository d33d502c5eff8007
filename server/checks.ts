/** What is asked of a request before its route is. */
import type { Context, MiddlewareHandler } from 'hono';

/** Lets a request pass, or throws why not. */
export type Check = (c: Context) => void | Promise<void>;

/** Asked one after the other. Together they are one middleware, since each of them costs every request some promises. */
export function checked(...checks: readonly Check[]): MiddlewareHandler {
  return async (c, next) => {
    for (const check of checks) {
      const asking = check(c);
      if (asking !== undefined) await asking;
    }
    await next();
  };
}
