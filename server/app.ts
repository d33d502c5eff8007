/** The HTTP face of the coordinator: limits, routes, and the one place where errors become answers. */
import { randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { compress } from 'hono/compress';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { stringify } from '../json/exact.ts';
import { DefinitionError, type RegisteredMachine } from '../machines/index.ts';
import { StoreUnavailableError } from '../stores/saga-store.ts';
import { answer } from './answer.ts';
import { bodyGuard } from './body.ts';
import type { Bulks } from './bulk/bulks.ts';
import type { CallPlaces } from './calls.ts';
import { type Check, checked } from './checks.ts';
import { ConfigError } from './config.ts';
import type { Pages } from './dashboard/dashboard-parts.ts';
import { baseOf, edge, routedPath } from './edge.ts';
import { type Clock, systemClock } from './engine/clock.ts';
import { answerProblem, invalid, Problem } from './problem.ts';
import { aboutApi, registerSecurity, withRoles } from './routes/about.ts';
import { auditRoutes } from './routes/audit.ts';
import { bulkRetryRoutes } from './routes/bulk-retry.ts';
import { bulkRoutes } from './routes/bulks.ts';
import { callRoutes } from './routes/calls.ts';
import { diagramRoutes } from './routes/diagrams.ts';
import { docsRoutes } from './routes/docs.ts';
import { eventRoutes } from './routes/events.ts';
import { type HealthRoute, healthRoutes } from './routes/health.ts';
import { heldRoutes } from './routes/held.ts';
import { historyRoutes } from './routes/history.ts';
import { inquiryRoutes } from './routes/inquiries.ts';
import { machineRoutes } from './routes/machines.ts';
import { operationRoutes } from './routes/operations.ts';
import { type OrderRoute, orderRoutes } from './routes/orders.ts';
import { outcomeRoutes } from './routes/outcomes.ts';
import { outsideEventRoutes } from './routes/outside-events.ts';
import { sagaRoutes } from './routes/sagas.ts';
import { sagaExportRoutes } from './routes/sagas-export.ts';
import { startRoutes } from './routes/starts.ts';
import { statisticsRoutes } from './routes/statistics.ts';
import { whatIfRoutes } from './routes/what-if.ts';
import { type HttpMetrics, metricsRoutes } from './telemetry/http.ts';
import { shownError } from './telemetry/shown-error.ts';

export interface AppParts extends Omit<OrderRoute, 'machine'>, HealthRoute {
  /** The order saga; `null` where it is not registered, and there are no orders. */
  readonly machine: RegisteredMachine | null;
  readonly access: Check;
  readonly calls: CallPlaces;
  readonly bulks: Bulks;
  /** The operators' dashboard; `null` where it is not shown. */
  readonly pages: Pages | null;
  readonly metrics: HttpMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What stands before each path in the eyes of clients: nothing, or such as `/saga`. */
  readonly publicPath: string;
}

/**
 * Pages, what they are made of, and exports. Not what programs ask for, which is small and often: each would cost more than it
 * saves. Streams of events are never held back by it.
 */
const COMPRESSED = /^(?:text\/(?:html|css|javascript|csv|x-ndjson)|image\/svg\+xml)\b/;

export function createApp(parts: AppParts): OpenAPIHono {
  const { engine, machine, access, bulks, pages, metrics, logger, version, publicPath } = parts;
  const app = new OpenAPIHono({
    getPath: routedPath(publicPath),
    defaultHook: (result) => {
      if (result.success) return;
      const { issues } = result.error;
      if (result.target === 'json') throw invalid(issues);
      throw new Problem(
        'invalid-query',
        issues.map(({ path, message }) => [...path, message].join(': ')).join('; '),
      );
    },
  });

  app.onError((error, c) => answerProblem(c, problemOf(error, c, logger)));
  app.notFound((c) =>
    answerProblem(c, new Problem('not-found', `${c.req.path} is no path of the coordinator`)),
  );

  app.use(metrics.middleware);
  // Outside of what completes paths in pages, which it could not read any more.
  app.use(compress({ contentTypeFilter: COMPRESSED }));
  app.use(edge(logger, () => engine.draining));
  if (pages !== null) app.use(pages.guard);
  app.use(checked(access, queryGuard, bodyGuard, writtenExactly));

  if (machine !== null) orderRoutes(app, { ...parts, machine });
  startRoutes(app, parts);
  sagaRoutes(app, engine, systemClock.monotonic);
  sagaExportRoutes(app, engine);
  outsideEventRoutes(app, engine, randomUUID);
  outcomeRoutes(app, engine);
  operationRoutes(app, engine);
  inquiryRoutes(app, engine);
  bulkRetryRoutes(app, engine);
  bulkRoutes(app, engine, bulks);
  heldRoutes(app, engine);
  auditRoutes(app, engine);
  callRoutes(app, engine, parts.calls);
  whatIfRoutes(app, engine, parts.calls);
  diagramRoutes(app, engine);
  eventRoutes(app, parts);
  machineRoutes(app, engine);
  statisticsRoutes(app, engine);
  historyRoutes(app, parts);
  healthRoutes(app, parts);
  metricsRoutes(app, metrics);
  if (pages !== null) app.route('/', pages.routes);
  registerSecurity(app);
  const about = aboutApi(version);
  // It does not change while the process lives, and is whole only when all routes are there.
  let contract: string | undefined;
  app.get('/openapi.json', (c) => {
    contract ??= JSON.stringify(withRoles(app.getOpenAPI31Document(about)));
    // Only where the paths begin depends on who asks.
    const servers = `,"servers":[{"url":${JSON.stringify(baseOf(c) || '/')}}]}`;
    return c.body(contract.slice(0, -1) + servers, 200, { 'content-type': 'application/json' });
  });
  docsRoutes(app, about, pages === null ? null : pages.framed);
  refuseOtherMethods(app);
  refuseOwnPath(app, publicPath);
  return app;
}

/** What is no UTF-8 behind its per cent signs would be sought as it is written, and an empty page look like an answer. */
const queryGuard: Check = (c) => {
  const { path, url } = c.req;
  const start = url.indexOf('?');
  if (start >= 0 && path.startsWith('/api/') && url.includes('%', start)) {
    try {
      decodeURIComponent(url.slice(start + 1));
    } catch {
      throw new Problem('invalid-query', 'what stands behind a per cent sign is no UTF-8');
    }
  }
};

/** What participants have answered goes out with its numbers as they wrote them, whichever route shows it. */
const writtenExactly: Check = (c) => {
  const json = (body: unknown, status: ContentfulStatusCode, headers: Record<string, string> = {}) =>
    answer(c, stringify(body), status, { 'content-type': 'application/json', ...headers });
  c.json = json as unknown as typeof c.json;
};

/** A known path with an unknown method is 405, and says which methods it knows. */
function refuseOtherMethods(app: OpenAPIHono): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method !== 'ALL') methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, known] of methods) {
    const allow = [...known].sort().join(', ');
    app.all(path, (c) =>
      answerProblem(c, new Problem('method-not-allowed', `${c.req.path} knows ${allow}`, {}, { allow })),
    );
  }
}

/** @throws ConfigError where a path could be read with the public one before it, and without */
function refuseOwnPath(app: OpenAPIHono, publicPath: string): void {
  const [, first = ''] = publicPath.split('/');
  if (first !== '' && app.routes.some(({ path }) => path.split('/')[1] === first)) {
    throw new ConfigError([`PUBLIC_PATH: /${first} is a path of the coordinator itself; take another`]);
  }
}

function notJson(): Problem {
  return new Problem('unsupported-media-type', 'send the body with Content-Type: application/json');
}

/** An error that nobody meant is a bug: the log has all of it, the client nothing that helps an attacker. */
function problemOf(error: Error, c: Context, logger: Logger): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailableError)
    return new Problem('store-unavailable', 'ask again in a moment');
  if (error instanceof HTTPException && error.status === 400)
    return new Problem('malformed-json', error.message);
  // What looks like application/json and cannot be read as a media type.
  if (error instanceof HTTPException && error.status === 415) return notJson();
  if (error instanceof DefinitionError) {
    logger.error({ err: shownError(error), request_id: c.get('requestId') }, 'a definition met a fault');
    return new Problem('definition-error', `what ${error.part} says failed on this; nothing was stored`);
  }
  logger.error({ err: shownError(error), request_id: c.get('requestId') }, 'a request met a fault');
  return new Problem('internal-error', 'the fault was logged');
}
