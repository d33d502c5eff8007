/** A Hono app from a table of routes: what the table lacks is 404 or 405, and a bug is a 500 that shows nothing. */
import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { problem, toResponse } from './wire.ts';

export type Env = { Bindings: HttpBindings };
export type Handler = (c: Context<Env>) => Response | Promise<Response>;
export type Methods = Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'DELETE', Handler>>>;

export type Routes = readonly (readonly [path: string, methods: Methods])[];

/** Earlier rows win: a path with a parameter stands after the fixed paths beside it. Rows of one path add up. */
export function routed(service: string, rows: Routes): Hono<Env> {
  const table = new Map<string, Methods>();
  for (const [path, methods] of rows) table.set(path, { ...table.get(path), ...methods });

  const app = new Hono<Env>();
  for (const [path, methods] of table) {
    for (const [method, handler] of Object.entries(methods)) app.on(method, path, handler);
    app.all(path, () => methodNotAllowed(Object.keys(methods).join(', ')));
  }
  app.notFound(() => notFound('There is nothing at this path.'));
  app.onError((bug) => {
    process.stderr.write(`${service}: ${bug.stack ?? bug.message}\n`);
    return toResponse(
      problem(500, 'internal-error', 'Internal error', 'The service failed; repeat the call.'),
    );
  });
  return app;
}

export function notFound(detail: string): Response {
  return toResponse(problem(404, 'not-found', 'Not found', detail));
}

function methodNotAllowed(allow: string): Response {
  const detail = `This path knows ${allow}.`;
  return toResponse(problem(405, 'method-not-allowed', 'Method not allowed', detail, {}, { allow }));
}
