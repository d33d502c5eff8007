/** The HTTP face of the coordinator: limits, routes, and the one place where errors become answers. */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { matchedRoutes } from 'hono/route';
import type { Logger } from 'pino';
import { StoreUnavailableError } from '../stores/saga-store.ts';
import { pageGuard } from './dashboard/guarding.tsx';
import { frameOf } from './dashboard/page.tsx';
import { type DashboardParts, dashboard } from './dashboard/routes.tsx';
import { answerProblem, errorsOf, Problem } from './problem.ts';
import { bulkRetryRoutes } from './routes/bulk-retry.ts';
import { diagramRoutes } from './routes/diagrams.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { type HealthRoute, healthRoutes } from './routes/health.ts';
import { machineRoutes } from './routes/machines.ts';
import { operationRoutes } from './routes/operations.ts';
import { type OrderRoute, orderRoutes } from './routes/orders.ts';
import { sagaRoutes } from './routes/sagas.ts';
import { statisticsRoutes } from './routes/statistics.ts';
import { type HttpMetrics, metricsRoutes } from './telemetry/http.ts';

const BODY_BYTES_MAX = 1024 * 1024;

export interface AppParts extends OrderRoute, HealthRoute, Omit<DashboardParts, keyof HealthRoute> {
  readonly access: MiddlewareHandler;
  readonly metrics: HttpMetrics;
  readonly logger: Logger;
}

export function createApp(parts: AppParts): OpenAPIHono {
  const { engine, access, metrics, logger, version } = parts;
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const { issues } = result.error;
      if (result.target === 'json') {
        throw new Problem('validation-error', 'see errors for each bad field', { errors: errorsOf(issues) });
      }
      throw new Problem(
        'invalid-query',
        issues.map(({ path, message }) => [...path, message].join(': ')).join('; '),
      );
    },
  });

  app.onError((error, c) => answerProblem(c, problemOf(error, logger)));
  app.notFound((c) =>
    answerProblem(c, new Problem('not-found', `${c.req.path} is no path of the coordinator`)),
  );

  app.use(metrics.middleware);
  app.use(pageGuard(frameOf(parts)));
  app.use(access);
  app.use(async (c, next) => {
    // Asked only where a body is read: elsewhere the path or the method is what is wrong.
    const readsBody =
      c.req.path.startsWith('/api/') && matchedRoutes(c).some(({ method }) => method === 'POST');
    if (readsBody && !/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? '')) throw notJson();
    await next();
  });
  app.use(limitBody());

  orderRoutes(app, parts);
  sagaRoutes(app, engine);
  operationRoutes(app, engine);
  bulkRetryRoutes(app, engine);
  diagramRoutes(app, engine);
  eventRoutes(app, engine, logger);
  machineRoutes(app, engine);
  statisticsRoutes(app, engine);
  healthRoutes(app, parts);
  metricsRoutes(app, metrics);
  app.route('/', dashboard(parts));
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  const about = {
    openapi: '3.1.0',
    info: { title: 'Saga coordinator', version, description: 'Distributed transactions that stay honest.' },
    // Either, because whether a request needs the token is a matter of settings.
    security: [{ token: [] }, {}],
  };
  app.doc31('/openapi.json', about);
  docsRoutes(app, about);
  refuseOtherMethods(app);
  return app;
}

/**
 * Node reads no more of a body than its Content-Length says, so a length that is in bounds needs no watching. Only a body
 * without one is counted while it is read: for that Hono makes a web stream of it, which costs more than all the rest.
 */
function limitBody(): MiddlewareHandler {
  const counted = bodyLimit({ maxSize: BODY_BYTES_MAX, onError: tooLarge });
  return async (c, next) => {
    if (c.req.header('transfer-encoding') !== undefined) return counted(c, next);
    if (Number(c.req.header('content-length') ?? 0) > BODY_BYTES_MAX) tooLarge();
    await next();
  };
}

function tooLarge(): never {
  // The rest of the body is not read, so the connection ends; said aloud, no client sends its next request into it.
  throw new Problem('body-too-large', `at most ${BODY_BYTES_MAX} bytes`, {}, { connection: 'close' });
}

/** A known path with an unknown method is 405, and says which methods it knows. */
function refuseOtherMethods(app: OpenAPIHono): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method !== 'ALL') methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, known] of methods) {
    const allow = [...known].join(', ');
    app.all(path, (c) =>
      answerProblem(c, new Problem('method-not-allowed', `${c.req.path} knows ${allow}`, {}, { allow })),
    );
  }
}

function notJson(): Problem {
  return new Problem('unsupported-media-type', 'send the body with Content-Type: application/json');
}

/** An error that nobody meant is a bug: the log has all of it, the client nothing that helps an attacker. */
function problemOf(error: Error, logger: Logger): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailableError)
    return new Problem('store-unavailable', 'ask again in a moment');
  if (error instanceof HTTPException && error.status === 400)
    return new Problem('malformed-json', error.message);
  // What looks like application/json and cannot be read as a media type.
  if (error instanceof HTTPException && error.status === 415) return notJson();
  logger.error({ err: error }, 'a request met a fault');
  return new Problem('internal-error', 'the fault was logged');
}
