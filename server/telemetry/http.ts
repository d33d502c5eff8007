/** Metrics of the HTTP requests, and the page on which Prometheus reads all metrics. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Registry } from 'prom-client';
import { Durations } from './durations.ts';
import { labelled } from './labelled.ts';

/**
 * How an order may be answered, of what somebody watches the rate: these stand at zero from the start, so that the first
 * one shows. All routes with all statuses would be thousands of lines, nearly all of them for ever zero.
 */
const ORDERS = { method: 'POST', route: '/api/coordinator/orders' };
const ORDERS_ANSWERED = ['201', '202', '409', '500', '503'];

export interface HttpMetrics {
  readonly middleware: MiddlewareHandler;
  readonly contentType: string;
  /** All that `/metrics` shows. */
  readonly page: () => Promise<string>;
}

export function httpMetrics(registry: Registry, page = () => registry.metrics()): HttpMetrics {
  const duration = new Durations({
    name: 'http_request_duration_seconds',
    help: 'HTTP requests, by method, route and status. A waiting order counts with its wait.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  for (const status of ORDERS_ANSWERED) duration.labels({ ...ORDERS, status });
  const durationOf = labelled(duration, 'method', 'route', 'status');
  const middleware: MiddlewareHandler = async (c, next) => {
    const startedAt = performance.now();
    await next();
    // The pattern, never the path: a label for every saga would never end. What no route matched has none.
    const route =
      matchedRoutes(c).find(({ path, method }) => method !== 'ALL' || !path.endsWith('*'))?.path ?? 'none';
    durationOf(c.req.method, route, String(c.res.status)).observe((performance.now() - startedAt) / 1000);
  };
  return { middleware, contentType: registry.contentType, page };
}

export function metricsRoutes(app: OpenAPIHono, { contentType, page }: HttpMetrics): void {
  app.get('/metrics', async (c) => c.body(await page(), 200, { 'content-type': contentType }));
}
